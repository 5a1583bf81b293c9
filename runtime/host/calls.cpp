// SPDX-License-Identifier: Apache-2.0
#include "runtime/host/calls.h"

#include "payload/base/text.h"

namespace sealift::host {

json::Value texts_to_json(const std::vector<std::string>& texts) {
  json::Value out = json::Value::array();
  for (const auto& text : texts) out.push_back(text);
  return out;
}

std::vector<std::string> texts_from(const json::Value* value) {
  std::vector<std::string> out;
  if (value == nullptr || !value->is_array()) return out;
  for (const auto& element : *value->elements()) {
    if (element.string() != nullptr) out.push_back(*element.string());
  }
  return out;
}

json::Value to_json(const FileStatus& value) {
  json::Value out = json::Value::object();
  out.set("type", uint64_t(value.type));
  out.set("mode", value.spec.mode);
  out.set("uid", value.spec.uid);
  out.set("gid", value.spec.gid);
  out.set("size", value.size);
  out.set("target", value.link_target);
  return out;
}

Result<FileStatus> file_status_from(const json::Value& value) {
  FileStatus out;
  const uint64_t type = value.natural_or("type", 99);
  if (type > uint64_t(FileType::other)) return fail(ErrorCode::protocol, "a file of type {}", type);
  out.type = static_cast<FileType>(type);
  out.spec = {static_cast<uint32_t>(value.natural_or("mode", 0)), static_cast<uint32_t>(value.natural_or("uid", 0)),
              static_cast<uint32_t>(value.natural_or("gid", 0))};
  out.size = value.natural_or("size", 0);
  out.link_target = value.text_or("target", "");
  return out;
}

json::Value to_json(const UnitState& value) {
  json::Value out = json::Value::object();
  out.set("loaded", value.loaded);
  out.set("enabled", value.enabled);
  out.set("active", value.active);
  out.set("sub", value.sub);
  return out;
}

UnitState unit_state_from(const json::Value& value) {
  return {value.boolean_or("loaded", false), value.boolean_or("enabled", false), value.text_or("active", ""), value.text_or("sub", "")};
}

json::Value to_json(const Facts& value) {
  json::Value out = json::Value::object();
  out.set("hostname", value.hostname);
  out.set("machineId", value.machine_id);
  out.set("osId", value.os_id);
  out.set("osVersion", value.os_version);
  out.set("osName", value.os_name);
  out.set("kernel", value.kernel);
  out.set("architecture", base::name(value.architecture));
  out.set("cpus", value.cpus);
  out.set("memory", value.memory_bytes);
  out.set("swap", value.swap_bytes);
  out.set("systemd", value.systemd);
  out.set("systemdVersion", value.systemd_version);
  out.set("cgroup", value.cgroup_version);
  out.set("controllers", texts_to_json(value.cgroup_controllers));
  out.set("clock", value.clock_ms);
  out.set("selinux", value.selinux_enforcing);
  out.set("filesystems", texts_to_json(value.filesystems));
  json::Value addresses = json::Value::array();
  for (const auto& address : value.addresses) {
    json::Value entry = json::Value::object();
    entry.set("interface", address.interface);
    entry.set("address", address.address);
    entry.set("prefix", address.prefix);
    addresses.push_back(std::move(entry));
  }
  out.set("addresses", std::move(addresses));
  out.set("defaultRoute", value.default_route);
  out.set("nameservers", texts_to_json(value.nameservers));
  json::Value listeners = json::Value::array();
  for (const auto& listener : value.listeners) {
    json::Value entry = json::Value::object();
    entry.set("address", listener.address);
    entry.set("port", uint64_t{listener.port});
    entry.set("process", listener.process);
    listeners.push_back(std::move(entry));
  }
  out.set("listeners", std::move(listeners));
  return out;
}

Result<Facts> facts_from(const json::Value& value) {
  Facts out;
  const auto architecture = base::parse_architecture(value.text_or("architecture", ""));
  if (!architecture) return fail(ErrorCode::protocol, "the agent names an unknown architecture");
  out.architecture = *architecture;
  out.hostname = value.text_or("hostname", "");
  out.machine_id = value.text_or("machineId", "");
  out.os_id = value.text_or("osId", "");
  out.os_version = value.text_or("osVersion", "");
  out.os_name = value.text_or("osName", "");
  out.kernel = value.text_or("kernel", "");
  out.cpus = static_cast<uint32_t>(value.natural_or("cpus", 0));
  out.memory_bytes = value.natural_or("memory", 0);
  out.swap_bytes = value.natural_or("swap", 0);
  out.systemd = value.boolean_or("systemd", false);
  out.systemd_version = value.text_or("systemdVersion", "");
  out.cgroup_version = static_cast<int>(value.natural_or("cgroup", 0));
  out.cgroup_controllers = texts_from(value.find("controllers"));
  out.clock_ms = static_cast<int64_t>(value.natural_or("clock", 0));
  out.selinux_enforcing = value.boolean_or("selinux", false);
  out.filesystems = texts_from(value.find("filesystems"));
  out.default_route = value.boolean_or("defaultRoute", false);
  out.nameservers = texts_from(value.find("nameservers"));
  if (const auto* addresses = value.find("addresses"); addresses != nullptr && addresses->is_array()) {
    for (const auto& entry : *addresses->elements()) {
      out.addresses.push_back({entry.text_or("interface", ""), entry.text_or("address", ""), static_cast<int>(entry.natural_or("prefix", 0))});
    }
  }
  if (const auto* listeners = value.find("listeners"); listeners != nullptr && listeners->is_array()) {
    for (const auto& entry : *listeners->elements()) {
      out.listeners.push_back({entry.text_or("address", ""), static_cast<uint16_t>(entry.natural_or("port", 0)), entry.text_or("process", "")});
    }
  }
  return out;
}

json::Value to_json(const DiskSpace& value) {
  json::Value out = json::Value::object();
  out.set("mount", value.mount_point);
  out.set("filesystem", value.filesystem);
  out.set("free", value.free_bytes);
  out.set("total", value.total_bytes);
  out.set("inodes", value.free_inodes);
  out.set("readOnly", value.read_only);
  out.set("noExec", value.no_exec);
  return out;
}

DiskSpace disk_space_from(const json::Value& value) {
  return {value.text_or("mount", ""),      value.text_or("filesystem", ""),     value.natural_or("free", 0),      value.natural_or("total", 0),
          value.natural_or("inodes", 0), value.boolean_or("readOnly", false), value.boolean_or("noExec", false)};
}

json::Value to_json(const LedgerEntry& value) {
  json::Value out = json::Value::object();
  out.set("seq", value.sequence);
  out.set("time", value.time);
  out.set("step", value.step);
  out.set("inputs", value.inputs);
  out.set("kind", value.kind);
  out.set("target", value.target);
  out.set("before", value.before);
  return out;
}

LedgerEntry ledger_entry_from(const json::Value& value) {
  return {value.natural_or("seq", 0),  value.text_or("time", ""),   value.text_or("step", ""),  value.text_or("inputs", ""),
          value.text_or("kind", ""), value.text_or("target", ""), value.text_or("before", "")};
}

json::Value to_json(const base::Command& value) {
  json::Value out = json::Value::object();
  out.set("argv", texts_to_json(value.argv));
  out.set("environment", texts_to_json(value.environment));
  out.set("directory", value.directory);
  if (value.timeout) out.set("timeout", int64_t{value.timeout->count()});
  return out;
}

base::Command command_from(const json::Value& value) {
  base::Command out{texts_from(value.find("argv")), texts_from(value.find("environment")), value.text_or("directory", "/"), {}};
  if (const auto* timeout = value.find("timeout"); timeout != nullptr && timeout->integer()) out.timeout = Duration{*timeout->integer()};
  return out;
}

}  // namespace sealift::host
