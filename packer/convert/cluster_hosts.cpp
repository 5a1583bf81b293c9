// SPDX-License-Identifier: Apache-2.0
#include "packer/convert/cluster_hosts.h"
#include "packer/convert/texts.h"

#include <algorithm>

#include "payload/base/format.h"
#include "payload/base/text.h"

namespace sealift::convert {
namespace {

using yaml::Node;

// "10.0.0.2:22" of sealos is the address and the port; "10.0.0.2-10.0.0.5" of sealer is a range.
std::string to_address(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon != std::string_view::npos && text.find(':') == colon) text = text.substr(0, colon);
  const size_t dash = text.find('-');
  const size_t dot = text.substr(0, dash).rfind('.');
  if (dash == std::string_view::npos || dot == std::string_view::npos) return std::string(text);
  const std::string_view network = text.substr(0, dot + 1), end = text.substr(dash + 1);
  const std::string_view first = text.substr(dot + 1, dash - dot - 1);
  if (!end.starts_with(network) || !base::parse_u64(first)) return std::string(text);
  return base::format("{}[{}-{}]", network, first, end.substr(network.size()));
}

std::string port_of(std::string_view text) {
  const size_t colon = text.rfind(':');
  return colon != std::string_view::npos && text.find(':') == colon ? std::string(text.substr(colon + 1)) : "";
}

Node secret(std::string_view what, const std::string& whose) {
  Node out = Node::make_mapping();
  out.set("prompt", Node::make_string(base::format("{} {}", what, whose)));
  return out;
}

}  // namespace

Node convert_ssh(const Node& ssh, const std::string& whose, const std::string& file, Report& report) {
  Node out = Node::make_mapping();
  for (const auto& [key, value] : ssh.members) {
    const std::string text = value.as_string().value_or("");
    const auto note = [&, line = value.line](Outcome outcome, std::string what) {
      report.add({file, line, outcome, "ssh." + key, std::move(what)});
    };
    const std::string told = "{prompt: …}, never the text itself; {file: PATH} and {env: VARIABLE} ask nobody";
    if (key == "encrypted" || key == "pkName" || text.empty()) {
      note(Outcome::dropped, "it says nothing that a delivery needs");
    } else if (key == "user") {
      out.set("user", Node::make_string(text));
      note(Outcome::kept, "");
    } else if (key == "port") {
      out.set("port", Node::make_plain(text));
      note(Outcome::kept, "");
    } else if (key == "pk") {
      out.set("keyPath", Node::make_string(text));
      note(Outcome::changed, "keyPath; a relative path counts from cluster.yaml");
    } else if (key == "passwd") {
      out.set("password", secret("SSH password of", whose));
      note(Outcome::changed, "password: " + told);
    } else if (key == "pkPasswd") {
      out.set("keyPassphrase", secret("passphrase of the SSH key of", whose));
      note(Outcome::changed, "keyPassphrase: " + told);
    } else {
      note(Outcome::lost, "name a key with keyPath, or a password with password: {file: PATH}");
    }
  }
  return out;
}

void Hosts::note(Outcome outcome, int line, std::string what, std::string text) {
  report_->add({file_, line, outcome, std::move(what), std::move(text)});
}

void Hosts::read_list(const Node& hosts) {
  for (const auto& host : hosts.items) read_host(host);
}

void Hosts::read_roles(const Node& roles, HostGroup& group) {
  for (const auto& role : texts_of(&roles)) {
    if (role == "master") {
      group.role = "control-plane";
    } else if (role != "node" && role != "worker" && role != "amd64" && role != "arm64" && role != "registry") {
      note(Outcome::lost, roles.line, "role " + role,
           "hosts are control-plane or worker; labels tell further kinds apart");
    }
  }
}

void Hosts::read_host(const Node& host) {
  HostGroup group{.role = "worker"};
  std::string port;
  for (const auto& [key, value] : host.members) {
    if (key == "ips") {
      for (const auto& ip : texts_of(&value)) {
        group.addresses.push_back(to_address(ip));
        port = port_of(ip);
      }
    } else if (key == "roles" || key == "role") {
      read_roles(value, group);
    } else if (key == "labels") {
      for (const auto& [label, text] : value.members) group.labels[label] = text.as_string().value_or("");
    } else if (key == "taints") {
      for (const auto& taint : texts_of(&value)) add_taint(taint, group, value.line);
    } else if (key == "env") {
      for (const auto& setting : texts_of(&value))
        note(Outcome::lost, value.line, "env " + setting.substr(0, setting.find('=')),
             "hosts have no variables of their own; FILE --role puts different files on different hosts");
    } else if (key != "ssh" && key != "count" && key != "cpu" && key != "memory" && key != "systemDisk" &&
               key != "dataDisk" && key != "dataDisks") {
      note(Outcome::lost, value.line, "hosts[]." + key, "the field is not known");
    }
  }
  if (group.addresses.empty())
    return note(Outcome::lost, host.line, "a host without an address",
                "no machines are made; write {address: …, role: …} for those that are there");
  if (const auto* ssh = host.find("ssh")) group.ssh = convert_ssh(*ssh, group.addresses[0], file_, *report_);
  if (!port.empty() && port != "22") group.ssh.set("port", Node::make_plain(port));
  note(Outcome::changed, host.line, "hosts[]",
       base::format("{} of role {}", base::join(group.addresses, ", "), group.role));
  groups_.push_back(std::move(group));
}

void Hosts::read_group(std::string_view field, const Node& group) {
  HostGroup out{.addresses = {}, .role = field == "masters" ? "control-plane" : "worker"};
  for (const auto& address : texts_of(group.find("ipList"))) out.addresses.push_back(to_address(address));
  if (!out.addresses.empty()) {
    note(Outcome::changed, group.line, std::string(field),
         base::format("{} of role {}", base::join(out.addresses, ", "), out.role));
    groups_.push_back(std::move(out));
  } else if (group.text_at("count") != "0") {
    note(Outcome::lost, group.line, std::string(field) + " without ipList",
         "no machines are made; write {address: …, role: …} for those that are there");
  }
}

HostGroup* Hosts::at(const std::string& address) {
  for (size_t i = 0; i < groups_.size(); ++i) {
    const auto found = std::ranges::find(groups_[i].addresses, address);
    if (found == groups_[i].addresses.end()) continue;
    if (groups_[i].addresses.size() == 1) return &groups_[i];
    HostGroup single = groups_[i];
    single.addresses = {address};
    groups_[i].addresses.erase(found);
    return &*groups_.insert(groups_.begin() + static_cast<std::ptrdiff_t>(i) + 1, std::move(single));
  }
  return nullptr;
}

void Hosts::add_taint(std::string_view taint, HostGroup& group, int line) {
  if (!taint.ends_with('-')) {
    group.taints.emplace_back(taint);
    return;
  }
  note(Outcome::lost, line, "taint " + std::string(taint),
       "no taint is taken away; kubeadm's own on control planes: nodeRegistration.taints of InitConfiguration");
}

void Hosts::label(std::string_view lines, int line) {
  for (const auto whole : base::split(lines, '\n')) {
    const auto words = base::split_words(whole);
    if (words.size() < 2) continue;
    auto* group = at(std::string(words[0]));
    if (group == nullptr) {
      note(Outcome::lost, line, "LABEL for " + std::string(words[0]), "no host has this address");
      continue;
    }
    for (const auto word : std::span(words).subspan(1))
      group->labels[std::string(word.substr(0, word.find('=')))] =
          word.contains('=') ? word.substr(word.find('=') + 1) : "";
    note(Outcome::changed, line, "LABEL for " + std::string(words[0]), "labels of the host");
  }
}

void Hosts::taint(std::string_view lines, int line) {
  for (const auto whole : base::split(lines, '\n')) {
    const auto words = base::split_words(whole);
    if (words.size() < 2) continue;
    auto* group = at(std::string(words[0]));
    if (group == nullptr) {
      note(Outcome::lost, line, "TAINT for " + std::string(words[0]), "no host has this address");
      continue;
    }
    for (const auto word : std::span(words).subspan(1)) add_taint(word, *group, line);
    note(Outcome::changed, line, "TAINT for " + std::string(words[0]), "taints of the host");
  }
}

void Hosts::name(std::string_view lines, int line) {
  for (const auto whole : base::split(lines, '\n')) {
    const auto words = base::split_words(whole);
    if (words.size() < 2) continue;
    auto* group = at(std::string(words[0]));
    if (group != nullptr) group->name = base::to_lower(words[1]);
    note(group != nullptr ? Outcome::changed : Outcome::lost, line, "HOSTNAME for " + std::string(words[0]),
         group != nullptr ? "name of the node; the machine's own name stays" : "no host has this address");
  }
}

Node Hosts::to_yaml(const std::string& data_root) const {
  Node out = Node::make_sequence();
  for (const auto& group : groups_) {
    Node host = Node::make_mapping();
    const bool is_range = group.addresses.size() == 1 && group.addresses[0].contains('[');
    if (group.addresses.size() == 1) {
      host.set(is_range ? "addresses" : "address", Node::make_string(group.addresses[0]));
    } else {
      host.set("addresses", texts(group.addresses));
    }
    host.set("role", Node::make_string(group.role));
    if (!group.name.empty()) host.set("name", Node::make_string(group.name));
    if (!group.labels.empty()) {
      Node& labels = host.set("labels", Node::make_mapping());
      for (const auto& [key, value] : group.labels) labels.set(key, Node::make_string(value));
    }
    if (!group.taints.empty()) host.set("taints", texts(group.taints));
    if (!data_root.empty()) host.set("dataRoot", Node::make_string(data_root));
    if (!group.ssh.members.empty()) host.set("ssh", group.ssh);
    out.push_back(std::move(host));
  }
  return out;
}

}  // namespace sealift::convert
