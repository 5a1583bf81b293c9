// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <set>

#include "payload/base/clock.h"
#include "payload/base/format.h"
#include "payload/base/text.h"
#include "payload/trust/x509.h"
#include "runtime/checks/all_checks.h"
#include "runtime/config/authority_port.h"

namespace sealift::checks {
namespace {

void default_route(const Subject& subject, Report& report) {
  if (!subject.host.facts.default_route)
    report.found("has no default route, and this version can't deliver such hosts yet");
}

Result<void> ports(const Subject& subject, Report& report) {
  const auto& input = subject.input;
  const auto& host = subject.host;
  const bool makes_node = !input.config.existing;
  std::set<uint16_t> wanted{input.config.registry.port};
  if (makes_node) wanted.insert(input.config.api.local_port);
  for (const auto role : {format::HostRole::all, host.config.role}) {
    const auto of_role = input.base.ports.find(role);
    if (of_role != input.base.ports.end()) wanted.insert(of_role->second.begin(), of_role->second.end());
  }
  if (host.config.role == format::HostRole::control_plane) {
    wanted.insert(config::authority_port(input.config.registry));
    if (makes_node) wanted.insert(input.config.api.port);
  }
  // The site's etcd may run on a control plane.
  if (input.config.external_etcd) std::erase_if(wanted, [](uint16_t port) { return port >= 2379 && port <= 2381; });
  for (const auto& listener : host.facts.listeners) {
    if (wanted.erase(listener.port) == 0) continue;  // reported once, however many addresses it listens on
    report.found(base::format("port {} is taken by {}", listener.port,
                              listener.process.empty() ? "another program" : listener.process));
  }
  return {};
}

// systemd, which holds the port of a people's door that is open already, or the mirror's program, which answers there.
bool is_own(std::string_view process) {
  constexpr std::string_view kProgram = "node-";
  return process == "systemd" || (process.starts_with(kProgram) && base::from_hex(process.substr(kProgram.size())));
}

// Apart from the other ports: registry.domain also comes to clusters that stand. One socket unit has all ports of the
// mirror, so this one must not keep the others from being taken.
void people_port(const Subject& subject, Report& report) {
  const auto& domain = subject.input.config.registry.domain;
  if (!domain || !subject.host.keeps_payload) return;
  for (const auto& listener : subject.host.facts.listeners) {
    if (listener.port != domain->port || is_own(listener.process)) continue;
    report.found(base::format("port {} is taken by {}", listener.port,
                              listener.process.empty() ? "another program" : listener.process));
    return;
  }
}

void people_certificate(const Subject& subject, Report& report) {
  const auto& domain = subject.input.config.registry.domain;
  if (!domain || domain->certificate.empty() || !subject.host.keeps_payload) return;
  const auto described = trust::describe(domain->certificate);
  if (!described) return;  // cluster.yaml was refused
  const WallTime now{Duration(subject.host.read_at_ms)};
  const auto& [begins, ends] = described->validity;
  if (now > ends)
    report.found(
        base::format("would get a certificate for {} that has ended, at {}", domain->name, base::to_iso8601(ends)));
  else if (now < begins)
    report.found(
        base::format("would get a certificate for {} that begins only at {}", domain->name, base::to_iso8601(begins)));
}

// The variable's name on a line of `systemctl show-environment` if it sets a proxy, else empty.
std::string proxy_variable(std::string_view line) {
  std::string name(line.substr(0, line.find('=')));
  const std::string lower = base::to_lower(name);
  return lower == "http_proxy" || lower == "https_proxy" || lower == "all_proxy" ? name : std::string();
}

// systemd's DefaultEnvironment reaches every service. Sealift's units unset the proxies for themselves; whoever set
// them may rely on them.
Result<void> proxies(const Subject& subject, Report& report) {
  const auto shown = subject.host.host->query({{"systemctl", "show-environment"}, {}, "/", Duration{30'000}}, {}, {});
  if (!shown || !shown->ok()) return {};  // machine.systemd reports a missing systemd
  std::vector<std::string> names;
  for (const auto line : base::split(shown->output, '\n')) {
    if (auto name = proxy_variable(line); !name.empty()) names.push_back(std::move(name));
  }
  if (!names.empty())
    report.found(base::format("has {} in systemd's environment (DefaultEnvironment)", base::join(names, ", ")));
  return {};
}

constexpr auto kChecks = std::to_array<Check>({
    {"network.default_route", "there is a default route", "set one, it need not lead anywhere",
     ReadFacts(default_route), to_make_a_node},
    {"network.ports", "the ports that the role listens on are free",
     "stop the program that listens there, or choose another port in cluster.yaml where there is a field for it",
     AskHost(ports), on_fresh_hosts},
    {"network.people_port", "the port of registry.domain is free on registry hosts",
     "stop the program that listens there, or choose another registry.domain.port in cluster.yaml",
     ReadFacts(people_port)},
    {"network.certificate", "the site's certificate for registry.domain is valid today",
     "name another one in registry.domain.certFile, or set the launch machine's clock", ReadFacts(people_certificate)},
    {"network.proxies", "systemd gives its services no proxy",
     "nothing to do: kubelet, containerd and Sealift's services run without it, since the cluster speaks to its own hosts only",
     AskHost(proxies), on_fresh_hosts, Severity::warns},
});

}  // namespace

std::span<const Check> network_checks() { return kChecks; }

}  // namespace sealift::checks
