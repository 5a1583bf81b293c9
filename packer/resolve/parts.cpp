// SPDX-License-Identifier: Apache-2.0
#include "packer/resolve/parts.h"

#include <algorithm>
#include <optional>
#include <set>

#include "packer/resolve/walk.h"
#include "packer/sources/chart_archive.h"
#include "payload/base/file.h"
#include "payload/base/format.h"
#include "payload/base/text.h"
#include "payload/format/app_name.h"
#include "payload/yaml/node.h"

namespace sealift::resolve {
namespace {

constexpr size_t kMaxDocument = size_t{1} << 20;

// Of a chart's folder or archive; nullopt for anything else.
Result<std::optional<std::string>> chart_name(const std::string& source, std::span<const LocalFile> files) {
  std::string text;
  const auto document = std::ranges::find(files, "chart/Chart.yaml", &LocalFile::target);
  if (source.ends_with(".tgz")) {
    SEALIFT_ASSIGN(text, sources::chart_document_of(source));
  } else if (document != files.end()) {
    SEALIFT_ASSIGN(text, base::read_text_file(document->source, kMaxDocument));
  } else {
    return std::optional<std::string>{};
  }
  SEALIFT_ASSIGN(const auto documents, yaml::parse(text, source, {}, yaml::DuplicateKeys::last_wins));
  return std::optional(documents.empty() ? std::string() : documents.front().text_at("name"));
}

}  // namespace

Result<std::vector<AddApp>> parts_of(const AddApp& line, BuildContext& context) {
  if (line.sources.size() == 1) return std::vector{line};
  std::vector<AddApp> out;
  std::set<std::string> names;
  for (const auto& source : line.sources) {
    const auto bad = [&](std::string_view what) {
      return fail(ErrorCode::invalid_input, "{}: {}", source.place.text(), what);
    };
    const auto path = without_slashes(in_context(context.folder(), source.text));
    std::vector<LocalFile> files;
    SEALIFT_TRY(walk(source.place, path, "chart", context, files));
    auto chart = chart_name(path, files);
    if (!chart) return bad(chart.error().what);
    if (!*chart) return std::vector{line};  // manifests, or a mixture that is refused later
    AddApp part = line;
    part.part_of = line.name.text;
    part.name.text = base::format("{}-{}", line.name.text, **chart);
    part.sources = {source};
    if (!format::is_app_name(part.name.text))
      return bad(base::format("the chart's name makes the application \"{}\", which can't be its name: {}",
                              base::printable(part.name.text), format::kAppNames));
    if (!names.insert(part.name.text).second)
      return bad(base::format("a second chart of the name {}; give one of them an APP of its own", **chart));
    out.push_back(std::move(part));
  }
  if (line.release)
    return fail(ErrorCode::invalid_input, "{}: RELEASE names one release, and this line has {} charts",
                line.release->place.text(), out.size());
  return out;
}

void name_parts(Inputs& inputs) {
  const auto expand = [&](std::vector<Word>& words) {
    std::vector<Word> out;
    for (auto& word : words) {
      const size_t before = out.size();
      for (const auto& app : inputs.contents.apps) {
        if (app.part_of == word.text) out.push_back({app.name, word.place});
      }
      if (out.size() == before) out.push_back(std::move(word));
    }
    words = std::move(out);
  };
  const auto texts = [](const std::vector<Word>& words) {
    std::vector<std::string> out;
    for (const auto& word : words) out.push_back(word.text);
    return out;
  };
  for (auto& app : inputs.apps) {
    expand(app.needs);
    app.app.needs = texts(app.needs);
    std::ranges::find(inputs.contents.apps, app.app.name, &format::App::name)->needs = app.app.needs;
  }
  expand(inputs.launch);
  inputs.contents.launch = texts(inputs.launch);
}

}  // namespace sealift::resolve
