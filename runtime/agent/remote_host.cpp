// SPDX-License-Identifier: Apache-2.0
#include "runtime/agent/remote_host.h"

#include "payload/base/text.h"
#include "runtime/agent/calls.h"
#include "runtime/agent/connection.h"
#include "runtime/host/json_values.h"

namespace sealift::agent {
namespace {

constexpr size_t kMaxAnswer = size_t{256} << 20;  // ledger, frames of a store

// A call and its arguments.
class Request {
 public:
  explicit Request(Call call) { value_.set("call", name(call)); }
  Request(Call call, const host::Reason& reason) : Request(call) { value_.set("reason", host::to_json(reason)); }
  template <class T>
  Request&& with(std::string key, const T& argument) && {
    value_.set(std::move(key), host::to_json(argument));
    return std::move(*this);
  }
  json::Value take() && { return std::move(value_); }

 private:
  json::Value value_ = json::Value::object();
};

class ConnectedHost final : public RemoteHost {
 public:
  ConnectedHost(AgentLink link, Clock& clock) : connection_(std::move(link), clock) {}

  Result<void> begin() {
    SEALIFT_ASSIGN(const auto hello, connection_.begin());
    busy_owner_ = hello.text_or("busy", "");
    return {};
  }
  const std::string& busy_owner() const override { return busy_owner_; }

  Result<host::Facts> facts() override { return value<host::Facts>(Request(Call::facts)); }
  Result<std::optional<host::FileStatus>> stat(const std::string& path) override {
    return value_if_any<host::FileStatus>(Request(Call::stat).with("path", path));
  }

  Result<std::optional<Bytes>> read(const std::string& path, size_t limit) override {
    SEALIFT_ASSIGN(auto answer,
                   connection_.call(Request(Call::read).with("path", path).with("limit", uint64_t{limit}).take(),
                                    nullptr, limit, {}));
    SEALIFT_ASSIGN(const bool there, field<bool>(answer.value, "there"));
    if (!there) return std::optional<Bytes>{};
    return std::optional(std::move(answer.body));
  }

  Result<std::optional<Digest>> digest(const std::string& path) override {
    return value_if_any<Digest>(Request(Call::digest).with("path", path));
  }
  Result<std::vector<std::string>> list(const std::string& path) override {
    return value<std::vector<std::string>>(Request(Call::list).with("path", path));
  }
  Result<host::UnitState> unit(const std::string& name) override {
    return value<host::UnitState>(Request(Call::unit).with("name", name));
  }
  Result<std::optional<std::string>> sysctl(const std::string& key) override {
    return value_if_any<std::string>(Request(Call::sysctl).with("key", key));
  }
  Result<host::DiskSpace> disk(const std::string& path) override {
    return value<host::DiskSpace>(Request(Call::disk).with("path", path));
  }
  Result<host::FeatureResult> try_feature(const std::string& feature) override {
    return value<host::FeatureResult>(Request(Call::feature).with("name", feature));
  }
  Result<host::FeatureResult> ask_name_server(const std::string& server, const std::string& name) override {
    return value<host::FeatureResult>(Request(Call::ask_name_server).with("server", server).with("name", name));
  }
  Result<host::ProgramFolder> can_execute_in(const std::string& directory) override {
    return value<host::ProgramFolder>(Request(Call::can_execute).with("path", directory));
  }
  Result<base::ExitStatus> query(const base::Command& command, const base::CommandIo& io,
                                 const CancelToken& cancel) override {
    return execute(Request(Call::query), command, io, cancel);
  }
  Result<bool> worked_on() override { return value<bool>(Request(Call::worked_on)); }
  Result<bool> synced() override { return value<bool>(Request(Call::synced)); }
  Result<std::optional<std::string>> recorded(const std::string& step) override {
    return value_if_any<std::string>(Request(Call::recorded).with("step", step));
  }

  Result<std::vector<host::LedgerEntry>> ledger() override {
    SEALIFT_ASSIGN(const auto answer, connection_.call(Request(Call::ledger).take(), nullptr, kMaxAnswer, {}));
    SEALIFT_ASSIGN(const auto list, json::parse(base::as_text(answer.body), {kMaxAnswer, 8}));
    return host::from_json<std::vector<host::LedgerEntry>>(list);
  }

  Result<void> write_atomic(const std::string& path, const host::FileSpec& spec, base::Source& content,
                            const host::Reason& reason) override {
    return connection_.call(Request(Call::write, reason).with("path", path).with("spec", spec).take(), &content, 0, {})
        .transform([](const auto&) {});
  }
  Result<void> make_directory(const std::string& path, const host::FileSpec& spec,
                              const host::Reason& reason) override {
    return tell(Request(Call::make_directory, reason).with("path", path).with("spec", spec));
  }
  Result<void> make_symlink(const std::string& path, const std::string& target, const host::Reason& reason) override {
    return tell(Request(Call::make_symlink, reason).with("path", path).with("target", target));
  }
  Result<void> remove(const std::string& path, const host::Reason& reason) override {
    return tell(Request(Call::remove, reason).with("path", path));
  }
  Result<base::ExitStatus> run(const base::Command& command, const base::CommandIo& io, const host::Reason& reason,
                               const CancelToken& cancel) override {
    return execute(Request(Call::run, reason), command, io, cancel);
  }
  Result<base::ExitStatus> run_job(const std::string& unit_name, const base::Command& command,
                                   const host::Reason& reason, const CancelToken& cancel) override {
    return execute(Request(Call::run_job, reason).with("unit", unit_name), command, {}, cancel);
  }
  Result<void> unit_action(const std::string& name, host::UnitAction action, const host::Reason& reason) override {
    return tell(Request(Call::unit_action, reason).with("name", name).with("action", action));
  }
  Result<void> load_module(const std::string& name, const host::Reason& reason) override {
    return tell(Request(Call::load_module, reason).with("name", name));
  }
  Result<void> set_sysctl(const std::string& key, const std::string& value, const host::Reason& reason) override {
    return tell(Request(Call::set_sysctl, reason).with("key", key).with("value", value));
  }
  Result<void> announce(const host::Announced& change, const host::Reason& reason) override {
    return tell(Request(Call::announce, reason).with("change", change));
  }
  Result<std::optional<std::string>> begin(const host::Reason& reason) override {
    return value_if_any<std::string>(Request(Call::begin, reason));
  }
  Result<void> record(const host::Reason& reason) override { return tell(Request(Call::record, reason)); }
  Result<void> sync(const std::vector<std::string>& paths, const host::Reason& reason) override {
    return tell(Request(Call::sync, reason).with("paths", paths));
  }

  Result<host::StoreState> store_state(const std::string& path) override {
    SEALIFT_ASSIGN(const auto answer,
                   connection_.call(Request(Call::store_state).with("path", path).take(), nullptr, kMaxAnswer, {}));
    host::StoreState out;
    SEALIFT_ASSIGN(out.complete, field<bool>(answer.value, "complete"));
    base::ByteReader reader(answer.body);
    while (reader.left() > 0) {
      SEALIFT_ASSIGN(const uint64_t offset, reader.u64());
      out.frames.push_back(offset);
    }
    return out;
  }

  Result<void> store_write(const std::string& path, uint64_t total, uint64_t offset, const Digest& expected,
                           ByteView data, const host::Reason& reason) override {
    base::MemorySource source(data);
    auto request = Request(Call::store_write, reason)
                       .with("path", path)
                       .with("total", total)
                       .with("offset", offset)
                       .with("digest", expected)
                       .take();
    return connection_.call(std::move(request), &source, 0, {}).transform([](const auto&) {});
  }

  Result<void> store_finish(const std::string& path, const host::Reason& reason) override {
    return tell(Request(Call::store_finish, reason).with("path", path));
  }

 private:
  template <class T>
  static Result<T> field(const json::Value& answer, std::string_view key) {
    T out{};
    host::json_values::Reader reader{answer};
    reader(key, out);
    if (reader.error) return fail(ErrorCode::protocol, "the agent's answer: {}", reader.error->what);
    return out;
  }
  Result<json::Value> ask(Request&& request) {
    return connection_.call(std::move(request).take(), nullptr, kMaxAnswer, {}).transform([](auto&& answer) {
      return std::move(answer.value);
    });
  }
  template <class T>
  Result<T> value(Request&& request) {
    SEALIFT_ASSIGN(const auto answer, ask(std::move(request)));
    return field<T>(answer, "value");
  }
  template <class T>
  Result<std::optional<T>> value_if_any(Request&& request) {
    SEALIFT_ASSIGN(const auto answer, ask(std::move(request)));
    return field<std::optional<T>>(answer, "value");
  }
  Result<void> tell(Request&& request) {
    return ask(std::move(request)).transform([](const auto&) {});
  }

  Result<base::ExitStatus> execute(Request&& request, const base::Command& command, const base::CommandIo& io,
                                   const CancelToken& cancel) {
    base::MemorySource input(io.input);
    auto asked = std::move(request).with("command", command).with("limit", uint64_t{io.output_limit}).take();
    SEALIFT_ASSIGN(auto answer, connection_.call(std::move(asked), io.input.empty() ? nullptr : &input,
                                                 2 * io.output_limit + 65536, cancel));
    SEALIFT_ASSIGN(const auto split, field<uint64_t>(answer.value, "outputBytes"));
    if (split > answer.body.size()) return fail(ErrorCode::protocol, "the agent's answer is shorter than it says");
    const ByteView output = ByteView(answer.body).first(split), errors = ByteView(answer.body).subspan(split);
    base::ExitStatus status;
    SEALIFT_ASSIGN(status.code, field<int>(answer.value, "code"));
    if (io.on_output) {
      if (!output.empty()) io.on_output(output);
    } else {
      status.output = base::as_text(output);
    }
    if (io.on_error_output) {
      if (!errors.empty()) io.on_error_output(errors);
    } else {
      status.errors = base::as_text(errors);
    }
    return status;
  }

  AgentConnection connection_;
  std::string busy_owner_;
};

}  // namespace

Result<std::unique_ptr<RemoteHost>> RemoteHost::connect(AgentLink link, Clock& clock) {
  auto out = std::make_unique<ConnectedHost>(std::move(link), clock);
  SEALIFT_TRY(out->begin());
  return out;
}

}  // namespace sealift::agent
