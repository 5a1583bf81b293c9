// SPDX-License-Identifier: Apache-2.0
#include "runtime/engine/journal.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <map>

#include "payload/base/file.h"
#include "payload/base/format.h"
#include "payload/base/text.h"
#include "payload/base/version.h"
#include "payload/json/value.h"

namespace sealift::engine {
namespace {

constexpr off_t kRotateAt = 512 << 10;        // two files of this size stay within the 1 MiB promised for state
constexpr size_t kLargestJournal = 64 << 20;  // largest file a reader accepts
constexpr size_t kLongestError = 2000;        // bytes of an error's text

std::string error_text(const Error& error) { return base::printable(error.text(), kLongestError); }

uint64_t last_run(const JournalContents& journal) { return journal.runs.empty() ? 0 : journal.runs.back().number; }

class Reading {
 public:
  Result<void> take(const json::Value& line) {
    const std::string record = line.text_or("record", "");
    if (record == "run") return take_run(line);
    if (out_.runs.empty()) {  // the file begins in the middle of a run: not ours, or torn at the front
      ++out_.torn_lines;
      return {};
    }
    JournalRun& run = out_.runs.back();
    if (record == "begin" || record == "end") {
      std::string host = line.text_or("host", "");
      std::string step = line.text_or("step", "");
      auto [slot, added] = where_.try_emplace({host, step}, run.steps.size());
      if (added) run.steps.push_back({.host = host, .step = step, .status = {}, .error = {}, .time = {}});
      JournalRun::Step& entry = run.steps[slot->second];
      entry.status = record == "begin" ? "begun" : line.text_or("status", "");
      entry.error = line.text_or("error", "");
      entry.time = line.text_or("time", "");
      entry.took_ms = line.natural_or("ms", 0);
    } else if (record == "finish") {
      run.finish = line.text_or("status", "");
      run.finish_time = line.text_or("time", "");
    }
    return {};  // other records: from a newer minor version, ignored here
  }
  JournalContents take_result() { return std::move(out_); }
  void torn() { ++out_.torn_lines; }

 private:
  Result<void> take_run(const json::Value& line) {
    uint64_t format = line.natural_or("format", 0);
    if (format != kJournalFormat) {
      return fail(
          ErrorCode::unsupported_version,
          "the journal was written by another version of Sealift (format {}, this one knows {}); use that version or another --state folder",
          format, kJournalFormat);
    }
    JournalRun& run = out_.runs.emplace_back();
    where_.clear();
    run.number = line.natural_or("run", 0);
    run.time = line.text_or("time", "");
    run.command = line.text_or("command", "");
    run.cluster = line.text_or("cluster", "");
    run.config = line.text_or("config", "");
    run.artifact = line.text_or("artifact", "");
    run.artifact_name = line.text_or("artifactName", "");
    return {};
  }
  JournalContents out_;
  std::map<std::pair<std::string, std::string>, size_t> where_;
};

}  // namespace

Result<JournalContents> parse_journal(std::string_view text) {
  Reading reading;
  for (std::string_view line : base::split(text, '\n')) {
    if (line.empty()) continue;
    auto value = json::parse(line, {.bytes = size_t{1} << 20, .depth = 8});
    if (!value || !value->is_object()) {
      reading.torn();
      continue;
    }
    SEALIFT_TRY(reading.take(*value));
  }
  return reading.take_result();
}

Result<JournalContents> read_journal(const std::string& directory) {
  const std::string path = directory + "/journal.jsonl";
  auto text = base::read_text_file(path, kLargestJournal);
  if (!text && text.error().code == ErrorCode::not_found) return JournalContents{};
  if (!text) return std::unexpected(std::move(text).error());
  auto out = parse_journal(*text);
  if (!out) return fail_while(std::move(out).error(), "reading " + path);
  out->digest = hash::sha256(base::as_bytes(*text));
  return out;
}

Result<std::unique_ptr<FileJournal>> FileJournal::open(const std::string& directory, const RunHeader& header,
                                                       Clock& clock) {
  const std::string path = directory + "/journal.jsonl";
  // The lock has its own file: the journal is renamed when it is set aside.
  SEALIFT_ASSIGN(base::Fd lock, base::open_file(directory + "/lock", O_RDWR | O_CREAT | O_NOFOLLOW, 0600));
  if (flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) {
      return fail(ErrorCode::busy,
                  "another Sealift works on this cluster from this machine ({} is locked); wait for its end",
                  directory);
    }
    return fail_errno(errno, base::format("lock {}/lock", directory));
  }
  SEALIFT_ASSIGN(JournalContents before, read_journal(directory));
  SEALIFT_ASSIGN(base::Fd fd, base::open_file(path, O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW, 0600));
  struct stat status{};
  if (fstat(fd.get(), &status) != 0) return fail_errno(errno, "look at " + path);
  if (status.st_size > kRotateAt) {
    if (rename(path.c_str(), (directory + "/journal.1.jsonl").c_str()) != 0) return fail_errno(errno, "rename " + path);
    SEALIFT_ASSIGN(fd, base::open_file(path, O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW, 0600));
    status.st_size = 0;
  }
  std::unique_ptr<FileJournal> out(new FileJournal(std::move(fd), std::move(lock), path, clock));
  if (status.st_size > 0) {  // a line torn by a crash must not swallow ours
    char last = '\n';
    if (pread(out->fd_.get(), &last, 1, status.st_size - 1) == 1 && last != '\n') SEALIFT_TRY(out->write("\n"));
  }
  json::Value line = json::Value::object();
  line.set("record", "run");
  line.set("format", kJournalFormat);
  line.set("run", last_run(before) + 1);
  line.set("time", base::to_iso8601(clock.now()));
  line.set("command", header.command);
  line.set("cluster", header.cluster);
  line.set("config", header.config.text());
  line.set("artifact", header.artifact.text());
  line.set("artifactName", header.artifact_name);
  line.set("version", base::kVersion);
  out->append(json::to_canonical(line), Sync::yes);
  if (out->trouble_) return fail(*out->trouble_);
  return out;
}

Result<void> FileJournal::write(std::string_view text) {
  auto written = base::write_all(fd_.get(), base::as_bytes(text));
  if (written) return {};
  return fail(written.error().code, "the journal {}: {}; make room there or name another folder with --state DIR",
              path_, written.error().text());
}

// Not every record is synced: a power cut of the launch machine may lose the last seconds of the journal, never work.
void FileJournal::append(std::string line, Sync sync) {
  line += '\n';
  std::lock_guard guard(mutex_);
  if (trouble_) return;
  auto written = write(line);
  if (written && sync == Sync::yes && fdatasync(fd_.get()) != 0 && errno != EINVAL)
    written = fail_errno(errno, "sync " + path_);
  if (!written) trouble_ = std::move(written).error();
}

void FileJournal::begin(const std::string& host, const StepId& step, const Digest& inputs) {
  json::Value line = json::Value::object();
  line.set("record", "begin");
  line.set("time", base::to_iso8601(clock_.now()));
  line.set("host", host);
  line.set("step", step);
  line.set("inputs", inputs.text());
  append(json::to_canonical(line), Sync::no);
}

void FileJournal::output(const std::string& host, const StepId& step, std::string_view text) {
  {
    const std::lock_guard guard(mutex_);
    if (text.size() > output_left_) return;
    output_left_ -= text.size();
  }
  json::Value line = json::Value::object();
  line.set("record", "output");
  line.set("time", base::to_iso8601(clock_.now()));
  line.set("host", host);
  line.set("step", step);
  line.set("text", text);
  append(json::to_canonical(line), Sync::no);
}

void FileJournal::end(const std::string& host, const StepId& step, StepStatus status, const Error* error,
                      Duration took) {
  json::Value line = json::Value::object();
  line.set("record", "end");
  line.set("time", base::to_iso8601(clock_.now()));
  line.set("host", host);
  line.set("step", step);
  line.set("status", name(status));
  line.set("ms", static_cast<uint64_t>(std::max<int64_t>(0, took.count())));
  if (error != nullptr) {
    line.set("code", base::name(error->code));
    line.set("error", error_text(*error));
  }
  append(json::to_canonical(line), error != nullptr ? Sync::yes : Sync::no);
}

void FileJournal::finish(const Error* error) {
  json::Value line = json::Value::object();
  line.set("record", "finish");
  line.set("time", base::to_iso8601(clock_.now()));
  line.set("status", error == nullptr ? std::string_view("complete") : base::name(error->code));
  if (error != nullptr) line.set("error", error_text(*error));
  append(json::to_canonical(line), Sync::yes);
}

std::optional<Error> FileJournal::trouble() const {
  std::lock_guard guard(mutex_);
  return trouble_;
}

}  // namespace sealift::engine
