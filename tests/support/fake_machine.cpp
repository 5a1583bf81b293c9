// SPDX-License-Identifier: Apache-2.0
#include "tests/support/fake_host.h"

namespace sealift::tests {

FakeMachine::FakeMachine(std::string name) : name_(std::move(name)) {
  for (const char* folder :
       {"/etc", "/etc/modules-load.d", "/etc/sysctl.d", "/etc/systemd", "/etc/systemd/system", "/run", "/usr",
        "/usr/local", "/usr/local/bin", "/usr/local/lib", "/var", "/var/lib", "/opt", "/tmp", "/root"}) {
    world.files[folder] = File{host::FileType::directory, {0755, 0, 0}, {}, {}};
  }
  facts.hostname = name_;
  facts.machine_id = "machine-" + name_;
  facts.cpus = 4;
  facts.memory_bytes = uint64_t{8} << 30;
  facts.systemd = true;
  facts.cgroup_version = 2;
  facts.cgroup_controllers = {"cpu", "cpuset", "memory", "pids"};
  facts.clock_ms = 1'700'000'000'000;
  facts.default_route = true;
  facts.nameservers = {"192.0.2.53"};
}

void FakeMachine::break_at_call(uint64_t n, When when) {
  std::lock_guard guard(mutex_);
  break_at_ = calls_ + n;
  break_when_ = when;
}

void FakeMachine::set_reachable(bool reachable) {
  std::lock_guard guard(mutex_);
  reachable_ = reachable;
  if (!reachable) ++generation_;
}

bool FakeMachine::reachable() const {
  std::lock_guard guard(mutex_);
  return reachable_;
}

void FakeMachine::power_cut() {
  std::lock_guard guard(mutex_);
  ++generation_;
  jobs_.clear();
  for (const auto& [key, value] : temporary_sysctls_) {
    world.sysctls.erase(key);
    if (value) world.sysctls.emplace(key, *value);
  }
  for (const auto& module : temporary_modules_) world.modules.erase(module);
  temporary_sysctls_.clear();
  temporary_modules_.clear();
  std::erase_if(world.files, [](const auto& entry) { return entry.first.starts_with("/run/"); });
  std::erase_if(world.traces, [](const auto& trace) { return trace.first != host::Trace::Kind::user; });
  ++boots_;
  for (auto& [name, unit] : world.units) {
    unit.failed = false;
    unit.active = false;
    unit.runs_with.clear();
    if (unit.enabled) start_unit(unit, name);
  }
}

void FakeMachine::start_unit(Unit& unit, const std::string& name) {
  unit.active = true;
  unit.failed = false;
  read_files(unit, name);
}

void FakeMachine::read_files(Unit& unit, const std::string& name) {
  unit.runs_with.clear();
  const auto reads = unit_reads.find(name);
  if (reads == unit_reads.end()) return;
  for (const auto& path : reads->second) {
    if (const auto file = world.files.find(path); file != world.files.end())
      unit.runs_with[path] = file->second.content;
  }
}

Result<void> FakeMachine::inside(const std::string& stage) {
  std::lock_guard guard(mutex_);
  return before_change ? before_change("inside", stage) : Result<void>{};
}

uint64_t FakeMachine::boots() const {
  std::lock_guard guard(mutex_);
  return boots_;
}

uint64_t FakeMachine::calls() const {
  std::lock_guard guard(mutex_);
  return calls_;
}

}  // namespace sealift::tests
