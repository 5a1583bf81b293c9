// SPDX-License-Identifier: Apache-2.0
//
// What a host's ledger records: one type for each kind of change, with the state before it, so that the change can be
// undone. No prose in here: the code that undoes a change reads these fields.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "payload/hash/digest.h"
#include "runtime/host/trace.h"

namespace sealift::host {

struct FileSpec {
  uint32_t mode = 0644;
  uint32_t uid = 0, gid = 0;
  bool operator==(const FileSpec&) const = default;
};

// `reload`: a running service reads its configuration again and goes on. Fails if it does not run.
enum class UnitAction { reload_daemon, enable, disable, start, stop, restart, reload };

// What was at a path before it was changed.
struct PathBefore {
  enum class Kind {
    absent,
    file,
    directory,
    symlink,
    other,
    transient,  // something under /run: it may be a secret and is gone after a reboot, so no copy is kept
  };
  Kind kind = Kind::absent;
  std::optional<FileSpec> spec;       // of a file, a directory, other
  std::optional<uint64_t> size;       // of a file, in bytes
  std::optional<Digest> digest;       // of a file
  bool kept = false;                  // the ledger's kept/<digest> is a copy of the file
  std::optional<std::string> target;  // of a symlink
  bool operator==(const PathBefore&) const = default;
};

struct FileWritten {
  static constexpr std::string_view kKind = "file";
  std::string path;
  PathBefore before;
  std::optional<Digest> written = std::nullopt;  // the new content; none in ledgers of earlier versions
  bool operator==(const FileWritten&) const = default;
};

struct DirectoryMade {  // or its mode or owner changed
  static constexpr std::string_view kKind = "directory";
  std::string path;
  PathBefore before;
  bool operator==(const DirectoryMade&) const = default;
};

struct SymlinkMade {
  static constexpr std::string_view kKind = "symlink";
  std::string path;
  PathBefore before;
  bool operator==(const SymlinkMade&) const = default;
};

struct PathRemoved {
  static constexpr std::string_view kKind = "remove";
  std::string path;
  PathBefore before;
  bool operator==(const PathRemoved&) const = default;
};

// A program was started; its effects are unknown, unless other entries record them.
struct CommandRun {
  static constexpr std::string_view kKind = "run";
  std::string command;              // its words, for people
  std::optional<std::string> unit;  // the transient unit that it ran in
  bool operator==(const CommandRun&) const = default;
};

struct UnitChanged {
  static constexpr std::string_view kKind = "unit";
  struct Before {
    bool enabled = false;
    std::string active;  // UnitState::active
    bool operator==(const Before&) const = default;
  };
  UnitAction action = UnitAction::reload_daemon;
  std::string unit;              // "" for reload_daemon
  std::optional<Before> before;  // none for reload_daemon
  bool operator==(const UnitChanged&) const = default;
};

struct ModuleLoaded {
  static constexpr std::string_view kKind = "module";
  std::string module;
  bool loaded_before = false;
  bool operator==(const ModuleLoaded&) const = default;
};

struct SysctlSet {
  static constexpr std::string_view kKind = "sysctl";
  std::string key, value;
  std::optional<std::string> before;
  bool operator==(const SysctlSet&) const = default;
};

// A registry host's payload: its first piece is about to be written, or its last one has been.
struct PayloadStored {
  static constexpr std::string_view kKind = "store";
  std::string path;
  bool complete = false;
  bool operator==(const PayloadStored&) const = default;
};

// --- what programs run by a step make: recorded before they start ---

struct ImagePulled {  // into containerd's store, where it was not before
  static constexpr std::string_view kKind = "image";
  std::string image;
  bool operator==(const ImagePulled&) const = default;
};

struct MountsMade {  // below a directory, by kubelet and containerd
  static constexpr std::string_view kKind = "mount";
  std::string below;
  std::vector<std::string> before;  // existing mount points
  bool operator==(const MountsMade&) const = default;
};

struct InterfacesMade {  // network interfaces: bridges, tunnels and pairs of the pod network
  static constexpr std::string_view kKind = "interface";
  std::vector<std::string> before;  // all existing ones
  bool operator==(const InterfacesMade&) const = default;
};

// --- undoing ---

struct TakenAway {  // what a program had made (Host::take_away)
  static constexpr std::string_view kKind = "taken";
  Trace::Kind trace = Trace::Kind::path;
  std::string name;
  bool operator==(const TakenAway&) const = default;
};

struct PathRestored {  // to what it was before the delivery (Host::restore); `before`: what it is now
  static constexpr std::string_view kKind = "restored";
  std::string path;
  PathBefore before;
  bool operator==(const PathRestored&) const = default;
};

// --- the progress of steps ---

struct Begun {  // an earlier `Completed` of the step no longer counts
  static constexpr std::string_view kKind = "begun";
  bool operator==(const Begun&) const = default;
};

struct Completed {  // with the entry's inputs
  static constexpr std::string_view kKind = "completed";
  bool operator==(const Completed&) const = default;
};

struct Synced {  // everything before this entry is on disk
  static constexpr std::string_view kKind = "synced";
  bool operator==(const Synced&) const = default;
};

using Change = std::variant<FileWritten, DirectoryMade, SymlinkMade, PathRemoved, CommandRun, UnitChanged, ModuleLoaded,
                            SysctlSet, PayloadStored, ImagePulled, MountsMade, InterfacesMade, TakenAway, PathRestored,
                            Begun, Completed, Synced>;

// The changes that steps announce for programs they run (Host::announce).
using Announced = std::variant<ImagePulled, MountsMade, InterfacesMade>;

struct LedgerEntry {
  uint64_t sequence = 0;     // from 1, without gaps
  std::string time;          // ISO 8601, of the host's clock
  std::string step, inputs;  // Reason
  Change change;
};

}  // namespace sealift::host
