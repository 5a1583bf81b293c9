// SPDX-License-Identifier: Apache-2.0
#include "runtime/checks/preflight.h"

#include "payload/base/format.h"
#include "runtime/checks/all_checks.h"

namespace sealift::checks {
namespace {

// The catalog's checks that run in one of the ways, each with its function.
template <class Run>
std::vector<std::pair<const Check*, Run>> checks_that() {
  std::vector<std::pair<const Check*, Run>> out;
  for (const auto& theme : catalog()) {
    for (const auto& check : theme.checks) {
      if (const auto* run = std::get_if<Run>(&check.run)) out.emplace_back(&check, *run);
    }
  }
  return out;
}

}  // namespace

std::string Finding::text() const { return remedy.empty() ? evidence : evidence + "; " + remedy; }

void Report::found(std::string evidence, std::string remedy) {
  out_.push_back({std::string(check_.id), host_, check_.severity, std::move(evidence),
                  remedy.empty() ? std::string(check_.remedy) : std::move(remedy)});
}

void Report::unchecked(const Error& error) {
  out_.push_back({std::string(check_.id), host_, Severity::blocks,
                  base::format("could not be checked ({})", error.text()), "see what is wrong there and run again"});
}

std::vector<Finding> check_facts(const PreflightInput& input, const std::vector<CheckedHost>& hosts) {
  std::vector<Finding> out;
  for (const auto& host : hosts) {
    const Subject subject{input, host};
    for (const auto& [check, run] : checks_that<ReadFacts>()) {
      Report report(*check, host.name, out);
      if (check->applies(subject)) run(subject, report);
    }
  }
  for (const auto& [check, run] : checks_that<CompareHosts>()) run(*check, hosts, out);
  return out;
}

Result<std::vector<Finding>> check_host(const PreflightInput& input, const CheckedHost& host) {
  std::vector<Finding> out;
  const Subject subject{input, host, host.host->worked_on()};
  for (const auto& [check, run] : checks_that<AskHost>()) {
    Report report(*check, host.name, out);
    if (check->applies(subject)) SEALIFT_TRY(run(subject, report));
  }
  return out;
}

}  // namespace sealift::checks
