// SPDX-License-Identifier: Apache-2.0
// IMAGE, IMAGE-RULES and IGNORE-IMAGE.
#include <array>

#include "packer/resolve/kubefile_lines.h"

namespace sealift::resolve {

Result<What> read_image(Given& given) {
  constexpr auto kOptions = std::to_array<std::string_view>({"from"});
  SEALIFT_ASSIGN(const auto options, take_options(given.words, kOptions));
  if (given.words.size() != 1) return bad(given.place, "IMAGE takes one image name");
  AddImage out{given.words[0], given.words[0].text.ends_with(".txt"), {}};
  if (const auto from = options.find("from"); from != options.end()) out.from = from->second.back().text;
  return out;
}

Result<What> read_rules(Given& given) {
  if (given.words.empty()) return bad(given.place, given.usage());
  return AddRules{std::move(given.words)};
}

Result<What> read_ignored_image(Given& given) {
  if (given.words.size() < 2)
    return bad(given.place, given.usage() + "; the reason is for those who read the artifact's list of images");
  std::string reason;
  for (const auto& word : std::span(given.words).subspan(1)) reason += (reason.empty() ? "" : " ") + word.text;
  return IgnoreImages{given.words[0], std::move(reason)};
}

}  // namespace sealift::resolve
