// SPDX-License-Identifier: Apache-2.0
//
// Any text is a journal: each line is a record, a record of another version, or torn. For every text: writing what was
// read gives a text that reads the same; appending never changes the runs before the last one; a line that is no record
// is counted and changes nothing else.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "payload/json/value.h"
#include "runtime/engine/journal.h"

namespace {

using sealift::engine::JournalContents;
using sealift::engine::JournalRun;
using sealift::engine::parse_journal;
namespace json = sealift::json;

void require(bool holds) {
  if (!holds) std::abort();
}

bool same(const JournalRun::Step& a, const JournalRun::Step& b) {
  return a.host == b.host && a.step == b.step && a.status == b.status && a.error == b.error && a.time == b.time &&
         a.took_ms == b.took_ms;
}

bool same(const JournalRun& a, const JournalRun& b) {
  if (a.number != b.number || a.time != b.time || a.command != b.command || a.cluster != b.cluster ||
      a.config != b.config || a.artifact != b.artifact || a.artifact_name != b.artifact_name || a.finish != b.finish ||
      a.finish_time != b.finish_time || a.steps.size() != b.steps.size()) {
    return false;
  }
  for (size_t i = 0; i < a.steps.size(); ++i) {
    if (!same(a.steps[i], b.steps[i])) return false;
  }
  return true;
}

// The records of this run, as written by FileJournal.
std::string print(const JournalRun& run) {
  json::Value header = json::Value::object();
  header.set("record", "run");
  header.set("format", sealift::engine::kJournalFormat);
  header.set("run", run.number);
  header.set("time", run.time);
  header.set("command", run.command);
  header.set("cluster", run.cluster);
  header.set("config", run.config);
  header.set("artifact", run.artifact);
  header.set("artifactName", run.artifact_name);
  std::string out = json::to_canonical(header) + "\n";
  for (const auto& step : run.steps) {
    json::Value line = json::Value::object();
    line.set("record", "end");
    line.set("time", step.time);
    line.set("host", step.host);
    line.set("step", step.step);
    line.set("status", step.status);
    line.set("error", step.error);
    line.set("ms", step.took_ms);
    out += json::to_canonical(line) + "\n";
  }
  if (run.finish.empty()) return out;
  json::Value last = json::Value::object();
  last.set("record", "finish");
  last.set("status", run.finish);
  last.set("time", run.finish_time);
  return out + json::to_canonical(last) + "\n";
}

void check_printed(const JournalContents& read) {
  std::string text;
  for (const auto& run : read.runs) text += print(run);
  const auto again = parse_journal(text);
  require(again.has_value() && again->torn_lines == 0 && again->runs.size() == read.runs.size());
  for (size_t i = 0; i < read.runs.size(); ++i) require(same(again->runs[i], read.runs[i]));
}

// A journal is append-only: a new line must not change how the earlier ones are read.
void check_beginning(std::string_view text, const JournalContents& whole) {
  const size_t end = text.rfind('\n', text.size() / 2);
  if (end == std::string_view::npos) return;
  const auto beginning = parse_journal(text.substr(0, end + 1));
  require(beginning.has_value() && beginning->runs.size() <= whole.runs.size() &&
          beginning->torn_lines <= whole.torn_lines);
  for (size_t i = 0; i + 1 < beginning->runs.size(); ++i) require(same(beginning->runs[i], whole.runs[i]));
}

void check_torn(std::string_view text, const JournalContents& whole) {
  const auto longer = parse_journal(std::string(text) + "\n{\"record\":\"end\",\"ho");
  require(longer.has_value() && longer->torn_lines == whole.torn_lines + 1 && longer->runs.size() == whole.runs.size());
  for (size_t i = 0; i < whole.runs.size(); ++i) require(same(longer->runs[i], whole.runs[i]));
  // Records before the first run belong to none.
  const auto headless = parse_journal("{\"record\":\"finish\",\"status\":\"complete\"}\n" + std::string(text));
  require(headless.has_value() && headless->torn_lines == whole.torn_lines + 1 &&
          headless->runs.size() == whole.runs.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto read = parse_journal(text);
  if (!read) {
    require(read.error().code == sealift::ErrorCode::unsupported_version);
    return 0;
  }
  check_printed(*read);
  check_beginning(text, *read);
  check_torn(text, *read);
  return 0;
}
