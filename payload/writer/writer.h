// SPDX-License-Identifier: Apache-2.0
//
// Writes payloads and artifacts in three steps: objects are added (PayloadWriter), everything gets its place in the
// file (place), announced objects arrive and are written there (PlacedPayload). Distrusts itself: the file is re-read
// before it gets its name. Deterministic for one version: the same objects and contents give the same bytes, whatever
// the number of threads and the order of the calls (FORMAT.md, section 11).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "payload/base/cancel.h"
#include "payload/base/event.h"
#include "payload/base/stream.h"
#include "payload/format/contents.h"
#include "payload/format/reader.h"
#include "payload/writer/partial.h"

namespace sealift::writer {

enum class Storage {
  automatic,  // raw if the bytes are already compressed (gzip, zstd, xz, bzip2, zip magic) or do not shrink, else zstd
  raw,        // served in place
};

struct Options {
  int zstd_level = 9;    // 1 to 19; higher levels would exceed the memory limit
  unsigned threads = 2;  // more than 16 count as 16, for the same reason: about 100 MiB each
  CancelToken cancel;
};

// Where an object's bytes are. They are read for their digest and, unless they are few, again when they are written.
struct Origin {
  std::string name;                                             // for errors
  std::function<Result<std::unique_ptr<base::Source>>()> open;  // from the beginning; any thread
};

struct Summary {
  Digest identity;
  uint64_t file_size = 0;
  uint64_t objects = 0, frames = 0;
  uint64_t base_frames = 0;  // copied unchanged from bases
  uint64_t plain_bytes = 0, stored_bytes = 0;
};

// A payload in which every object has its place. If abandoned, it leaves nothing behind but what a Partial keeps.
class PlacedPayload {
 public:
  ~PlacedPayload();

  // Writes the bytes of a reserved object: `give` writes all of them, in order, into the sink. `corrupt` if digest or
  // size do not match. Each object once; any thread, several objects at a time.
  Result<void> fill(const Digest& digest, const std::function<Result<void>(base::Sink&)>& give);
  // The same for an object that is dear to come by: goes on with what an interrupted build has left of it (`give` gets
  // the number of bytes that are there, and writes those that follow), and what comes is kept for the next build if
  // this one is abandoned. If the digest of both together is wrong, `give` is asked once more for all bytes. Returns
  // how many were there.
  Result<uint64_t> resume(const Digest& digest, const std::function<Result<void>(base::Sink&, uint64_t begin)>& give);
  // The same for an object that another payload has: its bytes are copied within the kernel, shared where the file
  // system can, and then read once. False if the other one does not have it, or not raw.
  Result<bool> take_over(const Digest& digest, const format::PayloadReader& other);
  // How many bytes of it are there, not yet compared with its digest.
  uint64_t found(const Digest& digest) const;
  // The bytes of an object that is stored raw (if it was reserved, call fill() first); null for all others. Must not
  // outlive the payload.
  std::unique_ptr<base::Source> stored(const Digest& digest) const;

  // Writes contents, index and trailer, re-reads and verifies the file, then renames it. `layers`: measured while
  // filling; merged with those of the contents. Call it once. Progress has step "verify", in bytes. `internal` if a
  // reserved object is not filled.
  Result<Summary> finish(const std::map<Digest, format::LayerInfo>& layers, base::EventSink& events);

 private:
  friend class PayloadWriter;
  struct State;
  explicit PlacedPayload(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

class PayloadWriter {
 public:
  // `output`: the final path; the file appears there only at finish(). An abandoned writer leaves nothing behind.
  static Result<std::unique_ptr<PayloadWriter>> create(const std::string& output, const Options& options);
  ~PayloadWriter();

  // Takes over the objects of a base that `keep` is true for (none given: all), frames byte for byte. Call it before
  // add() and reserve(), once for each base. The reader must live until finish(). Of one that was verified a while ago,
  // what shares the file system's extents with it is not read again.
  enum class Base { not_verified, was_verified };
  Result<void> add_base(const format::PayloadReader& base, const std::function<bool(const Digest&)>& keep = {},
                        Base state = Base::not_verified);
  // Reads the bytes to their end; they are written by place(). Any thread, several objects at a time.
  Result<format::ObjectRef> add(Origin origin, Storage storage);
  // Announces an object whose digest and size are known and whose bytes come later: it is stored raw and written once,
  // in its place. False if the payload already has it in a form that is served in place, or from a base: then its bytes
  // are not wanted.
  bool reserve(const format::ObjectRef& object);

  // Writes all but the reserved objects, each byte once: what is compressed gets its place one after the other, then
  // all others. Everything named in contents must have been added or reserved (otherwise not_found, and nothing is
  // written); an object whose bytes have changed since add() is `corrupt`. Empty fields are filled in: created_by,
  // bases (from add_base) and compressors. With `launch` the result is an artifact (padded to kPayloadOffset, mode
  // 0755), and contents must hold a stub for that architecture (otherwise not_found); without it, a bare payload
  // (0644). Once something was written, this writer must not be used again. Progress has step "write", in plain bytes.
  // With `partial`, what an interrupted build has left of reserved objects is in its place afterwards, and what this
  // one resume()s is left if it is abandoned.
  Result<std::unique_ptr<PlacedPayload>> place(format::Contents contents, std::optional<Architecture> launch,
                                               base::EventSink& events, std::unique_ptr<Partial> partial = nullptr);
  // place() and finish() in one, for payloads without reserved objects.
  Result<Summary> finish(format::Contents contents, std::optional<Architecture> launch, base::EventSink& events);

 private:
  friend class PlacedPayload;
  struct State;
  explicit PayloadWriter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace sealift::writer
