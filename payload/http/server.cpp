// SPDX-License-Identifier: Apache-2.0
#include "payload/http/server.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <list>
#include <mutex>

#include "payload/base/thread.h"
#include "payload/http/httplib.h"

namespace sealift::http {
namespace {

// The deepest use measured with sanitizers is 91 KiB: TLS and a handler that opens a payload. Untouched pages
// cost no memory.
constexpr size_t kStackSize = size_t{256} << 10;
// Writes to a slow client are split, to notice in between that the server is stopping.
constexpr size_t kWriteSize = size_t{256} << 10;

// One thread per connection, instead of httplib's pool of fixed size, in which slow connections can occupy all threads
// and block all others. Each ending thread joins the one that ended before it, so at most one is left over.
class ConnectionThreads final : public httplib::TaskQueue {
 public:
  explicit ConnectionThreads(size_t limit) : limit_(limit) {}

  // False: httplib closes the connection.
  bool enqueue(std::function<void()> serve) override {
    const std::lock_guard lock(mutex_);
    if (running_.size() >= limit_) return false;
    const auto place = running_.emplace(running_.end());
    auto thread = Thread::start(
        [this, place, serve = std::move(serve)] {
          serve();
          end(place);
        },
        kStackSize);
    if (!thread) {
      running_.erase(place);
      return false;
    }
    *place = std::move(*thread);
    return true;
  }

  void shutdown() override {
    std::unique_lock lock(mutex_);
    none_.wait(lock, [&] { return running_.empty(); });
    ended_.join();
  }

 private:
  void end(std::list<Thread>::iterator place) {
    Thread before;  // joined after the lock is released
    const std::lock_guard lock(mutex_);
    before = std::exchange(ended_, std::move(*place));
    running_.erase(place);
    if (running_.empty()) none_.notify_all();
  }

  const size_t limit_;
  std::mutex mutex_;
  std::condition_variable none_;
  std::list<Thread> running_;
  Thread ended_;
};

Result<void> write(httplib::DataSink& sink, ByteView data, const std::atomic<bool>& stopping) {
  for (; !data.empty(); data = data.subspan(std::min(data.size(), kWriteSize))) {
    if (stopping) return fail(ErrorCode::cancelled, "the server stops");
    const ByteView part = data.first(std::min(data.size(), kWriteSize));
    if (!sink.write(reinterpret_cast<const char*>(part.data()), part.size()))
      return fail(ErrorCode::unreachable, "the client went away");  // NOLINT(*-reinterpret-cast)
  }
  return {};
}

void fill(httplib::Response& out, Response response, const std::atomic<bool>& stopping) {
  for (const auto& [name, value] : response.headers) out.set_header(name, value);
  // httplib itself chooses 200 or 206 if no status is set.
  if (response.status != 200) out.status = response.status;
  if (!response.stream) {
    out.set_content(std::move(response.text), response.content_type);
    return;
  }
  out.set_content_provider(
      response.stream->size, response.content_type,
      [stream = std::move(*response.stream), &stopping](size_t offset, size_t size, httplib::DataSink& sink) {
        base::FunctionSink target([&](ByteView data) { return write(sink, data, stopping); });
        return stream.write(offset, size, target).has_value();
      });
}

}  // namespace

struct Server::State {
  std::unique_ptr<httplib::Server> server;
  uint16_t port = 0;
  std::atomic<bool> stopping = false;
  Thread thread;
};

Server::Server(std::unique_ptr<State> state) : state_(std::move(state)) {}
Server::~Server() { stop(); }
uint16_t Server::port() const { return state_->port; }

void Server::stop() {
  state_->stopping = true;
  state_->server->stop();
  state_->thread.join();
}

Result<std::unique_ptr<Server>> Server::start(ServerOptions options, Handler handler) {
  auto state = std::make_unique<State>();
  if (options.tls) {
    const std::string key(options.tls->key.reveal());
    const auto& tls = *options.tls;
    auto server = std::make_unique<httplib::SSLServer>(httplib::SSLServer::PemMemory{
        tls.certificate.c_str(), tls.certificate.size(), key.c_str(), key.size(),
        tls.authority.empty() ? nullptr : tls.authority.c_str(), tls.authority.size(), nullptr});
    if (!server->is_valid())
      return fail(ErrorCode::untrusted, "the certificate, key or authority of the server can't be used");
    state->server = std::move(server);
  } else {
    state->server = std::make_unique<httplib::Server>();
  }
  auto& server = *state->server;
  server.new_task_queue = [limit = options.connections] {
    return new ConnectionThreads(limit);
  };  // httplib owns and deletes it
  server.set_read_timeout(15);
  server.set_write_timeout(options.write_timeout);
  server.set_keep_alive_max_count(1000);
  server.set_tcp_nodelay(true);
  // The default also sets SO_REUSEPORT, which would let two servers share a port silently.
  server.set_socket_options([](socket_t socket) {
    const int on = 1;
    ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  });
  server.set_pre_routing_handler(
      [handler = std::move(handler), wanted = std::move(options.headers), &stopping = state->stopping](
          const httplib::Request& request, httplib::Response& response) {
        Request asked{request.method, request.path, {}, {}};
        for (const auto& name : wanted) {
          if (request.has_header(name)) asked.headers[name] = request.get_header_value(name);
        }
        for (const auto& [key, value] : request.params) asked.query[key] = value;
        if (asked.method != "GET" && asked.method != "HEAD") {
          fill(response, {405, {{"Allow", "GET, HEAD"}}, "text/plain", "only GET and HEAD are answered here\n", {}},
               stopping);
        } else {
          fill(response, handler(asked), stopping);
        }
        return httplib::Server::HandlerResponse::Handled;
      });
  const int port = options.port == 0 ? server.bind_to_any_port(options.address)
                                     : (server.bind_to_port(options.address, options.port) ? int{options.port} : -1);
  if (port <= 0)
    return fail(ErrorCode::io, "can't listen on {} port {}; is another program using it?", options.address,
                options.port);
  state->port = static_cast<uint16_t>(port);
  SEALIFT_ASSIGN(state->thread, Thread::start([&server] { server.listen_after_bind(); }));
  server.wait_until_ready();
  return std::unique_ptr<Server>(new Server(std::move(state)));
}

}  // namespace sealift::http
