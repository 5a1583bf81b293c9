// SPDX-License-Identifier: Apache-2.0
#include "runtime/agent/remote_host.h"

#include <algorithm>
#include <chrono>

#include "payload/base/text.h"
#include "runtime/agent/calls.h"
#include "runtime/agent/connection.h"
#include "runtime/host/json_values.h"

namespace sealift::agent {
namespace {

constexpr size_t kMaxOffsets = size_t{1} << 20;       // frames of a payload in a store: 1 TiB of them
constexpr size_t kMaxOutput = size_t{8} << 20;        // of a command, each of its streams
constexpr size_t kMaxLedger = size_t{32} << 20;       // bytes
constexpr size_t kMaxLedgerLine = size_t{256} << 10;  // bytes
constexpr size_t kMaxLedgerEntries = 100'000;
constexpr size_t kMaxFootprint = size_t{64} << 20;  // bytes

constexpr Duration kAfterTimeout{60'000};  // for the agent's own answer that a command took too long

// How long a call may take, until the agent's whole answer is there. Generous: pings tell whether a host is there, and
// this ends the call of one that answers nothing else.
Duration patience(Call call) {
  using std::chrono::minutes;
  switch (call) {
    case Call::digest:
    case Call::store_state:  // these read whole payloads
    case Call::store_finish:
    case Call::store_write:
    case Call::sync:  // and these wait for disks
    case Call::write: return minutes{60};
    case Call::query:
    case Call::run:
    case Call::run_job: return minutes{120};  // without a timeout of the command's own
    case Call::unit_action:
    case Call::footprint:  // these go through many files
    case Call::restore:
    case Call::take_away: return minutes{15};
    default: return minutes{3};
  }
}

// Makes the texts in a described value printable.
struct Cleaner {
  void operator()(std::string_view /*key*/, auto& field) { clean(field); }
  void clean(std::string& text) { text = base::printable(text, 1000); }
  void clean(auto& value) {
    if constexpr (host::json_values::is_vector<std::remove_cvref_t<decltype(value)>>) {
      for (auto& item : value) clean(item);
    } else if constexpr (requires { describe(*this, value); }) {
      describe(*this, value);
    }
  }
};

// Takes the lines of a ledger apart as they come.
class LedgerLines final : public base::Sink {
 public:
  std::vector<host::LedgerEntry> entries;

  Result<void> write(ByteView data) override {
    seen_ += data.size();
    if (seen_ > kMaxLedger)
      return fail(ErrorCode::limit_exceeded, "the host's ledger is larger than {}", base::human_bytes(kMaxLedger));
    std::string_view text = base::as_text(data);
    for (size_t end = 0; (end = text.find('\n')) != std::string_view::npos; text.remove_prefix(end + 1)) {
      line_ += text.substr(0, end);
      SEALIFT_TRY(take());
    }
    line_ += text;
    return line_.size() <= kMaxLedgerLine ? Result<void>{} : too_long();
  }

 private:
  static Result<void> too_long() { return fail(ErrorCode::limit_exceeded, "a line of the host's ledger is too long"); }
  Result<void> take() {
    if (line_.size() > kMaxLedgerLine) return too_long();
    if (entries.size() == kMaxLedgerEntries)
      return fail(ErrorCode::limit_exceeded, "the host's ledger has more than {} entries", kMaxLedgerEntries);
    SEALIFT_ASSIGN(const auto value, json::parse(line_, {kMaxLedgerLine, 8}));
    SEALIFT_ASSIGN(auto entry, host::from_json<host::LedgerEntry>(value));
    entries.push_back(std::move(entry));
    line_.clear();
    return {};
  }

  size_t seen_ = 0;
  std::string line_;
};

// A call and its arguments.
class Request {
 public:
  explicit Request(Call call) : patience_(agent::patience(call)) { value_.set("call", name(call)); }
  Request(Call call, const host::Reason& reason) : Request(call) { value_.set("reason", host::to_json(reason)); }
  template <class T>
  Request&& with(std::string key, const T& argument) && {
    value_.set(std::move(key), host::to_json(argument));
    return std::move(*this);
  }
  json::Value take() && { return std::move(value_); }
  Duration patience() const { return patience_; }

 private:
  Duration patience_;
  json::Value value_ = json::Value::object();
};

class ConnectedHost final : public RemoteHost {
 public:
  ConnectedHost(AgentLink link, Clock& clock) : connection_(std::move(link), clock) {}

  Result<void> begin() {
    SEALIFT_ASSIGN(const auto hello, connection_.begin());
    busy_owner_ = base::printable(hello.text_or("busy", ""));
    return {};
  }
  const std::string& busy_owner() const override { return busy_owner_; }

  Result<host::Facts> facts() override { return cleaned<host::Facts>(Request(Call::facts)); }
  Result<std::optional<host::FileStatus>> stat(const std::string& path) override {
    return value_if_any<host::FileStatus>(Request(Call::stat).with("path", path));
  }

  Result<std::optional<Bytes>> read(const std::string& path, size_t limit) override {
    base::MemorySink content(limit);
    SEALIFT_ASSIGN(const auto answer,
                   call(Request(Call::read).with("path", path).with("limit", uint64_t{limit}), nullptr, content));
    SEALIFT_ASSIGN(const bool there, field<bool>(answer, "there"));
    if (!there) return std::optional<Bytes>{};
    return std::optional(content.take());
  }

  Result<std::optional<Digest>> digest(const std::string& path) override {
    return value_if_any<Digest>(Request(Call::digest).with("path", path));
  }
  Result<std::vector<std::string>> list(const std::string& path) override {
    return value<std::vector<std::string>>(Request(Call::list).with("path", path));
  }
  Result<host::UnitState> unit(const std::string& name) override {
    return cleaned<host::UnitState>(Request(Call::unit).with("name", name));
  }
  Result<std::optional<std::string>> sysctl(const std::string& key) override {
    return value_if_any<std::string>(Request(Call::sysctl).with("key", key));
  }
  Result<host::DiskSpace> disk(const std::string& path) override {
    return cleaned<host::DiskSpace>(Request(Call::disk).with("path", path));
  }
  Result<host::FeatureResult> try_feature(const std::string& feature) override {
    return cleaned<host::FeatureResult>(Request(Call::feature).with("name", feature));
  }
  Result<host::FeatureResult> ask_name_server(const std::string& server, const std::string& name) override {
    return cleaned<host::FeatureResult>(Request(Call::ask_name_server).with("server", server).with("name", name));
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

  Result<std::vector<host::Reason>> records(const std::string& prefix) override {
    return value<std::vector<host::Reason>>(Request(Call::records).with("prefix", prefix));
  }

  Result<std::vector<host::LedgerEntry>> ledger() override {
    LedgerLines lines;
    SEALIFT_TRY(call(Request(Call::ledger), nullptr, lines));
    return std::move(lines.entries);
  }

  Result<void> write_atomic(const std::string& path, const host::FileSpec& spec, base::Source& content,
                            const host::Reason& reason) override {
    return tell(Request(Call::write, reason).with("path", path).with("spec", spec), &content);
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

  // The texts are the host's, as they are: whoever shows them makes them printable.
  Result<host::Footprint> footprint() override {
    base::MemorySink lines(kMaxFootprint);
    SEALIFT_TRY(call(Request(Call::footprint), nullptr, lines));
    return host::parse_footprint(base::as_text(lines.data()));
  }
  Result<host::Restored> restore(const std::string& path, const host::PathBefore& before,
                                 const std::optional<Digest>& written, const host::Reason& reason) override {
    auto request = Request(Call::restore, reason).with("path", path).with("before", before);
    return value<host::Restored>(written ? std::move(request).with("written", *written) : std::move(request));
  }
  Result<void> take_away(host::Trace::Kind kind, const std::string& name, const host::Reason& reason) override {
    return tell(Request(Call::take_away, reason).with("kind", kind).with("name", name));
  }
  Result<void> forget(const host::Reason& reason) override { return tell(Request(Call::forget, reason)); }

  Result<host::StoreState> store_state(const std::string& path) override {
    base::MemorySink offsets(kMaxOffsets * sizeof(uint64_t));
    SEALIFT_ASSIGN(const auto answer, call(Request(Call::store_state).with("path", path), nullptr, offsets));
    host::StoreState out;
    SEALIFT_ASSIGN(out.complete, field<bool>(answer, "complete"));
    base::ByteReader reader(offsets.data());
    while (reader.left() > 0) {
      SEALIFT_ASSIGN(const uint64_t offset, reader.u64());
      out.frames.push_back(offset);
    }
    return out;
  }

  Result<void> store_write(const std::string& path, uint64_t total, uint64_t offset, const Digest& expected,
                           ByteView data, const host::Reason& reason) override {
    base::MemorySource source(data);
    return tell(Request(Call::store_write, reason)
                    .with("path", path)
                    .with("total", total)
                    .with("offset", offset)
                    .with("digest", expected),
                &source);
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
  Result<json::Value> call(Request&& request, base::Source* body, base::Sink& into) {
    const Duration patience = request.patience();
    return connection_.call(std::move(request).take(), body, into, patience, {});
  }
  Result<json::Value> ask(Request&& request, base::Source* body = nullptr) {
    base::MemorySink none(0);
    return call(std::move(request), body, none);
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
  template <class T>
  Result<T> cleaned(Request&& request) {
    return value<T>(std::move(request)).transform([](T&& out) {
      Cleaner().clean(out);
      return std::move(out);
    });
  }
  Result<void> tell(Request&& request, base::Source* body = nullptr) {
    return ask(std::move(request), body).transform([](const auto&) {});
  }

  Result<base::ExitStatus> execute(Request&& request, const base::Command& command, const base::CommandIo& io,
                                   const CancelToken& cancel) {
    base::MemorySource input(io.input);
    const size_t limit = std::min(io.output_limit, kMaxOutput);
    base::MemorySink said(2 * limit + 65536);
    const Duration patience = command.timeout ? *command.timeout + kAfterTimeout : request.patience();
    SEALIFT_ASSIGN(const auto answer,
                   connection_.call(std::move(request).with("command", command).with("limit", uint64_t{limit}).take(),
                                    io.input.empty() ? nullptr : &input, said, patience, cancel));
    SEALIFT_ASSIGN(const auto split, field<uint64_t>(answer, "outputBytes"));
    if (split > said.data().size()) return fail(ErrorCode::protocol, "the agent's answer is shorter than it says");
    const ByteView output = ByteView(said.data()).first(split), errors = ByteView(said.data()).subspan(split);
    base::ExitStatus status;
    SEALIFT_ASSIGN(status.code, field<int>(answer, "code"));
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
