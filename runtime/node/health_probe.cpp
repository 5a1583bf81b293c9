// SPDX-License-Identifier: Apache-2.0
#include "runtime/node/health_probe.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <system_error>

#include "payload/base/bytes.h"

namespace sealift::node {
namespace {

// A ClientHello of TLS 1.2 (RFC 5246, 7.4.1.2) that offers no cipher: its only suite is the mark of RFC 5746, 3.3. So
// the server answers with the alert handshake_failure before it uses its key or keeps anything, which is the cheapest
// answer that its process itself must give.
//
// Go's net/http reports every handshake that does not end well, even one of no bytes, so no probe short of a whole
// handshake is silent there. But kube-apiserver writes these reports to its log only from verbosity 5 on (its default
// is 2; tlsHandshakeErrorWriter in k8s.io/apiserver) and counts them in apiserver_tls_handshake_errors_total. A plain
// connect would count there as well, and prove less.
constexpr auto kHello = std::to_array<uint8_t>({
    0x16, 0x03, 0x01, 0x00, 0x2d,                           // record: handshake, 45 bytes
    0x01, 0x00, 0x00, 0x29,                                 // ClientHello, 41 bytes
    0x03, 0x03,                                             // TLS 1.2
    's',  'e',  'a',  'l',  'i',  'f', 't', ' ', 'a', 's',  // "random", 32 bytes: nothing secret follows
    'k',  's',  ':',  ' ',  'd',  'o', ' ', 'y', 'o', 'u',  //
    ' ',  'l',  'i',  'v',  'e',  '?', ' ', ' ', ' ', ' ',  //
    ' ',  ' ',                                              //
    0x00,                                                   // no session
    0x00, 0x02, 0x00, 0xff,                                 // one cipher suite: none
    0x01, 0x00,                                             // no compression
});
static_assert(kHello.size() == 5 + 45);

// Not about the server: this host has no more descriptors, memory or ports.
bool is_own_shortage(int error) {
  return std::ranges::contains(std::array{EMFILE, ENFILE, ENOBUFS, ENOMEM, EADDRNOTAVAIL, EAGAIN}, error);
}

}  // namespace

HealthProbe::HealthProbe(const http::SocketAddress& server)
    : socket_(::socket(server.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
  if (!socket_) {
    fail(errno);
    return;
  }
  // Closing leaves nothing behind, on either side: a hundred nodes that ask each second would leave thousands of
  // connections in TIME_WAIT.
  const linger at_once{1, 0};
  ::setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  if (::connect(socket_.get(), server.get(), server.size) != 0 && errno != EINPROGRESS) fail(errno);
}

uint32_t HealthProbe::wanted() const { return state_ == State::connecting ? EPOLLOUT : EPOLLIN; }

void HealthProbe::advance(uint32_t events) {
  if (state_ == State::connecting) {
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) return fail(error);
    if ((events & EPOLLOUT) == 0) return;
    // A new socket takes it whole.
    if (::send(socket_.get(), kHello.data(), kHello.size(), MSG_NOSIGNAL) < 0) return fail(errno);
    state_ = State::asked;
  } else if (state_ == State::asked) {
    std::byte answer{};
    const ssize_t count = ::recv(socket_.get(), &answer, 1, 0);
    if (count > 0)
      state_ = State::lives;
    else if (count == 0)
      fail("it ends connections without an answer");
    else if (errno != EAGAIN && errno != EINTR)
      fail(errno);
  }
}

void HealthProbe::give_up() {
  if (state_ == State::connecting) return fail("no connection in time");
  if (state_ == State::asked) return fail("it accepts connections, but says nothing");
}

void HealthProbe::fail(std::string why) {
  state_ = State::fails;
  why_ = std::move(why);
}

void HealthProbe::fail(int error) {
  if (is_own_shortage(error)) {
    state_ = State::unasked;
    return;
  }
  auto why = std::generic_category().message(error);
  why.front() = static_cast<char>(std::tolower(static_cast<unsigned char>(why.front())));
  fail(std::move(why));
}

}  // namespace sealift::node
