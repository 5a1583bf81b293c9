// SPDX-License-Identifier: Apache-2.0
//
// The one error type of all libraries: a code that callers branch on and a sentence that people read. It does not know
// how the sentence is shown.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "payload/base/format.h"

namespace sealift::base {

// Closed list. Add a code only together with its line in error.cpp.
enum class ErrorCode {
  internal,             // a bug in Sealift
  usage,                // wrong command line
  invalid_config,       // cluster.yaml
  invalid_input,        // Kubefile, chart, base.yaml, image manifest: what the packer reads
  unsupported,          // known, but not available in this version
  upgrade_unsupported,  // the artifact's Kubernetes version differs from the cluster's
  downgrade_refused,    // the artifact is older than the cluster's
  not_a_payload,        // no trailer where one should be
  unsupported_version,  // a newer format, encoding or critical section
  truncated,            // the bytes end too early
  corrupt,              // a hash does not match or a structure is invalid
  limit_exceeded,       // a size, depth or count above the documented limit
  untrusted,            // signature or certificate not accepted
  not_found,
  already_exists,
  permission_denied,
  no_space,
  io,                // any other failure of the operating system
  unreachable,       // no connection; worth a retry
  timeout,           // no answer in time; worth a retry
  auth_failed,       // SSH or registry login rejected
  host_key_unknown,  // SSH host key neither in the configuration nor in known_hosts
  host_key_changed,  // SSH host key differs from the recorded one
  sudo_refused,
  protocol,         // the peer violated the protocol
  busy,             // another operator holds the lock
  cancelled,        // by a signal
  command_failed,   // a program on a host or on this machine failed
  preflight,        // findings that must be fixed before anything is changed
  not_in_artifact,  // an image, file or object that is not in the payload
  partial,          // some hosts were delivered, some were set aside
  unhealthy,        // delivered, but a health gate did not open in time
};

// Stable spelling for JSON events and tests, e.g. "host_key_changed".
std::string_view name(ErrorCode code);
std::optional<ErrorCode> parse_error_code(std::string_view name);

// The documented exit code (listed in runtime/OPERATIONS.md). Never 0.
int exit_code(ErrorCode code);

struct Error {
  ErrorCode code = ErrorCode::internal;
  std::string what;                      // what, where, and what to do next; no trailing full stop
  std::vector<std::string> while_doing;  // innermost first

  // Formatted as "what (while reading x, while opening y)".
  std::string text() const;
};

template <class T>
using Result = std::expected<T, Error>;

// return fail(ErrorCode::not_found, "{}: no such object", digest);
template <class... Args>
[[nodiscard]] std::unexpected<Error> fail(ErrorCode code, std::format_string<Args...> format, Args&&... args) {
  return std::unexpected(Error{code, base::format(format, std::forward<Args>(args)...), {}});
}

[[nodiscard]] inline std::unexpected<Error> fail(Error error) { return std::unexpected(std::move(error)); }

// Adds what the caller was doing; used where an error crosses a boundary on its way up.
[[nodiscard]] std::unexpected<Error> fail_while(Error error, std::string doing);

// From errno: ENOENT/ENOTDIR → not_found, EACCES/EPERM/EROFS → permission_denied, ENOSPC/EDQUOT → no_space, EEXIST →
// already_exists, else io. `what` names the operation and the path: "open /etc/x".
[[nodiscard]] std::unexpected<Error> fail_errno(int error_number, std::string_view what);

}  // namespace sealift::base

namespace sealift {
using base::Error;
using base::ErrorCode;
using base::fail;
using base::fail_errno;
using base::fail_while;
using base::Result;
}  // namespace sealift

// Propagates an error, like `?` in other languages: SEALIFT_TRY(expr) for Result<void>, SEALIFT_ASSIGN(auto x,
// expr) for values.
#define SEALIFT_CONCAT_(a, b) a##b
#define SEALIFT_CONCAT(a, b) SEALIFT_CONCAT_(a, b)
#define SEALIFT_TRY(expression)                                      \
  do {                                                               \
    if (auto sealift_try_result = (expression); !sealift_try_result) \
      return std::unexpected(std::move(sealift_try_result).error()); \
  } while (false)
#define SEALIFT_ASSIGN_(holder, declaration, expression)          \
  auto holder = (expression);                                     \
  if (!holder) return std::unexpected(std::move(holder).error()); \
  declaration = std::move(*holder)
#define SEALIFT_ASSIGN(declaration, expression) \
  SEALIFT_ASSIGN_(SEALIFT_CONCAT(sealift_assign_, __LINE__), declaration, expression)
