// SPDX-License-Identifier: Apache-2.0
#include <archive.h>
#include <archive_entry.h>

#include <algorithm>
#include <memory>

#include "packer/sources/image_source.h"
#include "payload/base/format.h"
#include "payload/base/text.h"
#include "payload/codec/gzip.h"
#include "payload/codec/zstd.h"

namespace sealift::sources {
namespace {

constexpr size_t kBuffer = size_t{256} << 10;
// Few images hold a file of zeros, and each host would write what this program only counts: beyond kAlwaysAllowed a
// layer may have kMaxGrowth bytes for each compressed one.
constexpr uint64_t kAlwaysAllowed = uint64_t{4} << 30;
constexpr uint64_t kMaxGrowth = 100;
constexpr uint64_t kMaxFiles = uint64_t{1} << 53;  // bytes of all files: as the payload's contents count

// What a layer is compressed with, as its first bytes say. Source: DetectCompression in containerd's
// pkg/archive/compression.
enum class Compression { none, gzip, zstd };
Compression compression_of(ByteView first_bytes) {
  const auto text = base::as_text(first_bytes.first(std::min<size_t>(first_bytes.size(), 4)));
  if (text.starts_with("\x1f\x8b\x08")) return Compression::gzip;
  const bool is_skippable =
      text.size() == 4 && (text[0] & 0xf0) == 0x50 && text.substr(1) == std::string_view("\x2a\x4d\x18");
  return is_skippable || text == "\x28\xb5\x2f\xfd" ? Compression::zstd : Compression::none;
}

// A source whose first bytes can be looked at beforehand, and whose own errors differ from those of its bytes.
class Peeked final : public base::Source {
 public:
  explicit Peeked(base::Source& source) : source_(source) {}

  Result<ByteView> look() {
    first_.resize(kBuffer);
    auto count = base::read_full(source_, first_);
    if (!count) error_ = count.error();
    SEALIFT_TRY(count);
    first_.resize(*count);
    left_ = first_;
    return left_;
  }
  Result<size_t> read(std::span<std::byte> buffer) override {
    if (left_.empty()) {
      auto count = source_.read(buffer);
      if (!count) error_ = count.error();
      taken_ += count.value_or(0);
      return count;
    }
    const size_t count = std::min(left_.size(), buffer.size());
    std::ranges::copy(left_.first(count), buffer.begin());
    left_ = left_.subspan(count);
    taken_ += count;
    return count;
  }
  uint64_t taken() const { return taken_; }  // bytes
  const std::optional<Error>& error() const { return error_; }

 private:
  base::Source& source_;
  std::optional<Error> error_;
  Bytes first_;
  ByteView left_;
  uint64_t taken_ = 0;
};

struct Feed {
  base::Source& source;
  const Peeked& layer;
  Bytes buffer;
  uint64_t bytes = 0;
  std::optional<Error> error;
};

la_ssize_t feed_archive(archive*, void* data, const void** buffer) {
  auto& feed = *static_cast<Feed*>(data);
  const auto count = feed.source.read(feed.buffer);
  if (!count) {
    feed.error = count.error();
    return -1;
  }
  feed.bytes += *count;
  if (feed.bytes > std::max(kAlwaysAllowed, feed.layer.taken() * kMaxGrowth)) {
    feed.error =
        Error{ErrorCode::limit_exceeded,
              base::format("a layer grows from {} to more than {}, and would on every host; make the image anew "
                           "without its file of zeros, or with its layers uncompressed",
                           base::human_bytes(feed.layer.taken()), base::human_bytes(feed.bytes)),
              {}};
    return -1;
  }
  *buffer = feed.buffer.data();
  return static_cast<la_ssize_t>(*count);
}

Result<format::LayerInfo> count(base::Source& tar, const Peeked& layer, const std::string& media_type) {
  const std::unique_ptr<archive, decltype(&archive_read_free)> reader(archive_read_new(), archive_read_free);
  archive_read_support_format_tar(reader.get());
  archive_read_support_format_empty(reader.get());
  Feed feed{.source = tar, .layer = layer, .buffer = Bytes(kBuffer), .bytes = 0, .error = {}};
  format::LayerInfo out;
  int code = archive_read_open(reader.get(), &feed, nullptr, feed_archive, nullptr);
  archive_entry* entry = nullptr;
  while (code == ARCHIVE_OK || code == ARCHIVE_WARN) {
    code = archive_read_next_header(reader.get(), &entry);
    if (code != ARCHIVE_OK && code != ARCHIVE_WARN) break;
    ++out.files;
    if (archive_entry_hardlink(entry) == nullptr && archive_entry_size(entry) > 0)
      out.uncompressed_bytes += static_cast<uint64_t>(archive_entry_size(entry));
    if (out.uncompressed_bytes > kMaxFiles)
      return fail(ErrorCode::limit_exceeded, "a layer's files have more than {}, so no host can hold them",
                  base::human_bytes(kMaxFiles));
  }
  if (layer.error()) return fail(*layer.error());
  if (feed.error && feed.error->code == ErrorCode::limit_exceeded) return fail(std::move(*feed.error));
  if (code != ARCHIVE_EOF) {
    const char* text = archive_error_string(reader.get());
    return fail(ErrorCode::invalid_input, "a layer can't be read as {}: {}", media_type,
                feed.error        ? feed.error->what
                : text == nullptr ? "unknown error"
                                  : text);
  }
  return out;
}

}  // namespace

Result<format::LayerInfo> measure_layer(base::Source& layer, const std::string& media_type) {
  SEALIFT_ASSIGN(const auto compression, image::layer_compression(media_type));
  Peeked peeked(layer);
  if (compression != image::LayerCompression::by_content) return count(peeked, peeked, media_type);
  SEALIFT_ASSIGN(const auto first_bytes, peeked.look());
  switch (compression_of(first_bytes)) {
    case Compression::gzip: {
      codec::GzipSource plain(peeked);
      return count(plain, peeked, media_type);
    }
    case Compression::zstd: {
      codec::ZstdSource plain(peeked);
      return count(plain, peeked, media_type);
    }
    case Compression::none: break;
  }
  return count(peeked, peeked, media_type);
}

}  // namespace sealift::sources
