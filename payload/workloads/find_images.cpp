// SPDX-License-Identifier: Apache-2.0
#include "payload/workloads/find_images.h"

#include <algorithm>

#include "payload/base/format.h"
#include "payload/base/text.h"
#include "payload/image/reference.h"
#include "payload/workloads/apply_rules.h"
#include "payload/workloads/embedded.h"
#include "payload/workloads/image_words.h"
#include "payload/workloads/places.h"
#include "payload/workloads/walk.h"

namespace sealift::workloads {
namespace {

// A hook may have several events; one that also runs at installation is no mere test.
// Source: helm.sh/docs/topics/charts_hooks (helm 3).
bool is_test_hook(const yaml::Node& object) {
  const auto* annotations = object.at_path("metadata/annotations");
  const auto* hook = annotations == nullptr ? nullptr : annotations->find("helm.sh/hook");
  const std::string events = text_of(hook);
  return !events.empty() && std::ranges::all_of(base::split(events, ','), [](std::string_view event) {
    return base::trim(event).starts_with("test");
  });
}

// The same place can be met twice: by rules, in aliases, in several documents of one name.
template <class Finding>
void leave_each_once(std::vector<Finding>& findings) {
  std::set<std::tuple<std::string, std::string, std::string>> seen;
  std::erase_if(findings, [&](const Finding& one) {
    if constexpr (requires { one.image; }) {
      return !seen.insert({one.image, one.object, one.path}).second;
    } else {
      return !seen.insert({one.text, one.object, one.path}).second;
    }
  });
}

// A program that is told a name without a tag adds one of its own; where that repository is packed, it is most likely
// that one, and nobody needs to be asked.
void settle_bare_names(Findings& findings) {
  std::map<std::string, std::string> packed;  // names without tags, and with
  for (const auto& use : findings.images) {
    if (const auto parsed = image::parse_reference(use.image)) packed.emplace(parsed->name(), use.image);
  }
  std::erase_if(findings.unresolved, [&](const Unresolved& one) {
    if (!one.text.contains('/') || !is_bare_name(one.text)) return false;
    const auto found = packed.find(image::parse_reference(one.text)->name());
    if (found == packed.end()) return false;
    findings.omitted.push_back(
        {one.text, one.object, one.path, one.line, base::format("a name without a tag; {} is packed", found->second)});
    return true;
  });
}

void add_names(const yaml::Node& node, std::vector<std::string>& out) {
  for (const auto& item : node.items) {
    const std::string name = item.kind == yaml::Kind::scalar ? item.text : text_of(item.find("image"));
    if (is_complete(name)) out.push_back(name);
  }
  for (const auto& [key, value] : node.members) {
    if (is_complete(text_of(&value))) out.push_back(value.text);
  }
}

}  // namespace

void ImageFinder::add(const yaml::Node& document) { add_object(document, ""); }

void ImageFinder::add_object(const yaml::Node& object, const std::string& kind_of_list) {
  if (object.kind != yaml::Kind::mapping) return;  // no object, whatever it says
  const std::string own_kind = text_of(object.find("kind"));
  const std::string& kind = own_kind.empty() ? kind_of_list : own_kind;
  const auto* items = object.find("items");
  if (kind.ends_with("List") && items != nullptr && items->kind == yaml::Kind::sequence) {
    for (const auto& item : items->items) add_object(item, kind.substr(0, kind.size() - 4));
    return;
  }
  const std::string name = object_name(object, kind);
  if (options_.test_hooks == TestHooks::include || !is_test_hook(object)) {
    Walker(name, findings_, evidence_).walk(object);
    if (rules_->concern(object)) kept_.push_back(object);
    return;
  }
  Findings of_test;
  Evidence unused;
  Walker(name, of_test, unused).walk(object);
  for (auto& use : of_test.images)
    findings_.omitted.push_back({use.image, use.object, use.path, use.line, "only `helm test` runs it"});
}

Findings ImageFinder::finish(std::span<const yaml::Node* const> others) {
  for (auto& [entry, use] : evidence_.offered) {
    if (evidence_.wanted.contains(entry)) findings_.images.push_back(std::move(use));
  }
  apply_rules(*rules_, kept_, others, findings_);
  settle_bare_names(findings_);
  leave_each_once(findings_.images);
  leave_each_once(findings_.unresolved);
  leave_each_once(findings_.omitted);
  return std::move(findings_);
}

std::vector<std::string> annotated_images(const yaml::Node& chart) {
  std::vector<std::string> out;
  const auto* annotations = chart.find("annotations");
  if (annotations == nullptr) return out;
  for (const char* key : {"images", "helm.sh/images", "artifacthub.io/images"}) {
    const auto* annotation = annotations->find(key);
    if (annotation == nullptr) continue;
    for (const auto& document : documents_inside(text_of(annotation))) add_names(document, out);
  }
  std::vector<std::string> once;
  for (auto& name : out) {
    if (!std::ranges::contains(once, name)) once.push_back(std::move(name));
  }
  return once;
}

}  // namespace sealift::workloads
