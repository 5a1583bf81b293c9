// SPDX-License-Identifier: Apache-2.0
#include "packer/resolve/walk.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <memory>

#include "payload/base/beneath.h"
#include "payload/base/format.h"
#include "payload/base/safe_path.h"
#include "payload/base/text.h"
#include "payload/base/utf8.h"

namespace sealift::resolve {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxFiles = 100'000;
constexpr int kMaxDepth = 64;
constexpr size_t kMaxShown = 10;

// What is neither a file nor a folder nor a link.
std::string_view kind_of(mode_t mode) {
  switch (mode & S_IFMT) {
    case S_IFIFO: return "a named pipe";
    case S_IFSOCK: return "a socket";
    case S_IFCHR: return "a character device";
    case S_IFBLK: return "a block device";
    default: return "no file";
  }
}

std::string shown(const std::string& path) { return base::printable(path, 1'000); }

class Walk {
 public:
  Walk(const Place& place, BuildContext& context, Links links, std::vector<LocalFile>& out)
      : place_(place), context_(context), links_(links), out_(out) {}

  Result<void> take(const std::string& source, const std::string& target) {
    struct stat status{};
    if (::stat(source.c_str(), &status) != 0) {
      if (errno == ENOENT)
        return bad(place_, base::format("{} is not there; paths count from the build's context", shown(source)));
      return refuse(errno, source);
    }
    std::error_code error;
    const auto real = fs::canonical(source, error);  // of a pipe that has no name: none
    if (error && (S_ISREG(status.st_mode) || S_ISDIR(status.st_mode))) return refuse(error.value(), source);
    Entry entry{source, target, error ? fs::absolute(source).string() : real.string(),
                {},     status, Standing(context_, source, real)};
    const auto excluded = entry.standing.excluded_by();
    if (!error) SEALIFT_TRY(open(entry));
    roots_ = {real, context_.place()};
    const size_t before = out_.size();
    SEALIFT_TRY(add(entry, 0));
    if (!special_.empty()) return refuse_special();
    if (excluded && out_.size() == before)
      return bad(place_,
                 base::format("{} is excluded by {}: for a build it is not there; write an exception below that "
                              "line (a ! before the path), or name another file",
                              shown(source), excluded->text()));
    return {};
  }

 private:
  struct Entry {
    std::string source;  // as people know it
    std::string target;  // in the tree
    std::string real;    // its place, without links
    base::Fd fd;         // opened there, for looking only
    struct stat status;
    Standing standing;
  };

  // At its place, through no link.
  Result<void> open(Entry& entry) {
    SEALIFT_ASSIGN(const auto root, base::open_file("/", O_PATH | O_DIRECTORY));
    const auto relative = entry.real == "/" ? "." : entry.real.substr(1);
    auto fd = base::open_beneath(root.get(), relative, O_PATH);
    if (!fd) return refuse(fd.error(), entry.source);
    entry.fd = std::move(*fd);
    return look(entry);
  }

  Result<void> look(Entry& entry) {
    return ::fstat(entry.fd.get(), &entry.status) == 0 ? Result<void>() : refuse(errno, entry.source);
  }

  Result<void> add(Entry& entry, int depth) {
    if (depth > kMaxDepth || out_.size() > kMaxFiles)
      return bad(place_, base::format("{} is too deep or holds more than {} files", shown(entry.source), kMaxFiles));
    const auto mode = entry.status.st_mode;
    if (entry.standing.excluded_by() && !(S_ISDIR(mode) && entry.standing.may_hold_exceptions())) {
      context_.leave_out(entry.source);
      return {};
    }
    if (S_ISREG(mode)) return add_file(entry);
    if (S_ISDIR(mode)) return add_folder(entry, depth);
    if (S_ISLNK(mode)) return follow(entry, depth);
    special_.push_back(base::format("{} is {}", shown(entry.source), kind_of(mode)));
    return {};
  }

  Result<void> add_file(const Entry& entry) {
    auto safe = base::safe_relative_path(entry.target);
    if (!safe) return bad(place_, base::format("{}: {}", shown(entry.source), safe.error().what));
    if (!base::is_utf8(*safe))
      return bad(place_, base::format("the name of {} is not UTF-8; rename the file", shown(entry.source)));
    if (::access(entry.real.c_str(), R_OK) != 0) return refuse(errno, entry.source);
    const auto mode = entry.status.st_mode;
    // Keeps only the executable bit: the builder's umask must not change the artifact.
    out_.push_back({entry.source, std::move(*safe), (mode & 0100U) != 0 ? 0755U : 0644U, (mode & 0077U) == 0,
                    SeenFile(entry.real, entry.status)});
    return {};
  }

  Result<void> add_folder(const Entry& entry, int depth) {
    SEALIFT_ASSIGN(const auto names, names_in(entry));
    for (const auto& name : names) {
      Entry next{entry.source + "/" + name,
                 entry.target.empty() ? name : entry.target + "/" + name,
                 (entry.real == "/" ? "" : entry.real) + "/" + name,
                 base::Fd(::openat(entry.fd.get(), name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC)),
                 {},
                 entry.standing.below(name)};
      if (!next.fd) return refuse(errno, next.source);
      SEALIFT_TRY(look(next));
      SEALIFT_TRY(add(next, depth + 1));
    }
    return {};
  }

  // Sorted: a build does not depend on the file system's order.
  Result<std::vector<std::string>> names_in(const Entry& folder) {
    base::Fd fd(::openat(folder.fd.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd) return refuse(errno, folder.source);
    const std::unique_ptr<DIR, decltype(&::closedir)> stream(::fdopendir(fd.get()), ::closedir);
    if (!stream) return refuse(errno, folder.source);
    fd.release();  // closed with the stream
    std::vector<std::string> out;
    for (;;) {
      errno = 0;
      const auto* entry = ::readdir(stream.get());
      if (entry == nullptr && errno != 0) return refuse(errno, folder.source);
      if (entry == nullptr) break;
      const std::string_view name(entry->d_name);
      if (name != "." && name != "..") out.emplace_back(name);
    }
    std::ranges::sort(out);
    return out;
  }

  Result<void> follow(Entry& entry, int depth) {
    std::error_code error;
    const auto real = fs::canonical(entry.source, error);
    if (error && error.value() == ENOENT)
      return bad(place_, base::format("{} is a link to what is not there; remove it, or exclude it in .sealiftignore",
                                      shown(entry.source)));
    if (error) return refuse(error.value(), entry.source);
    const auto holds = [&](const fs::path& root) {
      const auto inside = real.lexically_relative(root);
      return !inside.empty() && *inside.begin() != "..";
    };
    if (links_ == Links::inside && std::ranges::none_of(roots_, holds))
      return bad(place_, base::format("{} is a link to {}, outside of the folder and of the build's context; name that "
                                      "file itself, or write COPY --follow-links if it is meant",
                                      shown(entry.source), shown(real.native())));
    entry.real = real;
    entry.standing = entry.standing.behind_link(entry.real);
    SEALIFT_TRY(open(entry));
    return add(entry, depth);
  }

  std::unexpected<Error> refuse(int error, const std::string& path) const {
    return bad(place_, fail_errno(error, shown(path)).error().what);
  }

  std::unexpected<Error> refuse_special() const {
    auto list = base::join(std::span(special_).first(std::min(special_.size(), kMaxShown)), ", ");
    if (special_.size() > kMaxShown) list += base::format(" and {} more", special_.size() - kMaxShown);
    return bad(place_, list + ": only files and folders can be packed; exclude it in .sealiftignore, or remove it");
  }

  const Place& place_;
  BuildContext& context_;
  Links links_;
  std::vector<LocalFile>& out_;
  std::vector<fs::path> roots_;  // that links may lead into
  std::vector<std::string> special_;
};

}  // namespace

Result<void> walk(const Place& place, const std::string& source, const std::string& target, BuildContext& context,
                  std::vector<LocalFile>& out, Links links) {
  return Walk(place, context, links, out).take(source, target);
}

Result<LocalFile> named_file(const Word& word, const std::string& target, BuildContext& context,
                             std::string_view rule) {
  std::vector<LocalFile> found;
  SEALIFT_TRY(walk(word.place, in_context(context.folder(), word.text), target, context, found));
  if (found.size() != 1 || found.front().target != target)
    return bad(word.place, base::format("{} is a folder; {}", base::printable(word.text, 1'000), rule));
  return std::move(found.front());
}

}  // namespace sealift::resolve
