// SPDX-License-Identifier: Apache-2.0
#include "packer/resolve/rule_files.h"

#include <algorithm>
#include <filesystem>

#include "packer/rules.h"
#include "payload/base/file.h"

namespace sealift::resolve {
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

Result<void> add_rules_of(const format::PayloadReader& base, const std::vector<Word>& files, workloads::Rules& rules) {
  return charts::add_packed_rules(base, "the base's ", rules, [&](const std::string& path) {
    if (path.starts_with(kOwnRulesFolder)) return false;  // this Sealift has its own
    return std::ranges::none_of(files, [&](const Word& file) { return last_part(file.text) == last_part(path); });
  });
}

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

}  // namespace sealift::resolve
