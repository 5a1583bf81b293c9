// SPDX-License-Identifier: Apache-2.0
#include "runtime/kube/helm_record.h"

#include <array>

#include "payload/base/secret.h"
#include "payload/base/text.h"
#include "payload/codec/gzip.h"
#include "runtime/kube/objects.h"

namespace sealift::kube {
namespace {

constexpr size_t kMaxRecord = size_t{32} << 20;   // unpacked; packed it is at most a Secret's 1 MiB
constexpr size_t kMaxObjects = size_t{32} << 20;  // bytes of the objects of all releases

Result<std::string> unpacked(const Bytes& packed) {
  // helm of long ago did not compress.
  if (packed.size() < 3 || packed[0] != std::byte{0x1f} || packed[1] != std::byte{0x8b})
    return std::string(base::as_text(packed));
  base::MemorySource source(packed);
  codec::GzipSource gzip(source);
  std::string out;
  std::array<std::byte, 65536> buffer{};
  for (;;) {
    SEALIFT_ASSIGN(const size_t count, gzip.read(buffer));
    if (count == 0) return out;
    out += base::as_text(std::span(buffer).first(count));
    if (out.size() > kMaxRecord) return fail(ErrorCode::limit_exceeded, "helm's record of a release is too large");
  }
}

}  // namespace

Result<json::Value> decode_helm_record(std::string_view encoded) {
  const auto outer = base::from_base64(encoded);
  const auto packed = outer ? base::from_base64(base::as_text(*outer)) : std::nullopt;
  if (!packed) return fail(ErrorCode::corrupt, "helm's record of a release is no base64");
  SEALIFT_ASSIGN(auto text, unpacked(*packed));
  const Secret record(std::move(text));
  return json::parse(record.reveal(), {.bytes = kMaxRecord, .depth = 128});
}

std::string encode_helm_record(const json::Value& record) {
  return base::to_base64(base::as_bytes(base::to_base64(base::as_bytes(json::to_canonical(record)))));
}

std::vector<ReleaseObjects> release_objects(std::string_view table) {
  std::vector<ReleaseObjects> out;
  for (const auto line : base::split(table, '\n')) {
    const auto words = base::split_words(line);
    if (words.size() != 3) continue;
    const auto record = decode_helm_record(words[2]);
    const auto* manifest = record ? record->find("manifest") : nullptr;
    if (manifest == nullptr || manifest->string() == nullptr) continue;
    const std::string space(words[0]);
    out.push_back({std::string(words[1]), space, lasting_objects(*manifest->string(), space)});
  }
  return out;
}

std::string to_json(const std::vector<ReleaseObjects>& releases) {
  json::Value out = json::Value::array();
  for (const auto& release : releases) {
    json::Value one = json::Value::object(), objects = json::Value::array();
    for (const auto& object : release.objects) {
      json::Value entry = json::Value::object();
      entry.set("kind", object.kind);
      entry.set("namespace", object.target_namespace);
      entry.set("name", object.name);
      objects.push_back(std::move(entry));
    }
    one.set("release", release.release);
    one.set("namespace", release.target_namespace);
    one.set("objects", std::move(objects));
    out.push_back(std::move(one));
  }
  return json::to_canonical(out);
}

Result<std::vector<ReleaseObjects>> release_objects_of_json(std::string_view text) {
  const auto list = json::parse(text, {.bytes = kMaxObjects, .depth = 8});
  if (!list || !list->is_array()) return fail(ErrorCode::protocol, "the agent's answer about releases is no list");
  std::vector<ReleaseObjects> out;
  for (const auto& one : *list->elements()) {
    ReleaseObjects release{one.text_or("release", ""), one.text_or("namespace", ""), {}};
    for (const auto& object : items(one, "objects"))
      release.objects.push_back(
          {object.text_or("kind", ""), object.text_or("namespace", ""), object.text_or("name", "")});
    out.push_back(std::move(release));
  }
  return out;
}

}  // namespace sealift::kube
