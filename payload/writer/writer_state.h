// SPDX-License-Identifier: Apache-2.0
//
// State of a PayloadWriter and a PlacedPayload; internal to payload/writer.
#pragma once

#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "payload/writer/frame_workers.h"
#include "payload/writer/output_file.h"
#include "payload/writer/plan.h"
#include "payload/writer/spool.h"
#include "payload/writer/writer.h"

namespace sealift::writer {

struct PayloadWriter::State {
  State(std::string output_path, Options writer_options, unsigned thread_count, Spool spool_file)
      : output(std::move(output_path)),
        options(std::move(writer_options)),
        threads(thread_count),
        spool(std::move(spool_file)),
        workers(spool, thread_count, options.zstd_level) {}

  std::string output;
  Options options;
  unsigned threads;
  Spool spool;
  FrameWorkers workers;  // after the spool, which it uses until destroyed
  std::mutex mutex;      // of the fields below, until place()
  std::vector<const format::PayloadReader*> bases;
  StoredObjects objects;
  bool added = false;
};

// A payload being written into a file at an offset.
struct Target {
  int fd = -1;
  uint64_t payload_offset = 0;

  Result<void> put(uint64_t offset, ByteView data) const {
    auto done = base::pwrite_all(fd, payload_offset + offset, data);
    if (!done) return fail_while(std::move(done).error(), "writing the payload");
    return {};
  }
};

struct PlacedPayload::State {
  std::unique_ptr<PayloadWriter::State> writer;
  format::Contents contents;
  std::optional<Architecture> launch;
  Layout layout;
  format::Index index;  // of the layout, without the hashes that are still unknown
  OutputFile output;
  std::mutex mutex;
  std::set<Digest> missing;  // reserved and not filled; under the mutex

  Target target() const { return {output.fd(), launch ? format::kPayloadOffset : 0}; }
};

class Progress {
 public:
  Progress(base::EventSink& events, std::string step, uint64_t total)
      : events_(events), step_(std::move(step)), total_(total) {}
  void at(uint64_t done) {
    if (done != total_ && done - told_ < std::max<uint64_t>(total_ / 200, 1)) return;
    told_ = done;
    events_.on({base::EventKind::progress, base::Level::info, {}, step_, {}, done, total_, base::system_clock().now()});
  }

 private:
  base::EventSink& events_;
  std::string step_;
  uint64_t total_;
  uint64_t told_ = 0;
};

}  // namespace sealift::writer
