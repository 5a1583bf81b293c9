// SPDX-License-Identifier: Apache-2.0
//
// What a control plane's program was started with, from the manifest of its static pod. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "payload/yaml/node.h"

namespace sealift::kube {

// The value of "--secure-port=…" by its name; nothing if the pod's first container has no such argument.
std::optional<std::string> argument(const yaml::Node& pod, std::string_view name);

// What etcd's keys of a cluster begin with, if `--etcd-prefix` is this, or not given: "/registry/".
std::string etcd_prefix(const std::optional<std::string>& argument);

}  // namespace sealift::kube
