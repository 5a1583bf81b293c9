// SPDX-License-Identifier: Apache-2.0
//
// Writes payloads and artifacts. Distrusts itself: finish() re-reads what was written before the file gets its name.
// Deterministic for one version: the same objects and contents give the same bytes whatever the number of threads.
#pragma once

#include <cstdint>
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
  raw,        // layers and other blobs that are served in place
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

class PayloadWriter {
 public:
  // `output`: the final path; the file appears there only at finish(). An abandoned writer leaves nothing.
  static Result<std::unique_ptr<PayloadWriter>> create(const std::string& output, const Options& options);
  ~PayloadWriter();

  // Takes over every object of a base, frames byte for byte. Call before add(). The reader must live until finish().
  Result<void> add_base(const format::PayloadReader& base);
  bool has(const Digest& digest) const;
  // Reads the source to its end. With `expected`, other bytes are digest-mismatch: `corrupt`. Objects that are there
  // already are read (to learn their digest) but stored once. One thread calls; compression runs on its own threads.
  // Where an object lies in the file does not depend on the order of the calls (FORMAT.md, section 11).
  Result<format::ObjectRef> add(base::Source& source, Storage storage, std::optional<Digest> expected = {});

  // What contents names must have been added (else not_found). Empty fields are filled in: created_by, bases (from
  // add_base) and compressors.
  // Writes contents, index, trailer; with a stub of `launch` architecture in contents the result is an artifact
  // (padded to kPayloadOffset, mode 0755), else a bare payload (0644). Re-reads and verifies, then renames. Once: the
  // spool is given back while it is copied. Progress events have step "write" and "verify", in bytes.
  Result<Summary> finish(format::Contents contents, std::optional<Architecture> launch, base::EventSink& events);

 private:
  struct State;
  explicit PayloadWriter(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace sealift::writer
