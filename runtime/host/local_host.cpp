// SPDX-License-Identifier: Apache-2.0
#include "runtime/host/local_host.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <set>

#include "payload/base/file.h"
#include "payload/base/safe_path.h"
#include "payload/base/text.h"
#include "runtime/host/descriptions.h"
#include "runtime/host/path_state.h"

namespace sealift::host {
namespace {

constexpr std::string_view kLedgerFolder = "/var/lib/sealift/ledger";

FileType type_of(mode_t mode) {
  if (S_ISREG(mode)) return FileType::regular;
  if (S_ISDIR(mode)) return FileType::directory;
  return S_ISLNK(mode) ? FileType::symlink : FileType::other;
}

bool is_sysctl_key(std::string_view key) {
  return !key.empty() && !key.starts_with('.') && !key.contains("..") && std::ranges::all_of(key, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '-';
  });
}

Result<std::string> sysctl_path(const MachinePaths& machine, std::string key) {
  if (!is_sysctl_key(key)) return fail(ErrorCode::internal, "\"{}\" is not a sysctl", base::printable(key));
  std::ranges::replace(key, '.', '/');
  return machine.sysctls + "/" + key;
}

Result<std::string> nearest_existing(std::string path) {
  struct stat status{};
  while (::stat(path.c_str(), &status) != 0) {
    if (path.size() <= 1) return fail_errno(errno, "look at " + path);
    path = path.substr(0, std::max<size_t>(path.rfind('/'), 1));
  }
  return path;
}

// Signs that a feature without a loaded module of its name is built in.
bool works_without_module(const std::string& name) {
  if (name == "br_netfilter") return ::access("/proc/sys/net/bridge/bridge-nf-call-iptables", F_OK) == 0;
  if (name == "nf_conntrack") return ::access("/proc/sys/net/netfilter/nf_conntrack_max", F_OK) == 0;
  const auto filesystems = base::read_text_file("/proc/filesystems", 65536);
  return filesystems && std::ranges::any_of(base::split(*filesystems, '\n'),
                                            [&](std::string_view line) { return line.ends_with("\t" + name); });
}

}  // namespace

Result<std::unique_ptr<LocalHost>> LocalHost::open(std::string root, Clock& clock, MachinePaths machine) {
  SEALIFT_ASSIGN(auto ledger, Ledger::open(root + std::string(kLedgerFolder), clock));
  return std::unique_ptr<LocalHost>(new LocalHost(std::move(root), clock, std::move(machine), std::move(ledger)));
}

Result<std::string> LocalHost::real(const std::string& path) const {
  if (path == "/") return root_.empty() ? path : root_;
  SEALIFT_ASSIGN(auto safe, base::safe_absolute_path(path));
  return root_ + safe;
}

Result<Facts> LocalHost::facts() { return read_facts(clock_); }
Result<FeatureResult> LocalHost::try_feature(const std::string& feature) { return try_feature_here(feature); }
Result<FeatureResult> LocalHost::ask_name_server(const std::string& server, const std::string& name) {
  return ask_name_server_here(server, name);
}

Result<std::optional<FileStatus>> LocalHost::stat(const std::string& path) {
  SEALIFT_ASSIGN(const auto where, real(path));
  struct stat status{};
  if (::lstat(where.c_str(), &status) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return std::optional<FileStatus>{};
    return fail_errno(errno, "stat " + path);
  }
  FileStatus out{type_of(status.st_mode),
                 {status.st_mode & 07777U, status.st_uid, status.st_gid},
                 static_cast<uint64_t>(status.st_size),
                 {}};
  if (out.type == FileType::symlink) {
    std::array<char, 4096> target{};
    const ssize_t size = ::readlink(where.c_str(), target.data(), target.size());
    if (size < 0) return fail_errno(errno, "read the link " + path);
    out.link_target.assign(target.data(), static_cast<size_t>(size));
  }
  return out;
}

Result<std::optional<Bytes>> LocalHost::read(const std::string& path, size_t limit) {
  SEALIFT_ASSIGN(const auto where, real(path));
  auto bytes = base::read_file(where, limit);
  if (bytes) return std::optional(std::move(*bytes));
  if (bytes.error().code == ErrorCode::not_found) return std::optional<Bytes>{};
  return std::unexpected(std::move(bytes).error());
}

Result<std::optional<Digest>> LocalHost::digest(const std::string& path) {
  SEALIFT_ASSIGN(const auto where, real(path));
  SEALIFT_ASSIGN(const auto there, stat(path));
  if (!there || there->type != FileType::regular) return std::optional<Digest>{};
  auto fd = base::open_file(where, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (!fd) {
    if (fd.error().code == ErrorCode::not_found) return std::optional<Digest>{};
    return std::unexpected(std::move(fd).error());
  }
  struct stat status{};
  if (::fstat(fd->get(), &status) != 0) return fail_errno(errno, "stat " + path);
  if (!S_ISREG(status.st_mode)) return std::optional<Digest>{};
  base::FdSource source(fd->get());
  return hash::sha256(source).transform([](const Digest& digest) { return std::optional(digest); });
}

Result<std::vector<std::string>> LocalHost::list(const std::string& path) {
  SEALIFT_ASSIGN(const auto where, real(path));
  std::vector<std::string> out;
  DIR* folder = ::opendir(where.c_str());
  if (folder == nullptr) {
    if (errno == ENOENT || errno == ENOTDIR) return out;
    return fail_errno(errno, "list " + path);
  }
  while (const dirent* entry = ::readdir(folder)) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") out.emplace_back(name);
  }
  ::closedir(folder);
  std::ranges::sort(out);
  return out;
}

Result<UnitState> LocalHost::unit(const std::string& name) {
  const base::Command command{
      {machine_.systemctl, "show", "--property=LoadState,UnitFileState,ActiveState,SubState", "--", name},
      {},
      "/",
      Duration{30'000}};
  SEALIFT_ASSIGN(const auto output, base::run_checked(command));
  UnitState out;
  for (const auto line : base::split(output, '\n')) {
    const size_t equals = std::min(line.find('='), line.size());
    const std::string_view key = line.substr(0, equals), value = line.substr(std::min(equals + 1, line.size()));
    if (key == "LoadState") out.loaded = value == "loaded";
    if (key == "UnitFileState") out.enabled = value == "enabled" || value == "static" || value == "enabled-runtime";
    if (key == "ActiveState") out.active = value;
    if (key == "SubState") out.sub = value;
  }
  return out;
}

Result<std::optional<std::string>> LocalHost::sysctl(const std::string& key) {
  SEALIFT_ASSIGN(const auto path, sysctl_path(machine_, key));
  auto text = base::read_text_file(path, 65536);
  if (text) return std::optional(std::string(base::trim(*text)));
  if (text.error().code == ErrorCode::not_found) return std::optional<std::string>{};
  return std::unexpected(std::move(text).error());
}

Result<DiskSpace> LocalHost::disk(const std::string& path) {
  SEALIFT_ASSIGN(const auto where, real(path));
  return disk_space_of(where);
}

Result<ProgramFolder> LocalHost::can_execute_in(const std::string& directory) {
  SEALIFT_ASSIGN(const auto where, real(directory));
  SEALIFT_ASSIGN(const std::string folder, nearest_existing(where));  // not there yet: its nearest parent decides
  // Tried for real: mount options are not the only obstacle.
  std::string program = folder + (folder.ends_with('/') ? "" : "/") + ".sealift-exec-XXXXXX";
  base::Fd fd(::mkostemp(program.data(), O_CLOEXEC));
  // Root is refused by read-only mounts, immutable folders and security modules.
  if (!fd && (errno == EROFS || errno == EPERM || errno == EACCES)) return ProgramFolder::read_only;
  if (!fd) return fail_errno(errno, "make a file in " + directory);
  auto written = base::write_all(fd.get(), base::as_bytes("#!/bin/sh\n"));
  if (written && ::fchmod(fd.get(), 0700) != 0) written = fail_errno(errno, "chmod " + program);
  fd.reset();
  Result<base::ExitStatus> ran = written ? base::run({{program}, {}, "/", Duration{20'000}})
                                         : Result<base::ExitStatus>(std::unexpected(written.error()));
  ::unlink(program.c_str());
  if (ran) return ran->ok() ? ProgramFolder::usable : ProgramFolder::no_exec;
  if (ran.error().code == ErrorCode::permission_denied) return ProgramFolder::no_exec;
  return std::unexpected(std::move(ran).error());
}

Result<base::ExitStatus> LocalHost::query(const base::Command& command, const base::CommandIo& io,
                                          const CancelToken& cancel) {
  return base::run(command, io, cancel);
}

Result<std::optional<std::string>> LocalHost::recorded(const std::string& step) { return ledger_->completed(step); }
Result<std::vector<Reason>> LocalHost::records(const std::string& prefix) { return ledger_->completed_like(prefix); }
Result<std::vector<LedgerEntry>> LocalHost::ledger() { return ledger_->entries(); }
Result<bool> LocalHost::worked_on() { return !ledger_->empty(); }
Result<bool> LocalHost::synced() { return ledger_->synced(); }

Result<PathBefore> LocalHost::before(const Place& place, const std::string& path) {
  SEALIFT_ASSIGN(auto now, look_at(place, path));
  auto state = as_recorded(std::move(now.state), path);
  if (state.kind != PathBefore::Kind::file) return state;
  return ledger_->keep(now.file.get(), path, std::move(state));
}

Result<void> LocalHost::write_atomic(const std::string& path, const FileSpec& spec, base::Source& content,
                                     const Reason& reason) {
  SEALIFT_ASSIGN(const auto place, place_of(root_, path, FolderOwners::anyone));
  SEALIFT_ASSIGN(const auto was, before(place, path));
  // The temporary file is in the same folder: the rename stays on one file system, and SELinux labels come from the
  // folder.
  const std::string temporary = temporary_name(place, path, reason);
  const int folder = place.folder.get();
  ::unlinkat(folder, temporary.c_str(), 0);
  base::Fd fd(::openat(folder, temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd) return fail_errno(errno, "write " + path);
  hash::Sha256 hashed;
  base::FunctionSink sink([&](ByteView data) {
    hashed.update(data);
    return base::write_all(fd.get(), data);
  });
  Result<void> done = base::copy(content, sink).transform([](uint64_t) {});
  if (done) done = finish_file(fd.get(), path, spec);
  fd.reset();  // a program that is open for writing can't be started
  // Nor is anything about the contents of /run kept: it may be a secret.
  const auto written = path.starts_with("/run/") ? std::nullopt : std::optional(hashed.finish());
  if (done) done = ledger_->add(reason, FileWritten{path, was, written});
  if (done && ::renameat(folder, temporary.c_str(), folder, place.name.c_str()) != 0)
    done = fail_errno(errno, "rename to " + path);
  if (!done) {
    ::unlinkat(folder, temporary.c_str(), 0);
    return done;
  }
  return sync_folder(place, path);
}

Result<void> LocalHost::make_directory(const std::string& path, const FileSpec& spec, const Reason& reason) {
  SEALIFT_ASSIGN(const auto status, stat(path));
  if (status && status->type != FileType::directory && status->type != FileType::symlink)
    return fail(ErrorCode::already_exists, "{} exists and is not a folder", path);
  if (!status) {
    const std::string parent = path.substr(0, path.rfind('/'));
    if (!parent.empty()) {
      SEALIFT_ASSIGN(const auto above, stat(parent));
      if (!above) SEALIFT_TRY(make_directory(parent, {0755, spec.uid, spec.gid}, reason));
    }
    SEALIFT_TRY(ledger_->add(reason, DirectoryMade{path, {}}));
    SEALIFT_ASSIGN(const auto place, place_of(root_, path, FolderOwners::anyone));
    if (::mkdirat(place.folder.get(), place.name.c_str(), 0700) != 0 && errno != EEXIST)
      return fail_errno(errno, "make folder " + path);
    return set_folder_spec(place, path, spec);
  }
  if (status->type == FileType::symlink || status->spec == spec) return {};
  SEALIFT_ASSIGN(const auto place, place_of(root_, path, FolderOwners::anyone));
  SEALIFT_ASSIGN(const auto was, before(place, path));
  SEALIFT_TRY(ledger_->add(reason, DirectoryMade{path, was}));
  return set_folder_spec(place, path, spec);
}

Result<void> LocalHost::make_symlink(const std::string& path, const std::string& target, const Reason& reason) {
  SEALIFT_ASSIGN(const auto place, place_of(root_, path, FolderOwners::anyone));
  SEALIFT_ASSIGN(const auto was, before(place, path));
  const std::string temporary = place.name + ".sealift-link";
  const int folder = place.folder.get();
  ::unlinkat(folder, temporary.c_str(), 0);
  if (::symlinkat(target.c_str(), folder, temporary.c_str()) != 0) return fail_errno(errno, "link " + path);
  SEALIFT_TRY(ledger_->add(reason, SymlinkMade{path, was}));
  if (::renameat(folder, temporary.c_str(), folder, place.name.c_str()) != 0)
    return fail_errno(errno, "rename to " + path);
  return {};
}

Result<void> LocalHost::remove(const std::string& path, const Reason& reason) {
  SEALIFT_ASSIGN(const auto status, stat(path));
  if (!status) return {};
  SEALIFT_ASSIGN(const auto place, place_of(root_, path, FolderOwners::anyone));
  SEALIFT_ASSIGN(const auto was, before(place, path));
  SEALIFT_TRY(ledger_->add(reason, PathRemoved{path, was}));
  const int flags = status->type == FileType::directory ? AT_REMOVEDIR : 0;
  if (::unlinkat(place.folder.get(), place.name.c_str(), flags) != 0 && errno != ENOENT)
    return fail_errno(errno, "remove " + path);
  return {};
}

Result<base::ExitStatus> LocalHost::run(const base::Command& command, const base::CommandIo& io, const Reason& reason,
                                        const CancelToken& cancel) {
  SEALIFT_TRY(ledger_->add(reason, CommandRun{command.text(), {}}));
  return base::run(command, io, cancel);
}

Result<base::ExitStatus> LocalHost::run_job(const std::string& unit_name, const base::Command& command,
                                            const Reason& reason, const CancelToken& cancel) {
  SEALIFT_TRY(ledger_->add(reason, CommandRun{command.text(), unit_name}));
  return run_job_here(machine_, unit_name, command, reason, clock_, cancel);
}

Result<void> LocalHost::unit_action(const std::string& name, UnitAction action, const Reason& reason) {
  // Its name is systemctl's word for it.
  base::Command command{
      {machine_.systemctl, std::string(names<UnitAction>[static_cast<size_t>(action)])}, {}, "/", Duration{180'000}};
  UnitChanged change{action, {}, {}};
  if (action != UnitAction::reload_daemon) {
    command.argv.insert(command.argv.end(), {"--", name});
    SEALIFT_ASSIGN(auto state, unit(name));
    change.unit = name;
    change.before = UnitChanged::Before{state.enabled, std::move(state.active)};
  }
  SEALIFT_TRY(ledger_->add(reason, std::move(change)));
  return base::run_checked(command).transform([](const std::string&) {});
}

Result<void> LocalHost::load_module(const std::string& name, const Reason& reason) {
  std::string listed = name;
  std::ranges::replace(listed, '-', '_');
  const bool loaded = ::access((machine_.modules + "/" + listed).c_str(), F_OK) == 0;
  SEALIFT_TRY(ledger_->add(reason, ModuleLoaded{name, loaded}));
  if (loaded || works_without_module(name)) return {};
  const auto done = base::run_checked({{machine_.modprobe, "--", name}, {}, "/", Duration{60'000}});
  if (done) return {};
  if (done.error().code == ErrorCode::not_found) {
    // A kernel without modules can't load more; preflight has tried whether the feature works.
    if (::access("/proc/modules", F_OK) != 0) return {};
    return fail(ErrorCode::not_found, "the kernel module {} is not loaded and this host has no modprobe; install kmod",
                name);
  }
  return fail_while(done.error(), "loading the kernel module " + name);
}

Result<void> LocalHost::set_sysctl(const std::string& key, const std::string& value, const Reason& reason) {
  SEALIFT_ASSIGN(const auto was, sysctl(key));
  SEALIFT_ASSIGN(const auto path, sysctl_path(machine_, key));
  SEALIFT_TRY(ledger_->add(reason, SysctlSet{key, value, was}));
  // Truncated: a container may show a plain file here.
  SEALIFT_ASSIGN(auto fd, base::open_file(path, O_WRONLY | O_TRUNC));
  auto written = base::write_all(fd.get(), base::as_bytes(value));
  if (!written) return fail_while(std::move(written).error(), "setting " + key);
  return {};
}

Result<void> LocalHost::announce(const Announced& change, const Reason& reason) {
  return std::visit([&](const auto& made) { return ledger_->add(reason, made); }, change);
}

Result<std::optional<std::string>> LocalHost::begin(const Reason& reason) {
  auto before = ledger_->completed(reason.step);
  if (before) SEALIFT_TRY(ledger_->add(reason, Begun{}));
  return before;
}

Result<void> LocalHost::record(const Reason& reason) { return ledger_->add(reason, Completed{}); }

Result<void> LocalHost::sync(const std::vector<std::string>& paths, const Reason& reason) {
  std::set<dev_t> done;
  for (const auto& path : paths) {
    SEALIFT_ASSIGN(const auto where, real(path));
    SEALIFT_ASSIGN(const auto folder, nearest_existing(where));
    SEALIFT_ASSIGN(const auto fd, base::open_file(folder, O_RDONLY | O_NONBLOCK));
    struct stat status{};
    if (::fstat(fd.get(), &status) != 0) return fail_errno(errno, "stat " + folder);
    if (done.insert(status.st_dev).second && ::syncfs(fd.get()) != 0)
      return fail_errno(errno, "sync the file system of " + folder);
  }
  return ledger_->add(reason, Synced{});
}

}  // namespace sealift::host
