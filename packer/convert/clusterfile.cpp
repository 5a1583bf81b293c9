// SPDX-License-Identifier: Apache-2.0
#include "packer/convert/clusterfile.h"

#include <algorithm>
#include <array>

#include "packer/convert/cluster_hosts.h"
#include "packer/convert/context.h"
#include "packer/convert/kubeadm.h"
#include "packer/convert/site_values.h"
#include "packer/convert/texts.h"
#include "payload/base/format.h"
#include "payload/base/text.h"

namespace sealift::convert {
namespace {

using yaml::Kind;
using yaml::Node;

constexpr std::string_view kVersion = "sealift.dev/v1";

Node document(std::string_view kind, const std::string& name) {
  Node out = Node::make_mapping();
  out.set("apiVersion", Node::make_string(std::string(kVersion)));
  out.set("kind", Node::make_string(std::string(kind)));
  out.set("metadata", Node::make_mapping()).set("name", Node::make_string(name));
  return out;
}

class Converter {
 public:
  explicit Converter(std::string file) : file_(std::move(file)), hosts_(file_, report_) {}

  Conversion convert(const std::vector<Node>& documents) {
    for (const auto& of_clusters : {true, false}) {  // plugins speak of hosts that a later document may have
      for (const auto& each : documents)
        if ((each.text_at("kind") == "Cluster") == of_clusters) one(each);
    }
    return finish();
  }

 private:
  using Convert = void (Converter::*)(const Node&);
  struct Field {
    std::string_view name;
    Convert convert;
  };

  void note(const Node& node, Outcome outcome, std::string what, std::string text) {
    report_.add({file_, node.line, outcome, std::move(what), std::move(text)});
  }

  void one(const Node& each) {
    static constexpr auto kKinds = std::to_array<Field>({{"Cluster", &Converter::cluster},
                                                         {"Application", &Converter::application},
                                                         {"Config", &Converter::config},
                                                         {"Plugin", &Converter::plugin},
                                                         {"KubeadmConfig", &Converter::old_kubeadm}});
    if (is_kubeadm(each)) return kubeadm(each);
    const std::string kind = each.text_at("kind");
    const auto* found = std::ranges::find(kKinds, kind, &Field::name);
    if (found != kKinds.end()) return (this->*found->convert)(each);
    note(each, Outcome::lost, "kind " + kind,
         "cluster.yaml has documents of kind Cluster and Application, and kubeadm's");
  }

  void cluster(const Node& each) {
    if (!name_.empty()) return note(each, Outcome::lost, "a second Cluster", "write one cluster.yaml for each cluster");
    name_ = base::to_lower(each.text_at("metadata/name"));
    if (name_.empty()) name_ = "default";
    const auto* spec = each.find("spec");
    if (spec == nullptr) return;
    for (const auto& [key, value] : spec->members) field(key, value);
  }

  void field(const std::string& key, const Node& value) {
    static constexpr auto kFields = std::to_array<Field>({{"ssh", &Converter::ssh},
                                                          {"hosts", &Converter::hosts},
                                                          {"masters", &Converter::masters},
                                                          {"nodes", &Converter::nodes},
                                                          {"network", &Converter::network},
                                                          {"certSANS", &Converter::cert_names},
                                                          {"env", &Converter::environment},
                                                          {"appNames", &Converter::app_names},
                                                          {"registry", &Converter::registry},
                                                          {"dataRoot", &Converter::data_root}});
    struct Reason {
      std::string_view name;
      Outcome outcome;
      std::string_view text;
    };
    static constexpr auto kReasons = std::to_array<Reason>(
        {{"image", Outcome::dropped, "the artifact itself is the program: ./NAME.run --config cluster.yaml"},
         {"provider", Outcome::dropped, "the hosts are machines that are there"},
         {"cmd", Outcome::lost, "nothing is run at the site; spec.apps says which applications are delivered"},
         {"command", Outcome::lost, "nothing is run at the site; spec.apps says which applications are delivered"},
         {"cmd_args", Outcome::dropped, "sealer does not use it either"},
         {"containerRuntime", Outcome::dropped, "the base brings containerd"},
         {"hostAliases", Outcome::lost, "names of other machines come from the site's DNS; see network.dnsUpstream"}});
    if (const auto* found = std::ranges::find(kFields, key, &Field::name); found != kFields.end())
      return (this->*found->convert)(value);
    const auto* reason = std::ranges::find(kReasons, key, &Reason::name);
    if (reason != kReasons.end()) {
      if (!texts_of(&value).empty() || !value.members.empty() || !value.items.empty())
        note(value, reason->outcome, "spec." + key, std::string(reason->text));
      return;
    }
    note(value, Outcome::lost, "spec." + key, "the field is not known");
  }

  void ssh(const Node& value) {
    const std::string user = value.text_at("user");
    ssh_ = convert_ssh(value, (user.empty() ? "root" : user), file_, report_);
  }
  void hosts(const Node& value) { hosts_.read_list(value); }
  void masters(const Node& value) { hosts_.read_group("masters", value); }
  void nodes(const Node& value) { hosts_.read_group("nodes", value); }

  void network(const Node& value) {
    for (const auto& [key, text] : value.members) {
      if (key == "podCIDR" || key == "svcCIDR") {
        (key == "podCIDR" ? settings_.pods : settings_.services) = text.text;
        note(text, Outcome::changed, "network." + key, key == "podCIDR" ? "network.pods" : "network.services");
      } else {
        note(text, Outcome::lost, "network." + key,
             "the pod network is an application (CNI), its options are that chart's values");
      }
    }
  }

  void cert_names(const Node& value) {
    const auto names = texts_of(&value);
    settings_.names.insert(settings_.names.end(), names.begin(), names.end());
    note(value, Outcome::changed, "certSANS", "api.certSANs");
  }

  void environment(const Node& value) {
    for (const auto& item : value.items) {
      const std::string setting = item.as_string().value_or("");
      const std::string name = setting.substr(0, setting.find('='));
      const std::string text = setting.contains('=') ? setting.substr(setting.find('=') + 1) : "";
      if (name == "PodCIDR" || name == "SvcCIDR") {
        (name == "PodCIDR" ? settings_.pods : settings_.services) = text;
        note(item, Outcome::changed, "env " + name, name == "PodCIDR" ? "network.pods" : "network.services");
      } else if (name == "CertSANs") {
        for (const auto part : base::split(text, ',')) settings_.names.emplace_back(base::trim(part));
        note(item, Outcome::changed, "env CertSANs", "api.certSANs");
      } else {
        note(
            item, Outcome::lost, "env " + name,
            "a chart's values stand in a document of kind Application; what templates of host files need is an ENV of the "
            "Kubefile");
      }
    }
  }

  void app_names(const Node& value) { launched(value, "appNames"); }

  void launched(const Node& value, const std::string& field) {
    apps_ = texts_of(&value);
    if (apps_.empty() && value.items.empty()) return;
    note(value, Outcome::changed, field, "spec.apps");
    has_apps_ = true;
  }

  void registry(const Node& value) {
    for (const auto& [key, settings] : value.members) {
      if (key == "externalRegistry") {
        note(settings, Outcome::lost, "registry.externalRegistry",
             "this version uploads to no registry; the hosts' own mirror has the images");
        continue;
      }
      for (const auto& [field, text] : settings.members) {
        if (field == "port") {
          registry_port_ = text.text;
          note(text, Outcome::changed, "registry.localRegistry.port", "registry.port");
        } else {
          note(text, Outcome::dropped, "registry.localRegistry." + field,
               "images keep their names; each host has a mirror, with certificates of its own and without a login");
        }
      }
    }
  }

  void data_root(const Node& value) {
    if (value.text == "/var/lib/sealer/data") return;
    data_root_ = value.text;
    note(value, Outcome::changed, "dataRoot", "dataRoot of each host");
  }

  Node& values_of(const std::string& app) {
    for (auto& [name, values] : values_)
      if (name == app) return values;
    return values_.emplace_back(app, Node::make_mapping()).second;
  }

  // Values of a chart, as a text of YAML.
  bool add_values(const Node& data, const std::string& app, const std::string& what) {
    auto parsed = yaml::parse(data.text, what, {}, yaml::DuplicateKeys::last_wins);
    if (!parsed || parsed->size() != 1 || parsed->front().kind != Kind::mapping) return false;
    const auto variables = hide_secrets(parsed->front(), app);
    yaml::merge(values_of(app), parsed->front());
    note(data, Outcome::changed, what,
         base::format(
             "values of Application {}{}", app,
             variables.empty() ? "" : "; set " + base::join(variables, ", ") + " in the environment of the program"));
    return true;
  }

  void application(const Node& each) {
    const auto* spec = each.find("spec");
    if (spec == nullptr) return;
    for (const auto& [key, value] : spec->members) {
      if (key == "launchApps") {
        launched(value, "launchApps");
      } else if (key == "configs") {
        for (const auto& settings : value.items) app_settings(settings);
      } else if (!value.items.empty() || !texts_of(&value).empty()) {
        note(value, Outcome::lost, "Application spec." + key,
             "nothing is run at the site; spec.apps says which applications are delivered");
      }
    }
  }

  void app_settings(const Node& settings) {
    const std::string app = settings.text_at("name");
    if (const auto* environment = settings.find("env"))
      for (const auto& setting : texts_of(environment))
        note(*environment, Outcome::lost, base::format("{} env {}", app, setting.substr(0, setting.find('='))),
             base::format("write the value that it stands for into values of Application {}", app));
    if (const auto* launch = settings.find("launch"); launch != nullptr && !launch->members.empty())
      note(*launch, Outcome::lost, app + " launch",
           "charts and manifests are applied as they are packed; values and namespace of an Application change that");
    const auto* files = settings.find("files");
    if (files == nullptr) return;
    for (const auto& file : files->items) {
      const std::string path = file.text_at("path");
      const auto* data = file.find("data");
      if (data != nullptr && last_part(path) == "values.yaml" && add_values(*data, app, app + " " + path)) continue;
      note(file, Outcome::lost, base::format("{} {}", app, path),
           "only a chart's values can differ at a site; change other files in the Kubefile's context");
    }
  }

  // charts/redis/values.yaml, application/apps/redis/values.yaml
  void config(const Node& each) {
    const std::string path = each.text_at("spec/path");
    const auto* data = each.at_path("spec/data");
    std::string app = each.text_at("spec/appName");
    if (app.empty() && path.contains('/')) app = last_part(path.substr(0, path.rfind('/')));
    const bool is_chart = last_part(path) == "values.yaml" && !app.empty();
    if (is_chart && data != nullptr && add_values(*data, app, "Config " + path)) return;
    note(
        each, Outcome::lost, "Config " + path,
        "a file on hosts stands in spec.files, a chart's values in a document of kind Application; manifests are changed "
        "before the build");
  }

  void plugin(const Node& each) {
    const std::string type = each.text_at("spec/type"), data = each.text_at("spec/data");
    const auto* text = each.at_path("spec/data");
    const int line = text == nullptr ? each.line : text->line;
    if (type == "LABEL") return hosts_.label(data, line);
    if (type == "TAINT") return hosts_.taint(data, line);
    if (type == "HOSTNAME") return hosts_.name(data, line);
    if (type == "CLUSTERCHECK")
      return note(each, Outcome::dropped, "Plugin CLUSTERCHECK", "every delivery checks the hosts beforehand");
    note(
        each, Outcome::lost, base::format("Plugin {} ({})", each.text_at("metadata/name"), each.text_at("spec/action")),
        "nothing is run at the site; FILE and spec.files put files on hosts, base.yaml has units, modules and sysctls");
  }

  void kubeadm(const Node& each) {
    auto converted = convert_kubeadm(each, settings_, file_, report_);
    if (!converted.is_null()) kubeadm_.push_back(std::move(converted));
  }

  // sealer 0.5: the fields of several kinds under one
  void old_kubeadm(const Node& each) {
    const auto* spec = each.find("spec");
    if (spec == nullptr) return;
    Node whole = *spec;
    whole.set("kind", Node::make_string("KubeadmConfig"));
    whole.set("apiVersion", Node::make_string("kubeadm.k8s.io/v1beta3"));
    Report inner;
    const auto left = convert_kubeadm(whole, settings_, file_, inner);
    for (const auto& each_note : inner.notes())
      if (each_note.what != "KubeadmConfig") report_.add(each_note);
    for (const auto& [key, value] : left.members) {
      if (key == "kind" || key == "apiVersion") continue;
      note(value, Outcome::lost, "KubeadmConfig." + key,
           "write it into a document of the kind that has the field, such as KubeletConfiguration");
    }
  }

  Node cluster_document() const {
    Node out = document("Cluster", name_);
    Node& spec = out.set("spec", Node::make_mapping());
    if (!ssh_.members.empty()) spec.set("ssh", ssh_);
    spec.set("hosts", hosts_.to_yaml(data_root_));
    Node network = Node::make_mapping();
    if (!settings_.pods.empty()) network.set("pods", Node::make_string(settings_.pods));
    if (!settings_.services.empty()) network.set("services", Node::make_string(settings_.services));
    if (!network.members.empty()) spec.set("network", std::move(network));
    Node api = Node::make_mapping();
    if (!settings_.port.empty() && settings_.port != "6443") api.set("port", Node::make_plain(settings_.port));
    if (!settings_.names.empty()) api.set("certSANs", texts(cert_names()));
    if (!api.members.empty()) spec.set("api", std::move(api));
    if (!registry_port_.empty() && registry_port_ != "5000")
      spec.set("registry", Node::make_mapping()).set("port", Node::make_plain(registry_port_));
    if (has_apps_) spec.set("apps", texts(apps_));
    return out;
  }

  std::vector<std::string> cert_names() const {
    std::vector<std::string> out;
    for (const auto& name : settings_.names)
      if (!name.empty() && name != "127.0.0.1" && !std::ranges::contains(out, name)) out.push_back(name);
    return out;
  }

  Conversion finish() {
    std::vector<Node> out;
    if (!name_.empty()) out.push_back(cluster_document());
    for (auto& [app, values] : values_) {
      Node each = document("Application", app);
      each.set("spec", Node::make_mapping()).set("values", std::move(values));
      out.push_back(std::move(each));
    }
    for (auto& each : kubeadm_) out.push_back(std::move(each));
    std::string comments;
    for (const auto& each : report_.notes()) {
      if (each.outcome == Outcome::lost)
        comments +=
            base::format("# no equivalent (line {}): {}: {}\n", each.line, base::printable(each.what), each.text);
    }
    return {{{"cluster.yaml", comments + yaml::to_yaml(out)}}, std::move(report_)};
  }

  std::string file_;
  Report report_;
  Hosts hosts_;
  std::string name_;
  Node ssh_;
  KubeadmSettings settings_;
  std::string registry_port_, data_root_;
  std::vector<std::string> apps_;
  bool has_apps_ = false;
  std::vector<std::pair<std::string, Node>> values_;
  std::vector<Node> kubeadm_;
};

}  // namespace

bool is_clusterfile(const std::vector<Node>& documents) {
  constexpr auto kKinds =
      std::to_array<std::string_view>({"Cluster", "Application", "Config", "Plugin", "KubeadmConfig"});
  return std::ranges::any_of(documents, [&](const Node& each) {
    const std::string version = each.text_at("apiVersion");
    const bool is_theirs = version.starts_with("sealer.") || version.starts_with("zlink.aliyun.com/") ||
                           version.starts_with("apps.sealos.io/") || version.starts_with("sealos.io/");
    return is_theirs && std::ranges::contains(kKinds, each.text_at("kind"));
  });
}

Conversion convert_clusterfile(const std::vector<Node>& documents, const std::string& file) {
  return Converter(file).convert(documents);
}

}  // namespace sealift::convert
