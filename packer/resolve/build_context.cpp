// SPDX-License-Identifier: Apache-2.0
#include "packer/resolve/build_context.h"

#include <algorithm>
#include <array>

#include "packer/resolve/tree.h"
#include "payload/base/count.h"
#include "payload/base/format.h"

namespace sealift::resolve {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kIgnoreFile = ".sealiftignore";
constexpr size_t kMaxIgnoreFile = size_t{1} << 20;

// "" for the folder itself; nothing if it lies elsewhere.
std::optional<std::string> path_within(const fs::path& path, const fs::path& folder) {
  if (folder.empty()) return std::nullopt;
  const auto out = path.lexically_relative(folder);
  if (out.empty() || *out.begin() == "..") return std::nullopt;
  return out == "." ? std::string() : out.string();
}

fs::path normal(const std::string& path) { return without_slashes(fs::path(absolute(path)).lexically_normal()); }

}  // namespace

BuildContext::BuildContext(std::string folder) : folder_(std::move(folder)) {
  const auto here = folder_.empty() ? "." : folder_;
  named_ = normal(here);
  std::error_code error;
  place_ = fs::canonical(here, error);
}

Result<BuildContext> BuildContext::open(const std::string& folder, const std::string& kubefile,
                                        const CancelToken& cancel) {
  BuildContext out(folder);
  // As docker does with Dockerfile.dockerignore: several Kubefiles may share a context.
  for (const auto& path : {base::format("{}{}", kubefile, kIgnoreFile), in_context(folder, std::string(kIgnoreFile))}) {
    const auto text = read_input(path, kMaxIgnoreFile, cancel);
    if (!text && text.error().code == ErrorCode::not_found) continue;
    if (!text) return std::unexpected(text.error());
    SEALIFT_ASSIGN(out.ignored_, IgnoreList::parse(*text, path));
    out.list_ = path;
    break;
  }
  return out;
}

std::optional<std::string> BuildContext::path_of(const std::string& path) const {
  return path_within(normal(path), named_);
}

void BuildContext::leave_out(const std::string& path) { left_out_.insert(fs::path(path).lexically_normal()); }

bool BuildContext::has_left_out_below(const std::string& folder) const {
  const auto inside = fs::path(folder + "/").lexically_normal().string();
  const auto first = left_out_.lower_bound(inside);
  return first != left_out_.end() && first->starts_with(inside);
}

std::string BuildContext::left_out() const {
  if (left_out_.empty()) return {};
  return base::format("{} left out, as {} says",
                      base::counted(left_out_.size(), "file or folder is", "files and folders are"), list_);
}

Standing::Standing(const BuildContext& context, const std::string& path, const std::string& place)
    : context_(&context) {
  if (context.ignored().empty()) return;
  const auto name = context.path_of(path);
  const auto real = path_within(place, context.place());
  named_ = way(name);
  if (real != name) place_ = way(real);
}

std::optional<Standing::Way> Standing::way(const std::optional<std::string>& path) const {
  if (!path) return std::nullopt;
  // The context itself is never excluded.
  return Way{*path, path->empty() ? IgnoreList::Matches() : context_->ignored().matches(*path)};
}

Standing Standing::below(const std::string& name) const {
  Standing out = *this;
  for (auto* one : {&out.named_, &out.place_}) {
    if (!*one) continue;
    auto& [path, matches] = **one;
    path += (path.empty() ? "" : "/") + name;
    matches = context_->ignored().matches(path, matches);
  }
  return out;
}

Standing Standing::behind_link(const std::string& place) const {
  Standing out = *this;
  if (!context_->ignored().empty()) out.place_ = way(path_within(place, context_->place()));
  return out;
}

std::optional<Place> Standing::excluded_by() const {
  for (const auto* one : {&named_, &place_}) {
    if (!*one) continue;
    if (auto line = context_->ignored().excluded_by((*one)->matches)) return line;
  }
  return std::nullopt;
}

bool Standing::may_hold_exceptions() const {
  const auto is_shut = [&](const std::optional<Way>& one) {
    return one && context_->ignored().excluded_by(one->matches) &&
           !context_->ignored().may_hold_exceptions(one->path, one->matches);
  };
  return !is_shut(named_) && !is_shut(place_);
}

}  // namespace sealift::resolve
