// SPDX-License-Identifier: Apache-2.0
//
// A machine as steps see it: HostView looks, Host can also change it. Code that gets a HostView can't change anything.
// LocalHost executes the calls on this machine (inside the agent), RemoteHost sends them over the agent's protocol;
// both pass tests/conformance/host_test.cpp, and a step can't tell them apart. A Host knows files, programs, units and
// facts; nothing of Kubernetes, plans or users.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "payload/base/bytes.h"
#include "payload/base/cancel.h"
#include "payload/base/event.h"
#include "payload/base/platform.h"
#include "payload/base/process.h"
#include "payload/base/stream.h"
#include "payload/hash/digest.h"
#include "runtime/host/change.h"
#include "runtime/host/trace.h"

namespace sealift::host {

enum class FileType { regular, directory, symlink, other };

struct FileStatus {
  FileType type = FileType::regular;
  FileSpec spec;
  uint64_t size = 0;
  std::string link_target;  // of a symlink
};

// The step that makes a change. Every changing call takes one: the host's ledger records it with the change and the
// state before it (change.h).
struct Reason {
  std::string step;    // StepId
  std::string inputs;  // digest of the step's inputs, hex; may be empty
};

struct UnitState {
  bool loaded = false;
  bool enabled = false;
  std::string active;  // "active", "inactive", "failed", "activating" …
  std::string sub;     // "running", "dead", "exited" …
};

// What a host is. Read once per connection; holds only facts that are used.
struct Facts {
  std::string hostname, machine_id;
  Architecture architecture = Architecture::amd64;
  uint32_t cpus = 0;
  uint64_t memory_bytes = 0, swap_bytes = 0;
  bool systemd = false;
  int cgroup_version = 0;  // 1 (also hybrid), 2
  std::vector<std::string> cgroup_controllers;
  int64_t clock_ms = 0;  // wall time of the host, ms since 1970
  struct Address {
    std::string interface, address;  // "eth0", "10.7.0.11"
    int prefix = 0;
  };
  std::vector<Address> addresses;
  bool default_route = false;
  std::vector<std::string> nameservers;  // from /etc/resolv.conf
  struct Listener {
    std::string address;
    uint16_t port = 0;
    std::string process;  // command name, if known
  };
  std::vector<Listener> listeners;  // TCP
};

struct DiskSpace {
  std::string mount_point, filesystem;
  uint64_t free_bytes = 0, total_bytes = 0, free_inodes = 0;
  bool read_only = false, no_exec = false;
};

// Result of trying a kernel feature instead of looking it up in a list: "overlay" (a mount with an upper layer),
// "nftables" (answers in a new network namespace), "vxlan" (a link can be made), "br_netfilter" (loaded or loadable).
struct FeatureResult {
  bool works = false;
  std::string detail;
};

// Whether programs can be written to a folder and started there.
enum class ProgramFolder { usable, no_exec, read_only };

// What a registry host's store holds of a payload: <dataRoot>/payloads/<identity>.payload, sparse until complete.
// `frames` lists the intact frames (by offset) of a partial file; empty if there is no file. A finished file: all.
struct StoreState {
  bool complete = false;
  std::vector<uint64_t> frames;  // offsets, sorted
};

// The purpose of a connection: looks share the host's lock, a change needs it exclusively. An agent that was sent for a
// look, or to undo everything, is not left on the host.
enum class Purpose { look, change, undo };

// One connection; several threads may call it (RemoteHost multiplexes, LocalHost locks only the ledger). Errors: the
// code of the failed operation on the host; `unreachable` when the connection is gone.
class HostView {
 public:
  virtual ~HostView() = default;

  virtual Result<Facts> facts() = 0;
  virtual Result<std::optional<FileStatus>> stat(const std::string& path) = 0;  // does not follow a final symlink
  virtual Result<std::optional<Bytes>> read(const std::string& path, size_t limit) = 0;
  virtual Result<std::optional<Digest>> digest(const std::string& path) = 0;   // regular files
  virtual Result<std::vector<std::string>> list(const std::string& path) = 0;  // names, sorted; absent = empty
  virtual Result<UnitState> unit(const std::string& name) = 0;
  virtual Result<std::optional<std::string>> sysctl(const std::string& key) = 0;
  virtual Result<DiskSpace> disk(const std::string& path) = 0;  // of the nearest existing parent
  virtual Result<FeatureResult> try_feature(const std::string& feature) = 0;
  virtual Result<ProgramFolder> can_execute_in(
      const std::string& directory) = 0;  // tried in the nearest existing parent
  // Whether the name server at an address resolves `name`, asked from this host (port 53, at most five seconds);
  // `detail` says why not. Ignores /etc/resolv.conf. Errors: invalid_input if it is not an address or not a name.
  virtual Result<FeatureResult> ask_name_server(const std::string& server, const std::string& name) = 0;
  // Runs a program that only looks (kubectl get …), in dry runs too.
  virtual Result<base::ExitStatus> query(const base::Command& command, const base::CommandIo& io,
                                         const CancelToken& cancel) = 0;
  // The inputs digest that the ledger holds for a step, if it was completed (see record) and has not begun again since.
  virtual Result<std::optional<std::string>> recorded(const std::string& step) = 0;
  // The same of all steps whose ids begin with `prefix`, by id.
  virtual Result<std::vector<Reason>> records(const std::string& prefix) = 0;
  virtual Result<std::vector<LedgerEntry>> ledger() = 0;
  // True if the ledger has an entry: an earlier run worked on this host.
  virtual Result<bool> worked_on() = 0;
  // True if the ledger records no change since the last finished sync(); false if there was none.
  virtual Result<bool> synced() = 0;
  virtual Result<StoreState> store_state(const std::string& path) = 0;
  // What is on the host now. Paths: everything below /etc, /opt, /usr/local and /usr/libexec, with digests of files of
  // at most 1 MiB; the entries of /var/lib, of its folders that a cluster's programs use, of /var/log and /run.
  virtual Result<Footprint> footprint() = 0;
};

class Host : public HostView {
 public:
  virtual Result<void> write_atomic(const std::string& path, const FileSpec& spec, base::Source& content,
                                    const Reason& reason) = 0;
  virtual Result<void> make_directory(const std::string& path, const FileSpec& spec, const Reason& reason) = 0;
  virtual Result<void> make_symlink(const std::string& path, const std::string& target, const Reason& reason) = 0;
  virtual Result<void> remove(const std::string& path,
                              const Reason& reason) = 0;  // file, link or empty folder; absent is fine
  virtual Result<base::ExitStatus> run(const base::Command& command, const base::CommandIo& io, const Reason& reason,
                                       const CancelToken& cancel) = 0;
  // For commands that may take longer than two seconds: runs as transient systemd unit `unit_name` (".service" is
  // added). If a unit of that name already runs, waits for it; if one has ended since boot and was not collected, takes
  // its result. Output goes through files under /run/sealift/jobs/<unit_name>/ (0600), removed at the end.
  virtual Result<base::ExitStatus> run_job(const std::string& unit_name, const base::Command& command,
                                           const Reason& reason, const CancelToken& cancel) = 0;
  virtual Result<void> unit_action(const std::string& name, UnitAction action, const Reason& reason) = 0;
  virtual Result<void> load_module(const std::string& name, const Reason& reason) = 0;
  virtual Result<void> set_sysctl(const std::string& key, const std::string& value, const Reason& reason) = 0;
  // Records in the ledger what a program that is about to run will make here. Does nothing else.
  virtual Result<void> announce(const Announced& change, const Reason& reason) = 0;
  // Called before a step changes anything: a success recorded in the ledger no longer counts, durably, until the next
  // record(). Returns the recorded digest; if there was none, writes nothing.
  virtual Result<std::optional<std::string>> begin(const Reason& reason) = 0;
  // Marks a step as completed with these inputs (check() compares them where the host itself can't show the state).
  virtual Result<void> record(const Reason& reason) = 0;
  // Syncs the file systems that hold these paths (or their nearest existing parents), so that what programs wrote there
  // survives a power cut. Recorded in the ledger once it is done.
  virtual Result<void> sync(const std::vector<std::string>& paths, const Reason& reason) = 0;

  // --- undoing ---
  // Makes a path what it was before the first change of it. `written`: the digest of the file that was last written
  // there by a delivery, if known: any other content is somebody else's and stays.
  virtual Result<Restored> restore(const std::string& path, const PathBefore& before,
                                   const std::optional<Digest>& written, const Reason& reason) = 0;
  // Takes away one thing that programs have made; absent is fine. A path with everything below it, but never across a
  // mount; a mount; a link; a table; a chain, with the rules that lead to it; a cgroup, after its processes have been
  // ended; a module that nobody uses; a process: all that run this program. Errors: busy for a module in use, or for
  // what is still there after ten seconds; internal for any other kind.
  virtual Result<void> take_away(Trace::Kind kind, const std::string& name, const Reason& reason) = 0;
  // Removes the ledger, with the copies that it kept, and /var/lib/sealift if nothing else is in it: the last change.
  virtual Result<void> forget(const Reason& reason) = 0;

  // --- payload store on a registry host ---
  // Writes a piece of the payload at its offset after checking its SHA-256. `total`: size of the payload.
  virtual Result<void> store_write(const std::string& path, uint64_t total, uint64_t offset, const Digest& expected,
                                   ByteView data, const Reason& reason) = 0;
  // All frames are there: syncs and marks the payload complete.
  virtual Result<void> store_finish(const std::string& path, const Reason& reason) = 0;
};

}  // namespace sealift::host
