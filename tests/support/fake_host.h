// SPDX-License-Identifier: Apache-2.0
//
// Machines that exist only in memory, for whole deliveries without a host: FakeMachine is what remains when a
// connection breaks or the power fails, FakeHost is one connection to it. Failures are requested by call number, so
// that a test can try every one of them.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "runtime/host/host.h"

namespace sealift::tests {

class FakeMachine {
 public:
  explicit FakeMachine(std::string name);

  struct File {
    host::FileType type = host::FileType::regular;
    host::FileSpec spec;
    Bytes content;
    std::string link_target;
    bool operator==(const File&) const = default;
  };
  struct Unit {
    bool enabled = false, active = false, failed = false;
    std::map<std::string, Bytes> runs_with;  // the files as last read (see unit_reads)
    bool operator==(const Unit&) const = default;
  };
  struct Store {
    uint64_t total = 0;
    bool complete = false;
    std::map<uint64_t, Bytes> frames;
    bool operator==(const Store&) const = default;
  };
  // Everything a delivery is about; two machines with equal worlds look the same to an operator.
  struct World {
    std::map<std::string, File> files;
    std::map<std::string, Unit> units;
    std::map<std::string, std::string> sysctls;
    std::set<std::string> modules;
    std::map<std::string, Store> stores;
    std::map<std::string, std::string> recorded;  // step → inputs
    // Mounts, links, tables, chains, cgroups, users and processes; the other kinds follow from the rest.
    std::set<std::pair<host::Trace::Kind, std::string>> traces;
    bool operator==(const World&) const = default;
  };
  using Program = std::function<Result<base::ExitStatus>(FakeMachine&, const base::Command&, const base::CommandIo&)>;

  // --- the machine; set before use, or under lock() ---
  World world;
  host::Facts facts;
  host::DiskSpace disk{"/", "ext4", uint64_t{100} << 30, uint64_t{200} << 30, 10'000'000, false, false};
  std::map<std::string, host::DiskSpace> mounts;  // more disks, by mount point
  std::set<std::string> broken_features;
  std::string name_server_trouble;  // why no name server answers this host; empty = all do
  // Errors returned for looks at this path, unit or feature; also "facts" and "ledger".
  std::map<std::string, Error> broken_looks;
  std::vector<host::LedgerEntry> ledger;
  std::map<Digest, Bytes> kept;  // replaced files, as the ledger keeps them
  // By the last part of argv[0]; a missing program is not_found.
  std::map<std::string, Program> programs;
  // Files that a unit reads when it starts or is reloaded.
  std::map<std::string, std::vector<std::string>> unit_reads;
  // Called for every changing call before anything is locked: a test may block it here.
  std::function<void(const std::string& call, const std::string& target)> arriving;
  // Sees every changing call before it happens; an error stops it.
  std::function<Result<void>(const std::string& call, const std::string& target)> before_change;

  // --- what happened to it ---
  std::vector<std::string> changes;  // "write /etc/x", "run kubeadm init …", in order

  // --- failures ---
  enum class When { before, after };  // whether the connection breaks before or after the call takes effect
  // The connection breaks at the n-th call from now (1 = the next one).
  void break_at_call(uint64_t n, When when);
  void set_reachable(bool reachable);
  bool reachable() const;
  // /run, jobs, modules, sysctls and all traces but users are gone; enabled units run again, others do not. Connections
  // break.
  void power_cut();
  uint64_t calls() const;
  uint64_t boots() const;
  // For simulated programs with several stages: an error means they were killed there (before_change sees "inside"
  // `stage`).
  Result<void> inside(const std::string& stage);
  void start_unit(Unit& unit, const std::string& name);
  // A running unit reads its files again.
  void read_files(Unit& unit, const std::string& name);

  const std::string& name() const { return name_; }
  std::recursive_mutex& lock() { return mutex_; }

 private:
  friend class FakeHost;
  std::string name_;
  mutable std::recursive_mutex mutex_;
  uint64_t calls_ = 0;
  uint64_t generation_ = 0;  // connections of older generations are dead
  std::optional<uint64_t> break_at_;
  When break_when_ = When::before;
  bool reachable_ = true;
  uint64_t boots_ = 0;
  struct EndedJob {
    std::string wish;  // what was requested
    base::ExitStatus status;
  };
  std::map<std::string, EndedJob> jobs_;  // ended, result not taken yet
  std::set<std::string> temporary_modules_;
  std::map<std::string, std::optional<std::string>> temporary_sysctls_;  // with their values since the boot
};

// Errors: `unreachable` if the machine is not reachable.
Result<std::unique_ptr<host::Host>> connect_fake(FakeMachine& machine);

class FakeHost final : public host::Host {
 public:
  explicit FakeHost(FakeMachine& machine);

  Result<host::Facts> facts() override;
  Result<std::optional<host::FileStatus>> stat(const std::string& path) override;
  Result<std::optional<Bytes>> read(const std::string& path, size_t limit) override;
  Result<std::optional<Digest>> digest(const std::string& path) override;
  Result<std::vector<std::string>> list(const std::string& path) override;
  Result<host::UnitState> unit(const std::string& name) override;
  Result<std::optional<std::string>> sysctl(const std::string& key) override;
  Result<host::DiskSpace> disk(const std::string& path) override;
  Result<host::FeatureResult> try_feature(const std::string& feature) override;
  Result<host::ProgramFolder> can_execute_in(const std::string& directory) override;
  Result<host::FeatureResult> ask_name_server(const std::string& server, const std::string& name) override;
  Result<base::ExitStatus> query(const base::Command& command, const base::CommandIo& io,
                                 const CancelToken& cancel) override;
  Result<std::optional<std::string>> recorded(const std::string& step) override;
  Result<std::vector<host::Reason>> records(const std::string& prefix) override;
  Result<std::vector<host::LedgerEntry>> ledger() override;
  Result<bool> worked_on() override;
  Result<bool> synced() override;

  Result<void> write_atomic(const std::string& path, const host::FileSpec& spec, base::Source& content,
                            const host::Reason& reason) override;
  Result<void> make_directory(const std::string& path, const host::FileSpec& spec, const host::Reason& reason) override;
  Result<void> make_symlink(const std::string& path, const std::string& target, const host::Reason& reason) override;
  Result<void> remove(const std::string& path, const host::Reason& reason) override;
  Result<base::ExitStatus> run(const base::Command& command, const base::CommandIo& io, const host::Reason& reason,
                               const CancelToken& cancel) override;
  Result<base::ExitStatus> run_job(const std::string& unit_name, const base::Command& command,
                                   const host::Reason& reason, const CancelToken& cancel) override;
  Result<void> unit_action(const std::string& name, host::UnitAction action, const host::Reason& reason) override;
  Result<void> load_module(const std::string& name, const host::Reason& reason) override;
  Result<void> set_sysctl(const std::string& key, const std::string& value, const host::Reason& reason) override;
  Result<void> announce(const host::Announced& made, const host::Reason& reason) override;
  Result<std::optional<std::string>> begin(const host::Reason& reason) override;
  Result<void> record(const host::Reason& reason) override;
  Result<void> sync(const std::vector<std::string>& paths, const host::Reason& reason) override;
  Result<host::StoreState> store_state(const std::string& path) override;
  Result<host::Footprint> footprint() override;
  Result<host::Restored> restore(const std::string& path, const host::PathBefore& before,
                                 const std::optional<Digest>& written, const host::Reason& reason) override;
  Result<void> take_away(host::Trace::Kind kind, const std::string& name, const host::Reason& reason) override;
  Result<void> forget(const host::Reason& reason) override;
  Result<void> store_write(const std::string& path, uint64_t total, uint64_t offset, const Digest& expected,
                           ByteView data, const host::Reason& reason) override;
  Result<void> store_finish(const std::string& path, const host::Reason& reason) override;

 private:
  template <class T>
  Result<T> look(const std::function<Result<T>()>& body);
  template <class T>
  Result<T> change(const std::string& call, const std::string& target, const host::Reason& reason,
                   std::optional<host::Change> recorded, const std::function<Result<T>()>& body);
  Result<void> arrive(bool& break_after);
  Result<void> can_look_at(const std::string& target) const;
  const host::DiskSpace& disk_of(const std::string& path) const;
  std::optional<Bytes> stored(const std::string& path) const;
  // Keeps the file that is there, as a host's ledger does.
  host::PathBefore before(const std::string& path);
  host::PathBefore now(const std::string& path) const;
  host::PathBefore recorded_now(const std::string& path) const;
  // What restore() says without changing anything; nothing if it is to change something.
  std::optional<host::Restored> restored_already(const std::string& path, const host::PathBefore& before,
                                                 const std::optional<Digest>& written) const;
  void put_back(const std::string& path, const host::PathBefore& before);
  bool is_full_folder(const std::string& path) const;
  bool has_trace(host::Trace::Kind kind, const std::string& name) const;
  Result<void> take(host::Trace::Kind kind, const std::string& name);
  std::unexpected<Error> gone() const;

  FakeMachine& machine_;
  uint64_t generation_;
};

template <class T>
Result<T> FakeHost::look(const std::function<Result<T>()>& body) {
  std::lock_guard guard(machine_.mutex_);
  bool break_after = false;
  SEALIFT_TRY(arrive(break_after));
  if (break_after) {
    ++machine_.generation_;
    return gone();
  }
  return body();
}

template <class T>
Result<T> FakeHost::change(const std::string& call, const std::string& target, const host::Reason& reason,
                           std::optional<host::Change> recorded, const std::function<Result<T>()>& body) {
  if (machine_.arriving) machine_.arriving(call, target);
  std::lock_guard guard(machine_.mutex_);
  bool break_after = false;
  SEALIFT_TRY(arrive(break_after));
  if (machine_.before_change) {
    auto allowed = machine_.before_change(call, target);
    if (!allowed) return std::unexpected(std::move(allowed).error());
  }
  Result<T> out = body();
  if (out) {
    machine_.changes.push_back(call + " " + target);
    if (recorded)
      machine_.ledger.push_back({machine_.ledger.size() + 1, "", reason.step, reason.inputs, std::move(*recorded)});
  }
  if (break_after) {
    ++machine_.generation_;
    return gone();
  }
  return out;
}

}  // namespace sealift::tests
