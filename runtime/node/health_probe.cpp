// SPDX-License-Identifier: Apache-2.0
#include "runtime/node/health_probe.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <system_error>
#include <vector>

#include "payload/base/bytes.h"
#include "payload/base/format.h"
#include "payload/base/text.h"

namespace sealift::node {
namespace {

// Who asks is seen in the API server's audit log. The host's name is not looked at.
constexpr std::string_view kQuestion =
    "GET /readyz HTTP/1.1\r\nHost: kubernetes\r\nUser-Agent: sealift-balancer\r\nAccept: */*\r\n\r\n";

// The list of checks of an API server that fails (Kubernetes 1.34) is 3 KB long.
constexpr size_t kMaxBody = size_t{16} << 10;
// All that a server may send for one question, handshake included: what is more costs this thread time, in which no
// other connection is served.
constexpr size_t kMaxBytes = size_t{64} << 10;

constexpr size_t kMaxChecks = 3, kMaxCheckName = 80;

// Not about the server: this host has no more descriptors, memory or ports.
bool is_own_shortage(int error) {
  return std::ranges::contains(std::array{EMFILE, ENFILE, ENOBUFS, ENOMEM, EADDRNOTAVAIL, EAGAIN}, error);
}

}  // namespace

std::string failing_checks(std::string_view body) {
  std::vector<std::string> names;
  size_t others = 0;
  while (!body.empty()) {
    const size_t end = std::min(body.find('\n'), body.size());
    const auto line = body.substr(0, end);
    body.remove_prefix(std::min(end + 1, body.size()));
    if (!line.starts_with("[-]")) continue;
    if (names.size() < kMaxChecks)
      names.push_back(base::printable(line.substr(0, line.find(' ')), kMaxCheckName) + " failed");
    else
      ++others;
  }
  return base::join(names, ", ") + (others > 0 ? base::format(" and {} more", others) : "");
}

HealthProbe::HealthProbe(const http::TlsStranger& tls, const http::SocketAddress& server)
    : tls_(&tls), server_(server), answer_(kMaxBody) {}

void HealthProbe::ask() {
  if (!session_) return connect();
  begin(State::asked);
  is_kept_ = true;
  session_->allow(kMaxBytes);
  talk();
}

void HealthProbe::begin(State state) {
  state_ = state;
  is_kept_ = false;
  is_alive_ = false;
  is_said_ = false;
  answer_ = http::AnswerReader(kMaxBody);
}

void HealthProbe::connect() {
  begin(State::connecting);
  session_.reset();
  socket_ = base::Fd(::socket(server_.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket_) return break_off(errno);
  // Closing leaves nothing behind, on either side: where connections can't be kept, a hundred nodes that ask each
  // second would leave thousands in TIME_WAIT.
  const linger at_once{1, 0};
  ::setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  if (::connect(socket_.get(), server_.get(), server_.size) != 0 && errno != EINPROGRESS) return break_off(errno);
  wanted_ = EPOLLOUT;
}

void HealthProbe::advance(uint32_t events) {
  if (state_ == State::connecting) {
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) return break_off(error);
    if ((events & EPOLLOUT) == 0) return;
    session_ = http::TlsSession::make(*tls_, socket_.get());
    if (!session_) return break_off(ENOMEM);
    session_->allow(kMaxBytes);
    state_ = State::greeting;
  }
  if (state_ == State::greeting) return greet();
  if (state_ == State::asked) talk();
}

void HealthProbe::greet() {
  const auto moved = session_->handshake();
  const auto heard = session_->heard();
  if (heard.bytes > 0) is_alive_ = true;  // any byte is a sign of life, also one that means nothing to TLS
  if (moved.state == http::Moved::State::ended) {
    if (is_alive_) return break_off(Verdict::lives, "its TLS handshake fails");
    if (heard.end == 0) return break_off(Verdict::dead, "it ends connections without an answer");
    return break_off(heard.end.value_or(ENOMEM));  // or it is not for the other side, which has said nothing
  }
  wanted_ = moved.state == http::Moved::State::wants_write ? EPOLLOUT : EPOLLIN;
  if (moved.state != http::Moved::State::done) return;
  state_ = State::asked;
  talk();
}

void HealthProbe::talk() {
  if (!is_said_) {
    const auto moved = session_->write(base::as_bytes(kQuestion));
    wanted_ = EPOLLOUT;
    if (moved.state == http::Moved::State::wants_write) return;
    is_said_ = true;  // or the connection has ended, as reading tells
  }
  wanted_ = EPOLLIN;
  while (answer_.state() < http::AnswerReader::State::whole) {
    std::array<std::byte, 4096> piece;
    const auto moved = session_->read(piece);
    if (moved.state == http::Moved::State::ended) {
      if (waits_on_kept()) return connect();
      answer_.take_end();
    } else if (moved.state == http::Moved::State::done) {
      is_alive_ = true;
      answer_.take(base::as_text(ByteView(piece).first(moved.count)));
    } else {
      return;
    }
  }
  judge_answer();
}

// 503 and the like are said by what stands before /readyz in the API server, so they are a no as well. What else there
// is says nothing of readiness: 401 and 403, where strangers may not ask (--anonymous-auth=false) or the server has not
// read yet that they may; 404, where no API server is.
void HealthProbe::judge_answer() {
  if (answer_.state() == http::AnswerReader::State::unreadable)
    return break_off(Verdict::lives, "its answer to /readyz is unreadable");
  auto why = failing_checks(answer_.body());
  if (answer_.status() < 500 || why.empty()) why = base::format("/readyz answers {}", answer_.status());
  const auto verdict = answer_.status() == 200   ? Verdict::ready
                       : answer_.status() >= 500 ? Verdict::not_ready
                                                 : Verdict::lives;
  if (answer_.stays_open())
    end(verdict, std::move(why));
  else
    break_off(verdict, std::move(why));
}

void HealthProbe::give_up() {
  if (state_ == State::idle) return;
  if (is_alive_) return break_off(Verdict::not_ready, "/readyz does not answer in time");
  break_off(Verdict::dead,
            state_ == State::connecting ? "no connection in time" : "it accepts connections, but says nothing");
}

void HealthProbe::end(Verdict verdict, std::string why) {
  state_ = State::idle;
  wanted_ = 0;
  verdict_ = verdict;
  why_ = std::move(why);
}

void HealthProbe::break_off(Verdict verdict, std::string why) {
  session_.reset();
  socket_.reset();
  end(verdict, std::move(why));
}

void HealthProbe::break_off(int error) {
  auto why = std::generic_category().message(error);
  why.front() = static_cast<char>(std::tolower(static_cast<unsigned char>(why.front())));
  break_off(is_own_shortage(error) ? Verdict::unasked : Verdict::dead, std::move(why));
}

}  // namespace sealift::node
