// SPDX-License-Identifier: Apache-2.0
//
// State of a PayloadWriter and a PlacedPayload; internal to payload/writer.
#pragma once

#include <mutex>
#include <set>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "payload/base/progress.h"
#include "payload/writer/output_file.h"
#include "payload/writer/partial.h"
#include "payload/writer/plan.h"
#include "payload/writer/target.h"
#include "payload/writer/writer.h"

namespace sealift::writer {

struct PayloadWriter::State {
  State(std::string output_path, Options writer_options, unsigned thread_count, OutputFile file)
      : output(std::move(output_path)),
        options(std::move(writer_options)),
        threads(thread_count),
        output_file(std::move(file)) {}

  std::string output;
  Options options;
  unsigned threads;
  OutputFile output_file;
  std::mutex mutex;  // of the fields below, until place()
  std::vector<const format::PayloadReader*> bases;
  std::set<const format::PayloadReader*> verified_bases;
  StoredObjects objects;
  uint64_t kept = 0;  // bytes of all objects that are kept
  bool added = false;
};

struct PlacedPayload::State {
  std::unique_ptr<PayloadWriter::State> writer;
  format::Contents contents;
  std::optional<Architecture> launch;
  Layout layout;
  format::Index index;  // of the layout, without the hashes that are still unknown
  OutputFile output;
  std::unique_ptr<Partial> partial;  // after the output: lets go of its names while the output still holds the lock
  std::mutex mutex;
  std::set<Digest> missing;  // raw and not filled; under the mutex

  Target target() const { return {output.fd(), launch ? format::kPayloadOffset : 0}; }
  template <class With>
  auto filling(const Digest& digest, const With& with)
      -> std::invoke_result_t<With, const format::ObjectRef&, std::span<PlacedFrame>>;
};

using base::Progress;

}  // namespace sealift::writer
