// SPDX-License-Identifier: Apache-2.0
#include "packer/resolve/object_names.h"

#include <algorithm>
#include <array>

#include "payload/base/format.h"
#include "payload/base/text.h"

namespace sealift::resolve {
namespace {

constexpr size_t kMaxLabel = 63, kMaxSubdomain = 253;  // RFC 1123
constexpr size_t kMaxCronJob = 52;                     // its jobs have 11 more

enum class Rule { segment, subdomain, label };

struct Builtin {
  std::string_view group, kind;
  Rule rule = Rule::subdomain;
};

// Those whose rule has been the same in all versions. Not here, and so taken as anything in a path: what allows more
// (RBAC, IPAddress, CSIDriver, APIService, CertificateSigningRequest).
constexpr auto kBuiltins = std::to_array<Builtin>({
    {"", "ConfigMap"},
    {"", "Endpoints"},
    {"", "LimitRange"},
    {"", "Namespace", Rule::label},
    {"", "Node"},
    {"", "PersistentVolume"},
    {"", "PersistentVolumeClaim"},
    {"", "Pod"},
    {"", "PodTemplate"},
    {"", "ReplicationController"},
    {"", "ResourceQuota"},
    {"", "Secret"},
    {"", "Service", Rule::label},
    {"", "ServiceAccount"},
    {"admissionregistration.k8s.io", "MutatingWebhookConfiguration"},
    {"admissionregistration.k8s.io", "ValidatingWebhookConfiguration"},
    {"apiextensions.k8s.io", "CustomResourceDefinition"},
    {"apps", "DaemonSet"},
    {"apps", "Deployment"},
    {"apps", "ReplicaSet"},
    {"apps", "StatefulSet"},
    {"autoscaling", "HorizontalPodAutoscaler"},
    {"batch", "CronJob"},
    {"batch", "Job"},
    {"coordination.k8s.io", "Lease"},
    {"discovery.k8s.io", "EndpointSlice"},
    {"networking.k8s.io", "Ingress"},
    {"networking.k8s.io", "IngressClass"},
    {"networking.k8s.io", "NetworkPolicy"},
    {"node.k8s.io", "RuntimeClass"},
    {"policy", "PodDisruptionBudget"},
    {"scheduling.k8s.io", "PriorityClass"},
    {"storage.k8s.io", "StorageClass"},
});

// Custom resources have names of a group that belongs to somebody; what lies below k8s.io may be built in.
bool is_custom(std::string_view group) {
  return group.contains('.') && !group.ends_with(".k8s.io") && group != "k8s.io";
}

bool is_segment(std::string_view name) {
  return name != "." && name != ".." && !name.contains('/') && !name.contains('%');
}

bool is_label(std::string_view text) {
  const auto is_inner = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; };
  return !text.empty() && text.front() != '-' && text.back() != '-' && std::ranges::all_of(text, is_inner);
}

bool is_subdomain(std::string_view name) { return std::ranges::all_of(base::split(name, '.'), is_label); }

std::optional<std::string> against(Rule rule, size_t most, std::string_view name) {
  if (!is_segment(name)) return "this name: it is part of a path there, and may not be . or .. or have / or %";
  if (rule == Rule::segment) return std::nullopt;
  const bool is_right = rule == Rule::label ? is_label(name) : is_subdomain(name);
  if (!is_right)
    return base::format(
        "this name: lower-case letters, digits and {} are allowed, with a letter or digit at both ends{}",
        rule == Rule::label ? "-" : "- and .", rule == Rule::label ? "" : " and beside each .");
  if (name.size() <= most) return std::nullopt;
  return base::format("this name: it has {} characters, and at most {} are allowed", name.size(), most);
}

}  // namespace

std::optional<NameProblem> name_problem(std::string_view group, std::string_view kind, std::string_view name) {
  const auto known =
      std::ranges::find_if(kBuiltins, [&](const Builtin& one) { return one.group == group && one.kind == kind; });
  const bool is_known = known != kBuiltins.end();
  const auto rule = is_known ? known->rule : is_custom(group) ? Rule::subdomain : Rule::segment;
  const size_t most = rule == Rule::label ? kMaxLabel : kind == "CronJob" && is_known ? kMaxCronJob : kMaxSubdomain;
  auto what = against(rule, most, name);
  if (!what) return std::nullopt;
  return NameProblem{std::move(*what), is_known || !is_segment(name)};
}

}  // namespace sealift::resolve
