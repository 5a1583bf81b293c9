// SPDX-License-Identifier: Apache-2.0
//
// What inspecting an application yields: the images that it names, each with its reasons, and what looks like an image
// and can't be resolved. Reads documents as kubectl and helm do.
#pragma once

#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "payload/base/error.h"
#include "payload/charts/objects.h"
#include "payload/format/contents.h"
#include "payload/workloads/find_images.h"
#include "payload/yaml/node.h"

namespace sealift::charts {

struct FoundImage {
  format::ImageUse use;  // the image as written
  std::string place;     // "manifests/shop.yaml:12", "erp/templates/web.yaml with ha.yaml"
};

// Looks like an image, but no name can be made of it.
struct Doubt {
  std::string text, place, object, path;
  std::string why;  // a clause: "it has no tag"
};

struct Inspection {
  std::vector<FoundImage> images;
  std::vector<Doubt> doubts;
  std::vector<std::string> omitted;   // "erp/templates/test.yaml: Pod/erp-test names busybox: helm test hook"
  std::vector<std::string> warnings;  // with place
  void append(Inspection other);
};

// Bundles of resource definitions are large and deep. The runtime reads files of at most 4 MiB.
inline constexpr yaml::Limits kDocumentLimits{.bytes = size_t{4} << 20, .depth = 256, .nodes = 500'000};

using CheckDocument = std::function<Result<void>(const yaml::Node& document)>;

// Reads one stream of documents: a manifest, or the output of helm.
class Inspector {
 public:
  // `file` is recorded with the uses: its path in the tree, since the artifact must not depend on where it was built.
  // `source`, on this machine, is for messages. `check` sees every document and may refuse it. Errors: those of
  // `check`, and the first document that can't be read.
  static Result<Inspector> of_manifest(std::string_view text, const std::string& file, const std::string& source,
                                       const workloads::Rules& rules, const CheckDocument& check);
  // `set`: the set of values it was rendered with. Files are those of helm's lines "# Source:". A document that can't
  // be read is a warning: helm prints files that are no YAML, too.
  static Result<Inspector> of_rendered(std::string_view text, const std::string& set, const workloads::Rules& rules,
                                       workloads::TestHooks test_hooks, const CheckDocument& check);

  const std::vector<ObjectNote>& objects() const { return objects_; }
  // What rules may want to see of it when they look at other streams.
  const std::vector<yaml::Node>& read_by_rules() const { return finder_.read_by_rules(); }
  // Once. `others`: documents of all streams that rules may read.
  Inspection finish(std::span<const yaml::Node* const> others);

 private:
  Inspector(const workloads::Rules& rules, workloads::TestHooks test_hooks, std::string set)
      : finder_(rules, {.test_hooks = test_hooks}), set_(std::move(set)) {}
  Result<void> read(std::string_view text, std::string_view where, const CheckDocument& check);
  std::string file_of(int line) const;
  std::string place_of(int line) const;

  workloads::ImageFinder finder_;
  std::string set_;                   // empty: a manifest
  std::string source_;                // of a manifest
  std::map<int, std::string> files_;  // by the line from which on they count
  std::vector<ObjectNote> objects_;
  std::vector<std::string> warnings_;
};

}  // namespace sealift::charts
