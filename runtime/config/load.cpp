// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <set>

#include "payload/base/file.h"
#include "payload/base/safe_path.h"
#include "payload/base/text.h"
#include "runtime/config/reader.h"

namespace sealift::config {
namespace {

constexpr size_t kMaxConfigBytes = size_t{4} << 20;
constexpr size_t kMaxSiteFileBytes = size_t{1} << 20;

class Loader {
 public:
  Loader(std::string path, const std::map<std::string, std::string>& variables) : path_(std::move(path)), variables_(variables), problems_(path_) {}

  ParsedConfig load(std::vector<yaml::Node> documents) {
    bool cluster_seen = false;
    for (auto& document : documents) {
      expand(document);
      read_document(document, cluster_seen);
    }
    if (!cluster_seen && !documents.empty()) problems_.add(documents.front(), "no document of kind Cluster; `config init` prints a template");
    if (documents.empty()) problems_.add(yaml::Node{}, "the file is empty; `config init` prints a template");
    ParsedConfig out{std::move(config_), problems_.take()};
    return out;
  }

 private:
  // ${VAR} and ${VAR:-default} in every scalar; "$$" is a dollar sign.
  void expand(yaml::Node& node) {
    for (auto& item : node.items) expand(item);
    for (auto& [key, value] : node.members) expand(value);
    if (node.kind != yaml::Kind::scalar || !node.text.contains('$')) return;
    std::string out;
    std::string_view rest = node.text;
    while (!rest.empty()) {
      const size_t dollar = std::min(rest.find('$'), rest.size());
      out += rest.substr(0, dollar);
      rest.remove_prefix(dollar);
      if (rest.starts_with("$$")) {
        out += '$';
        rest.remove_prefix(2);
      } else if (const size_t end = rest.find('}'); rest.starts_with("${") && end != std::string_view::npos) {
        out += variable(node, rest.substr(2, end - 2));
        rest.remove_prefix(end + 1);
      } else if (!rest.empty()) {
        out += rest.front();
        rest.remove_prefix(1);
      }
    }
    node.text = std::move(out);
  }

  std::string variable(const yaml::Node& at, std::string_view inner) {
    const size_t separator = inner.find(":-");
    const auto found = variables_.find(std::string(inner.substr(0, separator)));
    if (found != variables_.end() && !(found->second.empty() && separator != std::string_view::npos)) return found->second;
    if (separator != std::string_view::npos) return std::string(inner.substr(separator + 2));
    problems_.add(at, std::format("the variable {} is not set and has no default; set it, or write ${{{}:-default}}", base::printable(inner), inner));
    return {};
  }

  void read_document(const yaml::Node& document, bool& cluster_seen) {
    const auto text_of = [&](std::string_view key) {
      const auto* node = document.find(key);
      return node == nullptr ? std::string() : node->as_string().value_or("");
    };
    const std::string api = text_of("apiVersion"), kind = text_of("kind");
    if (api == "sealift.dev/v1") {
      if (kind == "Cluster") {
        if (cluster_seen) problems_.add(document, "a second document of kind Cluster");
        cluster_seen = true;
        read_cluster(document);
      } else if (kind == "Application") {
        read_application(document);
      } else if (kind == "Patch" || kind == "Hook") {
        problems_.add(document, ErrorCode::unsupported, std::format("documents of kind {} are not supported by this version; remove it", kind));
      } else {
        constexpr auto kKinds = std::to_array<std::string_view>({"Cluster", "Application"});
        const auto near = base::nearest(kind, kKinds);
        problems_.add(document, std::format("the kind \"{}\" is not known{}", base::printable(kind), near ? std::format("; did you mean {}?", *near) : ""));
      }
      return;
    }
    read_kubeadm(document, api, kind);
  }

  void read_kubeadm(const yaml::Node& document, std::string_view api, const std::string& kind) {
    struct Known {
      std::string_view api, kind;
    };
    constexpr auto kKnown = std::to_array<Known>({{"kubeadm.k8s.io/v1beta4", "InitConfiguration"},
                                                  {"kubeadm.k8s.io/v1beta4", "ClusterConfiguration"},
                                                  {"kubeadm.k8s.io/v1beta4", "JoinConfiguration"},
                                                  {"kubelet.config.k8s.io/v1beta1", "KubeletConfiguration"},
                                                  {"kubeproxy.config.k8s.io/v1alpha1", "KubeProxyConfiguration"}});
    const auto by_kind = std::ranges::find(kKnown, kind, &Known::kind);
    if (by_kind == kKnown.end() || by_kind->api != api) {
      problems_.add(document, by_kind == kKnown.end()
                                  ? std::format("apiVersion \"{}\" with kind \"{}\" is not known; Sealift's own documents have sealift.dev/v1", base::printable(api), base::printable(kind))
                                  : std::format("kind {} is read with apiVersion {}, not \"{}\"", kind, by_kind->api, base::printable(api)));
      return;
    }
    if (std::ranges::contains(config_.kubeadm, kind, &KubeadmDocument::kind)) problems_.add(document, std::format("a second document of kind {}", kind));
    config_.kubeadm.push_back({kind, yaml::to_yaml(document), document.line});
  }

  void read_cluster(const yaml::Node& document) {
    const Mapping top(document, problems_, "the document", {"apiVersion", "kind", "metadata", "spec"});
    if (top.require("metadata")) {
      const Mapping metadata(*top.find("metadata"), problems_, "metadata", {"name"});
      metadata.require("name");
      metadata.text("name", config_.name);
      if (!config_.name.empty() && !is_dns_label(config_.name)) metadata.bad("name", "the cluster's name may hold lower-case letters, digits and - only, at most 63");
    }
    if (!top.require("spec")) return;
    const Mapping spec(*top.find("spec"), problems_, "spec", {"ssh", "hosts", "network", "api", "registry", "files", "apps"});
    SshSettings ssh;
    if (const auto* node = spec.find("ssh")) read_ssh(*node, ssh);
    if (spec.require("hosts")) read_hosts(*spec.find("hosts"), ssh);
    if (const auto* node = spec.find("network")) read_network(*node);
    if (const auto* node = spec.find("api")) read_api(*node);
    if (const auto* node = spec.find("registry")) read_registry(*node);
    if (const auto* node = spec.find("files")) read_files(*node);
    if (spec.find("apps") != nullptr) {
      config_.apps.emplace();
      spec.texts("apps", *config_.apps);
    }
    if (config_.api.port == config_.api.local_port || config_.registry.port == config_.api.local_port || config_.registry.port == config_.api.port) {
      spec.bad("api", "api.port, api.localPort and registry.port must differ");
    }
  }

  std::optional<SecretSource> read_secret(const Mapping& parent, std::string_view key) {
    const auto* node = parent.find(key);
    if (node == nullptr) return std::nullopt;
    if (node->kind == yaml::Kind::scalar) {
      parent.bad(key, std::format("\"{}\" must not stand in the file itself; write {{file: PATH}}, {{env: VARIABLE}} or {{prompt: TEXT}}", key));
      return std::nullopt;
    }
    const Mapping source(*node, problems_, std::format("\"{}\"", key), {"file", "env", "prompt"});
    SecretSource out;
    size_t given = 0;
    for (const auto& [word, kind] : {std::pair{"file", SecretSource::Kind::file}, {"env", SecretSource::Kind::environment}, {"prompt", SecretSource::Kind::prompt}}) {
      if (source.find(word) == nullptr) continue;
      source.text(word, out.argument);
      out.kind = kind;
      ++given;
    }
    if (given != 1) parent.bad(key, std::format("\"{}\" needs exactly one of file, env, prompt", key));
    if (out.kind == SecretSource::Kind::file) out.argument = beside(out.argument);
    return given == 1 ? std::optional(out) : std::nullopt;
  }

  void read_ssh(const yaml::Node& node, SshSettings& ssh) {
    const Mapping fields(node, problems_, "ssh", {"user", "port", "keyPath", "keyPassphrase", "password", "sudoPassword"},
                         {"bastion", "agent", "keyboardInteractive"});
    fields.text("user", ssh.user);
    fields.port("port", ssh.port);
    fields.text("keyPath", ssh.key_path);
    if (ssh.key_path) ssh.key_path = beside(*ssh.key_path);
    if (auto secret = read_secret(fields, "keyPassphrase")) ssh.key_passphrase = secret;
    if (auto secret = read_secret(fields, "password")) ssh.password = secret;
    if (auto secret = read_secret(fields, "sudoPassword")) ssh.sudo_password = secret;
  }

  void read_hosts(const yaml::Node& node, const SshSettings& defaults) {
    if (node.kind != yaml::Kind::sequence || node.items.empty()) return problems_.add(node, "\"hosts\" must be a list with at least one host");
    for (const auto& item : node.items) read_host(item, defaults);
    const auto is_control_plane = [](const HostConfig& host) { return host.role == format::HostRole::control_plane; };
    const auto control_planes = std::ranges::count_if(config_.hosts, is_control_plane);
    if (control_planes == 0) problems_.add(node, "no host has the role control-plane; one must");
    if (control_planes > 1) problems_.add(node, ErrorCode::unsupported, "several control planes are not supported by this version; give the role control-plane to one host");
    std::map<std::string, int> addresses, names;
    for (const auto& host : config_.hosts) {
      yaml::Node at;
      at.line = host.line;
      at.column = 5;
      if (const auto [there, fresh] = addresses.try_emplace(host.address, host.line); !fresh) problems_.add(at, std::format("the address {} stands in line {} already", host.address, there->second));
      if (!host.name) continue;
      if (const auto [there, fresh] = names.try_emplace(*host.name, host.line); !fresh) problems_.add(at, std::format("the name {} stands in line {} already", *host.name, there->second));
    }
  }

  void read_host(const yaml::Node& node, const SshSettings& defaults) {
    const Mapping fields(node, problems_, "a host", {"address", "addresses", "role", "name", "hostKey", "labels", "taints", "dataRoot", "ssh"}, {"nodeIP"});
    if (node.kind != yaml::Kind::mapping) return;
    HostConfig host;
    host.line = node.line;
    host.ssh = defaults;
    if (const auto* ssh = fields.find("ssh")) read_ssh(*ssh, host.ssh);
    std::string role;
    fields.text("role", role);
    const auto parsed = format::parse_host_role(role);
    if (fields.require("role")) {
      if (!parsed || *parsed == format::HostRole::all) {
        fields.bad("role", std::format("the role must be control-plane or worker, not \"{}\"", base::printable(role)));
      } else {
        host.role = *parsed;
      }
    }
    fields.text("name", host.name);
    if (host.name && !is_dns_subdomain(*host.name)) fields.bad("name", std::format("\"{}\" can't be a node's name: lower-case letters, digits, - and . only", base::printable(*host.name)));
    fields.text("hostKey", host.host_key);
    if (host.host_key && !(host.host_key->starts_with("SHA256:") && host.host_key->size() == 7 + 43)) {
      fields.bad("hostKey", "the host key must be a fingerprint as `ssh-keygen -lf` prints it: SHA256: and 43 characters");
    }
    fields.text("dataRoot", host.data_root);
    if (auto safe = base::safe_absolute_path(host.data_root); !safe) fields.bad("dataRoot", safe.error().what);
    read_labels(fields, host);
    add_addresses(fields, std::move(host));
  }

  void read_labels(const Mapping& fields, HostConfig& host) {
    if (const auto* labels = fields.find("labels")) {
      if (labels->kind != yaml::Kind::mapping) fields.bad("labels", "\"labels\" must be a mapping");
      for (const auto& [key, value] : labels->members) {
        const auto bad = bad_label(key, value.as_string().value_or(""));
        if (bad) problems_.add(value, *bad);
        host.labels[key] = value.as_string().value_or("");
      }
    }
    fields.texts("taints", host.taints);
    for (const auto& taint : host.taints) {
      if (const auto bad = bad_taint(taint)) fields.bad("taints", *bad);
    }
  }

  void add_addresses(const Mapping& fields, HostConfig host) {
    const auto* one = fields.find("address");
    const auto* many = fields.find("addresses");
    if ((one == nullptr) == (many == nullptr)) return problems_.add(fields.node(), "a host needs either \"address\" or \"addresses\"");
    std::string text;
    fields.text(one != nullptr ? "address" : "addresses", text);
    if (text.empty()) return;
    const auto expanded = many != nullptr ? expand_addresses(text) : std::vector<std::string>{text};
    if (!expanded) return fields.bad("addresses", std::format("\"{}\" is not a range like 10.7.0.[21-40] of at most 1000 hosts", base::printable(text)));
    if (expanded->size() > 1 && (host.name || host.host_key)) fields.bad("addresses", "\"name\" and \"hostKey\" belong to one host; write these hosts one by one");
    for (const auto& address : *expanded) {
      if (!is_ip(address) && !is_dns_subdomain(address)) {
        fields.bad(one != nullptr ? "address" : "addresses", std::format("\"{}\" is neither an address nor a host name", base::printable(address)));
        continue;
      }
      host.address = address;
      config_.hosts.push_back(host);
    }
  }

  void read_network(const yaml::Node& node) {
    const Mapping fields(node, problems_, "network", {"pods", "services", "dnsUpstream"});
    auto& network = config_.network;
    fields.text("pods", network.pods);
    fields.text("services", network.services);
    bool good = true;
    for (const auto& [key, value] : {std::pair{"pods", network.pods}, {"services", network.services}}) {
      if (const auto bad = bad_cidr(value)) {
        fields.bad(key, *bad);
        good = false;
      }
    }
    if (good && cidrs_overlap(network.pods, network.services)) fields.bad("services", "the networks of pods and services overlap");
    const auto* dns = fields.find("dnsUpstream");
    if (dns == nullptr) return;
    if (dns->kind == yaml::Kind::sequence) {
      network.dns_upstream = NetworkConfig::Dns::addresses;
      fields.texts("dnsUpstream", network.dns_addresses);
      for (const auto& address : network.dns_addresses) {
        if (!is_ip(address)) fields.bad("dnsUpstream", std::format("\"{}\" is not an address", base::printable(address)));
      }
    } else if (dns->text == "none") {
      network.dns_upstream = NetworkConfig::Dns::none;
    } else if (dns->text != "host") {
      fields.bad("dnsUpstream", "\"dnsUpstream\" must be host, none or a list of addresses");
    }
  }

  void read_api(const yaml::Node& node) {
    const Mapping fields(node, problems_, "api", {"port", "localPort", "certSANs"}, {"balancer", "external"});
    fields.port("port", config_.api.port);
    fields.port("localPort", config_.api.local_port);
    fields.texts("certSANs", config_.api.cert_sans);
    for (const auto& san : config_.api.cert_sans) {
      if (!is_ip(san) && !is_dns_subdomain(san.starts_with("*.") ? san.substr(2) : san)) fields.bad("certSANs", std::format("\"{}\" is neither an address nor a DNS name", base::printable(san)));
    }
  }

  void read_registry(const yaml::Node& node) {
    const Mapping fields(node, problems_, "registry", {"port", "hosts"}, {"external", "upstreams"});
    fields.port("port", config_.registry.port);
    const auto* hosts = fields.find("hosts");
    if (hosts != nullptr && hosts->text != "control-planes") problems_.add(*hosts, ErrorCode::unsupported, "\"hosts\" other than control-planes is not supported by this version");
  }

  void read_files(const yaml::Node& node) {
    if (node.kind != yaml::Kind::sequence) return problems_.add(node, "\"files\" must be a list");
    for (const auto& item : node.items) {
      const Mapping fields(item, problems_, "a file", {"src", "dest", "mode", "role"});
      SiteFile file;
      std::string mode = "0644", role = "all";
      fields.require("src");
      fields.require("dest");
      fields.text("src", file.source);
      fields.text("dest", file.destination);
      fields.text("mode", mode);
      fields.text("role", role);
      if (!file.destination.empty()) {
        if (auto safe = base::safe_absolute_path(file.destination); !safe) fields.bad("dest", safe.error().what);
      }
      if (mode.empty() || mode.size() > 5 || !std::ranges::all_of(mode, [](char c) { return c >= '0' && c <= '7'; })) {
        fields.bad("mode", "the mode must be octal digits in quotes, like \"0644\"");
      } else {
        file.mode = 0;
        for (const char c : mode) file.mode = file.mode * 8 + static_cast<uint32_t>(c - '0');
      }
      const auto parsed = format::parse_host_role(role);
      if (!parsed) fields.bad("role", "the role must be all, control-plane or worker");
      file.role = parsed.value_or(format::HostRole::all);
      if (!file.source.empty()) file.content = content_of(fields, "src", file.source);
      config_.files.push_back(std::move(file));
    }
  }

  void read_application(const yaml::Node& document) {
    const Mapping top(document, problems_, "the document", {"apiVersion", "kind", "metadata", "spec"});
    ApplicationConfig application;
    if (top.require("metadata")) {
      const Mapping metadata(*top.find("metadata"), problems_, "metadata", {"name"});
      if (metadata.require("name")) metadata.text("name", application.name);
    }
    if (const auto* node = top.find("spec")) {
      const Mapping spec(*node, problems_, "spec", {"namespace", "values", "valuesFile", "needs"}, {"files"});
      spec.text("namespace", application.target_namespace);
      if (application.target_namespace && !is_dns_label(*application.target_namespace)) spec.bad("namespace", "a namespace may hold lower-case letters, digits and - only, at most 63");
      if (const auto* values = spec.find("values")) {
        if (values->kind != yaml::Kind::mapping) spec.bad("values", "\"values\" must be a mapping");
        application.values_yaml = yaml::to_yaml(*values);
      }
      std::string file;
      spec.text("valuesFile", file);
      if (!file.empty()) {
        application.values_file_yaml = content_of(spec, "valuesFile", file);
        if (auto parsed = yaml::parse(application.values_file_yaml, file); !parsed) spec.bad("valuesFile", parsed.error().what);
      }
      spec.texts("needs", application.needs);
    }
    if (std::ranges::contains(config_.applications, application.name, &ApplicationConfig::name)) problems_.add(document, std::format("a second Application \"{}\"", application.name));
    config_.applications.push_back(std::move(application));
  }

  // "~/x" in the home folder, else beside cluster.yaml.
  std::string beside(const std::string& path) const {
    if (path.starts_with("~/")) {
      const auto home = variables_.find("HOME");
      return home == variables_.end() ? path : home->second + path.substr(1);
    }
    if (path.starts_with('/')) return path;
    const size_t slash = path_.rfind('/');
    return slash == std::string::npos ? path : path_.substr(0, slash + 1) + path;
  }

  std::string content_of(const Mapping& fields, std::string_view key, const std::string& file) {
    auto content = base::read_text_file(beside(file), kMaxSiteFileBytes);
    if (!content) {
      fields.bad(key, content.error().text());
      return {};
    }
    return std::move(*content);
  }

  std::string path_;
  const std::map<std::string, std::string>& variables_;
  Problems problems_;
  ClusterConfig config_;
};

}  // namespace

std::string Problem::text() const { return std::format("{}:{}:{}: {}", file, line, column, message); }

Result<ParsedConfig> load_cluster_config(const std::string& path, const std::map<std::string, std::string>& variables) {
  auto text = base::read_text_file(path, kMaxConfigBytes);
  if (!text) return fail_while(std::move(text).error(), "reading the configuration");
  auto documents = yaml::parse(*text, path);
  if (!documents) {
    // The scanner can't go on after a fault in the YAML itself: it is the one problem of this run.
    documents.error().code = ErrorCode::invalid_config;
    return std::unexpected(std::move(documents).error());
  }
  return Loader(path, variables).load(std::move(*documents));
}

Error to_error(const std::vector<Problem>& problems) {
  const bool unsupported = std::ranges::contains(problems, ErrorCode::unsupported, &Problem::code);
  std::string what = problems.size() == 1 ? "" : std::format("{} problems in the configuration:\n", problems.size());
  for (const auto& problem : problems) what += problem.text() + "\n";
  if (what.ends_with('\n')) what.pop_back();
  return {unsupported ? ErrorCode::unsupported : ErrorCode::invalid_config, std::move(what), {}};
}

}  // namespace sealift::config
