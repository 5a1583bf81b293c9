// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>

#include "payload/base/count.h"
#include "payload/base/format.h"
#include "payload/base/text.h"
#include "runtime/checks/all_checks.h"

namespace sealift::checks {
namespace {

const format::Minimum* minimum(const Subject& subject) {
  const auto found = subject.input.base.minimum.find(subject.host.config.role);
  return found == subject.input.base.minimum.end() ? nullptr : &found->second;
}

void architecture(const Subject& subject, Report& report) {
  const auto of_host = subject.host.facts.architecture;
  if (std::ranges::contains(subject.input.contents.stubs, of_host, &format::Stub::architecture)) return;
  report.found(base::format("is {}, and this artifact is not packed for that", base::platform(of_host)),
               base::format("build it with --platform {}", base::platform(of_host)));
}

void systemd(const Subject& subject, Report& report) {
  if (!subject.host.facts.systemd) report.found("does not run systemd, which Sealift starts services with");
}

void cpus(const Subject& subject, Report& report) {
  const auto* wanted = minimum(subject);
  const uint32_t there = subject.host.facts.cpus;
  if (wanted == nullptr || there >= wanted->cpus) return;
  report.found(base::format("has {}, {} needed for a {}", base::counted(there, "CPU", "CPUs"),
                            base::counted(wanted->cpus, "is", "are"), format::name(subject.host.config.role)));
}

void memory(const Subject& subject, Report& report) {
  const auto* wanted = minimum(subject);
  const uint64_t there = subject.host.facts.memory_bytes;
  if (wanted == nullptr || there >= wanted->memory_bytes) return;
  report.found(base::format("has {} of memory, {} are needed for a {}", base::human_bytes(there),
                            base::human_bytes(wanted->memory_bytes), format::name(subject.host.config.role)));
}

void swap(const Subject& subject, Report& report) {
  if (const uint64_t bytes = subject.host.facts.swap_bytes; bytes > 0)
    report.found(base::format("has {} of swap on, which kubelet refuses", base::human_bytes(bytes)));
}

Result<void> ledger(const Subject& subject, Report& report) {
  return report.of(subject.ledger).transform([](const auto&) {});
}

constexpr auto kChecks = std::to_array<Check>({
    {"machine.architecture", "the artifact is packed for the host's architecture",
     "build the artifact with `--platform` for it", ReadFacts(architecture)},
    {"machine.systemd", "systemd is the init system", "use a distribution that runs systemd", ReadFacts(systemd)},
    {"machine.cpus", "as many CPUs as the base's `minimum` says for the role", "use a larger machine", ReadFacts(cpus),
     to_make_a_node},
    {"machine.memory", "as much memory as the base's `minimum` says for the role", "use a larger machine",
     ReadFacts(memory), to_make_a_node},
    {"machine.swap", "swap is off", "run `swapoff -a` and take swap out of /etc/fstab", ReadFacts(swap),
     to_make_a_node},
    {"machine.ledger", "the ledger, which lists what earlier runs changed, can be read",
     "find out why it can't be read and run again", AskHost(ledger)},
});

}  // namespace

std::span<const Check> machine_checks() { return kChecks; }

}  // namespace sealift::checks
