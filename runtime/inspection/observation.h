// SPDX-License-Identifier: Apache-2.0
//
// What `check` says of one thing that it looked at. Knows nothing of how it was seen or is shown.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace sealift::inspection {

// warn: the cluster serves, but somebody should look. fail: something does not work, or soon will not.
enum class Verdict { ok, warn, fail };
std::string_view name(Verdict verdict);  // "ok", "warn", "fail"

struct Observation {
  std::string id;       // of the catalog (catalog.h), or of a preflight check: "disk.space"
  std::string subject;  // a node, an application, an object of the cluster: "w1", "erp"
  Verdict verdict = Verdict::ok;
  std::string evidence;  // what was seen; never empty
  std::string remedy;    // empty if all is well
  bool operator==(const Observation&) const = default;
};

// Evidence may end with what a crashing container printed, after this. That is an application's own text, and may hold
// anything, a password too: it is for who looks now, not for what is kept.
inline constexpr std::string_view kLastLines = "; the last lines of ";
std::string without_last_lines(std::string_view evidence);

// Collects them. The remedy is the catalog's, unless a better one is known.
class Observations {
 public:
  void ok(std::string_view id, std::string subject, std::string evidence);
  void warn(std::string_view id, std::string subject, std::string evidence, std::string remedy = {});
  void fail(std::string_view id, std::string subject, std::string evidence, std::string remedy = {});
  void add(Verdict verdict, std::string_view id, std::string subject, std::string evidence, std::string remedy = {});
  // Whether one of this id about this subject is there already.
  bool has(std::string_view id, std::string_view subject) const;
  std::vector<Observation> take() { return std::move(list_); }

 private:
  std::vector<Observation> list_;
};

}  // namespace sealift::inspection
