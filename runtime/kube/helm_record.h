// SPDX-License-Identifier: Apache-2.0
//
// Releases as helm 3 and 4 keep them in Secrets, and which of their objects must be in the cluster. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "payload/json/value.h"
#include "runtime/kube/manifests.h"

namespace sealift::kube {

// `encoded`: data.release as the API gives it, base64 around helm's base64 of gzip of JSON (of long ago: of JSON). It
// holds the values, which may be secrets. Errors: corrupt; limit_exceeded.
Result<json::Value> decode_helm_record(std::string_view encoded);
// Uncompressed, as helm reads it too.
std::string encode_helm_record(const json::Value& record);

// A release, and its objects that last: no values, no hooks.
struct ReleaseObjects {
  std::string release, target_namespace;
  std::vector<LastingObject> objects;
  bool operator==(const ReleaseObjects&) const = default;
};

// Of a table with a line for each release: namespace, name, data.release. What helm would not read is left out.
std::vector<ReleaseObjects> release_objects(std::string_view table);

// [{"release":"shop","namespace":"store","objects":[{"kind":"Deployment","namespace":"store","name":"web"}]}], on its
// way from a control plane. Errors: protocol.
std::string to_json(const std::vector<ReleaseObjects>& releases);
Result<std::vector<ReleaseObjects>> release_objects_of_json(std::string_view text);

}  // namespace sealift::kube
