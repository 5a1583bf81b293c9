// SPDX-License-Identifier: Apache-2.0
#include "runtime/checks/all_checks.h"

#include <algorithm>
#include <array>

#include "payload/base/format.h"
#include "payload/base/text.h"

namespace sealift::checks {

std::span<const Theme> catalog() {
  static const std::array<Theme, 8> themes{{{"The machine", machine_checks()},
                                            {"Kernel", kernel_checks()},
                                            {"Disks", disk_checks()},
                                            {"Network", network_checks()},
                                            {"Time", time_checks()},
                                            {"Identity", identity_checks()},
                                            {"Software that is there already", foreign_checks()},
                                            {"A cluster that is there (existing)", existing_checks()}}};
  return themes;
}

namespace {

std::string_view where(const Check& check) {
  if (check.applies == on_new_registry_hosts) return "registry hosts that become ones later";
  if (check.applies == on_fresh_hosts || check.applies == on_fresh_nodes_that_are_there) return "new hosts";
  if (check.applies == to_make_a_node) return "every host, to make a node";
  return check.applies == to_make_a_fresh_node ? "new hosts, to make a node" : "every host";
}

}  // namespace

bool is_for(const Check& check, const config::ClusterConfig& config) {
  const bool of_nodes_to_make = check.applies == to_make_a_node || check.applies == to_make_a_fresh_node;
  const bool is_of_others = std::ranges::contains(existing_checks(), check.id, &Check::id);
  return config.existing ? !of_nodes_to_make : !is_of_others;
}

std::string document() {
  std::string out =
      "# Checks\n\n"
      "What `apply` and `plan` check on every host before anything is changed, and `check` where no host is a node yet. One\n"
      "run reports all findings. One that blocks ends `apply` with exit code 12 and leaves every host as it was; a warning\n"
      "does not stop the run.\n\n"
      "\"New hosts\" are those that no earlier run has worked on: on the others, what is there is Sealift's own. \"To make\n"
      "a node\": nodes of a cluster that Sealift did not make (`existing`) are left out. The last table is for these.\n";
  for (const auto& theme : catalog()) {
    out += base::format("\n## {}\n\n| check | what is wanted | on | if not | what to do |\n|---|---|---|---|---|\n",
                        theme.title);
    for (const auto& check : theme.checks) {
      out += base::format("| `{}` | {} | {} | {} | {} |\n", check.id, check.wants, where(check),
                          check.severity == Severity::blocks ? "blocks" : "warning", check.remedy);
    }
  }
  return out;
}

std::string help() {
  constexpr size_t kColumn = 26, kWidth = 80;
  std::string out;
  for (const auto& theme : catalog()) {
    for (const auto& check : theme.checks) {
      std::string line = base::format("  {:<{}}", check.id, kColumn - 2);
      for (const auto word : base::split(check.wants, ' ')) {
        if (line.size() + 1 + word.size() > kWidth) {
          out += line + "\n";
          line = std::string(kColumn, ' ');
        }
        line += " " + std::string(word);
      }
      out += line + "\n";
    }
  }
  return out;
}

}  // namespace sealift::checks
