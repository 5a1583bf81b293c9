// SPDX-License-Identifier: Apache-2.0
#include "packer/resolve/base.h"

#include <algorithm>
#include <filesystem>

#include "packer/registry/pull.h"
#include "packer/resolve/claims.h"
#include "packer/resolve/discover.h"
#include "packer/resolve/merge.h"
#include "packer/resolve/rule_files.h"
#include "packer/store/store.h"
#include "payload/base/count.h"
#include "payload/base/format.h"
#include "payload/base/text.h"

namespace sealift::resolve {
namespace {

// The name in the lock.
std::string locked_name(const std::string& name) { return registry::names_registry(name) ? name : last_part(name); }

// In the local store, or in a registry; nothing is asked of that if the store has what the lock says.
Result<std::unique_ptr<base::OpenFile>> open_named(const std::string& name, const BaseUse& use, const Locks& locks) {
  const store::Store store(use.request.store);
  const auto locked = locks.known.bases.find(locked_name(name));
  SEALIFT_ASSIGN(const auto stored, store.find(name));
  if (stored &&
      (locked == locks.known.bases.end() || stored->identity == locked->second || !registry::names_registry(name)))
    return base::OpenFile::open(stored->path);
  if (!registry::names_registry(name))
    return fail(ErrorCode::not_found, "no such file, and the local store has no artifact of this name");
  if (locked != locks.known.bases.end()) {
    SEALIFT_ASSIGN(const auto same, store.find(locked->second.text()));
    if (same) return base::OpenFile::open(same->path);
  }
  SEALIFT_ASSIGN(const auto from, registry::parse_name(name));
  registry::PullOptions options{use.request.registries, use.request.platforms.front()};
  SEALIFT_ASSIGN(const auto pulled, registry::pull_into_store(store, from, options, use.clock, use.events, use.cancel));
  if (locked != locks.known.bases.end() && pulled.identity != locked->second)
    return fail_locked(
        {ErrorCode::invalid_input,
         base::format("the registry has {} now, and the lock says {}", pulled.identity.text(), locked->second.text()),
         {}},
        locks, locked->first);
  return base::OpenFile::open(pulled.path);
}

Result<std::unique_ptr<base::OpenFile>> open_base(const std::string& name, const BaseUse& use, const Locks& locks) {
  auto file = base::OpenFile::open(in_context(use.request.context, name));
  if (!file && !name.starts_with('/')) file = base::OpenFile::open(name);
  if (file || file.error().code != ErrorCode::not_found || use.request.store.empty() || !store::is_name(name))
    return file;
  return open_named(name, use, locks);
}

// What the new product decides anew.
format::Contents inherited(const format::Contents& from) {
  format::Contents out = from;
  out.stubs.clear();  // replaced by this Sealift's own programs
  out.launch.clear();
  out.bases.clear();
  out.created_by.clear();
  out.compressors.clear();
  constexpr std::string_view kInBase = "in the base: ";
  for (auto& image : out.images) {
    if (!image.reason.empty() && !image.reason.starts_with(kInBase)) image.reason.insert(0, kInBase);
  }
  return out;
}

}  // namespace

const BaseInput* Inputs::base_of(const std::string& path) const {
  const auto inherited = contents.tree.find(path);
  if (inherited == contents.tree.end()) return nullptr;
  const auto base = std::ranges::find_if(bases, [&](const BaseInput& one) {
    const auto& tree = one.reader->contents().tree;
    const auto own = tree.find(path);
    return own != tree.end() && own->second == inherited->second;
  });
  return base == bases.end() ? nullptr : &*base;
}

Result<void> take_base(const Instruction& instruction, const Word& line, const BaseUse& use, workloads::Rules& rules,
                       Inputs& inputs) {
  const std::string& name = line.text;
  if (name == "scratch") return {};
  auto file = open_base(name, use, inputs.locks);
  if (!file)
    return bad(line.place,
               base::format("the base {} can't be read: {}; name an artifact file, what `sealift artifacts` lists, or "
                            "REGISTRY/PATH:TAG",
                            base::printable(name), file.error().text()));
  if (std::error_code none; std::filesystem::equivalent((*file)->path(), use.request.output, none))
    return bad(line.place, base::format("the base {} is the output too; name another output", base::printable(name)));
  auto opened = format::PayloadReader::open(**file);
  if (!opened) return fail_while(std::move(opened).error(), "opening the base " + base::printable(name));
  const auto& from = (*opened)->contents();
  for (const Architecture architecture : use.request.platforms) {
    if (std::ranges::contains(from.stubs, architecture, &format::Stub::architecture)) continue;
    return bad(line.place, base::format("the base {} is not packed for {}", name, base::platform(architecture)));
  }
  if (std::ranges::contains(inputs.bases, (*opened)->identity(),
                            [](const BaseInput& base) { return base.reader->identity(); }))
    return bad(line.place, base::format("{} is taken already, by a line before", base::printable(name)));
  SEALIFT_TRY(add_rules_of(**opened, use.rule_lines, inputs, rules));
  const auto origin = origin_of(instruction, name);
  if (inputs.bases.empty())
    inputs.contents = inherited(from);
  else
    merge(inherited(from), origin, inputs);
  base::tell(use.events, Level::info,
             base::format("{} {}: {}, {}", instruction.verb, name, base::counted(from.images.size(), "image", "images"),
                          base::counted(from.tree.size(), "file", "files")));
  inputs.locks.used.bases[locked_name(name)] = (*opened)->identity();
  inputs.bases.push_back({std::move(*file), std::move(*opened), origin});
  return {};
}

Result<std::optional<format::BaseDocument>> read_base_document(Inputs& inputs) {
  constexpr size_t kMaxDocument = size_t{1} << 20;
  auto& document = inputs.contents.base_document;
  if (inputs.holds("base.yaml")) document = "base.yaml";
  if (!document) return std::optional<format::BaseDocument>{};
  const std::string& path = *document;
  if (const auto local = inputs.files.find(path); local != inputs.files.end()) {
    const auto& [source, mode, origin, seen] = local->second;
    SEALIFT_ASSIGN(const auto text, base::read_text_file(source, kMaxDocument));
    auto out = format::parse_base_document(text, source);
    if (!out) return fail(with_line(std::move(out).error(), origin.place));
    return out;
  }
  const auto& [file, reader, origin] = *inputs.base_of(path);
  SEALIFT_ASSIGN(const auto bytes, reader->read_tree(path, kMaxDocument));
  auto out = format::parse_base_document(base::as_text(bytes), path);
  if (!out)
    return fail(with_line(fail_while(std::move(out).error(), "reading " + path + " of " + origin.reason).error(),
                          origin.place));
  return out;
}

Result<void> check_version(const Inputs& inputs, const Request& request, bool knows_apps) {
  const auto& asked = request.kubernetes_version;
  const auto chart =
      std::ranges::find(inputs.apps, format::AppKind::helm, [](const auto& app) { return app.app.kind; });
  if (!kubernetes_version(inputs, request) && knows_apps && chart != inputs.apps.end())
    return bad(chart->origin.place,
               "charts are rendered for the Kubernetes version of the base, and this artifact has no base; begin FROM "
               "one, say what it is for with a line like `REQUIRES kubernetes >=1.31` (the lowest is rendered for), or "
               "name the version with --kubernetes-version");
  if (!asked) return {};
  if (!format::is_kubernetes_version(*asked))
    return fail(ErrorCode::usage, "--kubernetes-version {}: write it like v1.34.4", base::printable(*asked));
  for (const auto& requirement : inputs.contents.requirements) {
    if (requirement.name == format::kKubernetes && !format::is_among(*asked, requirement.versions))
      return fail(ErrorCode::usage, "--kubernetes-version {}: the artifact REQUIRES {}", *asked, requirement.text());
  }
  if (!inputs.base_document || *asked == inputs.base_document->kubernetes_version) return {};
  return fail(ErrorCode::usage,
              "--kubernetes-version {}: the base has {}, and charts are rendered for that; leave the option out",
              *asked, inputs.base_document->kubernetes_version);
}

}  // namespace sealift::resolve
