// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "payload/base/format.h"
#include "payload/base/text.h"
#include "runtime/config/field_reader.h"

namespace sealift::config {
namespace {

void read_target(const Mapping& spec, PatchConfig& patch, Reading& reading) {
  if (!spec.require("target")) return;
  const auto& node = *spec.find("target");
  const Mapping target(node, reading.problems, kPatchTarget);
  if (node.kind != yaml::Kind::mapping) return;
  if (target.require("kind")) target.text("kind", patch.kind);
  target.text("name", patch.target_name);
  target.text("namespace", patch.target_namespace);
}

void read_type(const Mapping& spec, PatchConfig& patch) {
  std::string type = "strategic";
  spec.text("type", type);
  if (type == "merge")
    patch.type = PatchConfig::Type::merge;
  else if (type == "json")
    patch.type = PatchConfig::Type::json;
  else if (type != "strategic")
    spec.bad("type", "the type must be strategic (the default), merge or json");
}

// One list of operations of a JSON patch, one mapping of any other.
void read_change(const Mapping& spec, PatchConfig& patch) {
  if (!spec.require("patch")) return;
  yaml::Node change = *spec.find("patch");
  if (change.kind == yaml::Kind::scalar) {
    auto documents = yaml::parse(change.text, "patch");
    if (!documents) return spec.bad("patch", base::printable(documents.error().what, 1000));
    if (documents->size() != 1) return spec.bad("patch", "the patch must be one document of YAML");
    change = std::move(documents->front());
  }
  const bool is_json = patch.type == PatchConfig::Type::json;
  if (change.kind != (is_json ? yaml::Kind::sequence : yaml::Kind::mapping)) {
    spec.bad("patch", is_json
                          ? "a patch of type json must be a list of operations: [{op: replace, path: /spec/replicas, "
                            "value: 3}]"
                          : "the patch must be a mapping with the fields to change; a list of operations has the "
                            "type json");
  }
  patch.patch = yaml::to_yaml(change);
}

}  // namespace

void read_patch(const yaml::Node& document, Reading& reading) {
  const Mapping top(document, reading.problems, kPatch);
  PatchConfig patch{.place = {document.line, document.column}};
  if (top.require("metadata")) {
    const Mapping metadata(*top.find("metadata"), reading.problems, kPatchMetadata);
    if (metadata.require("name")) metadata.text("name", patch.name);
    if (!patch.name.empty() && std::ranges::contains(reading.config.patches, patch.name, &PatchConfig::name))
      metadata.bad("name", base::format("a second Patch \"{}\"", base::printable(patch.name)));
  }
  if (!top.require("spec")) return;
  const auto& node = *top.find("spec");
  const Mapping spec(node, reading.problems, kPatchSpec);
  if (node.kind != yaml::Kind::mapping) return;
  if (spec.require("app")) {
    spec.text("app", patch.app);
    patch.app_place = {spec.find("app")->line, spec.find("app")->column};
  }
  read_target(spec, patch, reading);
  read_type(spec, patch);
  read_change(spec, patch);
  reading.config.patches.push_back(std::move(patch));
}

}  // namespace sealift::config
