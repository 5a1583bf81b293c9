// SPDX-License-Identifier: Apache-2.0
#include "payload/format/contents.h"

#include <algorithm>

#include "payload/json/value.h"

namespace sealift::format {
namespace {

json::Value to_value(const ObjectRef& reference) {
  json::Object out;
  out["digest"] = reference.digest.text();
  out["size"] = reference.size;
  return out;
}

json::Value to_value(const std::map<std::string, std::string>& map) {
  json::Object out;
  for (const auto& [key, value] : map) out[key] = value;
  return out;
}

json::Value to_value(const std::vector<std::string>& list) {
  json::Array out;
  for (const auto& text : list) out.emplace_back(text);
  return out;
}

json::Value to_value(const Stub& stub) {
  json::Object out;
  out["architecture"] = base::name(stub.architecture);
  out["object"] = to_value(stub.object);
  return out;
}

json::Value to_value(const TreeFile& file) {
  json::Object out;
  out["mode"] = file.mode;
  out["object"] = to_value(file.object);
  return out;
}

json::Value to_value(const HostFile& file) {
  json::Object out;
  if (file.architecture) out["architecture"] = base::name(*file.architecture);
  out["destination"] = file.destination;
  out["gid"] = file.gid;
  out["mode"] = file.mode;
  out["role"] = name(file.role);
  out["source"] = file.source;
  out["template"] = file.is_template;
  out["uid"] = file.uid;
  return out;
}

json::Value to_value(const ImageUse& use) {
  json::Object out;
  out["file"] = use.file;
  out["foundBy"] = use.found_by;
  out["image"] = use.image;
  out["object"] = use.object;
  out["path"] = use.path;
  if (!use.sets.empty()) out["sets"] = to_value(use.sets);
  return out;
}

json::Value to_value(const IgnoredImage& ignored) {
  json::Object out;
  out["pattern"] = ignored.pattern;
  out["reason"] = ignored.reason;
  return out;
}

json::Value to_value(const Requirement& requirement) {
  json::Object out;
  out["name"] = requirement.name;
  if (!requirement.versions.empty()) out["versions"] = requirement.versions;
  return out;
}

template <class T>
json::Value to_list(const std::vector<T>& list);

json::Value to_value(const App& app) {
  json::Object out;
  out["kind"] = name(app.kind);
  out["name"] = app.name;
  if (!app.target_namespace.empty()) out["namespace"] = app.target_namespace;
  out["needs"] = to_value(app.needs);
  out["network"] = app.is_network;
  if (!app.part_of.empty()) out["partOf"] = app.part_of;
  if (!app.release.empty()) out["release"] = app.release;
  out["root"] = app.root;
  if (!app.uses.empty()) out["uses"] = to_list(app.uses);
  if (!app.values.empty()) out["values"] = to_value(app.values);
  out["version"] = app.version;
  return out;
}

json::Value to_value(const Image::Platform& platform) {
  json::Object out;
  out["architecture"] = base::name(platform.architecture);
  out["config"] = to_value(platform.config);
  json::Array layers;
  for (const auto& layer : platform.layers) layers.push_back(to_value(layer));
  out["layers"] = std::move(layers);
  out["manifest"] = to_value(platform.manifest);
  out["mediaType"] = platform.media_type;
  return out;
}

json::Value to_value(const Image& image) {
  json::Object out;
  json::Array inner_indexes;
  for (const auto& index : image.inner_indexes) {
    json::Object inner;
    inner["index"] = to_value(index.object);
    inner["mediaType"] = index.media_type;
    inner_indexes.push_back(std::move(inner));
  }
  if (!inner_indexes.empty()) out["innerIndexes"] = std::move(inner_indexes);
  out["mediaType"] = image.media_type;
  out["name"] = image.name;
  json::Array platforms;
  for (const auto& platform : image.platforms) platforms.push_back(to_value(platform));
  out["platforms"] = std::move(platforms);
  if (!image.reason.empty()) out["reason"] = image.reason;
  out["root"] = to_value(image.root);
  return out;
}

template <class T>
json::Value to_list(const std::vector<T>& list) {
  json::Array out;
  for (const auto& item : list) out.push_back(to_value(item));
  return out;
}

}  // namespace

std::string_view name(HostRole role) {
  switch (role) {
    case HostRole::all: return "all";
    case HostRole::control_plane: return "control-plane";
    case HostRole::worker: return "worker";
  }
  return "all";
}

std::optional<HostRole> parse_host_role(std::string_view text) {
  for (const auto role : {HostRole::all, HostRole::control_plane, HostRole::worker}) {
    if (text == name(role)) return role;
  }
  return std::nullopt;
}

std::string_view name(AppKind kind) { return kind == AppKind::helm ? "helm" : "manifests"; }

std::string App::default_namespace() const {
  if (!target_namespace.empty()) return target_namespace;
  return is_network ? "kube-system" : "default";
}

std::string App::release_name() const { return release.empty() ? name : release; }

const Image* Contents::find_image(std::string_view reference) const {
  const auto at = std::ranges::find(images, reference, &Image::name);
  return at == images.end() ? nullptr : &*at;
}

const Image* Contents::find_image(const image::Reference& wanted) const {
  const auto answers = [&](const Image& packed) {
    const auto reference = image::parse_reference(packed.name);
    if (!reference || reference->name() != wanted.name()) return false;
    if (!wanted.digest) return reference->tag == wanted.tag;
    return packed.root.digest == *wanted.digest ||
           std::ranges::contains(packed.inner_indexes, *wanted.digest,
                                 [](const auto& inner) { return inner.object.digest; }) ||
           std::ranges::contains(packed.platforms, *wanted.digest,
                                 [](const auto& platform) { return platform.manifest.digest; });
  };
  const auto at = std::ranges::find_if(images, answers);
  return at == images.end() ? nullptr : &*at;
}

const App* Contents::find_app(std::string_view app) const {
  const auto at = std::ranges::find(apps, app, &App::name);
  return at == apps.end() ? nullptr : &*at;
}

std::vector<const Image*> Contents::images_for(const std::set<std::string>& selected) const {
  std::map<std::string_view, bool> used;  // whether by a selected application
  for (const auto& app : apps) {
    for (const auto& use : app.uses) used[use.image] = used[use.image] || selected.contains(app.name);
  }
  std::vector<const Image*> out;
  for (const auto& image : images) {
    const auto use = used.find(image.name);
    if (!image.reason.empty() || use == used.end() || use->second) out.push_back(&image);
  }
  return out;
}

std::string to_json(const Contents& contents) {
  json::Object out;
  out["apps"] = to_list(contents.apps);
  if (contents.base_document) out["baseDocument"] = *contents.base_document;
  json::Array bases;
  for (const auto& base : contents.bases) bases.emplace_back(base.text());
  out["bases"] = std::move(bases);
  out["compressors"] = to_value(contents.compressors);
  out["createdBy"] = contents.created_by;
  out["environment"] = to_value(contents.environment);
  out["hostFiles"] = to_list(contents.host_files);
  if (!contents.ignored_images.empty()) out["ignoredImages"] = to_list(contents.ignored_images);
  out["images"] = to_list(contents.images);
  out["labels"] = to_value(contents.labels);
  out["launch"] = to_value(contents.launch);
  json::Object layers;
  for (const auto& [digest, layer] : contents.layers) {
    json::Object info;
    info["files"] = layer.files;
    info["uncompressedBytes"] = layer.uncompressed_bytes;
    layers[digest.text()] = std::move(info);
  }
  out["layers"] = std::move(layers);
  out["name"] = contents.name;
  if (!contents.requirements.empty()) out["requires"] = to_list(contents.requirements);
  out["stubs"] = to_list(contents.stubs);
  json::Object tree;
  for (const auto& [path, file] : contents.tree) tree[path] = to_value(file);
  out["tree"] = std::move(tree);
  out["version"] = contents.version;
  return json::to_canonical(out);
}

}  // namespace sealift::format
