// SPDX-License-Identifier: Apache-2.0
#include "packer/sources/chart_archive.h"

#include <archive.h>
#include <archive_entry.h>

#include <array>
#include <memory>

#include "payload/base/file.h"
#include "payload/base/text.h"

namespace sealift::sources {
namespace {

constexpr size_t kMaxArchive = size_t{64} << 20;
constexpr size_t kMaxDocument = size_t{1} << 20;
constexpr int kMaxEntries = 100'000;

// "name/Chart.yaml", also as "./name/Chart.yaml".
bool is_chart_document(std::string_view path) {
  while (path.starts_with("./")) path.remove_prefix(2);
  const auto parts = base::split(path, '/');
  return parts.size() == 2 && parts[1] == "Chart.yaml";
}

}  // namespace

Result<std::string> chart_document_of(const std::string& path) {
  const auto refuse = [&](std::string_view why) {
    return fail(ErrorCode::invalid_input, "{} can't be read as a packed chart: {}", path, why);
  };
  SEALIFT_ASSIGN(const auto bytes, base::read_file(path, kMaxArchive));
  const std::unique_ptr<archive, decltype(&archive_read_free)> reader(archive_read_new(), archive_read_free);
  archive_read_support_format_tar(reader.get());
  archive_read_support_filter_gzip(reader.get());
  int code = archive_read_open_memory(reader.get(), bytes.data(), bytes.size());
  archive_entry* entry = nullptr;
  for (int i = 0; (code == ARCHIVE_OK || code == ARCHIVE_WARN) && i < kMaxEntries; ++i) {
    code = archive_read_next_header(reader.get(), &entry);
    const char* name = code == ARCHIVE_OK || code == ARCHIVE_WARN ? archive_entry_pathname(entry) : nullptr;
    if (name == nullptr || !is_chart_document(name)) continue;
    std::string text;
    std::array<char, 16384> piece{};
    la_ssize_t count = 0;
    while ((count = archive_read_data(reader.get(), piece.data(), piece.size())) > 0) {
      text.append(piece.data(), static_cast<size_t>(count));
      if (text.size() > kMaxDocument) return refuse("its Chart.yaml is too large");
    }
    if (count == 0) return text;
    code = ARCHIVE_FATAL;
  }
  const char* why = code == ARCHIVE_EOF ? "it holds no Chart.yaml" : archive_error_string(reader.get());
  return refuse(why == nullptr ? "unknown error" : why);
}

}  // namespace sealift::sources
