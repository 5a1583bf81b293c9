// SPDX-License-Identifier: Apache-2.0
// What a simulated machine shows and does when everything is undone.
#include <algorithm>
#include <array>

#include "payload/base/format.h"
#include "payload/base/safe_path.h"
#include "payload/base/text.h"
#include "runtime/host/descriptions.h"
#include "tests/support/fake_host.h"

namespace sealift::tests {
namespace {

using Kind = host::Trace::Kind;
using Was = host::PathBefore::Kind;

bool is_at_or_below(std::string_view path, std::string_view folder) {
  return path == folder || (path.starts_with(folder) && path[folder.size()] == '/');
}

// As LocalHost: what the agent brings.
bool is_sealifts_own(std::string_view path) {
  constexpr auto kOwn =
      std::to_array<std::string_view>({"/var/lib/sealift", "/usr/local/lib/sealift", "/opt/sealift", "/run/sealift"});
  return std::ranges::any_of(kOwn, [&](std::string_view own) { return is_at_or_below(path, own); });
}

std::string value_of(const FakeMachine::File& file) {
  const std::string spec = base::format("{:04o} {}:{}", file.spec.mode, file.spec.uid, file.spec.gid);
  switch (file.type) {
    case host::FileType::regular: return "file " + spec + " " + hash::sha256(file.content).text();
    case host::FileType::directory: return "folder " + spec;
    case host::FileType::symlink: return "link " + spec + " " + file.link_target;
    case host::FileType::other: break;
  }
  return "other " + spec;
}

}  // namespace

Result<host::Footprint> FakeHost::footprint() {
  return look<host::Footprint>([&]() -> Result<host::Footprint> {
    SEALIFT_TRY(can_look_at("footprint"));
    const auto& world = machine_.world;
    std::map<std::pair<Kind, std::string>, std::string> found;
    for (const auto& [path, file] : world.files) {
      if (!is_sealifts_own(path)) found[{Kind::path, path}] = value_of(file);
    }
    for (const auto& [path, store] : world.stores) {
      if (!is_sealifts_own(path)) found[{Kind::path, path}] = base::format("file 0644 0:0 size:{}", store.total);
    }
    // One that is neither enabled nor running, and has no file, is only known by its name.
    for (const auto& [name, unit] : world.units) {
      if (unit.enabled || unit.active || world.files.contains("/etc/systemd/system/" + name))
        found[{Kind::unit, name}] = unit.enabled ? "enabled" : "disabled";
    }
    for (const auto& module : world.modules) found[{Kind::module, module}];
    for (const auto& [key, value] : world.sysctls) found[{Kind::sysctl, key}] = value;
    for (const auto& [kind, name] : world.traces) {
      const auto is_in = [&](const auto& trace) {
        return trace.first == Kind::chain && trace.second.starts_with(name + " ");
      };
      // As if each chain had one rule.
      found[{kind, name}] =
          kind == Kind::table ? std::to_string(std::ranges::count_if(world.traces, is_in)) : std::string();
    }
    host::Footprint out;
    for (auto& [key, value] : found) out.push_back({key.first, key.second, std::move(value)});
    return out;
  });
}

bool FakeHost::is_full_folder(const std::string& path) const {
  const auto is_in = [&](const auto& entry) { return entry.first.starts_with(path + "/"); };
  return std::ranges::any_of(machine_.world.files, is_in) || std::ranges::any_of(machine_.world.stores, is_in);
}

std::optional<host::Restored> FakeHost::restored_already(const std::string& path, const host::PathBefore& before,
                                                         const std::optional<Digest>& written) const {
  using host::Restored;
  const auto is = now(path);
  const bool was_absent = before.kind == Was::absent || before.kind == Was::transient;
  const std::string folder = path.substr(0, path.rfind('/'));
  if (!folder.empty() && !machine_.world.files.contains(folder))
    return was_absent ? Restored::as_before : Restored::changed_since;
  const bool has_content =
      is.kind == Was::file && before.kind == Was::file && before.digest && is.digest == before.digest;
  const bool has_spec = !before.spec || is.spec == before.spec;
  if (was_absent
          ? is.kind == Was::absent
          : is.kind == before.kind && has_spec && is.target == before.target && (is.kind != Was::file || has_content))
    return Restored::as_before;
  if (written && is.kind != Was::absent && !has_content && is.digest != written) return Restored::changed_since;
  if (before.kind == Was::other) return Restored::not_kept;
  if (before.kind == Was::directory && !before.spec) return Restored::not_kept;
  if (before.kind == Was::symlink && !before.target) return Restored::not_kept;
  if (before.kind == Was::file && !has_content &&
      (!before.kept || !before.digest || !before.spec || !machine_.kept.contains(*before.digest)))
    return Restored::not_kept;
  if (before.kind != Was::directory && is.kind == Was::directory && is_full_folder(path)) return Restored::not_empty;
  return std::nullopt;
}

void FakeHost::put_back(const std::string& path, const host::PathBefore& before) {
  auto& files = machine_.world.files;
  switch (before.kind) {
    case Was::file:
      files[path] = {host::FileType::regular,
                     *before.spec,
                     now(path).digest == before.digest ? files.at(path).content : machine_.kept.at(*before.digest),
                     {}};
      break;
    case Was::directory: files[path] = {host::FileType::directory, *before.spec, {}, {}}; break;
    case Was::symlink: files[path] = {host::FileType::symlink, {0777, 0, 0}, {}, *before.target}; break;
    default: files.erase(path); machine_.world.stores.erase(path);
  }
}

Result<host::Restored> FakeHost::restore(const std::string& path, const host::PathBefore& before,
                                         const std::optional<Digest>& written, const host::Reason& reason) {
  using host::Restored;
  std::optional<Restored> already;
  host::PathRestored recorded{path, {}};
  {
    const std::lock_guard guard(machine_.mutex_);
    already = restored_already(path, before, written);
    recorded.before = recorded_now(path);
    if (machine_.world.stores.contains(path)) already.reset();
  }
  if (already) return look<Restored>([&]() -> Result<Restored> { return *already; });
  return change<Restored>("restore", path, reason, recorded, [&]() -> Result<Restored> {
    put_back(path, before);
    return Restored::as_before;
  });
}

bool FakeHost::has_trace(Kind kind, const std::string& name) const {
  const auto& world = machine_.world;
  if (kind == Kind::path) return world.files.contains(name) || world.stores.contains(name) || is_full_folder(name);
  if (kind == Kind::module) return world.modules.contains(name);
  return std::ranges::any_of(world.traces, [&](const auto& trace) {
    return trace.first == kind && (trace.second == name || (kind == Kind::process && !name.contains('/') &&
                                                            trace.second.ends_with("/" + name)));
  });
}

Result<void> FakeHost::take(Kind kind, const std::string& name) {
  auto& world = machine_.world;
  if (kind == Kind::path) {
    std::erase_if(world.files, [&](const auto& entry) { return is_at_or_below(entry.first, name); });
    std::erase_if(world.stores, [&](const auto& entry) { return is_at_or_below(entry.first, name); });
    for (const auto& [other, mounted] : world.traces) {
      if (other == Kind::mount && mounted != name && is_at_or_below(mounted, name))
        return fail(ErrorCode::busy, "a file system is mounted at {}: it stays, with what is in it", mounted);
    }
  }
  if (kind == Kind::module) world.modules.erase(name);
  std::erase_if(world.traces, [&](const auto& trace) {
    const auto& [other, named] = trace;
    if (kind == Kind::table && other == Kind::chain) return named.starts_with(name + " ");
    return other == kind &&
           (named == name || (kind == Kind::process && !name.contains('/') && named.ends_with("/" + name)));
  });
  return {};
}

Result<void> FakeHost::take_away(Kind kind, const std::string& name, const host::Reason& reason) {
  const std::string what = base::format("{} {}", host::names<Kind>[static_cast<size_t>(kind)], name);
  if (kind == Kind::unit || kind == Kind::sysctl || kind == Kind::user ||
      (kind == Kind::path && std::ranges::count(name, '/') < 2))
    return fail(ErrorCode::internal, "{} is not to be taken away", what);
  if (kind == Kind::path || kind == Kind::mount) SEALIFT_TRY(base::safe_absolute_path(name));
  const auto there = [&] {
    const std::lock_guard guard(machine_.mutex_);
    return has_trace(kind, name);
  };
  if (!there()) return look<void>([]() -> Result<void> { return {}; });
  return change<void>("take", what, reason, host::TakenAway{kind, name}, [&] { return take(kind, name); });
}

Result<void> FakeHost::forget(const host::Reason& reason) {
  return change<void>("forget", "", reason, {}, [&]() -> Result<void> {
    machine_.ledger.clear();
    machine_.kept.clear();
    machine_.world.recorded.clear();
    std::erase_if(machine_.world.files,
                  [](const auto& entry) { return is_at_or_below(entry.first, "/var/lib/sealift/ledger"); });
    if (!is_full_folder("/var/lib/sealift")) machine_.world.files.erase("/var/lib/sealift");
    return {};
  });
}

}  // namespace sealift::tests
