// SPDX-License-Identifier: Apache-2.0
//
// A machine as steps see it: HostView looks, Host changes as well. What is given a view can't change anything.
// LocalHost does these calls on this machine (inside the agent), RemoteHost carries them over the agent's protocol;
// both pass tests/conformance/host_test.cpp, and a step can't tell them apart. A Host knows files, programs, units and
// facts; nothing of Kubernetes, of plans, or of the person who watches.
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

namespace sealift::host {

enum class FileType { regular, directory, symlink, other };

struct FileStatus {
  FileType type = FileType::regular;
  FileSpec spec;
  uint64_t size = 0;
  std::string link_target;  // of a symlink
};

// Which step makes a change. Every changing call takes one: the host's ledger records it with the change and with what
// was there before (change.h).
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

// What a host is. Read once per connection: what somebody reads here, and no more.
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
  std::vector<std::string> nameservers;  // of /etc/resolv.conf
  struct Listener {
    std::string address;
    uint16_t port = 0;
    std::string process;  // command name if known
  };
  std::vector<Listener> listeners;  // TCP
};

struct DiskSpace {
  std::string mount_point, filesystem;
  uint64_t free_bytes = 0, total_bytes = 0, free_inodes = 0;
  bool read_only = false, no_exec = false;
};

// A feature tried for real, not read from a list: overlay mount with an upper layer, nftables rule in a scratch
// netns, bridge netfilter, vxlan link, … ("overlay", "br_netfilter", "nftables", "vxlan", "iptables").
struct FeatureResult {
  bool works = false;
  std::string detail;
};

// Whether programs can be put into a folder and started there.
enum class ProgramFolder { usable, no_exec, read_only };

// What of a payload is in the store of a registry host: <dataRoot>/payloads/<identity>.payload, sparse until complete.
// Which frames (by offset) of a partial file are there and sound; empty if there is no file. A finished file: all.
struct StoreState {
  bool complete = false;
  std::vector<uint64_t> frames;  // offsets, sorted
};

// What a connection to a host is for: lookers share the host's lock, who changes it has it alone.
enum class Purpose { look, change };

// One connection; calls may come from several threads (RemoteHost multiplexes them, LocalHost locks nothing but the
// ledger). Errors: the code of the failing operation on the host; `unreachable` when the connection is gone.
class HostView {
 public:
  virtual ~HostView() = default;

  virtual Result<Facts> facts() = 0;
  virtual Result<std::optional<FileStatus>> stat(const std::string& path) = 0;  // no symlink followed at the end
  virtual Result<std::optional<Bytes>> read(const std::string& path, size_t limit) = 0;
  virtual Result<std::optional<Digest>> digest(const std::string& path) = 0;   // regular files
  virtual Result<std::vector<std::string>> list(const std::string& path) = 0;  // names, sorted; absent = empty
  virtual Result<UnitState> unit(const std::string& name) = 0;
  virtual Result<std::optional<std::string>> sysctl(const std::string& key) = 0;
  virtual Result<DiskSpace> disk(const std::string& path) = 0;  // of the nearest existing parent
  virtual Result<FeatureResult> try_feature(const std::string& feature) = 0;
  virtual Result<ProgramFolder> can_execute_in(
      const std::string& directory) = 0;  // tried in the nearest existing parent
  // Whether the name server at an address knows `name`, asked from this host (port 53, at most five seconds); `detail`
  // says why not. /etc/resolv.conf has no part in it. invalid_input for what is no address or no name.
  virtual Result<FeatureResult> ask_name_server(const std::string& server, const std::string& name) = 0;
  // A program that only looks (kubectl get …). Runs while dry runs do too.
  virtual Result<base::ExitStatus> query(const base::Command& command, const base::CommandIo& io,
                                         const CancelToken& cancel) = 0;
  // The digest of inputs that the ledger has for a step, if it was completed (see record) and not begun again since.
  virtual Result<std::optional<std::string>> recorded(const std::string& step) = 0;
  virtual Result<std::vector<LedgerEntry>> ledger() = 0;
  // True if the ledger has any entry: an earlier run worked on this host.
  virtual Result<bool> worked_on() = 0;
  // True if the ledger knows of no change since sync() last came to its end; false if it never did.
  virtual Result<bool> synced() = 0;
  virtual Result<StoreState> store_state(const std::string& path) = 0;
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
  // A command that may take longer than two seconds: runs as transient systemd unit `unit_name` (".service" added);
  // if a unit of that name runs already it is waited for, if it has ended since boot without being collected its
  // result is taken. Output comes from files under /run/sealift/jobs/<unit_name>/ (0600), removed at the end.
  virtual Result<base::ExitStatus> run_job(const std::string& unit_name, const base::Command& command,
                                           const Reason& reason, const CancelToken& cancel) = 0;
  virtual Result<void> unit_action(const std::string& name, UnitAction action, const Reason& reason) = 0;
  virtual Result<void> load_module(const std::string& name, const Reason& reason) = 0;
  virtual Result<void> set_sysctl(const std::string& key, const std::string& value, const Reason& reason) = 0;
  // Enters in the ledger what a program that is about to run will make here. Nothing else happens.
  virtual Result<void> announce(const Announced& change, const Reason& reason) = 0;
  // Before a step changes anything: what the ledger says of an earlier success no longer counts, durably, until the
  // next record(). Gives the digest that was recorded; where there was none nothing is written.
  virtual Result<std::optional<std::string>> begin(const Reason& reason) = 0;
  // Marks a step as completed with these inputs (what check() compares where the host can't show them).
  virtual Result<void> record(const Reason& reason) = 0;
  // Has the file systems that hold these paths (or their nearest parents) write out what they have in memory only: what
  // programs left there survives a power cut from then on. Entered in the ledger at its end.
  virtual Result<void> sync(const std::vector<std::string>& paths, const Reason& reason) = 0;

  // --- payload store on a registry host ---
  // Writes a piece of the payload at its offset after checking its SHA-256. `total` = size of the payload.
  virtual Result<void> store_write(const std::string& path, uint64_t total, uint64_t offset, const Digest& expected,
                                   ByteView data, const Reason& reason) = 0;
  // All frames are there: syncs, marks complete.
  virtual Result<void> store_finish(const std::string& path, const Reason& reason) = 0;
};

}  // namespace sealift::host
