// SPDX-License-Identifier: Apache-2.0
#include "runtime/node/blob_cache.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <tuple>
#include <utility>
#include <vector>

#include "payload/base/format.h"
#include "payload/image/reference.h"
#include "payload/json/value.h"

namespace sealift::node {
namespace {

constexpr std::string_view kBlob = ".blob", kName = ".ref", kPart = ".part";
constexpr size_t kMaxName = size_t{64} << 10;
// The service's user may be another one next time. Who can reach the folder at all is the mirror alone.
constexpr mode_t kMode = 0666;

std::string key_of(const Question& question) {
  return base::format("{}/{} {} {}", image::canonical_registry(question.registry), question.repository,
                      question.kind == Question::Kind::manifest ? "manifest" : "blob", question.reference);
}

std::string file_of(const std::string& key) { return hash::sha256(base::as_bytes(key)).hex() + std::string(kName); }

std::string blob_file(const Digest& digest) { return digest.hex() + std::string(kBlob); }

// 4 KiB each, and there may be hundreds of thousands: an unread one costs a look at the registry, so none is synced.
Result<void> write_replacing(const std::string& path, std::string_view text) {
  const std::string part = path + std::string(kPart);
  SEALIFT_ASSIGN(const auto fd, base::open_file(part, O_WRONLY | O_CREAT | O_TRUNC));
  auto written = base::write_all(fd.get(), base::as_bytes(text));
  if (written && ::rename(part.c_str(), path.c_str()) != 0) written = fail_errno(errno, "rename " + part);
  if (!written) ::unlink(part.c_str());
  return written;
}

}  // namespace

BlobCache::BlobCache(std::string folder, uint64_t limit) : folder_(std::move(folder)), limit_(limit) {
  const std::lock_guard lock(mutex_);
  load();
  make_room(0);
}

void BlobCache::load() {
  std::error_code error;
  std::vector<std::tuple<int64_t, int64_t, Digest, uint64_t>> found;  // by the time of use
  std::vector<std::string> names;
  for (std::filesystem::directory_iterator at(folder_, error), end; !error && at != end; at.increment(error)) {
    const auto file = at->path().filename().string();
    struct stat status{};
    if (::lstat(at->path().c_str(), &status) != 0 || !S_ISREG(status.st_mode)) continue;
    const auto digest = Digest::from_hex(file.substr(0, file.find('.')));
    if (digest && file == blob_file(*digest))
      found.emplace_back(status.st_mtim.tv_sec, status.st_mtim.tv_nsec, *digest, static_cast<uint64_t>(status.st_size));
    else if (file.ends_with(kName))
      names.push_back(file);
    else
      ::unlink(at->path().c_str());
  }
  if (error || ::access(folder_.c_str(), W_OK | X_OK) != 0) {
    is_usable_ = false;
    tell_once(error ? error.message() : std::string("it can't be written to"));
    return;
  }
  std::ranges::sort(found);
  for (const auto& [seconds, nanoseconds, digest, size] : found) {
    blobs_[digest] = {size, ++uses_};
    kept_ += size;
  }
  for (const auto& file : names) read_name(file);
}

void BlobCache::read_name(const std::string& file) {
  const auto value =
      base::read_text_file(path(file), kMaxName).and_then([](const std::string& text) { return json::parse(text); });
  if (value) {
    const auto digest = Digest::parse(value->text_or("digest", ""));
    auto key = value->text_or("name", "");
    const auto blob = digest ? blobs_.find(*digest) : blobs_.end();
    if (file_of(key) == file && blob != blobs_.end() && blob->second.size == value->natural_or("size", 0)) {
      names_[file] = {std::move(key), {*digest, blob->second.size, value->text_or("mediaType", "")}};
      return;
    }
  }
  ::unlink(path(file).c_str());
}

void BlobCache::set_limit(uint64_t limit) {
  const std::lock_guard lock(mutex_);
  limit_ = limit;
  make_room(0);
}

uint64_t BlobCache::used() const {
  const std::lock_guard lock(mutex_);
  return kept_ + arriving_;
}

std::optional<KeptBlob> BlobCache::find(const Question& question) const {
  const std::string key = key_of(question);
  const std::lock_guard lock(mutex_);
  const auto found = names_.find(file_of(key));
  if (found == names_.end() || found->second.key != key || !blobs_.contains(found->second.blob.digest))
    return std::nullopt;
  return found->second.blob;
}

void BlobCache::name(const Question& question, const KeptBlob& blob) {
  std::string key = key_of(question);
  const auto file = file_of(key);
  json::Value text = json::Value::object();
  text.set("name", key);
  text.set("digest", blob.digest.text());
  text.set("size", blob.size);
  text.set("mediaType", blob.media_type);
  const std::lock_guard lock(mutex_);
  if (const auto known = names_.find(file); known != names_.end() && known->second.blob == blob) return;
  names_[file] = {std::move(key), blob};
  if (!is_usable_) return;
  if (const auto written = write_replacing(path(file), json::to_canonical(text)); !written)
    tell_once(written.error().text());
}

void BlobCache::forget_name(const Question& question) {
  const auto file = file_of(key_of(question));
  const std::lock_guard lock(mutex_);
  if (names_.erase(file) > 0) ::unlink(path(file).c_str());
}

std::unique_ptr<base::OpenFile> BlobCache::open(const Digest& digest) {
  const std::lock_guard lock(mutex_);
  const auto found = blobs_.find(digest);
  if (found == blobs_.end()) return nullptr;
  auto file = base::OpenFile::open(path(blob_file(digest)));
  if (!file || (*file)->size() != found->second.size) {
    remove_blob(digest);
    return nullptr;
  }
  found->second.used = ++uses_;
  // For the order after a restart.
  ::utimensat(AT_FDCWD, path(blob_file(digest)).c_str(), nullptr, 0);
  return std::move(*file);
}

void BlobCache::drop(const Digest& digest) {
  const std::lock_guard lock(mutex_);
  remove_blob(digest);
}

// Its names too: the registry is asked for both again.
void BlobCache::remove_blob(const Digest& digest) {
  const auto found = blobs_.find(digest);
  if (found == blobs_.end()) return;
  ::unlink(path(blob_file(digest)).c_str());
  kept_ -= found->second.size;
  blobs_.erase(found);
  std::erase_if(names_, [&](const auto& entry) {
    if (entry.second.blob.digest != digest) return false;
    ::unlink(path(entry.first).c_str());
    return true;
  });
}

bool BlobCache::make_room(uint64_t size) {
  const auto fits = [&] {
    return arriving_ <= limit_ && size <= limit_ - arriving_ && kept_ <= limit_ - arriving_ - size;
  };
  while (!fits() && !blobs_.empty()) {
    const auto oldest = std::ranges::min_element(blobs_, {}, [](const auto& entry) { return entry.second.used; });
    remove_blob(Digest(oldest->first));
  }
  return fits();
}

void BlobCache::tell_once(const std::string& what) {
  if (std::exchange(is_told_, true)) return;
  std::fprintf(stderr, "%s: %s; images of other registries are passed on without being kept\n", folder_.c_str(),
               what.c_str());
}

std::unique_ptr<BlobCache::Arriving> BlobCache::begin(const Digest& digest, uint64_t size) {
  const std::lock_guard lock(mutex_);
  // What is too large as a whole would only push everything else out.
  if (!is_usable_ || size > limit_ || !make_room(size)) return nullptr;
  auto part = path(base::format("{}-{}{}", digest.hex(), ++parts_, kPart));
  auto fd = base::open_file(part, O_RDWR | O_CREAT | O_EXCL);
  if (!fd) {
    tell_once(fd.error().text());
    return nullptr;
  }
  arriving_ += size;
  return std::unique_ptr<Arriving>(new Arriving(*this, digest, size, std::move(part), std::move(*fd)));
}

BlobCache::Arriving::Arriving(BlobCache& cache, const Digest& digest, uint64_t size, std::string path, base::Fd fd)
    : cache_(cache), digest_(digest), size_(size), path_(std::move(path)), fd_(std::move(fd)) {}

BlobCache::Arriving::~Arriving() {
  if (is_kept_) return;
  ::unlink(path_.c_str());
  const std::lock_guard lock(cache_.mutex_);
  cache_.arriving_ -= size_;
}

Result<void> BlobCache::Arriving::write(ByteView data) {
  auto written = base::write_all(fd_.get(), data);
  if (!written) {
    const std::lock_guard lock(cache_.mutex_);
    cache_.tell_once(written.error().text());
    return fail(ErrorCode::no_space, "{}: {}", path_, written.error().text());
  }
  return {};
}

Result<void> BlobCache::Arriving::read_at(uint64_t offset, std::span<std::byte> buffer) const {
  return base::pread_exact(fd_.get(), offset, buffer);
}

Result<void> BlobCache::Arriving::keep() {
  // The name must not be on the disk before the bytes are: after a power cut it would stand for zeros.
  if (::fchmod(fd_.get(), kMode) != 0 || ::fdatasync(fd_.get()) != 0) return fail_errno(errno, "write " + path_);
  const std::lock_guard lock(cache_.mutex_);
  const auto there = cache_.blobs_.contains(digest_);
  if (there) return {};  // the same bytes
  if (::rename(path_.c_str(), cache_.path(blob_file(digest_)).c_str()) != 0)
    return fail_errno(errno, "rename " + path_);
  is_kept_ = true;
  cache_.arriving_ -= size_;
  cache_.kept_ += size_;
  cache_.blobs_[digest_] = {size_, ++cache_.uses_};
  return {};
}

}  // namespace sealift::node
