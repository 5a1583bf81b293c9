// SPDX-License-Identifier: Apache-2.0
#include "runtime/node/balancer.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>

#include "payload/base/text.h"
#include "payload/http/socket_address.h"
#include "payload/json/value.h"

namespace sealift::node {
namespace {

constexpr Duration kConnect{2'000};
constexpr uint64_t kListener = 0;
// Connections accepted in one turn, so that those already there get their turn too.
constexpr int kAccepts = 64;
// Read at once; more is read from a half only when the other one has taken it all.
constexpr size_t kPiece = size_t{32} << 10;

// "10.7.0.11:6443", "[fd00::1]:6443"; port 0 means any free one.
Result<http::SocketAddress> resolve(std::string_view text) {
  const size_t colon = text.rfind(':');
  const auto port = base::parse_u64(colon == std::string_view::npos ? "" : text.substr(colon + 1));
  std::string host(text.substr(0, colon));
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  const auto out = port && *port <= 65535 ? http::socket_address(host, static_cast<uint16_t>(*port))
                                          : Result<http::SocketAddress>(fail(ErrorCode::invalid_config, "no port"));
  if (!out) return fail(ErrorCode::invalid_config, "\"{}\" is not an address with a port", base::printable(text));
  return out;
}

Duration now() { return base::system_clock().monotonic(); }

void tune(int fd) {
  const int on = 1, idle = 30, interval = 10, count = 3;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  // A backend whose host lost power never answers: keep-alive notices.
  ::setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
  ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count);
}

}  // namespace

Result<BalancerConfig> parse_balancer_config(std::string_view text) {
  SEALIFT_ASSIGN(const auto value, json::parse(text));
  BalancerConfig out;
  SEALIFT_ASSIGN(out.listen, value.text("listen"));
  const auto* backends = value.find("backends");
  if (backends == nullptr || !backends->is_array() || backends->elements()->empty())
    return fail(ErrorCode::invalid_config, "\"backends\" must be a list that is not empty");
  for (const auto& element : *backends->elements()) {
    if (element.string() == nullptr) return fail(ErrorCode::invalid_config, "a backend must be a text");
    SEALIFT_TRY(resolve(*element.string()));
    out.backends.push_back(*element.string());
  }
  return out;
}

Result<Balancer> Balancer::make(base::Fd listener, const std::vector<std::string>& backends,
                                const BalancerLimits& limits) {
  uint32_t seed = 0;
  if (::getrandom(&seed, sizeof seed, 0) != sizeof seed) return fail_errno(errno, "getrandom");
  const auto tell = [](const std::string& line) { std::fprintf(stderr, "%s\n", line.c_str()); };
  SEALIFT_ASSIGN(auto tls, http::TlsStranger::make());
  Balancer out(limits, Backends(backends, limits.health, seed, tell), std::move(tls));
  out.epoll_ = base::Fd(::epoll_create1(EPOLL_CLOEXEC));
  if (!out.epoll_) return fail_errno(errno, "watch connections");
  SEALIFT_ASSIGN(out.acceptor_, http::Acceptor::make(std::move(listener), out.epoll_.get(), kListener));
  return out;
}

Result<Balancer> Balancer::listen(const BalancerConfig& config) {
  SEALIFT_ASSIGN(const auto address, resolve(config.listen));
  auto listener = http::listen_at(address);
  if (!listener) return fail_while(std::move(listener.error()), "listening on " + config.listen);
  return make(std::move(*listener), config.backends, config.limits);
}

Result<Balancer> Balancer::adopt(int listener, const std::vector<std::string>& backends, const BalancerLimits& limits) {
  SEALIFT_ASSIGN(auto own, http::adopt_listener(listener));
  return make(std::move(own), backends, limits);
}

uint16_t Balancer::port() const { return http::own_address(acceptor_.listener().get()).port(); }

void Balancer::accept_new() {
  for (int i = 0; i < kAccepts; ++i) {
    base::Fd fd = acceptor_.accept();
    if (!fd) break;
    tune(fd.get());
    const Id id = ++last_id_;
    const auto verdict = admission_.enter(id, finder_.find(fd.get()));
    if (verdict.victim) close(*verdict.victim);
    if (!verdict.is_admitted) continue;
    auto& connection = *(connections_[id] = std::make_unique<Connection>());
    connection.client.fd = std::move(fd);
    deadlines_.set(id, now() + limits_.silent);
    watch(id, connection);
  }
  if (!acceptor_.is_paused()) return;
  if (const auto victim = admission_.evict_any()) close(*victim);
}

void Balancer::leave_backend(Connection& connection) {
  if (!connection.server.fd) return;
  connection.server = {};
  backends_.leave(connection.tried.back());
}

// Begins a connection to the next untried backend; false if none is left.
bool Balancer::connect_next(Id id, Connection& connection) {
  leave_backend(connection);
  while (const auto backend = backends_.choose(connection.tried)) {
    connection.tried.push_back(*backend);
    const auto address = resolve(backends_.address(*backend));
    if (!address) continue;
    base::Fd fd(::socket(address->storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd) continue;
    tune(fd.get());
    if (::connect(fd.get(), address->get(), address->size) != 0 && errno != EINPROGRESS) continue;
    connection.server.fd = std::move(fd);
    backends_.enter(*backend);
    connection.state = Connection::State::connecting;
    deadlines_.set(id, now() + kConnect);
    return true;
  }
  return false;
}

// An event, or (without one) the end of the time for it.
bool Balancer::finish_connecting(Id id, Connection& connection, uint32_t events) {
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(connection.server.fd.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0 || (events & EPOLLOUT) == 0) return connect_next(id, connection);
  connection.state = Connection::State::open;
  connection.last_byte = now();
  deadlines_.set(id, connection.last_byte + limits_.idle);
  return true;
}

// Passes on what `from` has said, as far as `to` takes it; false when the connection is over.
bool Balancer::pass(Connection& connection, Half& from, Half& to, bool readable) {
  const auto send = [&](ByteView data) -> ssize_t {
    const ssize_t count = ::send(to.fd.get(), data.data(), data.size(), MSG_NOSIGNAL);
    if (count > 0) connection.last_byte = now();
    return count < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : count;
  };
  if (!from.buffer.empty()) {
    const ssize_t count = send(from.buffer);
    if (count < 0) return false;
    from.buffer.erase(from.buffer.begin(), from.buffer.begin() + count);
    if (from.buffer.empty()) from.buffer = {};  // many connections are idle: their buffers are given back
  }
  if (readable && from.buffer.empty() && !from.ended) {
    std::array<std::byte, kPiece> piece;
    const ssize_t count = ::recv(from.fd.get(), piece.data(), piece.size(), 0);
    if (count < 0 && errno != EAGAIN && errno != EINTR) return false;
    from.ended = count == 0;
    if (count > 0) {
      connection.last_byte = now();
      if (&from == &connection.server) backends_.heard(connection.tried.back(), connection.last_byte);
      const auto data = ByteView(piece).first(static_cast<size_t>(count));
      const ssize_t sent = send(data);
      if (sent < 0) return false;
      from.buffer.assign(data.begin() + sent, data.end());
    }
  }
  if (from.ended && from.buffer.empty() && !from.shut) {
    ::shutdown(to.fd.get(), SHUT_WR);
    from.shut = true;
  }
  return true;
}

void Balancer::advance(Id id, bool of_server, uint32_t events) {
  if (const auto asked = questions_.find(id); asked != questions_.end()) {
    asked->second.probe.advance(events);
    return follow(id, asked->second);
  }
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;
  auto& connection = *found->second;
  auto& client = connection.client;
  auto& server = connection.server;
  const auto go_on = [&] {
    switch (connection.state) {
      case Connection::State::silent: admission_.works(id); return connect_next(id, connection);
      case Connection::State::connecting: return !of_server || finish_connecting(id, connection, events);
      case Connection::State::open: {
        const bool readable = (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0;
        return pass(connection, client, server, readable && !of_server) &&
               pass(connection, server, client, readable && of_server) && !(client.shut && server.shut);
      }
    }
    return false;
  };
  if (go_on())
    watch(id, connection);
  else
    close(id);
}

void Balancer::watch(Id id, Connection& connection) {
  const auto set = [&](Half& half, uint32_t wanted, uint64_t of_server) {
    if (!half.fd || half.events == wanted) return;
    epoll_event event{wanted, {.u64 = id << 1 | of_server}};
    // A half that neither reads nor writes is not watched: its end would be told again and again.
    const int operation = wanted == 0 ? EPOLL_CTL_DEL : half.events == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    (void)::epoll_ctl(epoll_.get(), operation, half.fd.get(), &event);
    half.events = wanted;
  };
  const auto wanted = [](const Half& from, const Half& to) -> uint32_t {
    return (!from.ended && from.buffer.empty() ? EPOLLIN : 0U) | (to.buffer.empty() ? 0U : EPOLLOUT);
  };
  const bool is_open = connection.state == Connection::State::open;
  const bool is_silent = connection.state == Connection::State::silent;
  set(connection.client, is_open ? wanted(connection.client, connection.server) : is_silent ? EPOLLIN : 0U, 0);
  set(connection.server, is_open ? wanted(connection.server, connection.client) : EPOLLOUT, 1);
}

void Balancer::ask_backends() {
  std::erase_if(questions_, [&](const auto& entry) {
    const bool is_over = !backends_.is_of_interest(entry.second.backend);
    if (is_over) deadlines_.erase(entry.first);
    return is_over;
  });
  for (const auto backend : backends_.questions(now())) ask(backend);
}

void Balancer::ask(Backends::Id backend) {
  auto found = std::ranges::find(questions_, backend, [](const auto& entry) { return entry.second.backend; });
  if (found == questions_.end()) {
    const auto address = resolve(backends_.address(backend));
    if (!address) return backends_.fails(backend, "no address", now());
    found = questions_.emplace(++last_id_, Question{backend, HealthProbe(*tls_, *address)}).first;
  }
  auto& [id, question] = *found;
  question.until = now() + limits_.health.patience;
  question.probe.ask();
  deadlines_.set(id, question.probe.waits_on_kept() ? now() + limits_.health.prompt : question.until);
  follow(id, question);
}

// Waits on, or takes the answer. A connection that is kept is not watched: its end would be told again and again.
void Balancer::follow(Id id, Question& question) {
  auto& probe = question.probe;
  epoll_event event{probe.wanted(), {.u64 = id << 1}};
  // One that was closed has left by itself, and the new one may have its number.
  if (event.events == 0)
    (void)::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, probe.fd(), &event);
  else if (::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, probe.fd(), &event) != 0)
    (void)::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, probe.fd(), &event);
  if (probe.state() != HealthProbe::State::idle) return;
  deadlines_.erase(id);
  const auto backend = question.backend;
  switch (probe.verdict()) {
    case HealthProbe::Verdict::ready: return backends_.answers(backend, Backends::Answer::ready, probe.why());
    case HealthProbe::Verdict::not_ready: return backends_.answers(backend, Backends::Answer::not_ready, probe.why());
    case HealthProbe::Verdict::lives: return backends_.answers(backend, Backends::Answer::lives, probe.why());
    case HealthProbe::Verdict::dead: return backends_.fails(backend, probe.why(), now());
    case HealthProbe::Verdict::unasked: return backends_.unasked(backend);
  }
}

void Balancer::keep_patience(Id id, Question& question) {
  if (question.until <= now())
    question.probe.give_up();
  else if (question.probe.waits_on_kept())
    question.probe.ask_anew();
  deadlines_.set(id, question.until);
  follow(id, question);
}

// A connection that has sent nothing yet goes on to another backend; any other one ends, so that its client begins
// anew.
void Balancer::close_hopeless() {
  std::vector<Id> hopeless;
  for (const auto& [id, connection] : connections_) {
    if (connection->server.fd && backends_.is_hopeless(connection->tried.back())) hopeless.push_back(id);
  }
  for (const Id id : hopeless) {
    if (connections_.at(id)->state == Connection::State::connecting)
      advance(id, true, 0);
    else
      close(id);
  }
}

// What is late: another backend is tried, a silent or idle connection closed, a backend without an answer judged.
void Balancer::keep_deadlines() {
  while (const auto late = deadlines_.late(now())) {
    const Id id = *late;
    if (const auto asked = questions_.find(id); asked != questions_.end()) {
      keep_patience(id, asked->second);
      continue;
    }
    auto& connection = *connections_.at(id);
    if (connection.state == Connection::State::connecting)
      advance(id, true, 0);
    else if (connection.state == Connection::State::open && connection.last_byte + limits_.idle > now())
      deadlines_.set(id, connection.last_byte + limits_.idle);
    else
      close(id);
  }
}

void Balancer::close(Id id) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;
  leave_backend(*found->second);
  admission_.leave(id);
  deadlines_.erase(id);
  connections_.erase(found);
}

Result<void> Balancer::serve(int milliseconds, const CancelToken& cancel) {
  constexpr Duration kGlance{200};  // how soon it notices `cancel`
  const Duration end = now() + Duration{milliseconds};
  std::array<epoll_event, 256> events{};
  while (!cancel.cancelled()) {
    Duration left = end - now();
    if (left <= Duration{}) return {};
    left = std::min({left, kGlance, acceptor_.go_on().value_or(kGlance)});
    ask_backends();
    if (const auto next = backends_.next_question()) left = std::clamp(*next - now(), Duration{0}, left);
    if (const auto next = deadlines_.next()) left = std::clamp(*next - now(), Duration{0}, left);
    const int count = ::epoll_wait(epoll_.get(), events.data(), events.size(), static_cast<int>(left.count()));
    if (count < 0 && errno == EINTR) return {};  // a signal: the caller knows what it means
    if (count < 0) return fail_errno(errno, "wait for connections");
    for (int i = 0; i < count; ++i) {
      const auto& event = events.at(static_cast<size_t>(i));
      if (event.data.u64 == kListener)
        accept_new();
      else
        advance(event.data.u64 >> 1, (event.data.u64 & 1) != 0, event.events);
    }
    keep_deadlines();
    if (backends_.take_hopeless()) close_hopeless();
  }
  return {};
}

}  // namespace sealift::node
