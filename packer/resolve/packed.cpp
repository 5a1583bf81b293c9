// SPDX-License-Identifier: Apache-2.0
#include "packer/resolve/packed.h"

#include <fcntl.h>

#include <algorithm>
#include <set>

#include "packer/resolve/base.h"
#include "packer/resolve/manifests.h"
#include "packer/resolve/rule_files.h"
#include "payload/base/fd.h"
#include "payload/base/text.h"
#include "payload/format/references.h"

namespace sealift::resolve {
namespace {

// Beside the programs that Tools unpacks.
std::string folder_of(const Inputs& inputs) { return inputs.scratch->path() + "/tree"; }

// As people say it.
Origin origin_of(const format::App& app, const std::string& artifact) {
  return {(app.is_network ? "CNI " : "APP ") + app.name, {artifact, 0, 0}};
}

Result<std::string> unpack(const Inputs& inputs, const std::string& path, const format::TreeFile& file) {
  const auto target = folder_of(inputs) + "/" + path;
  SEALIFT_TRY(base::make_directories(target.substr(0, target.rfind('/')), 0700));
  SEALIFT_ASSIGN(const auto fd, base::open_file(target, O_WRONLY | O_CREAT | O_EXCL, 0600));
  base::FdSink sink(fd.get());
  auto done = inputs.bases.front().reader->read(file.object.digest, {0, file.object.size}, sink);
  if (!done) return fail_while(std::move(done).error(), "unpacking " + path);
  return target;
}

// The files of host files that are templates, by path in the tree.
std::set<std::string> templates_of(const Inputs& inputs) {
  std::set<std::string> out;
  const auto add = [&](const format::HostFile& file) {
    for (const auto& stub : inputs.contents.stubs) {
      if (file.is_template) out.insert(format::expand_architecture(file.source, stub.architecture));
    }
  };
  std::ranges::for_each(inputs.contents.host_files, add);
  if (inputs.base_document) std::ranges::for_each(inputs.base_document->files, add);
  return out;
}

AppInput app_input(const Inputs& inputs, const format::App& app, const std::string& artifact) {
  AppInput out{.app = app, .needs = {}, .folder = {}, .values = {}, .settings = {}, .origin = origin_of(app, artifact)};
  for (const auto& need : app.needs) out.needs.push_back({need, out.origin.place});
  if (app.kind == format::AppKind::helm) out.folder = folder_of(inputs) + "/" + app.root;
  for (const auto& path : app.values) out.values.push_back({inputs.files.at(path).source, path, 0644});
  return out;
}

}  // namespace

Result<Inputs> packed_inputs(BaseInput artifact, const std::string& name) {
  Inputs out;
  artifact.origin = {name, {name, 0, 0}};
  SEALIFT_ASSIGN(auto scratch, base::PrivateFolder::make());
  out.scratch = std::make_unique<base::PrivateFolder>(std::move(scratch));
  out.contents = artifact.reader->contents();
  out.bases.push_back(std::move(artifact));
  SEALIFT_ASSIGN(out.base_document, read_base_document(out));
  const auto templates = templates_of(out);
  for (const auto& [path, file] : out.contents.tree) {
    const auto owner =
        std::ranges::find_if(out.contents.apps, [&](const format::App& app) { return format::has_file(app, path); });
    const bool is_owned = owner != out.contents.apps.end();
    if (!is_owned && path != out.contents.base_document && !templates.contains(path)) continue;
    SEALIFT_ASSIGN(const auto source, unpack(out, path, file));
    out.files[path] = {source, file.mode, is_owned ? origin_of(*owner, name) : Origin{"file " + path, {name, 0, 0}}};
  }
  for (const auto& app : out.contents.apps) out.apps.push_back(app_input(out, app, name));
  for (const auto& app : out.contents.launch) out.launch.push_back({app, {name, 0, 0}});
  return out;
}

Result<workloads::Rules> packed_rules(const Inputs& inputs) {
  const auto& payload = *inputs.bases.front().reader;
  const auto first = inputs.contents.tree.lower_bound(std::string(charts::kRulesFolder));
  if (first == inputs.contents.tree.end() || !first->first.starts_with(charts::kRulesFolder)) return own_rules();
  workloads::Rules out;
  SEALIFT_TRY(charts::add_packed_rules(payload, "", out, [](const std::string&) { return true; }));
  return out;
}

Inspectors inspect_manifests(const Inputs& inputs, const workloads::Rules& rules, Problems& problems) {
  Inspectors out;
  for (const auto& app : inputs.apps) {
    if (app.app.kind == format::AppKind::helm) continue;
    std::vector<LocalFile> files;
    for (const auto& [path, file] : inputs.files) {
      if (path.starts_with(app.app.root + "/")) files.push_back({file.source, path, file.mode});
    }
    out[app.app.name] = read_manifests(app.origin.place, files, rules, problems);
  }
  return out;
}

Error named_as_packed(const Inputs& inputs, Error error) {
  const auto put_back = [&](std::string& text) {
    text = base::replace_all(std::move(text), folder_of(inputs) + "/", "");
    text = base::replace_all(std::move(text), inputs.scratch->path() + "/", "");  // programs
  };
  put_back(error.what);
  std::ranges::for_each(error.while_doing, put_back);
  return error;
}

}  // namespace sealift::resolve
