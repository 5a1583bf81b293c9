// SPDX-License-Identifier: Apache-2.0
#include "packer/charts/charts.h"

#include <unistd.h>

#include <algorithm>

#include "packer/charts/repository_index.h"
#include "payload/base/text.h"
#include "payload/image/manifest.h"

namespace sealift::charts {
namespace {

constexpr uint64_t kMaxArchive = uint64_t{64} << 20;
constexpr uint64_t kMaxIndex = uint64_t{64} << 20;
constexpr std::string_view kConfig = "application/vnd.cncf.helm.config.v1+json";
constexpr std::string_view kLayer = "application/vnd.cncf.helm.chart.content.v1.tar+gzip";

// The layer with the chart. `what`: the address, for messages.
Result<image::Descriptor> layer_of(const distribution::RemoteManifest& remote, std::string_view what) {
  SEALIFT_ASSIGN(const auto document, image::parse_manifest(remote.bytes, remote.media_type));
  const auto refuse = [&](std::string_view kind) {
    return fail(ErrorCode::invalid_input, "{} is {}, no helm chart; an APP takes charts, IMAGE takes images", what,
                kind);
  };
  const auto* manifest = std::get_if<image::Manifest>(&document);
  if (manifest == nullptr) return refuse("an index of several images");
  if (manifest->config.media_type != kConfig)
    return refuse(image::artifact_kind(*manifest).value_or("a container image"));
  const auto layer = std::ranges::find(manifest->layers, kLayer, &image::Descriptor::media_type);
  if (layer == manifest->layers.end()) return refuse("a helm chart without content");
  if (layer->size > kMaxArchive)
    return fail(ErrorCode::limit_exceeded, "{} is larger than {}", what, base::human_bytes(kMaxArchive));
  return *layer;
}

}  // namespace

Result<Chart> Charts::fetch(const Address& address, const lock::Chart* known, const CancelToken& cancel) {
  if (known != nullptr) {
    if (auto there = downloads_.cache().find(known->archive)) return Chart{std::move(there->path), *known};
  }
  switch (address.kind) {
    case Address::Kind::url:
      return from_url(address.url, known == nullptr ? std::nullopt : std::optional(known->archive), cancel);
    case Address::Kind::oci: return from_registry(address, known, cancel);
    case Address::Kind::repository: return from_repository(address, known, cancel);
  }
  return fail(ErrorCode::internal, "{}: no such kind of address", address.text);
}

Result<Chart> Charts::from_url(const std::string& url, const std::optional<Digest>& digest, const CancelToken& cancel) {
  SEALIFT_ASSIGN(auto file, downloads_.get({url, digest, kMaxArchive}, cancel));
  return Chart{std::move(file.path), {file.digest, {}}};
}

Result<const std::string*> Charts::index_of(const std::string& repository, const CancelToken& cancel) {
  auto known = indexes_.find(repository);
  if (known == indexes_.end()) {
    SEALIFT_ASSIGN(const auto file, downloads_.get({repository + "/index.yaml", {}, kMaxIndex}, cancel));
    SEALIFT_ASSIGN(auto text, base::read_text_file(file.path, kMaxIndex));
    ::unlink(file.path.c_str());  // the next one will be another
    known = indexes_.emplace(repository, std::move(text)).first;
  }
  return &known->second;
}

Result<Chart> Charts::from_repository(const Address& address, const lock::Chart* known, const CancelToken& cancel) {
  const auto shown = downloads::without_query(address.url);
  SEALIFT_ASSIGN(const auto* index, index_of(address.url, cancel));
  SEALIFT_ASSIGN(const auto entry, find_chart(*index, address.name, address.version, shown));
  if (entry.url.starts_with("oci://")) {
    SEALIFT_ASSIGN(const auto there, parse_address(entry.url));
    SEALIFT_ASSIGN(auto chart, from_registry(there, known, cancel));
    // Repositories whose charts lie in a registry give the digest of the one or of the other.
    if (entry.digest && *entry.digest != chart.pinned.archive && entry.digest != chart.pinned.manifest)
      return fail(ErrorCode::corrupt, "{} gives {} {} the digest {}, but {} is {}", shown, address.name,
                  address.version, entry.digest->text(), entry.url, chart.pinned.archive.text());
    return chart;
  }
  SEALIFT_ASSIGN(const auto repository, http::parse_url(address.url + "/"));
  SEALIFT_ASSIGN(const auto url, http::resolve_url(repository, entry.url));
  if (known != nullptr && entry.digest && *entry.digest != known->archive)
    return fail(ErrorCode::corrupt, "{} gives {} {} the digest {}, not {}", shown, address.name, address.version,
                entry.digest->text(), known->archive.text());
  return from_url(url.origin.text() + url.target, known != nullptr ? std::optional(known->archive) : entry.digest,
                  cancel);
}

Result<Chart> Charts::from_registry(const Address& address, const lock::Chart* known, const CancelToken& cancel) {
  const auto& reference = address.reference;
  SEALIFT_ASSIGN(const auto logins, distribution::Logins::read(login_files_));
  SEALIFT_ASSIGN(const auto registry,
                 distribution::Registry::open(reference.registry, endpoints_, logins, clock_, patience_));
  const auto digest = reference.digest                      ? reference.digest
                      : known != nullptr && known->manifest ? known->manifest
                                                            : std::nullopt;
  SEALIFT_ASSIGN(const auto manifest, digest ? registry->manifest(reference.repository, *digest, cancel)
                                             : registry->manifest(reference.repository, reference.tag, cancel));
  SEALIFT_ASSIGN(const auto layer, layer_of(manifest, address.text));
  if (known != nullptr && layer.digest != known->archive)
    return fail(ErrorCode::corrupt, "{} holds the chart {}, not {}", address.text, layer.digest.text(),
                known->archive.text());
  const lock::Chart pinned{layer.digest, manifest.digest};
  if (auto there = downloads_.cache().find(layer.digest)) return Chart{std::move(there->path), pinned};
  base::MemorySink sink(kMaxArchive);
  SEALIFT_TRY(registry->blob(reference.repository, layer.digest, layer.size, 0, sink, cancel));
  SEALIFT_ASSIGN(auto file, downloads_.cache().add(sink.data()));
  return Chart{std::move(file.path), pinned};
}

}  // namespace sealift::charts
