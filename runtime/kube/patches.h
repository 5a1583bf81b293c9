// SPDX-License-Identifier: Apache-2.0
//
// A site's patches of rendered objects. kubectl makes each change (`kubectl patch --local`), so that all types of
// patches mean here what they mean on a cluster; which objects are concerned is decided here. The same on the launch
// machine, which looks at what will be installed, and on a control plane, which installs it.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "payload/base/error.h"

namespace sealift::kube {

struct Patch {
  std::string name;                                 // for messages
  std::string kind, target_name, target_namespace;  // of the objects; "" = any
  std::string type;                                 // of kubectl: strategic, merge, json
  std::string text;                                 // YAML; it may hold secrets
};

// Patches on their way to a control plane. Errors: protocol.
std::string to_json(std::span<const Patch> patches);
Result<std::vector<Patch>> patches_of_json(std::string_view text);

// The words of the command that reads an object and prints what the patch in `file` makes of it.
std::vector<std::string> patch_arguments(const Patch& patch, const std::string& file);

// Returns the object that comes of `object` (YAML), by the patch of this number.
using Patcher = std::function<Result<std::string>(size_t patch, const std::string& object)>;

// The manifests with the patches made, in their order; other documents keep their text. Objects without a namespace are
// in `target_namespace`. Hooks of helm are no objects of the application (helm passes none to a post-renderer). Errors:
// invalid_config if a patch matches no object; those of `patcher`, with the patch and the object.
Result<std::string> patch_objects(std::string_view manifests, std::string_view target_namespace,
                                  std::span<const Patch> patches, const Patcher& patcher);

}  // namespace sealift::kube
