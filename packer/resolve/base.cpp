// SPDX-License-Identifier: Apache-2.0
#include "packer/resolve/base.h"

#include <algorithm>
#include <filesystem>

#include "packer/resolve/claims.h"
#include "packer/resolve/merge.h"
#include "packer/resolve/rule_files.h"
#include "packer/store/store.h"
#include "payload/base/count.h"
#include "payload/base/text.h"

namespace sealift::resolve {
namespace {

// Of a file in the context or in the current folder, else of the local store.
Result<std::unique_ptr<base::OpenFile>> open_base(const std::string& name, const Request& request) {
  auto file = base::OpenFile::open(in_context(request.context, name));
  if (!file && !name.starts_with('/')) file = base::OpenFile::open(name);
  if (file || file.error().code != ErrorCode::not_found || request.store.empty() || !store::is_name(name)) return file;
  SEALIFT_ASSIGN(const auto stored, store::Store(request.store).find(name));
  if (!stored) return fail(ErrorCode::not_found, "no such file, and the local store has no artifact of this name");
  return base::OpenFile::open(stored->path);
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

Result<void> take_base(const Instruction& instruction, const Word& line, const Request& request,
                       const std::vector<Word>& rule_lines, workloads::Rules& rules, Inputs& inputs,
                       EventSink& events) {
  const std::string& name = line.text;
  if (name == "scratch") return {};
  auto file = open_base(name, request);
  if (!file)
    return bad(line.place,
               std::format("the base {} can't be read: {}; name an artifact file or what `sealift artifacts` lists",
                           base::printable(name), file.error().what));
  if (std::error_code none; std::filesystem::equivalent((*file)->path(), request.output, none))
    return bad(line.place, std::format("the base {} is the output too; name another output", base::printable(name)));
  auto opened = format::PayloadReader::open(**file);
  if (!opened) return fail_while(std::move(opened).error(), "opening the base " + base::printable(name));
  const auto& from = (*opened)->contents();
  for (const Architecture architecture : request.platforms) {
    if (std::ranges::contains(from.stubs, architecture, &format::Stub::architecture)) continue;
    return bad(line.place, std::format("the base {} is not packed for {}", name, base::platform(architecture)));
  }
  if (std::ranges::contains(inputs.bases, (*opened)->identity(),
                            [](const BaseInput& base) { return base.reader->identity(); }))
    return bad(line.place, std::format("{} is taken already, by a line before", base::printable(name)));
  SEALIFT_TRY(add_rules_of(**opened, rule_lines, inputs, rules));
  const auto origin = origin_of(instruction, name);
  if (inputs.bases.empty())
    inputs.contents = inherited(from);
  else
    merge(inherited(from), origin, inputs);
  base::tell(events, Level::info,
             std::format("{} {}: {}, {}", instruction.verb, name, base::counted(from.images.size(), "image", "images"),
                         base::counted(from.tree.size(), "file", "files")));
  inputs.locks.used.bases[last_part(name)] = (*opened)->identity();
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
    const auto& [source, mode, origin] = local->second;
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
  if (!asked && !inputs.base_document && knows_apps && chart != inputs.apps.end())
    return bad(chart->origin.place,
               "charts are rendered for the Kubernetes version of the base, and this artifact has no base; begin FROM "
               "one, or name the version with --kubernetes-version");
  if (!asked) return {};
  if (!format::is_kubernetes_version(*asked))
    return fail(ErrorCode::usage, "--kubernetes-version {}: write it like v1.34.4", base::printable(*asked));
  if (!inputs.base_document || *asked == inputs.base_document->kubernetes_version) return {};
  return fail(ErrorCode::usage,
              "--kubernetes-version {}: the base has {}, and charts are rendered for that; leave the option out",
              *asked, inputs.base_document->kubernetes_version);
}

}  // namespace sealift::resolve
