// SPDX-License-Identifier: Apache-2.0
#include "packer/resolve/tree.h"

#include <sys/stat.h>

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "packer/downloads/downloads.h"
#include "payload/base/file.h"
#include "payload/base/named_file.h"
#include "payload/base/safe_path.h"
#include "payload/base/text.h"
#include "payload/base/utf8.h"

namespace sealift::resolve {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxFiles = 100'000;
constexpr int kMaxDepth = 64;

class Walk {
 public:
  Walk(const Place& place, const std::string& source, const std::string& context, Links links,
       std::vector<LocalFile>& out)
      : place_(place), links_(links), out_(out) {
    if (links == Links::anywhere) return;
    for (const auto& root : {source, context}) {
      std::error_code error;
      const auto real = fs::canonical(root.empty() ? "." : root, error);
      if (!error) roots_.push_back(real);
    }
  }

  Result<void> add(const std::string& source, const std::string& target, int depth = 0) {
    if (depth > 0) SEALIFT_TRY(check_link(source));
    struct stat status{};
    if (::stat(source.c_str(), &status) != 0) {
      const auto name = base::printable(source, 1'000);
      if (errno == ENOENT)
        return bad(place_, std::format("{} is not there; paths count from the build's context", name));
      return bad(place_, fail_errno(errno, name).error().what);
    }
    if (depth > kMaxDepth || out_.size() > kMaxFiles)
      return bad(place_, std::format("{} is too deep or holds more than {} files", source, kMaxFiles));
    if (S_ISREG(status.st_mode)) return add_file(source, target, status.st_mode);
    if (!S_ISDIR(status.st_mode)) return bad(place_, std::format("{} is neither a file nor a folder", source));
    std::vector<std::string> names;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(source, error)) names.push_back(entry.path().filename());
    if (error) return bad(place_, std::format("{}: {}", source, error.message()));
    std::ranges::sort(names);
    for (const auto& name : names)
      SEALIFT_TRY(add(source + "/" + name, target.empty() ? name : target + "/" + name, depth + 1));
    return {};
  }

 private:
  Result<void> add_file(const std::string& source, const std::string& target, mode_t mode) {
    auto safe = base::safe_relative_path(target);
    if (!safe) return bad(place_, std::format("{}: {}", base::printable(source, 1'000), safe.error().what));
    if (!base::is_utf8(*safe))
      return bad(place_, std::format("the name of {} is not UTF-8; rename the file", base::printable(source, 1'000)));
    if (::access(source.c_str(), R_OK) != 0) return bad(place_, fail_errno(errno, source).error().what);
    // Keeps only the executable bit: the builder's umask must not change the artifact.
    out_.push_back({source, std::move(*safe), (mode & 0100U) != 0 ? 0755U : 0644U, (mode & 0077U) == 0});
    return {};
  }

  Result<void> check_link(const std::string& path) const {
    std::error_code error;
    if (links_ == Links::anywhere || !fs::is_symlink(path, error)) return {};
    const auto real = fs::canonical(path, error);
    if (error) return {};  // stat says why
    const auto holds = [&](const fs::path& root) {
      const auto inside = real.lexically_relative(root);
      return !inside.empty() && *inside.begin() != "..";
    };
    if (std::ranges::any_of(roots_, holds)) return {};
    return bad(place_, std::format("{} is a link to {}, outside of the folder and of the build's context; name that "
                                   "file itself, or write COPY --follow-links if it is meant",
                                   base::printable(path, 1'000), base::printable(real.native(), 1'000)));
  }

  const Place& place_;
  Links links_;
  std::vector<LocalFile>& out_;
  std::vector<fs::path> roots_;
};

}  // namespace

Result<std::string> read_input(const std::string& path, size_t limit, const CancelToken& cancel) {
  auto text = base::read_named_file(path, limit, cancel);
  if (!text && text.error().code == ErrorCode::limit_exceeded)
    return fail(ErrorCode::invalid_input, "{} is larger than {}, which is the most for such a file; split it", path,
                base::human_bytes(limit));
  return text;
}

Result<Digest> digest_of(const std::string& path) {
  SEALIFT_ASSIGN(const auto file, base::OpenFile::open(path));
  return hash::sha256(*file, 0, file->size());
}

Result<void> check_folder(std::string_view what, const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) {
    if (errno == ENOENT) return fail(ErrorCode::not_found, "{} {}: there is no such folder", what, path);
    return fail_errno(errno, std::format("{} {}", what, path));
  }
  if (!S_ISDIR(status.st_mode)) return fail(ErrorCode::invalid_input, "{} {}: it is not a folder", what, path);
  return {};
}

std::string without_slashes(std::string path) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  return path;
}

std::string last_part(const std::string& path) { return path.substr(path.rfind('/') + 1); }

std::string in_context(const std::string& context, const std::string& path) {
  return path.starts_with('/') || context.empty() ? path : context + "/" + path;
}

std::string absolute(const std::string& path) {
  std::error_code error;
  return std::filesystem::absolute(path, error).string();
}

Result<void> walk(const Place& place, const std::string& source, const std::string& target, const std::string& context,
                  std::vector<LocalFile>& out, Links links) {
  return Walk(place, source, context, links, out).add(source, target);
}

Result<std::vector<LocalFile>> copied_files(const Copy& copy, const std::string& context,
                                            const std::map<std::string, std::string>& downloads) {
  const std::string& destination = copy.destination.text;
  auto target = base::clean_relative_path(destination);
  if (!target) return bad(copy.destination.place, target.error().what + "; destinations lie in the payload's tree");
  const bool into_folder = destination.ends_with('/') || destination == "." || copy.sources.size() > 1;
  std::vector<LocalFile> out;
  const auto below = [&](const std::string& name) { return *target + (target->empty() ? "" : "/") + name; };
  for (const auto& word : copy.sources) {
    if (const auto download = downloads.find(word.text); download != downloads.end()) {
      auto name = base::safe_relative_path(into_folder ? below(downloads::file_name(word.text)) : *target);
      if (!name)
        return bad(word.place,
                   std::format("the URL ends in no file name that can be kept ({}); write the file's name as "
                               "the destination",
                               name.error().what));
      out.push_back({download->second, std::move(*name), 0644});
      continue;
    }
    const std::string source = without_slashes(in_context(context, word.text));
    std::error_code error;
    const bool folder = std::filesystem::is_directory(source, error);
    std::string place_in_tree = *target;
    if (!folder && into_folder) place_in_tree = below(last_part(source));
    SEALIFT_TRY(
        walk(word.place, source, place_in_tree, context, out, copy.follows_links ? Links::anywhere : Links::inside));
  }
  return out;
}

}  // namespace sealift::resolve
