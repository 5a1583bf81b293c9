// SPDX-License-Identifier: Apache-2.0
//
// Carries out one request of the launch machine on a host.
#pragma once

#include <optional>

#include "payload/json/value.h"
#include "runtime/host/host.h"

namespace sealift::agent {

// The contents of a response.
struct Answer {
  json::Value value = json::Value::object();
  std::optional<Bytes> body = std::nullopt;
};

// Errors: the call's own; protocol for an unknown call or a missing or unsuitable argument.
Result<Answer> answer(host::Host& host, const json::Value& request, base::Source& body, const CancelToken& cancel);

}  // namespace sealift::agent
