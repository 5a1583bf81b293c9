// SPDX-License-Identifier: Apache-2.0
//
// One description of each type that travels as JSON or is kept in a ledger: its field names, in one place for both
// directions. A new field is one line here. Names used in a ledger never change: hosts keep ledgers for years.
#pragma once

#include <array>
#include <concepts>
#include <string_view>
#include <type_traits>

#include "runtime/host/host.h"

namespace sealift::host {

template <class T, class Described>
concept Like = std::same_as<std::remove_const_t<T>, Described>;

template <class Visit>
void describe(Visit& visit, Like<FileSpec> auto& value) {
  visit("mode", value.mode);
  visit("uid", value.uid);
  visit("gid", value.gid);
}

template <class Visit>
void describe(Visit& visit, Like<Reason> auto& value) {
  visit("step", value.step);
  visit("inputs", value.inputs);
}

template <class Visit>
void describe(Visit& visit, Like<FileStatus> auto& value) {
  visit("type", value.type);
  visit("spec", value.spec);
  visit("size", value.size);
  visit("target", value.link_target);
}

template <class Visit>
void describe(Visit& visit, Like<UnitState> auto& value) {
  visit("loaded", value.loaded);
  visit("enabled", value.enabled);
  visit("active", value.active);
  visit("sub", value.sub);
}

template <class Visit>
void describe(Visit& visit, Like<Facts::Address> auto& value) {
  visit("interface", value.interface);
  visit("address", value.address);
  visit("prefix", value.prefix);
}

template <class Visit>
void describe(Visit& visit, Like<Facts::Listener> auto& value) {
  visit("address", value.address);
  visit("port", value.port);
  visit("process", value.process);
}

template <class Visit>
void describe(Visit& visit, Like<Facts> auto& value) {
  visit("hostname", value.hostname);
  visit("machineId", value.machine_id);
  visit("architecture", value.architecture);
  visit("cpus", value.cpus);
  visit("memory", value.memory_bytes);
  visit("swap", value.swap_bytes);
  visit("systemd", value.systemd);
  visit("cgroup", value.cgroup_version);
  visit("controllers", value.cgroup_controllers);
  visit("clock", value.clock_ms);
  visit("addresses", value.addresses);
  visit("defaultRoute", value.default_route);
  visit("nameservers", value.nameservers);
  visit("listeners", value.listeners);
}

template <class Visit>
void describe(Visit& visit, Like<DiskSpace> auto& value) {
  visit("mount", value.mount_point);
  visit("filesystem", value.filesystem);
  visit("free", value.free_bytes);
  visit("total", value.total_bytes);
  visit("inodes", value.free_inodes);
  visit("readOnly", value.read_only);
  visit("noExec", value.no_exec);
}

template <class Visit>
void describe(Visit& visit, Like<FeatureResult> auto& value) {
  visit("works", value.works);
  visit("detail", value.detail);
}

template <class Visit>
void describe(Visit& visit, Like<PathBefore> auto& value) {
  visit("kind", value.kind);
  visit("spec", value.spec);
  visit("size", value.size);
  visit("digest", value.digest);
  visit("kept", value.kept);
  visit("target", value.target);
}

template <class Visit>
void describe(Visit& visit, Like<FileWritten> auto& value) {
  visit("path", value.path);
  visit("before", value.before);
  visit("written", value.written);
}

template <class T>
concept PathChange = Like<T, DirectoryMade> || Like<T, SymlinkMade> || Like<T, PathRemoved> || Like<T, PathRestored>;

template <class Visit>
void describe(Visit& visit, PathChange auto& value) {
  visit("path", value.path);
  visit("before", value.before);
}

template <class Visit>
void describe(Visit& visit, Like<CommandRun> auto& value) {
  visit("command", value.command);
  visit("unit", value.unit);
}

template <class Visit>
void describe(Visit& visit, Like<UnitChanged::Before> auto& value) {
  visit("enabled", value.enabled);
  visit("active", value.active);
}

template <class Visit>
void describe(Visit& visit, Like<UnitChanged> auto& value) {
  visit("action", value.action);
  visit("unit", value.unit);
  visit("before", value.before);
}

template <class Visit>
void describe(Visit& visit, Like<ModuleLoaded> auto& value) {
  visit("module", value.module);
  visit("loadedBefore", value.loaded_before);
}

template <class Visit>
void describe(Visit& visit, Like<SysctlSet> auto& value) {
  visit("key", value.key);
  visit("value", value.value);
  visit("before", value.before);
}

template <class Visit>
void describe(Visit& visit, Like<PayloadStored> auto& value) {
  visit("path", value.path);
  visit("complete", value.complete);
}

template <class Visit>
void describe(Visit& visit, Like<ImagePulled> auto& value) {
  visit("image", value.image);
}

template <class Visit>
void describe(Visit& visit, Like<MountsMade> auto& value) {
  visit("below", value.below);
  visit("before", value.before);
}

template <class Visit>
void describe(Visit& visit, Like<InterfacesMade> auto& value) {
  visit("before", value.before);
}

template <class Visit>
void describe(Visit& visit, Like<TakenAway> auto& value) {
  visit("trace", value.trace);
  visit("name", value.name);
}

template <class Visit>
void describe(Visit& visit, Like<Trace> auto& value) {
  visit("kind", value.kind);
  visit("name", value.name);
  visit("value", value.value);
}

template <class T>
concept Progress = Like<T, Begun> || Like<T, Completed> || Like<T, Synced>;

template <class Visit>
void describe(Visit&, Progress auto&) {}

template <class Visit>
void describe(Visit& visit, Like<LedgerEntry> auto& value) {
  visit("seq", value.sequence);
  visit("time", value.time);
  visit("step", value.step);
  visit("inputs", value.inputs);
  visit("change", value.change);
}

template <class Visit>
void describe(Visit& visit, Like<base::Command> auto& value) {
  visit("argv", value.argv);
  visit("environment", value.environment);
  visit("directory", value.directory);
  visit("timeout", value.timeout);
}

// The names of each enumeration's values, in their order.
template <class T>
inline constexpr std::array<std::string_view, 0> names{};
template <>
inline constexpr auto names<FileType> = std::to_array<std::string_view>({"regular", "directory", "symlink", "other"});
template <>
inline constexpr auto names<ProgramFolder> = std::to_array<std::string_view>({"usable", "no-exec", "read-only"});
template <>
inline constexpr auto names<UnitAction> =
    std::to_array<std::string_view>({"daemon-reload", "enable", "disable", "start", "stop", "restart", "reload"});
template <>
inline constexpr auto names<PathBefore::Kind> =
    std::to_array<std::string_view>({"absent", "file", "directory", "symlink", "other", "transient"});

template <>
inline constexpr auto names<Trace::Kind> = std::to_array<std::string_view>(
    {"path", "unit", "module", "sysctl", "mount", "link", "table", "chain", "cgroup", "user", "process"});
template <>
inline constexpr auto names<Restored> =
    std::to_array<std::string_view>({"as-before", "changed-since", "not-empty", "not-kept"});

}  // namespace sealift::host
