// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/app_files.h"

#include "payload/base/format.h"
#include "payload/base/text.h"
#include "runtime/kube/manifests.h"

namespace sealift::steps {
namespace {

std::unexpected<Error> refused(const config::ClusterConfig& config, const SelectedApp& app,
                               const config::FileChange& change, std::string_view why) {
  return fail(ErrorCode::invalid_config, "{}:{}:{}: the file {} of {} can't be changed: {}", config.path,
              change.place.line, change.place.column, base::printable(change.path), app.app->name, why);
}

// The packed file with a mapping merged into it.
Result<std::string> merged(const std::string& packed, const config::FileChange& change) {
  SEALIFT_ASSIGN(auto documents, yaml::parse(packed, change.path, kube::kManifestLimits));
  if (documents.size() != 1 || documents.front().kind != yaml::Kind::mapping)
    return fail(ErrorCode::invalid_input, "it is not one mapping of YAML, as merging needs; use `strategy: overwrite`");
  SEALIFT_ASSIGN(const auto over, yaml::parse(change.data, "data"));
  if (!over.empty()) yaml::merge(documents.front(), over.front());
  return yaml::to_yaml(documents.front());
}

}  // namespace

std::vector<std::pair<std::string, format::TreeFile>> app_files(const format::Contents& contents,
                                                                const format::App& app) {
  std::vector<std::pair<std::string, format::TreeFile>> out;
  const std::string prefix = app.root + "/";
  const auto& tree = contents.tree;
  for (auto at = tree.lower_bound(prefix); at != tree.end() && at->first.starts_with(prefix); ++at)
    out.emplace_back(at->first.substr(prefix.size()), at->second);
  return out;
}

Result<std::vector<std::pair<std::string, std::string>>> app_texts(const format::PayloadReader& payload,
                                                                   const SelectedApp& app) {
  std::vector<std::pair<std::string, std::string>> out;
  for (const auto& [path, file] : app_files(payload.contents(), *app.app)) {
    const auto changed = app.changed_files.find(path);
    if (changed != app.changed_files.end()) {
      out.emplace_back(*changed);
      continue;
    }
    SEALIFT_ASSIGN(const auto bytes, payload.read_all(file.object.digest, kMaxAppFile));
    out.emplace_back(path, base::as_text(bytes));
  }
  return out;
}

Digest files_digest(const format::Contents& contents, const format::App& app) {
  base::ByteWriter writer;
  for (const auto& [path, file] : app_files(contents, app)) {
    writer.text(path);
    writer.bytes(file.object.digest.bytes);
  }
  return hash::sha256(writer.data());
}

std::vector<kube::Patch> patches_of(const SelectedApp& app) {
  using Type = config::PatchConfig::Type;
  std::vector<kube::Patch> out;
  for (const auto* patch : app.patches) {
    const auto* type = patch->type == Type::json ? "json" : patch->type == Type::merge ? "merge" : "strategic";
    out.push_back({patch->name, patch->kind, patch->target_name, patch->target_namespace, type, patch->patch});
  }
  return out;
}

Result<void> change_files(const format::PayloadReader& payload, const config::ClusterConfig& config,
                          std::vector<SelectedApp>& apps) {
  for (auto& app : apps) {
    if (app.changes == nullptr) continue;
    for (const auto& change : *app.changes) {
      const auto& tree = payload.contents().tree;
      const auto file = tree.find(base::format("{}/{}", app.app->root, change.path));
      if (file == tree.end()) {
        const auto known = app_files(payload.contents(), *app.app);
        std::vector<std::string_view> words;
        for (const auto& [path, there] : known) words.emplace_back(path);
        const auto near = base::nearest(change.path, words);
        return refused(config, app, change,
                       near ? base::format("the artifact has no such file; did you mean {}?", *near)
                            : "the artifact has no such file; `extract` shows those that it has");
      }
      if (change.strategy == config::FileChange::Strategy::overwrite) {
        app.changed_files[change.path] = change.data;
        continue;
      }
      SEALIFT_ASSIGN(const auto packed, payload.read_all(file->second.object.digest, kMaxAppFile));
      auto text = merged(std::string(base::as_text(packed)), change);
      if (!text) return refused(config, app, change, text.error().what);
      app.changed_files[change.path] = std::move(*text);
    }
  }
  return {};
}

}  // namespace sealift::steps
