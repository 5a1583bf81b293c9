// SPDX-License-Identifier: Apache-2.0
#include <archive.h>
#include <archive_entry.h>

#include <algorithm>
#include <cstdlib>
#include <map>

#include "packer/sources/file_kind.h"
#include "packer/sources/stored_files.h"
#include "payload/base/fd.h"
#include "payload/base/format.h"
#include "payload/base/safe_path.h"
#include "payload/base/text.h"

namespace sealift::sources {
namespace {

constexpr size_t kMaxEntries = 50'000;  // thousands of images
constexpr int kMaxLinks = 8;
// Images shrink to a third or so. Sparse ones shrink more, but what grows further is made to fill disks.
constexpr uint64_t kMaxGrowth = 100;
constexpr uint64_t kAlwaysAllowed = uint64_t{256} << 20;

using Reader = std::unique_ptr<archive, decltype(&archive_read_free)>;

// A file as libarchive reads it. Skipping reads nothing, so an archive of any size is listed at once.
struct Feed {
  const base::RandomAccessFile& file;
  uint64_t at = 0;
  Bytes buffer = Bytes(size_t{64} << 10);
  std::optional<Error> error;
};

la_ssize_t feed_read(archive*, void* data, const void** buffer) {
  auto& feed = *static_cast<Feed*>(data);
  const auto count = static_cast<size_t>(std::min<uint64_t>(feed.buffer.size(), feed.file.size() - feed.at));
  if (auto read = feed.file.read_at(feed.at, std::span(feed.buffer).first(count)); !read) {
    feed.error = std::move(read).error();
    return -1;
  }
  feed.at += count;
  *buffer = feed.buffer.data();
  return static_cast<la_ssize_t>(count);
}

la_int64_t feed_skip(archive*, void* data, la_int64_t request) {
  auto& feed = *static_cast<Feed*>(data);
  const uint64_t count =
      std::min<uint64_t>(static_cast<uint64_t>(std::max<la_int64_t>(request, 0)), feed.file.size() - feed.at);
  feed.at += count;
  return static_cast<la_int64_t>(count);
}

bool usable(int code) { return code == ARCHIVE_OK || code == ARCHIVE_WARN; }

std::unexpected<Error> refuse(const std::string& path, archive* reader, const Feed& feed) {
  if (feed.error) return fail(*feed.error);
  Bytes head(static_cast<size_t>(std::min<uint64_t>(kKindBytes, feed.file.size())));
  const auto kind = feed.file.read_at(0, head) ? known_stranger(head) : std::nullopt;
  if (kind)
    return fail(
        ErrorCode::invalid_input,
        "{} can't be read as a tar archive: it is {}; a tar archive is expected, plain or with gzip, zstd or xz", path,
        *kind);
  const char* why = archive_error_string(reader);
  return fail(ErrorCode::invalid_input, "{} can't be read as a tar archive: {}; copy or save it again", path,
              why == nullptr ? "unknown error" : why);
}

Reader decompressor() {
  Reader reader(archive_read_new(), archive_read_free);
  archive_read_support_filter_gzip(reader.get());
  archive_read_support_filter_zstd(reader.get());
  archive_read_support_filter_xz(reader.get());
  archive_read_support_format_raw(reader.get());
  archive_read_support_format_empty(reader.get());
  return reader;
}

class Archive final : public StoredArchive {
 public:
  Archive(std::string path, std::unique_ptr<base::RandomAccessFile> file)
      : path_(std::move(path)), file_(std::move(file)) {}
  const std::string& place() const override { return path_; }

  Result<void> list() {
    const Reader reader(archive_read_new(), archive_read_free);
    archive_read_support_format_tar(reader.get());
    archive_read_support_format_empty(reader.get());
    Feed feed{*file_};
    int code = archive_read_open2(reader.get(), &feed, nullptr, feed_read, feed_skip, nullptr);
    archive_entry* entry = nullptr;
    while (usable(code)) {
      code = archive_read_next_header(reader.get(), &entry);
      if (!usable(code)) break;
      SEALIFT_TRY(take(entry, static_cast<uint64_t>(archive_filter_bytes(reader.get(), 0))));
    }
    if (code != ARCHIVE_EOF) return refuse(path_, reader.get(), feed);
    return {};
  }

  Result<std::unique_ptr<base::RandomAccessFile>> open(const std::string& path) const override {
    if (!entries_.contains(path)) return std::unique_ptr<base::RandomAccessFile>{};
    SEALIFT_ASSIGN(const auto target, target_of(path));
    const Entry& entry = entries_.find(target.path)->second;
    SEALIFT_ASSIGN(auto view, base::FileView::make(*file_, entry.offset, entry.size));
    return std::unique_ptr<base::RandomAccessFile>(std::make_unique<base::FileView>(view));
  }

  std::vector<ArchivedName> names() const override {
    std::vector<ArchivedName> out;
    for (const auto& [path, entry] : entries_) {
      if (entry.kind != Kind::folder) out.push_back({path, entry.is_executable});
    }
    return out;
  }

  Result<ArchivedName> target_of(const std::string& path) const override {
    std::string at = path;
    for (int links = 0; links <= kMaxLinks; ++links) {
      const auto found = entries_.find(at);
      if (found == entries_.end()) {
        if (links == 0) return fail(ErrorCode::not_found, "{} holds no {}", path_, base::printable(path));
        return fail(ErrorCode::corrupt, "{} in {} is a link to {}, which is not there", path, path_,
                    base::printable(at));
      }
      const Entry& entry = found->second;
      switch (entry.kind) {
        case Kind::file: return ArchivedName{std::move(at), entry.is_executable};
        case Kind::sparse:
          return fail(ErrorCode::unsupported, "{} in {} is stored with holes; archive it without --sparse", path,
                      path_);
        case Kind::folder:
        case Kind::other:
          return fail(ErrorCode::corrupt, "{} in {} is {} regular file", path, path_,
                      links == 0 ? "not a" : "a link to what is no");
        case Kind::symbolic_link:
        case Kind::hard_link: {
          SEALIFT_ASSIGN(at, next_of(at, entry));
        }
      }
    }
    return fail(ErrorCode::corrupt, "{} in {} is a link through more than {} others", path, path_, kMaxLinks);
  }

  std::string hint() const override {
    for (const auto& [path, entry] : entries_) {
      if (path.ends_with("/index.json") || path.ends_with("/manifest.json"))
        return base::format("; {} is in it: archive the folder's content instead (tar -C FOLDER -cf FILE .)", path);
    }
    return {};
  }

 private:
  enum class Kind { file, sparse, symbolic_link, hard_link, folder, other };
  struct Entry {
    Kind kind = Kind::file;
    uint64_t offset = 0, size = 0;
    std::string target;
    bool is_executable = false;
  };

  Result<void> take(archive_entry* entry, uint64_t offset) {
    const char* name = archive_entry_pathname(entry);
    if (name == nullptr) name = archive_entry_pathname_utf8(entry);
    if (name == nullptr) return fail(ErrorCode::invalid_input, "{} has an entry whose name can't be read", path_);
    auto path = base::clean_relative_path(name);
    if (!path)
      return fail(ErrorCode::invalid_input, "{} has an entry that does not lie in it: {}", path_, path.error().what);
    if (++count_ > kMaxEntries)
      return fail(ErrorCode::limit_exceeded, "{} has more than {} entries", path_, kMaxEntries);
    Entry out{kind_of(entry), offset, 0, {}, (archive_entry_perm(entry) & 0100U) != 0};
    if (out.kind == Kind::hard_link) out.target = archive_entry_hardlink(entry);
    if (out.kind == Kind::symbolic_link) out.target = text_of(archive_entry_symlink(entry));
    if (out.kind == Kind::file) {
      out.size = static_cast<uint64_t>(std::max<la_int64_t>(archive_entry_size(entry), 0));
      if (out.size > file_->size() || offset > file_->size() - out.size)
        return fail(ErrorCode::truncated, "{} ends within {}, which should have {}; copy or save it again", path_,
                    *path, base::human_bytes(out.size));
    }
    // Tools differ in which of two they take, so an index that stands twice is refused. Of blobs the last counts, as
    // for tar: their digests tell.
    const auto [there, is_new] = entries_.insert_or_assign(std::move(*path), std::move(out));
    if (!is_new && !there->first.contains('/') && there->second.kind != Kind::folder)
      return fail(ErrorCode::invalid_input, "{} has {} twice; tools differ in which one they take, so save it again",
                  path_, there->first);
    return {};
  }

  static std::string text_of(const char* text) { return text == nullptr ? "" : text; }

  static Kind kind_of(archive_entry* entry) {
    if (archive_entry_hardlink(entry) != nullptr) return Kind::hard_link;
    if (archive_entry_filetype(entry) == AE_IFLNK) return Kind::symbolic_link;
    if (archive_entry_filetype(entry) == AE_IFDIR) return Kind::folder;
    if (archive_entry_filetype(entry) != AE_IFREG) return Kind::other;
    return archive_entry_sparse_count(entry) > 0 ? Kind::sparse : Kind::file;
  }

  // Old `docker save` writes a layer once and links to it: "../ID/layer.tar". Links never leave the archive.
  Result<std::string> next_of(const std::string& path, const Entry& entry) const {
    const auto leads_out = [&] {
      return fail(ErrorCode::corrupt, "{} in {} is a link that leads out of the archive: {}", path, path_,
                  base::printable(entry.target));
    };
    if (entry.target.starts_with('/')) return leads_out();
    std::vector<std::string_view> parts;
    if (entry.kind == Kind::symbolic_link && path.contains('/'))
      parts = base::split(std::string_view(path).substr(0, path.rfind('/')), '/');
    for (const auto part : base::split(entry.target, '/')) {
      if (part.empty() || part == ".") continue;
      if (part != "..") {
        parts.push_back(part);
        continue;
      }
      if (parts.empty()) return leads_out();
      parts.pop_back();
    }
    std::string out;
    for (const auto part : parts) out.append(out.empty() ? "" : "/").append(part);
    return out;
  }

  std::string path_;
  std::unique_ptr<base::RandomAccessFile> file_;
  std::map<std::string, Entry, std::less<>> entries_;
  size_t count_ = 0;
};

// The uncompressed archive; null if it is not compressed.
Result<std::unique_ptr<base::RandomAccessFile>> unpacked(const base::RandomAccessFile& file, const std::string& path) {
  const Reader reader = decompressor();
  Feed feed{file};
  if (!usable(archive_read_open2(reader.get(), &feed, nullptr, feed_read, feed_skip, nullptr)))
    return refuse(path, reader.get(), feed);
  if (archive_filter_code(reader.get(), 0) == ARCHIVE_FILTER_NONE) return std::unique_ptr<base::RandomAccessFile>{};
  const std::string folder = temporary_folder();
  SEALIFT_ASSIGN(auto fd, base::unnamed_file(folder));
  const uint64_t limit = std::max(kAlwaysAllowed, file.size() * kMaxGrowth);
  uint64_t written = 0;
  base::FunctionSink sink([&](ByteView data) -> Result<void> {
    written += data.size();
    if (written > limit)
      return fail(ErrorCode::limit_exceeded,
                  "{} grows from {} to more than {}; decompress it yourself if that is right", path,
                  base::human_bytes(file.size()), base::human_bytes(limit));
    return base::write_all(fd.get(), data);
  });
  if (auto done = decompress(file, path, sink); !done)
    return fail_while(std::move(done).error(),
                      base::format("unpacking {} in {} ($TMPDIR names another folder)", path, folder));
  SEALIFT_ASSIGN(auto out, base::OpenFile::adopt(std::move(fd), path));
  return std::unique_ptr<base::RandomAccessFile>(std::move(out));
}

}  // namespace

Result<void> decompress(const base::RandomAccessFile& file, const std::string& name, base::Sink& sink) {
  const Reader reader = decompressor();
  Feed feed{file};
  archive_entry* entry = nullptr;
  if (!usable(archive_read_open2(reader.get(), &feed, nullptr, feed_read, feed_skip, nullptr)) ||
      !usable(archive_read_next_header(reader.get(), &entry)))
    return refuse(name, reader.get(), feed);
  Bytes buffer(size_t{256} << 10);
  for (;;) {
    const la_ssize_t count = archive_read_data(reader.get(), buffer.data(), buffer.size());
    if (count < 0) return refuse(name, reader.get(), feed);
    if (count == 0) return {};
    SEALIFT_TRY(sink.write(ByteView(buffer).first(static_cast<size_t>(count))));
  }
}

Result<std::unique_ptr<StoredArchive>> stored_archive(const std::string& path) {
  SEALIFT_ASSIGN(auto file, base::OpenFile::open(path));
  return stored_archive(std::move(file), path);
}

Result<std::unique_ptr<StoredArchive>> stored_archive(std::unique_ptr<base::RandomAccessFile> file,
                                                      const std::string& place) {
  SEALIFT_ASSIGN(auto plain, unpacked(*file, place));
  auto out = std::make_unique<Archive>(place, plain ? std::move(plain) : std::move(file));
  SEALIFT_TRY(out->list());
  return std::unique_ptr<StoredArchive>(std::move(out));
}

std::string temporary_folder() {
  const char* named = std::getenv("TMPDIR");
  return named != nullptr && *named == '/' ? named : "/var/tmp";  // not /tmp, which is often memory
}

}  // namespace sealift::sources
