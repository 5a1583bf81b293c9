// SPDX-License-Identifier: Apache-2.0
//
// A payload that comes from elsewhere, its metadata first, then its frames in runs, in any order. Each frame is
// compared with the hash that the metadata has for it when it comes, so the file is as good as the metadata's own hash.
// An interrupted one goes on where it was.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "payload/base/cancel.h"
#include "payload/format/index.h"
#include "payload/format/reader.h"
#include "payload/writer/output_file.h"
#include "payload/writer/partial.h"

namespace sealift::writer {

// Frames that follow each other without a gap, under a name.
struct Run {
  Digest digest;
  uint64_t size = 0;  // stored bytes
  bool operator==(const Run&) const = default;
};

class ReceivedPayload {
 public:
  // `runs`: all frames, in the order of the file; no digest twice. With `launch` it becomes an artifact with that
  // program at its head, which its own objects have. The output appears at finish(). Errors: corrupt if the runs do not
  // fit the metadata; unsupported_version if it has parts besides frames and metadata; those of PayloadReader::open and
  // of Partial.
  static Result<std::unique_ptr<ReceivedPayload>> create(const std::string& output, ByteView metadata,
                                                         base::FileOffset metadata_offset,
                                                         std::optional<Architecture> launch, std::vector<Run> runs,
                                                         std::unique_ptr<Partial> partial);
  ~ReceivedPayload();

  // Contents, index and, where they have come, objects.
  const format::PayloadReader& reader() const { return *reader_; }

  // An artifact that is here and may have some of the frames; it must outlive this. Before the first run comes.
  void offer(const format::PayloadReader& other);
  // Copies a run whose frames lie one behind the other in what was offered. False if they don't, or are damaged. Any
  // thread, each run once.
  Result<bool> take_over(size_t run, const CancelToken& cancel);
  // Goes on with what has come of a run: `give` gets the number of bytes that are there and writes those that follow.
  // Returns that number. `corrupt` if a frame is not what the metadata says; what came before it is kept. Any thread,
  // each run once.
  Result<uint64_t> resume(size_t run, const std::function<Result<void>(base::Sink&, uint64_t begin)>& give,
                          const CancelToken& cancel);
  // Writes the head and gives the file its name. `internal` if a run has not come.
  Result<void> finish();

 private:
  class RunSink;
  struct Place {
    Run run;
    format::FrameRun frames;  // numbers
    bool has_come = false;
  };
  struct Elsewhere {
    const format::PayloadReader* payload = nullptr;
    size_t frame = 0;  // number
  };
  ReceivedPayload(OutputFile output, std::unique_ptr<Partial> partial, std::optional<Architecture> launch,
                  uint64_t payload_offset)
      : output_(std::move(output)), partial_(std::move(partial)), launch_(launch), payload_offset_(payload_offset) {}
  void came(size_t run);
  Result<void> look_at(RunSink& sink, const Place& place, uint64_t size) const;

  OutputFile output_;
  std::unique_ptr<Partial> partial_;  // after the output: lets go of its names while the output still holds the lock
  std::optional<Architecture> launch_;
  uint64_t payload_offset_ = 0;
  std::unique_ptr<base::OpenFile> file_;
  std::unique_ptr<format::PayloadReader> reader_;
  std::map<Digest, Elsewhere> elsewhere_;
  std::mutex mutex_;  // of Place::has_come
  std::vector<Place> places_;
};

}  // namespace sealift::writer
