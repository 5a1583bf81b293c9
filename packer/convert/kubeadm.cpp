// SPDX-License-Identifier: Apache-2.0
#include "packer/convert/kubeadm.h"

#include <algorithm>
#include <array>

namespace sealift::convert {
namespace {

using yaml::Kind;
using yaml::Node;

// Set by Sealift for every cluster; setting them differently is an error of cluster.yaml.
constexpr auto kOwned = std::to_array<std::string_view>(
    {"kubernetesVersion", "controlPlaneEndpoint", "imageRepository", "certificateKey", "bootstrapTokens", "discovery",
     "caCertPath", "certificatesDir", "useHyperKubeImage", "dns", "localAPIEndpoint", "criSocket", "status"});

// v1beta4 has a list of names and values where older versions have a mapping.
void list_arguments(Node& node) {
  for (auto& [key, value] : node.members) {
    if ((key == "extraArgs" || key == "kubeletExtraArgs") && value.kind == Kind::mapping) {
      Node list = Node::make_sequence();
      for (const auto& [name, text] : value.members) {
        Node entry = Node::make_mapping();
        entry.set("name", Node::make_string(name));
        entry.set("value", Node::make_string(text.as_string().value_or("")));
        list.push_back(std::move(entry));
      }
      value = std::move(list);
    } else {
      list_arguments(value);
    }
  }
}

class Converter {
 public:
  Converter(KubeadmSettings& settings, const std::string& file, Report& report, std::string kind)
      : settings_(&settings), file_(&file), report_(&report), kind_(std::move(kind)) {}

  void strip(Node& node, const std::string& path) {
    std::erase_if(node.members, [&](auto& member) { return takes(member.first, member.second, path); });
  }

 private:
  void note(const Node& node, Outcome outcome, const std::string& what, std::string text) {
    report_->add({*file_, node.line, outcome, kind_ + "." + what, std::move(text)});
  }

  // Whether the field goes: elsewhere, or away.
  bool takes(const std::string& key, Node& value, const std::string& path) {
    const std::string whole = path + key;
    const std::string text = value.as_string().value_or("");
    if (whole == "networking.podSubnet" || whole == "networking.serviceSubnet") {
      (key == "podSubnet" ? settings_->pods : settings_->services) = text;
      note(value, Outcome::changed, whole, key == "podSubnet" ? "spec.network.pods" : "spec.network.services");
      return true;
    }
    if (whole == "apiServer.certSANs") {
      for (const auto& name : value.items) settings_->names.push_back(name.as_string().value_or(""));
      note(value, Outcome::changed, whole, "spec.api.certSANs");
      return true;
    }
    if (whole == "localAPIEndpoint" && !value.text_at("bindPort").empty()) settings_->port = value.text_at("bindPort");
    if (whole == "apiServer.timeoutForControlPlane") {
      note(value, Outcome::dropped, whole, "v1beta4 has it under timeouts");
      return true;
    }
    if (std::ranges::contains(kOwned, key) && (path.empty() || path == "nodeRegistration.")) {
      note(value, Outcome::dropped, whole, "it is set at the delivery");
      return true;
    }
    if (value.kind != Kind::mapping || value.members.empty()) return false;
    strip(value, whole + ".");
    return value.members.empty();
  }

  KubeadmSettings* settings_;
  const std::string* file_;
  Report* report_;
  std::string kind_;
};

}  // namespace

bool is_kubeadm(const Node& document) {
  constexpr auto kGroups =
      std::to_array<std::string_view>({"kubeadm.k8s.io/", "kubelet.config.k8s.io/", "kubeproxy.config.k8s.io/"});
  const std::string version = document.text_at("apiVersion");
  return std::ranges::any_of(kGroups, [&](std::string_view group) { return version.starts_with(group); });
}

Node convert_kubeadm(const Node& document, KubeadmSettings& settings, const std::string& file, Report& report) {
  Node out = document;
  const std::string kind = out.text_at("kind");
  const bool is_kubeadms = out.text_at("apiVersion").starts_with("kubeadm.");
  if (is_kubeadms) {
    out.set("apiVersion", Node::make_string("kubeadm.k8s.io/v1beta4"));
    Converter(settings, file, report, kind).strip(out, "");
    list_arguments(out);
  }
  std::erase_if(out.members, [](const auto& member) { return member.first == "metadata"; });
  if (out.members.size() <= 2) return {};
  report.add({file, document.line, is_kubeadms ? Outcome::changed : Outcome::kept, kind,
              is_kubeadms ? "a document of v1beta4" : ""});
  return out;
}

}  // namespace sealift::convert
