// SPDX-License-Identifier: Apache-2.0
//
// The PersistentVolumeClaims of an application, which hold its data. Before it is removed they get a label with its
// name, so that they are known as its own when nothing else of it is left.
#pragma once

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "runtime/steps/app_objects.h"
#include "runtime/steps/kubectl.h"

namespace sealift::steps {

inline constexpr std::string_view kAppLabel = "sealift.dev/application";

using Claims = std::set<std::pair<std::string, std::string>>;  // namespace, name

// Those among the objects, and those that their StatefulSets have made, as far as they are in the cluster. Errors:
// those of kubectl.
Result<Claims> claims_of(host::HostView& host, const std::vector<AppObject>& objects,
                         const std::string& target_namespace, const CancelToken& cancel);
Result<void> label_claims(host::Host& host, const Claims& claims, const std::string& app, const host::Reason& reason,
                          const CancelToken& cancel);
// Those that carry its label.
Result<Claims> labelled_claims(host::HostView& host, const std::string& app, const CancelToken& cancel);

}  // namespace sealift::steps
