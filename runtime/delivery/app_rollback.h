// SPDX-License-Identifier: Apache-2.0
//
// Takes an application back to an earlier revision of its helm release.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "runtime/delivery/delivery.h"

namespace sealift::delivery {

struct RollbackOptions {
  std::string app;
  // As helm counts them. None: the last one before the present one that stood; if that is a rollback's, and nothing was
  // installed since, the same as then.
  std::optional<uint64_t> revision;
};

// Afterwards cluster.yaml's version no longer counts as installed: a plan shows it as needed. Errors before anything is
// changed: not_found for an application that is not installed, and if helm does not know the revision or there is no
// former one; unsupported for manifests; not_in_artifact if the artifact in hand does not have the application.
Result<Outcome> rollback_app(Input& input, const RollbackOptions& options);

}  // namespace sealift::delivery
