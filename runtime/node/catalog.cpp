// SPDX-License-Identifier: Apache-2.0
#include "runtime/node/catalog.h"

#include "payload/image/reference.h"

namespace sealift::node {

Catalog::Catalog(const format::Contents& contents) {
  for (const auto& image : contents.images) {
    const auto reference = image::parse_reference(image.name);
    if (!reference) continue;  // the packer refuses such names
    auto& repository = repositories_[reference->name()];
    const Found root{image.root.digest, image.root.size, image.media_type};
    if (!reference->tag.empty()) repository.tags[reference->tag] = root;
    repository.manifests[root.digest] = root;
    for (const auto& inner : image.inner_indexes)
      repository.manifests[inner.object.digest] = {inner.object.digest, inner.object.size, inner.media_type};
    for (const auto& platform : image.platforms) {
      repository.manifests[platform.manifest.digest] = {platform.manifest.digest, platform.manifest.size,
                                                        platform.media_type};
      repository.blobs[platform.config.digest] = {platform.config.digest, platform.config.size,
                                                  "application/octet-stream"};
      for (const auto& layer : platform.layers)
        repository.blobs[layer.digest] = {layer.digest, layer.size, "application/octet-stream"};
    }
  }
}

void Catalog::list(Repositories& out) const {
  for (const auto& [name, repository] : repositories_) {
    auto& tags = out[name];
    for (const auto& [tag, found] : repository.tags) tags.insert(tag);
  }
}

std::optional<Found> Catalog::find(const Question& question) const {
  const std::string registry(image::canonical_registry(question.registry));
  const auto repository = repositories_.find(registry + "/" + question.repository);
  if (repository == repositories_.end()) return std::nullopt;
  const auto look_up = [](const auto& map, const auto& key) {
    const auto found = map.find(key);
    return found == map.end() ? std::nullopt : std::optional(found->second);
  };
  const auto digest = Digest::parse(question.reference);
  if (!digest) return look_up(repository->second.tags, question.reference);
  return look_up(question.kind == Question::Kind::blob ? repository->second.blobs : repository->second.manifests,
                 *digest);
}

}  // namespace sealift::node
