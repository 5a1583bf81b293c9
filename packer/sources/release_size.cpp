// SPDX-License-Identifier: Apache-2.0
#include "packer/sources/release_size.h"

#include <archive.h>
#include <archive_entry.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <vector>

#include "packer/sources/chart_archive.h"
#include "payload/base/file.h"
#include "payload/base/text.h"

namespace sealift::sources {
namespace {

constexpr size_t kMaxFile = size_t{64} << 20;
// gzip makes nothing larger, and base64 makes three bytes four.
constexpr uint64_t kSurelySmall = kMaxReleaseSize / 4 * 3 - (uint64_t{64} << 10);

using Writer = std::unique_ptr<archive, decltype(&archive_write_free)>;

la_ssize_t count_bytes(archive* /*writer*/, void* counter, const void* /*bytes*/, size_t size) {
  *static_cast<uint64_t*>(counter) += size;
  return static_cast<la_ssize_t>(size);
}

Result<uint64_t> gzip_size(const std::vector<std::string>& texts) {
  uint64_t out = 0;
  const Writer writer(archive_write_new(), archive_write_free);
  const std::unique_ptr<archive_entry, decltype(&archive_entry_free)> entry(archive_entry_new(), archive_entry_free);
  archive_entry_set_pathname(entry.get(), "release");
  archive_entry_set_filetype(entry.get(), AE_IFREG);
  bool is_good = archive_write_set_format_raw(writer.get()) == ARCHIVE_OK &&
                 archive_write_add_filter_gzip(writer.get()) == ARCHIVE_OK &&
                 archive_write_set_filter_option(writer.get(), "gzip", "compression-level", "9") == ARCHIVE_OK &&
                 archive_write_open(writer.get(), &out, nullptr, count_bytes, nullptr) == ARCHIVE_OK &&
                 archive_write_header(writer.get(), entry.get()) == ARCHIVE_OK;
  for (const auto& text : texts) is_good = is_good && archive_write_data(writer.get(), text.data(), text.size()) >= 0;
  if (!is_good || archive_write_close(writer.get()) != ARCHIVE_OK)
    return fail(ErrorCode::internal, "gzip: {}", archive_error_string(writer.get()));
  return out;
}

bool is_of_dependency(std::string_view path) { return path.starts_with("charts/"); }

// Nothing if helm leaves out some of them.
Result<std::vector<std::string>> files_of_folder(const std::string& folder) {
  std::vector<std::string> out;
  std::error_code error;
  if (std::filesystem::exists(folder + "/.helmignore", error)) return out;
  for (std::filesystem::recursive_directory_iterator
           at(folder, std::filesystem::directory_options::follow_directory_symlink, error),
       end;
       !error && at != end; at.increment(error)) {
    if (!at->is_regular_file(error) || is_of_dependency(at->path().lexically_relative(folder).string())) continue;
    SEALIFT_ASSIGN(auto text, base::read_text_file(at->path().string(), kMaxFile));
    out.push_back(std::move(text));
  }
  if (error) return fail_errno(error.value(), "read " + folder);
  return out;
}

Result<std::vector<std::string>> files_of_archive(const std::string& path) {
  std::vector<std::string> out;
  SEALIFT_TRY(read_chart_files(path, [&](std::string_view name, std::string text) -> Result<void> {
    if (!is_of_dependency(name)) out.push_back(std::move(text));
    return {};
  }));
  return out;
}

}  // namespace

Result<uint64_t> release_size(const std::string& chart, std::string_view rendered) {
  std::error_code error;
  const bool is_folder = std::filesystem::is_directory(chart, error);
  SEALIFT_ASSIGN(auto files, is_folder ? files_of_folder(chart) : files_of_archive(chart));
  uint64_t plain = rendered.size();
  for (const auto& text : files) plain += text.size();
  if (files.empty() || plain <= kSurelySmall) return 0U;
  for (auto& text : files) text = base::to_base64(base::as_bytes(text));
  files.emplace_back(rendered);
  SEALIFT_ASSIGN(const uint64_t size, gzip_size(files));
  return (size + 2) / 3 * 4;
}

}  // namespace sealift::sources
