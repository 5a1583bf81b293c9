// SPDX-License-Identifier: Apache-2.0
#include "packer/resolve/base.h"

#include <algorithm>
#include <filesystem>

#include "packer/resolve/claims.h"
#include "packer/resolve/rule_files.h"
#include "payload/base/count.h"
#include "payload/base/text.h"

namespace sealift::resolve {
Result<void> take_base(const Instruction& instruction, const From& line, const Request& request,
                       const std::vector<Word>& rule_lines, workloads::Rules& rules, Inputs& inputs,
                       EventSink& events) {
  const std::string& name = line.base.text;
  if (name == "scratch") return {};
  auto file = base::OpenFile::open(in_context(request.context, name));
  if (!file && !name.starts_with('/')) file = base::OpenFile::open(name);
  if (!file)
    return bad(line.base.place, std::format("the base {} can't be read: {}; name an artifact file",
                                            base::printable(name), file.error().what));
  if (std::error_code none; std::filesystem::equivalent((*file)->path(), request.output, none))
    return bad(line.base.place,
               std::format("the base {} is the output too; name another output", base::printable(name)));
  auto opened = format::PayloadReader::open(**file);
  if (!opened) return fail_while(std::move(opened).error(), "opening the base " + base::printable(name));
  const auto& from = (*opened)->contents();
  for (const Architecture architecture : request.platforms) {
    if (std::ranges::contains(from.stubs, architecture, &format::Stub::architecture)) continue;
    return bad(line.base.place, std::format("the base {} is not packed for {}", name, base::platform(architecture)));
  }
  SEALIFT_TRY(add_rules_of(**opened, rule_lines, rules));
  inputs.contents = from;
  inputs.contents.stubs.clear();   // replaced by this Sealift's own programs
  inputs.contents.launch.clear();  // the new product decides what to launch
  inputs.contents.bases.clear();
  inputs.contents.created_by.clear();
  inputs.contents.compressors.clear();
  constexpr std::string_view kInBase = "in the base: ";
  for (auto& image : inputs.contents.images) {
    if (!image.reason.empty() && !image.reason.starts_with(kInBase)) image.reason.insert(0, kInBase);
  }
  base::tell(events, Level::info,
             std::format("FROM {}: {}, {}", name, base::counted(from.images.size(), "image", "images"),
                         base::counted(from.tree.size(), "file", "files")));
  inputs.locks.used.bases[last_part(name)] = (*opened)->identity();
  inputs.base = BaseInput{std::move(*file), std::move(*opened), origin_of(instruction, name)};
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
  SEALIFT_ASSIGN(const auto bytes,
                 inputs.base->reader->read_all(inputs.contents.tree.at(path).object.digest, kMaxDocument));
  const auto& origin = inputs.base->origin;
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
