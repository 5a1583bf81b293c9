// SPDX-License-Identifier: Apache-2.0
#include "packer/resolve/app.h"

#include <algorithm>
#include <filesystem>
#include <optional>

#include "packer/resolve/chart.h"
#include "packer/resolve/dependencies.h"
#include "packer/resolve/manifests.h"
#include "packer/resolve/walk.h"
#include "packer/sources/chart_archive.h"
#include "payload/base/file.h"
#include "payload/base/format.h"
#include "payload/base/text.h"

namespace sealift::resolve {
namespace {

bool is_manifest_file(std::string_view name) {
  return name.ends_with(".yaml") || name.ends_with(".yml") || name.ends_with(".json");
}

bool is_leftover(std::string_view name) {
  return name.starts_with("._") || name.starts_with(".#") || name.starts_with("#") || name.ends_with("~") ||
         name.ends_with(".swp") || name.ends_with(".bak") || name.ends_with(".orig") || name == ".DS_Store";
}

// The source of the folder's kustomization.yaml, by any of its names.
std::optional<std::string> kustomization(const std::string& root, const std::vector<LocalFile>& files) {
  for (const auto& file : files) {
    const auto name = std::string_view(file.target).substr(root.size() + 1);
    if (name == "kustomization.yaml" || name == "kustomization.yml" || name == "Kustomization") return file.source;
  }
  return std::nullopt;
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
      return fail(ErrorCode::invalid_input, "{}: {} is a packed chart beside other files; give it an APP of its own",
                  place.text(), file.source);
    if (is_leftover(last_part(file.target)))
      return fail(
          ErrorCode::invalid_input,
          "{}: {} is what an editor, a file manager or macOS left behind; kubectl would trip over it: remove it",
          place.text(), file.source);
    if (!is_manifest_file(file.target)) {
      return fail(ErrorCode::invalid_input,
                  "{}: {} is neither part of a helm chart (there is no Chart.yaml) nor a manifest (.yaml, .yml, .json)",
                  place.text(), file.source);
    }
  }
  if (files.empty()) return fail(ErrorCode::invalid_input, "{}: there are no files", place.text());
  return {};
}

// Unpacks it below the scratch folder, to which .sealiftignore does not apply.
Result<void> add_packed_chart(const Word& word, const AddApp& line, const AppReading& reading, LocalApp& out) {
  std::optional<LocalFile> local;
  std::string archive;
  if (line.remote) {
    SEALIFT_ASSIGN(archive, reading.remote.chart(word.place, *line.remote));
  } else {
    SEALIFT_ASSIGN(local,
                   named_file(word, "chart.tgz", reading.context, "a chart with this name is expected to be packed"));
    archive = local->source;
  }
  const auto& known_as = line.remote ? line.remote->text : archive;
  const std::string unpacked = reading.scratch + "/" + out.app.name + ".chart";
  reading.unpacked[unpacked] = known_as;
  if (auto done = sources::unpack_chart(archive, unpacked); !done)
    return fail(done.error().code, "{}: {}", word.place.text(),
                base::replace_all(done.error().text(), archive, known_as));
  if (local) SEALIFT_TRY(open_file(archive, local->seen));  // what was looked at is what was unpacked
  BuildContext everything;
  return walk(word.place, unpacked, out.app.root, everything, out.files);
}

}  // namespace

format::App named_app(const AddApp& line) {
  format::App out;
  out.name = line.name.text;
  out.part_of = line.part_of;
  out.is_network = line.is_network;
  for (const auto& need : line.needs) out.needs.push_back(need.text);
  if (line.target_namespace) out.target_namespace = line.target_namespace->text;
  if (line.release) out.release = line.release->text;
  out.root = "apps/" + out.name;
  return out;
}

Result<LocalApp> local_app(const Place& place, const AddApp& line, const AppReading& reading) {
  LocalApp out;
  auto& app = out.app = named_app(line);
  Problems problems;
  for (const auto& word : line.sources) {
    const std::string source = without_slashes(in_context(reading.context.folder(), word.text));
    if (line.remote || (line.sources.size() == 1 && source.ends_with(".tgz"))) {
      SEALIFT_TRY(add_packed_chart(word, line, reading, out));
      continue;
    }
    std::error_code error;
    const bool folder = std::filesystem::is_directory(source, error);
    problems.note(
        walk(word.place, source, folder ? app.root : app.root + "/" + last_part(source), reading.context, out.files));
  }
  SEALIFT_TRY(problems.joined());
  if (const auto file = kustomization(app.root, out.files)) {
    out.folder = file->substr(0, file->rfind('/'));
    out.files.clear();
    app.kind = format::AppKind::manifests;
    if (line.sources.size() > 1)
      return fail(ErrorCode::unsupported, "{}: {} is a kustomization beside other sources; give it an APP of its own",
                  place.text(), out.folder);
    return out;
  }
  const auto chart = std::ranges::find(out.files, app.root + "/Chart.yaml", &LocalFile::target);
  if (chart == out.files.end()) {
    SEALIFT_TRY(check_manifest_files(place, app.root, out.files));
    app.kind = format::AppKind::manifests;
    out.inspectors = read_manifests(place, out.files, reading.rules, reading.problems);
    return out;
  }
  app.kind = format::AppKind::helm;
  out.folder = chart->source.substr(0, chart->source.rfind('/'));
  if (line.sources.size() > 1)
    return fail(ErrorCode::unsupported,
                "{}: {} is a helm chart beside sources that are none; give them an APP of their own", place.text(),
                out.folder);
  SEALIFT_ASSIGN(auto read, read_chart(place, app.root, out.folder, out.files));
  app.version = std::move(read.version);
  if (read.missing.empty()) {
    // helm shall see what is packed, not what was left out.
    if (!reading.context.has_left_out_below(out.folder)) return out;
    const auto copy = base::format("{}/{}.kept", reading.scratch, app.name);
    reading.unpacked[copy] = out.folder;
    SEALIFT_TRY(copy_chart({app.root, out.folder, out.files}, copy));
    out.folder = copy;
    return out;
  }
  SEALIFT_TRY(check_dependencies(place, read, out.folder));
  out.incomplete = std::move(read);
  return out;
}

Result<void> complete_app(const Place& place, const AppReading& reading, LocalApp& app) {
  if (!app.incomplete) return {};
  ChartFolder whole{app.app.root, std::move(app.folder), std::move(app.files)};
  const auto copy = base::format("{}/{}.whole", reading.scratch, app.app.name);
  reading.unpacked[copy] = whole.source;
  SEALIFT_TRY(add_dependencies(place, *app.incomplete, reading.context, copy, reading.remote, whole));
  app.folder = std::move(whole.source);
  app.files = std::move(whole.files);
  app.incomplete.reset();
  return {};
}

}  // namespace sealift::resolve
