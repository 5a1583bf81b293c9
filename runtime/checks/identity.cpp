// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <map>

#include "payload/base/format.h"
#include "payload/base/text.h"
#include "runtime/checks/all_checks.h"

namespace sealift::checks {
namespace {

// Names don't distinguish such hosts; their places in cluster.yaml do.
std::string place(const CheckedHost& host) {
  return base::format("{} (line {})", host.config.address, host.config.line);
}

template <class Key>
void unique(const Check& check, const std::vector<CheckedHost>& hosts, Key key, std::string_view what,
            std::vector<Finding>& out) {
  std::map<std::string, const CheckedHost*> seen;
  for (const auto& host : hosts) {
    const std::string value = key(host);
    if (value.empty()) continue;
    const auto [there, fresh] = seen.try_emplace(value, &host);
    if (!fresh)
      Report(check, host.name, out)
          .found(base::format("at {} has the same {} as {} in cluster.yaml: {}", place(host), what,
                              place(*there->second), value));
  }
}

// In make_node()'s spelling: CP1 and cp1 are one node.
void names(const Check& check, const std::vector<CheckedHost>& hosts, std::vector<Finding>& out) {
  unique(
      check, hosts,
      [](const CheckedHost& host) { return base::to_lower(host.config.name.value_or(host.facts.hostname)); },
      "node name", out);
}

void machine_ids(const Check& check, const std::vector<CheckedHost>& hosts, std::vector<Finding>& out) {
  unique(check, hosts, [](const CheckedHost& host) { return host.facts.machine_id; }, "machine-id", out);
}

void machine_id(const Subject& subject, Report& report) {
  if (subject.host.facts.machine_id.empty()) report.found("has an empty /etc/machine-id");
}

constexpr auto kChecks = std::to_array<Check>({
    {"identity.machine_id", "/etc/machine-id is not empty", "run `systemd-machine-id-setup`", ReadFacts(machine_id)},
    {"identity.names", "no two hosts become a node of the same name", "set `name` for one of them",
     CompareHosts(names)},
    {"identity.machine_ids", "no two hosts have the same machine-id (clones do)",
     "remove /etc/machine-id on one and run `systemd-machine-id-setup`", CompareHosts(machine_ids)},
});

}  // namespace

std::span<const Check> identity_checks() { return kChecks; }

}  // namespace sealift::checks
