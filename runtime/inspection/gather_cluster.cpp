// SPDX-License-Identifier: Apache-2.0
//
// What the API is asked through one control plane. Tables of a few columns where there may be thousands of objects;
// whole objects only of what is unhealthy.
#include <algorithm>
#include <array>
#include <mutex>

#include "payload/base/format.h"
#include "payload/base/text.h"
#include "payload/base/thread.h"
#include "payload/yaml/node.h"
#include "runtime/inspection/gather.h"
#include "runtime/kube/objects.h"
#include "runtime/steps/kubectl.h"
#include "runtime/steps/site_balancer.h"

namespace sealift::inspection {
namespace {

constexpr unsigned kAtOnce = 4;  // programs on the control plane
// Beyond these the reasons repeat themselves.
constexpr size_t kMostIllPods = 50, kMostLogs = 10, kMostEvents = 10;
constexpr std::string_view kNone = "<none>";

constexpr std::string_view kPodColumns =
    "custom-columns=SPACE:.metadata.namespace,NAME:.metadata.name,NODE:.spec.nodeName,IP:.status.podIP,"
    "HOST:.spec.hostNetwork,PHASE:.status.phase,READY:.status.conditions[?(@.type==\"Ready\")].status,"
    "OWNER:.metadata.ownerReferences[0].kind,IMAGES:.spec.containers[*].image";
constexpr size_t kPodColumnCount = 9;

// Their schemas may take megabytes. The conditions come as JSON, and last, since they hold blanks.
constexpr std::string_view kDefinitions =
    "jsonpath={range .items[*]}{.kind} {.metadata.name} "
    "{.metadata.annotations.meta\\.helm\\.sh/release-namespace}/{.metadata.annotations.meta\\.helm\\.sh/release-name} "
    "{.status.conditions}{\"\\n\"}{end}";

bool is_ill(const PodRow& pod) { return !pod.ready && pod.phase != "Succeeded"; }

// Kubernetes' own objects as kubectl's input, only what identifies them.
std::string identities(const std::vector<const PodRow*>& pods) {
  std::vector<yaml::Node> documents;
  for (const auto* pod : pods) {
    yaml::Node metadata = yaml::Node::make_mapping(), document = yaml::Node::make_mapping();
    metadata.set("name", yaml::Node::make_string(pod->name));
    metadata.set("namespace", yaml::Node::make_string(pod->space));
    document.set("apiVersion", yaml::Node::make_string("v1"));
    document.set("kind", yaml::Node::make_string("Pod"));
    document.set("metadata", std::move(metadata));
    documents.push_back(std::move(document));
  }
  return yaml::to_yaml(documents);
}

// Of a container that ended by itself and should not have: whether what it said is in the log of the run before. "" of
// the name: there is none.
struct Crashed {
  std::string container;
  bool before = false;
};
Crashed crashed(const json::Value& pod) {
  for (const auto& status : kube::items(pod, "status/containerStatuses")) {
    if (status.boolean_or("ready", false)) continue;
    const std::string name = status.text_or("name", "");
    const auto ended = kube::text(status, "state/terminated/reason");
    if (!ended.empty() && ended != "Completed") return {name, false};
    if (!kube::text(status, "lastState/terminated/reason").empty()) return {name, true};
  }
  return {};
}

class Asker {
 public:
  Asker(host::HostView& host, const config::ClusterConfig& config, const CancelToken& cancel, ClusterLook& out)
      : host_(host), config_(config), cancel_(cancel), out_(out) {}

  void run() {
    const std::vector<std::function<void()>> parts{
        [&] { out_.objects.nodes = list({"nodes"}); },
        [&] { out_.objects.workloads = list({"deployments,statefulsets,daemonsets,jobs", "--all-namespaces"}); },
        [&] { system_pods_ = list({"pods", "--namespace=kube-system"}); },
        [&] { out_.pods = pod_rows(table({"pods", "--all-namespaces", "-o", std::string(kPodColumns)})); },
        [&] { out_.claims = list({"persistentvolumeclaims", "--all-namespaces"}); },
        [&] { take("helm's releases", steps::helm_releases(host_, cancel_), out_.releases); },
        [&] { ask_for_applications(); },
        [&] { ask_for_definitions(); },
        [&] { ask_for_networks(); },
        [&] { ask_for_etcd(); },
        [&] { ask_balancer(); }};
    base::parallel_for(parts.size(), kAtOnce, [&](size_t i) { parts[i](); });
    ask_for_reasons();
  }

 private:
  void trouble(std::string_view what, const Error& error) {
    const std::lock_guard lock(mutex_);
    out_.troubles.push_back(base::format("{}: {}", what, last_line(error.text())));
  }

  template <class T, class Into>
  void take(std::string_view what, Result<T> got, Into& into) {
    if (got)
      into = std::move(*got);
    else
      trouble(what, got.error());
  }

  json::Value list(std::vector<std::string> arguments) {
    const std::string what = arguments.front();
    auto got = steps::kubectl_object(host_, std::move(arguments), cancel_);
    if (!got) trouble(what, got.error());
    return got && *got ? std::move(**got) : json::Value::object();
  }

  std::string table(std::vector<std::string> arguments) {
    const std::string what = arguments.front();
    arguments.insert(arguments.begin(), "get");
    arguments.insert(arguments.end(), {"--no-headers", "--ignore-not-found"});
    auto got = steps::kubectl_get(host_, std::move(arguments), cancel_);
    if (!got) trouble(what, got.error());
    return got ? std::move(*got) : std::string();
  }

  void ask_for_applications() {
    take("the artifacts' records", host::read_artifact_records(host_), out_.artifacts);
    take("objects of applications", steps::missing_objects(host_, out_.artifacts, cancel_), out_.missing);
  }

  void ask_for_definitions() {
    const auto lines = steps::kubectl_get(
        host_, {"get", "customresourcedefinitions,apiservices", "-o", std::string(kDefinitions)}, cancel_);
    if (lines)
      out_.definitions = definitions_of(*lines);
    else
      trouble("definitions of kinds", lines.error());
  }

  void ask_for_networks() {
    take("the kubelet's configuration", steps::name_service(host_), out_.names);
    out_.api_service = std::string(
        base::trim(table({"service", "kubernetes", "--namespace=default", "-o", "custom-columns=IP:.spec.clusterIP"})));
    for (const auto line : base::split(
             table({"networkpolicies", "--all-namespaces", "-o", "custom-columns=SPACE:.metadata.namespace"}), '\n')) {
      if (!base::trim(line).empty()) out_.policed.emplace(base::trim(line));
    }
  }

  void ask_for_etcd() {
    if (config_.external_etcd)
      out_.site_etcd = steps::look_at_etcd(host_, *config_.external_etcd, "/registry/", cancel_);
    else
      out_.members = steps::etcd_members(host_, cancel_);
  }

  void ask_balancer() {
    if (!config_.api.balancer) return;
    const auto answer = steps::ask_balancer(host_, *config_.api.balancer, cancel_);
    out_.site_balancer = answer ? "" : last_line(answer.error().what);
  }

  // Why pods and claims are not as they should be.
  void ask_for_reasons() {
    std::vector<const PodRow*> ill;
    for (const auto& pod : out_.pods) {
      if (is_ill(pod) && ill.size() < kMostIllPods) ill.push_back(&pod);
    }
    json::Value pods = json::Value::array();
    for (const auto& pod : kube::items(system_pods_)) pods.push_back(pod);
    std::vector<json::Value> others;
    if (!ill.empty()) {
      const std::string text = identities(ill);
      const auto got = steps::kubectl_get(host_, {"get", "--filename", "-", "--ignore-not-found", "-o", "json"},
                                          cancel_, base::as_bytes(text))
                           .and_then([](const std::string& output) {
                             return base::trim(output).empty() ? Result<json::Value>(json::Value::object())
                                                               : json::parse(output, steps::kHostJson);
                           });
      if (!got) trouble("unhealthy pods", got.error());
      if (got && got->find("items") != nullptr)
        others = kube::items(*got);
      else if (got && got->find("metadata") != nullptr)
        others.push_back(*got);
    }
    for (const auto& pod : others) {
      if (kube::text(pod, "metadata/namespace") != "kube-system") pods.push_back(pod);
    }
    out_.objects.pods = json::Value::object();
    out_.objects.pods.set("items", std::move(pods));
    ask_for_last_lines(others);
    ask_for_events(others);
  }

  void ask_for_last_lines(const std::vector<json::Value>& pods) {
    std::vector<std::pair<const json::Value*, Crashed>> crashing;
    for (const auto& pod : pods) {
      if (auto one = crashed(pod); !one.container.empty() && crashing.size() < kMostLogs)
        crashing.emplace_back(&pod, std::move(one));
    }
    std::vector<std::string> names(crashing.size());
    std::vector<std::vector<std::string>> lines(crashing.size());
    base::parallel_for(crashing.size(), kAtOnce, [&](size_t i) {
      const auto& [object, run] = crashing[i];
      const std::string space = kube::text(*object, "metadata/namespace"), pod = kube::text(*object, "metadata/name");
      names[i] = space + "/" + pod;
      std::vector<std::string> words{"logs", "--tail=5", "--namespace=" + space, pod, "--container=" + run.container};
      if (run.before) words.emplace_back("--previous");
      const auto said = steps::kubectl_get(host_, std::move(words), cancel_);
      if (!said) return;  // its runtime has forgotten it already
      for (const auto line : base::split(base::trim(*said), '\n')) {
        if (!base::trim(line).empty()) lines[i].push_back(base::printable(base::trim(line)));
      }
    });
    for (size_t i = 0; i < names.size(); ++i) out_.last_lines[names[i]] = std::move(lines[i]);
  }

  void ask_for_events(const std::vector<json::Value>& pods) {
    struct Object {
      std::string kind, space, name;
    };
    std::vector<Object> whom;
    const auto add = [&](std::string_view kind, const json::Value& object) {
      if (whom.size() < kMostEvents)
        whom.push_back(
            {std::string(kind), kube::text(object, "metadata/namespace"), kube::text(object, "metadata/name")});
    };
    for (const auto& claim : kube::items(out_.claims)) {
      if (kube::text(claim, "status/phase") == "Pending") add("PersistentVolumeClaim", claim);
    }
    for (const auto& pod : pods) add("Pod", pod);
    std::vector<std::string> said(whom.size());
    base::parallel_for(whom.size(), kAtOnce, [&](size_t i) {
      const auto& [kind, space, name] = whom[i];
      const auto text = steps::kubectl_get(
          host_,
          {"get", "events", "--namespace=" + space, "--no-headers", "--sort-by=.metadata.creationTimestamp",
           base::format("--field-selector=involvedObject.kind={},involvedObject.name={}", kind, name), "-o",
           "custom-columns=REASON:.reason,MESSAGE:.message"},
          cancel_);
      if (text) said[i] = last_line(*text);
    });
    for (size_t i = 0; i < whom.size(); ++i) {
      if (!said[i].empty()) out_.events[base::format("{} {}/{}", whom[i].kind, whom[i].space, whom[i].name)] = said[i];
    }
  }

  host::HostView& host_;
  const config::ClusterConfig& config_;
  const CancelToken& cancel_;
  ClusterLook& out_;
  json::Value system_pods_;
  std::mutex mutex_;
};

}  // namespace

std::vector<PodRow> pod_rows(std::string_view table) {
  std::vector<PodRow> out;
  for (const auto line : base::split(table, '\n')) {
    auto words = base::split_words(line);
    if (words.size() != kPodColumnCount) continue;
    for (auto& word : words) {
      if (word == kNone) word = {};
    }
    PodRow row{std::string(words[0]), std::string(words[1]), std::string(words[2]),
               std::string(words[3]), words[4] == "true",    words[6] == "True",
               std::string(words[5]), std::string(words[7]), {}};
    for (const auto image : base::split(words[8], ',')) {
      if (!image.empty()) row.images.emplace_back(image);
    }
    out.push_back(std::move(row));
  }
  return out;
}

std::vector<json::Value> definitions_of(std::string_view lines) {
  std::vector<json::Value> out;
  for (const auto line : base::split(lines, '\n')) {
    const auto words = base::split_words(line);
    if (words.size() < 3) continue;
    json::Value object = json::Value::object(), metadata = json::Value::object(), status = json::Value::object();
    metadata.set("name", std::string(words[1]));
    const size_t slash = words[2].find('/');
    if (words[2].size() > 1 && slash != std::string_view::npos) {
      json::Value annotations = json::Value::object();
      annotations.set("meta.helm.sh/release-namespace", std::string(words[2].substr(0, slash)));
      annotations.set("meta.helm.sh/release-name", std::string(words[2].substr(slash + 1)));
      metadata.set("annotations", std::move(annotations));
    }
    const size_t begin = line.find('[');
    auto conditions = json::parse(begin == std::string_view::npos ? "[]" : line.substr(begin), steps::kHostJson);
    status.set("conditions", conditions ? std::move(*conditions) : json::Value::array());
    object.set("kind", std::string(words[0]));
    object.set("metadata", std::move(metadata));
    object.set("status", std::move(status));
    out.push_back(std::move(object));
  }
  return out;
}

ClusterLook ask_cluster(host::HostView& control_plane, const std::string& name, const config::ClusterConfig& config,
                        const CancelToken& cancel) {
  ClusterLook out;
  out.asked = name;
  Asker(control_plane, config, cancel, out).run();
  return out;
}

}  // namespace sealift::inspection
