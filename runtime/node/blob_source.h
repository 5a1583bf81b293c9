// SPDX-License-Identifier: Apache-2.0
//
// A place that the image mirror takes manifests and blobs from: a payload on this host, other hosts. It knows nothing
// of answers to clients, nor of the other sources. tests/conformance/blob_source_test.cpp holds for each of them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "payload/base/stream.h"
#include "payload/format/reader.h"
#include "payload/hash/digest.h"
#include "runtime/node/question.h"

namespace sealift::node {

struct BlobInfo {
  Question question;  // as it was asked: a digest is served under its own names only
  Digest digest;
  uint64_t size = 0;  // bytes
  std::string media_type;
};

// Any thread, several at once. The errors of all: `timeout` and `unreachable` (ask again later), `cancelled` (after
// stop()), `protocol` (the other side answers nonsense), `corrupt`.
class BlobSource {
 public:
  virtual ~BlobSource() = default;

  // What the question names; nothing if this source does not have it. Waits while it can't know yet, a minute or so.
  virtual Result<std::optional<BlobInfo>> stat(const Question& question) = 0;
  // Returns when read() has to wait for nothing but disk and network; what is still on its way here is waited for, a
  // minute or so, then it is `timeout`.
  virtual Result<void> await(const BlobInfo& blob) = 0;
  // Writes the range to `sink`, in order. invalid_input: a range that leaves the blob; the sink's own error ends it.
  // Bytes are checked: on `corrupt` of a whole blob the sink has not got its last ones. A part of a blob from another
  // host can't be checked by itself; whoever puts the parts together compares the digest (containerd does).
  virtual Result<void> read(const BlobInfo& blob, format::ByteRange range, base::Sink& sink) = 0;
  // Ends what waits or reads, and everything asked later, with `cancelled`; does not wait for it.
  virtual void stop() = 0;
};

// The range with its size in numbers; invalid_input if it leaves the blob.
Result<format::ByteRange> within(const BlobInfo& blob, format::ByteRange range);

}  // namespace sealift::node
