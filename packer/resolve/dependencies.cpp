// SPDX-License-Identifier: Apache-2.0
#include "packer/resolve/dependencies.h"

#include <algorithm>
#include <filesystem>

#include "packer/resolve/walk.h"
#include "packer/sources/chart_archive.h"
#include "payload/base/file.h"
#include "payload/base/format.h"
#include "payload/base/safe_path.h"
#include "payload/base/text.h"
#include "payload/yaml/node.h"

namespace sealift::resolve {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kFile = "file://";
constexpr int kMaxDepth = 8;  // of charts in folders that depend on charts in folders

std::unexpected<Error> refuse(const Place& place, const Chart& chart, const std::string& source, std::string_view why) {
  return fail(ErrorCode::invalid_input, "{}: the chart {} {}; run \"helm dependency build {}\"", place.text(),
              base::printable(chart.name), why, source);
}
std::string named(const Dependency& dependency) {
  return base::printable(base::trim(base::format("{} {}", dependency.name, dependency.version)));
}
std::string version_of(const Dependency& dependency) { return dependency.locked_version.value_or(dependency.version); }

// Why it can't be fetched; empty if it can.
std::string obstacle(const Chart& chart, const Dependency& dependency) {
  const auto version = version_of(dependency);
  // Both become part of a file's name.
  if (dependency.name.contains('/') || version.contains('/') || !base::safe_relative_path(dependency.name))
    return "their names can't be names of files";
  if (dependency.repository.starts_with(kFile)) return {};
  if (dependency.repository.empty()) return "Chart.yaml names no repository for them";
  if (!charts::is_exact_version(version))
    return chart.has_lock ? "Chart.lock names no version" : "without Chart.lock, only exact versions are fetched";
  const auto address = charts::address_of(dependency.repository, dependency.name, version);
  return address ? "" : address.error().what;
}

}  // namespace

// All that can't be fetched are told together, before any is.
Result<void> check_dependencies(const Place& place, const Chart& chart, const std::string& source) {
  std::vector<std::string> names;
  std::string why;
  for (const auto& dependency : chart.missing) {
    auto obstructed = obstacle(chart, dependency);
    if (obstructed.empty()) continue;
    names.push_back(named(dependency));
    if (why.empty()) why = std::move(obstructed);
  }
  if (names.empty()) return {};
  return refuse(
      place, chart, source,
      base::format("depends on charts that are not in {}/charts: {}; {}", source, base::join(names, ", "), why));
}

namespace {

class Completer {
 public:
  Completer(const Place& place, BuildContext& context, Remote& remote)
      : place_(place), context_(context), remote_(remote) {}

  Result<void> complete(const Chart& chart, ChartFolder& folder, int depth) {
    if (depth > kMaxDepth) return refuse(place_, chart, folder.source, "depends on itself, or is nested too deeply");
    SEALIFT_TRY(check_dependencies(place_, chart, folder.source));
    for (const auto& dependency : chart.missing) SEALIFT_TRY(add(chart, dependency, folder, depth));
    return {};
  }

 private:
  Result<void> add(const Chart& chart, const Dependency& dependency, ChartFolder& folder, int depth) {
    const auto version = version_of(dependency);
    if (dependency.repository.starts_with(kFile)) return add_local(chart, dependency, version, folder, depth);
    SEALIFT_ASSIGN(const auto address, charts::address_of(dependency.repository, dependency.name, version));
    SEALIFT_ASSIGN(const auto archive, remote_.chart(place_, address));
    return add_archive({archive, {}}, dependency, version, address.text, folder);
  }

  Result<void> add_archive(LocalFile archive, const Dependency& dependency, const std::string& version,
                           const std::string& shown, ChartFolder& folder) {
    auto text = sources::chart_document_of(archive.source);
    if (!text)
      return fail(text.error().code, "{}: {}", place_.text(),
                  base::replace_all(text.error().what, archive.source, shown));
    SEALIFT_ASSIGN(const auto documents, yaml::parse(*text, shown, {}, yaml::DuplicateKeys::last_wins));
    SEALIFT_TRY(check(documents.empty() ? yaml::Node{} : documents.front(), dependency, version, shown));
    archive.target = base::format("{}/charts/{}-{}.tgz", folder.root, dependency.name, version);
    archive.mode = 0644;
    folder.files.push_back(std::move(archive));
    return {};
  }

  Result<void> check(const yaml::Node& document, const Dependency& dependency, const std::string& version,
                     const std::string& shown) const {
    const auto found = document.text_at("version");
    if (document.text_at("name") == dependency.name && (found == version || !charts::is_exact_version(version)))
      return {};
    return fail(ErrorCode::invalid_input, "{}: {} is the chart {} {}, not {} {}", place_.text(), shown,
                base::printable(document.text_at("name")), base::printable(found), base::printable(dependency.name),
                base::printable(version));
  }

  // A folder or a packed chart, relative to the chart's folder and within the context.
  Result<void> add_local(const Chart& chart, const Dependency& dependency, const std::string& version,
                         ChartFolder& folder, int depth) {
    const auto given = dependency.repository.substr(kFile.size());
    std::error_code error;
    const auto path = fs::canonical(fs::path(folder.source) / given, error);
    if (error)
      return refuse(place_, chart, folder.source,
                    base::format("depends on {} in {}, which is not there", named(dependency), base::printable(given)));
    const auto& context = context_.place();
    const auto inside = path.lexically_relative(context);
    if (inside.empty() || inside.native().starts_with(".."))
      return fail(ErrorCode::invalid_input,
                  "{}: the chart {} depends on {} in {}, which lies outside of the build's context ({})", place_.text(),
                  base::printable(chart.name), named(dependency), path.native(), context.native());
    ChartFolder other{base::format("{}/charts/{}", folder.root, dependency.name), path, {}};
    SEALIFT_TRY(walk(place_, other.source, other.root, context_, other.files));
    if (!fs::is_directory(path)) return add_archive(other.files.front(), dependency, version, path, folder);
    const auto found = std::ranges::find(other.files, other.root + "/Chart.yaml", &LocalFile::target);
    if (found == other.files.end())
      return refuse(place_, chart, folder.source,
                    base::format("depends on {} in {}, which has no Chart.yaml", named(dependency), path.native()));
    SEALIFT_ASSIGN(const auto document, read_input(found->source, size_t{1} << 20));
    SEALIFT_ASSIGN(const auto parsed, yaml::parse(document, path.native(), {}, yaml::DuplicateKeys::last_wins));
    SEALIFT_TRY(check(parsed.empty() ? yaml::Node{} : parsed.front(), dependency, version, path));
    SEALIFT_ASSIGN(const auto inner, read_chart(place_, other.root, other.source, other.files));
    SEALIFT_TRY(complete(inner, other, depth + 1));
    folder.files.insert(folder.files.end(), other.files.begin(), other.files.end());
    return {};
  }

  const Place& place_;
  BuildContext& context_;
  Remote& remote_;
};

}  // namespace

Result<void> copy_chart(const ChartFolder& folder, const std::string& to) {
  for (const auto& file : folder.files) {
    const fs::path target = to + file.target.substr(folder.root.size());
    std::error_code error;
    fs::create_directories(target.parent_path(), error);
    if (!error) fs::copy_file(file.source, target, fs::copy_options::overwrite_existing, error);
    if (error) return fail(ErrorCode::io, "copy {} to {}: {}", file.source, target.native(), error.message());
  }
  return {};
}

Result<void> add_dependencies(const Place& place, const Chart& chart, BuildContext& context, const std::string& copy,
                              Remote& remote, ChartFolder& folder) {
  SEALIFT_TRY(Completer(place, context, remote).complete(chart, folder, 0));
  SEALIFT_TRY(copy_chart(folder, copy));
  folder.source = copy;
  return {};
}

}  // namespace sealift::resolve
