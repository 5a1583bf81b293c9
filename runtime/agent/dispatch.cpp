// SPDX-License-Identifier: Apache-2.0
#include "runtime/agent/dispatch.h"

#include <algorithm>
#include <array>
#include <functional>
#include <string>
#include <tuple>
#include <vector>

#include "payload/base/text.h"
#include "runtime/agent/calls.h"
#include "runtime/host/json_values.h"

namespace sealift::agent {
namespace {

constexpr size_t kMaxPiece = size_t{16} << 20;   // of a payload's piece, and of a command's input
constexpr size_t kMaxOutput = size_t{64} << 20;  // of a command's output
using Text = std::string;
using host::FileSpec;

template <class T>
Result<Answer> value_of(Result<T> result) {
  return result.transform([](T& value) {
    Answer out;
    if constexpr (host::json_values::is_optional<T>) {
      if (value) out.value.set("value", host::to_json(*value));
    } else {
      out.value.set("value", host::to_json(value));
    }
    return out;
  });
}

Result<Answer> done(Result<void> result) {
  return result.transform([] { return Answer{}; });
}

Result<Answer> ended(Result<base::ExitStatus> result) {
  return result.transform([](const base::ExitStatus& status) {
    Answer out;
    out.value.set("code", status.code);
    out.value.set("outputBytes", uint64_t{status.output.size()});
    out.body = base::to_bytes(status.output + status.errors);
    return out;
  });
}

class Dispatch {
 public:
  Dispatch(host::Host& host, const json::Value& request, base::Source& body, const CancelToken& cancel)
      : host_(host), request_(request), body_(body), cancel_(cancel) {}

  Result<Answer> run() {
    const std::string called = request_.text_or("call", "");
    const auto call = parse_call(called);
    if (!call) return fail(ErrorCode::protocol, "the call \"{}\" is not known", base::printable(called));
    if (*call < Call::write) return look(*call);
    return with<host::Reason>({"reason"}, [&](const host::Reason& reason) { return change(*call, reason); });
  }

 private:
  // Calls `f` with the arguments of these names.
  template <class... T, class F>
  Result<Answer> with(const std::array<std::string_view, sizeof...(T)>& names, F f) {
    std::tuple<T...> arguments;
    host::json_values::Reader reader{request_};
    [&]<size_t... I>(std::index_sequence<I...>) {
      (reader(names[I], std::get<I>(arguments)), ...);
    }(std::index_sequence_for<T...>());
    if (reader.error)
      return fail(ErrorCode::protocol, "a request of the call \"{}\": {}", request_.text_or("call", ""),
                  reader.error->what);
    return std::apply(f, arguments);
  }

  Result<Answer> look(Call call) {
    switch (call) {
      case Call::facts: return value_of(host_.facts());
      case Call::stat: return with<Text>({"path"}, [&](const Text& path) { return value_of(host_.stat(path)); });
      case Call::read:
        return with<Text, uint64_t>({"path", "limit"},
                                    [&](const Text& path, uint64_t limit) { return read(path, limit); });
      case Call::digest: return with<Text>({"path"}, [&](const Text& path) { return value_of(host_.digest(path)); });
      case Call::list: return with<Text>({"path"}, [&](const Text& path) { return value_of(host_.list(path)); });
      case Call::unit: return with<Text>({"name"}, [&](const Text& name) { return value_of(host_.unit(name)); });
      case Call::sysctl: return with<Text>({"key"}, [&](const Text& key) { return value_of(host_.sysctl(key)); });
      case Call::disk: return with<Text>({"path"}, [&](const Text& path) { return value_of(host_.disk(path)); });
      case Call::feature:
        return with<Text>({"name"}, [&](const Text& name) { return value_of(host_.try_feature(name)); });
      case Call::can_execute:
        return with<Text>({"path"}, [&](const Text& path) { return value_of(host_.can_execute_in(path)); });
      case Call::ask_name_server:
        return with<Text, Text>({"server", "name"}, [&](const Text& server, const Text& name) {
          return value_of(host_.ask_name_server(server, name));
        });
      case Call::query:
        return execute(
            [&](const base::Command& command, const base::CommandIo& io) { return host_.query(command, io, cancel_); });
      case Call::recorded:
        return with<Text>({"step"}, [&](const Text& step) { return value_of(host_.recorded(step)); });
      case Call::records:
        return with<Text>({"prefix"}, [&](const Text& prefix) { return value_of(host_.records(prefix)); });
      case Call::ledger: return ledger();
      case Call::worked_on: return value_of(host_.worked_on());
      case Call::synced: return value_of(host_.synced());
      case Call::store_state: return with<Text>({"path"}, [&](const Text& path) { return store_state(path); });
      case Call::footprint: return footprint();
      default: return fail(ErrorCode::internal, "{} is no call that only looks", name(call));
    }
  }

  Result<Answer> change(Call call, const host::Reason& reason) {
    switch (call) {
      case Call::write:
        return with<Text, FileSpec>({"path", "spec"}, [&](const Text& path, const FileSpec& spec) {
          return done(host_.write_atomic(path, spec, body_, reason));
        });
      case Call::make_directory:
        return with<Text, FileSpec>({"path", "spec"}, [&](const Text& path, const FileSpec& spec) {
          return done(host_.make_directory(path, spec, reason));
        });
      case Call::make_symlink:
        return with<Text, Text>({"path", "target"}, [&](const Text& path, const Text& target) {
          return done(host_.make_symlink(path, target, reason));
        });
      case Call::remove:
        return with<Text>({"path"}, [&](const Text& path) { return done(host_.remove(path, reason)); });
      case Call::run:
        return execute([&](const base::Command& command, const base::CommandIo& io) {
          return host_.run(command, io, reason, cancel_);
        });
      case Call::run_job:
        return with<Text, base::Command>({"unit", "command"}, [&](const Text& unit, const base::Command& command) {
          return ended(host_.run_job(unit, command, reason, cancel_));
        });
      case Call::unit_action:
        return with<Text, host::UnitAction>({"name", "action"}, [&](const Text& name, host::UnitAction action) {
          return done(host_.unit_action(name, action, reason));
        });
      case Call::load_module:
        return with<Text>({"name"}, [&](const Text& name) { return done(host_.load_module(name, reason)); });
      case Call::set_sysctl:
        return with<Text, Text>({"key", "value"}, [&](const Text& key, const Text& value) {
          return done(host_.set_sysctl(key, value, reason));
        });
      case Call::announce:
        return with<host::Announced>(
            {"change"}, [&](const host::Announced& change) { return done(host_.announce(change, reason)); });
      case Call::begin: return value_of(host_.begin(reason));
      case Call::record: return done(host_.record(reason));
      case Call::sync:
        return with<std::vector<Text>>({"paths"},
                                       [&](const std::vector<Text>& paths) { return done(host_.sync(paths, reason)); });
      case Call::restore:
        return with<Text, host::PathBefore, std::optional<Digest>>(
            {"path", "before", "written"},
            [&](const Text& path, const host::PathBefore& before, const std::optional<Digest>& written) {
              return value_of(host_.restore(path, before, written, reason));
            });
      case Call::take_away:
        return with<host::Trace::Kind, Text>({"kind", "name"}, [&](host::Trace::Kind kind, const Text& name) {
          return done(host_.take_away(kind, name, reason));
        });
      case Call::forget: return done(host_.forget(reason));
      case Call::store_write:
        return with<Text, uint64_t, uint64_t, Digest>(
            {"path", "total", "offset", "digest"},
            [&](const Text& path, uint64_t total, uint64_t offset, const Digest& expected) -> Result<Answer> {
              SEALIFT_ASSIGN(const Bytes data, base::read_all(body_, kMaxPiece));
              return done(host_.store_write(path, total, offset, expected, data, reason));
            });
      case Call::store_finish:
        return with<Text>({"path"}, [&](const Text& path) { return done(host_.store_finish(path, reason)); });
      default: return fail(ErrorCode::internal, "{} is no call that changes", name(call));
    }
  }

  Result<Answer> execute(
      const std::function<Result<base::ExitStatus>(const base::Command&, const base::CommandIo&)>& run) {
    return with<base::Command, uint64_t>({"command", "limit"},
                                         [&](const base::Command& command, uint64_t limit) -> Result<Answer> {
                                           SEALIFT_ASSIGN(const Bytes input, base::read_all(body_, kMaxPiece));
                                           base::CommandIo io;
                                           io.input = input;
                                           io.output_limit = std::min<size_t>(limit, kMaxOutput);
                                           return ended(run(command, io));
                                         });
  }

  Result<Answer> read(const std::string& path, uint64_t limit) {
    SEALIFT_ASSIGN(auto bytes, host_.read(path, limit));
    Answer out;
    out.value.set("there", bytes.has_value());
    if (bytes) out.body = std::move(*bytes);
    return out;
  }

  // Sent as a body, one entry a line: a ledger may be larger than a frame, and its reader takes it apart as it comes.
  Result<Answer> ledger() {
    SEALIFT_ASSIGN(const auto entries, host_.ledger());
    std::string lines;
    for (const auto& entry : entries) lines += json::to_canonical(host::to_json(entry)) + "\n";
    Answer out;
    out.body = base::to_bytes(lines);
    return out;
  }

  Result<Answer> footprint() {
    SEALIFT_ASSIGN(const auto traces, host_.footprint());
    Answer out;
    out.body = base::to_bytes(host::footprint_lines(traces));
    return out;
  }

  Result<Answer> store_state(const std::string& path) {
    SEALIFT_ASSIGN(const auto state, host_.store_state(path));
    base::ByteWriter offsets;
    for (const uint64_t offset : state.frames) offsets.u64(offset);
    Answer out;
    out.value.set("complete", state.complete);
    out.body = offsets.take();
    return out;
  }

  host::Host& host_;
  const json::Value& request_;
  base::Source& body_;
  CancelToken cancel_;
};

}  // namespace

Result<Answer> answer(host::Host& host, const json::Value& request, base::Source& body, const CancelToken& cancel) {
  return Dispatch(host, request, body, cancel).run();
}

}  // namespace sealift::agent
