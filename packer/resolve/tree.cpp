// SPDX-License-Identifier: Apache-2.0
#include "packer/resolve/tree.h"

#include <sys/stat.h>

#include <cerrno>
#include <filesystem>

#include "packer/downloads/downloads.h"
#include "packer/resolve/problems.h"
#include "packer/resolve/walk.h"
#include "payload/base/file.h"
#include "payload/base/format.h"
#include "payload/base/named_file.h"
#include "payload/base/safe_path.h"
#include "payload/base/text.h"

namespace sealift::resolve {
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
    return fail_errno(errno, base::format("{} {}", what, path));
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

Result<std::unique_ptr<base::Source>> open_file(const std::string& source, const std::optional<SeenFile>& seen) {
  return seen ? seen->open(source) : base::open_source(source);
}

Result<std::vector<LocalFile>> copied_files(const Copy& copy, BuildContext& context,
                                            const std::map<std::string, std::string>& downloads) {
  const std::string& destination = copy.destination.text;
  auto target = base::clean_relative_path(destination);
  if (!target) return bad(copy.destination.place, target.error().what + "; destinations lie in the payload's tree");
  const bool into_folder = destination.ends_with('/') || destination == "." || copy.sources.size() > 1;
  std::vector<LocalFile> out;
  Problems problems;
  const auto below = [&](const std::string& name) { return *target + (target->empty() ? "" : "/") + name; };
  for (const auto& word : copy.sources) {
    if (const auto download = downloads.find(word.text); download != downloads.end()) {
      auto name = base::safe_relative_path(into_folder ? below(downloads::file_name(word.text)) : *target);
      if (!name)
        return bad(word.place,
                   base::format("the URL ends in no file name that can be kept ({}); write the file's name as "
                                "the destination",
                                name.error().what));
      out.push_back({download->second, std::move(*name), 0644});
      continue;
    }
    const std::string source = without_slashes(in_context(context.folder(), word.text));
    std::error_code error;
    const bool folder = std::filesystem::is_directory(source, error);
    std::string place_in_tree = *target;
    if (!folder && into_folder) place_in_tree = below(last_part(source));
    problems.note(
        walk(word.place, source, place_in_tree, context, out, copy.follows_links ? Links::anywhere : Links::inside));
  }
  SEALIFT_TRY(problems.joined());
  return out;
}

}  // namespace sealift::resolve
