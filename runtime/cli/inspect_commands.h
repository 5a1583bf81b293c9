// SPDX-License-Identifier: Apache-2.0
//
// Commands that only read the artifact: info, list, verify, extract. They need neither a configuration nor a host.
#pragma once

#include "payload/base/cancel.h"
#include "payload/console/output.h"
#include "runtime/cli/arguments.h"
#include "runtime/cli/artifact.h"

namespace sealift::cli {

// Reads the metadata only.
void print_info(const Artifact& artifact, bool json, console::Output out);
void print_list(const Artifact& artifact, bool json, console::Output out);

// Findings to `out`, progress to `progress`. Error corrupt if anything is damaged.
Result<void> verify_artifact(const Artifact& artifact, bool json, console::Output out, console::Output progress,
                             const CancelToken& cancel);

// Files under DIR/files, images as one OCI layout in DIR/images. Errors: not_in_artifact, already_exists, corrupt …
Result<void> extract_artifact(const Artifact& artifact, const Arguments& arguments, console::Output out,
                              const CancelToken& cancel);

}  // namespace sealift::cli
