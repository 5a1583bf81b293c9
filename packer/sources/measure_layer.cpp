// SPDX-License-Identifier: Apache-2.0
#include <archive.h>
#include <archive_entry.h>

#include <memory>

#include "packer/sources/image_source.h"

namespace sealift::sources {
namespace {

struct Feed {
  base::Source& source;
  Bytes buffer;
  std::optional<Error> error;
};

la_ssize_t feed_archive(archive*, void* data, const void** buffer) {
  auto& feed = *static_cast<Feed*>(data);
  const auto count = feed.source.read(feed.buffer);
  if (!count) {
    feed.error = count.error();
    return -1;
  }
  *buffer = feed.buffer.data();
  return static_cast<la_ssize_t>(*count);
}

}  // namespace

Result<format::LayerInfo> measure_layer(base::Source& layer, const std::string& media_type) {
  SEALIFT_ASSIGN(const auto compression, image::layer_compression(media_type));
  const std::unique_ptr<archive, decltype(&archive_read_free)> reader(archive_read_new(), archive_read_free);
  archive_read_support_format_tar(reader.get());
  archive_read_support_format_empty(reader.get());
  if (compression == image::LayerCompression::by_content) {
    archive_read_support_filter_gzip(reader.get());
    archive_read_support_filter_zstd(reader.get());
  }
  Feed feed{layer, Bytes(size_t{256} << 10), {}};
  format::LayerInfo out;
  int code = archive_read_open(reader.get(), &feed, nullptr, feed_archive, nullptr);
  archive_entry* entry = nullptr;
  while (code == ARCHIVE_OK || code == ARCHIVE_WARN) {
    code = archive_read_next_header(reader.get(), &entry);
    if (code != ARCHIVE_OK && code != ARCHIVE_WARN) break;
    ++out.files;
    if (archive_entry_hardlink(entry) == nullptr && archive_entry_size(entry) > 0)
      out.uncompressed_bytes += static_cast<uint64_t>(archive_entry_size(entry));
  }
  if (feed.error) return fail(*feed.error);
  if (code != ARCHIVE_EOF) {
    const char* text = archive_error_string(reader.get());
    return fail(ErrorCode::invalid_input, "a layer can't be read as {}: {}", media_type,
                text == nullptr ? "unknown error" : text);
  }
  return out;
}

}  // namespace sealift::sources
