// SPDX-License-Identifier: Apache-2.0
#include "runtime/kube/patches.h"

#include <algorithm>
#include <ranges>
#include <set>

#include "payload/base/format.h"
#include "payload/base/text.h"
#include "payload/json/value.h"
#include "payload/yaml/node.h"
#include "payload/yaml/split.h"

namespace sealift::kube {
namespace {

constexpr yaml::Limits kLimits{.bytes = size_t{16} << 20, .depth = 256, .nodes = 1'000'000};
constexpr size_t kMostKnown = 12;  // objects that a message names

class Patching {
 public:
  Patching(std::string_view target_namespace, std::span<const Patch> patches, const Patcher& patcher)
      : target_namespace_(target_namespace), patches_(patches), patcher_(patcher) {}

  Result<std::string> run(std::string_view manifests) {
    for (const auto text : yaml::split_documents(manifests)) SEALIFT_TRY(add(text));
    for (size_t i = 0; i < patches_.size(); ++i) {
      if (!used_.contains(i)) return fail(matches_nothing(patches_[i]));
    }
    return std::move(out_);
  }

 private:
  Result<void> add(std::string_view text) {
    std::vector<yaml::Node> documents;
    const auto visit = [&](Result<yaml::Node> document) -> Result<void> {
      SEALIFT_TRY(document);
      documents.push_back(std::move(*document));
      return {};
    };
    // Who installs it will say what is wrong with what can't be read.
    const bool is_read = yaml::for_each_document(text, "manifests", kLimits, visit).has_value();
    if (!is_read || std::ranges::none_of(documents, [&](const yaml::Node& one) { return concerns(one); })) {
      append(text);
      return {};
    }
    for (const auto& document : documents) {
      const auto* items = items_of(document);
      if (items == nullptr) SEALIFT_TRY(patch(document));
      for (const auto& item : items == nullptr ? std::vector<yaml::Node>{} : items->items) SEALIFT_TRY(patch(item));
    }
    return {};
  }

  static const yaml::Node* items_of(const yaml::Node& document) {
    return document.text_at("kind").ends_with("List") ? document.find("items") : nullptr;
  }

  bool concerns(const yaml::Node& document) {
    const auto matched = [&](const yaml::Node& object) {
      note(object);
      return std::ranges::any_of(patches_, [&](const Patch& patch) { return matches(patch, object); });
    };
    const auto* items = items_of(document);
    if (items == nullptr) return matched(document);
    size_t count = 0;
    for (const auto& item : items->items) count += matched(item) ? 1 : 0;
    return count != 0;
  }

  bool matches(const Patch& patch, const yaml::Node& object) const {
    const auto is = [](const std::string& wanted, const std::string& there) {
      return wanted.empty() || wanted == there;
    };
    return !is_hook(object) && is(patch.kind, object.text_at("kind")) &&
           is(patch.target_name, object.text_at("metadata/name")) && is(patch.target_namespace, namespace_of(object));
  }

  static bool is_hook(const yaml::Node& object) {
    const auto* annotations = object.at_path("metadata/annotations");
    return annotations != nullptr && annotations->find("helm.sh/hook") != nullptr;
  }

  std::string namespace_of(const yaml::Node& object) const {
    const auto space = object.text_at("metadata/namespace");
    return space.empty() ? std::string(target_namespace_) : space;
  }

  Result<void> patch(const yaml::Node& object) {
    std::string text = yaml::to_yaml(object);
    for (size_t i = 0; i < patches_.size(); ++i) {
      if (!matches(patches_[i], object)) continue;
      used_.insert(i);
      auto patched = patcher_(i, text);
      if (!patched)
        return fail_while(std::move(patched).error(),
                          base::format("the patch {} of {}/{}", patches_[i].name, object.text_at("kind"),
                                       base::printable(object.text_at("metadata/name"), 253)));
      text = std::move(*patched);
    }
    append(text);
    return {};
  }

  void append(std::string_view text) {
    if (!text.starts_with("---")) out_ += "---\n";
    out_ += text;
    if (!out_.ends_with('\n')) out_ += '\n';
  }

  void note(const yaml::Node& object) {
    if (const auto kind = object.text_at("kind"); !kind.empty() && !is_hook(object))
      known_.insert(base::format("{}/{}", kind, object.text_at("metadata/name")));
  }

  Error matches_nothing(const Patch& patch) const {
    std::string wanted = patch.kind;
    if (!patch.target_name.empty()) wanted += "/" + patch.target_name;
    if (!patch.target_namespace.empty()) wanted += " in " + patch.target_namespace;
    std::vector<std::string_view> words(known_.begin(), known_.end());
    const auto near = base::nearest(wanted, words);
    std::string known;
    if (!near) {
      for (const auto word : words | std::views::take(kMostKnown))
        known += (known.empty() ? "" : ", ") + std::string(word);
      if (words.size() > kMostKnown) known += ", …";
    }
    return {
        ErrorCode::invalid_config,
        base::format("the patch {} matches nothing: there is no {}{}", patch.name, base::printable(wanted, 300),
                     near ? base::format(" (did you mean {}?)", base::printable(*near, 300))
                          : base::format("; there is {}", known.empty() ? "no object" : base::printable(known, 2000))),
        {}};
  }

  std::string_view target_namespace_;
  std::span<const Patch> patches_;
  const Patcher& patcher_;
  std::string out_;
  std::set<size_t> used_;
  std::set<std::string> known_;  // "Deployment/web"
};

}  // namespace

std::string to_json(std::span<const Patch> patches) {
  json::Value out = json::Value::array();
  for (const auto& patch : patches) {
    json::Value one = json::Value::object();
    one.set("name", patch.name);
    one.set("kind", patch.kind);
    one.set("targetName", patch.target_name);
    one.set("targetNamespace", patch.target_namespace);
    one.set("type", patch.type);
    one.set("text", patch.text);
    out.push_back(std::move(one));
  }
  return json::to_canonical(out);
}

Result<std::vector<Patch>> patches_of_json(std::string_view text) {
  std::vector<Patch> out;
  const auto list = json::parse(text, {.bytes = size_t{16} << 20, .depth = 4});
  if (!list || !list->is_array()) return fail(ErrorCode::protocol, "the patches are no JSON list");
  for (const auto& one : *list->elements()) {
    Patch& patch = out.emplace_back();
    for (const auto& [key, target] : {std::pair{"name", &patch.name},
                                      {"kind", &patch.kind},
                                      {"targetName", &patch.target_name},
                                      {"targetNamespace", &patch.target_namespace},
                                      {"type", &patch.type},
                                      {"text", &patch.text}}) {
      const auto value = one.text(key);
      if (!value) return fail(ErrorCode::protocol, "the patches: {}", value.error().what);
      *target = *value;
    }
  }
  return out;
}

std::vector<std::string> patch_arguments(const Patch& patch, const std::string& file) {
  return {"patch", "--local", "--filename=-", "--type=" + patch.type, "--patch-file=" + file, "--output=yaml"};
}

Result<std::string> patch_objects(std::string_view manifests, std::string_view target_namespace,
                                  std::span<const Patch> patches, const Patcher& patcher) {
  return Patching(target_namespace, patches, patcher).run(manifests);
}

}  // namespace sealift::kube
