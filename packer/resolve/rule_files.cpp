// SPDX-License-Identifier: Apache-2.0
#include "packer/resolve/rule_files.h"

#include <algorithm>
#include <filesystem>

#include "packer/resolve/claims.h"
#include "packer/resolve/walk.h"
#include "packer/rules.h"
#include "payload/base/file.h"
#include "payload/base/format.h"

namespace sealift::resolve {
namespace {

// As files of `scratch`, to be packed.
Result<std::vector<LocalFile>> write_own_rules(const std::string& scratch) {
  std::vector<LocalFile> out;
  const auto folder = scratch + "/rules";
  std::error_code error;
  if (!std::filesystem::create_directory(folder, error) && error) return fail_errno(error.value(), "make " + folder);
  for (const auto& [path, text] : kImageRules) {
    const auto name = last_part(std::string(path));
    out.push_back({base::format("{}/{}", folder, name), base::format("{}{}", kOwnRulesFolder, name), 0644});
    SEALIFT_TRY(base::write_file_atomic(out.back().source, base::as_bytes(text), 0600));
  }
  return out;
}

}  // namespace

std::vector<Word> rule_lines(const std::vector<Instruction>& instructions) {
  std::vector<Word> out;
  for (const auto& instruction : instructions) {
    if (const auto* line = std::get_if<AddRules>(&instruction.what))
      out.insert(out.end(), line->files.begin(), line->files.end());
  }
  return out;
}

Result<workloads::Rules> own_rules() {
  workloads::Rules out;
  for (const auto& [name, text] : kImageRules) SEALIFT_TRY(out.add(text, name));
  return out;
}

std::vector<RuleFile> load_rules(const std::vector<Word>& lines, BuildContext& context, workloads::Rules& rules,
                                 Problems& problems) {
  std::vector<RuleFile> out;
  for (const auto& line : lines) {
    auto file = problems.note(named_file(line, base::format("{}{}", charts::kRulesFolder, last_part(line.text)),
                                         context, "IMAGE-RULES takes files"));
    if (!file) continue;
    file->mode = 0644;
    if (const auto text = read_input(file->source, charts::kMaxRules))
      problems.note(rules.add(*text, file->source));
    else
      problems.add(fail(ErrorCode::invalid_input, "{}: {}", line.place.text(), text.error().text()));
    out.push_back({line, std::move(*file)});
  }
  return out;
}

Result<void> add_rules_of(const format::PayloadReader& base, const std::vector<Word>& files, const Inputs& inputs,
                          workloads::Rules& rules) {
  return charts::add_packed_rules(base, "the base's ", rules, [&](const std::string& path) {
    if (path.starts_with(kOwnRulesFolder)) return false;  // this Sealift has its own
    if (inputs.contents.tree.contains(path)) return false;
    return std::ranges::none_of(files, [&](const Word& file) { return last_part(file.text) == last_part(path); });
  });
}

Result<void> pack_rules(Inputs& inputs, const Request& request, const std::vector<RuleFile>& files) {
  const bool has_charts = std::ranges::contains(inputs.contents.apps, format::AppKind::helm, &format::App::kind);
  if (!has_charts && files.empty()) return {};
  std::erase_if(inputs.contents.tree, [](const auto& file) { return file.first.starts_with(kOwnRulesFolder); });
  SEALIFT_ASSIGN(const auto own, write_own_rules(inputs.scratch->path()));
  SEALIFT_TRY(claim(inputs, own, {"Sealift's rules", {request.kubefile, 0, 0}, false}));
  for (const auto& [line, file] : files) SEALIFT_TRY(claim(inputs, file, {"IMAGE-RULES", line.place, false}));
  return {};
}

}  // namespace sealift::resolve
