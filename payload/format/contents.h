// SPDX-License-Identifier: Apache-2.0
//
// The table of what a payload holds: names → objects. In the file it is one canonical JSON document (sorted keys, no
// blanks) in the contents section; FORMAT.md gives its schema. It knows nothing of where objects lie (index) and
// nothing of hosts or Kubernetes beyond what the packer recorded.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "payload/base/error.h"
#include "payload/base/platform.h"
#include "payload/hash/digest.h"

namespace sealift::format {

struct ObjectRef {
  Digest digest;
  uint64_t size = 0;  // bytes
  bool operator==(const ObjectRef&) const = default;
};

// A file of the payload's tree. Key of the map that holds it: safe relative path, '/' between parts.
struct TreeFile {
  ObjectRef object;
  uint32_t mode = 0644;  // permission bits only
  bool operator==(const TreeFile&) const = default;
};

enum class HostRole { all, control_plane, worker };
std::string_view name(HostRole role);  // "all", "control-plane", "worker"
std::optional<HostRole> parse_host_role(std::string_view text);

// From FILE: a file put onto hosts.
struct HostFile {
  std::string source;       // path in the tree
  std::string destination;  // absolute
  uint32_t mode = 0644;
  uint32_t uid = 0, gid = 0;
  HostRole role = HostRole::all;
  bool is_template = false;                  // ${NAME} and ${NAME:-x} of the documented list
  std::optional<Architecture> architecture;  // none = any
  bool operator==(const HostFile&) const = default;
};

enum class AppKind { helm, manifests };
std::string_view name(AppKind kind);

struct App {
  std::string name;
  AppKind kind = AppKind::manifests;
  bool is_network = false;         // from CNI
  std::string root;                // folder in the tree: "apps/<name>"; for helm the chart folder itself
  std::vector<std::string> needs;  // names of apps
  std::string version;             // of the chart; empty for manifests
  bool operator==(const App&) const = default;
};

// One packed image name. `root` is what the name resolves to: an index or a manifest, byte-exact as its source had it.
struct Image {
  std::string name;  // full reference as in the IMAGE line: "registry.k8s.io/pause:3.10.1"
  ObjectRef root;
  std::string media_type;  // of the root
  // For each packed platform: the image manifest.
  struct Platform {
    Architecture architecture = Architecture::amd64;
    ObjectRef manifest;
    std::string media_type;
    ObjectRef config;
    std::vector<ObjectRef> layers;
    bool operator==(const Platform&) const = default;
  };
  std::vector<Platform> platforms;
  // Indexes that the root leads through to the manifests: containerd asks for each. Nearly always none.
  struct InnerIndex {
    ObjectRef object;
    std::string media_type;
    bool operator==(const InnerIndex&) const = default;
  };
  std::vector<InnerIndex> inner_indexes;
  bool operator==(const Image&) const = default;
};

// Found once at pack time, so that disk and inodes can be stated beforehand.
struct LayerInfo {
  uint64_t uncompressed_bytes = 0;  // sum of the file sizes in the layer
  uint64_t files = 0;               // entries = inodes
  bool operator==(const LayerInfo&) const = default;
};

struct Stub {
  Architecture architecture = Architecture::amd64;
  ObjectRef object;
  bool operator==(const Stub&) const = default;
};

struct Contents {
  std::string name;                                // from -t, e.g. "shop"; may be empty
  std::string version;                             // from -t, e.g. "3.4"; may be empty
  std::string created_by;                          // "sealift 0.1.0"
  std::map<std::string, std::string> compressors;  // "zstd" → "1.5.7"
  std::vector<Stub> stubs;                         // by architecture, each once
  std::vector<Digest> bases;                       // metadata hashes of the FROM chain, nearest first
  std::map<std::string, TreeFile> tree;
  std::vector<HostFile> host_files;  // in the order of the Kubefile
  std::vector<App> apps;             // by name
  std::vector<Image> images;         // by name
  std::map<Digest, LayerInfo> layers;
  std::map<std::string, std::string> environment;  // ENV
  std::map<std::string, std::string> labels;       // LABEL
  std::vector<std::string> launch;                 // LAUNCH: names of apps
  std::optional<std::string> base_document;        // path in the tree of base.yaml, if the payload holds a Base

  const Image* find_image(std::string_view reference) const;  // exact name
  const App* find_app(std::string_view app) const;
  bool operator==(const Contents&) const = default;
};

// Canonical bytes of the contents section before compression, and back. Every field is checked: unknown fields are
// ignored (a newer minor version may add them), wrong types, unsafe paths and dangling names are `corrupt`.
std::string to_json(const Contents& contents);
Result<Contents> parse_contents(std::string_view json);

}  // namespace sealift::format
