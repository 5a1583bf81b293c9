// SPDX-License-Identifier: Apache-2.0
//
// The table of contents: names → objects. In the file it is one canonical JSON document (sorted keys, no blanks) in the
// contents section; FORMAT.md has its schema. It does not know where objects lie (that is the index), and nothing of
// hosts or Kubernetes beyond what the packer recorded.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "payload/base/error.h"
#include "payload/base/platform.h"
#include "payload/format/requirement.h"
#include "payload/hash/digest.h"
#include "payload/image/reference.h"

namespace sealift::format {

struct ObjectRef {
  Digest digest;
  uint64_t size = 0;  // bytes
  bool operator==(const ObjectRef&) const = default;
};

// A file of the payload's tree. Its key in the map is a safe relative path, '/' between parts.
struct TreeFile {
  ObjectRef object;
  uint32_t mode = 0644;  // permission bits only
  bool operator==(const TreeFile&) const = default;
};

enum class HostRole { all, control_plane, worker };
std::string_view name(HostRole role);  // "all", "control-plane", "worker"
std::optional<HostRole> parse_host_role(std::string_view text);

// From FILE: a file written to hosts.
struct HostFile {
  std::string source;       // path in the tree
  std::string destination;  // absolute
  uint32_t mode = 0644;
  uint32_t uid = 0, gid = 0;
  HostRole role = HostRole::all;
  bool is_template = false;                  // expands ${NAME} and ${NAME:-x} from the documented list
  std::optional<Architecture> architecture;  // none = any
  bool operator==(const HostFile&) const = default;
};

enum class AppKind { helm, manifests };
std::string_view name(AppKind kind);

// Why an image is packed: a place that names it.
struct ImageUse {
  std::string image;              // full reference, as in Image::name
  std::string file;               // in the tree, or the chart's template: "erp/templates/web.yaml"
  std::string object;             // "Deployment/web"
  std::string path;               // ".spec.template.spec.containers[0].image"
  std::string found_by;           // "container", "flag", "rule istio-injector"
  std::vector<std::string> sets;  // the sets of values under which it was found, by file name; of manifests none
  bool operator==(const ImageUse&) const = default;
};

struct App {
  std::string name;
  AppKind kind = AppKind::manifests;
  bool is_network = false;          // from CNI
  std::string root;                 // folder in the tree: "apps/<name>"; for helm, the chart folder
  std::vector<std::string> needs;   // names of apps
  std::string version;              // of the chart; empty for manifests
  std::string target_namespace;     // from NAMESPACE; may be empty
  std::string release;              // from RELEASE; may be empty
  std::string part_of;              // the APP line's name if that line brings several charts; else empty
  std::vector<std::string> values;  // tree paths of the sets of values; the first one is the default
  std::vector<ImageUse> uses;       // found by inspecting it, sorted
  // Where and as which helm release it is installed unless the site says otherwise.
  std::string default_namespace() const;  // of a network without NAMESPACE "kube-system", else "default"
  std::string release_name() const;       // without RELEASE: the app's name
  bool operator==(const App&) const = default;
};

// From IGNORE-IMAGE: what looks like an image and need not be packed.
struct IgnoredImage {
  std::string pattern;  // * stands for any text
  std::string reason;
  bool operator==(const IgnoredImage&) const = default;
};

// One packed image name. `root` is the index or manifest that the name resolves to, byte for byte as in its source.
struct Image {
  std::string name;  // full reference as in the IMAGE line: "registry.k8s.io/pause:3.10.1"
  ObjectRef root;
  std::string media_type;  // of the root
  // The image manifest of one packed platform.
  struct Platform {
    Architecture architecture = Architecture::amd64;
    ObjectRef manifest;
    std::string media_type;
    ObjectRef config;
    std::vector<ObjectRef> layers;
    bool operator==(const Platform&) const = default;
  };
  std::vector<Platform> platforms;
  // Indexes between the root and the manifests, since containerd requests each of them. Nearly always none.
  struct InnerIndex {
    ObjectRef object;
    std::string media_type;
    bool operator==(const InnerIndex&) const = default;
  };
  std::vector<InnerIndex> inner_indexes;
  std::string reason;  // the line that names it: "IMAGE redis:7"; empty if it was found in applications (App::uses)
  bool operator==(const Image&) const = default;
};

// Measured once at pack time, so that the need for disk space and inodes is known before delivery.
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
  std::vector<HostFile> host_files;  // in Kubefile order
  std::vector<App> apps;             // by name
  std::vector<Image> images;         // by name
  std::vector<IgnoredImage> ignored_images;
  std::map<Digest, LayerInfo> layers;
  std::map<std::string, std::string> environment;  // ENV
  std::map<std::string, std::string> labels;       // LABEL
  std::vector<std::string> launch;                 // LAUNCH: names of apps
  std::optional<std::string> base_document;        // tree path of base.yaml, if the payload holds a Base
  std::vector<Requirement> requirements;           // REQUIRES, by name: what the cluster must have already

  const Image* find_image(std::string_view reference) const;  // exact name
  // The image that answers a pull of `reference`: by tag, or by the digest of the image or of a part of it.
  const Image* find_image(const image::Reference& reference) const;
  const App* find_app(std::string_view app) const;
  // The images that a site with these applications pulls: all but those that only other applications use. What a line
  // or the base names is always needed.
  std::vector<const Image*> images_for(const std::set<std::string>& selected) const;
  bool operator==(const Contents&) const = default;
};

// Canonical bytes of the contents section before compression, and back. Every field is checked: unknown fields are
// ignored (a newer minor version may add them); wrong types, unsafe paths and dangling names are `corrupt`.
std::string to_json(const Contents& contents);
Result<Contents> parse_contents(std::string_view json);

}  // namespace sealift::format
