// SPDX-License-Identifier: Apache-2.0
#include "payload/format/base_document.h"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <map>
#include <set>

#include "payload/base/format.h"
#include "payload/base/mode.h"
#include "payload/base/safe_path.h"
#include "payload/base/text.h"
#include "payload/format/destination.h"
#include "payload/image/reference.h"
#include "payload/yaml/node.h"

namespace sealift::format {
namespace {

// Reads one mapping strictly and stops at the first error (a base is written by a packer, not at a site).
class Fields {
 public:
  static Result<Fields> of(const yaml::Node& node, std::string_view where,
                           std::initializer_list<std::string_view> known) {
    if (node.kind != yaml::Kind::mapping)
      return fail(ErrorCode::invalid_input, "{}:{}:{}: a mapping is expected here", where, node.line, node.column);
    for (const auto& [key, value] : node.members) {
      if (std::ranges::contains(known, key)) continue;
      const auto near = base::nearest(key, std::span(known.begin(), known.size()));
      return fail(ErrorCode::invalid_input, "{}:{}:{}: the field \"{}\" is not known{}", where, value.line,
                  value.column, base::printable(key), near ? base::format(", did you mean \"{}\"?", *near) : "");
    }
    return Fields(node, where);
  }
  const yaml::Node* find(std::string_view key) const { return node_->find(key); }
  Result<std::string> text(std::string_view key) const {
    const auto* node = node_->find(key);
    const auto value = node == nullptr ? std::nullopt : node->as_string();
    if (!value || value->empty()) return bad(node, base::format("\"{}\" must be a text", key));
    return *value;
  }
  Result<std::string> text_or(std::string_view key, std::string_view otherwise) const {
    if (node_->find(key) == nullptr) return std::string(otherwise);
    return text(key);
  }
  std::unexpected<Error> bad(const yaml::Node* node, std::string_view what) const {
    const yaml::Node& at = node == nullptr ? *node_ : *node;
    return fail(ErrorCode::invalid_input, "{}:{}:{}: {}", where_, at.line, at.column, what);
  }

 private:
  Fields(const yaml::Node& node, std::string_view where) : node_(&node), where_(where) {}
  const yaml::Node* node_;
  std::string where_;
};

// Letters, digits, - _ . and the characters in `more`, beginning with a letter or digit: can't be a path, an option
// or two words.
bool is_word(std::string_view text, std::string_view more) {
  const auto plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); };
  if (text.empty() || text.size() > 255 || !plain(text.front()) || text.contains("..")) return false;
  return std::ranges::all_of(text,
                             [&](char c) { return plain(c) || c == '-' || c == '_' || c == '.' || more.contains(c); });
}

Result<uint64_t> quantity(const Fields& fields, std::string_view key) {
  const auto* node = fields.find(key);
  if (node == nullptr) return 0;
  const std::string text = node->as_string().value_or("");
  uint64_t factor = 1;
  std::string_view digits = text;
  for (const auto& [suffix, value] : {std::pair<std::string_view, uint64_t>{"Ki", 1ULL << 10},
                                      {"Mi", 1ULL << 20},
                                      {"Gi", 1ULL << 30},
                                      {"Ti", 1ULL << 40}}) {
    if (digits.ends_with(suffix)) {
      factor = value;
      digits.remove_suffix(2);
      break;
    }
  }
  const auto value = base::parse_u64(digits);
  if (!value || *value > (UINT64_MAX / factor))
    return fields.bad(node, base::format("\"{}\" must be a size like 1700Mi or 4Gi", key));
  return *value * factor;
}

Result<uint32_t> mode_of(const Fields& fields) {
  SEALIFT_ASSIGN(const std::string text, fields.text_or("mode", "0644"));
  const auto mode = base::parse_mode(text);
  if (!mode)
    return fields.bad(fields.find("mode"), "the mode must be octal digits in quotes, like \"0644\", at most \"7777\"");
  return *mode;
}

Result<HostRole> role_of(const Fields& fields) {
  SEALIFT_ASSIGN(const std::string text, fields.text_or("role", "all"));
  const auto role = parse_host_role(text);
  if (!role) return fields.bad(fields.find("role"), "the role must be all, control-plane or worker");
  return *role;
}

Result<HostFile> parse_file(const yaml::Node& node, std::string_view where) {
  SEALIFT_ASSIGN(const auto fields,
                 Fields::of(node, where, {"source", "destination", "mode", "owner", "role", "template"}));
  HostFile out;
  SEALIFT_ASSIGN(out.source, fields.text("source"));
  SEALIFT_ASSIGN(out.destination, fields.text("destination"));
  if (auto safe = base::safe_relative_path(out.source); !safe) return fields.bad(&node, safe.error().what);
  if (const auto bad = bad_destination(out.destination)) return fields.bad(&node, *bad);
  SEALIFT_ASSIGN(out.mode, mode_of(fields));
  SEALIFT_ASSIGN(out.role, role_of(fields));
  SEALIFT_ASSIGN(const std::string owner_text, fields.text_or("owner", "0:0"));
  const auto owner = base::split(owner_text, ':');
  const auto uid = owner.size() == 2 ? base::parse_u64(owner[0]) : std::nullopt;
  const auto gid = owner.size() == 2 ? base::parse_u64(owner[1]) : std::nullopt;
  if (!uid || !gid || *uid > 0xfffffffeU || *gid > 0xfffffffeU)
    return fields.bad(fields.find("owner"), "the owner must be \"uid:gid\" in numbers");
  out.uid = static_cast<uint32_t>(*uid);
  out.gid = static_cast<uint32_t>(*gid);
  if (const auto* flag = fields.find("template")) {
    if (!flag->as_bool()) return fields.bad(flag, "\"template\" must be true or false");
    out.is_template = *flag->as_bool();
  }
  return out;
}

Result<BaseUnit> parse_unit(const yaml::Node& node, std::string_view where) {
  SEALIFT_ASSIGN(const auto fields, Fields::of(node, where, {"name", "start"}));
  BaseUnit out;
  SEALIFT_ASSIGN(out.name, fields.text("name"));
  if (!is_word(out.name, "@") || !out.name.contains('.'))
    return fields.bad(fields.find("name"), base::format("\"{}\" is not the name of a unit like containerd.service",
                                                        base::printable(out.name)));
  SEALIFT_ASSIGN(const std::string start, fields.text_or("start", "now"));
  if (start != "now" && start != "kubeadm") return fields.bad(fields.find("start"), "\"start\" must be now or kubeadm");
  out.start_now = start == "now";
  return out;
}

Result<std::map<std::string, std::string>> parse_texts(const Fields& fields, std::string_view key) {
  std::map<std::string, std::string> out;
  const auto* node = fields.find(key);
  if (node == nullptr) return out;
  if (node->kind != yaml::Kind::mapping)
    return fields.bad(node, base::format("\"{}\" must be a mapping of names to texts", key));
  for (const auto& [name, value] : node->members) {
    const auto text = value.as_string();
    if (!text) return fields.bad(&value, base::format("\"{}\" must be a text", base::printable(name)));
    out[name] = *text;
  }
  return out;
}

template <class T>
Result<std::vector<T>> parse_list(const Fields& fields, std::string_view key, std::string_view where,
                                  Result<T> (*parse)(const yaml::Node&, std::string_view)) {
  std::vector<T> out;
  const auto* node = fields.find(key);
  if (node == nullptr) return out;
  if (node->kind != yaml::Kind::sequence) return fields.bad(node, base::format("\"{}\" must be a list", key));
  for (const auto& item : node->items) {
    SEALIFT_ASSIGN(auto value, parse(item, where));
    out.push_back(std::move(value));
  }
  return out;
}

Result<std::string> parse_word(const yaml::Node& node, std::string_view where) {
  const auto text = node.as_string();
  if (!text || !is_word(*text, ""))
    return fail(ErrorCode::invalid_input, "{}:{}:{}: a word is expected here", where, node.line, node.column);
  return *text;
}

Result<uint16_t> parse_port(const yaml::Node& node, std::string_view where) {
  const auto port = node.as_u64();
  if (!port || *port == 0 || *port > 65535)
    return fail(ErrorCode::invalid_input, "{}:{}:{}: a port is a number from 1 to 65535", where, node.line,
                node.column);
  return static_cast<uint16_t>(*port);
}

Result<void> parse_roles(const Fields& spec, std::string_view where, BaseDocument& out) {
  if (const auto* ports = spec.find("ports")) {
    SEALIFT_ASSIGN(const auto fields, Fields::of(*ports, where, {"all", "control-plane", "worker"}));
    for (const auto role : {HostRole::all, HostRole::control_plane, HostRole::worker}) {
      SEALIFT_ASSIGN(out.ports[role], parse_list<uint16_t>(fields, name(role), where, parse_port));
    }
  }
  if (const auto* minimum = spec.find("minimum")) {
    SEALIFT_ASSIGN(const auto fields, Fields::of(*minimum, where, {"control-plane", "worker"}));
    for (const auto role : {HostRole::control_plane, HostRole::worker}) {
      const auto* node = fields.find(name(role));
      if (node == nullptr) continue;
      SEALIFT_ASSIGN(const auto values, Fields::of(*node, where, {"cpus", "memory", "disk"}));
      Minimum& wanted = out.minimum[role];
      if (const auto* cpus = values.find("cpus")) {
        const auto count = cpus->as_u64();
        if (!count || *count > 4096) return values.bad(cpus, "\"cpus\" must be a whole number up to 4096");
        wanted.cpus = static_cast<uint32_t>(*count);
      }
      SEALIFT_ASSIGN(wanted.memory_bytes, quantity(values, "memory"));
      SEALIFT_ASSIGN(wanted.disk_bytes, quantity(values, "disk"));
    }
  }
  return {};
}

Result<void> check_unique(const BaseDocument& document, const Fields& spec) {
  std::set<std::string_view> units;
  for (size_t i = 0; i < document.units.size(); ++i) {
    if (!units.insert(document.units[i].name).second)
      return spec.bad(&spec.find("units")->items[i], base::format("the unit {} stands twice", document.units[i].name));
  }
  std::map<std::string_view, std::vector<HostRole>> written;  // by destination
  for (size_t i = 0; i < document.files.size(); ++i) {
    const auto& file = document.files[i];
    auto& roles = written[file.destination];
    const auto same_hosts = [&](HostRole role) {
      return role == file.role || role == HostRole::all || file.role == HostRole::all;
    };
    if (std::ranges::any_of(roles, same_hosts))
      return spec.bad(&spec.find("files")->items[i],
                      base::format("{} is written twice on the same hosts", file.destination));
    roles.push_back(file.role);
  }
  return {};
}

Result<void> parse_versions(const Fields& spec, BaseDocument& out) {
  SEALIFT_ASSIGN(out.kubernetes_version, spec.text("kubernetesVersion"));
  if (!is_kubernetes_version(out.kubernetes_version))
    return spec.bad(spec.find("kubernetesVersion"), "\"kubernetesVersion\" must be a version like v1.34.4");
  SEALIFT_ASSIGN(out.cri_socket, spec.text("criSocket"));
  if (!out.cri_socket.starts_with("unix://") || !base::safe_absolute_path(out.cri_socket.substr(7))) {
    return spec.bad(spec.find("criSocket"),
                    "\"criSocket\" must be a socket like unix:///run/containerd/containerd.sock");
  }
  return {};
}

Result<void> parse_spec(const yaml::Node& node, std::string_view where, BaseDocument& out) {
  SEALIFT_ASSIGN(const auto spec, Fields::of(node, where,
                                             {"kubernetesVersion", "criSocket", "images", "tools", "files", "units",
                                              "modules", "sysctls", "ports", "minimum", "kubeadm"}));
  SEALIFT_TRY(parse_versions(spec, out));
  SEALIFT_ASSIGN(out.images, parse_texts(spec, "images"));
  if (!out.images.contains("sandbox")) return spec.bad(spec.find("images"), "\"images\" must name the role sandbox");
  for (const auto& [role, reference] : out.images) {
    if (auto parsed = image::parse_reference(reference); !parsed)
      return spec.bad(spec.find("images")->find(role), parsed.error().what);
  }
  SEALIFT_ASSIGN(out.tools, parse_texts(spec, "tools"));
  for (const auto* tool : {"kubeadm", "kubectl", "helm", "ctr"}) {
    if (!out.tools.contains(tool)) return spec.bad(spec.find("tools"), base::format("\"tools\" must name {}", tool));
  }
  for (const auto& [tool, path] : out.tools) {
    if (auto safe = base::safe_relative_path(path); !safe)
      return spec.bad(spec.find("tools")->find(tool), safe.error().what);
  }
  SEALIFT_ASSIGN(out.files, parse_list<HostFile>(spec, "files", where, parse_file));
  SEALIFT_ASSIGN(out.units, parse_list<BaseUnit>(spec, "units", where, parse_unit));
  SEALIFT_TRY(check_unique(out, spec));
  SEALIFT_ASSIGN(out.modules, parse_list<std::string>(spec, "modules", where, parse_word));
  SEALIFT_ASSIGN(out.sysctls, parse_texts(spec, "sysctls"));
  for (const auto& [key, value] : out.sysctls) {
    // Slashes stand for dots inside a part, as in sysctl(8).
    if (!is_word(key, "/") || value.empty() || value.contains('\n'))
      return spec.bad(
          spec.find("sysctls")->find(key),
          base::format("\"{}\" is not a kernel setting like net.ipv4.ip_forward: \"1\"", base::printable(key)));
  }
  if (const auto* kubeadm = spec.find("kubeadm")) {
    SEALIFT_ASSIGN(out.kubeadm, spec.text("kubeadm"));
    if (auto documents = yaml::parse(out.kubeadm, base::format("{}: \"kubeadm\", line", where)); !documents)
      return spec.bad(kubeadm, documents.error().what);
  }
  return parse_roles(spec, where, out);
}

}  // namespace

// "v1.34.4" with nothing after the numbers: kubeadm gets this version.
bool is_kubernetes_version(std::string_view text) {
  if (!text.starts_with('v')) return false;
  const auto parts = base::split(text.substr(1), '.');
  return parts.size() == 3 && std::ranges::all_of(parts, [](std::string_view part) {
           return part.size() <= 4 && base::parse_u64(part).has_value();
         });
}

Result<BaseDocument> parse_base_document(std::string_view text, std::string_view where) {
  SEALIFT_ASSIGN(const auto documents, yaml::parse(text, where));
  if (documents.size() != 1)
    return fail(ErrorCode::invalid_input, "{}: exactly one document is expected, there are {}", where,
                documents.size());
  SEALIFT_ASSIGN(const auto top, Fields::of(documents[0], where, {"apiVersion", "kind", "metadata", "spec"}));
  SEALIFT_ASSIGN(const std::string api, top.text_or("apiVersion", ""));
  SEALIFT_ASSIGN(const std::string kind, top.text_or("kind", ""));
  if (api != "sealift.dev/v1" || kind != "Base") {
    return top.bad(top.find("kind"), "apiVersion must be sealift.dev/v1 and kind Base");
  }
  BaseDocument out;
  const auto* metadata = top.find("metadata");
  const auto* spec = top.find("spec");
  if (metadata == nullptr || spec == nullptr) return top.bad(nullptr, "metadata and spec must be there");
  SEALIFT_ASSIGN(const auto fields, Fields::of(*metadata, where, {"name"}));
  SEALIFT_ASSIGN(out.name, fields.text("name"));
  SEALIFT_TRY(parse_spec(*spec, where, out));
  return out;
}

std::string expand_architecture(std::string_view path, Architecture architecture) {
  std::string out(path);
  const std::string_view mark = "${ARCH}";
  for (size_t at = out.find(mark); at != std::string::npos; at = out.find(mark, at))
    out.replace(at, mark.size(), base::name(architecture));
  return out;
}

}  // namespace sealift::format
