// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/helm_release.h"

#include "payload/base/format.h"
#include "payload/base/secret.h"
#include "payload/yaml/node.h"
#include "runtime/kube/helm_record.h"
#include "runtime/steps/kubectl.h"

namespace sealift::steps {
namespace {

std::string kept_manifest(const std::string& manifest, const std::function<bool(const AppObject&)>& is_spared) {
  std::vector<yaml::Node> kept;
  kube::for_each_object(manifest, [&](const yaml::Node& object) {
    const AppObject one{object.text_at("apiVersion"), object.text_at("kind"), object.text_at("metadata/namespace"),
                        object.text_at("metadata/name")};
    if (!is_spared(one)) kept.push_back(object);
  });
  return yaml::to_yaml(kept);
}

}  // namespace

Result<std::string> without_objects(std::string_view encoded, const std::function<bool(const AppObject&)>& is_spared) {
  SEALIFT_ASSIGN(auto release, kube::decode_helm_record(encoded));
  const auto* manifest = release.find("manifest");
  if (manifest == nullptr || manifest->string() == nullptr)
    return fail(ErrorCode::unsupported, "helm's record of a release has no manifest");
  release.set("manifest", kept_manifest(*manifest->string(), is_spared));
  json::Value chart = json::Value::object();
  if (const auto* metadata = release.at_path("chart/metadata"); metadata != nullptr) chart.set("metadata", *metadata);
  release.set("chart", std::move(chart));
  return kube::encode_helm_record(release);
}

Result<void> spare_objects(host::Host& host, const std::string& release, const std::string& target_namespace,
                           uint64_t revision, const std::function<bool(const AppObject&)>& is_spared,
                           const host::Reason& reason, const CancelToken& cancel) {
  const auto name = base::format("sh.helm.release.v1.{}.v{}", release, revision);
  SEALIFT_ASSIGN(auto secret, kubectl_object(host, {"secret", name, "--namespace=" + target_namespace}, cancel));
  const auto* encoded = secret ? secret->at_path("data/release") : nullptr;
  if (encoded == nullptr || encoded->string() == nullptr)
    return fail(ErrorCode::unsupported, "helm keeps no record {} in {}", name, target_namespace);
  SEALIFT_ASSIGN(auto changed, without_objects(*encoded->string(), is_spared));
  auto data = *secret->find("data");
  data.set("release", std::move(changed));
  secret->set("data", std::move(data));
  const Secret text(json::to_canonical(*secret));  // with the values
  const auto command = kubectl({"replace", "--filename", "-"});
  base::CommandIo io;
  io.input = base::as_bytes(text.reveal());
  return base::output_of(command, host.run(command, io, reason, cancel)).transform([](const std::string&) {});
}

}  // namespace sealift::steps
