// SPDX-License-Identifier: Apache-2.0
#include "packer/resolve/app_lines.h"

#include <algorithm>

#include "packer/resolve/app.h"
#include "packer/resolve/claims.h"
#include "packer/resolve/manifests.h"
#include "packer/resolve/object_checks.h"
#include "packer/resolve/parts.h"
#include "packer/resolve/walk.h"
#include "payload/base/count.h"
#include "payload/base/file.h"
#include "payload/base/format.h"
#include "payload/base/text.h"

namespace sealift::resolve {

Result<void> AppLines::take(const Instruction& instruction, const AddApp& line) {
  SEALIFT_ASSIGN(const auto parts, parts_of(line, context_));
  for (const auto& part : parts) SEALIFT_TRY(take_app(instruction, part));
  return {};
}
AppReading AppLines::reading() {
  return {context_, inputs_.scratch->path(), findings_.rules, findings_.problems, findings_.unpacked, remote_};
}

Result<void> AppLines::take_app(const Instruction& instruction, const AddApp& line) {
  LocalApp local;
  if (line.remote) {
    local.app = named_app(line);
    local.app.kind = format::AppKind::helm;
  } else {
    SEALIFT_ASSIGN(local, local_app(instruction.place, line, reading()));
  }
  SEALIFT_TRY(check_new(line, local.app));
  const bool waits = line.remote || local.incomplete;
  if (!waits) SEALIFT_TRY(put_files(instruction, local));
  inputs_.contents.apps.push_back(local.app);
  if (!local.inspectors.empty()) findings_.inspectors[local.app.name] = std::move(local.inspectors);
  inputs_.apps.push_back(
      {local.app, line.needs, local.folder, {}, line.settings, origin_of(instruction, local.app.name)});
  if (waits) {
    incomplete_.insert(local.app.name);
    waiting_.push_back({&instruction, line, std::move(local)});
  }
  return {};
}

Result<void> AppLines::check_new(const AddApp& line, const format::App& app) const {
  const auto& known = inputs_.contents;
  for (const auto& name : {app.name, app.part_of}) {
    const bool is_taken = known.find_app(name) != nullptr ||
                          (name == app.name && std::ranges::contains(known.apps, name, &format::App::part_of));
    if (is_taken && !name.empty())
      return bad(line.name.place,
                 base::format("the application \"{}\" is packed already (by an earlier line or by the base)", name));
  }
  return {};
}

Result<void> AppLines::put_files(const Instruction& instruction, LocalApp& local) {
  base::tell(events_, Level::info,
             base::format("{} {}: {}, {}", instruction.verb, local.app.name, format::name(local.app.kind),
                          base::counted(local.files.size(), "file", "files")));
  return claim(inputs_, local.files, origin_of(instruction, local.app.name));
}

void AppLines::fetch(Problems& problems) {
  for (auto& waiting : std::exchange(waiting_, {})) {
    if (auto done = fetch(waiting); !done) problems.add(with_line(std::move(done).error(), waiting.instruction->place));
  }
}

Result<void> AppLines::fetch(Waiting& waiting) {
  SEALIFT_TRY(cancel_.check());
  const auto& place = waiting.instruction->place;
  auto& local = waiting.local;
  if (waiting.line.remote) {
    SEALIFT_ASSIGN(local, local_app(place, waiting.line, reading()));
  }
  SEALIFT_TRY(complete_app(place, reading(), local));
  SEALIFT_TRY(put_files(*waiting.instruction, local));
  // VALUES and NEEDS have been added meanwhile.
  auto& input = *std::ranges::find(inputs_.apps, local.app.name, [](const auto& app) { return app.app.name; });
  input.folder = local.folder;
  input.app.kind = local.app.kind;
  input.app.version = local.app.version;
  *std::ranges::find(inputs_.contents.apps, local.app.name, &format::App::name) = input.app;
  incomplete_.erase(local.app.name);
  return {};
}

std::vector<const AppInput*> AppLines::charts() const {
  std::vector<const AppInput*> out;
  if (has_stray_values_) return out;
  for (const auto& app : inputs_.apps) {
    if (app.app.kind == format::AppKind::helm && !incomplete_.contains(app.app.name)) out.push_back(&app);
  }
  return out;
}

Result<void> AppLines::build_kustomizations(Tools& tools) {
  for (auto& app : inputs_.apps) {
    if (app.app.kind == format::AppKind::helm || app.folder.empty()) continue;
    SEALIFT_ASSIGN(const auto command,
                   tools.command("kubectl", "so kustomizations can't be built", {"kustomize", absolute(app.folder)}));
    auto built = base::run_checked(command, {.output_limit = charts::kDocumentLimits.bytes}, cancel_);
    if (!built && built.error().code == ErrorCode::cancelled) return std::unexpected(std::move(built).error());
    if (!built) {
      findings_.problems.add(
          bad(app.origin.place, base::format("kubectl can't build {} (bases on other machines are not fetched: copy "
                                             "them into the context): {}",
                                             app.folder, built.error().what)));
      continue;
    }
    const LocalFile file{base::format("{}/{}.yaml", inputs_.scratch->path(), app.app.name),
                         base::format("{}/{}.yaml", app.app.root, app.app.name), 0644};
    SEALIFT_TRY(base::write_file_atomic(file.source, base::as_bytes(*built), 0600));
    findings_.unpacked[file.source] = "what kubectl makes of " + app.folder;
    SEALIFT_TRY(claim(inputs_, file, app.origin));
    const auto& streams = findings_.inspectors[app.app.name] =
        read_manifests(app.origin.place, std::span(&file, 1), findings_.rules, findings_.problems);
    check_objects(inputs_, app, streams, kubernetes_version(inputs_, request_), findings_.problems, events_);
  }
  return {};
}

Result<void> AppLines::take(const Instruction& instruction, const AddValues& line) {
  values_.emplace_back(&line, origin_of(instruction, line.app.text));
  return {};
}
void AppLines::add_values(bool knows_names) {
  for (const auto& [line, origin] : values_) {
    const auto is_meant = [&](const AppInput& input) {
      return input.app.name == line->app.text || input.app.part_of == line->app.text;
    };
    const auto app = std::ranges::find_if(inputs_.apps, is_meant);
    if (app == inputs_.apps.end()) {
      has_stray_values_ = true;
      if (!knows_names) continue;
      std::vector<std::string_view> known;
      for (const auto& other : inputs_.apps) known.push_back(other.app.name);
      const auto near = base::nearest(line->app.text, known);
      findings_.problems.add(
          bad(line->app.place,
              base::format("VALUES for \"{}\", which no APP of this Kubefile has{}", base::printable(line->app.text),
                           near ? base::format("; did you mean \"{}\"?", *near) : "")));
    } else if (app->app.kind != format::AppKind::helm) {
      findings_.problems.add(
          bad(line->app.place, base::format("{} consists of manifests, which take no values", app->app.name)));
    } else {
      for (auto& one : inputs_.apps) {
        if (!is_meant(one)) continue;
        for (const auto& word : line->files) {
          if (!findings_.problems.note(add_values(one, word, origin))) incomplete_.insert(one.app.name);
        }
      }
    }
  }
}
Result<void> AppLines::add_values(AppInput& app, const Word& word, const Origin& origin) {
  const auto target = base::format("values/{}/{}", app.app.name, last_part(word.text));
  SEALIFT_ASSIGN(auto found, named_file(word, target, context_, "VALUES takes files"));
  const auto twin = std::ranges::find(app.values, target, &LocalFile::target);
  if (twin != app.values.end())
    return bad(word.place, base::format("{} and {} share the name by which a site chooses a set of values; rename one",
                                        twin->source, found.source));
  SEALIFT_TRY(claim(inputs_, found, origin));
  app.app.values.push_back(target);
  app.values.push_back(std::move(found));
  return {};
}

}  // namespace sealift::resolve
