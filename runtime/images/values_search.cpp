// SPDX-License-Identifier: Apache-2.0
#include "runtime/images/values_search.h"

#include <vector>

#include "payload/base/format.h"
#include "payload/base/text.h"
#include "payload/yaml/node.h"

namespace sealift::images {
namespace {

// Whether a value is the image, its repository (with or without the registry, or its last parts), its tag or digest. A
// tag and a bare word count only below a key that speaks of images: "2" and "erp" are many things.
bool names_part(std::string_view path, std::string_view value, const image::Reference& image) {
  if (value.empty()) return false;
  if (image.digest && value == image.digest->text()) return true;
  if (value == image.text() || value == image.name()) return true;
  const auto key = base::to_lower(path);
  const bool of_image = key.contains("image") || key.ends_with("tag") || key.ends_with("repository");
  if (value == image.tag) return of_image;
  const auto tail = "/" + std::string(value);
  return (of_image || value.contains('/')) && (image.text().ends_with(tail) || image.name().ends_with(tail));
}

void search(const yaml::Node& node, const std::string& path, const image::Reference& image,
            std::vector<std::string>& out) {
  for (const auto& [key, value] : node.members) search(value, path + "." + key, image, out);
  for (size_t i = 0; i < node.items.size(); ++i) search(node.items[i], base::format("{}[{}]", path, i), image, out);
  if (node.kind == yaml::Kind::scalar && names_part(path, node.text, image)) out.push_back(base::printable(path));
}

std::string places(const std::string& text, std::string_view file, const image::Reference& image) {
  const auto documents = yaml::parse(text, file, {}, yaml::DuplicateKeys::last_wins);
  if (!documents || documents->empty()) return {};
  std::vector<std::string> found;
  search(documents->front(), "", image, found);
  return found.empty() ? "" : base::format("; see {} in {}", base::join(found, ", "), file);
}

}  // namespace

std::string place_in_values(const steps::SelectedApp& app, const image::Reference& image) {
  auto out = places(app.values_yaml, "spec.values of cluster.yaml", image);
  return out.empty() ? places(app.values_file, "its valuesFile", image) : out;
}

}  // namespace sealift::images
