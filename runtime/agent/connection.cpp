// SPDX-License-Identifier: Apache-2.0
#include "runtime/agent/connection.h"

#include "payload/base/format.h"
#include "payload/base/text.h"
#include "payload/base/version.h"
#include "runtime/host/json_values.h"

namespace sealift::agent {
namespace {

constexpr Duration kPingInterval{10'000};
constexpr Duration kSilence{60'000};         // after which the connection counts as lost
constexpr Duration kCancelPatience{10'000};  // how long a cancelled call may still take
constexpr Duration kLook{100};               // how often a waiting call looks at its deadline
// Of a frame with text. Whatever a host says in it, it takes a few tens of megabytes of memory at most.
constexpr json::Limits kAnswerLimits{.bytes = kMaxFrame, .depth = 16};

Error lost(const Error& cause) {
  return {ErrorCode::unreachable, "the connection to the agent is lost: " + cause.what, {}};
}

}  // namespace

struct AgentConnection::Pending {
  Pending(FrameWriter& writer, uint32_t id, const base::Deadline& until) : body(writer, id, &until), credit(&until) {}
  bool has_response() {
    const std::lock_guard lock(mutex);
    return response.has_value();
  }
  BodyQueue body;
  Credit credit;
  std::mutex mutex;
  std::condition_variable changed;
  std::optional<json::Value> response;
  std::optional<Error> error;
};

AgentConnection::AgentConnection(AgentLink link, Clock& clock)
    : link_(std::move(link)), clock_(clock), writer_(link_.to_agent) {}

AgentConnection::~AgentConnection() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
    stop_changed_.notify_all();
  }
  link_.close();
  reader_.join();
  keeper_.join();
}

Result<json::Value> AgentConnection::begin() {
  SEALIFT_TRY(skip_to_magic(link_.from_agent));
  SEALIFT_ASSIGN(const auto frame, read_frame(link_.from_agent));
  if (frame.type != FrameType::hello) return fail(ErrorCode::protocol, "the agent did not greet");
  SEALIFT_ASSIGN(auto hello, json::parse(base::as_text(frame.body), kAnswerLimits));
  if (const auto* error = hello.find("error")) return fail(host::error_from_json(*error));
  if (hello.text_or("version", "") != base::kVersion) {
    return fail(ErrorCode::protocol, "the agent is version {}, not {}", base::printable(hello.text_or("version", "?")),
                base::kVersion);
  }
  last_heard_ms_ = clock_.monotonic().count();
  SEALIFT_ASSIGN(reader_, Thread::start([this] { read_frames(); }));
  SEALIFT_ASSIGN(keeper_, Thread::start([this] { keep_alive(); }));
  return hello;
}

void AgentConnection::read_frames() {
  for (;;) {
    auto frame = read_frame(link_.from_agent);
    if (!frame) return fail_all(lost(frame.error()));
    last_heard_ms_ = clock_.monotonic().count();
    if (auto taken = take(std::move(*frame)); !taken) {
      fail_all(taken.error());
      return link_.close();
    }
  }
}

Result<void> AgentConnection::take(WireFrame frame) {
  const auto pending = find(frame.id);
  switch (frame.type) {
    case FrameType::response: {
      SEALIFT_ASSIGN(auto value, json::parse(base::as_text(frame.body), kAnswerLimits));
      if (pending == nullptr) return {};
      if (!value.boolean_or("body", false)) pending->body.finish();
      // The unsent rest of the request's body is not wanted any more.
      pending->credit.abort({ErrorCode::cancelled, "the answer came first", {}});
      const std::lock_guard lock(pending->mutex);
      pending->response = std::move(value);
      pending->changed.notify_all();
      return {};
    }
    case FrameType::data: return pending == nullptr ? Result<void>{} : pending->body.put(std::move(frame.body));
    case FrameType::end:
      if (pending != nullptr) pending->body.finish();
      return {};
    case FrameType::credit: {
      base::ByteReader reader(frame.body);
      SEALIFT_ASSIGN(const uint32_t bytes, reader.u32());
      if (pending != nullptr) pending->credit.grant(bytes);
      return {};
    }
    case FrameType::ping:
    case FrameType::pong: return {};
    default: return fail(ErrorCode::protocol, "the agent sent a frame that only callers send");
  }
}

std::shared_ptr<AgentConnection::Pending> AgentConnection::find(uint32_t id) {
  const std::lock_guard lock(mutex_);
  const auto found = pending_.find(id);
  return found == pending_.end() ? nullptr : found->second;
}

void AgentConnection::fail_all(const Error& error) {
  std::map<uint32_t, std::shared_ptr<Pending>> waiting;
  {
    const std::lock_guard lock(mutex_);
    if (!broken_) broken_ = error;
    waiting = pending_;
    stop_ = true;
    stop_changed_.notify_all();
  }
  for (const auto& [id, pending] : waiting) {
    pending->body.abort(error);
    pending->credit.abort(error);
    const std::lock_guard lock(pending->mutex);
    pending->error = error;
    pending->changed.notify_all();
  }
}

void AgentConnection::keep_alive() {
  std::unique_lock lock(mutex_);
  while (!stop_changed_.wait_for(lock, kPingInterval, [&] { return stop_; })) {
    lock.unlock();
    if (clock_.monotonic().count() - last_heard_ms_ > kSilence.count()) {
      fail_all({ErrorCode::unreachable, base::format("the agent was silent for {} s", kSilence.count() / 1000), {}});
      link_.close();
      return;
    }
    // The reader notices a failure.
    (void)writer_.write(FrameType::ping, 0, {});
    lock.lock();
  }
}

Result<json::Value> AgentConnection::response_to(uint32_t id, Pending& pending, const std::string& called,
                                                 const base::Deadline& until) {
  std::optional<Duration> told;
  std::unique_lock lock(pending.mutex);
  while (!pending.changed.wait_for(lock, kLook, [&] { return pending.response || pending.error; })) {
    if (told && clock_.monotonic() - *told > kCancelPatience) return fail(ErrorCode::cancelled, "cancelled");
    if (told) continue;
    if (const auto waits = until.check(base::format("the agent's call \"{}\"", called)); !waits) {
      (void)writer_.write(FrameType::cancel, id, {});
      if (waits.error().code != ErrorCode::cancelled) return std::unexpected(waits.error());
      told = clock_.monotonic();
    }
  }
  if (pending.error) return fail(*pending.error);
  return std::move(*pending.response);
}

Result<json::Value> AgentConnection::call(json::Value request, base::Source* body, base::Sink& into, Duration patience,
                                          const CancelToken& cancel) {
  SEALIFT_TRY(cancel.check());
  const base::Deadline until{clock_, clock_.monotonic() + patience, cancel};
  std::shared_ptr<Pending> pending;
  uint32_t id = 0;
  {
    const std::lock_guard lock(mutex_);
    if (broken_) return fail(*broken_);
    id = next_id_++;
    pending = std::make_shared<Pending>(writer_, id, until);
    pending_[id] = pending;
  }
  const auto forget = [&] {
    const std::lock_guard lock(mutex_);
    pending_.erase(id);
  };
  const auto run = [&]() -> Result<json::Value> {
    if (body != nullptr) request.set("body", true);
    SEALIFT_TRY(writer_.write_json(FrameType::request, id, request));
    if (body != nullptr) {
      const auto sent = send_body(writer_, id, pending->credit, *body);
      // A failed source must not leave a file made of its first half; an answer before the end of the body counts.
      if (!sent && !pending->has_response()) {
        (void)writer_.write(FrameType::cancel, id, {});
        return std::unexpected(sent.error());
      }
    }
    SEALIFT_ASSIGN(auto answer, response_to(id, *pending, request.text_or("call", ""), until));
    if (const auto* error = answer.find("error")) return fail(host::error_from_json(*error));
    SEALIFT_TRY(base::copy(pending->body, into));
    return answer;
  };
  auto answer = run();
  if (!answer) pending->body.drop();
  forget();
  return answer;
}

}  // namespace sealift::agent
