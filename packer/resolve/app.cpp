// SPDX-License-Identifier: Apache-2.0
#include "packer/resolve/app.h"

#include <algorithm>
#include <filesystem>

#include "packer/resolve/chart.h"

namespace sealift::resolve {
namespace {

bool is_manifest_file(std::string_view name) {
  return name.ends_with(".yaml") || name.ends_with(".yml") || name.ends_with(".json");
}

// What a folder holds, besides Chart.yaml, that only helm uses.
bool is_part_of_chart(std::string_view path) { return path == "values.yaml" || path.starts_with("templates/"); }

Result<void> check_manifest_files(const Place& place, const std::string& root, const std::vector<LocalFile>& files) {
  for (const auto& file : files) {
    const auto path = std::string_view(file.target).substr(root.size() + 1);
    if (is_part_of_chart(path)) {
      const auto folder = std::string_view(file.source).substr(0, file.source.size() - path.size() - 1);
      return fail(
          ErrorCode::invalid_input,
          "{}: {} holds {}, as a helm chart does, but no Chart.yaml; add it (apiVersion, name, version), or name a folder that holds nothing but manifests",
          place.text(), folder, path == "values.yaml" ? "values.yaml" : "templates/");
    }
  }
  for (const auto& file : files) {
    if (file.target.ends_with(".tgz"))
      return fail(ErrorCode::unsupported,
                  "{}: packed charts are not supported by this version; unpack {} and name the folder", place.text(),
                  file.source);
    if (!is_manifest_file(file.target)) {
      return fail(ErrorCode::invalid_input,
                  "{}: {} is neither part of a helm chart (there is no Chart.yaml) nor a manifest (.yaml, .yml, .json)",
                  place.text(), file.source);
    }
  }
  if (files.empty()) return fail(ErrorCode::invalid_input, "{}: there are no files", place.text());
  return {};
}

}  // namespace

Result<LocalApp> local_app(const Place& place, const AddApp& line, const std::string& context) {
  LocalApp out;
  auto& app = out.app;
  app.name = line.name.text;
  app.is_network = line.is_network;
  for (const auto& need : line.needs) app.needs.push_back(need.text);
  app.root = "apps/" + app.name;
  for (const auto& word : line.sources) {
    const std::string source = without_slashes(in_context(context, word.text));
    std::error_code error;
    const bool folder = std::filesystem::is_directory(source, error);
    SEALIFT_TRY(walk(word.place, source, folder ? app.root : app.root + "/" + last_part(source), out.files));
  }
  const auto chart = std::ranges::find(out.files, app.root + "/Chart.yaml", &LocalFile::target);
  if (chart == out.files.end()) {
    SEALIFT_TRY(check_manifest_files(place, app.root, out.files));
    app.kind = format::AppKind::manifests;
    SEALIFT_ASSIGN(out.images, read_manifests(place, out.files));
    return out;
  }
  app.kind = format::AppKind::helm;
  const std::string folder = chart->source.substr(0, chart->source.rfind('/'));
  SEALIFT_ASSIGN(app.version, check_chart(place, app.root, folder, out.files));
  return out;
}

}  // namespace sealift::resolve
