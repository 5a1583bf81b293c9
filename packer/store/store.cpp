// SPDX-License-Identifier: Apache-2.0
#include "packer/store/store.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "packer/store/folders.h"
#include "packer/store/verified.h"
#include "payload/base/file.h"
#include "payload/base/format.h"
#include "payload/base/text.h"
#include "payload/format/reader.h"
#include "payload/writer/output_file.h"

namespace sealift::store {
namespace {

constexpr size_t kMaxNames = size_t{16} << 20;  // bytes of names.json
constexpr size_t kMinDigits = 6;                // of an identity that is given by its beginning
constexpr size_t kAllDigits = 64;
constexpr unsigned kFolderMode = 0700;

bool is_digits(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

std::vector<std::string> names_of(const Names& names, const Digest& identity) {
  std::vector<std::string> out;
  for (const auto& [name, means] : names) {
    if (means == identity) out.push_back(name);
  }
  return out;
}

// Nothing if it has gone meanwhile.
std::optional<Artifact> look_at(const std::string& path, const Digest& identity, const Names& names) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return std::nullopt;
  return Artifact{identity, path, static_cast<uint64_t>(status.st_size), status.st_mtim.tv_sec,
                  names_of(names, identity)};
}

struct Opened {
  std::unique_ptr<base::OpenFile> file;
  std::unique_ptr<format::PayloadReader> reader;
};
Result<Opened> open(const std::string& path) {
  SEALIFT_ASSIGN(auto file, base::OpenFile::open(path));
  auto reader = format::PayloadReader::open(*file);
  if (!reader) return fail_while(std::move(reader).error(), "opening " + path);
  return Opened{std::move(file), std::move(*reader)};
}

}  // namespace

Result<void> copy_artifact(const std::string& from, const std::string& to, const CancelToken& cancel) {
  SEALIFT_ASSIGN(const auto source, open(from));
  SEALIFT_ASSIGN(auto output, writer::OutputFile::create(to));
  constexpr uint64_t kPiece = uint64_t{256} << 20;  // so that it can be cancelled
  const uint64_t size = source.file->size();
  for (uint64_t begin = 0; begin < size; begin += kPiece) {
    SEALIFT_TRY(cancel.check());
    auto copied = writer::copy_range(source.file->fd(), begin, output.fd(), begin, std::min(kPiece, size - begin));
    if (!copied) return fail_while(std::move(copied).error(), base::format("copying {} to {}", from, to));
  }
  SEALIFT_ASSIGN(const auto file, writer::open_again(output.fd(), to));
  SEALIFT_ASSIGN(const auto reader, format::PayloadReader::open(*file));
  SEALIFT_ASSIGN(const auto damage, reader->verify(1, {}, cancel));
  if (!damage.empty())
    return fail(ErrorCode::corrupt, "{} is damaged ({}: {})", from, damage.front().where, damage.front().error.text());
  return output.commit(source.reader->payload_offset() == 0 ? 0644 : 0755);
}

std::string Store::default_folder() {
  for (const auto& [variable, below] : {std::pair{"XDG_DATA_HOME", ""}, {"HOME", "/.local/share"}}) {
    const char* value = std::getenv(variable);
    // As the specification of these variables says, a relative path counts as none.
    if (value != nullptr && *value == '/') return value + std::string(below) + "/sealift/store";
  }
  return {};
}

Result<base::Fd> Store::lock() const {
  if (folder_.empty())
    return fail(ErrorCode::usage, "there is no folder for the local store; name one in the environment: XDG_DATA_HOME");
  SEALIFT_TRY(base::make_directories(artifacts_of(folder_), kFolderMode));
  SEALIFT_ASSIGN(auto fd, base::open_file(folder_ + "/lock", O_RDWR | O_CREAT));
  while (::flock(fd.get(), LOCK_EX) != 0) {
    if (errno == EINTR) continue;
    if (errno == ENOLCK || errno == EOPNOTSUPP) break;  // a file system without locks: one command at a time then
    return fail_errno(errno, "lock " + folder_);
  }
  return fd;
}

Result<Names> Store::read_names() const {
  const auto path = folder_ + "/names.json";
  auto text = base::read_text_file(path, kMaxNames);
  if (!text && text.error().code == ErrorCode::not_found) return Names{};
  if (!text) return std::unexpected(std::move(text).error());
  auto names = parse_names(*text);
  if (!names)
    return fail(names.error().code,
                "the names of the local store, {}, can't be read: {}; delete it and name the artifacts anew with "
                "`sealift tag`",
                path, names.error().text());
  return names;
}

Result<void> Store::write_names(const Names& names) const {
  return base::write_file_atomic(folder_ + "/names.json", base::as_bytes(to_json(names)), 0600);
}

std::string Store::path_of(const Digest& identity) const {
  return base::format("{}/{}{}", artifacts_of(folder_), identity.hex(), kSuffix);
}

Result<std::vector<Artifact>> Store::list() const {
  SEALIFT_ASSIGN(const auto names, read_names());
  std::vector<Artifact> out;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(artifacts_of(folder_), error)) {
    const auto identity = identity_in(entry.path().filename().string());
    if (!identity) continue;
    if (auto artifact = look_at(entry.path().string(), *identity, names)) out.push_back(std::move(*artifact));
  }
  if (error && error != std::errc::no_such_file_or_directory)
    return fail_errno(error.value(), "list " + artifacts_of(folder_));
  std::ranges::sort(out, [](const Artifact& one, const Artifact& other) {
    return std::tuple(one.names.empty(), one.names, one.identity) <
           std::tuple(other.names.empty(), other.names, other.identity);
  });
  return out;
}

Result<std::optional<Artifact>> Store::find(std::string_view what) const {
  SEALIFT_ASSIGN(const auto all, list());
  std::string_view digits = what;
  if (digits.starts_with("sha256:")) digits.remove_prefix(7);
  if (const auto name = full_name(what)) {
    const auto named = std::ranges::find_if(
        all, [&](const Artifact& artifact) { return std::ranges::contains(artifact.names, *name); });
    if (named != all.end()) return std::optional(*named);
  }
  if (digits.size() < kMinDigits || digits.size() > kAllDigits || !is_digits(digits)) return std::optional<Artifact>();
  std::vector<Artifact> found;
  for (const auto& artifact : all) {
    if (artifact.identity.hex().starts_with(digits)) found.push_back(artifact);
  }
  if (found.size() > 1)
    return fail(ErrorCode::invalid_input, "the identities of {} artifacts begin with {}; write more digits",
                found.size(), digits);
  return found.empty() ? std::optional<Artifact>() : std::optional(found.front());
}

Result<Artifact> Store::get(std::string_view what) const {
  SEALIFT_ASSIGN(const auto found, find(what));
  if (found) return *found;
  SEALIFT_ASSIGN(const auto names, read_names());
  std::vector<std::string_view> known;
  for (const auto& [name, identity] : names) known.push_back(name);
  const auto near = base::nearest(full_name(what).value_or(std::string(what)), known);
  return fail(ErrorCode::not_found, "the local store has no {}{}; `sealift artifacts` lists what it has",
              base::printable(what), near ? base::format(", did you mean {}?", *near) : "");
}

Result<Build> Store::begin(const std::string& given) const {
  SEALIFT_ASSIGN(const auto name, full_name(given));
  SEALIFT_TRY(lock());
  SEALIFT_TRY(base::make_directories(builds_of(folder_), kFolderMode));
  Build out;
  out.name = name;
  out.path = base::format("{}/{}{}", builds_of(folder_), base::replace_all(name, "/", "%"), kSuffix);
  SEALIFT_ASSIGN(out.lock, base::open_file(lock_of(out.path), O_RDWR | O_CREAT));
  if (::flock(out.lock.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
    return fail(ErrorCode::busy,
                "another build of {} is running; wait for its end, or give this one another name with -t", name);
  return out;
}

Result<Artifact> Store::adopt(const Build& build, const std::vector<std::string>& further) const {
  SEALIFT_ASSIGN(const auto opened, open(build.path));
  const Digest identity = opened.reader->identity();
  SEALIFT_ASSIGN(const auto guard, lock());
  SEALIFT_ASSIGN(auto names, read_names());
  const auto path = path_of(identity);
  if (::rename(build.path.c_str(), path.c_str()) != 0) return fail_errno(errno, "rename " + build.path);
  Verified(folder_).note(path);
  SEALIFT_TRY(base::sync_directory(artifacts_of(folder_)));
  names[build.name] = identity;
  for (const auto& name : further) names[name] = identity;
  SEALIFT_TRY(write_names(names));
  auto artifact = look_at(path, identity, names);
  if (!artifact) return fail(ErrorCode::io, "{} has gone while it was stored", path);
  return std::move(*artifact);
}

Result<Artifact> Store::load(const std::string& file, std::vector<std::string> names, const CancelToken& cancel) const {
  for (auto& name : names) {
    SEALIFT_ASSIGN(name, full_name(name));
  }
  SEALIFT_ASSIGN(const auto opened, open(file));
  const auto& contents = opened.reader->contents();
  if (names.empty() && contents.name.empty())
    return fail(ErrorCode::invalid_input,
                "{} has no name of its own (it was built without -t); give it one with -t NAME", file);
  if (names.empty()) {
    SEALIFT_ASSIGN(const auto own,
                   full_name(contents.version.empty() ? contents.name : contents.name + ":" + contents.version));
    names.push_back(own);
  }
  SEALIFT_ASSIGN(const auto build, begin(names.front()));
  SEALIFT_TRY(copy_artifact(file, build.path, cancel));
  return adopt(build, {names.begin() + 1, names.end()});
}

Result<void> Store::tag(std::string_view what, std::string_view name) const {
  SEALIFT_ASSIGN(const auto full, full_name(name));
  SEALIFT_ASSIGN(const auto guard, lock());
  SEALIFT_ASSIGN(const auto artifact, get(what));
  SEALIFT_ASSIGN(auto names, read_names());
  names[full] = artifact.identity;
  return write_names(names);
}

Result<Removed> Store::remove(std::string_view what) const {
  SEALIFT_ASSIGN(const auto guard, lock());
  SEALIFT_ASSIGN(auto names, read_names());
  const auto full = full_name(what);
  SEALIFT_ASSIGN(const auto found, find(what));
  if (!found && full && names.erase(*full) != 0) {  // whose artifact has gone
    SEALIFT_TRY(write_names(names));
    return Removed{{"the name " + *full}, 0};
  }
  SEALIFT_ASSIGN(const auto artifact, get(what));
  const bool is_named = full && std::ranges::contains(artifact.names, *full);
  Removed out;
  for (const auto& name : artifact.names) {
    if (is_named && name != *full) continue;
    names.erase(name);
    out.lines.push_back("the name " + name);
  }
  SEALIFT_TRY(write_names(names));
  if (!names_of(names, artifact.identity).empty()) return out;
  Verified(folder_).forget(artifact.path);
  if (::unlink(artifact.path.c_str()) != 0) return fail_errno(errno, "remove " + artifact.path);
  out.lines.push_back("the artifact " + artifact.identity.text());
  out.bytes = artifact.size;
  return out;
}

}  // namespace sealift::store
