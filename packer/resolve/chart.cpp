// SPDX-License-Identifier: Apache-2.0
#include "packer/resolve/chart.h"

#include <algorithm>
#include <set>

#include "packer/sources/chart_archive.h"
#include "payload/base/text.h"
#include "payload/yaml/node.h"

namespace sealift::resolve {
namespace {

constexpr size_t kMaxDocument = size_t{1} << 20;

Result<yaml::Node> read_document(const std::string& path) {
  SEALIFT_ASSIGN(const auto text, read_input(path, kMaxDocument));
  auto documents = yaml::parse(text, path, {}, yaml::DuplicateKeys::last_wins);
  if (!documents) return fail(ErrorCode::invalid_input, "{}", documents.error().text());
  return documents->empty() ? yaml::Node{} : std::move(documents->front());
}

// The names of the charts in charts/, folders as well as packed ones. helm ignores "_name" and ".name".
Result<std::set<std::string>> packed_charts(const std::string& root, std::span<const LocalFile> files) {
  std::set<std::string> out;
  const std::string folder = root + "/charts/";
  for (const auto& file : files) {
    if (!file.target.starts_with(folder)) continue;
    const auto parts = base::split(std::string_view(file.target).substr(folder.size()), '/');
    if (parts[0].starts_with('_') || parts[0].starts_with('.')) continue;
    if (parts.size() == 2 && parts[1] == "Chart.yaml") {
      SEALIFT_ASSIGN(const auto chart, read_document(file.source));
      out.insert(chart.text_at("name"));
    } else if (parts.size() == 1 && parts[0].ends_with(".tgz")) {
      SEALIFT_ASSIGN(const auto text, sources::chart_document_of(file.source));
      SEALIFT_ASSIGN(const auto documents, yaml::parse(text, file.source, {}, yaml::DuplicateKeys::last_wins));
      if (!documents.empty()) out.insert(documents.front().text_at("name"));
    }
  }
  return out;
}

}  // namespace

Result<std::string> check_chart(const Place& place, const std::string& root, const std::string& source,
                                std::span<const LocalFile> files) {
  const auto find = [&](std::string_view name) {
    return std::ranges::find(files, std::format("{}/{}", root, name), &LocalFile::target);
  };
  const auto& path = find("Chart.yaml")->source;
  SEALIFT_ASSIGN(const auto chart, read_document(path));
  auto version = chart.text_at("version");
  if (version.empty()) return fail(ErrorCode::invalid_input, "{}: {} names no version", place.text(), path);
  // Charts of API version 1 keep their dependencies in a separate file, which takes precedence over Chart.yaml.
  yaml::Node own = chart;
  if (const auto requirements = find("requirements.yaml"); requirements != files.end()) {
    SEALIFT_ASSIGN(own, read_document(requirements->source));
  }
  const auto* dependencies = own.find("dependencies");
  if (dependencies == nullptr || dependencies->items.empty()) return version;
  SEALIFT_ASSIGN(const auto packed, packed_charts(root, files));
  std::vector<std::string> missing;
  for (const auto& dependency : dependencies->items) {
    const auto name = dependency.text_at("name");
    if (!packed.contains(name))
      missing.push_back(base::printable(base::trim(std::format("{} {}", name, dependency.text_at("version")))));
  }
  if (missing.empty()) return version;
  return fail(ErrorCode::invalid_input,
              "{}: the chart {} depends on charts that are not in {}/charts: {}; run \"helm dependency build {}\"",
              place.text(), chart.text_at("name"), source, base::join(missing, ", "), source);
}

}  // namespace sealift::resolve
