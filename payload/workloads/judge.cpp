// SPDX-License-Identifier: Apache-2.0
// Single places: is this an image, and what is its name?
#include <algorithm>
#include <array>

#include "payload/base/format.h"
#include "payload/base/text.h"
#include "payload/image/reference.h"
#include "payload/workloads/places.h"
#include "payload/workloads/walk.h"

namespace sealift::workloads {
namespace {

constexpr const char* kNoTag = "it has neither a tag nor a digest; outside of pods nothing says which one is meant";

// One of a mapping's members by its possible names: the key, and the text that stands there.
struct Field {
  std::string_view key;
  std::string text;
  bool given() const { return !text.empty(); }
};

Field field(const yaml::Node& node, std::initializer_list<std::string_view> keys) {
  for (const auto key : keys) {
    if (const std::string text = text_of(node.find(key)); !text.empty()) return {key, std::string(base::trim(text))};
  }
  return {};
}

bool is_part_of_name(std::string_view text) {
  return !text.empty() && !text.contains("://") && text.find_first_of(" \t\n{}$") == std::string_view::npos;
}

std::string with_registry(const Field& registry, const std::string& name) {
  const size_t slash = name.find('/');
  const auto host = std::string_view(name).substr(0, slash);
  const bool has_host = slash != std::string::npos && (host.contains('.') || host.contains(':') || host == "localhost");
  if (!registry.given() || has_host || name.starts_with(registry.text + "/")) return name;
  return registry.text + (registry.text.ends_with('/') ? "" : "/") + name;
}

// What a mapping says about an image in parts, whatever it calls them.
struct Parts {
  Field registry, repository, image, base_image, name, tag, version, digest;
  // The name without its tag, and the fields that it was made of; empty if the parts make none.
  std::string base;
  std::vector<std::string_view> used;

  void take(std::string text, std::initializer_list<const Field*> fields) {
    base = std::move(text);
    for (const Field* one : fields) {
      if (one->given()) used.push_back(one->key);
    }
  }
};

Parts parts_of(const yaml::Node& node) {
  return {.registry = field(node, {"registry", "hub", "imageRegistry"}),
          .repository = field(node, {"repository", "repo", "imageRepository"}),
          .image = field(node, {"image", "imageName", "image_name"}),
          .base_image = field(node, {"baseImage"}),
          .name = field(node, {"name"}),
          .tag = field(node, {"tag", "imageTag", "image_tag", "imageVersion", "image_version", "defaultImageVersion"}),
          .version = field(node, {"version"}),
          .digest = field(node, {"digest", "sha", "imageDigest"}),
          .base = {},
          .used = {}};
}

// repository + image + version, registry + repository + tag, registry + image + tag, baseImage + version, and below a
// key that says image also name + tag, and version in place of tag.
void put_together(Parts& parts, bool below_image, std::string_view version) {
  const bool short_image = parts.image.given() && parts.image.text.find_first_of("/:@") == std::string::npos;
  const bool image_without_tag = parts.image.given() && parts.image.text.find_first_of(":@") == std::string::npos;
  if (parts.repository.given()) {
    if (short_image && (parts.tag.given() || parts.version.given())) {
      if (!parts.tag.given()) parts.tag = parts.version;
      parts.take(with_registry(parts.registry, parts.repository.text + "/" + parts.image.text),
                 {&parts.registry, &parts.repository, &parts.image, &parts.tag});
      return;
    }
    if (below_image && !parts.tag.given()) parts.tag = parts.version;
    const bool clear = below_image || parts.registry.given() || parts.repository.text.contains('/');
    if (clear) {
      parts.take(with_registry(parts.registry, parts.repository.text),
                 {&parts.registry, &parts.repository, &parts.tag, &parts.digest});
    }
  } else if (image_without_tag && (parts.tag.given() || parts.digest.given())) {
    // Without a registry, a bare name may belong to one that stands elsewhere.
    if (parts.registry.given() || !short_image) {
      parts.take(with_registry(parts.registry, parts.image.text),
                 {&parts.registry, &parts.image, &parts.tag, &parts.digest});
    }
  } else if (parts.base_image.given() && parts.base_image.text.contains('/') && !parts.base_image.text.contains(':')) {
    if (!parts.tag.given()) parts.tag = parts.version;
    // Operators that know baseImage give all parts of a resource its one version.
    if (!parts.tag.given()) parts.tag = {"", std::string(version)};
    if (parts.tag.given()) parts.take(parts.base_image.text, {&parts.base_image, &parts.tag});
  } else if (below_image && parts.name.given()) {
    if (!parts.tag.given()) parts.tag = parts.version;
    const bool complete = parts.tag.given() || parts.digest.given();
    if (!complete) return;
    if (parts.registry.given() || parts.name.text.contains('/')) {
      parts.take(with_registry(parts.registry, parts.name.text),
                 {&parts.registry, &parts.name, &parts.tag, &parts.digest});
    }
  }
}

}  // namespace

// Containers take short names, as the kubelet does. Source: Kubernetes API, core/v1 Container.
bool Walker::judge_container(const yaml::Node& node, const Context& context) {
  const auto* image = node.find("image");
  if (image == nullptr || image->kind != yaml::Kind::scalar) return false;
  const std::string name(base::trim(image->text));
  const Step step(path_, ".image");
  const bool own = native_ && context.embedded == 0;
  if (name.empty() || name == "auto") return true;  // filled in by an admission webhook: Istio's gateways
  if (is_placeholder(name)) {
    if (own) omitted(name, "a placeholder, which no node can pull", *image, context);
    return true;
  }
  if (own && name != image->text) {
    unresolved(image->text, "no node can pull a name with blanks or line ends around it", *image, context);
    return true;
  }
  const auto parsed = image::parse_reference(name);
  if (!parsed) {
    if (own) unresolved(name, parsed.error().what, *image, context);
    return true;
  }
  if (text_of(node.find("imagePullPolicy")) == "Never") {
    omitted(name, "imagePullPolicy: Never", *image, context);
  } else {
    found(name, "container", *image, context);
  }
  return true;
}

// Source: Kubernetes API, core/v1 ImageVolumeSource.
bool Walker::judge_volume(const yaml::Node& node, const Context& context) {
  const auto* image = node.find("image");
  const auto* reference = image == nullptr ? nullptr : image->find("reference");
  if (reference == nullptr) return false;
  const std::string name = text_of(reference);
  const Step step(path_, ".image.reference");
  if (name.empty() || !image::parse_reference(name)) return false;
  if (text_of(image->find("pullPolicy")) == "Never") {
    omitted(name, "pullPolicy: Never", *reference, context);
  } else {
    found(name, "image volume", *reference, context);
  }
  return true;
}

// A name with a value: environment variables, and what custom resources model after them.
bool Walker::judge_variable(const yaml::Node& node, const Context& context) {
  if (!is_named_value(node)) return false;
  const std::string name = text_of(node.find("name"));
  const KeySays key = what_key_says(name);
  const auto* value = node.find("value");
  if (value == nullptr || value->kind != yaml::Kind::scalar) {
    const auto* from = node.at_path("valueFrom/configMapKeyRef");
    if (from != nullptr && key != KeySays::nothing)
      evidence_.wanted.insert({text_of(from->find("name")), text_of(from->find("key"))});
    return false;
  }
  const Step step(path_, ".value");
  Context of_value = context;
  of_value.key = key;
  if (judge_named(value->text, key, "environment", *value, of_value)) return true;
  visit_pairs(value->text, key, "environment", *value, of_value);
  visit_inside(*value, of_value);
  return true;
}

bool Walker::judge_named(std::string_view text, KeySays key, const char* found_by, const yaml::Node& at,
                         const Context& context) {
  text = base::trim(text);
  if (text.empty() || text.size() > 1000 || text.find_first_of(" \t\n,;") != std::string_view::npos) return false;
  if (const auto reason = artifact_reason(text)) {
    omitted(text, *reason, at, context);
    return true;
  }
  if (is_complete(text)) {
    const bool by_key =
        key == KeySays::image || key == KeySays::images || (key == KeySays::perhaps && text.contains('/'));
    if (by_key || is_unmistakable(text)) {
      const bool plain_field = std::string_view(found_by) == "field";
      found(std::string(text), plain_field && key == KeySays::nothing ? "reference" : found_by, at, context);
      return true;
    }
    if (context.data && !config_map_.empty()) {
      evidence_.offered.push_back({{config_map_, std::string(context.word)},
                                   {std::string(text), object_, path_, line_of(at, context), "reference"}});
    }
    return false;
  }
  if (key != KeySays::image || context.free_text || context.disabled || !is_bare_name(text)) return false;
  unresolved(text, kNoTag, at, context);
  return true;
}

std::vector<std::string_view> Walker::judge_split(const yaml::Node& node, const Context& context) {
  Parts parts = parts_of(node);
  const bool below_image = context.key == KeySays::image || context.key == KeySays::images;
  const bool speaks = !context.disabled && !context.free_text;
  put_together(parts, below_image, context.version);
  if (parts.base.empty()) {
    const bool only_tag = context.key == KeySays::image && !parts.repository.given() && !parts.image.given() &&
                          !parts.name.given() && parts.tag.given();
    if (!only_tag || !speaks || !image::is_tag(parts.tag.text)) return {};
    unresolved(parts.tag.text, "a tag without a repository; its program knows that, or a default of its chart", node,
               context);
    return {parts.tag.key};
  }
  if (!is_part_of_name(parts.base)) return {};
  std::string name = parts.base;
  if (parts.tag.given()) {
    if (!image::is_tag(parts.tag.text)) return {};
    name += ":" + parts.tag.text;
  }
  if (parts.digest.given()) {
    const bool named = parts.digest.text.starts_with("sha256:");
    const std::string with_digest = base::format("{}@{}{}", name, named ? "" : "sha256:", parts.digest.text);
    if (image::parse_reference(with_digest)) name = with_digest;
  }
  if (is_complete(name)) {
    found(name, "split fields", node, context);
    return parts.used;
  }
  if (context.key != KeySays::image || !speaks || !is_bare_name(parts.base)) return {};
  unresolved(parts.base, "a repository without a tag", node, context);
  return parts.used;
}

}  // namespace sealift::workloads
