// SPDX-License-Identifier: Apache-2.0
#include "payload/http/server.h"

#include <thread>

#include "payload/http/httplib.h"

namespace sealift::http {
namespace {

void fill(httplib::Response& out, Response response) {
  for (const auto& [name, value] : response.headers) out.set_header(name, value);
  // httplib chooses 200 or 206 by itself, when nothing was chosen.
  if (response.status != 200) out.status = response.status;
  if (!response.stream) {
    out.set_content(std::move(response.text), response.content_type);
    return;
  }
  out.set_content_provider(response.stream->size, response.content_type,
                           [stream = std::move(*response.stream)](size_t offset, size_t size, httplib::DataSink& sink) {
                             base::FunctionSink target([&](ByteView data) -> Result<void> {
                               if (sink.write(reinterpret_cast<const char*>(data.data()), data.size())) return {};  // NOLINT(*-reinterpret-cast)
                               return fail(ErrorCode::unreachable, "the client went away");
                             });
                             return stream.write(offset, size, target).has_value();
                           });
}

}  // namespace

struct Server::State {
  std::unique_ptr<httplib::Server> server;
  uint16_t port = 0;
  std::jthread thread;
};

Server::Server(std::unique_ptr<State> state) : state_(std::move(state)) {}
Server::~Server() { stop(); }
uint16_t Server::port() const { return state_->port; }

void Server::stop() {
  state_->server->stop();
  if (state_->thread.joinable()) state_->thread.join();
}

Result<std::unique_ptr<Server>> Server::start(ServerOptions options, Handler handler) {
  auto state = std::make_unique<State>();
  if (options.tls) {
    const std::string key(options.tls->key.reveal());
    const auto& tls = *options.tls;
    auto server = std::make_unique<httplib::SSLServer>(httplib::SSLServer::PemMemory{
        tls.certificate.c_str(), tls.certificate.size(), key.c_str(), key.size(), tls.authority.empty() ? nullptr : tls.authority.c_str(), tls.authority.size(), nullptr});
    if (!server->is_valid()) return fail(ErrorCode::untrusted, "the certificate, key or authority of the server can't be used");
    state->server = std::move(server);
  } else {
    state->server = std::make_unique<httplib::Server>();
  }
  auto& server = *state->server;
  server.new_task_queue = [threads = options.threads] { return new httplib::ThreadPool(threads); };  // httplib owns and deletes it
  server.set_read_timeout(15);
  server.set_write_timeout(60);
  server.set_keep_alive_max_count(1000);
  server.set_tcp_nodelay(true);
  // The default also sets SO_REUSEPORT, with which two servers would share a port without a word.
  server.set_socket_options([](socket_t socket) {
    const int on = 1;
    ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  });
  server.set_pre_routing_handler([handler = std::move(handler), wanted = std::move(options.headers)](const httplib::Request& request, httplib::Response& response) {
    Request asked{request.method, request.path, {}, {}};
    for (const auto& name : wanted) {
      if (request.has_header(name)) asked.headers[name] = request.get_header_value(name);
    }
    for (const auto& [key, value] : request.params) asked.query[key] = value;
    if (asked.method != "GET" && asked.method != "HEAD") {
      fill(response, {405, {{"Allow", "GET, HEAD"}}, "text/plain", "only GET and HEAD are answered here\n", {}});
    } else {
      fill(response, handler(asked));
    }
    return httplib::Server::HandlerResponse::Handled;
  });
  const int port = options.port == 0 ? server.bind_to_any_port(options.address)
                                     : (server.bind_to_port(options.address, options.port) ? int{options.port} : -1);
  if (port <= 0) return fail(ErrorCode::io, "can't listen on {} port {}; is another program using it?", options.address, options.port);
  state->port = static_cast<uint16_t>(port);
  state->thread = std::jthread([&server] { server.listen_after_bind(); });
  server.wait_until_ready();
  return std::unique_ptr<Server>(new Server(std::move(state)));
}

}  // namespace sealift::http
