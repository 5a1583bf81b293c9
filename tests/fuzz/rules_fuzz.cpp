// SPDX-License-Identifier: Apache-2.0
// Any text as a file of rules gives rules or a sentence with a place; what rules make is an image's name.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "payload/image/reference.h"
#include "payload/workloads/find_images.h"

namespace {

constexpr std::string_view kDocuments = R"(apiVersion: mesh.example/v1
kind: Mesh
metadata: {name: m}
spec: {version: '9', image: mesh, parts: [{name: a, image: 'acme/a:1'}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: c}
data: {values: '{"hub": "reg.example", "image": "proxy", "tag": "1"}', x.repository: acme/x, x.tag: '2'}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: operator}
spec: {template: {spec: {containers: [{name: o, image: 'acme/operator:v3', env: [{name: REGISTRY, value: own.example/}]}]}}}
)";

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sealift;
  if (size > 16384) return 0;
  workloads::Rules rules;
  const auto added = rules.add({reinterpret_cast<const char*>(data), size}, "fuzz");
  if (!added) {
    if (!added.error().what.starts_with("fuzz:") || !rules.all.empty()) std::abort();
    return 0;
  }
  workloads::ImageFinder finder(rules);
  static const auto documents = yaml::parse(kDocuments, "documents");
  for (const auto& document : *documents) finder.add(document);
  for (const auto& use : finder.finish().images) {
    if (!image::parse_reference(use.image)) std::abort();
  }
  return 0;
}
