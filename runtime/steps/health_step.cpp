// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/health_step.h"

#include <algorithm>
#include <map>

#include "payload/base/format.h"
#include "payload/base/text.h"
#include "payload/base/thread.h"
#include "payload/yaml/node.h"
#include "runtime/engine/connections.h"
#include "runtime/kube/manifests.h"
#include "runtime/kube/objects.h"
#include "runtime/steps/apps.h"
#include "runtime/steps/kubectl.h"

namespace sealift::steps {
namespace {

constexpr std::string_view kSystemNamespace = "kube-system";
constexpr std::string_view kKubeletConfig = "/var/lib/kubelet/config.yaml";
// Longer than pods take to come back after a power cut, CoreDNS's back-off included.
constexpr Duration kHealthTimeout{300'000};
constexpr size_t kNamedTroubles = 5;
constexpr int kAsks = 4;  // each reaches a random CoreDNS pod: an unreachable one should not stay hidden
constexpr unsigned kHostsAtOnce = 32;

std::string text_at(const json::Value& object, std::string_view path) {
  const auto* value = object.at_path(path);
  return value == nullptr || value->string() == nullptr ? std::string() : *value->string();
}

Result<json::Value> list_of(host::HostView& host, std::vector<std::string> arguments, const CancelToken& cancel) {
  return kubectl_object(host, std::move(arguments), cancel).transform([](std::optional<json::Value> list) {
    return list ? std::move(*list) : json::Value::object();
  });
}

}  // namespace

Result<ClusterLook> look_at_cluster(host::HostView& control_plane, const std::set<std::string>& expected,
                                    const CancelToken& cancel) {
  ClusterLook out;
  SEALIFT_ASSIGN(out.objects.nodes, list_of(control_plane, {"nodes"}, cancel));
  SEALIFT_ASSIGN(out.objects.workloads,
                 list_of(control_plane, {"deployments,statefulsets,daemonsets", "--all-namespaces"}, cancel));
  SEALIFT_ASSIGN(out.objects.pods,
                 list_of(control_plane, {"pods", base::format("--namespace={}", kSystemNamespace)}, cancel));
  out.judged = kube::judge_cluster(out.objects, expected);
  const auto is_ill = [](const kube::Judged& judged) {
    return judged.health.state != kube::Health::State::current && !judged.where.empty() &&
           judged.where != kSystemNamespace;
  };
  if (std::ranges::none_of(out.judged, is_ill)) return out;
  // All pods are requested only if something outside kube-system is unhealthy: they explain why.
  SEALIFT_ASSIGN(out.objects.pods, list_of(control_plane, {"pods", "--all-namespaces"}, cancel));
  out.judged = kube::judge_cluster(out.objects, expected);
  return out;
}

Result<NameService> name_service(host::HostView& node) {
  SEALIFT_ASSIGN(const auto bytes, node.read(std::string(kKubeletConfig), size_t{1} << 20));
  if (!bytes) return fail(ErrorCode::not_found, "{} is not there", kKubeletConfig);
  SEALIFT_ASSIGN(const auto documents, yaml::parse(base::as_text(*bytes), kKubeletConfig));
  const auto* servers = documents.empty() ? nullptr : documents[0].find("clusterDNS");
  if (servers == nullptr || servers->items.empty())
    return fail(ErrorCode::not_found, "{} names no clusterDNS", kKubeletConfig);
  const auto* domain = documents[0].find("clusterDomain");
  return NameService{servers->items[0].text, domain == nullptr ? "cluster.local" : domain->text};
}

Result<std::optional<std::string>> stale_report(host::HostView& node, const std::string& reported_boot) {
  SEALIFT_ASSIGN(const auto bytes, node.read("/proc/sys/kernel/random/boot_id", 256));
  if (!bytes || reported_boot.empty()) return std::optional<std::string>{};
  if (base::trim(base::as_text(*bytes)) == reported_boot) return std::optional<std::string>{};
  return std::optional(std::string("it has restarted, and its kubelet has not reported since"));
}

Result<std::optional<std::string>> name_service_trouble(host::HostView& node, const NameService& service) {
  for (int asked = 0; asked < kAsks; ++asked) {
    SEALIFT_ASSIGN(const auto answer, node.ask_name_server(service.server, "kubernetes.default.svc." + service.domain));
    if (!answer.works)
      return std::optional(
          base::format("the cluster's name service {} gives it no answer: {}", service.server, answer.detail));
  }
  return std::optional<std::string>{};
}

DeliveredWorkloads::DeliveredWorkloads(const Model& model, const std::vector<engine::StepId>& not_done) {
  for (const auto& app : model.apps) {
    if (!app.waits_for_health || std::ranges::contains(not_done, app_step(app))) continue;
    if (app.app->kind == format::AppKind::helm) {
      releases_[{app.release, app.target_namespace}] = app.app->name;
      continue;
    }
    const auto files = app_texts(model.payload, app);
    if (!files) continue;  // reported when it was installed
    for (const auto& [path, text] : *files) {
      kube::for_each_object(text, [&](const yaml::Node& object) {
        const auto space = object.text_at("metadata/namespace");
        named_[{object.text_at("kind"), space.empty() ? app.target_namespace : space,
                object.text_at("metadata/name")}] = app.app->name;
      });
    }
  }
}

std::optional<std::string> DeliveredWorkloads::app_of(const json::Value& workload) const {
  const auto release = releases_.find(kube::release_of(workload));
  if (release != releases_.end()) return release->second;
  const auto named = named_.find(
      {text_at(workload, "kind"), text_at(workload, "metadata/namespace"), text_at(workload, "metadata/name")});
  return named == named_.end() ? std::nullopt : std::optional(named->second);
}

HealthStep::HealthStep(const Model& model)
    : BasicStep("cluster.healthy", "wait until the cluster and its applications are healthy", digest_of({"healthy"})),
      model_(model) {}

std::vector<std::string> HealthStep::object_troubles(const engine::LookContext& context,
                                                     const ClusterLook& look) const {
  std::vector<std::string> out;
  std::optional<DeliveredWorkloads> delivered;  // made only if something is unhealthy
  const auto is_ours = [&](const json::Value& workload) {
    if (!delivered) delivered.emplace(model_, context.not_done);
    return delivered->holds(workload);
  };
  for (const auto& judged : look.judged) {
    if (!judged.counts || judged.health.state == kube::Health::State::current) continue;
    const bool workload = judged.object != nullptr && !judged.where.empty();
    // Where Sealift did not make the cluster, its system is not ours either.
    const bool is_system = judged.where == kSystemNamespace && !model_.config.existing;
    if (workload && !is_system && !is_ours(*judged.object)) continue;  // the site's own
    out.push_back(judged.health.subject + ": " + judged.health.message);
  }
  return out;
}

Result<std::vector<std::string>> HealthStep::node_troubles(const engine::LookContext& context,
                                                           const std::set<std::string>& expected,
                                                           const ClusterLook& look) const {
  std::optional<NameService> service;  // of a cluster that is there, its kubelets need not tell
  if (!model_.config.existing) {
    SEALIFT_ASSIGN(service, name_service(context.host));
  }
  std::map<std::string, std::string> boots;
  if (const auto* items = look.objects.nodes.find("items"); items != nullptr && items->is_array()) {
    for (const auto& node : *items->elements())
      boots[text_at(node, "metadata/name")] = text_at(node, "status/nodeInfo/bootID");
  }
  const std::vector<std::string> names(expected.begin(), expected.end());
  std::vector<std::string> troubles(names.size());
  std::vector<std::optional<Error>> lost(names.size());
  base::parallel_for(names.size(), kHostsAtOnce, [&](size_t i) {
    const auto ask = [&]() -> Result<std::optional<std::string>> {
      SEALIFT_ASSIGN(const auto node, context.others.view(names[i], context.cancel));
      const auto boot = boots.find(names[i]);
      SEALIFT_ASSIGN(auto stale, stale_report(*node, boot == boots.end() ? "" : boot->second));
      if (stale || !service) return stale;
      return name_service_trouble(*node, *service);
    };
    const auto trouble = ask();
    if (!trouble && trouble.error().code == ErrorCode::unreachable)
      lost[i] = trouble.error();
    else if (!trouble)
      troubles[i] = base::format("{}: {}", names[i], trouble.error().text());
    else if (*trouble)
      troubles[i] = base::format("{}: {}", names[i], **trouble);
  });
  // The runner handles a lost connection: it reconnects and retries.
  for (auto& error : lost) {
    if (error) return fail(std::move(*error));
  }
  std::erase(troubles, std::string());
  return troubles;
}

Result<std::vector<std::string>> HealthStep::troubles(const engine::LookContext& context) const {
  std::set<std::string> expected;
  for (const auto& node : model_.nodes) {
    if (!std::ranges::contains(context.aside, node.name)) expected.insert(node.name);
  }
  SEALIFT_ASSIGN(const auto look, look_at_cluster(context.host, expected, context.cancel));
  auto out = object_troubles(context, look);
  SEALIFT_ASSIGN(const auto nodes, node_troubles(context, expected, look));
  out.insert(out.end(), nodes.begin(), nodes.end());
  return out;
}

Result<engine::StepState> HealthStep::check(const engine::LookContext& context) {
  auto found = troubles(context);
  if (!found && (found.error().code == ErrorCode::unreachable || found.error().code == ErrorCode::cancelled))
    return std::unexpected(std::move(found).error());
  // An API that does not answer is an unhealthy cluster, too.
  return found && found->empty() ? engine::StepState::done : engine::StepState::needed;
}

Result<void> HealthStep::apply(engine::StepContext& context) {
  return wait_until(context, kHealthTimeout, ErrorCode::unhealthy, "the cluster is unhealthy",
                    [&](std::string& message) -> Result<bool> {
                      SEALIFT_ASSIGN(auto found, troubles(context.looking()));
                      if (found.empty()) return true;
                      const size_t count = found.size();
                      if (count > kNamedTroubles) {
                        found.resize(kNamedTroubles);
                        found.push_back(base::format("and {} more; `status` lists all", count - kNamedTroubles));
                      }
                      message = base::join(found, "; ");
                      return false;
                    });
}

}  // namespace sealift::steps
