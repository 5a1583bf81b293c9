// SPDX-License-Identifier: Apache-2.0
#include "runtime/report/check_report.h"

#include <algorithm>
#include <array>
#include <map>

#include "payload/base/count.h"
#include "payload/base/format.h"
#include "payload/base/printable.h"
#include "payload/json/value.h"

namespace sealift::report {
namespace {

using inspection::Observation;
using inspection::Verdict;

std::string_view mark(Verdict verdict) {
  switch (verdict) {
    case Verdict::fail: return "!";
    case Verdict::warn: return "~";
    default: return " ";
  }
}

size_t count(const Observations& found, Verdict verdict) {
  return static_cast<size_t>(std::ranges::count(found, verdict, &Observation::verdict));
}

std::string_view theme_of(std::string_view id) { return id.substr(0, id.find('.')); }

std::string line(const Observation& one) {
  return base::format("{} {}  {}: {}", mark(one.verdict), one.id, one.subject, one.evidence);
}

// XML 1.0: no control characters but tab and line feed, and nothing that is no UTF-8.
std::string xml(std::string_view text) {
  std::string out;
  for (const char c : base::printable_lines(text)) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      default: out += c;
    }
  }
  return out;
}

bool is_waived(const Observation& one, const Waivers& waivers) {
  return one.verdict != Verdict::ok && waiver_of(one, waivers) != waivers.end();
}

std::string test_case(const Observation& one, const Waivers& waivers) {
  const std::string head =
      base::format("    <testcase classname=\"{}\" name=\"{}\"", xml(one.id), xml(one.subject + " " + one.id));
  if (is_waived(one, waivers))
    return base::format("{}>\n      <skipped message=\"waived: {}; {}\"/>\n    </testcase>\n", head,
                        xml(waiver_of(one, waivers)->second), xml(one.evidence));
  if (one.verdict == Verdict::fail)
    return base::format("{}>\n      <failure message=\"{}\">{}</failure>\n    </testcase>\n", head, xml(one.evidence),
                        xml(one.remedy));
  const std::string said =
      one.verdict == Verdict::warn ? base::format("warning: {}; {}", one.evidence, one.remedy) : one.evidence;
  return base::format("{}>\n      <system-out>{}</system-out>\n    </testcase>\n", head, xml(said));
}

// What stands for one thing from call to call; of several about the same, the worst.
std::map<std::pair<std::string, std::string>, const Observation*> by_subject(const Observations& found) {
  std::map<std::pair<std::string, std::string>, const Observation*> out;
  for (const auto& one : found) {
    auto& there = out[{one.id, one.subject}];
    if (there == nullptr || there->verdict < one.verdict) there = &one;
  }
  return out;
}

}  // namespace

Waivers::const_iterator waiver_of(const Observation& one, const Waivers& waivers) {
  const auto narrow = waivers.find(one.id + "@" + one.subject);
  return narrow != waivers.end() ? narrow : waivers.find(one.id);
}

std::string check_sums(const Observations& found) {
  return base::format("{} ok, {}, {} failed", count(found, Verdict::ok),
                      base::counted(count(found, Verdict::warn), "warning", "warnings"), count(found, Verdict::fail));
}

std::vector<std::string> check_lines(const Observations& found, bool all) {
  std::vector<std::string> out;
  for (const auto verdict : {Verdict::fail, Verdict::warn, Verdict::ok}) {
    if (verdict == Verdict::ok && !all) continue;
    for (const auto& one : found) {
      if (one.verdict != verdict) continue;
      out.push_back(line(one));
      if (!one.remedy.empty()) out.push_back("    " + one.remedy);
    }
  }
  out.push_back(check_sums(found));
  return out;
}

std::string to_json(const Observation& observation) {
  json::Value out = json::Value::object();
  out.set("event", "check");
  out.set("id", observation.id);
  out.set("subject", observation.subject);
  out.set("verdict", name(observation.verdict));
  out.set("evidence", observation.evidence);
  if (!observation.remedy.empty()) out.set("remedy", observation.remedy);
  return json::to_canonical(out);
}

std::string to_junit(const Observations& found, const std::string& cluster, WallTime time, Duration took,
                     const Waivers& waivers) {
  std::vector<std::string_view> themes;
  for (const auto& one : found) {
    if (!std::ranges::contains(themes, theme_of(one.id))) themes.push_back(theme_of(one.id));
  }
  const auto waived = [&](const Observation& one) { return is_waived(one, waivers); };
  const auto fails = [&](const Observation& one) { return one.verdict == Verdict::fail && !waived(one); };
  std::string out = base::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"{}\" tests=\"{}\" failures=\"{}\" "
      "skipped=\"{}\" time=\"{:.3f}\">\n",
      xml(cluster), found.size(), std::ranges::count_if(found, fails), std::ranges::count_if(found, waived),
      static_cast<double>(took.count()) / 1000);
  for (const auto theme : themes) {
    std::string cases;
    size_t tests = 0, failures = 0, skipped = 0;
    for (const auto& one : found) {
      if (theme_of(one.id) != theme) continue;
      ++tests;
      failures += fails(one) ? 1 : 0;
      skipped += waived(one) ? 1 : 0;
      cases += test_case(one, waivers);
    }
    out += base::format(
        "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" skipped=\"{}\" timestamp=\"{}\">\n{}  </testsuite>\n",
        xml(theme), tests, failures, skipped, base::to_iso8601(time), cases);
  }
  return out + "</testsuites>\n";
}

Observations changes(const Observations& before, const Observations& now) {
  const auto was = by_subject(before), is = by_subject(now);
  Observations out;
  for (const auto& [key, one] : is) {
    const auto there = was.find(key);
    if (one->verdict != (there == was.end() ? Verdict::ok : there->second->verdict)) out.push_back(*one);
  }
  for (const auto& [key, one] : was) {
    if (one->verdict != Verdict::ok && !is.contains(key))
      out.push_back({one->id, one->subject, Verdict::ok, "is no longer so", {}});
  }
  return out;
}

}  // namespace sealift::report
