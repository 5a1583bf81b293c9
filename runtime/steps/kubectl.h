// SPDX-License-Identifier: Apache-2.0
//
// kubectl on a control plane, with the admin kubeconfig there.
#pragma once

#include <string>
#include <vector>

#include "payload/json/value.h"
#include "runtime/engine/step.h"
#include "runtime/host/host.h"

namespace sealift::steps {

// Of a program's JSON on a host.
inline constexpr json::Limits kHostJson{.bytes = size_t{8} << 20, .depth = 64};

// kubectl and helm keep what they learn of the API in a home folder: in memory, and gone with it.
inline constexpr std::string_view kKubeHome = "HOME=/run/sealift/kube";

base::Command kubectl(std::vector<std::string> arguments);

// Read-only. Returns the output, or command_failed.
Result<std::string> kubectl_get(host::HostView& host, std::vector<std::string> arguments, const CancelToken& cancel,
                                ByteView input = {});
// Read-only. Returns the object as JSON; nothing if it does not exist.
Result<std::optional<json::Value>> kubectl_object(host::HostView& host, std::vector<std::string> arguments,
                                                  const CancelToken& cancel);
// Changes.
Result<std::string> kubectl_do(host::Host& host, std::vector<std::string> arguments, const host::Reason& reason,
                               const CancelToken& cancel);

// Polls until `done` returns true; after the deadline the error includes its last error or message. While waiting,
// reports the message every ten seconds if it has changed.
Result<void> wait_until(engine::StepContext& context, Duration deadline, ErrorCode late, std::string_view what,
                        const std::function<Result<bool>(std::string& message)>& done);

}  // namespace sealift::steps
