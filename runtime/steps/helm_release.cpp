// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/helm_release.h"

#include <array>

#include "payload/base/secret.h"
#include "payload/base/text.h"
#include "payload/codec/gzip.h"
#include "payload/yaml/node.h"
#include "runtime/steps/kubectl.h"

namespace sealift::steps {
namespace {

constexpr size_t kMaxRelease = size_t{32} << 20;  // unpacked; packed it is at most a Secret's 1 MiB

Result<std::string> unpacked(const Bytes& packed) {
  // helm of long ago did not compress.
  if (packed.size() < 3 || packed[0] != std::byte{0x1f} || packed[1] != std::byte{0x8b})
    return std::string(base::as_text(packed));
  base::MemorySource source(packed);
  codec::GzipSource gzip(source);
  std::string out;
  std::array<std::byte, 65536> buffer{};
  for (;;) {
    SEALIFT_ASSIGN(const size_t count, gzip.read(buffer));
    if (count == 0) return out;
    out += base::as_text(std::span(buffer).first(count));
    if (out.size() > kMaxRelease) return fail(ErrorCode::limit_exceeded, "helm's record of a release is too large");
  }
}

std::string kept_manifest(const std::string& manifest, const std::function<bool(const AppObject&)>& is_spared) {
  std::vector<yaml::Node> kept;
  for_each_object(manifest, [&](const yaml::Node& object) {
    const AppObject one{object.text_at("apiVersion"), object.text_at("kind"), object.text_at("metadata/namespace"),
                        object.text_at("metadata/name")};
    if (!is_spared(one)) kept.push_back(object);
  });
  return yaml::to_yaml(kept);
}

}  // namespace

Result<std::string> without_objects(std::string_view encoded, const std::function<bool(const AppObject&)>& is_spared) {
  // The API's base64 around helm's.
  const auto outer = base::from_base64(encoded);
  const auto packed = outer ? base::from_base64(base::as_text(*outer)) : std::nullopt;
  if (!packed) return fail(ErrorCode::corrupt, "helm's record of a release is no base64");
  SEALIFT_ASSIGN(const auto text, unpacked(*packed));
  SEALIFT_ASSIGN(auto release, json::parse(text, {.bytes = kMaxRelease, .depth = 128}));
  const auto* manifest = release.find("manifest");
  if (manifest == nullptr || manifest->string() == nullptr)
    return fail(ErrorCode::unsupported, "helm's record of a release has no manifest");
  release.set("manifest", kept_manifest(*manifest->string(), is_spared));
  json::Value chart = json::Value::object();
  if (const auto* metadata = release.at_path("chart/metadata"); metadata != nullptr) chart.set("metadata", *metadata);
  release.set("chart", std::move(chart));
  // Uncompressed, as helm reads it too.
  return base::to_base64(base::as_bytes(base::to_base64(base::as_bytes(json::to_canonical(release)))));
}

Result<void> spare_objects(host::Host& host, const std::string& release, const std::string& target_namespace,
                           uint64_t revision, const std::function<bool(const AppObject&)>& is_spared,
                           const host::Reason& reason, const CancelToken& cancel) {
  const auto name = std::format("sh.helm.release.v1.{}.v{}", release, revision);
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
