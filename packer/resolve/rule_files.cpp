// SPDX-License-Identifier: Apache-2.0
#include "packer/resolve/rule_files.h"

#include <algorithm>
#include <filesystem>

#include "packer/resolve/claims.h"
#include "packer/rules.h"
#include "payload/base/file.h"

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
    out.push_back({std::format("{}/{}", folder, name), std::format("{}{}", kOwnRulesFolder, name), 0644});
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

Result<workloads::Rules> load_rules(const std::vector<Word>& files, const std::string& context, Problems& problems) {
  workloads::Rules out;
  for (const auto& [name, text] : kImageRules) SEALIFT_TRY(out.add(text, name));
  for (const auto& file : files) {
    const auto path = in_context(context, file.text);
    if (const auto text = read_input(path, charts::kMaxRules))
      problems.note(out.add(*text, path));
    else
      problems.add(fail(ErrorCode::invalid_input, "{}: {}", file.place.text(), text.error().text()));
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

Result<void> pack_rules(Inputs& inputs, const Request& request, const std::vector<Word>& lines) {
  const bool has_charts = std::ranges::contains(inputs.contents.apps, format::AppKind::helm, &format::App::kind);
  if (!has_charts && lines.empty()) return {};
  std::erase_if(inputs.contents.tree, [](const auto& file) { return file.first.starts_with(kOwnRulesFolder); });
  SEALIFT_ASSIGN(const auto own, write_own_rules(inputs.scratch->path()));
  SEALIFT_TRY(claim(inputs, own, {"Sealift's rules", {request.kubefile, 0, 0}, false}));
  for (const auto& line : lines) {
    const auto source = in_context(request.context, line.text);
    SEALIFT_TRY(claim(inputs, {source, std::format("{}{}", charts::kRulesFolder, last_part(source)), 0644},
                      {"IMAGE-RULES", line.place, false}));
  }
  return {};
}

}  // namespace sealift::resolve
