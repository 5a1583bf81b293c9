// SPDX-License-Identifier: Apache-2.0
#include "packer/sources/chart_archive.h"

#include <archive.h>
#include <archive_entry.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>

#include "packer/sources/file_kind.h"
#include "payload/base/file.h"
#include "payload/base/format.h"
#include "payload/base/safe_path.h"
#include "payload/base/text.h"

namespace sealift::sources {
namespace {

constexpr size_t kMaxArchive = size_t{64} << 20;
constexpr size_t kMaxDocument = size_t{1} << 20;
// What helm itself takes, since 3.17.3.
constexpr size_t kMaxFile = size_t{5} << 20;
constexpr size_t kMaxUnpacked = size_t{100} << 20;
constexpr int kMaxEntries = 10'000;

using Reader = std::unique_ptr<archive, decltype(&archive_read_free)>;

std::unexpected<Error> refuse(const std::string& path, std::string_view why) {
  return fail(ErrorCode::invalid_input, "{} can't be read as a packed chart: {}", path, why);
}

std::string reason(archive* reader) {
  const char* why = archive_error_string(reader);
  return why == nullptr ? "unknown error" : why;
}

// The rest of the entry's bytes.
Result<std::string> read_entry(archive* reader, const std::string& path, size_t limit) {
  std::string text;
  std::array<char, 16384> piece{};
  la_ssize_t count = 0;
  while ((count = archive_read_data(reader, piece.data(), piece.size())) > 0) {
    text.append(piece.data(), static_cast<size_t>(count));
    if (text.size() > limit) return refuse(path, "its files are too large; is it a chart?");
  }
  if (count < 0) return refuse(path, reason(reader));
  return text;
}

// `visit` returns false to stop. The name is without "./".
using Visit = std::function<Result<bool>(std::string_view name, archive* reader, archive_entry* entry)>;

Result<void> for_each_entry(const std::string& path, const Visit& visit) {
  const auto bytes = base::read_file(path, kMaxArchive);
  if (!bytes && bytes.error().code == ErrorCode::limit_exceeded)
    return refuse(path, base::format("it is larger than {}", base::human_bytes(kMaxArchive)));
  if (!bytes) return std::unexpected(bytes.error());
  if (const auto kind = known_stranger(ByteView(*bytes).first(std::min(bytes->size(), kKindBytes))))
    return refuse(path, base::format("it is {}; a chart as `helm package` makes it is expected (.tgz)", *kind));
  const Reader reader(archive_read_new(), archive_read_free);
  archive_read_support_format_tar(reader.get());
  archive_read_support_filter_gzip(reader.get());
  int code = archive_read_open_memory(reader.get(), bytes->data(), bytes->size());
  archive_entry* entry = nullptr;
  for (int i = 0; code == ARCHIVE_OK || code == ARCHIVE_WARN; ++i) {
    if (i >= kMaxEntries) return refuse(path, base::format("it holds more than {} files", kMaxEntries));
    code = archive_read_next_header(reader.get(), &entry);
    if (code == ARCHIVE_EOF) return {};
    if (code != ARCHIVE_OK && code != ARCHIVE_WARN) break;
    const char* name = archive_entry_pathname(entry);
    if (name == nullptr) return refuse(path, "one of its names can't be read");
    std::string_view clean(name);
    while (clean.starts_with("./")) clean.remove_prefix(2);
    SEALIFT_ASSIGN(const bool go_on, visit(clean, reader.get(), entry));
    if (!go_on) return {};
  }
  return refuse(path, reason(reader.get()));
}

}  // namespace

Result<std::string> chart_document_of(const std::string& path) {
  std::optional<std::string> out;
  SEALIFT_TRY(for_each_entry(path, [&](std::string_view name, archive* reader, archive_entry*) -> Result<bool> {
    const auto parts = base::split(name, '/');
    if (parts.size() != 2 || parts[1] != "Chart.yaml") return true;
    SEALIFT_ASSIGN(out, read_entry(reader, path, kMaxDocument));
    return false;
  }));
  if (!out) return refuse(path, "it holds no Chart.yaml");
  return std::move(*out);
}

Result<void> read_chart_files(const std::string& path, const ChartFileVisit& visit) {
  size_t total = 0;
  bool has_chart = false;
  SEALIFT_TRY(for_each_entry(path, [&](std::string_view name, archive* reader, archive_entry* entry) -> Result<bool> {
    if (archive_entry_filetype(entry) == AE_IFDIR) return true;
    const size_t slash = name.find('/');
    const auto safe = base::safe_relative_path(name);
    if (!safe || slash == std::string_view::npos)
      return refuse(path, base::format("{} is no name of a file in a chart's folder", base::printable(name)));
    const auto* link = archive_entry_hardlink(entry);
    if (archive_entry_filetype(entry) != AE_IFREG || link != nullptr)
      return refuse(path, base::format("{} is not a regular file", base::printable(name)));
    SEALIFT_ASSIGN(auto text, read_entry(reader, path, std::min(kMaxFile, kMaxUnpacked - total)));
    total += text.size();
    has_chart = has_chart || name.substr(slash) == "/Chart.yaml";
    SEALIFT_TRY(visit(name.substr(slash + 1), std::move(text)));
    return true;
  }));
  if (!has_chart) return refuse(path, "it holds no Chart.yaml");
  return {};
}

Result<void> unpack_chart(const std::string& path, const std::string& folder) {
  return read_chart_files(path, [&](std::string_view name, const std::string& text) -> Result<void> {
    const auto target = std::filesystem::path(folder) / name;
    std::error_code error;
    std::filesystem::create_directories(target.parent_path(), error);
    // A path that is a file here and a folder there, or has a name that is too long, is the archive's fault.
    const auto written = base::write_file_atomic(target, base::as_bytes(text), 0644);
    if (written) return {};
    if (written.error().code == ErrorCode::no_space || written.error().code == ErrorCode::permission_denied)
      return std::unexpected(written.error());
    return refuse(path, base::format("{} can't be written: {}", base::printable(name), written.error().text()));
  });
}

}  // namespace sealift::sources
