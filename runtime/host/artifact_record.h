// SPDX-License-Identifier: Apache-2.0
//
// What a registry host or control plane keeps of each artifact that was delivered to the cluster: one JSON file in
// kArtifactRecords. The image mirror serves the payloads that they name, and deliveries of other artifacts respect what
// they claim. Written by runtime/steps/artifact_step.cpp; runtime/OPERATIONS.md lists the files.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "payload/base/error.h"
#include "payload/hash/digest.h"
#include "runtime/host/host.h"

namespace sealift::host {

inline constexpr std::string_view kArtifactRecords = "/var/lib/sealift/artifacts";
inline constexpr size_t kMaxArtifactRecord = size_t{16} << 20;

struct ArtifactRecord {
  std::string name, version;  // may be empty for the base's
  bool is_base = false;       // the artifact that made the cluster; there is one
  std::string kubernetes;     // of the base: "v1.34.4"
  Digest identity;
  std::vector<std::string> payloads;  // files on this host: this artifact's first, then those of its earlier versions
                                      // whose applications are still there
  // Whether this host's mirror serves their images; else only charts and manifests are taken from there.
  bool is_served = true;
  // One object of manifests, so that it can be deleted when the payload is no longer at hand.
  struct Object {
    std::string api_version, kind, target_namespace, name;  // of one that has no namespace, the application's
    bool operator==(const Object&) const = default;
  };
  struct App {
    std::string name, target_namespace, release;
    // Empty in records of earlier versions.
    std::string kind = {};     // format::name(AppKind)
    std::string version = {};  // of the chart
    std::string part_of = {};  // format::App::part_of
    std::string files = {};    // digest of its packed files, hex
    bool is_network = false;
    std::vector<std::string> needs = {};  // applications, of other artifacts too; by name
    std::vector<Object> objects = {};     // of manifests, in their order
    bool operator==(const App&) const = default;
  };
  std::vector<App> apps;                 // installed by it, by name
  std::map<std::string, Digest> images;  // by full name: the index or manifest that it resolves to
  // Files that it puts on hosts, by path: a digest of content, mode and owner for each kind of host, named
  // "control-plane amd64" …; one of the empty name if all of them get the same.
  using HostKinds = std::map<std::string, Digest>;
  std::map<std::string, HostKinds> files;
  // Who recorded it, "ops@laptop", and when, ISO 8601; empty in records of earlier versions.
  std::string delivered_by = {}, delivered_at = {};

  std::string title() const;      // "erp 3.4", for messages
  std::string file_name() const;  // within kArtifactRecords; an artifact's next version has the same
  bool operator==(const ArtifactRecord&) const = default;
};

std::string to_text(const ArtifactRecord& record);  // canonical: equal records have equal text
// Errors: corrupt; unsupported_version if a newer Sealift wrote it.
Result<ArtifactRecord> parse_artifact_record(std::string_view text);
// The base's first, the others by name.
void sort_artifact_records(std::vector<ArtifactRecord>& records);
// Sorted. Errors: those of the host, and of parsing, with the file.
Result<std::vector<ArtifactRecord>> read_artifact_records(HostView& host);

}  // namespace sealift::host
