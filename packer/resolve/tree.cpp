// SPDX-License-Identifier: Apache-2.0
#include "packer/resolve/tree.h"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>

#include "packer/resolve/chart.h"
#include "packer/resolve/manifests.h"
#include "payload/base/safe_path.h"
#include "payload/base/text.h"

namespace sealift::resolve {
namespace {

constexpr size_t kMaxFiles = 100'000;
constexpr int kMaxDepth = 64;

std::unexpected<Error> bad(const Place& place, std::string_view what) { return fail(ErrorCode::invalid_input, "{}: {}", place.text(), what); }

Result<void> walk(const Place& place, const std::string& source, const std::string& target, int depth, std::vector<LocalFile>& out) {
  struct stat status{};
  if (::stat(source.c_str(), &status) != 0) return bad(place, std::format("{} is not there; paths count from the build's context", source));
  if (depth > kMaxDepth || out.size() > kMaxFiles) return bad(place, std::format("{} is too deep or holds more than {} files", source, kMaxFiles));
  if (S_ISREG(status.st_mode)) {
    auto safe = base::safe_relative_path(target);
    if (!safe) return bad(place, safe.error().what);
    // Whether it may be executed is all that is taken over: a builder's umask must not change the artifact.
    out.push_back({source, std::move(*safe), (status.st_mode & 0100U) != 0 ? 0755U : 0644U});
    return {};
  }
  if (!S_ISDIR(status.st_mode)) return bad(place, std::format("{} is neither a file nor a folder", source));
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(source, error)) names.push_back(entry.path().filename());
  if (error) return bad(place, std::format("{}: {}", source, error.message()));
  std::ranges::sort(names);
  for (const auto& name : names) SEALIFT_TRY(walk(place, source + "/" + name, target.empty() ? name : target + "/" + name, depth + 1, out));
  return {};
}

std::string without_slashes(std::string path) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  return path;
}

std::string last_part(const std::string& path) { return path.substr(path.rfind('/') + 1); }

bool is_manifest_file(std::string_view name) { return name.ends_with(".yaml") || name.ends_with(".yml") || name.ends_with(".json"); }

}  // namespace

std::string in_context(const std::string& context, const std::string& path) { return path.starts_with('/') || context.empty() ? path : context + "/" + path; }

Result<std::vector<LocalFile>> copied_files(const Instruction& instruction, const std::string& context) {
  const std::string& destination = instruction.words.back();
  auto target = base::clean_relative_path(destination);
  if (!target) return bad(instruction.place, target.error().what + "; destinations lie in the payload's tree");
  const bool into_folder = destination.ends_with('/') || destination == "." || instruction.words.size() > 2;
  std::vector<LocalFile> out;
  for (size_t i = 0; i + 1 < instruction.words.size(); ++i) {
    const std::string source = without_slashes(in_context(context, instruction.words[i]));
    std::error_code error;
    const bool folder = std::filesystem::is_directory(source, error);
    std::string place_in_tree = *target;
    if (!folder && into_folder) place_in_tree += (place_in_tree.empty() ? "" : "/") + last_part(source);
    SEALIFT_TRY(walk(instruction.place, source, place_in_tree, 0, out));
  }
  return out;
}

Result<LocalApp> local_app(const Instruction& instruction, const std::string& context) {
  LocalApp out;
  out.app.name = instruction.words[0];
  out.app.is_network = instruction.is_network;
  out.app.needs = instruction.needs;
  out.app.root = "apps/" + out.app.name;
  for (size_t i = 1; i < instruction.words.size(); ++i) {
    const std::string source = without_slashes(in_context(context, instruction.words[i]));
    std::error_code error;
    const bool folder = std::filesystem::is_directory(source, error);
    SEALIFT_TRY(walk(instruction.place, source, folder ? out.app.root : out.app.root + "/" + last_part(source), 0, out.files));
  }
  const auto chart = std::ranges::find(out.files, out.app.root + "/Chart.yaml", &LocalFile::target);
  if (chart == out.files.end()) {
    for (const auto& file : out.files) {
      if (file.target.ends_with(".tgz")) return fail(ErrorCode::unsupported, "{}: packed charts are not supported by this version; unpack {} and name the folder", instruction.place.text(), file.source);
      if (!is_manifest_file(file.target)) return bad(instruction.place, std::format("{} is neither part of a helm chart (there is no Chart.yaml) nor a manifest (.yaml, .yml, .json)", file.source));
    }
    if (out.files.empty()) return bad(instruction.place, "there are no files");
    out.app.kind = format::AppKind::manifests;
    SEALIFT_ASSIGN(out.images, read_manifests(instruction.place, out.files));
    return out;
  }
  out.app.kind = format::AppKind::helm;
  const std::string folder = chart->source.substr(0, chart->source.rfind('/'));
  SEALIFT_ASSIGN(out.app.version, check_chart(instruction.place, out.app.root, folder, out.files));
  return out;
}

}  // namespace sealift::resolve
