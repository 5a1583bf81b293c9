// SPDX-License-Identifier: Apache-2.0
#include "packer/resolve/rule_files.h"

#include <algorithm>
#include <filesystem>

#include "packer/rules.h"
#include "payload/base/file.h"

namespace sealift::resolve {
namespace {

constexpr size_t kMaxRules = size_t{1} << 20;

}  // namespace

Result<workloads::Rules> load_rules(const std::vector<Word>& files, const std::string& context, Problems& problems) {
  workloads::Rules out;
  for (const auto& [name, text] : kImageRules) SEALIFT_TRY(out.add(text, name));
  for (const auto& file : files) {
    const auto path = in_context(context, file.text);
    if (const auto text = read_input(path, kMaxRules))
      problems.note(out.add(*text, path));
    else
      problems.add(fail(ErrorCode::invalid_input, "{}: {}", file.place.text(), text.error().text()));
  }
  return out;
}

Result<void> add_rules_of(const format::PayloadReader& base, const std::vector<Word>& files, workloads::Rules& rules) {
  const auto& tree = base.contents().tree;
  for (auto at = tree.lower_bound(std::string(kRulesFolder)); at != tree.end() && at->first.starts_with(kRulesFolder);
       ++at) {
    if (at->first.starts_with(kOwnRulesFolder)) continue;  // this Sealift has its own
    const auto replaces = [&](const Word& file) { return last_part(file.text) == last_part(at->first); };
    if (std::ranges::any_of(files, replaces)) continue;
    SEALIFT_ASSIGN(const auto text, base.read_all(at->second.object.digest, kMaxRules));
    SEALIFT_TRY(rules.add(base::as_text(text), "the base's " + at->first));
  }
  return {};
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
