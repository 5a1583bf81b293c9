// SPDX-License-Identifier: Apache-2.0
#include "payload/http/exchange.h"

#include <poll.h>

#include <algorithm>

#include "payload/http/socket_address.h"

namespace sealift::http {
namespace {

// How soon a write that waits notices that the server stops.
constexpr Duration kGlance{100};

}  // namespace

Request::Client Exchange::client() const {
  return {peer_address(connection_.socket()).host(), connection_.client_certificate()};
}

Result<void> Exchange::write(ByteView data) {
  while (!data.empty()) {
    if (stopping_ && has_begun_) return fail(ErrorCode::cancelled, "the server stops");
    const Moved moved = connection_.write(data);
    if (moved.state == Moved::State::ended) return fail(ErrorCode::unreachable, "the client went away");
    if (moved.state == Moved::State::done) {
      pace_.moved(moved.count);
      data = data.subspan(moved.count);
      continue;
    }
    SEALIFT_TRY(wait(moved.state));
    if (const auto slow = pace_.too_slow())
      return fail(ErrorCode::timeout, "the client takes {} bytes a second", slow->rate);
  }
  has_begun_ = true;
  return {};
}

Result<void> Exchange::wait(Moved::State wanted) {
  auto& clock = base::system_clock();
  const Duration begin = clock.monotonic();
  pollfd polled{connection_.socket(), static_cast<short>(wanted == Moved::State::wants_read ? POLLIN : POLLOUT), 0};
  for (;;) {
    const Duration waited = clock.monotonic() - begin;
    if (stopping_) return fail(ErrorCode::cancelled, "the server stops");
    if (waited >= limits_.write_timeout) return fail(ErrorCode::timeout, "the client takes nothing");
    const Duration left = std::min(kGlance, limits_.write_timeout - waited);
    if (::poll(&polled, 1, static_cast<int>(left.count())) > 0) break;
  }
  pace_.waited(clock.monotonic() - begin);
  return {};
}

}  // namespace sealift::http
