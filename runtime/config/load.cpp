// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>

#include "payload/base/file.h"
#include "payload/base/format.h"
#include "payload/base/text.h"
#include "runtime/config/field_reader.h"
#include "runtime/config/parse.h"

namespace sealift::config {
namespace {

constexpr size_t kMaxConfigBytes = size_t{4} << 20;
constexpr std::string_view kOwnApi = "sealift.dev/v1";

// The place of `key`, or of the document itself.
const yaml::Node& place(const yaml::Node& document, std::string_view key) {
  const auto* node = document.find(key);
  return node == nullptr ? document : *node;
}

// The places of all fields below, by path.
void note_places(const yaml::Node& node, const std::string& path, std::map<std::string, Place>& out) {
  out[path] = {node.line, node.column};
  for (const auto& [key, value] : node.members) note_places(value, path.empty() ? key : path + "/" + key, out);
}

void read_kubeadm(const yaml::Node& document, std::string_view api, const std::string& kind, Reading& reading) {
  struct Known {
    std::string_view api, kind;
  };
  constexpr auto kKnown = std::to_array<Known>({{"kubeadm.k8s.io/v1beta4", "InitConfiguration"},
                                                {"kubeadm.k8s.io/v1beta4", "ClusterConfiguration"},
                                                {"kubeadm.k8s.io/v1beta4", "JoinConfiguration"},
                                                {"kubelet.config.k8s.io/v1beta1", "KubeletConfiguration"},
                                                {"kubeproxy.config.k8s.io/v1alpha1", "KubeProxyConfiguration"}});
  const auto known = std::ranges::find(kKnown, kind, &Known::kind);
  if (known == kKnown.end()) {
    return reading.problems.add(
        place(document, "apiVersion"),
        base::format(
            "apiVersion \"{}\" with kind \"{}\" is not known; Sealift's own documents have {}, the others are kubeadm's",
            base::printable(api), base::printable(kind), kOwnApi));
  }
  if (known->api != api)
    return reading.problems.add(
        place(document, "apiVersion"),
        base::format("kind {} is read with apiVersion {}, not \"{}\"", kind, known->api, base::printable(api)));
  if (std::ranges::contains(reading.config.kubeadm, kind, &KubeadmDocument::kind))
    reading.problems.add(document, base::format("a second document of kind {}", kind));
  reading.config.kubeadm.push_back({kind, yaml::to_yaml(document), document.line, {}});
  note_places(document, "", reading.config.kubeadm.back().places);
}

// Returns the document if it is of kind Cluster, else null.
const yaml::Node* read_document(const yaml::Node& document, bool cluster_seen, Reading& reading) {
  if (document.kind != yaml::Kind::mapping) {
    reading.problems.add(document, "a document must be a mapping with apiVersion and kind");
    return nullptr;
  }
  const std::string api = document.text_at("apiVersion"), kind = document.text_at("kind");
  const auto& at = place(document, "kind");
  constexpr auto kKinds = std::to_array<std::string_view>({"Cluster", "Application", "Patch", "Hook"});
  if (api != kOwnApi && (std::ranges::contains(kKinds, kind) || api.starts_with("sealift.dev/"))) {
    reading.problems.add(place(document, "apiVersion"),
                         base::format("the apiVersion must be {}, not \"{}\"", kOwnApi, base::printable(api)));
  } else if (api != kOwnApi) {
    read_kubeadm(document, api, kind, reading);
    return nullptr;
  }
  if (kind == "Cluster") {
    if (cluster_seen) {
      reading.problems.add(document, "a second document of kind Cluster; a file describes one cluster");
      return nullptr;
    }
    read_cluster(document, reading);
    return &document;
  }
  if (kind == "Application") {
    read_application(document, reading);
  } else if (kind == "Patch") {
    read_patch(document, reading);
  } else if (kind == "Hook") {
    read_hook(document, reading);
  } else {
    const auto near = base::nearest(kind, kKinds);
    reading.problems.add(at, base::format("the kind \"{}\" is not known; {}", base::printable(kind),
                                          near ? base::format("did you mean {}?", *near)
                                               : "known are Cluster, Application, Patch and Hook"));
  }
  return nullptr;
}

}  // namespace

std::string Problem::text() const { return base::format("{}:{}:{}: {}", file, line, column, message); }

Result<ParsedConfig> parse_cluster_config(std::string_view text, const std::string& path,
                                          const std::map<std::string, std::string>& variables,
                                          const FileReader& read_file) {
  auto documents = yaml::parse(text, path);
  if (!documents) {
    documents.error().code = ErrorCode::invalid_config;
    if (text.contains("${")) documents.error().what += " (inside { } and [ ] a text with ${…} must stand in quotes)";
    return std::unexpected(std::move(documents).error());
  }
  Reading reading{path, variables, read_file};
  reading.config.path = path;
  reading.config.kept = kept_text(*documents);
  for (auto& document : *documents) expand_variables(document, variables, reading.problems);
  const yaml::Node* cluster = nullptr;
  for (const auto& document : *documents) {
    if (const auto* found = read_document(document, cluster != nullptr, reading)) cluster = found;
  }
  if (cluster != nullptr) {
    check_whole(*cluster, reading);
  } else {
    yaml::Node start;
    start.line = start.column = 1;
    reading.problems.add(start,
                         base::format("there is no {}; `config init` prints a template",
                                      documents->empty() ? "document in this file" : "document of kind Cluster"));
  }
  return ParsedConfig{std::move(reading.config), reading.problems.take()};
}

Result<ParsedConfig> load_cluster_config(const std::string& path, const std::map<std::string, std::string>& variables) {
  auto text = base::read_text_file(path, kMaxConfigBytes);
  if (!text) return fail_while(std::move(text).error(), "reading the configuration");
  return parse_cluster_config(*text, path, variables, base::read_text_file);
}

Error to_error(const std::vector<Problem>& problems) {
  const bool unsupported = std::ranges::contains(problems, ErrorCode::unsupported, &Problem::code);
  std::string what = problems.size() == 1 ? "" : base::format("{} problems in the configuration:\n", problems.size());
  for (const auto& problem : problems) what += problem.text() + "\n";
  if (what.ends_with('\n')) what.pop_back();
  return {unsupported ? ErrorCode::unsupported : ErrorCode::invalid_config, std::move(what), {}};
}

}  // namespace sealift::config
