// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "payload/base/format.h"
#include "payload/base/text.h"
#include "runtime/config/field_reader.h"

namespace sealift::config {
namespace {

using format::HostRole;

constexpr size_t kMaxHosts = 5000;  // the size Kubernetes itself supports

bool is_fingerprint(std::string_view text) {
  const auto base64 = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' || c == '/';
  };
  return text.size() == 7 + 43 && text.starts_with("SHA256:") && std::ranges::all_of(text.substr(7), base64);
}

void read_role(const Mapping& fields, HostConfig& host) {
  if (!fields.require("role")) return;
  std::string role;
  fields.text("role", role);
  if (role.empty()) return;
  const auto parsed = format::parse_host_role(role);
  if (parsed && *parsed != HostRole::all) {
    host.role = *parsed;
  } else if (role == "master") {
    fields.bad("role", "the role \"master\" is called control-plane");
  } else {
    fields.bad("role", base::format("the role must be control-plane or worker, not \"{}\"", base::printable(role)));
  }
}

void read_labels(const Mapping& fields, HostConfig& host, Problems& problems) {
  if (const auto* labels = fields.find("labels"); labels != nullptr && labels->kind != yaml::Kind::mapping) {
    fields.bad("labels", "\"labels\" must be a mapping: {key: value}");
  } else if (labels != nullptr) {
    for (const auto& [key, value] : labels->members) {
      const bool scalar = value.is_null() || value.kind == yaml::Kind::scalar;
      host.labels[key] = value.as_string().value_or("");
      if (const auto bad = scalar
                               ? bad_label(key, host.labels[key])
                               : std::optional(base::format("the label \"{}\" must have a text", base::printable(key))))
        problems.add(value, *bad);
    }
  }
  for (const auto* taint : fields.texts("taints")) {
    if (const auto bad = bad_taint(taint->text)) problems.add(*taint, *bad);
    host.taints.push_back(taint->text);
  }
}

// One address, a range, or a list of both, each with its place.
std::vector<std::pair<std::string, const yaml::Node*>> read_addresses(const Mapping& fields, Problems& problems) {
  std::vector<std::pair<std::string, const yaml::Node*>> out;
  const auto* one = fields.find("address");
  const auto* many = fields.find("addresses");
  if ((one == nullptr) == (many == nullptr)) {
    problems.add(fields.node(), "a host needs either \"address\" or \"addresses\"");
    return out;
  }
  std::vector<const yaml::Node*> written;
  if (many != nullptr && many->kind == yaml::Kind::sequence) {
    written = fields.texts("addresses");
  } else {
    std::string text;
    fields.text(one != nullptr ? "address" : "addresses", text);
    if (!text.empty()) written.push_back(one != nullptr ? one : many);
  }
  for (const auto* node : written) {
    if (one != nullptr && node->text.contains('[')) {
      problems.add(*node, "a range stands in \"addresses\", not in \"address\"");
      continue;
    }
    const auto expanded = expand_addresses(node->text);
    if (!expanded) {
      problems.add(*node, base::format("\"{}\" is not a range like 10.7.0.[21-40] of at most 1000 hosts",
                                       base::printable(node->text)));
      continue;
    }
    for (const auto& address : *expanded) {
      if (is_host(address)) {
        out.emplace_back(address, node);
      } else {
        problems.add(*node, base::format("\"{}\" is neither an IP address nor a host name in lower case",
                                         base::printable(address)));
        break;  // the rest of a range would be reported the same way
      }
    }
  }
  return out;
}

void read_host(const yaml::Node& node, const SshSettings& defaults, Reading& reading) {
  Problems& problems = reading.problems;
  const Mapping fields(node, problems, kHost);
  if (node.kind != yaml::Kind::mapping) {
    if (node.is_null()) problems.add(node, "a host is missing here; write {address: …, role: …}");
    return;
  }
  HostConfig host;
  host.line = node.line;
  host.ssh = defaults;
  if (const auto* ssh = fields.find("ssh")) read_ssh(*ssh, host.ssh, reading);
  read_role(fields, host);
  fields.text("name", host.name);
  if (host.name) {
    const std::string lower = base::to_lower(*host.name);
    auto bad = bad_node_name(lower);
    if (!bad && lower != *host.name) bad = base::format("Kubernetes takes lower case only, write \"{}\"", lower);
    if (bad) fields.bad("name", base::format("\"{}\" can't be a node's name: {}", base::printable(*host.name), *bad));
  }
  fields.text("hostKey", host.host_key);
  if (host.host_key && !is_fingerprint(*host.host_key))
    fields.bad("hostKey",
               "the host key must be a fingerprint as `ssh-keygen -lf` prints it: SHA256: and 43 characters");
  fields.text("dataRoot", host.data_root);
  if (const auto bad = bad_data_root(host.data_root)) fields.bad("dataRoot", *bad);
  read_labels(fields, host, problems);
  const auto addresses = read_addresses(fields, problems);
  if (addresses.size() > 1) {
    for (const auto* key : {"name", "hostKey"}) {
      if (fields.find(key) != nullptr)
        fields.bad(key, base::format("\"{}\" belongs to one host, and these are {}; write them one by one", key,
                                     addresses.size()));
    }
  }
  const auto place_of = [&](std::string_view key) {
    const auto* written = fields.find(key);
    return Place{written != nullptr ? written->line : node.line, written != nullptr ? written->column : node.column};
  };
  host.places = {{}, place_of("role"), place_of("name"), place_of("dataRoot")};
  for (const auto& [address, place] : addresses) {
    if (reading.config.hosts.size() > kMaxHosts) return;  // one too many: read_hosts() reports it
    host.address = address;
    host.places.address = {place->line, place->column};
    reading.config.hosts.push_back(host);
    reading.host_places.push_back(place);
    reading.name_places.push_back(fields.find("name"));
  }
}

}  // namespace

std::optional<SecretSource> read_secret(const Mapping& parent, std::string_view key, Reading& reading) {
  const auto* node = parent.find(key);
  if (node == nullptr) return std::nullopt;
  if (node->kind != yaml::Kind::mapping) {
    parent.bad(
        key,
        base::format(
            "\"{}\" must not stand in the file itself; write {{file: PATH}}, {{env: VARIABLE}} or {{prompt: TEXT}}",
            key));
    return std::nullopt;
  }
  const Mapping source(*node, reading.problems, kSecret);
  SecretSource out;
  size_t given = 0;
  using Kind = SecretSource::Kind;
  for (const auto& [word, kind] :
       {std::pair{"file", Kind::file}, {"env", Kind::environment}, {"prompt", Kind::prompt}}) {
    if (source.find(word) == nullptr) continue;
    source.text(word, out.argument);
    out.kind = kind;
    ++given;
  }
  if (given != 1) {
    parent.bad(key, base::format("\"{}\" needs exactly one of file, env, prompt", key));
    return std::nullopt;
  }
  if (out.argument.empty()) return std::nullopt;  // of a wrong type: already reported
  if (out.kind == Kind::file) out.argument = reading.beside(out.argument);
  return out;
}

void read_ssh(const yaml::Node& node, SshSettings& ssh, Reading& reading) {
  const Mapping fields(node, reading.problems, kSsh);
  fields.text("user", ssh.user);
  const auto ordinary = [](char c) {
    return static_cast<unsigned char>(c) > 0x20 && c != 0x7f && c != ':' && c != '/';
  };
  if (ssh.user.starts_with('-') || ssh.user.size() > 64 || !std::ranges::all_of(ssh.user, ordinary))
    fields.bad("user", base::format("\"{}\" can't be the name of a user", base::printable(ssh.user)));
  fields.port("port", ssh.port);
  if (fields.find("keyPath") != nullptr) {
    fields.text("keyPath", ssh.key_path);
    if (ssh.key_path) ssh.key_path = reading.beside(*ssh.key_path);
  }
  if (auto secret = read_secret(fields, "keyPassphrase", reading)) ssh.key_passphrase = secret;
  if (auto secret = read_secret(fields, "password", reading)) ssh.password = secret;
  if (auto secret = read_secret(fields, "sudoPassword", reading)) ssh.sudo_password = secret;
}

void read_hosts(const yaml::Node& node, const SshSettings& defaults, Reading& reading) {
  if (node.kind != yaml::Kind::sequence || node.items.empty())
    return reading.problems.add(node, "\"hosts\" must be a list with at least one host");
  for (const auto& item : node.items) {
    read_host(item, defaults, reading);
    if (reading.config.hosts.size() > kMaxHosts)
      return reading.problems.add(item, base::format("more than {} hosts", kMaxHosts));
  }
}

void check_named_hosts(Reading& reading) {
  std::vector<std::string_view> known;
  for (const auto& host : reading.config.hosts) {
    known.emplace_back(host.address);
    if (host.name) known.emplace_back(*host.name);
  }
  for (const auto* written : reading.named_hosts) {
    if (std::ranges::contains(known, written->text)) continue;
    const auto near = base::nearest(written->text, known);
    std::string hint = near ? base::format("; did you mean \"{}\"?", *near) : "";
    // Words for several hosts, of hooks and of the registry.
    if (const auto word = std::string_view(written->text);
        word == "all" || word == "control-planes" || word == "workers" || word == "one-control-plane")
      hint = base::format("; as a word for several hosts, \"{}\" stands alone and not in a list", word);
    reading.problems.add(*written, base::format("\"{}\" is no host of this file, by name or address{}",
                                                base::printable(written->text, 100), hint));
  }
}

}  // namespace sealift::config
