// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/app_claims.h"

#include <algorithm>
#include <map>

#include "payload/base/format.h"
#include "payload/base/text.h"
#include "runtime/kube/objects.h"

namespace sealift::steps {
namespace {

// "data-redis-0" of the template data and the StatefulSet redis.
bool is_made_by(std::string_view claim, const std::string& prefix) {
  return claim.starts_with(prefix) && base::parse_u64(claim.substr(prefix.size())).has_value();
}

Claims claims_in(const json::Value& list) {
  Claims out;
  for (const auto& claim : kube::items(list))
    out.emplace(kube::text(claim, "metadata/namespace"), kube::text(claim, "metadata/name"));
  return out;
}

}  // namespace

Result<Claims> claims_of(host::HostView& host, const std::vector<AppObject>& objects,
                         const std::string& target_namespace, const CancelToken& cancel) {
  std::map<std::string, std::set<std::string>> names, prefixes;  // by namespace
  for (const auto& object : objects) {
    const auto& space = object.target_namespace.empty() ? target_namespace : object.target_namespace;
    if (object.kind == "PersistentVolumeClaim") names[space].insert(object.name);
    if (object.kind != "StatefulSet") continue;
    SEALIFT_ASSIGN(const auto set, kubectl_object(host, {"statefulset", object.name, "--namespace=" + space}, cancel));
    const auto* templates = set ? set->at_path("spec/volumeClaimTemplates") : nullptr;
    if (templates == nullptr || !templates->is_array()) continue;
    for (const auto& one : *templates->elements())
      prefixes[space].insert(base::format("{}-{}-", kube::text(one, "metadata/name"), object.name));
  }
  std::set<std::string> spaces;
  for (const auto* by_space : {&names, &prefixes}) {
    for (const auto& [space, some] : *by_space) spaces.insert(space);
  }
  Claims out;
  for (const auto& space : spaces) {
    SEALIFT_ASSIGN(const auto list, kubectl_object(host, {"persistentvolumeclaims", "--namespace=" + space}, cancel));
    if (!list) continue;
    for (const auto& claim : claims_in(*list)) {
      const bool made = std::ranges::any_of(
          prefixes[space], [&](const std::string& prefix) { return is_made_by(claim.second, prefix); });
      if (made || names[space].contains(claim.second)) out.emplace(space, claim.second);
    }
  }
  return out;
}

Result<void> label_claims(host::Host& host, const Claims& claims, const std::string& app, const host::Reason& reason,
                          const CancelToken& cancel) {
  for (const auto& [space, name] : claims) {
    SEALIFT_TRY(kubectl_do(host,
                           {"label", "persistentvolumeclaim", name, "--namespace=" + space, "--overwrite",
                            base::format("{}={}", kAppLabel, app)},
                           reason, cancel));
  }
  return {};
}

Result<Claims> labelled_claims(host::HostView& host, const std::string& app, const CancelToken& cancel) {
  SEALIFT_ASSIGN(const auto list, kubectl_object(host,
                                                 {"persistentvolumeclaims", "--all-namespaces",
                                                  base::format("--selector={}={}", kAppLabel, app)},
                                                 cancel));
  return list ? claims_in(*list) : Claims{};
}

}  // namespace sealift::steps
