// SPDX-License-Identifier: Apache-2.0
//
// spec.existing: a cluster that Sealift did not make, and what cluster.yaml can't say of such a one.
#include <array>

#include "payload/base/format.h"
#include "payload/base/text.h"
#include "runtime/config/field_reader.h"

namespace sealift::config {
namespace {

constexpr std::string_view kName = "sealift-site";  // of cluster, user and context: no other kubeconfig has it

// "users", "user", "alice" → what stands under `user` in the element of that name.
const yaml::Node* named(const yaml::Node& document, std::string_view list, std::string_view kind,
                        std::string_view name) {
  const auto* all = document.find(list);
  if (all == nullptr) return nullptr;
  for (const auto& one : all->items) {
    const auto* body = one.find(kind);
    if (one.text_at("name") == name && body != nullptr && body->kind == yaml::Kind::mapping) return body;
  }
  return nullptr;
}

// What works on this machine alone, and its remedy.
std::optional<std::string> bad_on_hosts(const yaml::Node& cluster, const yaml::Node& user) {
  struct Alone {
    const yaml::Node& in;
    std::string_view field, instead;
  };
  const auto kAlone = std::to_array<Alone>({{cluster, "certificate-authority", "certificate-authority-data"},
                                            {user, "client-certificate", "client-certificate-data"},
                                            {user, "client-key", "client-key-data"},
                                            {user, "tokenFile", "token"}});
  for (const auto& [in, field, instead] : kAlone) {
    if (in.find(field) != nullptr)
      return base::format(
          "it names another file (\"{}\"), which is not on the hosts: write its content as \"{}\" "
          "(`kubectl config view --flatten` does)",
          field, instead);
  }
  for (const auto* field : {"exec", "auth-provider"}) {
    if (user.find(field) != nullptr)
      return base::format(
          "its user logs in with a program (\"{}\"), which is not on the hosts: take one with a "
          "certificate or a token of a service account",
          field);
  }
  return std::nullopt;
}

yaml::Node list_of_one(std::string_view kind, yaml::Node body) {
  yaml::Node one = yaml::Node::make_mapping(), list = yaml::Node::make_sequence();
  one.set("name", yaml::Node::make_string(std::string(kName)));
  one.set(std::string(kind), std::move(body));
  list.push_back(std::move(one));
  return list;
}

// Of the current context alone: no other login gets onto the hosts.
Secret for_hosts(const yaml::Node& cluster, const yaml::Node& user) {
  yaml::Node context = yaml::Node::make_mapping(), out = yaml::Node::make_mapping();
  for (const auto* field : {"cluster", "user"}) context.set(field, yaml::Node::make_string(std::string(kName)));
  out.set("apiVersion", yaml::Node::make_string("v1"));
  out.set("kind", yaml::Node::make_string("Config"));
  out.set("current-context", yaml::Node::make_string(std::string(kName)));
  out.set("contexts", list_of_one("context", std::move(context)));
  out.set("clusters", list_of_one("cluster", cluster));
  out.set("users", list_of_one("user", user));
  return Secret(yaml::to_yaml(out));
}

// The reason why this is no kubeconfig for hosts; else sets `out`. Says nothing of what the file holds: it is a secret.
std::optional<std::string> take_kubeconfig(const Secret& text, Secret& out) {
  const auto documents = yaml::parse(text.reveal(), "kubeconfig");
  if (!documents || documents->size() != 1 || documents->front().text_at("kind") != "Config")
    return "it is no kubeconfig (one document of YAML, kind Config)";
  const auto& document = documents->front();
  const auto current = document.text_at("current-context");
  if (current.empty()) return "it has no current-context: set one (`kubectl config use-context`)";
  const auto* context = named(document, "contexts", "context", current);
  if (context == nullptr) return "its current-context is none of its contexts";
  const auto* cluster = named(document, "clusters", "cluster", context->text_at("cluster"));
  const auto* user = named(document, "users", "user", context->text_at("user"));
  if (cluster == nullptr || !cluster->text_at("server").starts_with("https://"))
    return "its current-context has no cluster with a server https://…";
  if (user == nullptr) return "its current-context has no user";
  if (auto bad = bad_on_hosts(*cluster, *user)) return bad;
  out = for_hosts(*cluster, *user);
  return std::nullopt;
}

constexpr std::string_view kNotOurs =
    "the cluster is there (\"existing\"), and Sealift does not change what it is made of: take this out";

// Programs that run while a host becomes a node or leaves.
bool is_of_making(const HookConfig& hook) {
  return hook.phase == HookConfig::Phase::hosts || hook.phase == HookConfig::Phase::cluster ||
         hook.phase == HookConfig::Phase::remove;
}

yaml::Node at(const Place& place) {
  yaml::Node out;
  out.line = place.line;
  out.column = place.column;
  return out;
}

}  // namespace

void read_existing(const yaml::Node& node, Reading& reading) {
  if (node.is_null()) {
    reading.problems.add(node, "the field \"existing\" has no value: write {} if there is nothing more to say");
    return;
  }
  const Mapping fields(node, reading.problems, kExisting);
  if (node.kind != yaml::Kind::mapping) return;
  auto& existing = reading.config.existing.emplace();
  existing.place = {node.line, node.column};
  std::string file;
  fields.text("kubeconfig", file);
  if (file.empty()) return;
  existing.kubeconfig_file = reading.beside(file);
  const Secret text(reading.content_of(fields, "kubeconfig", file));
  if (text.empty()) return;
  if (const auto bad = take_kubeconfig(text, existing.kubeconfig))
    fields.bad("kubeconfig", base::format("{} can't be used on the hosts: {}",
                                          base::printable(existing.kubeconfig_file, 1000), *bad));
}

void check_existing(const yaml::Node& cluster, Reading& reading) {
  for (const auto* field : {"spec/network", "spec/api", "spec/etcd"}) {
    if (const auto* written = cluster.at_path(field)) reading.problems.add(*written, std::string(kNotOurs));
  }
  const auto* hosts = cluster.at_path("spec/hosts");
  for (const auto& host : hosts == nullptr ? std::vector<yaml::Node>() : hosts->items) {
    for (const auto* field : {"labels", "taints"}) {
      if (const auto* written = host.find(field)) reading.problems.add(*written, std::string(kNotOurs));
    }
  }
  for (const auto& document : reading.config.kubeadm)
    reading.problems.add(at({document.line, 1}), std::string(kNotOurs));
  for (const auto& hook : reading.config.hooks) {
    if (is_of_making(hook))
      reading.problems.add(at(hook.place),
                           base::format("the hook {} would never run: the cluster is there (\"existing\"), "
                                        "and Sealift makes no host a node of it",
                                        base::printable(hook.name)));
  }
}

}  // namespace sealift::config
