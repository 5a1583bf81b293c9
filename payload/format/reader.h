// SPDX-License-Identifier: Apache-2.0
//
// Opens and reads payloads: the reader of FORMAT.md. Trusts nothing before checking its hash. Knows nothing of hosts,
// images or how a payload was made.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "payload/base/cancel.h"
#include "payload/base/file.h"
#include "payload/base/stream.h"
#include "payload/format/contents.h"
#include "payload/format/layout.h"
#include "payload/hash/digest.h"

namespace sealift::format {

struct ObjectInfo {
  Digest digest;
  uint64_t size = 0;
  // Payload offset of the object's bytes, if it is stored as one raw piece: for sendfile.
  std::optional<base::FileOffset> raw_offset;
};

struct Damage {
  std::string where;  // section or object
  base::FileOffset offset = 0;
  Error error;
};

struct VerifyProgress {
  uint64_t done = 0, total = 0;  // stored bytes
};

class Index;

class PayloadReader {
 public:
  // `file` is an artifact (stub first) or a bare payload; the trailer shows which. It must outlive the reader. Errors:
  // not_a_payload, unsupported_version, truncated, corrupt, limit_exceeded.
  static Result<std::unique_ptr<PayloadReader>> open(const base::RandomAccessFile& file);
  ~PayloadReader();

  const Contents& contents() const;
  // Hash of the metadata (contents + index + …): the artifact's identity, used in the names of payload
  // files and agents.
  const Digest& identity() const;
  std::string artifact_name() const;           // "shop 3.4"; without a name, the identity's first digits
  uint64_t payload_size() const;               // without the stub
  base::FileOffset payload_offset() const;     // in the file: 0 or kPayloadOffset
  const base::RandomAccessFile& file() const;  // as passed to open()

  const Index& index() const;  // where everything lies; the writer needs it for bases

  std::optional<ObjectInfo> find(const Digest& digest) const;
  std::vector<ObjectInfo> objects() const;  // by digest

  // Streams the range's bytes. Each stored frame's hash is checked before decoding; a whole object's digest is checked
  // at the end (bad bytes have then reached the sink: check the result). Errors: not_found, corrupt (with object and
  // offset), truncated, the sink's errors. Any thread.
  Result<void> read(const Digest& digest, ByteRange range, base::Sink& sink) const;
  Result<Bytes> read_all(const Digest& digest, size_t limit) const;
  // A file of the tree.
  Result<Bytes> read_tree(const std::string& path, size_t limit) const;

  // Checks every stored byte, with `threads` threads (1 MiB of memory each), and the head of an artifact against its
  // stub object. An empty list means an intact file; damage is listed by offset. The only error is `cancelled`:
  // unreadable bytes are damage. `progress` may be called from any of the threads, but never concurrently. Frames, by
  // number, that `is_known` is true for are left out: the caller has read them.
  Result<std::vector<Damage>> verify(unsigned threads, const std::function<void(VerifyProgress)>& progress,
                                     const CancelToken& cancel, const std::function<bool(size_t)>& is_known = {}) const;
  // Deeper and slower: decodes these objects completely and compares their digests. The writer does this with its own
  // output; after a clean verify() it can only find bugs in the program that wrote the payload.
  Result<std::vector<Damage>> verify_objects(std::span<const Digest> objects, unsigned threads,
                                             const CancelToken& cancel) const;

  // --- moving a payload to another host frame by frame ---
  // The frames that hold these objects, in the order of the objects, each once.
  Result<std::vector<Frame>> frames_of(std::span<const Digest> objects) const;
  std::vector<Frame> all_frames() const;  // by offset
  // Everything that is not a frame (sections, metadata, trailer), as ranges by offset: a bare payload is these
  // plus all frames.
  std::vector<ByteRange> skeleton() const;

 private:
  struct State;
  explicit PayloadReader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace sealift::format
