// SPDX-License-Identifier: Apache-2.0
#include "payload/http/patience.h"

#include <algorithm>
#include <ctime>

#include "payload/base/retry.h"
#include "payload/base/text.h"

namespace sealift::http {
namespace {

// Seconds, or a date such as "Wed, 21 Oct 2026 07:28:00 GMT" (RFC 9110, section 10.2.3).
Duration retry_after(const std::string& value, Clock& clock) {
  constexpr uint64_t kLongest = 3600;
  if (const auto seconds = base::parse_u64(value)) return std::chrono::seconds(std::min<uint64_t>(*seconds, kLongest));
  std::tm date{};
  const char* end = ::strptime(value.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &date);
  if (end == nullptr || *end != '\0') return {};
  const auto wait = std::chrono::system_clock::from_time_t(::timegm(&date)) - clock.now();
  return std::clamp(std::chrono::duration_cast<Duration>(wait), Duration{}, Duration{std::chrono::seconds(kLongest)});
}

}  // namespace

std::optional<Duration> Attempts::next(const Error& error, const Reply* reply, uint64_t received) {
  if (received >= reached_ + kProgress) {
    reached_ = received;
    failed_ = 0;
  }
  if (!base::may_pass(error.code) || ++failed_ >= patience_.attempts) return std::nullopt;
  const Duration grown =
      std::min(patience_.longest_pause, patience_.first_pause * (int64_t{1} << std::min(failed_ - 1, 16U)));
  if (reply == nullptr || !reply->headers.contains("retry-after")) return grown;
  return std::max(grown, std::min(patience_.longest_pause, retry_after(reply->headers.at("retry-after"), clock_)));
}

}  // namespace sealift::http
