// SPDX-License-Identifier: Apache-2.0
#include "runtime/checks/all_checks.h"

#include <array>
#include <format>

#include "payload/base/text.h"

namespace sealift::checks {

std::span<const Theme> catalog() {
  static const std::array<Theme, 7> themes{{{"The machine", machine_checks()},
                                            {"Kernel", kernel_checks()},
                                            {"Disks", disk_checks()},
                                            {"Network", network_checks()},
                                            {"Time", time_checks()},
                                            {"Identity", identity_checks()},
                                            {"Software that is there already", foreign_checks()}}};
  return themes;
}

std::string document() {
  std::string out =
      "# Checks\n\n"
      "What `apply` and `plan` check on every host before anything is changed, and `check` where no host is a node yet. One\n"
      "run reports all findings. One that blocks ends `apply` with exit code 12 and leaves every host as it was; a warning\n"
      "does not stop the run.\n\n"
      "\"New hosts\" are those that no earlier run has worked on: on the others, what is there is Sealift's own.\n";
  for (const auto& theme : catalog()) {
    out += std::format("\n## {}\n\n| check | what is wanted | on | if not | what to do |\n|---|---|---|---|---|\n",
                       theme.title);
    for (const auto& check : theme.checks) {
      out += std::format("| `{}` | {} | {} | {} | {} |\n", check.id, check.wants,
                         check.applies == on_fresh_hosts ? "new hosts" : "every host",
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
      std::string line = std::format("  {:<{}}", check.id, kColumn - 2);
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
