// SPDX-License-Identifier: Apache-2.0
//
// FROM, INCLUDE, REMOVE and base.yaml: what an artifact is built on.
#pragma once

#include <optional>

#include "packer/resolve/inputs.h"
#include "payload/workloads/rules.h"

namespace sealift::resolve {

// What bases are taken with.
struct BaseUse {
  const Request& request;
  const std::vector<Word>& rule_lines;
  Clock& clock;
  EventSink& events;
  const CancelToken& cancel;
};

// FROM and INCLUDE: opens the artifact of this name and takes its contents over, into those of the ones before: a file
// in the context or in the current folder, else a name in the local store; a name with a registry that the store lacks
// is pulled into it. Its rules are added to `rules` unless one of the rule lines replaces them. Errors: invalid_input
// with the place; those of opening or pulling an artifact.
Result<void> take_base(const Instruction& instruction, const Word& name, const BaseUse& use, workloads::Rules& rules,
                       Inputs& inputs);

// base.yaml of this build's files, else the base's; none if there is no base. Sets Contents::base_document. Errors:
// those of parse_base_document(), with the line that brings it.
Result<std::optional<format::BaseDocument>> read_base_document(Inputs& inputs);

// The version that charts are rendered for is known, and --kubernetes-version does not contradict the base.
// `knows_apps`: all lines that may have named charts or a base could be read. Errors: invalid_input, usage.
Result<void> check_version(const Inputs& inputs, const Request& request, bool knows_apps);

}  // namespace sealift::resolve
