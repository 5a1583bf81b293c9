// SPDX-License-Identifier: Apache-2.0
#include "runtime/node/registries.h"

#include <algorithm>

#include "payload/base/format.h"
#include "payload/base/pattern.h"
#include "payload/image/reference.h"
#include "runtime/node/cached_blobs.h"
#include "runtime/node/registry_blobs.h"

namespace sealift::node {

Registries::Registries(RegistriesConfig config, const std::shared_ptr<BlobCache>& cache, Clock& clock,
                       const http::Patience& patience) {
  if (config.external) {
    std::vector<RegistryPlace> places;
    places.push_back(std::move(*config.external));
    auto source = std::make_unique<RegistryBlobs>(std::move(places), RegistryBlobs::Names::external, clock, patience);
    auto title = source->title();
    registries_.push_back({"*", std::move(title), std::move(source)});
  }
  for (auto& upstream : config.upstreams) {
    auto source =
        std::make_unique<RegistryBlobs>(std::move(upstream.places), RegistryBlobs::Names::repository, clock, patience);
    auto title = source->title();
    if (cache)
      registries_.push_back(
          {std::move(upstream.match), std::move(title), std::make_unique<CachedBlobs>(cache, std::move(source))});
    else
      registries_.push_back({std::move(upstream.match), std::move(title), std::move(source)});
  }
}

const Registries::Registry* Registries::for_image(const Question& question) const {
  const auto name = base::format("{}/{}", image::canonical_registry(question.registry), question.repository);
  const auto found =
      std::ranges::find_if(registries_, [&](const Registry& one) { return base::is_like(name, one.match); });
  return found == registries_.end() ? nullptr : &*found;
}

std::string Registries::asked_for(const Question& question) const {
  const auto* registry = for_image(question);
  return registry == nullptr ? std::string() : registry->title;
}

Result<std::optional<BlobInfo>> Registries::stat(const Question& question) {
  const auto* registry = for_image(question);
  if (registry == nullptr) return std::nullopt;
  return registry->source->stat(question);
}

Result<void> Registries::await(const BlobInfo& blob) {
  const auto* registry = for_image(blob.question);
  if (registry == nullptr) return fail(ErrorCode::invalid_input, "{} is of no registry here", blob.digest.text());
  return registry->source->await(blob);
}

Result<void> Registries::read(const BlobInfo& blob, format::ByteRange range, base::Sink& sink) {
  const auto* registry = for_image(blob.question);
  if (registry == nullptr) return fail(ErrorCode::invalid_input, "{} is of no registry here", blob.digest.text());
  return registry->source->read(blob, range, sink);
}

void Registries::stop() {
  for (const auto& registry : registries_) registry.source->stop();
}

}  // namespace sealift::node
