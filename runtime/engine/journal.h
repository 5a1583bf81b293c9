// SPDX-License-Identifier: Apache-2.0
//
// The record of what was attempted: for people, for `status`, for reports. It decides nothing: a run that records
// nothing ends the same, and deleting the journal loses no work.
//
// On disk (`<state>/journal.jsonl`, 0600) one JSON object per line, appended:
//   {"record":"run","format":1,"run":3,"time":…,"command":"apply","cluster":…,"config":"sha256:…","artifact":"sha256:…",
//    "artifactName":"shop 3.4","version":"0.1.0"}
//   {"record":"begin","time":…,"host":…,"step":…,"inputs":"sha256:…"}
//   {"record":"end","time":…,"host":…,"step":…,"status":"done","ms":…}      on failure also "code" and "error"
//   {"record":"output","time":…,"host":…,"step":…,"text":…}                what a program of the site printed
//   {"record":"finish","time":…,"status":"complete"}                        else the error's code, and "error"
// Readers skip a line torn by a crash; a newer format is refused (unsupported_version).
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "payload/base/clock.h"
#include "payload/base/error.h"
#include "payload/base/fd.h"
#include "payload/hash/digest.h"
#include "runtime/engine/scheduler.h"

namespace sealift::engine {

inline constexpr uint64_t kJournalFormat = 1;

struct RunHeader {
  std::string command;        // "apply"
  std::string cluster;        // metadata.name
  Digest config;              // of cluster.yaml's bytes
  Digest artifact;            // identity of the payload
  std::string artifact_name;  // "shop 3.4"
};

// The runner's reports. Any thread; never fails towards the caller.
class Journal {
 public:
  virtual ~Journal() = default;
  // Before apply() of a step.
  virtual void begin(const std::string& host, const StepId& step, const Digest& inputs) = 0;
  // What a program printed that a step ran for the site; lines, printable and without secrets.
  virtual void output(const std::string& host, const StepId& step, std::string_view text) = 0;
  // done, skipped (no begin then), failed, interrupted
  virtual void end(const std::string& host, const StepId& step, StepStatus status, const Error* error,
                   Duration took) = 0;
  // Once, last; `error` is why the run missed its goal.
  virtual void finish(const Error* error) = 0;
};

// For runs that change nothing.
class NoJournal final : public Journal {
 public:
  void begin(const std::string&, const StepId&, const Digest&) override {}
  void output(const std::string&, const StepId&, std::string_view) override {}
  void end(const std::string&, const StepId&, StepStatus, const Error*, Duration) override {}
  void finish(const Error*) override {}
};

class FileJournal final : public Journal {
 public:
  // Appends a run to `<directory>/journal.jsonl`; the directory must exist. Holds an flock on
  // `<directory>/lock`: a second Sealift with the same state directory gets `busy`. A file over half a MiB is set aside
  // as journal.1.jsonl first.
  static Result<std::unique_ptr<FileJournal>> open(const std::string& directory, const RunHeader& header, Clock& clock);

  void begin(const std::string& host, const StepId& step, const Digest& inputs) override;
  // Of a run at most 256 KiB; the rest is left out.
  void output(const std::string& host, const StepId& step, std::string_view text) override;
  void end(const std::string& host, const StepId& step, StepStatus status, const Error* error, Duration took) override;
  void finish(const Error* error) override;

  // The first write failure, if any: the run continued without a journal.
  std::optional<Error> trouble() const;

 private:
  FileJournal(base::Fd fd, base::Fd lock, std::string path, Clock& clock)
      : fd_(std::move(fd)), lock_(std::move(lock)), path_(std::move(path)), clock_(clock) {}
  enum class Sync { no, yes };
  void append(std::string line, Sync sync);
  Result<void> write(std::string_view text);  // the error names the file and the remedy

  base::Fd fd_, lock_;
  const std::string path_;
  Clock& clock_;
  mutable std::mutex mutex_;
  std::optional<Error> trouble_;
  size_t output_left_ = size_t{256} << 10;  // bytes: the state folder stays small
};

// One run as recorded in the journal.
struct JournalRun {
  struct Step {
    std::string host, step;
    std::string status;  // "done", …; "begun" without an end: the program or the machine died in it
    std::string error;
    std::string time;      // of the last record
    uint64_t took_ms = 0;  // of the last end
  };
  uint64_t number = 0;
  std::string time, command, cluster, config, artifact, artifact_name;
  std::vector<Step> steps;
  std::string finish;  // "complete", an error's code, or empty: it never finished
  std::string finish_time;
};

struct JournalContents {
  std::vector<JournalRun> runs;
  size_t torn_lines = 0;
  std::optional<Digest> digest;  // of the file that was read
};

// Errors: unsupported_version for a newer format. An absent file is an empty journal.
Result<JournalContents> read_journal(const std::string& directory);
Result<JournalContents> parse_journal(std::string_view text);

}  // namespace sealift::engine
