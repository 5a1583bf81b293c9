// SPDX-License-Identifier: Apache-2.0
#include "tests/support/fake_host.h"

#include <algorithm>
#include <ranges>
#include <utility>

#include "payload/base/format.h"
#include "payload/base/text.h"
#include "runtime/host/descriptions.h"

namespace sealift::tests {
namespace {

std::string last_part(const std::string& path) {
  size_t slash = path.rfind('/');
  return slash == std::string::npos ? path : path.substr(slash + 1);
}

std::string parent(const std::string& path) {
  size_t slash = path.rfind('/');
  return slash == 0 || slash == std::string::npos ? "/" : path.substr(0, slash);
}

}  // namespace

Result<std::unique_ptr<host::Host>> connect_fake(FakeMachine& machine) {
  if (!machine.reachable()) return fail(ErrorCode::unreachable, "{}: no answer", machine.name());
  return std::make_unique<FakeHost>(machine);
}

FakeHost::FakeHost(FakeMachine& machine) : machine_(machine) {
  std::lock_guard guard(machine_.mutex_);
  generation_ = machine_.generation_;
  // The agent makes this for its lock.
  machine_.world.files.try_emplace("/run/sealift", FakeMachine::File{host::FileType::directory, {0755, 0, 0}, {}, {}});
}

std::unexpected<Error> FakeHost::gone() const {
  return fail(ErrorCode::unreachable, "{}: the connection is gone", machine_.name());
}

Result<void> FakeHost::arrive(bool& break_after) {
  if (generation_ != machine_.generation_ || !machine_.reachable_) return gone();
  ++machine_.calls_;
  if (machine_.break_at_ && machine_.calls_ >= *machine_.break_at_) {
    machine_.break_at_.reset();
    if (machine_.break_when_ == FakeMachine::When::before) {
      ++machine_.generation_;
      return gone();
    }
    break_after = true;
  }
  return {};
}

Result<void> FakeHost::can_look_at(const std::string& target) const {
  const auto broken = machine_.broken_looks.find(target);
  if (broken != machine_.broken_looks.end()) return fail(broken->second);
  return {};
}

// The disk with the longest mount point above the path.
const host::DiskSpace& FakeHost::disk_of(const std::string& path) const {
  const host::DiskSpace* out = &machine_.disk;
  size_t longest = 0;
  for (const auto& [point, space] : machine_.mounts) {
    if ((path != point && !path.starts_with(point + "/")) || point.size() < longest) continue;
    out = &space;
    longest = point.size();
  }
  return *out;
}

Result<host::Facts> FakeHost::facts() {
  return look<host::Facts>([&]() -> Result<host::Facts> {
    SEALIFT_TRY(can_look_at("facts"));
    return machine_.facts;
  });
}

Result<std::optional<host::FileStatus>> FakeHost::stat(const std::string& path) {
  using Out = std::optional<host::FileStatus>;
  return look<Out>([&]() -> Result<Out> {
    SEALIFT_TRY(can_look_at(path));
    for (const auto& [unit, job] : machine_.jobs_) {  // results not taken yet
      if (path == "/run/sealift/jobs/" + unit + "/result.json") return Out{host::FileStatus{}};
    }
    auto found = machine_.world.files.find(path);
    if (found == machine_.world.files.end()) {
      auto store = machine_.world.stores.find(path);
      if (store == machine_.world.stores.end()) return Out{};
      return Out{host::FileStatus{host::FileType::regular, {0644, 0, 0}, store->second.total, {}}};
    }
    const auto& file = found->second;
    return Out{host::FileStatus{file.type, file.spec, file.content.size(), file.link_target}};
  });
}

// A payload with holes where nothing has arrived.
std::optional<Bytes> FakeHost::stored(const std::string& path) const {
  const auto found = machine_.world.stores.find(path);
  if (found == machine_.world.stores.end()) return std::nullopt;
  Bytes out(found->second.total);
  for (const auto& [offset, data] : found->second.frames)
    std::ranges::copy(data, out.begin() + static_cast<std::ptrdiff_t>(offset));
  return out;
}

Result<std::optional<Bytes>> FakeHost::read(const std::string& path, size_t limit) {
  using Out = std::optional<Bytes>;
  return look<Out>([&]() -> Result<Out> {
    auto found = machine_.world.files.find(path);
    if (found == machine_.world.files.end()) return stored(path);
    if (found->second.type != host::FileType::regular) return fail(ErrorCode::io, "{}: not a regular file", path);
    if (found->second.content.size() > limit)
      return fail(ErrorCode::limit_exceeded, "{}: larger than {} bytes", path, limit);
    return Out{found->second.content};
  });
}

Result<std::optional<Digest>> FakeHost::digest(const std::string& path) {
  using Out = std::optional<Digest>;
  return look<Out>([&]() -> Result<Out> {
    auto found = machine_.world.files.find(path);
    if (found == machine_.world.files.end() || found->second.type != host::FileType::regular) return Out{};
    return Out{hash::sha256(found->second.content)};
  });
}

Result<std::vector<std::string>> FakeHost::list(const std::string& path) {
  using Out = std::vector<std::string>;
  return look<Out>([&]() -> Result<Out> {
    SEALIFT_TRY(can_look_at(path));
    Out names;
    for (const auto& [name, file] : machine_.world.files) {
      if (name != "/" && parent(name) == path) names.push_back(last_part(name));
    }
    for (const auto& [name, store] : machine_.world.stores) {
      if (parent(name) == path) names.push_back(last_part(name));
    }
    return names;
  });
}

Result<host::UnitState> FakeHost::unit(const std::string& name) {
  return look<host::UnitState>([&]() -> Result<host::UnitState> {
    SEALIFT_TRY(can_look_at(name));
    auto found = machine_.world.units.find(name);
    bool loaded = found != machine_.world.units.end() || machine_.world.files.contains("/etc/systemd/system/" + name);
    if (found == machine_.world.units.end()) return host::UnitState{loaded, false, "inactive", "dead"};
    const auto& unit = found->second;
    return host::UnitState{loaded, unit.enabled,
                           unit.failed   ? "failed"
                           : unit.active ? "active"
                                         : "inactive",
                           unit.failed   ? "failed"
                           : unit.active ? "running"
                                         : "dead"};
  });
}

Result<std::optional<std::string>> FakeHost::sysctl(const std::string& key) {
  using Out = std::optional<std::string>;
  return look<Out>([&]() -> Result<Out> {
    auto found = machine_.world.sysctls.find(key);
    return found == machine_.world.sysctls.end() ? Out{} : Out{found->second};
  });
}

Result<host::DiskSpace> FakeHost::disk(const std::string& path) {
  return look<host::DiskSpace>([&]() -> Result<host::DiskSpace> {
    SEALIFT_TRY(can_look_at(path));
    return disk_of(path);
  });
}

Result<host::FeatureResult> FakeHost::try_feature(const std::string& feature) {
  return look<host::FeatureResult>([&]() -> Result<host::FeatureResult> {
    SEALIFT_TRY(can_look_at(feature));
    if (machine_.broken_features.contains(feature))
      return host::FeatureResult{false, feature + ": not supported by this kernel"};
    return host::FeatureResult{true, {}};
  });
}

Result<host::ProgramFolder> FakeHost::can_execute_in(const std::string& directory) {
  return look<host::ProgramFolder>([&]() -> Result<host::ProgramFolder> {
    SEALIFT_TRY(can_look_at(directory));
    const auto& disk = disk_of(directory);
    if (disk.read_only) return host::ProgramFolder::read_only;
    return disk.no_exec ? host::ProgramFolder::no_exec : host::ProgramFolder::usable;
  });
}

Result<host::FeatureResult> FakeHost::ask_name_server(const std::string&, const std::string&) {
  return look<host::FeatureResult>([&]() -> Result<host::FeatureResult> {
    return host::FeatureResult{machine_.name_server_trouble.empty(), machine_.name_server_trouble};
  });
}

Result<base::ExitStatus> FakeHost::query(const base::Command& command, const base::CommandIo& io,
                                         const CancelToken& cancel) {
  return look<base::ExitStatus>([&]() -> Result<base::ExitStatus> {
    SEALIFT_TRY(cancel.check());
    auto program = machine_.programs.find(last_part(command.argv.front()));
    if (program == machine_.programs.end())
      return fail(ErrorCode::not_found, "{}: no such program", command.argv.front());
    return program->second(machine_, command, io);
  });
}

Result<std::optional<std::string>> FakeHost::recorded(const std::string& step) {
  using Out = std::optional<std::string>;
  return look<Out>([&]() -> Result<Out> {
    auto found = machine_.world.recorded.find(step);
    return found == machine_.world.recorded.end() ? Out{} : Out{found->second};
  });
}

Result<std::vector<host::Reason>> FakeHost::records(const std::string& prefix) {
  using Out = std::vector<host::Reason>;
  return look<Out>([&]() -> Result<Out> {
    Out out;
    for (const auto& [step, inputs] : machine_.world.recorded) {
      if (step.starts_with(prefix)) out.push_back({step, inputs});
    }
    return out;
  });
}

Result<std::vector<host::LedgerEntry>> FakeHost::ledger() {
  using Out = std::vector<host::LedgerEntry>;
  return look<Out>([&]() -> Result<Out> {
    SEALIFT_TRY(can_look_at("ledger"));
    return machine_.ledger;
  });
}

Result<bool> FakeHost::worked_on() {
  return look<bool>([&]() -> Result<bool> {
    SEALIFT_TRY(can_look_at("ledger"));
    return !machine_.ledger.empty();
  });
}

Result<bool> FakeHost::synced() {
  return look<bool>([&]() -> Result<bool> {
    return !machine_.ledger.empty() && std::holds_alternative<host::Synced>(machine_.ledger.back().change);
  });
}

host::PathBefore FakeHost::now(const std::string& path) const {
  using Kind = host::PathBefore::Kind;
  const auto found = machine_.world.files.find(path);
  if (found == machine_.world.files.end()) return {};
  const auto& file = found->second;
  if (file.type == host::FileType::directory) return {.kind = Kind::directory, .spec = file.spec};
  if (file.type == host::FileType::symlink) return {.kind = Kind::symlink, .target = file.link_target};
  return {.kind = Kind::file, .spec = file.spec, .size = file.content.size(), .digest = hash::sha256(file.content)};
}

host::PathBefore FakeHost::recorded_now(const std::string& path) const {
  auto out = now(path);
  if (out.kind != host::PathBefore::Kind::absent && path.starts_with("/run/"))
    return {.kind = host::PathBefore::Kind::transient};
  return out;
}

host::PathBefore FakeHost::before(const std::string& path) {
  const std::lock_guard guard(machine_.mutex_);
  auto out = recorded_now(path);
  if (out.kind != host::PathBefore::Kind::file) return out;
  machine_.kept[*out.digest] = machine_.world.files.at(path).content;
  out.kept = true;
  return out;
}

Result<void> FakeHost::write_atomic(const std::string& path, const host::FileSpec& spec, base::Source& content,
                                    const host::Reason& reason) {
  // Read before anything else happens to the machine, as one of its many sources may itself look at it.
  auto read = base::read_all(content, size_t{1} << 30);
  host::FileWritten recorded{path, before(path), {}};
  if (read) recorded.written = hash::sha256(*read);
  return change<void>("write", path, reason, recorded, [&]() -> Result<void> {
    auto folder = machine_.world.files.find(parent(path));
    if (parent(path) != "/" &&
        (folder == machine_.world.files.end() || folder->second.type != host::FileType::directory)) {
      return fail(ErrorCode::not_found, "{}: no such folder", parent(path));
    }
    SEALIFT_ASSIGN(Bytes data, std::move(read));
    machine_.world.files[path] = FakeMachine::File{host::FileType::regular, spec, std::move(data), {}};
    return {};
  });
}

Result<void> FakeHost::make_directory(const std::string& path, const host::FileSpec& spec, const host::Reason& reason) {
  return change<void>("mkdir", path, reason, host::DirectoryMade{path, before(path)}, [&]() -> Result<void> {
    std::vector<std::string> missing;
    for (std::string up = parent(path); up != "/" && !machine_.world.files.contains(up); up = parent(up))
      missing.push_back(up);
    for (const auto& up : missing | std::views::reverse) {
      machine_.world.files[up] = FakeMachine::File{host::FileType::directory, {0755, 0, 0}, {}, {}};
      machine_.ledger.push_back(
          {machine_.ledger.size() + 1, "", reason.step, reason.inputs, host::DirectoryMade{up, {}}});
    }
    auto found = machine_.world.files.find(path);
    if (found != machine_.world.files.end() && found->second.type != host::FileType::directory) {
      return fail(ErrorCode::already_exists, "{}: not a directory", path);
    }
    machine_.world.files[path] = FakeMachine::File{host::FileType::directory, spec, {}, {}};
    return {};
  });
}

Result<void> FakeHost::make_symlink(const std::string& path, const std::string& target, const host::Reason& reason) {
  return change<void>("link", path, reason, host::SymlinkMade{path, before(path)}, [&]() -> Result<void> {
    machine_.world.files[path] = FakeMachine::File{host::FileType::symlink, {0777, 0, 0}, {}, target};
    return {};
  });
}

Result<void> FakeHost::remove(const std::string& path, const host::Reason& reason) {
  return change<void>("remove", path, reason, host::PathRemoved{path, before(path)}, [&]() -> Result<void> {
    for (const auto& [name, file] : machine_.world.files) {
      if (name != path && name.starts_with(path + "/")) return fail(ErrorCode::io, "remove {}: not empty", path);
    }
    machine_.world.files.erase(path);
    machine_.world.stores.erase(path);
    return {};
  });
}

Result<base::ExitStatus> FakeHost::run(const base::Command& command, const base::CommandIo& io,
                                       const host::Reason& reason, const CancelToken& cancel) {
  return change<base::ExitStatus>("run", command.text(), reason, host::CommandRun{command.text(), {}},
                                  [&]() -> Result<base::ExitStatus> {
                                    SEALIFT_TRY(cancel.check());
                                    auto program = machine_.programs.find(last_part(command.argv.front()));
                                    if (program == machine_.programs.end())
                                      return fail(ErrorCode::not_found, "{}: no such program", command.argv.front());
                                    return program->second(machine_, command, io);
                                  });
}

Result<base::ExitStatus> FakeHost::run_job(const std::string& unit_name, const base::Command& command,
                                           const host::Reason& reason, const CancelToken& cancel) {
  const std::string wish = command.text() + " for " + reason.inputs;
  auto out = change<base::ExitStatus>(
      "job", unit_name + ": " + command.text(), reason, host::CommandRun{command.text(), unit_name},
      [&]() -> Result<base::ExitStatus> {
        SEALIFT_TRY(cancel.check());
        if (auto ended = machine_.jobs_.find(unit_name); ended != machine_.jobs_.end() && ended->second.wish == wish)
          return ended->second.status;
        auto program = machine_.programs.find(last_part(command.argv.front()));
        if (program == machine_.programs.end())
          return fail(ErrorCode::not_found, "{}: no such program", command.argv.front());
        SEALIFT_ASSIGN(base::ExitStatus status, program->second(machine_, command, base::CommandIo{}));
        machine_.jobs_[unit_name] = {wish, status};  // stays there if the connection breaks now
        return status;
      });
  std::lock_guard guard(machine_.mutex_);
  if (out) machine_.jobs_.erase(unit_name);
  return out;
}

Result<void> FakeHost::unit_action(const std::string& name, host::UnitAction action, const host::Reason& reason) {
  host::UnitChanged recorded{action, {}, {}};
  if (action != host::UnitAction::reload_daemon) {
    const std::lock_guard guard(machine_.mutex_);
    const auto& unit = machine_.world.units[name];
    recorded = {action, name, host::UnitChanged::Before{unit.enabled, unit.active ? "active" : "inactive"}};
  }
  const std::string call(host::names<host::UnitAction>[static_cast<size_t>(action)]);
  return change<void>(call, name, reason, recorded, [&]() -> Result<void> {
    if (action == host::UnitAction::reload_daemon) return {};
    auto& unit = machine_.world.units[name];
    switch (action) {
      case host::UnitAction::enable: unit.enabled = true; break;
      case host::UnitAction::disable: unit.enabled = false; break;
      case host::UnitAction::start:
        if (!unit.active) machine_.start_unit(unit, name);
        break;
      case host::UnitAction::restart: machine_.start_unit(unit, name); break;
      case host::UnitAction::stop:
        unit.active = false;
        unit.runs_with.clear();
        break;
      case host::UnitAction::reload:
        if (!unit.active) return fail(ErrorCode::command_failed, "{} is not active, cannot reload.", name);
        machine_.read_files(unit, name);
        break;
      case host::UnitAction::reload_daemon: break;
    }
    return {};
  });
}

Result<void> FakeHost::load_module(const std::string& name, const host::Reason& reason) {
  host::ModuleLoaded recorded{name, false};
  {
    const std::lock_guard guard(machine_.mutex_);
    recorded.loaded_before = machine_.world.modules.contains(name);
  }
  return change<void>("modprobe", name, reason, recorded, [&]() -> Result<void> {
    if (machine_.world.modules.insert(name).second) machine_.temporary_modules_.insert(name);
    return {};
  });
}

Result<void> FakeHost::set_sysctl(const std::string& key, const std::string& value, const host::Reason& reason) {
  host::SysctlSet recorded{key, value, {}};
  {
    const std::lock_guard guard(machine_.mutex_);
    if (const auto was = machine_.world.sysctls.find(key); was != machine_.world.sysctls.end())
      recorded.before = was->second;
  }
  return change<void>("sysctl", key, reason, recorded, [&]() -> Result<void> {
    const auto was = machine_.world.sysctls.find(key);
    machine_.temporary_sysctls_.try_emplace(
        key, was == machine_.world.sysctls.end() ? std::nullopt : std::optional(was->second));
    machine_.world.sysctls[key] = value;
    return {};
  });
}

Result<void> FakeHost::announce(const host::Announced& made, const host::Reason& reason) {
  return std::visit(
      [&](const auto& recorded) {
        return change<void>("announce", std::string(recorded.kKind), reason, recorded,
                            []() -> Result<void> { return {}; });
      },
      made);
}

Result<std::optional<std::string>> FakeHost::begin(const host::Reason& reason) {
  using Out = std::optional<std::string>;
  const auto before = [&] {
    const std::lock_guard guard(machine_.mutex_);
    const auto found = machine_.world.recorded.find(reason.step);
    return found == machine_.world.recorded.end() ? Out{} : Out{found->second};
  };
  if (!before()) return look<Out>([]() -> Result<Out> { return Out{}; });
  return change<Out>("begin", reason.step, reason, host::Begun{}, [&]() -> Result<Out> {
    Out was = before();
    machine_.world.recorded.erase(reason.step);
    return was;
  });
}

Result<void> FakeHost::record(const host::Reason& reason) {
  return change<void>("record", reason.step, reason, host::Completed{}, [&]() -> Result<void> {
    machine_.world.recorded[reason.step] = reason.inputs;
    return {};
  });
}

Result<void> FakeHost::sync(const std::vector<std::string>& paths, const host::Reason& reason) {
  return change<void>("sync", base::join(paths, " "), reason, host::Synced{}, []() -> Result<void> { return {}; });
}

Result<host::StoreState> FakeHost::store_state(const std::string& path) {
  return look<host::StoreState>([&]() -> Result<host::StoreState> {
    host::StoreState out;
    auto found = machine_.world.stores.find(path);
    if (found == machine_.world.stores.end()) return out;
    out.complete = found->second.complete;
    for (const auto& [offset, data] : found->second.frames) out.frames.push_back(offset);
    return out;
  });
}

Result<void> FakeHost::store_write(const std::string& path, uint64_t total, uint64_t offset, const Digest& expected,
                                   ByteView data, const host::Reason& reason) {
  return change<void>("store", base::format("{}@{}", path, offset), reason, host::PayloadStored{path, false},
                      [&]() -> Result<void> {
                        if (hash::sha256(data) != expected)
                          return fail(ErrorCode::corrupt, "{}: bytes at {} are not the expected ones", path, offset);
                        if (offset > total || data.size() > total - offset)
                          return fail(ErrorCode::internal, "{}: bytes beyond its end", path);
                        auto& store = machine_.world.stores[path];
                        store.total = total;
                        store.frames[offset] = Bytes(data.begin(), data.end());
                        return {};
                      });
}

Result<void> FakeHost::store_finish(const std::string& path, const host::Reason& reason) {
  return change<void>("store-finish", path, reason, host::PayloadStored{path, true}, [&]() -> Result<void> {
    auto found = machine_.world.stores.find(path);
    if (found == machine_.world.stores.end()) return fail(ErrorCode::not_found, "{}: nothing stored", path);
    uint64_t covered = 0;
    for (const auto& [offset, data] : found->second.frames) {
      if (offset <= covered) covered = std::max(covered, offset + data.size());
    }
    if (covered < found->second.total) return fail(ErrorCode::truncated, "{} is not complete", path);
    found->second.complete = true;
    return {};
  });
}

}  // namespace sealift::tests
