// SPDX-License-Identifier: Apache-2.0
//
// How values of hosts become JSON, for the agent's protocol, the ledger and jobs. Each type has one description, which
// writing and reading follow alike: a new field is one line there. What is written is always read again as the same;
// a field that is missing or does not fit is `protocol`, with its name.
#pragma once

#include <concepts>
#include <limits>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "payload/base/text.h"
#include "payload/json/value.h"
#include "runtime/host/host.h"

namespace sealift::host {

template <class T, class Described>
concept Like = std::same_as<std::remove_const_t<T>, Described>;

// --- descriptions: the keys of the ledger and of jobs stay as they are, since hosts keep them ---

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
  visit("osId", value.os_id);
  visit("osVersion", value.os_version);
  visit("osName", value.os_name);
  visit("kernel", value.kernel);
  visit("architecture", value.architecture);
  visit("cpus", value.cpus);
  visit("memory", value.memory_bytes);
  visit("swap", value.swap_bytes);
  visit("systemd", value.systemd);
  visit("systemdVersion", value.systemd_version);
  visit("cgroup", value.cgroup_version);
  visit("controllers", value.cgroup_controllers);
  visit("clock", value.clock_ms);
  visit("selinux", value.selinux_enforcing);
  visit("filesystems", value.filesystems);
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
void describe(Visit& visit, Like<LedgerEntry> auto& value) {
  visit("seq", value.sequence);
  visit("time", value.time);
  visit("step", value.step);
  visit("inputs", value.inputs);
  visit("kind", value.kind);
  visit("target", value.target);
  visit("before", value.before);
}

template <class Visit>
void describe(Visit& visit, Like<base::Command> auto& value) {
  visit("argv", value.argv);
  visit("environment", value.environment);
  visit("directory", value.directory);
  visit("timeout", value.timeout);
}

// --- both directions ---

template <class T>
json::Value to_json(const T& value);
template <class T>
Result<T> from_json(const json::Value& value);

json::Value to_json(const Error& error);
Error error_from_json(const json::Value& value);  // always gives one

namespace json_values {

template <class T>
inline constexpr bool is_vector = false;
template <class T>
inline constexpr bool is_vector<std::vector<T>> = true;
template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;

// The last value of each enumeration that travels as a number.
template <class T>
inline constexpr std::optional<T> last = std::nullopt;
template <>
inline constexpr std::optional<FileType> last<FileType> = FileType::other;
template <>
inline constexpr std::optional<ProgramFolder> last<ProgramFolder> = ProgramFolder::read_only;
template <>
inline constexpr std::optional<Host::UnitAction> last<Host::UnitAction> = Host::UnitAction::restart;

struct Writer {
  json::Value out = json::Value::object();
  template <class T>
  void operator()(std::string_view key, const T& field) {
    if constexpr (is_optional<T>) {
      if (field) out.set(std::string(key), to_json(*field));
    } else {
      out.set(std::string(key), to_json(field));
    }
  }
};

struct Reader {
  const json::Value& in;
  std::optional<Error> error = std::nullopt;  // the first one
  template <class T>
  void operator()(std::string_view key, T& field) {
    if (error) return;
    const auto* value = in.find(key);
    if constexpr (is_optional<T>) {
      if (value == nullptr) return;
      take(key, from_json<typename T::value_type>(*value), field);
    } else {
      if (value == nullptr) error = Error{ErrorCode::protocol, std::format("\"{}\" is missing", key), {}};
      else take(key, from_json<T>(*value), field);
    }
  }
  template <class T, class Field>
  void take(std::string_view key, Result<T> read, Field& field) {
    if (read) field = std::move(*read);
    else error = Error{ErrorCode::protocol, std::format("\"{}\": {}", key, read.error().what), {}};
  }
};

template <class T>
Result<T> integer_from(const json::Value& value) {
  if constexpr (std::is_signed_v<T>) {
    const auto number = value.integer();
    if (number && std::in_range<T>(*number)) return static_cast<T>(*number);
  } else {
    const auto number = value.unsigned_integer();
    if (number && std::in_range<T>(*number)) return static_cast<T>(*number);
  }
  return fail(ErrorCode::protocol, "not a number that fits");
}

}  // namespace json_values

template <class T>
json::Value to_json(const T& value) {
  if constexpr (std::same_as<T, std::string> || std::same_as<T, bool>) {
    return json::Value(value);
  } else if constexpr (std::same_as<T, Architecture>) {
    return json::Value(base::name(value));
  } else if constexpr (std::same_as<T, Digest>) {
    return json::Value(value.text());
  } else if constexpr (std::same_as<T, Duration>) {
    return json::Value(int64_t{value.count()});
  } else if constexpr (std::is_enum_v<T>) {
    return json::Value(static_cast<uint64_t>(value));
  } else if constexpr (std::is_integral_v<T>) {
    if constexpr (std::is_signed_v<T>) return json::Value(int64_t{value});
    else return json::Value(uint64_t{value});
  } else if constexpr (json_values::is_vector<T>) {
    json::Value out = json::Value::array();
    for (const auto& item : value) out.push_back(to_json(item));
    return out;
  } else {
    json_values::Writer writer;
    describe(writer, value);
    return std::move(writer.out);
  }
}

template <class T>
Result<T> from_json(const json::Value& value) {
  if constexpr (std::same_as<T, std::string>) {
    if (const auto* text = value.string()) return *text;
    return fail(ErrorCode::protocol, "not a text");
  } else if constexpr (std::same_as<T, bool>) {
    if (const auto truth = value.boolean()) return *truth;
    return fail(ErrorCode::protocol, "neither true nor false");
  } else if constexpr (std::same_as<T, Architecture>) {
    const auto architecture = value.string() == nullptr ? std::nullopt : base::parse_architecture(*value.string());
    if (architecture) return *architecture;
    return fail(ErrorCode::protocol, "an unknown architecture");
  } else if constexpr (std::same_as<T, Digest>) {
    if (value.string() == nullptr) return fail(ErrorCode::protocol, "not a digest");
    return Digest::parse(*value.string());
  } else if constexpr (std::same_as<T, Duration>) {
    return json_values::integer_from<int64_t>(value).transform([](int64_t count) { return Duration{count}; });
  } else if constexpr (std::is_enum_v<T>) {
    const auto number = value.unsigned_integer();
    if (number && *number <= static_cast<uint64_t>(*json_values::last<T>)) return static_cast<T>(*number);
    return fail(ErrorCode::protocol, "an unknown value");
  } else if constexpr (std::is_integral_v<T>) {
    return json_values::integer_from<T>(value);
  } else if constexpr (json_values::is_vector<T>) {
    if (!value.is_array()) return fail(ErrorCode::protocol, "not a list");
    T out;
    for (const auto& item : *value.elements()) {
      SEALIFT_ASSIGN(auto read, from_json<typename T::value_type>(item));
      out.push_back(std::move(read));
    }
    return out;
  } else {
    T out;
    json_values::Reader reader{value};
    describe(reader, out);
    if (reader.error) return fail(std::move(*reader.error));
    return out;
  }
}

}  // namespace sealift::host
