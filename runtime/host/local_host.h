// SPDX-License-Identifier: Apache-2.0
//
// The machine this program runs on: the real host inside the agent. In tests it may be rooted in a folder, so that
// files, ledger and stores need no root, and use other programs than systemd's (facts and features remain the machine's
// own).
#pragma once

#include <map>
#include <memory>
#include <mutex>

#include "runtime/host/host.h"
#include "runtime/host/ledger.h"
#include "runtime/host/open_folder.h"
#include "runtime/host/payload_store.h"

namespace sealift::host {

// Locations on this machine; `root` is not prepended. Names without a slash are looked up in base::kChildPath.
struct MachinePaths {
  std::string systemctl = "systemctl", systemd_run = "systemd-run", modprobe = "modprobe";
  std::string sysctls = "/proc/sys", modules = "/sys/module";
  std::string jobs = "/run/sealift/jobs";
};

class LocalHost final : public Host {
 public:
  // `root`: "" or a folder prepended to every path. Errors: those of Ledger::open.
  static Result<std::unique_ptr<LocalHost>> open(std::string root, Clock& clock, MachinePaths machine = {});
  ~LocalHost() override;

  Result<Facts> facts() override;
  Result<std::optional<FileStatus>> stat(const std::string& path) override;
  Result<std::optional<Bytes>> read(const std::string& path, size_t limit) override;
  Result<std::optional<Digest>> digest(const std::string& path) override;
  Result<std::vector<std::string>> list(const std::string& path) override;
  Result<UnitState> unit(const std::string& name) override;
  Result<std::optional<std::string>> sysctl(const std::string& key) override;
  Result<DiskSpace> disk(const std::string& path) override;
  Result<FeatureResult> try_feature(const std::string& feature) override;
  Result<ProgramFolder> can_execute_in(const std::string& directory) override;
  Result<FeatureResult> ask_name_server(const std::string& server, const std::string& name) override;
  Result<base::ExitStatus> query(const base::Command& command, const base::CommandIo& io,
                                 const CancelToken& cancel) override;
  Result<std::optional<std::string>> recorded(const std::string& step) override;
  Result<std::vector<Reason>> records(const std::string& prefix) override;
  Result<std::vector<LedgerEntry>> ledger() override;
  Result<bool> worked_on() override;
  Result<bool> synced() override;
  Result<void> write_atomic(const std::string& path, const FileSpec& spec, base::Source& content,
                            const Reason& reason) override;
  Result<void> make_directory(const std::string& path, const FileSpec& spec, const Reason& reason) override;
  Result<void> make_symlink(const std::string& path, const std::string& target, const Reason& reason) override;
  Result<void> remove(const std::string& path, const Reason& reason) override;
  Result<base::ExitStatus> run(const base::Command& command, const base::CommandIo& io, const Reason& reason,
                               const CancelToken& cancel) override;
  Result<base::ExitStatus> run_job(const std::string& unit_name, const base::Command& command, const Reason& reason,
                                   const CancelToken& cancel) override;
  Result<void> unit_action(const std::string& name, UnitAction action, const Reason& reason) override;
  Result<void> load_module(const std::string& name, const Reason& reason) override;
  Result<void> set_sysctl(const std::string& key, const std::string& value, const Reason& reason) override;
  Result<void> announce(const Announced& change, const Reason& reason) override;
  Result<std::optional<std::string>> begin(const Reason& reason) override;
  Result<void> record(const Reason& reason) override;
  Result<void> sync(const std::vector<std::string>& paths, const Reason& reason) override;
  Result<StoreState> store_state(const std::string& path) override;
  Result<Footprint> footprint() override;  // footprint.cpp
  Result<Restored> restore(const std::string& path, const PathBefore& before, const std::optional<Digest>& written,
                           const Reason& reason) override;                                           // restore.cpp
  Result<void> take_away(Trace::Kind kind, const std::string& name, const Reason& reason) override;  // take_away.cpp
  Result<void> forget(const Reason& reason) override;
  Result<void> store_write(const std::string& path, uint64_t total, uint64_t offset, const Digest& expected,
                           ByteView data, const Reason& reason) override;
  Result<void> store_finish(const std::string& path, const Reason& reason) override;

 private:
  LocalHost(std::string root, Clock& clock, MachinePaths machine, std::unique_ptr<Ledger> ledger)
      : root_(std::move(root)), clock_(clock), machine_(std::move(machine)), ledger_(std::move(ledger)) {}
  Result<std::string> real(const std::string& path) const;
  // The state of a path, for the ledger, which keeps the file if it may be needed to undo the change.
  Result<PathBefore> before(const Place& place, const std::string& path);
  // Whether there is anything to be taken away.
  Result<bool> has_trace(Trace::Kind kind, const std::string& name) const;

  struct OpenStore;  // local_stores.cpp, like all members about stores
  Result<std::shared_ptr<OpenStore>> store(const std::string& path, uint64_t total);

  std::string root_;
  Clock& clock_;
  MachinePaths machine_;
  std::unique_ptr<Ledger> ledger_;
  std::mutex stores_mutex_;
  std::map<std::string, std::shared_ptr<OpenStore>> stores_;
};

// --- used by LocalHost, each in its own file ---
Result<Facts> read_facts(Clock& clock);                           // facts.cpp
Result<FeatureResult> try_feature_here(const std::string& name);  // features.cpp
void forget_killed_trials();  // takes what a killed trial left on the disk: features.cpp
Result<FeatureResult> ask_name_server_here(const std::string& server, const std::string& name);  // name_query.cpp
Result<DiskSpace> disk_space_of(const std::string& real_path);                                   // facts.cpp
Result<base::ExitStatus> run_job_here(const MachinePaths& machine, const std::string& unit_name,
                                      const base::Command& command, const Reason& reason, Clock& clock,
                                      const CancelToken& cancel);  // job.cpp
// Runs inside the transient unit: executes <folder>/spec.json, writes result.json. Returns an exit code.
int job_main(const std::string& folder);

}  // namespace sealift::host
