// SPDX-License-Identifier: Apache-2.0
#include "packer/cli/local_store.h"

#include <algorithm>
#include <chrono>

#include "packer/cli/opened_payload.h"
#include "packer/store/store.h"
#include "payload/base/count.h"
#include "payload/base/format.h"
#include "payload/base/parallel.h"
#include "payload/base/text.h"
#include "payload/json/value.h"

#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Weverything"
#include <CLI/CLI.hpp>
#pragma clang diagnostic pop

namespace sealift::packer_cli {
namespace {

constexpr size_t kShownDigits = 12;

store::Store local_store() { return store::Store(store::Store::default_folder()); }

// "2026-11-27 06:05:04 UTC"
std::string when(int64_t seconds) {
  return base::format("{:%F %T} UTC", std::chrono::sys_seconds(std::chrono::seconds(seconds)));
}

std::string as_json(const std::vector<store::Artifact>& artifacts) {
  json::Value list = json::Value::array();
  for (const auto& artifact : artifacts) {
    json::Value names = json::Value::array();
    for (const auto& name : artifact.names) names.push_back(name);
    json::Value one = json::Value::object();
    one.set("names", std::move(names));
    one.set("identity", artifact.identity.text());
    one.set("size", artifact.size);
    one.set("came", artifact.came);
    one.set("path", artifact.path);
    list.push_back(std::move(one));
  }
  return json::to_canonical(list) + "\n";
}

std::string as_text(const store::Removed& removed, std::string_view verb) {
  std::string out;
  for (const auto& line : removed.lines) out += base::format("{} {}\n", verb, line);
  return out;
}

Result<std::string> list_artifacts(const StoreArguments& arguments) {
  SEALIFT_ASSIGN(const auto artifacts, local_store().list());
  if (arguments.json) return as_json(artifacts);
  if (artifacts.empty())
    return std::string(
        "the local store is empty; `sealift build -t name:version` without -o, `sealift load` fill it\n");
  size_t width = std::string_view("NAME").size();
  for (const auto& artifact : artifacts) {
    for (const auto& name : artifact.names) width = std::max(width, name.size());
  }
  std::string out = base::format("{:<{}}  {:<{}}  {:<23}  SIZE\n", "NAME", width, "IDENTITY", kShownDigits, "CAME");
  for (const auto& artifact : artifacts) {
    const std::vector<std::string> none{"-"};
    for (const auto& name : artifact.names.empty() ? none : artifact.names)
      out += base::format("{:<{}}  {}  {:<23}  {}\n", name, width, shown(artifact.identity), when(artifact.came),
                          base::human_bytes(artifact.size));
  }
  return out;
}

Result<std::string> tag_artifact(const StoreArguments& arguments) {
  SEALIFT_TRY(local_store().tag(arguments.what, arguments.name));
  return std::string();
}

Result<std::string> remove_artifact(const StoreArguments& arguments) {
  SEALIFT_ASSIGN(const auto removed, local_store().remove(arguments.what));
  return as_text(removed, "removed");
}

Result<std::string> prune_store(const StoreArguments& arguments) {
  SEALIFT_ASSIGN(const auto removed, local_store().prune(arguments.dry_run));
  return as_text(removed, arguments.dry_run ? "would remove" : "removed") +
         base::format("{}{}\n", base::human_bytes(removed.bytes),
                      arguments.dry_run ? " would be free" : " are free now");
}

Result<std::string> check_store(const CancelToken& cancel) {
  const auto store = local_store();
  SEALIFT_ASSIGN(const auto faults, store.check(base::processors(), cancel));
  if (!faults.empty()) return fail(ErrorCode::corrupt, "{}", base::join(faults, "\n"));
  SEALIFT_ASSIGN(const auto all, store.list());
  return base::format("{} in {}: every byte is as it came\n", base::counted(all.size(), "artifact", "artifacts"),
                      store.folder());
}

Result<std::string> load_artifact(const StoreArguments& arguments, const CancelToken& cancel) {
  SEALIFT_ASSIGN(const auto artifact, local_store().load(arguments.file, arguments.tags, cancel));
  return line_of(artifact);
}

Result<std::string> save_artifact(const StoreArguments& arguments, const CancelToken& cancel) {
  SEALIFT_ASSIGN(const auto artifact, local_store().get(arguments.what));
  SEALIFT_TRY(store::copy_artifact(artifact.path, arguments.output, cancel));
  return base::format("{}: {}\n", arguments.output, base::human_bytes(artifact.size));
}

}  // namespace

std::string shown(const Digest& identity) { return identity.hex().substr(0, kShownDigits); }

std::string line_of(const store::Artifact& artifact) {
  return base::format("{}: {}, identity {}\n", base::join(artifact.names, ", "), base::human_bytes(artifact.size),
                      shown(artifact.identity));
}

void define_store(CLI::App& app, StoreArguments& arguments) {
  auto* artifacts = app.add_subcommand("artifacts", "what the local store has");
  artifacts->add_flag("--json", arguments.json, "as JSON");
  auto* tag = app.add_subcommand("tag", "give an artifact of the local store one more name");
  tag->add_option("artifact", arguments.what, "its name, or its identity's first digits")->required();
  tag->add_option("name", arguments.name, "name:version")->required();
  auto* remove = app.add_subcommand("rm", "take a name out of the local store, and the artifact with its last name");
  remove->add_option("artifact", arguments.what, "its name; with its identity's first digits, all its names")
      ->required();
  auto* prune = app.add_subcommand("prune", "remove artifacts without a name, and what interrupted builds left");
  prune->add_flag("--dry-run", arguments.dry_run, "only say what would be removed");
  auto* load = app.add_subcommand("load", "copy an artifact into the local store");
  load->add_option("file", arguments.file, "the artifact")->required();
  load->add_option("-t,--tag", arguments.tags, "name:version (default: its own)")->allow_extra_args(false);
  auto* save = app.add_subcommand("save", "copy an artifact out of the local store");
  save->add_option("artifact", arguments.what, "its name, or its identity's first digits")->required();
  save->add_option("-o,--output", arguments.output, "the file to write")->required();
  auto* store = app.add_subcommand("store", "the local store itself");
  store->require_subcommand(1);
  store->add_subcommand("check", "read every byte of the local store");
}

std::optional<Result<std::string>> run_store(const CLI::App& app, const StoreArguments& arguments,
                                             const CancelToken& cancel) {
  if (app.got_subcommand("artifacts")) return list_artifacts(arguments);
  if (app.got_subcommand("tag")) return tag_artifact(arguments);
  if (app.got_subcommand("rm")) return remove_artifact(arguments);
  if (app.got_subcommand("prune")) return prune_store(arguments);
  if (app.got_subcommand("load")) return load_artifact(arguments, cancel);
  if (app.got_subcommand("save")) return save_artifact(arguments, cancel);
  if (app.got_subcommand("store")) return check_store(cancel);
  return std::nullopt;
}

}  // namespace sealift::packer_cli
