// SPDX-License-Identifier: Apache-2.0
// APP, CNI, VALUES and LAUNCH.
#include <algorithm>
#include <array>

#include "packer/resolve/kubefile_lines.h"
#include "payload/base/format.h"
#include "payload/base/text.h"
#include "payload/format/app_name.h"
#include "payload/json/value.h"

namespace sealift::resolve {
namespace {

// The keyword of APP that a word must have been meant for.
std::optional<std::string> near_keyword(std::string_view word) {
  constexpr auto kKeywords = std::to_array<std::string_view>({"NAMESPACE", "RELEASE", "NEEDS"});
  return base::nearest(to_upper(word), kKeywords);
}

// A path, or the address of a chart, which is the `only` source.
Result<void> take_source(Word&& word, bool only, AddApp& out) {
  constexpr std::string_view kLocal = "local://";
  if (charts::is_address(word.text)) {
    if (!only)
      return fail(ErrorCode::unsupported, "{}: {} is a chart beside other sources; give it an APP of its own",
                  word.place.text(), base::printable(word.text));
    auto address = charts::parse_address(word.text);
    if (!address) return bad(word.place, address.error().what);
    out.remote = std::move(*address);
  } else if (!word.text.starts_with(kLocal)) {
    if (const auto keyword = near_keyword(word.text))
      return bad(word.place,
                 base::format("\"{}\" is no source; did you mean {}?", base::printable(word.text), *keyword));
    if (!word.text.contains("://"))
      return bad(word.place, base::format("\"{}\" is no source; for a path write local://{}",
                                          base::printable(word.text), base::printable(word.text)));
    return bad(word.place, base::format("\"{}\" is no source: write local://PATH, https://HOST/CHART.tgz, "
                                        "oci://REGISTRY/PATH/CHART:VERSION or repo:https://HOST/PATH/CHART@VERSION",
                                        base::printable(word.text)));
  } else {
    word.text.erase(0, kLocal.size());
  }
  out.sources.push_back(std::move(word));
  return {};
}

Result<What> read_app(Given& given, bool is_network) {
  auto& words = given.words;
  AddApp out;
  out.is_network = is_network;
  constexpr auto kOptions = std::to_array<std::string_view>({"set"});
  SEALIFT_ASSIGN(auto options, take_options(words, kOptions));
  out.settings = std::move(options["set"]);
  for (const auto& [text, place] : out.settings) {
    if (!is_setting(text)) return bad(place, base::format("\"{}\" is not key=value", base::printable(text)));
  }
  SEALIFT_ASSIGN(out.target_namespace, take_keyword(words, "NAMESPACE", "a namespace"));
  SEALIFT_ASSIGN(out.release, take_keyword(words, "RELEASE", "the name of the helm release"));
  for (const auto* word : {&out.target_namespace, &out.release}) {
    if (*word && !format::is_app_name((*word)->text))
      return bad((*word)->place, base::format("\"{}\" can't be a namespace or a release: {}",
                                              base::printable((*word)->text), format::kAppNames));
  }
  const auto needs = std::ranges::find(words, "NEEDS", &Word::text);
  if (needs != words.end()) {
    const Place place = needs->place;
    out.needs.assign(needs + 1, words.end());
    words.erase(needs, words.end());
    if (out.needs.empty()) return bad(place, "NEEDS must be followed by applications");
  }
  if (words.size() < 2) return bad(given.place, given.usage() + " (a chart folder or manifests)");
  out.name = words[0];
  if (const auto& name = out.name.text; !format::is_app_name(name))
    return bad(out.name.place,
               base::format("\"{}\" can't be an application's name: {}", base::printable(name), format::kAppNames));
  for (auto& word : std::span(words).subspan(1)) SEALIFT_TRY(take_source(std::move(word), words.size() == 2, out));
  return out;
}

}  // namespace

Result<What> read_app(Given& given) { return read_app(given, false); }

Result<What> read_network(Given& given) { return read_app(given, true); }

Result<What> read_values(Given& given) {
  if (given.words.size() < 2) return bad(given.place, given.usage());
  AddValues out{given.words[0], {}};
  out.files.assign(given.words.begin() + 1, given.words.end());
  return out;
}

// The names with their places: in a list of strings, the nth string begins at the nth opening quote.
Result<What> read_launch(Given& given) {
  const auto rest = given.line.text().substr(given.operands);
  const auto list = json::parse(base::trim(rest));
  if (!list || !list->is_array())
    return bad(given.place, "LAUNCH takes a JSON list of applications: LAUNCH [\"redis\", \"erp\"]");
  Launch out;
  Places places(given.line);
  size_t at = 0;
  for (const auto& element : *list->elements()) {
    if (element.string() == nullptr) return bad(given.place, "LAUNCH takes a JSON list of texts");
    at = rest.find('"', at);
    out.apps.push_back({*element.string(), places.at(given.operands + at)});
    for (++at; rest[at] != '"'; ++at) at += rest[at] == '\\' ? 1 : 0;
    ++at;
  }
  return out;
}

}  // namespace sealift::resolve
