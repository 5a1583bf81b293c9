// SPDX-License-Identifier: Apache-2.0
#include "payload/image/manifest.h"

#include <algorithm>
#include <array>
#include <limits>

#include "payload/base/format.h"
#include "payload/base/text.h"
#include "payload/json/value.h"

namespace sealift::image {
namespace {

constexpr size_t kMaxEntries = 1024;
constexpr uint64_t kMaxBlobBytes = uint64_t{1} << 50;  // sums over all entries stay far from overflow

std::unexpected<Error> refuse(std::string_view what) {
  return fail(ErrorCode::invalid_input, "the image manifest is not usable: {}", what);
}

Platform parse_platform(const json::Value& value) {
  Platform out =
      Platform::normalized(value.text_or("os", ""), value.text_or("architecture", ""), value.text_or("variant", ""));
  const auto* features = value.find("os.features");
  out.has_features = features != nullptr && features->is_array() && !features->elements()->empty();
  return out;
}

// In an index, an entry that nobody chooses must not take the others away: its digest may be of another algorithm.
enum class OtherDigests { refused, kept };

Result<Descriptor> parse_descriptor(const json::Value& value, OtherDigests others) {
  Descriptor out;
  auto media_type = value.text("mediaType");
  auto digest = value.text("digest");
  auto size = value.natural("size");
  if (!media_type || !digest || !size) return refuse("a descriptor without mediaType, digest or size");
  auto parsed = Digest::parse(*digest);
  if (!parsed && (others == OtherDigests::refused || digest->starts_with("sha256:") || !digest->contains(':')))
    return refuse(base::format("the digest \"{}\" is not sha256", base::printable(*digest)));
  out.media_type = std::move(*media_type);
  if (parsed)
    out.digest = *parsed;
  else
    out.unsupported_digest = std::move(*digest);
  out.size = *size;
  if (*size > kMaxBlobBytes) return refuse(base::format("a blob of {} bytes", *size));
  if (const auto* platform = value.find("platform"); platform != nullptr && !platform->is_null()) {
    out.platform = parse_platform(*platform);
  }
  if (const auto* annotations = value.find("annotations")) {
    out.reference_name = annotations->text_or("org.opencontainers.image.ref.name", "");
    out.image_name = annotations->text_or("io.containerd.image.name", "");
  }
  return out;
}

Result<std::vector<Descriptor>> parse_descriptors(const json::Value* list, std::string_view what, OtherDigests others) {
  if (list == nullptr || !list->is_array()) return refuse(base::format("no list of {}", what));
  if (list->elements()->size() > kMaxEntries) return refuse(base::format("more than {} {}", kMaxEntries, what));
  std::vector<Descriptor> out;
  for (const auto& element : *list->elements()) {
    SEALIFT_ASSIGN(auto descriptor, parse_descriptor(element, others));
    out.push_back(std::move(descriptor));
  }
  return out;
}

// Why a document can't be used whatever its type; nullopt if it can.
std::optional<std::string> obsolete(const json::Value& document, std::string_view type) {
  if (document.find("fsLayers") != nullptr || document.natural_or("schemaVersion", 0) == 1)
    return "it is of Docker's schema 1, which containerd does not read; push the image again with a current tool";
  if (type == "application/vnd.oci.artifact.manifest.v1+json")
    return "it is an OCI artifact manifest, which never became a standard and is no container image";
  if (document.natural_or("schemaVersion", 0) != 2) return "its schemaVersion is not 2";
  return {};
}

// Not JSON at all.
std::string_view not_an_object(ByteView bytes) {
  return base::trim(base::as_text(bytes)).starts_with('<')
             ? "it is HTML or XML; a proxy or a login page may answer in the registry's place"
             : "it is not a JSON object";
}

}  // namespace

bool is_index(std::string_view media_type) { return media_type == kOciIndex || media_type == kDockerList; }
bool is_manifest(std::string_view media_type) { return media_type == kOciManifest || media_type == kDockerManifest; }

Result<std::variant<Manifest, Index>> parse_manifest(ByteView bytes, std::string_view media_type) {
  if (bytes.size() > kMaxManifestBytes)
    return fail(ErrorCode::limit_exceeded, "an image manifest of {} bytes, at most {} are allowed", bytes.size(),
                kMaxManifestBytes);
  auto parsed = json::parse(base::as_text(bytes), {.bytes = kMaxManifestBytes});
  if (!parsed || !parsed->is_object()) return refuse(not_an_object(bytes));
  const auto& document = *parsed;
  const std::string own = document.text_or("mediaType", "");
  const std::string_view label = base::trim(media_type.substr(0, media_type.find(';')));
  std::string type = own;
  if (own.empty() && (is_index(label) || is_manifest(label))) type = label;
  if (type.empty()) type = document.find("manifests") != nullptr ? kOciIndex : kOciManifest;
  if (const auto why = obsolete(document, own.empty() ? label : own)) return refuse(*why);
  if (!is_index(type) && !is_manifest(type))
    return refuse(base::format("its type \"{}\" is not known", base::printable(type)));
  if ((is_index(type) && is_manifest(label)) || (is_manifest(type) && is_index(label)))
    return refuse(
        base::format("it says {} of itself and its source says {}", base::printable(type), base::printable(label)));
  if (is_index(type)) {
    if (document.find("layers") != nullptr) return refuse("an index with layers");
    SEALIFT_ASSIGN(auto manifests, parse_descriptors(document.find("manifests"), "manifests", OtherDigests::kept));
    return Index{type, std::move(manifests)};
  }
  const auto* config = document.find("config");
  if (config == nullptr || document.find("manifests") != nullptr)
    return refuse("a manifest needs a config and no manifests");
  Manifest out{type, document.text_or("artifactType", ""), {}, {}, {}};
  SEALIFT_ASSIGN(out.config, parse_descriptor(*config, OtherDigests::refused));
  SEALIFT_ASSIGN(out.layers, parse_descriptors(document.find("layers"), "layers", OtherDigests::refused));
  for (const auto& layer : out.layers) {
    if (layer.media_type.contains("foreign") || layer.media_type.contains("nondistributable"))
      return refuse("it has layers that may not be distributed");
  }
  if (const auto* subject = document.at_path("subject/digest"); subject != nullptr && subject->string() != nullptr) {
    if (const auto digest = Digest::parse(*subject->string())) out.subject = *digest;
  }
  return out;
}

const Descriptor* choose(std::span<const Descriptor> entries, Architecture host) {
  constexpr size_t kUnnamed = std::numeric_limits<size_t>::max();
  const Descriptor* best = nullptr;
  size_t least = 0;
  for (const auto& entry : entries) {
    const auto far = entry.platform ? distance(*entry.platform, host) : std::optional(kUnnamed);
    if (!far || (best != nullptr && *far >= least)) continue;
    best = &entry;
    least = *far;
  }
  return best;
}

Result<Platform> parse_config_platform(ByteView bytes) {
  auto parsed = json::parse(base::as_text(bytes), {.bytes = kMaxManifestBytes});
  if (!parsed || !parsed->is_object())
    return fail(ErrorCode::invalid_input, "the image configuration is not a JSON object");
  return parse_platform(*parsed);
}

std::optional<std::string> artifact_kind(const Manifest& manifest) {
  struct Mark {
    std::string_view part, kind;
  };
  static constexpr auto kMarks = std::to_array<Mark>({{"vnd.cncf.helm.", "a helm chart"},
                                                      {"cosign.simplesigning", "a signature"},
                                                      {"cosign.artifact.sig", "a signature"},
                                                      {"vnd.dev.sigstore.bundle", "a signature"},
                                                      {"vnd.cncf.notary.signature", "a signature"},
                                                      {"vnd.in-toto+json", "an attestation"},
                                                      {"vnd.dsse.envelope", "an attestation"},
                                                      {"spdx", "a bill of materials (SBOM)"},
                                                      {"cyclonedx", "a bill of materials (SBOM)"},
                                                      {"vnd.docker.plugin.", "a Docker plugin"}});
  std::vector<std::string_view> types{manifest.artifact_type, manifest.config.media_type};
  for (const auto& layer : manifest.layers) types.push_back(layer.media_type);
  for (const auto& type : types) {
    const auto mark = std::ranges::find_if(kMarks, [&](const Mark& known) { return type.contains(known.part); });
    if (mark != kMarks.end()) return std::string(mark->kind);
  }
  constexpr std::string_view kEmpty = "application/vnd.oci.empty.v1+json";
  const auto& config = manifest.config.media_type;
  const bool is_image_config = config == "application/vnd.oci.image.config.v1+json" ||
                               config == "application/vnd.docker.container.image.v1+json";
  if (is_image_config || (manifest.artifact_type.empty() && config != kEmpty)) return {};
  return base::format("an artifact of type {}",
                      base::printable(manifest.artifact_type.empty() ? kEmpty : manifest.artifact_type));
}

Result<LayerCompression> layer_compression(std::string_view media_type) {
  if (media_type.ends_with(".layer.v1.tar")) return LayerCompression::never;
  for (const std::string_view end : {"tar.gzip", "tar.zstd", "+gzip", "+zstd", ".tar"}) {
    if (media_type.ends_with(end)) return LayerCompression::by_content;
  }
  return fail(ErrorCode::invalid_input, "layers of type \"{}\" are not known", base::printable(media_type));
}

}  // namespace sealift::image
