// SPDX-License-Identifier: Apache-2.0
// FROM, INCLUDE, REQUIRES and REMOVE.
#include <array>
#include <span>

#include "packer/resolve/kubefile_lines.h"
#include "payload/base/format.h"
#include "payload/base/text.h"

namespace sealift::resolve {

Result<What> read_from(Given& given) {
  auto& words = given.words;
  // As in Dockerfiles; the base has a name already.
  if (words.size() == 3 && to_upper(words[1].text) == "AS") words.resize(1);
  if (words.size() != 1)
    return bad(given.place,
               "FROM takes one base: scratch, an artifact file, a name in the local store, or REGISTRY/PATH:TAG");
  return From{words[0]};
}

Result<What> read_include(Given& given) {
  if (given.words.size() != 1) return bad(given.place, given.usage());
  if (given.words[0].text == "scratch") return bad(given.words[0].place, "there is nothing to include in scratch");
  return Include{given.words[0]};
}

Result<What> read_requires(Given& given) {
  auto& words = given.words;
  if (words.empty()) return bad(given.place, given.usage());
  constexpr auto kKnown = std::to_array<std::string_view>({format::kKubernetes});
  if (words[0].text != format::kKubernetes && base::nearest(base::to_lower(words[0].text), kKnown))
    return bad(words[0].place,
               base::format("{}: did you mean {}?", base::printable(words[0].text), format::kKubernetes));
  std::string bounds;
  for (const auto& word : std::span(words).subspan(1)) bounds += (bounds.empty() ? "" : " ") + word.text;
  auto versions = format::parse_versions(bounds);
  if (!versions) return bad(words.size() > 1 ? words[1].place : given.place, versions.error().what);
  return Require{std::move(words[0]), std::move(*versions)};
}

Result<What> read_remove(Given& given) {
  auto& words = given.words;
  if (words.size() < 2) return bad(given.place, given.usage());
  Remove out;
  if (words[0].text == "image")
    out.part = Part::image;
  else if (words[0].text == "app")
    out.part = Part::app;
  else if (words[0].text != "file")
    return bad(words[0].place, given.usage());
  out.names.assign(std::make_move_iterator(words.begin() + 1), std::make_move_iterator(words.end()));
  return out;
}

}  // namespace sealift::resolve
