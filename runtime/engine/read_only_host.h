// SPDX-License-Identifier: Apache-2.0
//
// A host that can only be looked at: what check() gets, in dry runs and in real ones. Every changing call is refused
// with `internal`, because a check that changes something is our own mistake.
#pragma once

#include "runtime/host/host.h"

namespace sealift::engine {

class ReadOnlyHost final : public host::Host {
 public:
  explicit ReadOnlyHost(host::Host& host) : host_(host) {}  // not owned

  Result<host::Facts> facts() override { return host_.facts(); }
  Result<std::optional<host::FileStatus>> stat(const std::string& path) override { return host_.stat(path); }
  Result<std::optional<Bytes>> read(const std::string& path, size_t limit) override { return host_.read(path, limit); }
  Result<std::optional<Digest>> digest(const std::string& path) override { return host_.digest(path); }
  Result<std::vector<std::string>> list(const std::string& path) override { return host_.list(path); }
  Result<host::UnitState> unit(const std::string& name) override { return host_.unit(name); }
  Result<std::optional<std::string>> sysctl(const std::string& key) override { return host_.sysctl(key); }
  Result<host::DiskSpace> disk(const std::string& path) override { return host_.disk(path); }
  Result<host::FeatureResult> try_feature(const std::string& feature) override { return host_.try_feature(feature); }
  Result<host::ProgramFolder> can_execute_in(const std::string& directory) override { return host_.can_execute_in(directory); }
  Result<host::FeatureResult> ask_name_server(const std::string& server, const std::string& name) override { return host_.ask_name_server(server, name); }
  Result<base::ExitStatus> query(const base::Command& command, const base::CommandIo& io, const CancelToken& cancel) override {
    return host_.query(command, io, cancel);
  }
  Result<std::optional<std::string>> recorded(const std::string& step) override { return host_.recorded(step); }
  Result<std::vector<host::LedgerEntry>> ledger() override { return host_.ledger(); }
  Result<bool> synced() override { return host_.synced(); }
  Result<StoreState> store_state(const std::string& path) override { return host_.store_state(path); }

  Result<void> write_atomic(const std::string& path, const host::FileSpec&, base::Source&, const host::Reason& reason) override {
    return refuse("write", path, reason);
  }
  Result<void> make_directory(const std::string& path, const host::FileSpec&, const host::Reason& reason) override {
    return refuse("make directory", path, reason);
  }
  Result<void> make_symlink(const std::string& path, const std::string&, const host::Reason& reason) override {
    return refuse("make link", path, reason);
  }
  Result<void> remove(const std::string& path, const host::Reason& reason) override { return refuse("remove", path, reason); }
  Result<base::ExitStatus> run(const base::Command& command, const base::CommandIo&, const host::Reason& reason,
                               const CancelToken&) override {
    return std::unexpected(refuse("run", command.text(), reason).error());
  }
  Result<base::ExitStatus> run_job(const std::string& unit_name, const base::Command&, const host::Reason& reason,
                                   const CancelToken&) override {
    return std::unexpected(refuse("run job", unit_name, reason).error());
  }
  Result<void> unit_action(const std::string& name, UnitAction, const host::Reason& reason) override {
    return refuse("act on unit", name, reason);
  }
  Result<void> load_module(const std::string& name, const host::Reason& reason) override { return refuse("load module", name, reason); }
  Result<void> set_sysctl(const std::string& key, const std::string&, const host::Reason& reason) override {
    return refuse("set sysctl", key, reason);
  }
  Result<std::optional<std::string>> begin(const host::Reason& reason) override {
    return std::unexpected(refuse("begin", "a step", reason).error());
  }
  Result<void> record(const host::Reason& reason) override { return refuse("record", "ledger", reason); }
  Result<void> sync(const std::vector<std::string>&, const host::Reason& reason) override { return refuse("sync", "file systems", reason); }
  Result<void> store_write(const std::string& path, uint64_t, uint64_t, const Digest&, ByteView, const host::Reason& reason) override {
    return refuse("store", path, reason);
  }
  Result<void> store_finish(const std::string& path, const host::Reason& reason) override { return refuse("finish store", path, reason); }

 private:
  static Result<void> refuse(std::string_view call, std::string_view target, const host::Reason& reason) {
    return fail(ErrorCode::internal, "{}: tried to {} {} while only looking", reason.step, call, target);
  }
  host::Host& host_;
};

}  // namespace sealift::engine
