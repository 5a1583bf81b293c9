// SPDX-License-Identifier: Apache-2.0
#include "packer/resolve/templates.h"

#include <algorithm>

#include "payload/base/expand.h"
#include "payload/base/format.h"
#include "payload/base/text.h"

namespace sealift::resolve {
namespace {

// Each problem is told with its line, by leaving out what was read up to there.
void check_template(const Inputs& inputs, const FileInput& file, Problems& problems) {
  const auto text = read_input(file.source, format::kMaxTemplate);
  if (!text) {
    problems.add(fail(text.error().code, "{}: {}", file.origin.place.text(), text.error().text()));
    return;
  }
  std::vector<std::string_view> known(format::kTemplateVariables.begin(), format::kTemplateVariables.end());
  for (const auto& [name, value] : inputs.contents.environment) known.push_back(name);
  const auto value = [&](const std::string& name) -> std::optional<std::string> {
    return std::ranges::contains(known, name) ? std::optional<std::string>("") : std::nullopt;
  };
  std::string_view rest = *text;
  for (;;) {
    const auto done = base::expand(rest, {.value = value, .dollars = base::ExpandRules::Dollars::doubled});
    if (done) return;
    const auto& problem = done.error();
    const auto before = std::string_view(*text).substr(0, text->size() - rest.size() + problem.offset);
    const auto place =
        base::format("{}: {}:{}", file.origin.place.text(), file.source, 1 + std::ranges::count(before, '\n'));
    if (problem.kind == base::ExpandProblem::Kind::not_closed) {
      problems.add(fail(ErrorCode::invalid_input, "{}: \"${{\" without \"}}\"", place));
      return;
    }
    const auto near = base::nearest(problem.name, known);
    problems.add(fail(ErrorCode::invalid_input,
                      "{}: no host knows the variable {}{}; set it with ENV, or write $${{ for ${{ itself", place,
                      base::printable(problem.name), near ? base::format("; did you mean {}?", *near) : ""));
    rest.remove_prefix(problem.offset + 2);
  }
}

}  // namespace

void check_templates(const Inputs& inputs, const Request& request, Problems& problems) {
  const auto check = [&](const format::HostFile& file, const std::string& source) {
    const auto input = inputs.files.find(source);
    if (file.is_template && input != inputs.files.end()) check_template(inputs, input->second, problems);
  };
  for (const auto& file : inputs.contents.host_files) check(file, file.source);
  if (!inputs.base_document) return;
  for (const auto& file : inputs.base_document->files) {
    for (const auto architecture : request.platforms)
      check(file, format::expand_architecture(file.source, architecture));
  }
}

}  // namespace sealift::resolve
