// SPDX-License-Identifier: Apache-2.0
//
// What a PayloadWriter holds between its calls; internal to payload/writer.
#pragma once

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
  FrameWorkers workers;  // after the spool, which it uses to its end
  std::vector<const format::PayloadReader*> bases;
  StoredObjects objects;
  bool added = false;
};

}  // namespace sealift::writer
