// SPDX-License-Identifier: Apache-2.0
//
// What inspecting an application yields: the images that it names, each with its reasons, and what looks like an image
// and can't be resolved. Reads documents as kubectl and helm do.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "payload/base/error.h"
#include "payload/format/contents.h"
#include "payload/workloads/find_images.h"
#include "payload/yaml/node.h"

namespace sealift::resolve {

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
inline constexpr yaml::Limits kDocumentLimits{.bytes = size_t{4} << 20, .depth = 256, .nodes = 2'000'000};

// One stream of documents, e.g. a manifest or the output of helm. `set`: the set of values it was rendered with, empty
// if none. Streams of one application may be read together: rules look at several documents.
struct DocumentStream {
  std::string text;
  std::string file;  // "manifests/shop.yaml"; for rendered ones, the lines "# Source:" tell
  std::string set;
};
using CheckDocument = std::function<Result<void>(const yaml::Node& document, int line)>;

// `check` sees every document and may refuse it. A document that can't be read is the error `check` would return for a
// manifest, and a warning for a rendered one, since helm prints files that are no YAML, too.
Result<Inspection> inspect_documents(const DocumentStream& stream, const workloads::Rules& rules,
                                     workloads::TestHooks test_hooks, const CheckDocument& check);

}  // namespace sealift::resolve
