// SPDX-License-Identifier: Apache-2.0
#include "runtime/host/agent.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <map>
#include <memory>
#include <mutex>

#include "payload/base/file.h"
#include "payload/base/text.h"
#include "payload/base/thread.h"
#include "payload/base/version.h"
#include "runtime/host/agent_lock.h"
#include "runtime/host/calls.h"
#include "runtime/host/local_host.h"
#include "runtime/host/protocol.h"

namespace sealift::host {
namespace {

constexpr size_t kMaxRequests = 64;
constexpr size_t kMaxPiece = size_t{16} << 20;  // of a payload

// What the response carries besides JSON.
struct Answer {
  json::Value value = json::Value::object();
  std::optional<Bytes> body;
};

template <class T>
Result<Answer> answer_with(Result<std::optional<T>> result) {
  return result.transform([](std::optional<T>& value) {
    Answer out;
    if (value) out.value.set("value", to_json(*value));
    return out;
  });
}

template <class T>
Result<Answer> answer_with(Result<T> result) {
  return result.transform([](T& value) {
    Answer out;
    out.value.set("value", to_json(value));
    return out;
  });
}

Result<Answer> nothing(Result<void> result) {
  return result.transform([] { return Answer{}; });
}

Result<Answer> feature_answer(Result<FeatureResult> result) {
  return result.transform([](const FeatureResult& feature) {
    Answer out;
    out.value.set("works", feature.works);
    out.value.set("detail", feature.detail);
    return out;
  });
}

Result<Answer> exit_answer(Result<base::ExitStatus> result) {
  return result.transform([](const base::ExitStatus& status) {
    Answer out;
    out.value.set("code", status.code);
    out.value.set("outputBytes", uint64_t{status.output.size()});
    out.body = base::to_bytes(status.output + status.errors);
    return out;
  });
}

// One request on its own thread.
class Call {
 public:
  Call(Host& host, const json::Value& request, base::Source& body, const CancelToken& cancel)
      : host_(host), request_(request), body_(body), cancel_(cancel), reason_{request.text_or("step", ""), request.text_or("inputs", "")} {}

  Result<Answer> run() {
    const std::string call = request_.text_or("call", "");
    if (auto looked = look(call)) return std::move(*looked);
    if (auto changed = change(call)) return std::move(*changed);
    return fail(ErrorCode::protocol, "the call \"{}\" is not known", base::printable(call));
  }

 private:
  std::string text(std::string_view key) const { return request_.text_or(key, ""); }
  uint64_t number(std::string_view key) const { return request_.natural_or(key, 0); }

  std::optional<Result<Answer>> look(const std::string& call) {
    if (call == "facts") return answer_with(host_.facts());
    if (call == "stat") return answer_with(host_.stat(text("path")));
    if (call == "read") return read();
    if (call == "digest") {
      return host_.digest(text("path")).transform([](const std::optional<Digest>& digest) {
        Answer out;
        if (digest) out.value.set("value", digest->text());
        return out;
      });
    }
    if (call == "list") {
      return host_.list(text("path")).transform([](const std::vector<std::string>& names) {
        Answer out;
        out.value.set("value", texts_to_json(names));
        return out;
      });
    }
    if (call == "unit") return answer_with(host_.unit(text("name")));
    if (call == "sysctl") return optional_text(host_.sysctl(text("key")));
    if (call == "disk") return answer_with(host_.disk(text("path")));
    if (call == "feature") return feature_answer(host_.try_feature(text("name")));
    if (call == "askNameServer") return feature_answer(host_.ask_name_server(text("server"), text("name")));
    if (call == "canExecute") {
      return host_.can_execute_in(text("path")).transform([](ProgramFolder folder) {
        Answer out;
        out.value.set("value", static_cast<uint64_t>(folder));
        return out;
      });
    }
    if (call == "query") return command([this](const base::Command& command, const base::CommandIo& io) { return host_.query(command, io, cancel_); });
    if (call == "recorded") return optional_text(host_.recorded(text("step")));
    if (call == "ledger") return ledger();
    if (call == "synced") return yes_or_no(host_.synced());
    if (call == "storeState") return store_state();
    return std::nullopt;
  }

  std::optional<Result<Answer>> change(const std::string& call) {
    const FileSpec spec{static_cast<uint32_t>(number("mode")), static_cast<uint32_t>(number("uid")), static_cast<uint32_t>(number("gid"))};
    if (call == "write") return nothing(host_.write_atomic(text("path"), spec, body_, reason_));
    if (call == "makeDirectory") return nothing(host_.make_directory(text("path"), spec, reason_));
    if (call == "makeSymlink") return nothing(host_.make_symlink(text("path"), text("target"), reason_));
    if (call == "remove") return nothing(host_.remove(text("path"), reason_));
    if (call == "run") return command([this](const base::Command& command, const base::CommandIo& io) { return host_.run(command, io, reason_, cancel_); });
    if (call == "runJob") return exit_answer(host_.run_job(text("unit"), parsed_command(), reason_, cancel_));
    if (call == "unitAction") {
      if (number("action") > uint64_t(Host::UnitAction::restart)) return fail(ErrorCode::protocol, "an unknown unit action");
      return nothing(host_.unit_action(text("name"), static_cast<Host::UnitAction>(number("action")), reason_));
    }
    if (call == "loadModule") return nothing(host_.load_module(text("name"), reason_));
    if (call == "setSysctl") return nothing(host_.set_sysctl(text("key"), text("value"), reason_));
    if (call == "begin") return optional_text(host_.begin(reason_));
    if (call == "record") return nothing(host_.record(reason_));
    if (call == "sync") return nothing(host_.sync(texts_from(request_.find("paths")), reason_));
    if (call == "storeWrite") return store_write();
    if (call == "storeFinish") return nothing(host_.store_finish(text("path"), reason_));
    return std::nullopt;
  }

  base::Command parsed_command() const {
    const auto* value = request_.find("command");
    return value == nullptr ? base::Command{} : command_from(*value);
  }

  Result<Answer> command(const std::function<Result<base::ExitStatus>(const base::Command&, const base::CommandIo&)>& run) {
    SEALIFT_ASSIGN(const Bytes input, base::read_all(body_, kMaxPiece));
    base::CommandIo io;
    io.input = input;
    io.output_limit = std::min<size_t>(request_.natural_or("limit", io.output_limit), size_t{64} << 20);
    return exit_answer(run(parsed_command(), io));
  }

  static Result<Answer> yes_or_no(Result<bool> result) {
    return result.transform([](bool value) {
      Answer out;
      out.value.set("value", value);
      return out;
    });
  }

  static Result<Answer> optional_text(Result<std::optional<std::string>> result) {
    return result.transform([](const std::optional<std::string>& value) {
      Answer out;
      if (value) out.value.set("value", *value);
      return out;
    });
  }

  Result<Answer> read() {
    SEALIFT_ASSIGN(auto bytes, host_.read(text("path"), number("limit")));
    Answer out;
    out.value.set("there", bytes.has_value());
    if (bytes) out.body = std::move(*bytes);
    return out;
  }

  Result<Answer> ledger() {
    SEALIFT_ASSIGN(const auto entries, host_.ledger());
    json::Value list = json::Value::array();
    for (const auto& entry : entries) list.push_back(to_json(entry));
    Answer out;
    out.body = base::to_bytes(json::to_canonical(list));
    return out;
  }

  Result<Answer> store_state() {
    SEALIFT_ASSIGN(const auto state, host_.store_state(text("path")));
    base::ByteWriter offsets;
    for (const uint64_t offset : state.frames) offsets.u64(offset);
    Answer out;
    out.value.set("complete", state.complete);
    out.body = offsets.take();
    return out;
  }

  Result<Answer> store_write() {
    SEALIFT_ASSIGN(const Digest expected, Digest::parse(text("digest")));
    SEALIFT_ASSIGN(const Bytes data, base::read_all(body_, kMaxPiece));
    return nothing(host_.store_write(text("path"), number("total"), number("offset"), expected, data, reason_));
  }

  Host& host_;
  const json::Value& request_;
  base::Source& body_;
  CancelToken cancel_;
  Reason reason_;
};

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
  Server(base::Source& in, base::Sink& out, Host& host) : in_(in), writer_(out), host_(host) {}

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
    gone_ = true;  // what the calls say from here on is about their end, not about the host
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
    if (requests_.contains(frame.id) || requests_.size() >= kMaxRequests) return fail(ErrorCode::protocol, "too many requests at once, or an id used twice");
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
    auto result = Call(host_, request.value, request.body, request.cancel.token()).run();
    request.body.drop();
    if (gone_) return;
    json::Value response = result ? std::move(result->value) : json::Value::object();
    if (!result) response.set("error", error_to_json(result.error()));
    const bool has_body = result && result->body;
    response.set("body", has_body);
    // Nobody is left to hear of a failure here: the reader of the connection ends by itself.
    if (!writer_.write_json(FrameType::response, id, response) || !has_body) return;
    base::MemorySource body(*result->body);
    (void)send_body(writer_, id, request.credit, body);
  }

  void forget_done() {
    std::erase_if(requests_, [](const auto& entry) { return entry.second->done.load(); });
  }

  base::Source& in_;
  FrameWriter writer_;
  Host& host_;
  std::map<uint32_t, std::unique_ptr<Request>> requests_;
  std::atomic<bool> gone_ = false;
};

// Reading that ends when the launch machine is silent: its connection may be gone without a word.
class PatientSource final : public base::Source {
 public:
  PatientSource(int fd, Duration patience) : fd_(fd), patience_(patience) {}
  Result<size_t> read(std::span<std::byte> buffer) override {
    // In slices, since a signal puts another file into the place of the descriptor.
    for (Duration waited{0}; waited < patience_; waited += Duration{1000}) {
      pollfd polled{fd_, POLLIN, 0};
      const int ready = ::poll(&polled, 1, 1000);
      if (ready < 0 && errno != EINTR) return fail_errno(errno, "poll");
      if (ready != 0) return base::read_some(fd_, buffer);
    }
    return fail(ErrorCode::timeout, "the launch machine was silent for {} s", patience_.count() / 1000);
  }

 private:
  int fd_;
  Duration patience_;
};

// The program's own file, and its folder if that is empty then.
void remove_self() {
  std::array<char, 4096> path{};
  const ssize_t size = ::readlink("/proc/self/exe", path.data(), path.size());
  if (size <= 0) return;
  const std::string program(path.data(), static_cast<size_t>(size));
  ::unlink(program.c_str());
  ::rmdir(program.substr(0, program.rfind('/')).c_str());
}

}  // namespace

Result<void> serve_agent(int in, int out, Host& host, const AgentOptions& options) {
  PatientSource source(in, options.silence);
  base::FdSink sink(out);
  Server server(source, sink, host);
  SEALIFT_TRY(sink.write(base::as_bytes(kMagic)));
  json::Value hello = json::Value::object();
  hello.set("version", base::kVersion);
  std::string note;
  Result<base::Fd> lock{base::Fd()};
  if (!options.lock_folder.empty()) lock = take_lock(options, note);
  if (!lock) hello.set("error", error_to_json(lock.error()));
  if (!note.empty()) hello.set("busy", note);
  SEALIFT_TRY(server.writer().write_json(FrameType::hello, 0, hello));
  if (!lock) return {};
  return server.serve();
}

// Ends the agent in order: its input becomes an empty file, so that calls are cancelled and their children ended.
static int empty_input = -1;
static void end_input(int) { ::dup2(empty_input, STDIN_FILENO); }

static void end_in_order_on_signals() {
  empty_input = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  struct sigaction action{};
  action.sa_handler = end_input;
  sigfillset(&action.sa_mask);
  for (const int number : {SIGTERM, SIGHUP, SIGINT}) ::sigaction(number, &action, nullptr);
}

// A host that can't be worked on says why in the protocol's own words.
static Result<void> refuse(int out, const Error& error) {
  base::FdSink sink(out);
  FrameWriter writer(sink);
  SEALIFT_TRY(sink.write(base::as_bytes(kMagic)));
  json::Value hello = json::Value::object();
  hello.set("version", base::kVersion);
  hello.set("error", error_to_json(error));
  return writer.write_json(FrameType::hello, 0, hello);
}

int run_agent(const std::string& root, const AgentOptions& options) {
  ::signal(SIGPIPE, SIG_IGN);
  if (options.remove_self) remove_self();
  end_in_order_on_signals();
  auto host = LocalHost::open(root, base::system_clock());
  if (!host) {
    (void)refuse(STDOUT_FILENO, host.error());
    return base::exit_code(host.error().code);
  }
  const auto served = serve_agent(STDIN_FILENO, STDOUT_FILENO, **host, options);
  if (served) return 0;
  std::fprintf(stderr, "%s\n", served.error().text().c_str());
  return base::exit_code(served.error().code);
}

AgentOptions agent_options(const std::vector<std::string>& arguments) {
  AgentOptions out;
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i] == "--change") out.changes = true;
    if (arguments[i] == "--remove") out.remove_self = true;
    if (arguments[i] == "--owner" && i + 1 < arguments.size()) out.owner = arguments[++i];
    if (arguments[i] == "--run" && i + 1 < arguments.size()) out.run = arguments[++i];
  }
  return out;
}

static int self_check() {
  auto program = base::OpenFile::open("/proc/self/exe");
  if (!program) return 1;
  const auto digest = hash::sha256(**program, 0, (*program)->size());
  if (!digest) return 1;
  std::printf("%s\n", digest->hex().c_str());
  return 0;
}

int agent_main(const std::vector<std::string>& arguments) {
  if (arguments.size() == 2 && arguments[0] == "job") return job_main(arguments[1]);
  if (arguments.size() == 2 && arguments[1] == "--self-check") return self_check();
  return run_agent("", agent_options(arguments));
}

}  // namespace sealift::host
