// SPDX-License-Identifier: Apache-2.0
#include "payload/http/front.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "payload/base/format.h"
#include "payload/http/head.h"

namespace sealift::http {
namespace {

constexpr Admission::Id kListener = 0, kWake = 1;
// After the last answer: closing at once would destroy what the client has not read yet, if it has sent more.
constexpr Duration kParting{2'000};
// Connections accepted in one turn, so that those already there get their turn too.
constexpr int kAccepts = 64;

Duration now() { return base::system_clock().monotonic(); }

std::string_view reason(int status) {
  switch (status) {
    case 405: return "only GET and HEAD are answered here";
    case 413: return "requests with a body are not accepted here";
    case 414: return "the target of the request is too long";
    case 431: return "the head of the request is too long";
    case 503: return "too many requests at once; ask again later";
    case 505: return "this version of HTTP is not spoken here";
    default: return "this is not a request";
  }
}

std::string refusal(int status) {
  const auto text = reason(status);
  const std::string_view more = status == 503 ? "Retry-After: 5\r\n" : status == 405 ? "Allow: GET, HEAD\r\n" : "";
  return base::format(
      "HTTP/1.1 {} Refused\r\nConnection: close\r\n{}Content-Type: text/plain\r\nContent-Length: {}\r\n\r\n{}\n",
      status, more, text.size() + 1, text);
}

}  // namespace

Front::Front(const ServerLimits& limits, std::shared_ptr<const TlsServer> tls, Answer answer)
    : limits_(limits),
      answer_(std::move(answer)),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      admission_(limits.connections),
      requests_(limits.requests),
      last_id_(kWake),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      tls_(std::move(tls)),
      workers_(limits.requests.all) {}

Result<std::unique_ptr<Front>> Front::start(base::Fd listener, const ServerLimits& limits,
                                            std::shared_ptr<const TlsServer> tls, Answer answer) {
  std::unique_ptr<Front> out(new Front(limits, std::move(tls), std::move(answer)));
  epoll_event event{EPOLLIN, {.u64 = kWake}};
  if (!out->epoll_ || !out->wake_ || ::epoll_ctl(out->epoll_.get(), EPOLL_CTL_ADD, out->wake_.get(), &event) != 0)
    return fail_errno(errno, "watch connections");
  SEALIFT_ASSIGN(out->acceptor_, Acceptor::make(std::move(listener), out->epoll_.get(), kListener));
  SEALIFT_ASSIGN(out->thread_, Thread::start([front = out.get()] { front->run(); }));
  return out;
}

void Front::set_tls(std::shared_ptr<const TlsServer> tls) {
  const std::lock_guard lock(mutex_);
  tls_ = std::move(tls);
}

std::shared_ptr<const TlsServer> Front::tls() {
  const std::lock_guard lock(mutex_);
  return tls_;
}

void Front::close_door() {
  closing_ = true;
  const uint64_t one = 1;
  (void)!::write(wake_.get(), &one, sizeof one);
}

void Front::leave_door() {
  is_closed_ = true;
  acceptor_ = {};
  std::vector<Id> waiting;
  for (const auto& [id, connection] : connections_) {
    const bool is_busy =
        connection->state == Connection::State::answering || connection->state == Connection::State::leaving;
    if (!is_busy) waiting.push_back(id);
  }
  for (const Id id : waiting) close(id);
}

void Front::stop() {
  stopping_ = true;
  const uint64_t one = 1;
  (void)!::write(wake_.get(), &one, sizeof one);
  thread_.join();
  workers_.stop();
  connections_.clear();
}

void Front::run() {
  std::array<epoll_event, 256> events{};
  while (!stopping_) {
    const int count = ::epoll_wait(epoll_.get(), events.data(), events.size(), static_cast<int>(next_pause().count()));
    for (int i = 0; i < count && !stopping_; ++i) {
      const Id id = events.at(static_cast<size_t>(i)).data.u64;
      if (id == kListener)
        accept_some();
      else if (id == kWake)
        take_back();
      else
        advance(id);  // it may have gone in the meantime
    }
    if (closing_ && !is_closed_) leave_door();
    close_late();
  }
  acceptor_ = {};
  std::erase_if(connections_, [](const auto& entry) { return entry.second->state != Connection::State::answering; });
}

// Until something has to happen without an event.
Duration Front::next_pause() {
  constexpr Duration kLongest{1'000};
  Duration out = acceptor_.go_on().value_or(kLongest);
  if (const auto next = deadlines_.next()) out = std::min(out, *next - now());
  return std::max(out, Duration{0}) + Duration{1};
}

void Front::accept_some() {
  for (int i = 0; i < kAccepts; ++i) {
    base::Fd socket = acceptor_.accept();
    if (!socket) break;
    enter(std::move(socket));
  }
  if (!acceptor_.is_paused()) return;
  if (const auto victim = admission_.evict_any()) close(*victim);
}

void Front::enter(base::Fd socket) {
  const Id id = ++last_id_;
  const Caller caller = finder_.find(socket.get());
  const auto verdict = admission_.enter(id, caller);
  if (verdict.victim) close(*verdict.victim);
  if (!verdict.is_admitted) return;
  auto& connection = *(connections_[id] = std::make_unique<Connection>(std::move(socket), caller));
  set_deadline(id, limits_.head_time);
  watch(id, connection, EPOLLIN);
}

// Connections whose answers are done.
void Front::take_back() {
  uint64_t count = 0;
  (void)!::read(wake_.get(), &count, sizeof count);
  std::vector<std::pair<Id, Outcome>> answered;
  {
    const std::lock_guard lock(mutex_);
    answered.swap(answered_);
  }
  for (const auto& [id, outcome] : answered) {
    auto& connection = *connections_.at(id);
    requests_.give_back(connection.caller());
    admission_.waits(id);
    --answering_;
    if (outcome == Outcome::close || closing_) {
      if (!part(id, connection)) close(id);
      continue;
    }
    connection.state = Connection::State::head;
    connection.known = 0;
    set_deadline(id, connection.received.empty() ? limits_.idle_time : limits_.head_time);
    advance(id);
  }
}

// As far as it goes without waiting.
void Front::advance(Id id) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;
  if (!step(id, *found->second)) close(id);
}

// False: the connection is over. So with all below.
bool Front::step(Id id, Connection& connection) {
  switch (connection.state) {
    case Connection::State::fresh: return begin(id, connection);
    case Connection::State::handshake: return shake_hands(id, connection);
    case Connection::State::head: return read_head(id, connection);
    case Connection::State::leaving: return discard(connection);
    case Connection::State::answering: return true;
  }
  return false;
}

bool Front::begin(Id id, Connection& connection) {
  const auto tls = this->tls();
  if (!tls) {
    connection.state = Connection::State::head;
    return read_head(id, connection);
  }
  std::byte first{};
  if (::recv(connection.socket(), &first, 1, MSG_PEEK | MSG_DONTWAIT) <= 0 || !connection.begin_tls(*tls)) return false;
  admission_.speaks(id);
  connection.state = Connection::State::handshake;
  return shake_hands(id, connection);
}

bool Front::shake_hands(Id id, Connection& connection) {
  const Moved moved = connection.handshake();
  if (moved.state == Moved::State::ended) return part(id, connection);  // so that the client hears why
  if (moved.state != Moved::State::done) return wait_for(id, connection, moved.state);
  connection.state = Connection::State::head;
  if (tls()->demands_certificates()) {
    const auto victim = admission_.trust(id);
    connection.caller().is_trusted = true;
    if (victim == id) return false;
    if (victim) close(*victim);
  }
  return read_head(id, connection);
}

bool Front::read_head(Id id, Connection& connection) {
  for (;;) {
    const auto head = look_at_head(connection.received, connection.known);
    connection.known = connection.received.size();
    if (head.refusal != 0) return refuse(id, connection, head.refusal);
    if (head.size != 0) return hand_over(id, connection, head.size);
    std::array<std::byte, 4096> piece{};
    const Moved moved =
        connection.read(std::span(piece).first(std::min(piece.size(), kMaxHead - connection.received.size())));
    if (moved.state == Moved::State::ended) return false;
    if (moved.state != Moved::State::done) return wait_for(id, connection, moved.state);
    // Between requests it was idle; a new one has begun.
    if (connection.received.empty() && connection.was_answered) set_deadline(id, limits_.head_time);
    connection.received += base::as_text(ByteView(piece).first(moved.count));
  }
}

bool Front::hand_over(Id id, Connection& connection, size_t head) {
  const auto& caller = connection.caller();
  if (!requests_.has_own_room(caller) || !requests_.has_room(caller)) return refuse(id, connection, 503);
  watch(id, connection, 0);
  deadlines_.erase(id);
  connection.state = Connection::State::answering;
  connection.was_answered = true;
  ++answering_;
  const bool runs = workers_.run([this, id, head, &connection] {
    Exchange exchange(connection, head, limits_, stopping_);
    const Outcome outcome = answer_(exchange);
    connection.received.erase(0, head);
    const std::lock_guard lock(mutex_);
    answered_.emplace_back(id, outcome);
    const uint64_t one = 1;
    (void)!::write(wake_.get(), &one, sizeof one);
  });
  if (!runs) {
    --answering_;
    return refuse(id, connection, 503);
  }
  requests_.take(caller);
  admission_.works(id);
  return true;
}

bool Front::refuse(Id id, Connection& connection, int status) {
  // A fresh or idle socket has room for so little; a client for which it has none does not hear why.
  const std::string text = refusal(status);
  (void)connection.write(base::as_bytes(text));
  return part(id, connection);
}

bool Front::part(Id id, Connection& connection) {
  connection.end_writing();
  connection.state = Connection::State::leaving;
  connection.received = {};
  set_deadline(id, kParting);
  watch(id, connection, EPOLLIN);
  return true;
}

bool Front::discard(Connection& connection) {
  std::array<std::byte, 4096> piece{};
  const ssize_t count = ::recv(connection.socket(), piece.data(), piece.size(), MSG_DONTWAIT);
  return count > 0 || (count < 0 && (errno == EAGAIN || errno == EINTR));
}

bool Front::wait_for(Id id, Connection& connection, Moved::State wanted) {
  watch(id, connection, wanted == Moved::State::wants_write ? EPOLLOUT : EPOLLIN);
  return true;
}

void Front::set_deadline(Id id, Duration from_now) { deadlines_.set(id, now() + from_now); }

void Front::watch(Id id, Connection& connection, uint32_t events) {
  if (connection.events == events) return;
  epoll_event event{events, {.u64 = id}};
  const int operation = events == 0 ? EPOLL_CTL_DEL : connection.events == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
  // Without memory for it the connection is never heard of again, and ends at its deadline.
  (void)::epoll_ctl(epoll_.get(), operation, connection.socket(), &event);
  connection.events = events;
}

void Front::close(Id id) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;
  admission_.leave(id);
  deadlines_.erase(id);
  connections_.erase(found);
}

void Front::close_late() {
  while (const auto late = deadlines_.late(now())) close(*late);
}

}  // namespace sealift::http
