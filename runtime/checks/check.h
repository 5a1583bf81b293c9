// SPDX-License-Identifier: Apache-2.0
//
// A check is data: an id, what it wants, which hosts it concerns, a remedy for its findings, and a function that looks.
// Preflight runs the tables of all checks (all_checks.h); documents and help are generated from them.
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
  // Whether an earlier run has worked on the host: if so, what is there is ours, and the steps will finish what is half
  // done. An error: its ledger can't be read.
  Result<bool> ledger = false;

  // Without the ledger it is unknown whose things are there: assume an earlier run's.
  bool worked_on() const { return ledger.value_or(true); }
};

struct Check;

// Collects the findings of one check on one host.
class Report {
 public:
  Report(const Check& check, std::string host, std::vector<Finding>& out)
      : check_(check), host_(std::move(host)), out_(out) {}

  // `evidence` continues a sentence that begins with the host's name: "has no default route". `remedy`: used instead of
  // the table's if it is more specific.
  void found(std::string evidence, std::string remedy = {});
  // Unwraps the result of a look. A failed look is itself a finding and hides no others; only a lost host ends the
  // checks.
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

// Reads a host's facts; asks or tries something on the host; compares all hosts.
using ReadFacts = void (*)(const Subject&, Report&);
using AskHost = Result<void> (*)(const Subject&, Report&);
using CompareHosts = void (*)(const Check&, const std::vector<CheckedHost>&, std::vector<Finding>&);

inline bool on_every_host(const Subject&) { return true; }
inline bool on_fresh_hosts(const Subject& subject) { return !subject.worked_on(); }
inline bool on_new_registry_hosts(const Subject& subject) {
  return subject.worked_on() && subject.host.keeps_payload && !subject.input.keeps_payload_complete;
}
// But for nodes of a cluster that Sealift did not make: how those are set up is their owner's business.
inline bool to_make_a_node(const Subject& subject) { return !subject.input.config.existing; }
inline bool on_nodes_that_are_there(const Subject& subject) { return !to_make_a_node(subject); }
inline bool on_fresh_nodes_that_are_there(const Subject& subject) {
  return on_nodes_that_are_there(subject) && on_fresh_hosts(subject);
}
inline bool to_make_a_fresh_node(const Subject& subject) { return to_make_a_node(subject) && on_fresh_hosts(subject); }

struct Check {
  std::string_view id;      // "disk.space": theme and name; never changes
  std::string_view wants;   // the desired state, for the document: "/etc is writable"
  std::string_view remedy;  // never empty
  std::variant<ReadFacts, AskHost, CompareHosts> run;
  bool (*applies)(const Subject&) = on_every_host;
  Severity severity = Severity::blocks;
};

}  // namespace sealift::checks
