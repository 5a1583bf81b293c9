// SPDX-License-Identifier: Apache-2.0
//
// Writes payloads and artifacts, in three steps: what is to be stored is handed over (PayloadWriter), everything gets
// its place in the file (place), what was only announced comes and is written there (PlacedPayload). Distrusts itself:
// the file is re-read before it gets its name. Deterministic for one version: the same objects and contents give the
// same bytes whatever the number of threads and the order of the calls (FORMAT.md, section 11).
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

namespace sealift::writer {

enum class Storage {
  automatic,  // raw if the bytes are compressed already (gzip, zstd, xz magic) or do not shrink, else zstd
  raw,        // served in place
};

struct Options {
  int zstd_level = 9;               // 1 to 19: higher ones would break the promise on memory
  unsigned threads = 2;             // more than 16 count as 16, for the same reason: about 100 MiB each
  std::string temporary_directory;  // of the spool file; default: the folder of the output
  CancelToken cancel;
};

struct Summary {
  Digest identity;
  uint64_t file_size = 0;
  uint64_t objects = 0, frames = 0;
  uint64_t base_frames = 0;  // taken over unchanged from bases
  uint64_t plain_bytes = 0, stored_bytes = 0;
};

// A payload in which every object has its place. Abandoned, it leaves nothing.
class PlacedPayload {
 public:
  ~PlacedPayload();

  // Writes the bytes of an object that was reserved: `give` writes all of them, in order, into the sink. `corrupt` if
  // they are not what the digest and the size say. Each object once; any thread, several objects at a time.
  Result<void> fill(const Digest& digest, const std::function<Result<void>(base::Sink&)>& give);
  // The bytes of an object that lies raw in the file, and is filled if it was reserved; null for all others. Must not
  // outlive the payload.
  std::unique_ptr<base::Source> stored(const Digest& digest) const;

  // Writes contents, index, trailer; re-reads and verifies, then renames. `layers`: what was found while filling, joins
  // that of the contents. Once. Progress has step "verify", in bytes. Not filled is `internal`.
  Result<Summary> finish(const std::map<Digest, format::LayerInfo>& layers, base::EventSink& events);

 private:
  friend class PayloadWriter;
  struct State;
  explicit PlacedPayload(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

class PayloadWriter {
 public:
  // `output`: the final path; the file appears there only at finish(). An abandoned writer leaves nothing.
  static Result<std::unique_ptr<PayloadWriter>> create(const std::string& output, const Options& options);
  ~PayloadWriter();

  // Takes over every object of a base, frames byte for byte. Call before add() and reserve(). The reader must live
  // until finish().
  Result<void> add_base(const format::PayloadReader& base);
  bool has(const Digest& digest) const;
  // Reads the source to its end. With `expected`, other bytes are `corrupt`. Objects that are there already are read
  // (to learn their digest) but stored once. One thread calls; compression runs on its own threads. What is stored
  // waits in a spool beside the output: its place depends on what the others shrink to.
  Result<format::ObjectRef> add(base::Source& source, Storage storage, std::optional<Digest> expected = {});
  // An object whose digest and size are known and whose bytes come later: it is stored raw and written once, where it
  // belongs. False if the payload has it already in a form that is served in place, or from a base: then no bytes are
  // wanted.
  bool reserve(const format::ObjectRef& object);

  // Gives everything its place and writes what is here already. What contents names must have been added or reserved
  // (else not_found; nothing is written then). Empty fields are filled in: created_by, bases (from add_base) and
  // compressors. With a stub of `launch` architecture in contents the result is an artifact (padded to kPayloadOffset,
  // mode 0755), else a bare payload (0644). Once it succeeded, this object is done. Progress has step "write", in
  // bytes.
  Result<std::unique_ptr<PlacedPayload>> place(format::Contents contents, std::optional<Architecture> launch,
                                               base::EventSink& events);
  // place() and finish() in one, for payloads of which nothing was reserved.
  Result<Summary> finish(format::Contents contents, std::optional<Architecture> launch, base::EventSink& events);

 private:
  friend class PlacedPayload;
  struct State;
  explicit PayloadWriter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace sealift::writer
