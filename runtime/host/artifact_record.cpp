// SPDX-License-Identifier: Apache-2.0
#include "runtime/host/artifact_record.h"

#include <algorithm>
#include <cctype>
#include <tuple>

#include "payload/base/format.h"
#include "payload/base/text.h"
#include "payload/json/value.h"

namespace sealift::host {
namespace {

constexpr uint64_t kFormat = 1;

void set_if(json::Object& out, const char* key, const std::string& value) {
  if (!value.empty()) out[key] = value;
}

json::Value to_value(const ArtifactRecord::Object& object) {
  json::Object out;
  out["apiVersion"] = object.api_version;
  out["kind"] = object.kind;
  out["namespace"] = object.target_namespace;
  out["name"] = object.name;
  return out;
}

json::Value to_value(const ArtifactRecord::App& app) {
  json::Object out;
  out["name"] = app.name;
  out["namespace"] = app.target_namespace;
  out["release"] = app.release;
  set_if(out, "kind", app.kind);
  set_if(out, "version", app.version);
  set_if(out, "partOf", app.part_of);
  set_if(out, "files", app.files);
  if (app.is_network) out["network"] = true;
  json::Array needs, objects;
  for (const auto& need : app.needs) needs.emplace_back(need);
  for (const auto& object : app.objects) objects.push_back(to_value(object));
  if (!needs.empty()) out["needs"] = std::move(needs);
  if (!objects.empty()) out["objects"] = std::move(objects);
  return out;
}

json::Value to_value(const ArtifactRecord::HostKinds& kinds) {
  if (kinds.size() == 1 && kinds.begin()->first.empty()) return kinds.begin()->second.text();
  json::Object out;
  for (const auto& [kind, digest] : kinds) out[kind] = digest.text();
  return out;
}

Result<Digest> digest_of(const json::Value& value) {
  return value.is_string() ? Digest::parse(*value.string()) : fail(ErrorCode::corrupt, "a digest is expected");
}

Result<ArtifactRecord::HostKinds> host_kinds_of(const json::Value& value) {
  ArtifactRecord::HostKinds out;
  if (!value.is_object()) {
    SEALIFT_ASSIGN(out[""], digest_of(value));
    return out;
  }
  for (const auto& [kind, digest] : *value.members()) {
    SEALIFT_ASSIGN(out[kind], digest_of(digest));
  }
  return out;
}

// An empty one if it is missing.
const json::Array& list_in(const json::Value& value, std::string_view key) {
  static const json::Array kNone;
  const auto* found = value.find(key);
  return found == nullptr || !found->is_array() ? kNone : *found->elements();
}

const json::Object& object_in(const json::Value& value, std::string_view key) {
  static const json::Object kNone;
  const auto* found = value.find(key);
  return found == nullptr || !found->is_object() ? kNone : *found->members();
}

Result<std::vector<std::string>> texts_in(const json::Value& value, std::string_view key) {
  std::vector<std::string> out;
  for (const auto& text : list_in(value, key)) {
    if (!text.is_string()) return fail(ErrorCode::corrupt, "\"{}\" holds something that is no text", key);
    out.push_back(*text.string());
  }
  return out;
}

Result<ArtifactRecord::App> app_of(const json::Value& value) {
  ArtifactRecord::App out;
  SEALIFT_ASSIGN(out.name, value.text("name"));
  out.target_namespace = value.text_or("namespace", "");
  out.release = value.text_or("release", "");
  out.kind = value.text_or("kind", "");
  out.version = value.text_or("version", "");
  out.part_of = value.text_or("partOf", "");
  out.files = value.text_or("files", "");
  out.is_network = value.boolean_or("network", false);
  SEALIFT_ASSIGN(out.needs, texts_in(value, "needs"));
  for (const auto& object : list_in(value, "objects")) {
    auto& one = out.objects.emplace_back();
    SEALIFT_ASSIGN(one.api_version, object.text("apiVersion"));
    SEALIFT_ASSIGN(one.kind, object.text("kind"));
    SEALIFT_ASSIGN(one.name, object.text("name"));
    one.target_namespace = object.text_or("namespace", "");
  }
  return out;
}

}  // namespace

std::string ArtifactRecord::title() const {
  if (name.empty()) return identity.hex().substr(0, 12);
  return version.empty() ? name : name + " " + version;
}

std::string ArtifactRecord::file_name() const {
  if (is_base) return "@base.json";  // no name of an artifact begins like this
  std::string out;
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    out +=
        std::isalnum(byte) != 0 || c == '.' || c == '_' || c == '-' ? std::string(1, c) : base::format("%{:02X}", byte);
  }
  return out + ".json";
}

std::string to_text(const ArtifactRecord& record) {
  json::Object out;
  out["format"] = kFormat;
  out["name"] = record.name;
  out["version"] = record.version;
  out["base"] = record.is_base;
  set_if(out, "kubernetes", record.kubernetes);
  out["identity"] = record.identity.text();
  set_if(out, "deliveredBy", record.delivered_by);
  set_if(out, "deliveredAt", record.delivered_at);
  json::Array payloads, apps;
  for (const auto& path : record.payloads) payloads.emplace_back(path);
  for (const auto& app : record.apps) apps.push_back(to_value(app));
  json::Object images, files;
  for (const auto& [name, digest] : record.images) images[name] = digest.text();
  for (const auto& [path, kinds] : record.files) files[path] = to_value(kinds);
  out["payloads"] = std::move(payloads);
  if (!record.is_served) out["served"] = false;
  out["apps"] = std::move(apps);
  out["images"] = std::move(images);
  out["files"] = std::move(files);
  return json::to_pretty(out) + "\n";
}

Result<ArtifactRecord> parse_artifact_record(std::string_view text) {
  SEALIFT_ASSIGN(const auto value, json::parse(text, {.bytes = kMaxArtifactRecord, .depth = 8}));
  SEALIFT_ASSIGN(const auto format, value.natural("format"));
  if (format > kFormat)
    return fail(ErrorCode::unsupported_version, "a newer Sealift recorded this artifact (format {}, {} is known)",
                format, kFormat);
  ArtifactRecord out;
  out.name = value.text_or("name", "");
  out.version = value.text_or("version", "");
  out.is_base = value.boolean_or("base", false);
  out.kubernetes = value.text_or("kubernetes", "");
  SEALIFT_ASSIGN(const auto identity, value.text("identity"));
  SEALIFT_ASSIGN(out.identity, Digest::parse(identity));
  out.delivered_by = value.text_or("deliveredBy", "");
  out.delivered_at = value.text_or("deliveredAt", "");
  SEALIFT_ASSIGN(out.payloads, texts_in(value, "payloads"));
  out.is_served = value.boolean_or("served", true);
  for (const auto& value_of_app : list_in(value, "apps")) {
    SEALIFT_ASSIGN(auto app, app_of(value_of_app));
    out.apps.push_back(std::move(app));
  }
  for (const auto& [name, digest] : object_in(value, "images")) {
    SEALIFT_ASSIGN(out.images[name], digest_of(digest));
  }
  for (const auto& [path, kinds] : object_in(value, "files")) {
    SEALIFT_ASSIGN(out.files[path], host_kinds_of(kinds));
  }
  return out;
}

void sort_artifact_records(std::vector<ArtifactRecord>& records) {
  std::ranges::sort(records, {}, [](const ArtifactRecord& record) { return std::tuple(!record.is_base, record.name); });
}

Result<std::vector<ArtifactRecord>> read_artifact_records(HostView& host) {
  std::vector<ArtifactRecord> out;
  SEALIFT_ASSIGN(const auto names, host.list(std::string(kArtifactRecords)));
  for (const auto& name : names) {
    if (!name.ends_with(".json")) continue;
    const auto path = base::format("{}/{}", kArtifactRecords, name);
    SEALIFT_ASSIGN(const auto bytes, host.read(path, kMaxArtifactRecord));
    if (!bytes) continue;
    auto record = parse_artifact_record(base::as_text(*bytes));
    if (!record) return fail_while(std::move(record).error(), "reading " + path);
    out.push_back(std::move(*record));
  }
  sort_artifact_records(out);
  return out;
}

}  // namespace sealift::host
