// SPDX-License-Identifier: Apache-2.0
#include "runtime/host/remote_host.h"

#include "payload/base/text.h"
#include "runtime/host/calls.h"
#include "runtime/host/connection.h"

namespace sealift::host {
namespace {

constexpr size_t kMaxAnswer = size_t{256} << 20;  // ledger, frames of a store

json::Value request_for(std::string_view call) {
  json::Value out = json::Value::object();
  out.set("call", call);
  return out;
}

json::Value request_for(std::string_view call, const Reason& reason) {
  auto out = request_for(call);
  out.set("step", reason.step);
  out.set("inputs", reason.inputs);
  return out;
}

json::Value path_request(std::string_view call, const std::string& path) {
  auto out = request_for(call);
  out.set("path", path);
  return out;
}

json::Value path_request(std::string_view call, const std::string& path, const Reason& reason) {
  auto out = request_for(call, reason);
  out.set("path", path);
  return out;
}

void set_spec(json::Value& request, const FileSpec& spec) {
  request.set("mode", spec.mode);
  request.set("uid", spec.uid);
  request.set("gid", spec.gid);
}

std::optional<std::string> optional_text(const json::Value& answer) {
  const auto* value = answer.find("value");
  return value != nullptr && value->string() != nullptr ? std::optional(*value->string()) : std::nullopt;
}

class ConnectedHost final : public RemoteHost {
 public:
  ConnectedHost(AgentLink link, Clock& clock) : connection_(std::move(link), clock) {}

  Result<void> begin() {
    SEALIFT_ASSIGN(const auto hello, connection_.begin());
    busy_owner_ = hello.text_or("busy", "");
    return {};
  }
  const std::string& busy_owner() const override { return busy_owner_; }

  Result<Facts> facts() override {
    SEALIFT_ASSIGN(const auto value, value_of(request_for("facts")));
    return facts_from(value);
  }

  Result<std::optional<FileStatus>> stat(const std::string& path) override {
    SEALIFT_ASSIGN(const auto answer, ask(path_request("stat", path)));
    const auto* value = answer.find("value");
    if (value == nullptr) return std::optional<FileStatus>{};
    SEALIFT_ASSIGN(auto status, file_status_from(*value));
    return std::optional(std::move(status));
  }

  Result<std::optional<Bytes>> read(const std::string& path, size_t limit) override {
    auto request = path_request("read", path);
    request.set("limit", uint64_t{limit});
    SEALIFT_ASSIGN(auto answer, connection_.call(std::move(request), nullptr, limit, {}));
    if (!answer.value.boolean_or("there", false)) return std::optional<Bytes>{};
    return std::optional(std::move(answer.body));
  }

  Result<std::optional<Digest>> digest(const std::string& path) override {
    SEALIFT_ASSIGN(const auto answer, ask(path_request("digest", path)));
    const auto text = optional_text(answer);
    if (!text) return std::optional<Digest>{};
    return Digest::parse(*text).transform([](const Digest& digest) { return std::optional(digest); });
  }

  Result<std::vector<std::string>> list(const std::string& path) override {
    SEALIFT_ASSIGN(const auto value, value_of(path_request("list", path)));
    return texts_from(&value);
  }

  Result<UnitState> unit(const std::string& name) override {
    auto request = request_for("unit");
    request.set("name", name);
    SEALIFT_ASSIGN(const auto value, value_of(std::move(request)));
    return unit_state_from(value);
  }

  Result<std::optional<std::string>> sysctl(const std::string& key) override {
    auto request = request_for("sysctl");
    request.set("key", key);
    SEALIFT_ASSIGN(const auto answer, ask(std::move(request)));
    return optional_text(answer);
  }

  Result<DiskSpace> disk(const std::string& path) override {
    SEALIFT_ASSIGN(const auto value, value_of(path_request("disk", path)));
    return disk_space_from(value);
  }

  Result<FeatureResult> try_feature(const std::string& feature) override {
    auto request = request_for("feature");
    request.set("name", feature);
    SEALIFT_ASSIGN(const auto answer, ask(std::move(request)));
    return FeatureResult{answer.boolean_or("works", false), answer.text_or("detail", "")};
  }

  Result<FeatureResult> ask_name_server(const std::string& server, const std::string& name) override {
    auto request = request_for("askNameServer");
    request.set("server", server);
    request.set("name", name);
    SEALIFT_ASSIGN(const auto answer, ask(std::move(request)));
    return FeatureResult{answer.boolean_or("works", false), answer.text_or("detail", "")};
  }

  Result<ProgramFolder> can_execute_in(const std::string& directory) override {
    SEALIFT_ASSIGN(const auto answer, ask(path_request("canExecute", directory)));
    const uint64_t value = answer.natural_or("value", UINT64_MAX);
    if (value > uint64_t(ProgramFolder::read_only)) return fail(ErrorCode::protocol, "the agent does not say whether programs run in {}", directory);
    return static_cast<ProgramFolder>(value);
  }

  Result<base::ExitStatus> query(const base::Command& command, const base::CommandIo& io, const CancelToken& cancel) override {
    return execute(request_for("query"), command, io, cancel);
  }

  Result<bool> synced() override {
    return ask(request_for("synced")).transform([](const json::Value& answer) { return answer.boolean_or("value", false); });
  }

  Result<std::optional<std::string>> recorded(const std::string& step) override {
    SEALIFT_ASSIGN(const auto answer, ask(request_for("recorded", Reason{step, {}})));
    return optional_text(answer);
  }

  Result<std::vector<LedgerEntry>> ledger() override {
    SEALIFT_ASSIGN(const auto answer, connection_.call(request_for("ledger"), nullptr, kMaxAnswer, {}));
    SEALIFT_ASSIGN(const auto list, json::parse(base::as_text(answer.body), {kMaxAnswer, 8}));
    std::vector<LedgerEntry> out;
    if (!list.is_array()) return fail(ErrorCode::protocol, "the agent's ledger is no list");
    for (const auto& entry : *list.elements()) out.push_back(ledger_entry_from(entry));
    return out;
  }

  Result<void> write_atomic(const std::string& path, const FileSpec& spec, base::Source& content, const Reason& reason) override {
    auto request = path_request("write", path, reason);
    set_spec(request, spec);
    return connection_.call(std::move(request), &content, 0, {}).transform([](const auto&) {});
  }

  Result<void> make_directory(const std::string& path, const FileSpec& spec, const Reason& reason) override {
    auto request = path_request("makeDirectory", path, reason);
    set_spec(request, spec);
    return tell(std::move(request));
  }

  Result<void> make_symlink(const std::string& path, const std::string& target, const Reason& reason) override {
    auto request = path_request("makeSymlink", path, reason);
    request.set("target", target);
    return tell(std::move(request));
  }

  Result<void> remove(const std::string& path, const Reason& reason) override { return tell(path_request("remove", path, reason)); }

  Result<base::ExitStatus> run(const base::Command& command, const base::CommandIo& io, const Reason& reason, const CancelToken& cancel) override {
    return execute(request_for("run", reason), command, io, cancel);
  }

  Result<base::ExitStatus> run_job(const std::string& unit_name, const base::Command& command, const Reason& reason, const CancelToken& cancel) override {
    auto request = request_for("runJob", reason);
    request.set("unit", unit_name);
    return execute(std::move(request), command, {}, cancel);
  }

  Result<void> unit_action(const std::string& name, UnitAction action, const Reason& reason) override {
    auto request = request_for("unitAction", reason);
    request.set("name", name);
    request.set("action", uint64_t(action));
    return tell(std::move(request));
  }

  Result<void> load_module(const std::string& name, const Reason& reason) override {
    auto request = request_for("loadModule", reason);
    request.set("name", name);
    return tell(std::move(request));
  }

  Result<void> set_sysctl(const std::string& key, const std::string& value, const Reason& reason) override {
    auto request = request_for("setSysctl", reason);
    request.set("key", key);
    request.set("value", value);
    return tell(std::move(request));
  }

  Result<std::optional<std::string>> begin(const Reason& reason) override {
    SEALIFT_ASSIGN(const auto answer, ask(request_for("begin", reason)));
    const auto* value = answer.find("value");
    return value == nullptr || value->string() == nullptr ? std::optional<std::string>{} : std::optional(*value->string());
  }

  Result<void> record(const Reason& reason) override { return tell(request_for("record", reason)); }

  Result<void> sync(const std::vector<std::string>& paths, const Reason& reason) override {
    auto request = request_for("sync", reason);
    request.set("paths", texts_to_json(paths));
    return tell(std::move(request));
  }

  Result<StoreState> store_state(const std::string& path) override {
    SEALIFT_ASSIGN(const auto answer, connection_.call(path_request("storeState", path), nullptr, kMaxAnswer, {}));
    StoreState out{answer.value.boolean_or("complete", false), {}};
    base::ByteReader reader(answer.body);
    while (reader.left() > 0) {
      SEALIFT_ASSIGN(const uint64_t offset, reader.u64());
      out.frames.push_back(offset);
    }
    return out;
  }

  Result<void> store_write(const std::string& path, uint64_t total, uint64_t offset, const Digest& expected, ByteView data, const Reason& reason) override {
    auto request = path_request("storeWrite", path, reason);
    request.set("total", total);
    request.set("offset", offset);
    request.set("digest", expected.text());
    base::MemorySource source(data);
    return connection_.call(std::move(request), &source, 0, {}).transform([](const auto&) {});
  }

  Result<void> store_finish(const std::string& path, const Reason& reason) override { return tell(path_request("storeFinish", path, reason)); }

 private:
  Result<json::Value> ask(json::Value request) {
    return connection_.call(std::move(request), nullptr, kMaxAnswer, {}).transform([](auto&& answer) { return std::move(answer.value); });
  }
  Result<json::Value> value_of(json::Value request) {
    SEALIFT_ASSIGN(auto answer, ask(std::move(request)));
    const auto* value = answer.find("value");
    if (value == nullptr) return fail(ErrorCode::protocol, "the agent's answer lacks its value");
    return *value;
  }
  Result<void> tell(json::Value request) {
    return ask(std::move(request)).transform([](const auto&) {});
  }

  Result<base::ExitStatus> execute(json::Value request, const base::Command& command, const base::CommandIo& io, const CancelToken& cancel) {
    request.set("command", to_json(command));
    request.set("limit", uint64_t{io.output_limit});
    base::MemorySource input(io.input);
    SEALIFT_ASSIGN(auto answer, connection_.call(std::move(request), io.input.empty() ? nullptr : &input, 2 * io.output_limit + 65536, cancel));
    const size_t split = answer.value.natural_or("outputBytes", 0);
    if (split > answer.body.size()) return fail(ErrorCode::protocol, "the agent's answer is shorter than it says");
    const ByteView output = ByteView(answer.body).first(split), errors = ByteView(answer.body).subspan(split);
    base::ExitStatus status{static_cast<int>(answer.value.natural_or("code", 127)), {}, {}};
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

}  // namespace sealift::host
