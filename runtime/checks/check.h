// SPDX-License-Identifier: Apache-2.0
//
// A check is data: an id, what it is about, whom it concerns, what to do about its findings, and a function that looks.
// The tables of all checks (catalog.h) are what preflight runs and what documents and help are made from.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "runtime/checks/preflight.h"

namespace sealift::checks {

struct Subject {
  const PreflightInput& input;
  const CheckedHost& host;
  bool worked_on = false;  // by an earlier run: what is there is ours, and half-done is for the steps to finish
};

struct Check;

// Takes the findings of one check on one host.
class Report {
 public:
  Report(const Check& check, std::string host, std::vector<Finding>& out)
      : check_(check), host_(std::move(host)), out_(out) {}

  // `evidence` continues a sentence that begins with the host's name: "has no default route". `remedy`: what to do, if
  // it can be said better than the table does.
  void found(std::string evidence, std::string remedy = {});
  // What a look gave. One that fails is a finding itself and hides no other: only a host that is gone ends them all.
  template <class T>
  Result<std::optional<T>> of(Result<T> looked) {
    if (looked) return std::optional<T>(std::in_place, std::move(*looked));
    if (is_gone(looked.error().code)) return std::unexpected(std::move(looked).error());
    unchecked(looked.error());
    return std::optional<T>();
  }

 private:
  static bool is_gone(ErrorCode code) {
    return code == ErrorCode::unreachable || code == ErrorCode::timeout || code == ErrorCode::cancelled;
  }
  void unchecked(const Error& error);
  const Check& check_;
  std::string host_;
  std::vector<Finding>& out_;
};

// Reads a host's facts; asks or tries on the host; compares all hosts with each other.
using ReadFacts = void (*)(const Subject&, Report&);
using AskHost = Result<void> (*)(const Subject&, Report&);
using CompareHosts = void (*)(const Check&, const std::vector<CheckedHost>&, std::vector<Finding>&);

inline bool on_every_host(const Subject&) { return true; }
inline bool on_fresh_hosts(const Subject& subject) { return !subject.worked_on; }

struct Check {
  std::string_view id;      // "disk.space": theme and name; never changes
  std::string_view wants;   // what is as it should be, for the document: "the clocks differ by a minute at most"
  std::string_view remedy;  // never empty
  std::variant<ReadFacts, AskHost, CompareHosts> run;
  bool (*applies)(const Subject&) = on_every_host;
  Severity severity = Severity::blocks;
};

}  // namespace sealift::checks
