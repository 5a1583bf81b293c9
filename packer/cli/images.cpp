// SPDX-License-Identifier: Apache-2.0
#include "packer/cli/images.h"

#include <algorithm>
#include <map>

#include "payload/base/format.h"
#include "payload/base/text.h"

namespace sealift::packer_cli {
namespace {

using Reasons = std::map<std::string, std::vector<std::string>>;

std::string describe(const format::App& app, const format::ImageUse& use) {
  std::string out = base::format("{} {}: {} {}, {}", app.is_network ? "CNI" : "APP", app.name,
                                 base::printable(use.object), base::printable(use.path), base::printable(use.file));
  if (!use.sets.empty()) out += " with " + base::join(use.sets, ", ");
  return out + " (" + use.found_by + ")";
}

Reasons lines_of(const std::vector<format::Image>& images) {
  Reasons out;
  for (const auto& image : images) {
    auto& reasons = out[image.name];
    if (!image.reason.empty()) reasons.push_back(image.reason);
  }
  return out;
}

void add_uses(const format::Contents& contents, Reasons& out) {
  for (const auto& app : contents.apps) {
    for (const auto& use : app.uses) out[use.image].push_back(describe(app, use));
  }
}

std::vector<ImageReasons> listed(Reasons reasons) {
  std::vector<ImageReasons> out;
  for (auto& [image, why] : reasons) {
    if (why.empty()) why.emplace_back("in the base");
    out.push_back({image, std::move(why)});
  }
  return out;
}

}  // namespace

std::vector<ImageReasons> image_reasons(const format::Contents& contents) {
  Reasons out = lines_of(contents.images);
  add_uses(contents, out);
  return listed(std::move(out));
}

std::vector<ImageReasons> image_reasons(const resolve::Inputs& inputs) {
  Reasons out = lines_of(inputs.contents.images);
  for (const auto& image : inputs.images) {
    auto& reasons = out[image.reference.text()];
    if (image.origin.is_line())
      reasons.push_back(base::format("{}, {}", image.origin.reason, image.origin.place.text()));
  }
  add_uses(inputs.contents, out);
  return listed(std::move(out));
}

Result<std::vector<ImageReasons>> images_named(std::string_view text, std::vector<ImageReasons> images) {
  if (const auto reference = image::parse_reference(text)) {
    const auto exact = std::ranges::find(images, reference->text(), &ImageReasons::image);
    if (exact != images.end()) return std::vector{std::move(*exact)};
  }
  std::vector<std::string> names;
  for (const auto& image : images) names.push_back(image.image);
  std::erase_if(images, [&](const ImageReasons& image) { return !image.image.contains(text); });
  if (!images.empty()) return images;
  const std::vector<std::string_view> known(names.begin(), names.end());
  const auto near = base::nearest(text, known);
  return fail(ErrorCode::not_found, "no image here is named \"{}\"{}", base::printable(text),
              near ? base::format("; did you mean {}?", *near) : "");
}

std::string to_text(const std::vector<ImageReasons>& images, bool with_reasons) {
  std::string out;
  for (const auto& image : images) {
    out += base::printable(image.image) + "\n";
    if (!with_reasons) continue;
    for (const auto& reason : image.reasons) out += "    " + reason + "\n";
  }
  return out;
}

}  // namespace sealift::packer_cli
