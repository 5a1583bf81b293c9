// SPDX-License-Identifier: Apache-2.0
#include "packer/resolve/kubernetes_apis.h"

#include <algorithm>
#include <array>

#include "payload/base/text.h"

namespace sealift::resolve {
namespace {

constexpr std::string_view kNoPolicies = "labels of Pod Security admission on namespaces";

// Sources: Kubernetes, "Deprecated API Migration Guide" (kubernetes.io/docs/reference/using-api/deprecation-guide), and
// the marks in k8s.io/api v0.34.4 (zz_generated.prerelease-lifecycle.go), which also say what is planned. By removal,
// newest first; of two entries for one version, the one with the kind counts.
constexpr auto kOldApis = std::to_array<OldApi>({
    // still there
    {"v1", "Endpoints", 33, 0, "discovery.k8s.io/v1 EndpointSlice"},
    {"v1", "ComponentStatus", 19, 0, "the health checks of the API server"},
    // 1.38
    {"admissionregistration.k8s.io/v1alpha1", "MutatingAdmissionPolicy", 35, 38,
     "admissionregistration.k8s.io/v1beta1"},
    {"admissionregistration.k8s.io/v1alpha1", "MutatingAdmissionPolicyBinding", 35, 38,
     "admissionregistration.k8s.io/v1beta1"},
    {"resource.k8s.io/v1beta1", "", 35, 38, "resource.k8s.io/v1"},
    // 1.37
    {"certificates.k8s.io/v1alpha1", "ClusterTrustBundle", 34, 37, "certificates.k8s.io/v1beta1"},
    {"networking.k8s.io/v1beta1", "IPAddress", 34, 37, "networking.k8s.io/v1"},
    {"networking.k8s.io/v1beta1", "ServiceCIDR", 34, 37, "networking.k8s.io/v1"},
    {"storage.k8s.io/v1beta1", "VolumeAttributesClass", 34, 37, "storage.k8s.io/v1"},
    // 1.35
    {"storage.k8s.io/v1alpha1", "VolumeAttributesClass", 32, 35, "storage.k8s.io/v1"},
    // 1.34
    {"admissionregistration.k8s.io/v1beta1", "ValidatingAdmissionPolicy", 31, 34, "admissionregistration.k8s.io/v1"},
    {"admissionregistration.k8s.io/v1beta1", "ValidatingAdmissionPolicyBinding", 31, 34,
     "admissionregistration.k8s.io/v1"},
    // 1.32
    {"admissionregistration.k8s.io/v1alpha1", "ValidatingAdmissionPolicy", 29, 32, "admissionregistration.k8s.io/v1"},
    {"admissionregistration.k8s.io/v1alpha1", "ValidatingAdmissionPolicyBinding", 29, 32,
     "admissionregistration.k8s.io/v1"},
    {"flowcontrol.apiserver.k8s.io/v1beta3", "", 29, 32, "flowcontrol.apiserver.k8s.io/v1"},
    // 1.29
    {"flowcontrol.apiserver.k8s.io/v1beta2", "", 26, 29, "flowcontrol.apiserver.k8s.io/v1"},
    // 1.27
    {"storage.k8s.io/v1beta1", "CSIStorageCapacity", 24, 27, "storage.k8s.io/v1"},
    // 1.26
    {"flowcontrol.apiserver.k8s.io/v1beta1", "", 23, 26, "flowcontrol.apiserver.k8s.io/v1"},
    {"autoscaling/v2beta2", "", 23, 26, "autoscaling/v2"},
    // 1.25
    {"autoscaling/v2beta1", "", 22, 25, "autoscaling/v2"},
    {"batch/v1beta1", "", 21, 25, "batch/v1"},
    {"discovery.k8s.io/v1beta1", "", 21, 25, "discovery.k8s.io/v1"},
    {"events.k8s.io/v1beta1", "", 19, 25, "events.k8s.io/v1"},
    {"node.k8s.io/v1beta1", "", 22, 25, "node.k8s.io/v1"},
    {"policy/v1beta1", "PodSecurityPolicy", 21, 25, kNoPolicies},
    {"policy/v1beta1", "", 21, 25, "policy/v1"},
    // 1.22
    {"admissionregistration.k8s.io/v1beta1", "MutatingWebhookConfiguration", 16, 22, "admissionregistration.k8s.io/v1"},
    {"admissionregistration.k8s.io/v1beta1", "ValidatingWebhookConfiguration", 16, 22,
     "admissionregistration.k8s.io/v1"},
    {"apiextensions.k8s.io/v1beta1", "", 16, 22, "apiextensions.k8s.io/v1"},
    {"apiregistration.k8s.io/v1beta1", "", 19, 22, "apiregistration.k8s.io/v1"},
    {"authentication.k8s.io/v1beta1", "TokenReview", 19, 22, "authentication.k8s.io/v1"},
    {"authorization.k8s.io/v1beta1", "", 19, 22, "authorization.k8s.io/v1"},
    {"certificates.k8s.io/v1beta1", "CertificateSigningRequest", 19, 22, "certificates.k8s.io/v1"},
    {"coordination.k8s.io/v1beta1", "Lease", 19, 22, "coordination.k8s.io/v1"},
    {"extensions/v1beta1", "Ingress", 14, 22, "networking.k8s.io/v1"},
    {"networking.k8s.io/v1beta1", "Ingress", 19, 22, "networking.k8s.io/v1"},
    {"networking.k8s.io/v1beta1", "IngressClass", 19, 22, "networking.k8s.io/v1"},
    {"rbac.authorization.k8s.io/v1beta1", "", 17, 22, "rbac.authorization.k8s.io/v1"},
    {"rbac.authorization.k8s.io/v1alpha1", "", 17, 22, "rbac.authorization.k8s.io/v1"},
    {"scheduling.k8s.io/v1beta1", "PriorityClass", 14, 22, "scheduling.k8s.io/v1"},
    {"storage.k8s.io/v1beta1", "CSIDriver", 19, 22, "storage.k8s.io/v1"},
    {"storage.k8s.io/v1beta1", "CSINode", 17, 22, "storage.k8s.io/v1"},
    {"storage.k8s.io/v1beta1", "StorageClass", 19, 22, "storage.k8s.io/v1"},
    {"storage.k8s.io/v1beta1", "VolumeAttachment", 19, 22, "storage.k8s.io/v1"},
    // 1.16
    {"extensions/v1beta1", "NetworkPolicy", 9, 16, "networking.k8s.io/v1"},
    {"extensions/v1beta1", "PodSecurityPolicy", 11, 16, kNoPolicies},
    {"extensions/v1beta1", "", 9, 16, "apps/v1"},
    {"apps/v1beta1", "", 9, 16, "apps/v1"},
    {"apps/v1beta2", "", 9, 16, "apps/v1"},
});

}  // namespace

std::span<const OldApi> old_apis() { return kOldApis; }

const OldApi* find_old_api(std::string_view api_version, std::string_view kind) {
  const auto is = [&](std::string_view wanted) {
    return std::ranges::find_if(kOldApis, [api_version, wanted](const OldApi& api) {
      return api.api_version == api_version && api.kind == wanted;
    });
  };
  if (const auto exact = is(kind); exact != kOldApis.end()) return &*exact;
  const auto general = is("");
  return general == kOldApis.end() ? nullptr : &*general;
}

std::optional<int> minor_of(std::string_view version) {
  if (version.starts_with('v')) version.remove_prefix(1);
  const auto parts = base::split(version, '.');
  if (parts.size() < 2 || parts[0] != "1" || parts[1].size() > 4) return std::nullopt;
  const auto minor = base::parse_u64(parts[1]);
  return minor ? std::optional(static_cast<int>(*minor)) : std::nullopt;
}

}  // namespace sealift::resolve
