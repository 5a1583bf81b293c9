// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/app_changes.h"

#include <algorithm>
#include <set>

#include "payload/base/format.h"
#include "payload/base/text.h"
#include "runtime/steps/app_files.h"

namespace sealift::steps {
namespace {

constexpr size_t kMostImages = 3;  // told by name

std::string version_text(const format::App& app, const std::string& former) {
  const std::string what = app.kind == format::AppKind::helm ? "helm chart " : "";
  if (former.empty() || former == app.version) return {};
  return base::format("{}{} → {}", what, base::printable(former), app.version);
}

// Images that it uses and that the former version did not have, or had otherwise.
std::string images_text(const Model& model, const format::App& app) {
  std::set<std::string> fresh;
  for (const auto& use : app.uses) {
    const auto* image = model.contents().find_image(use.image);
    if (image == nullptr) continue;
    const auto before = model.before->images.find(image->name);
    if (before == model.before->images.end() || before->second != image->root.digest) fresh.insert(image->name);
  }
  if (fresh.empty()) return {};
  std::vector<std::string> names(fresh.begin(), fresh.end());
  const size_t more = names.size() > kMostImages ? names.size() - kMostImages : 0;
  names.resize(names.size() - more);
  return base::format("{} {}{}", fresh.size() == 1 ? "image" : "images", base::join(names, ", "),
                      more == 0 ? "" : base::format(" and {} more", more));
}

}  // namespace

std::string app_changes(const Model& model, const SelectedApp& app) {
  const std::string settings = "the site's settings";
  if (!model.before) return settings;
  const auto& apps = model.before->apps;
  const auto former = std::ranges::find(apps, app.app->name, &host::ArtifactRecord::App::name);
  if (former == apps.end()) return settings;
  std::vector<std::string> parts;
  for (auto& part : {version_text(*app.app, former->version), images_text(model, *app.app)}) {
    if (!part.empty()) parts.push_back(part);
  }
  const bool other_files = !former->files.empty() && former->files != files_digest(model.contents(), *app.app).hex();
  if (other_files && former->version == app.app->version) parts.emplace_back("its files");
  return parts.empty() ? settings : base::join(parts, ", ");
}

}  // namespace sealift::steps
