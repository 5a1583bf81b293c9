// SPDX-License-Identifier: Apache-2.0
//
// One request of the launch machine, carried out on a host.
#pragma once

#include <optional>

#include "payload/json/value.h"
#include "runtime/host/host.h"

namespace sealift::agent {

// What a response carries.
struct Answer {
  json::Value value = json::Value::object();
  std::optional<Bytes> body = std::nullopt;
};

// Errors: the call's own; protocol for a call that is not known, or an argument that is missing or does not fit.
Result<Answer> answer(host::Host& host, const json::Value& request, base::Source& body, const CancelToken& cancel);

}  // namespace sealift::agent
