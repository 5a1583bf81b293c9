// SPDX-License-Identifier: Apache-2.0
#include "runtime/agent/agent_server.h"

#include <poll.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <map>
#include <memory>

#include "payload/base/file.h"
#include "payload/base/thread.h"
#include "payload/base/version.h"
#include "runtime/agent/dispatch.h"
#include "runtime/agent/lock.h"
#include "runtime/agent/protocol.h"
#include "runtime/host/json_values.h"

namespace sealift::agent {
namespace {

constexpr size_t kMaxRequests = 64;

// One call, on its own thread.
struct Request {
  Request(FrameWriter& writer, uint32_t id, json::Value request) : value(std::move(request)), body(writer, id) {}
  json::Value value;
  BodyQueue body;
  Credit credit;
  CancelSource cancel;
  std::atomic<bool> done = false;
  Thread thread;
};

class Server {
 public:
  Server(base::Source& in, base::Sink& out, host::Host& host) : in_(in), writer_(out), host_(host) {}

  FrameWriter& writer() { return writer_; }

  Result<void> serve() {
    Result<void> result;
    for (;;) {
      auto frame = read_frame(in_);
      if (!frame) {
        if (frame.error().code != ErrorCode::truncated) result = std::unexpected(frame.error());
        break;
      }
      if (result = take(std::move(*frame)); !result) break;
      forget_done();
    }
    gone_ = true;  // from here on the calls' errors concern their own abort, not the host
    for (auto& [id, request] : requests_) {
      request->cancel.cancel();
      request->body.abort({ErrorCode::unreachable, "the connection to the launch machine is gone", {}});
      request->credit.abort({ErrorCode::unreachable, "the connection to the launch machine is gone", {}});
    }
    requests_.clear();  // joins
    return result;
  }

 private:
  Result<void> take(WireFrame frame) {
    const auto found = requests_.find(frame.id);
    Request* request = found == requests_.end() ? nullptr : found->second.get();
    switch (frame.type) {
      case FrameType::request: return begin(frame);
      case FrameType::data: return request == nullptr ? Result<void>{} : request->body.put(std::move(frame.body));
      case FrameType::end:
        if (request != nullptr) request->body.finish();
        return {};
      case FrameType::credit: {
        base::ByteReader reader(frame.body);
        SEALIFT_ASSIGN(const uint32_t bytes, reader.u32());
        if (request != nullptr) request->credit.grant(bytes);
        return {};
      }
      case FrameType::cancel:
        if (request != nullptr) {
          request->cancel.cancel();
          request->body.abort({ErrorCode::cancelled, "cancelled", {}});
          request->credit.abort({ErrorCode::cancelled, "cancelled", {}});
        }
        return {};
      case FrameType::ping: return writer_.write(FrameType::pong, 0, {});
      case FrameType::pong:
      case FrameType::hello: return {};
      case FrameType::response: break;
    }
    return fail(ErrorCode::protocol, "a response from the side that asks");
  }

  Result<void> begin(const WireFrame& frame) {
    if (requests_.contains(frame.id) || requests_.size() >= kMaxRequests)
      return fail(ErrorCode::protocol, "too many requests at once, or an id used twice");
    SEALIFT_ASSIGN(auto value, json::parse(base::as_text(frame.body)));
    auto request = std::make_unique<Request>(writer_, frame.id, std::move(value));
    if (!request->value.boolean_or("body", false)) request->body.finish();
    Request* raw = request.get();
    requests_[frame.id] = std::move(request);
    SEALIFT_ASSIGN(raw->thread, Thread::start([this, raw, id = frame.id] {
                     answer(*raw, id);
                     raw->done = true;
                   }));
    return {};
  }

  void answer(Request& request, uint32_t id) {
    auto result = agent::answer(host_, request.value, request.body, request.cancel.token());
    request.body.drop();
    if (gone_) return;
    json::Value response = result ? std::move(result->value) : json::Value::object();
    if (!result) response.set("error", host::to_json(result.error()));
    const bool has_body = result && result->body;
    response.set("body", has_body);
    // Errors are ignored here: the connection's reader ends by itself.
    if (!writer_.write_json(FrameType::response, id, response) || !has_body) return;
    base::MemorySource body(*result->body);
    (void)send_body(writer_, id, request.credit, body);
  }

  void forget_done() {
    std::erase_if(requests_, [](const auto& entry) { return entry.second->done.load(); });
  }

  base::Source& in_;
  FrameWriter writer_;
  host::Host& host_;
  std::map<uint32_t, std::unique_ptr<Request>> requests_;
  std::atomic<bool> gone_ = false;
};

// A source that ends when the launch machine is silent (its connection may be gone without notice) or when `stop` is
// readable.
class PatientSource final : public base::Source {
 public:
  PatientSource(int fd, int stop, Duration patience) : fd_(fd), stop_(stop), patience_(patience) {}
  Result<size_t> read(std::span<std::byte> buffer) override {
    std::array<pollfd, 2> polled{pollfd{fd_, POLLIN, 0}, pollfd{stop_, POLLIN, 0}};  // poll ignores -1
    const int ready = ::poll(polled.data(), polled.size(), static_cast<int>(patience_.count()));
    if (ready < 0) return errno == EINTR ? read(buffer) : Result<size_t>(fail_errno(errno, "poll"));
    if (polled[1].revents != 0) return 0U;  // as if the stream had ended
    if (ready > 0) return base::read_some(fd_, buffer);
    return fail(ErrorCode::timeout, "the launch machine was silent for {} s", patience_.count() / 1000);
  }

 private:
  int fd_, stop_;
  Duration patience_;
};

Result<void> greet(base::Sink& sink, FrameWriter& writer, json::Value hello) {
  SEALIFT_TRY(sink.write(base::as_bytes(kMagic)));
  hello.set("version", base::kVersion);
  return writer.write_json(FrameType::hello, 0, hello);
}

}  // namespace

Result<void> serve_agent(int in, int out, host::Host& host, const AgentOptions& options) {
  PatientSource source(in, options.stop, options.silence);
  base::FdSink sink(out);
  Server server(source, sink, host);
  json::Value hello = json::Value::object();
  std::string note;
  Result<base::Fd> lock{base::Fd()};
  if (!options.lock_folder.empty()) lock = take_lock(options, note);
  if (!lock) hello.set("error", host::to_json(lock.error()));
  if (!note.empty()) hello.set("busy", note);
  SEALIFT_TRY(greet(sink, server.writer(), std::move(hello)));
  if (!lock) return {};
  return server.serve();
}

Result<void> refuse(int out, const Error& error) {
  base::FdSink sink(out);
  FrameWriter writer(sink);
  json::Value hello = json::Value::object();
  hello.set("error", host::to_json(error));
  return greet(sink, writer, std::move(hello));
}

}  // namespace sealift::agent
