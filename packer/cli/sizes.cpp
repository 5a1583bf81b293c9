// SPDX-License-Identifier: Apache-2.0
#include "packer/cli/sizes.h"

#include <algorithm>
#include <set>

#include "payload/format/references.h"

namespace sealift::packer_cli {
namespace {

using Owners = std::set<size_t>;  // places in contents.apps; its size stands for the rest

// By what the object is named by: a tree path or an image's name.
class OwnersByName {
 public:
  explicit OwnersByName(const format::Contents& contents) : contents_(contents) {
    for (size_t i = 0; i < contents.apps.size(); ++i) {
      for (const auto& use : contents.apps[i].uses) images_[use.image].insert(i);
    }
  }

  Owners of_image(std::string_view name) const {
    const auto found = images_.find(name);
    return found == images_.end() ? rest() : found->second;
  }

  Owners of_file(std::string_view path) const {
    Owners out;
    for (size_t i = 0; i < contents_.apps.size(); ++i) {
      if (format::has_file(contents_.apps[i], path)) out.insert(i);
    }
    return out.empty() ? rest() : out;
  }

 private:
  Owners rest() const { return {contents_.apps.size()}; }

  const format::Contents& contents_;
  std::map<std::string, Owners, std::less<>> images_;
};

struct Owned {
  uint64_t size = 0;
  Owners by;
};

std::map<Digest, Owned> owned_objects(const format::Contents& contents) {
  const OwnersByName owners(contents);
  std::map<Digest, Owned> out;
  const auto add = [&](const format::ObjectRef& object, const Owners& by) {
    auto& entry = out[object.digest];
    entry.size = object.size;
    entry.by.insert(by.begin(), by.end());
  };
  for (const auto& stub : contents.stubs) add(stub.object, {contents.apps.size()});
  for (const auto& [path, file] : contents.tree) add(file.object, owners.of_file(path));
  for (const auto& image : contents.images) {
    const auto by = owners.of_image(image.name);
    static_cast<void>(format::for_each_reference(image, [&](const format::Reference& reference) -> Result<void> {
      add(reference.object, by);
      return {};
    }));
  }
  return out;
}

}  // namespace

std::vector<OwnerSize> sizes_by_app(const format::Contents& contents) {
  std::vector<OwnerSize> out;
  for (const auto& app : contents.apps) out.push_back({.app = app.name});
  out.emplace_back();
  for (const auto& [digest, object] : owned_objects(contents)) {
    for (const size_t owner : object.by) (object.by.size() == 1 ? out[owner].own : out[owner].shared) += object.size;
  }
  return out;
}

std::vector<LayerSize> largest_layers(const format::Contents& contents, size_t count) {
  std::map<Digest, std::pair<uint64_t, std::set<std::string>>> layers;
  for (const auto& image : contents.images) {
    for (const auto& platform : image.platforms) {
      for (const auto& layer : platform.layers) {
        layers[layer.digest].first = layer.size;
        layers[layer.digest].second.insert(image.name);
      }
    }
  }
  std::vector<LayerSize> out;
  for (const auto& [digest, entry] : layers)
    out.push_back({{digest, entry.first}, {entry.second.begin(), entry.second.end()}});
  std::ranges::stable_sort(out, std::greater{}, [](const LayerSize& one) { return one.layer.size; });
  out.resize(std::min(out.size(), count));
  return out;
}

}  // namespace sealift::packer_cli
