// SPDX-License-Identifier: Apache-2.0
#include "runtime/host/footprint_paths.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <optional>

#include "payload/base/format.h"
#include "payload/base/text.h"
#include "payload/base/utf8.h"
#include "payload/hash/digest.h"
#include "runtime/host/trace.h"
#include "runtime/host/tree_removal.h"

namespace sealift::host {
namespace {

// Whole trees, with what is in their files.
constexpr auto kTrees =
    std::to_array<std::string_view>({"/etc", "/opt", "/usr/local", "/usr/libexec", "/var/spool/cron"});
// Only what is directly in them: their programs' data is large and changes all the time.
constexpr auto kFolders = std::to_array<std::string_view>(
    {"/var/lib", "/var/log", "/run", "/var/lib/kubelet", "/var/lib/containerd", "/var/lib/etcd", "/var/lib/cni",
     "/var/lib/calico", "/var/lib/cilium", "/var/lib/systemd/timers", "/var/log/pods", "/var/log/containers",
     "/var/log/calico", "/run/containerd", "/run/flannel", "/run/calico", "/run/cilium", "/run/xtables.lock",
     "/run/netns"});
// What the agent brings with it, for a look too.
constexpr auto kOwn =
    std::to_array<std::string_view>({"/var/lib/sealift", "/usr/local/lib/sealift", "/opt/sealift", "/run/sealift"});

constexpr uint64_t kLargest = uint64_t{1} << 20;  // of a file that is read for its digest
constexpr int kDeepest = 200;                     // folders open at once; what is deeper is left out

enum class Detail { content, kind_only };

std::string_view kind_of(mode_t mode) {
  if (S_ISREG(mode)) return "file";
  if (S_ISDIR(mode)) return "folder";
  return S_ISLNK(mode) ? "link" : "other";
}

std::string target_of(int folder, const std::string& name) {
  std::array<char, 4096> target{};
  const ssize_t size = ::readlinkat(folder, name.c_str(), target.data(), target.size());
  return size < 0 ? std::string() : " " + std::string(target.data(), static_cast<size_t>(size));
}

class Walk {
 public:
  explicit Walk(const std::string& root) : root_(root) {}

  Result<void> tree(std::string_view path) {
    const std::string where(path);
    const base::Fd above = open_folder(AT_FDCWD, root_ + where.substr(0, where.rfind('/')) + "/", 0);
    if (!above) return {};
    return entry(above.get(), where.substr(where.rfind('/') + 1), where, Detail::content, 0);
  }
  Result<void> folder(std::string_view path) {
    const base::Fd here = open_folder(AT_FDCWD, root_ + std::string(path), O_NOFOLLOW);
    if (!here) return {};
    return entries(here.get(), std::string(path), Detail::kind_only, 0);
  }
  std::map<std::string, std::string> take() { return std::move(found_); }

 private:
  static base::Fd open_folder(int at, const std::string& name, int flags) {
    return base::Fd(::openat(at, name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | flags));
  }

  // " sha256:…" or " size:N"; nothing if the file can't be read.
  std::string content_of(int folder, const std::string& name) {
    const base::Fd file(::openat(folder, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    struct stat status{};
    if (!file || ::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) return {};
    const auto size = static_cast<uint64_t>(status.st_size);
    if (size > kLargest) return base::format(" size:{}", size);
    base::FdSource source(file.get());
    const auto got = base::read_full(source, content_);  // one that grows meanwhile is cut
    return got ? " " + hash::sha256(ByteView(content_).first(*got)).text() : std::string();
  }

  Result<void> entries(int folder, const std::string& path, Detail detail, int depth) {
    const auto names = names_in(folder, path);
    if (!names) return {};  // it has vanished
    for (const auto& name : *names) SEALIFT_TRY(entry(folder, name, path + "/" + name, detail, depth));
    return {};
  }

  Result<void> entry(int folder, const std::string& name, const std::string& path, Detail detail, int depth) {
    struct stat status{};
    if (std::ranges::contains(kOwn, path) || ::fstatat(folder, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0)
      return {};
    if (found_.size() >= kMaxTraces)
      return fail(ErrorCode::limit_exceeded, "more than {} files in {} and the other folders that are looked at",
                  kMaxTraces, base::join(std::vector<std::string>(kTrees.begin(), kTrees.end()), ", "));
    std::string value =
        base::format("{} {:04o} {}:{}", kind_of(status.st_mode), status.st_mode & 07777U, status.st_uid, status.st_gid);
    if (S_ISREG(status.st_mode) && detail == Detail::content) value += content_of(folder, name);
    if (S_ISLNK(status.st_mode)) value += target_of(folder, name);
    found_.insert_or_assign(as_utf8(path), as_utf8(value));
    if (!S_ISDIR(status.st_mode) || detail != Detail::content || depth == kDeepest) return {};
    const base::Fd below = open_folder(folder, name, O_NOFOLLOW);
    struct stat opened{};
    if (!below || ::fstat(below.get(), &opened) != 0) return {};
    if (depth == 0) device_ = opened.st_dev;
    if (opened.st_dev != device_) return {};
    return entries(below.get(), path, detail, depth + 1);
  }

  const std::string& root_;
  Bytes content_ = Bytes(kLargest);
  dev_t device_ = 0;  // of the tree that is walked
  std::map<std::string, std::string> found_;
};

}  // namespace

Result<std::map<std::string, std::string>> footprint_paths(const std::string& root) {
  Walk walk(root);
  for (const auto tree : kTrees) SEALIFT_TRY(walk.tree(tree));
  for (const auto folder : kFolders) SEALIFT_TRY(walk.folder(folder));
  return walk.take();
}

std::string as_utf8(const std::string& text) {
  return base::is_utf8(text) ? text : base::printable(text, std::numeric_limits<size_t>::max());
}

}  // namespace sealift::host
