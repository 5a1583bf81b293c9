// SPDX-License-Identifier: Apache-2.0
//
// The record of a release that helm keeps in a Secret, and what it would delete with it.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "runtime/host/host.h"
#include "runtime/steps/app_objects.h"

namespace sealift::steps {

// Takes objects out of the record of a release's revision that is about to be uninstalled, so that helm leaves them:
// it decides by the record, not by annotations of the objects themselves. The chart's files go out of it too; helm
// needs them no more. Errors: those of kubectl; corrupt or unsupported if the record is not what helm 3 and 4 write.
Result<void> spare_objects(host::Host& host, const std::string& release, const std::string& target_namespace,
                           uint64_t revision, const std::function<bool(const AppObject&)>& is_spared,
                           const host::Reason& reason, const CancelToken& cancel);

// The record as the Secret's data.release holds it, in and out, without those objects.
Result<std::string> without_objects(std::string_view encoded, const std::function<bool(const AppObject&)>& is_spared);

}  // namespace sealift::steps
