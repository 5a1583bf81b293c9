// SPDX-License-Identifier: Apache-2.0
#include "payload/http/acceptor.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>

namespace sealift::http {
namespace {

constexpr Duration kPause{50};

}  // namespace

Result<Acceptor> Acceptor::make(base::Fd listener, int epoll, uint64_t number) {
  Acceptor out;
  epoll_event event{EPOLLIN, {.u64 = number}};
  if (::epoll_ctl(epoll, EPOLL_CTL_ADD, listener.get(), &event) != 0)
    return fail_errno(errno, "watch a listening socket");
  out.listener_ = std::move(listener);
  out.epoll_ = epoll;
  out.number_ = number;
  return out;
}

base::Fd Acceptor::accept() {
  for (;;) {
    base::Fd out(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (out) {
      const int on = 1;
      ::setsockopt(out.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      return out;
    }
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      until_ = base::system_clock().monotonic() + kPause;
      watch(0);
    }
    if (errno != ECONNABORTED && errno != EINTR) return {};
  }
}

std::optional<Duration> Acceptor::go_on() {
  if (!until_) return std::nullopt;
  const Duration left = *until_ - base::system_clock().monotonic();
  if (left > Duration{}) return left;
  until_.reset();
  watch(EPOLLIN);
  return std::nullopt;
}

void Acceptor::watch(uint32_t events) const {
  epoll_event event{events, {.u64 = number_}};
  (void)::epoll_ctl(epoll_, EPOLL_CTL_MOD, listener_.get(), &event);
}

}  // namespace sealift::http
