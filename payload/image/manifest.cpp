// SPDX-License-Identifier: Apache-2.0
#include "payload/image/manifest.h"

#include <limits>

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

Result<Descriptor> parse_descriptor(const json::Value& value) {
  Descriptor out;
  auto media_type = value.text("mediaType");
  auto digest = value.text("digest");
  auto size = value.natural("size");
  if (!media_type || !digest || !size) return refuse("a descriptor without mediaType, digest or size");
  auto parsed = Digest::parse(*digest);
  if (!parsed) return refuse(std::format("the digest \"{}\" is not sha256", base::printable(*digest)));
  out.media_type = std::move(*media_type);
  out.digest = *parsed;
  out.size = *size;
  if (*size > kMaxBlobBytes) return refuse(std::format("a blob of {} bytes", *size));
  if (const auto* platform = value.find("platform"); platform != nullptr && !platform->is_null()) {
    out.platform = parse_platform(*platform);
  }
  if (const auto* annotations = value.find("annotations"))
    out.reference_name = annotations->text_or("org.opencontainers.image.ref.name", "");
  return out;
}

Result<std::vector<Descriptor>> parse_descriptors(const json::Value* list, std::string_view what) {
  if (list == nullptr || !list->is_array()) return refuse(std::format("no list of {}", what));
  if (list->elements()->size() > kMaxEntries) return refuse(std::format("more than {} {}", kMaxEntries, what));
  std::vector<Descriptor> out;
  for (const auto& element : *list->elements()) {
    SEALIFT_ASSIGN(auto descriptor, parse_descriptor(element));
    out.push_back(std::move(descriptor));
  }
  return out;
}

}  // namespace

bool is_index(std::string_view media_type) { return media_type == kOciIndex || media_type == kDockerList; }
bool is_manifest(std::string_view media_type) { return media_type == kOciManifest || media_type == kDockerManifest; }

Result<std::variant<Manifest, Index>> parse_manifest(ByteView bytes, std::string_view media_type) {
  if (bytes.size() > kMaxManifestBytes)
    return fail(ErrorCode::limit_exceeded, "an image manifest of {} bytes, at most {} are allowed", bytes.size(),
                kMaxManifestBytes);
  auto parsed = json::parse(base::as_text(bytes));
  if (!parsed || !parsed->is_object()) return refuse("it is not a JSON object");
  const auto& document = *parsed;
  if (document.natural_or("schemaVersion", 0) != 2) return refuse("its schemaVersion is not 2");
  const std::string own = document.text_or("mediaType", "");
  std::string type(media_type.substr(0, media_type.find(';')));
  if (type.empty() || type == "application/json") type = own;
  if (type.empty()) type = document.find("manifests") != nullptr ? kOciIndex : kOciManifest;
  if (!own.empty() && own != type)
    return refuse(
        std::format("it says {} of itself and its source says {}", base::printable(own), base::printable(type)));
  if (is_index(type)) {
    if (document.find("layers") != nullptr) return refuse("an index with layers");
    SEALIFT_ASSIGN(auto manifests, parse_descriptors(document.find("manifests"), "manifests"));
    return Index{type, std::move(manifests)};
  }
  if (!is_manifest(type)) return refuse(std::format("its type \"{}\" is not known", base::printable(type)));
  const auto* config = document.find("config");
  if (config == nullptr || document.find("manifests") != nullptr)
    return refuse("a manifest needs a config and no manifests");
  Manifest out{type, {}, {}};
  SEALIFT_ASSIGN(out.config, parse_descriptor(*config));
  SEALIFT_ASSIGN(out.layers, parse_descriptors(document.find("layers"), "layers"));
  for (const auto& layer : out.layers) {
    if (layer.media_type.contains("foreign") || layer.media_type.contains("nondistributable"))
      return refuse("it has layers that may not be distributed");
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
  auto parsed = json::parse(base::as_text(bytes));
  if (!parsed || !parsed->is_object())
    return fail(ErrorCode::invalid_input, "the image configuration is not a JSON object");
  return parse_platform(*parsed);
}

Result<LayerCompression> layer_compression(std::string_view media_type) {
  if (media_type.ends_with("tar.gzip") || media_type.ends_with("+gzip")) return LayerCompression::gzip;
  if (media_type.ends_with("+zstd")) return LayerCompression::zstd;
  if (media_type.ends_with(".tar")) return LayerCompression::none;
  return fail(ErrorCode::invalid_input, "layers of type \"{}\" are not known", base::printable(media_type));
}

}  // namespace sealift::image
