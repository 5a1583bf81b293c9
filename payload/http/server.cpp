// SPDX-License-Identifier: Apache-2.0
#include "payload/http/server.h"

#include <chrono>

#include "payload/http/front.h"
#include "payload/http/httplib.h"
#include "payload/http/socket_address.h"

namespace sealift::http {
namespace {

void fill(httplib::Response& out, Response response) {
  for (const auto& [name, value] : response.headers) out.set_header(name, value);
  // httplib itself chooses 200 or 206 if no status is set.
  if (response.status != 200) out.status = response.status;
  if (!response.stream) {
    out.set_content(std::move(response.text), response.content_type);
    return;
  }
  out.set_content_provider(response.stream->size, response.content_type,
                           [stream = std::move(*response.stream)](size_t offset, size_t size, httplib::DataSink& sink) {
                             base::FunctionSink target([&](ByteView data) -> Result<void> {
                               if (!sink.write(reinterpret_cast<const char*>(data.data()), data.size()))
                                 return fail(ErrorCode::unreachable,
                                             "the client went away");  // NOLINT(*-reinterpret-cast)
                               return {};
                             });
                             return stream.write(offset, size, target).has_value();
                           });
}

// What httplib reads and writes: a head that has come already, and the client.
class ExchangeStream final : public httplib::Stream {
 public:
  explicit ExchangeStream(Exchange& exchange) : exchange_(exchange), left_(exchange.head()) {}
  bool is_readable() const override { return !left_.empty(); }
  bool wait_readable() const override { return !left_.empty(); }
  bool wait_writable() const override { return !is_broken_; }  // the write itself waits
  ssize_t read(char* to, size_t size) override {
    const size_t count = left_.copy(to, size);
    left_.remove_prefix(count);
    return static_cast<ssize_t>(count);
  }
  ssize_t write(const char* data, size_t size) override {
    is_broken_ = is_broken_ || !exchange_.write(base::as_bytes(std::string_view(data, size)));
    return is_broken_ ? -1 : static_cast<ssize_t>(size);
  }
  void get_remote_ip_and_port(std::string& /*ip*/, int& /*port*/) const override {}
  void get_local_ip_and_port(std::string& /*ip*/, int& /*port*/) const override {}
  socket_t socket() const override { return exchange_.socket(); }
  time_t duration() const override { return 0; }

 private:
  Exchange& exchange_;
  std::string_view left_;
  bool is_broken_ = false;
};

// httplib's parser, ranges and responses, without its connections.
class Answers final : public httplib::Server {
 public:
  Answers(http::Handler handler, std::vector<std::string> headers, http::Response for_other_methods,
          const ServerLimits& limits, int listener)
      : handler_(std::move(handler)), headers_(std::move(headers)), for_other_methods_(std::move(for_other_methods)) {
    set_keep_alive_timeout(std::chrono::duration_cast<std::chrono::seconds>(limits.idle_time).count());
    svr_sock_ = listener;  // without one, it takes itself for stopped; it does nothing else with it
    set_pre_routing_handler([this](const httplib::Request& request, httplib::Response& response) {
      route(request, response);
      return HandlerResponse::Handled;
    });
  }

  Front::Outcome answer(Exchange& exchange) {
    ExchangeStream stream(exchange);
    bool closes = false, is_request = false;
    const auto understood = [&](httplib::Request& request) {
      is_request = true;
      auto client = exchange.client();
      // httplib takes nothing else along to route(), and fills these only where it routes itself.
      request.path_params = {{"address", std::move(client.address)}, {"certificate", std::move(client.certificate)}};
    };
    const bool written = process_request(stream, "", 0, "", 0, false, closes, understood);
    return written && is_request && !closes ? Front::Outcome::keep : Front::Outcome::close;
  }

 private:
  void route(const httplib::Request& request, httplib::Response& response) const {
    http::Request asked{request.method, request.path, {}, {}};
    asked.client = {request.path_params.at("address"), request.path_params.at("certificate")};
    for (const auto& name : headers_) {
      if (request.has_header(name)) asked.headers[name] = request.get_header_value(name);
    }
    for (const auto& [key, value] : request.params) asked.query[key] = value;
    if (asked.method != "GET" && asked.method != "HEAD") {
      fill(response, for_other_methods_);
    } else {
      fill(response, handler_(asked));
    }
  }

  const http::Handler handler_;
  const std::vector<std::string> headers_;
  const http::Response for_other_methods_;
};

Result<base::Fd> listener_of(const ServerOptions& options) {
  if (options.listener) return adopt_listener(*options.listener);
  SEALIFT_ASSIGN(const auto address, socket_address(options.address, options.port));
  auto out = listen_at(address);
  if (!out)
    return fail(ErrorCode::io, "can't listen on {} port {}; is another program using it?", options.address,
                options.port);
  return out;
}

}  // namespace

struct Server::State {
  std::unique_ptr<Answers> answers;
  std::unique_ptr<Front> front;
  uint16_t port = 0;
};

Server::Server(std::unique_ptr<State> state) : state_(std::move(state)) {}
Server::~Server() { stop(); }
uint16_t Server::port() const { return state_->port; }
Result<void> Server::set_identity(const TlsIdentity& identity) {
  SEALIFT_ASSIGN(auto tls, TlsServer::make(identity));
  state_->front->set_tls(std::move(tls));
  return {};
}
void Server::close_door() { state_->front->close_door(); }
bool Server::answers() const { return state_->front->answering() != 0; }
void Server::stop() { state_->front->stop(); }

Result<std::unique_ptr<Server>> Server::start(ServerOptions options, Handler handler) {
  std::unique_ptr<TlsServer> tls;
  if (options.tls) {
    SEALIFT_ASSIGN(tls, TlsServer::make(*options.tls));
  }
  SEALIFT_ASSIGN(auto listener, listener_of(options));
  auto state = std::make_unique<State>();
  state->port = own_address(listener.get()).port();
  state->answers = std::make_unique<Answers>(std::move(handler), std::move(options.headers),
                                             std::move(options.for_other_methods), options.limits, listener.get());
  SEALIFT_ASSIGN(state->front, Front::start(std::move(listener), options.limits, std::move(tls),
                                            [answers = state->answers.get()](Exchange& exchange) {
                                              return answers->answer(exchange);
                                            }));
  return std::unique_ptr<Server>(new Server(std::move(state)));
}

}  // namespace sealift::http
