// SPDX-License-Identifier: Apache-2.0
//
// A question on the terminal.
#pragma once

#include <string>
#include <string_view>

#include "payload/base/cancel.h"
#include "payload/base/error.h"
#include "payload/base/secret.h"

namespace sealift::console {

// Asks on /dev/tty. Errors: usage with `without_terminal` if there is none; cancelled; io.
Result<std::string> ask(const std::string& text, std::string_view without_terminal, const CancelToken& cancel);
// The same without echo. Also cancelled for an empty answer.
Result<Secret> ask_secret(const std::string& text, std::string_view without_terminal, const CancelToken& cancel);

}  // namespace sealift::console
