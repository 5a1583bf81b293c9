// SPDX-License-Identifier: Apache-2.0
// Names split over values whose own names share their beginning.
#include <algorithm>
#include <map>

#include "payload/base/format.h"
#include "payload/base/text.h"
#include "payload/workloads/places.h"
#include "payload/workloads/walk.h"

namespace sealift::workloads {
namespace {

using Words = std::vector<std::string>;

// The words that a repository's name shares with those of its tag; empty for other names.
Words stem_of(const Words& words, std::string_view text) {
  if (words.size() < 2) return {};
  const auto& last = words.back();
  const bool repository = last == "repository" || last == "repo";
  const bool image = (last == "image" || (last == "name" && words[words.size() - 2] == "image")) && is_bare_name(text);
  Words out = words;
  if (repository || (image && last == "name")) out.pop_back();
  return repository || image ? out : Words{};
}

using Named = std::map<Words, std::string_view>;

std::string part_of(const Named& all, const Words& stem, std::initializer_list<const char*> parts) {
  for (const char* part : parts) {
    Words wanted = stem;
    wanted.emplace_back(part);
    const auto found = all.find(wanted);
    if (found != all.end() && !found->second.empty()) return std::string(found->second);
  }
  return "";
}

bool may_be_repository(const Sibling& one) {
  return one.text.size() <= 300 && one.text.contains('/') && is_bare_name(one.text);
}

}  // namespace

std::vector<Sibling> siblings_of(const yaml::Node& mapping) {
  std::vector<Sibling> out;
  for (const auto& [key, value] : mapping.members) {
    if (value.kind == yaml::Kind::scalar && key.size() <= 200)
      out.push_back({key, base::trim(value.text), &value, key_part(key)});
  }
  return out;
}

std::set<std::string_view> Walker::judge_siblings(const std::vector<Sibling>& all, const Context& context) {
  std::set<std::string_view> done;
  if (std::ranges::none_of(all, may_be_repository)) return done;
  Named named;
  for (const auto& one : all) {
    if (one.text.size() <= 300) named.emplace(words_of_key(one.name), one.text);
  }
  for (const auto& one : all) {
    if (!may_be_repository(one)) continue;
    Words stem = stem_of(words_of_key(one.name), one.text);
    if (stem.empty()) continue;
    const bool says_image = std::ranges::contains(stem, "image");
    std::string tag = part_of(named, stem, {"tag", "version"});
    std::string registry = part_of(named, stem, {"registry"});
    if (tag.empty() && stem.back() == "image") {
      stem.pop_back();
      tag = part_of(named, stem, {"tag", "version"});
    }
    if (!registry.empty()) registry += '/';
    const std::string name = base::format("{}{}:{}", registry, one.text, tag);
    const Step step(path_, one.place);
    if (is_complete(name) && (says_image || is_unmistakable(name))) {
      found(name, "split fields", *one.value, context);
      done.insert(one.name);
    }
  }
  return done;
}

}  // namespace sealift::workloads
