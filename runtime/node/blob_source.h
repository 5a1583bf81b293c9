// SPDX-License-Identifier: Apache-2.0
//
// A place the image mirror gets manifests and blobs from: a payload on this host, or other hosts. It knows neither
// answers to clients nor the other sources. Every source passes tests/conformance/blob_source_test.cpp.
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
  Question question;  // as asked: a digest is served only under its own names
  Digest digest;
  uint64_t size = 0;  // bytes
  std::string media_type;
};

// Any thread, several at once. Errors of all sources: `timeout` and `unreachable` (retry later), `cancelled` (after
// stop()), `protocol` (nonsense from the other side), `corrupt`. Registries of others also `auth_failed`, `untrusted`.
class BlobSource {
 public:
  virtual ~BlobSource() = default;

  // The blob that the question names; nothing if this source does not have it. Waits up to about a minute while it
  // can't know yet.
  virtual Result<std::optional<BlobInfo>> stat(const Question& question) = 0;
  // Returns once read() has only disk and network to wait for; waits up to about a minute for bytes still arriving,
  // then `timeout`.
  virtual Result<void> await(const BlobInfo& blob) = 0;
  // Writes the range to `sink`, in order. Errors: invalid_input if the range exceeds the blob; the sink's own error
  // ends it. Bytes are checked: on `corrupt` of a whole blob the sink has not received the last ones. A part of a blob
  // from another host can't be checked by itself; the client that joins the parts compares the digest (containerd
  // does).
  virtual Result<void> read(const BlobInfo& blob, format::ByteRange range, base::Sink& sink) = 0;
  // Ends current and future waits and reads with `cancelled`; returns at once.
  virtual void stop() = 0;
};

// The range as numbers for this blob's size; invalid_input if it exceeds the blob.
Result<format::ByteRange> within(const BlobInfo& blob, format::ByteRange range);

}  // namespace sealift::node
