// SPDX-License-Identifier: Apache-2.0
#include "packer/resolve/requirements.h"

#include <algorithm>

#include "payload/base/format.h"
#include "payload/base/text.h"

namespace sealift::resolve {
namespace {

struct Brought {
  std::string version, by;
};

std::optional<Brought> brought(const Inputs& inputs, const std::string& name) {
  if (name == format::kKubernetes) {
    if (!inputs.base_document) return std::nullopt;
    return Brought{inputs.base_document->kubernetes_version, *inputs.contents.base_document};
  }
  for (const auto& base : inputs.bases) {
    const auto& contents = base.reader->contents();
    if (contents.name == name) return Brought{contents.version, base.origin.reason};
  }
  return std::nullopt;
}

// The line that is to be corrected: that of this Kubefile, else the one that brought the requirement.
Place place_of(const Inputs& inputs, const format::Requirement& requirement) {
  const auto own = inputs.required.find(requirement.name);
  if (own != inputs.required.end()) return own->second;
  const auto from = std::ranges::find_if(inputs.bases, [&](const BaseInput& base) {
    return std::ranges::contains(base.reader->contents().requirements, requirement);
  });
  return from == inputs.bases.end() ? Place{} : from->origin.place;
}

}  // namespace

Result<void> require(const Require& line, Inputs& inputs) {
  const std::string& name = line.name.text;
  if (!inputs.required.emplace(name, line.name.place).second)
    return bad(line.name.place,
               base::format("{} is required already, by a line before; write all its bounds in one line",
                            base::printable(name)));
  auto& all = inputs.contents.requirements;
  const format::Requirement requirement{name, line.versions};
  if (!std::ranges::contains(all, requirement)) all.push_back(requirement);
  return {};
}

void settle_requirements(Inputs& inputs, Problems& problems) {
  std::map<std::string, std::string> kept;
  for (const auto& requirement : inputs.contents.requirements) {
    const auto there = brought(inputs, requirement.name);
    if (!there) {
      auto& versions = kept[requirement.name];
      if (!requirement.versions.empty()) versions += (versions.empty() ? "" : " ") + requirement.versions;
    } else if (!format::is_among(there->version, requirement.versions)) {
      problems.add(bad(place_of(inputs, requirement),
                       base::format("{} is required, and {} brings {}", requirement.text(), there->by,
                                    there->version.empty() ? "it without a version" : there->version))
                       .error());
    }
  }
  inputs.contents.requirements.clear();
  for (auto& [name, versions] : kept) inputs.contents.requirements.push_back({name, std::move(versions)});
}

}  // namespace sealift::resolve
