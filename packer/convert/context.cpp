// SPDX-License-Identifier: Apache-2.0
#include "packer/convert/context.h"

#include <fnmatch.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "payload/base/file.h"
#include "payload/base/text.h"

namespace sealift::convert {
namespace {

constexpr size_t kMaxFile = size_t{512} << 10;  // scripts, values and lists are much smaller

// "latest", "v1.2.3", "8.0.30-2.0.6", "main"
bool is_version(std::string_view name) {
  if (name == "latest" || name == "main" || name == "master" || name == "stable") return true;
  if (name.starts_with('v')) name.remove_prefix(1);
  return !name.empty() && name[0] >= '0' && name[0] <= '9';
}

// The rest of `path` below `folder`; nothing if it lies elsewhere.
std::optional<std::string> rest_below(const std::string& path, const std::string& folder) {
  if (folder.empty()) return path;
  if (path == folder) return "";
  if (!path.starts_with(folder + "/")) return std::nullopt;
  return path.substr(folder.size() + 1);
}

}  // namespace

std::string clean_path(std::string_view path) {
  std::vector<std::string> parts;
  for (const auto part : base::split(path, '/')) {
    if (part.empty() || part == ".") continue;
    if (part == ".." && !parts.empty() && parts.back() != "..") {
      parts.pop_back();
    } else {
      parts.emplace_back(part);
    }
  }
  return base::join(parts, "/");
}

std::string last_part(const std::string& path) { return path.substr(path.rfind('/') + 1); }

std::string below(const std::string& folder, const std::string& name) {
  if (folder.empty() || name.empty()) return folder + name;
  return folder + "/" + name;
}

std::string Context::on_disk(const std::string& path) const { return path.empty() ? folder_ : folder_ + "/" + path; }

bool Context::is_file(const std::string& path) const {
  std::error_code error;
  return !path.starts_with("..") && std::filesystem::is_regular_file(on_disk(path), error);
}

bool Context::is_folder(const std::string& path) const {
  std::error_code error;
  return !path.starts_with("..") && std::filesystem::is_directory(on_disk(path), error);
}

bool Context::is_link(const std::string& path) const {
  std::error_code error;
  return std::filesystem::is_symlink(on_disk(path), error);
}

bool Context::is_executable(const std::string& path) const {
  return is_file(path) && ::access(on_disk(path).c_str(), X_OK) == 0;
}

std::vector<std::string> Context::names_in(const std::string& folder) const {
  std::vector<std::string> out;
  std::error_code error;
  if (!is_folder(folder)) return out;
  for (std::filesystem::directory_iterator at(on_disk(folder), error), end; !error && at != end; at.increment(error))
    out.push_back(at->path().filename().string());
  std::ranges::sort(out);
  return out;
}

std::vector<std::string> Context::fitting(const std::string& pattern) const {
  const size_t slash = pattern.rfind('/');
  const std::string folder = slash == std::string::npos ? "" : pattern.substr(0, slash);
  std::vector<std::string> out;
  for (const auto& name : names_in(folder))
    if (::fnmatch(last_part(pattern).c_str(), name.c_str(), FNM_PERIOD) == 0) out.push_back(below(folder, name));
  return out;
}

Result<std::string> Context::read(const std::string& path) const {
  return base::read_text_file(on_disk(path), kMaxFile);
}

std::string Context::product() const {
  std::error_code error;
  auto folder = std::filesystem::absolute(folder_, error).lexically_normal();
  if (!folder.has_filename()) folder = folder.parent_path();
  if (is_version(folder.filename().string()) && folder.parent_path().has_filename()) folder = folder.parent_path();
  return folder.filename().string();
}

size_t Tree::add(Copied copied) {
  copies_.push_back(std::move(copied));
  return copies_.size() - 1;
}

void Tree::candidates_of(size_t number, const std::string& path, std::vector<Candidate>& out) const {
  const auto& copied = copies_[number];
  const auto rest = rest_below(path, copied.destination);
  if (!rest) return;
  for (const auto& source : copied.sources) {
    const std::string name = last_part(source);
    const auto after_name = source.empty() ? std::nullopt : rest_below(*rest, name);
    if (context_->is_file(source)) {
      if (rest->empty() || *rest == name) out.push_back({source, number});
      continue;
    }
    // `COPY folder .` keeps the folder's name in sealer before 0.9, and not in Docker: what is there decides
    if (after_name && !rest->empty()) out.push_back({below(source, *after_name), number});
    out.push_back({below(source, *rest), number});
  }
}

std::optional<Tree::Found> Tree::locate(std::string_view path, const std::string& folder) {
  std::vector<std::string> paths;
  if (path.starts_with('/')) {  // /var/lib/sealer/data/NAME/rootfs is the tree; all else is the host's
    const size_t root = path.find("/rootfs/");
    if (root == std::string_view::npos) return std::nullopt;
    paths = {clean_path(path.substr(root + 8))};
  } else {
    paths = {clean_path(below(folder, std::string(path)))};
    if (!folder.empty()) paths.push_back(clean_path(path));  // scripts of applications run in the tree's root
  }
  std::vector<Candidate> candidates;
  for (const auto& each : paths)
    for (size_t number = copies_.size(); number-- > 0;) candidates_of(number, each, candidates);
  auto chosen = std::ranges::find_if(candidates, [&](const Candidate& at) { return context_->has(at.path); });
  const bool exists = chosen != candidates.end();
  if (!exists && context_->has(paths.front())) return Found{paths.front(), true};
  if (candidates.empty()) return std::nullopt;
  if (!exists) chosen = candidates.begin();
  copies_[chosen->copy].is_used = true;
  return Found{chosen->path, exists};
}

}  // namespace sealift::convert
