// SPDX-License-Identifier: Apache-2.0
//
// The files of rules for images that programs compose at run time: Sealift's own, those of IMAGE-RULES lines and those
// of the base. They travel in the payload, where the site's check reads them.
#pragma once

#include <string>
#include <vector>

#include "packer/resolve/inputs.h"
#include "packer/resolve/problems.h"
#include "payload/charts/packed_rules.h"
#include "payload/workloads/rules.h"

namespace sealift::resolve {

// Those that Sealift brings itself.
inline constexpr std::string_view kOwnRulesFolder = "rules/sealift/";
static_assert(kOwnRulesFolder.starts_with(charts::kRulesFolder));

// A file that an IMAGE-RULES line names.
struct RuleFile {
  Word line;
  LocalFile file;
};

// The files of the IMAGE-RULES lines.
std::vector<Word> rule_lines(const std::vector<Instruction>& instructions);

// Sealift's own.
Result<workloads::Rules> own_rules();
// Those of the lines: added to the rules, and returned to be packed. Problems: invalid_input with file and line.
std::vector<RuleFile> load_rules(const std::vector<Word>& lines, BuildContext& context, workloads::Rules& rules,
                                 Problems& problems);

// Adds those that lines of the base's Kubefile brought, unless one of `files` or a base before has them.
Result<void> add_rules_of(const format::PayloadReader& base, const std::vector<Word>& files, const Inputs& inputs,
                          workloads::Rules& rules);

// Packs Sealift's own and those of the lines if there are charts, which the site's check reads with them, or lines,
// which `sealift run-test` reads manifests with. Errors: those of claim().
Result<void> pack_rules(Inputs& inputs, const Request& request, const std::vector<RuleFile>& files);

}  // namespace sealift::resolve
