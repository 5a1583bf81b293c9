// SPDX-License-Identifier: Apache-2.0
//
// Every field of cluster.yaml, listed once: the reader refuses all others, and the tables of CLUSTER.md are compared
// with this list.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sealift::config {

// The fields of one mapping.
struct Fields {
  std::string_view section;  // heading in CLUSTER.md: "Cluster", "Application", "Secrets"
  std::string_view path;     // of the mapping within it, ending with "." unless empty
  std::string_view what;     // for messages: "a host"
  std::span<const std::string_view> known;
  std::span<const std::string_view> later;  // known, but unsupported in this version
};

extern const Fields kDocument, kMetadata, kSpec, kSsh, kSecret, kHost, kNetwork, kApi, kBalancer, kEtcd, kExternalEtcd,
    kExisting, kRegistry, kDomain, kCredential, kExternalRegistry, kUpstream, kUpstreamMirror, kFile, kApps, kArtifact,
    kApplication, kApplicationMetadata, kApplicationSpec, kApplicationFile, kPatch, kPatchMetadata, kPatchSpec,
    kPatchTarget, kHook, kHookMetadata, kHookSpec;

struct KnownField {
  std::string section, path;  // "Cluster", "spec.hosts[].address"
  bool supported = true;
  bool operator==(const KnownField&) const = default;
};
std::vector<KnownField> known_fields();

}  // namespace sealift::config
