// SPDX-License-Identifier: Apache-2.0
#include "payload/format/contents_checks.h"

#include <algorithm>
#include <set>
#include <unordered_set>

#include "payload/base/text.h"

namespace sealift::format {
namespace {

// The first entry whose key is a duplicate; null if there is none.
template <class T, class Key>
const T* find_duplicate(const std::vector<T>& list, Key T::* key) {
  std::set<Key> seen;
  const auto at = std::ranges::find_if(list, [&](const T& item) { return !seen.insert(item.*key).second; });
  return at == list.end() ? nullptr : &*at;
}

// "${ARCH}" stands for one of the packed architectures.
bool source_exists(const Contents& contents, const std::string& source) {
  constexpr std::string_view kVariable = "${ARCH}";
  const auto at = source.find(kVariable);
  if (at == std::string::npos) return contents.tree.contains(source);
  for (const auto architecture : {Architecture::amd64, Architecture::arm64}) {
    std::string path = source;
    for (auto found = at; found != std::string::npos; found = path.find(kVariable))
      path.replace(found, kVariable.size(), base::name(architecture));
    if (contents.tree.contains(path)) return true;
  }
  return false;
}

// A path may not be both a file and a folder: extracting would fail half-way.
Result<void> check_tree(const Contents& contents) {
  std::unordered_set<std::string_view> folders;
  std::string_view last;
  for (const auto& [path, file] : contents.tree) {
    std::string_view folder = path;
    // Parents of a known folder are known, too.
    for (auto slash = folder.rfind('/'); slash != std::string_view::npos; slash = folder.rfind('/')) {
      folder = folder.substr(0, slash);
      if (folder == last || !folders.insert(folder).second) break;
    }
    const auto slash = path.rfind('/');
    if (slash != std::string::npos) last = std::string_view(path).substr(0, slash);
  }
  for (const auto& [path, file] : contents.tree) {
    if (folders.contains(path))
      return fail(ErrorCode::corrupt, "the tree holds {} as a file and as a folder", base::printable(path));
  }
  return {};
}

}  // namespace

Result<void> check_names(const Contents& contents) {
  if (const auto* app = find_duplicate(contents.apps, &App::name))
    return fail(ErrorCode::corrupt, "two apps have the name {}", base::printable(app->name));
  if (const auto* image = find_duplicate(contents.images, &Image::name))
    return fail(ErrorCode::corrupt, "two images have the name {}", base::printable(image->name));
  if (const auto* stub = find_duplicate(contents.stubs, &Stub::architecture))
    return fail(ErrorCode::corrupt, "two stubs are for {}", base::name(stub->architecture));
  if (const auto* requirement = find_duplicate(contents.requirements, &Requirement::name))
    return fail(ErrorCode::corrupt, "{} is required twice", base::printable(requirement->name));
  for (const auto& image : contents.images) {
    if (const auto* platform = find_duplicate(image.platforms, &Image::Platform::architecture)) {
      return fail(ErrorCode::corrupt, "image {} has the architecture {} twice", base::printable(image.name),
                  base::name(platform->architecture));
    }
  }
  std::unordered_set<std::string_view> apps;
  for (const auto& app : contents.apps) apps.insert(app.name);
  for (const auto& app : contents.apps) {
    const auto under = contents.tree.lower_bound(app.root + "/");
    const bool has_files =
        contents.tree.contains(app.root) || (under != contents.tree.end() && under->first.starts_with(app.root + "/"));
    if (!has_files)
      return fail(ErrorCode::corrupt, "app {} has no files under {}", base::printable(app.name),
                  base::printable(app.root));
    for (const auto& path : app.values) {
      if (!contents.tree.contains(path))
        return fail(ErrorCode::corrupt, "app {} has the values {}, which are not in the tree",
                    base::printable(app.name), base::printable(path));
    }
    for (const auto& need : app.needs) {
      if (!apps.contains(need))
        return fail(ErrorCode::corrupt, "app {} needs {}, which is not there", base::printable(app.name),
                    base::printable(need));
    }
  }
  for (const auto& app : contents.launch) {
    if (!apps.contains(app))
      return fail(ErrorCode::corrupt, "\"launch\" names app {}, which is not there", base::printable(app));
  }
  for (const auto& file : contents.host_files) {
    if (!source_exists(contents, file.source)) {
      return fail(ErrorCode::corrupt, "host file {}: its source {} is not in the tree",
                  base::printable(file.destination), base::printable(file.source));
    }
  }
  if (contents.base_document && !contents.tree.contains(*contents.base_document)) {
    return fail(ErrorCode::corrupt, "\"baseDocument\" names {}, which is not in the tree",
                base::printable(*contents.base_document));
  }
  return check_tree(contents);
}

}  // namespace sealift::format
