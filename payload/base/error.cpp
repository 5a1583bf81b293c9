// SPDX-License-Identifier: Apache-2.0
#include "payload/base/error.h"

#include <array>
#include <cerrno>
#include <cstring>

namespace sealift::base {
namespace {

struct CodeInfo {
  ErrorCode code;
  std::string_view name;
  int exit;
};

// Exit codes are part of the command line's contract: never renumber.
constexpr auto kCodes = std::to_array<CodeInfo>({
    {ErrorCode::internal, "internal", 1},
    {ErrorCode::usage, "usage", 2},
    {ErrorCode::invalid_config, "invalid_config", 3},
    {ErrorCode::invalid_input, "invalid_input", 3},
    {ErrorCode::unsupported, "unsupported", 4},
    {ErrorCode::upgrade_unsupported, "upgrade_not_supported", 4},
    {ErrorCode::downgrade_refused, "downgrade_refused", 4},
    {ErrorCode::not_a_payload, "not_a_payload", 5},
    {ErrorCode::unsupported_version, "unsupported_version", 5},
    {ErrorCode::truncated, "truncated", 5},
    {ErrorCode::corrupt, "corrupt", 5},
    {ErrorCode::limit_exceeded, "limit_exceeded", 5},
    {ErrorCode::untrusted, "untrusted", 6},
    {ErrorCode::not_found, "not_found", 7},
    {ErrorCode::already_exists, "already_exists", 7},
    {ErrorCode::permission_denied, "permission_denied", 7},
    {ErrorCode::no_space, "no_space", 7},
    {ErrorCode::io, "io", 7},
    {ErrorCode::unreachable, "unreachable", 8},
    {ErrorCode::timeout, "timeout", 8},
    {ErrorCode::auth_failed, "auth_failed", 9},
    {ErrorCode::host_key_unknown, "host_key_unknown", 9},
    {ErrorCode::host_key_changed, "host_key_changed", 9},
    {ErrorCode::sudo_refused, "sudo_refused", 9},
    {ErrorCode::protocol, "protocol", 8},
    {ErrorCode::busy, "busy", 10},
    {ErrorCode::cancelled, "cancelled", 130},
    {ErrorCode::command_failed, "command_failed", 11},
    {ErrorCode::preflight, "preflight", 12},
    {ErrorCode::not_in_artifact, "not_in_artifact", 13},
    {ErrorCode::partial, "partial", 14},
    {ErrorCode::unhealthy, "unhealthy", 15},
});

const CodeInfo& info(ErrorCode code) {
  for (const auto& entry : kCodes) {
    if (entry.code == code) return entry;
  }
  return kCodes.front();
}

}  // namespace

std::string_view name(ErrorCode code) { return info(code).name; }
std::optional<ErrorCode> parse_error_code(std::string_view text) {
  for (const auto& entry : kCodes) {
    if (entry.name == text) return entry.code;
  }
  return std::nullopt;
}
int exit_code(ErrorCode code) { return info(code).exit; }

std::string Error::text() const {
  if (while_doing.empty()) return what;
  std::string out = what + " (";
  for (size_t i = 0; i < while_doing.size(); ++i) {
    if (i != 0) out += ", ";
    out += "while " + while_doing[i];
  }
  return out + ")";
}

std::unexpected<Error> fail_while(Error error, std::string doing) {
  error.while_doing.push_back(std::move(doing));
  return std::unexpected(std::move(error));
}

std::unexpected<Error> fail_errno(int error_number, std::string_view what) {
  ErrorCode code = ErrorCode::io;
  switch (error_number) {
    case ENOENT:
    case ENOTDIR: code = ErrorCode::not_found; break;
    case EACCES:
    case EPERM:
    case EROFS: code = ErrorCode::permission_denied; break;
    case ENOSPC:
    case EDQUOT: code = ErrorCode::no_space; break;
    case EEXIST: code = ErrorCode::already_exists; break;
    case ETIMEDOUT: code = ErrorCode::timeout; break;
    case ECONNREFUSED:
    case ECONNRESET:
    case EHOSTUNREACH:
    case ENETUNREACH: code = ErrorCode::unreachable; break;
    default: break;
  }
  // musl lacks strerrordesc_np; strerror is thread-safe in musl and in glibc since 2.32.
  return fail(code, "{}: {}", what, std::strerror(error_number));
}

}  // namespace sealift::base
