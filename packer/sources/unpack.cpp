// SPDX-License-Identifier: Apache-2.0
#include "packer/sources/unpack.h"

#include <fcntl.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <set>

#include "packer/sources/stored_files.h"
#include "payload/base/count.h"
#include "payload/base/fd.h"
#include "payload/base/format.h"
#include "payload/base/pattern.h"
#include "payload/base/text.h"
#include "payload/base/utf8.h"

namespace sealift::sources {
namespace {

constexpr size_t kMostListed = 20;

// Nothing if there are no more parts than are to be removed.
std::optional<std::string> stripped(std::string_view path, size_t parts) {
  for (; parts > 0; --parts) {
    const size_t slash = path.find('/');
    if (slash == std::string_view::npos) return std::nullopt;
    path.remove_prefix(slash + 1);
  }
  return std::string(path);
}

std::string listed(const std::vector<std::string>& names) {
  std::string out;
  for (const auto& name : std::span(names).first(std::min(names.size(), kMostListed)))
    out += (out.empty() ? "" : ", ") + base::printable(name);
  if (names.size() > kMostListed) out += base::format(" and {} more", names.size() - kMostListed);
  return out.empty() ? "nothing" : out;
}

// The names to unpack: as they become → as they are in the archive.
Result<std::map<std::string, std::string>> chosen(const StoredArchive& archive, const Selection& selection) {
  std::vector<std::string> there;
  std::map<std::string, std::string> out;
  std::set<std::string_view> unused(selection.only.begin(), selection.only.end());
  for (const auto& entry : archive.names()) {
    const auto name = stripped(entry.path, selection.strip);
    if (!name) continue;
    there.push_back(*name);
    bool is_wanted = selection.only.empty();
    for (const auto& pattern : selection.only) {
      if (!base::is_like(*name, pattern)) continue;
      is_wanted = true;
      unused.erase(pattern);
    }
    if (!is_wanted) continue;
    if (!base::is_utf8(*name))
      return fail(ErrorCode::invalid_input, "{}: the name {} in it is not UTF-8", archive.place(),
                  base::printable(*name));
    const auto [first, is_new] = out.emplace(*name, entry.path);
    if (!is_new)
      return fail(ErrorCode::invalid_input, "{}: without their first parts, {} and {} in it have one name",
                  archive.place(), base::printable(first->second), base::printable(entry.path));
  }
  const auto after =
      selection.strip == 0
          ? ""
          : base::format(" (without {})", base::counted(selection.strip, "leading part", "leading parts"));
  if (!unused.empty())
    return fail(ErrorCode::invalid_input, "{} holds no {}; its files are{}: {}", archive.place(),
                base::printable(*unused.begin()), after, listed(there));
  if (out.empty()) return fail(ErrorCode::invalid_input, "{} holds no files{}", archive.place(), after);
  return out;
}

Result<void> write_out(const base::RandomAccessFile& file, const std::string& path, bool is_executable,
                       const CancelToken& cancel) {
  SEALIFT_ASSIGN(const auto fd, base::open_file(path, O_WRONLY | O_CREAT | O_EXCL, is_executable ? 0700 : 0600));
  base::FileSource bytes(file);
  base::FunctionSink sink([&](ByteView data) -> Result<void> {
    SEALIFT_TRY(cancel.check());
    return base::write_all(fd.get(), data);
  });
  SEALIFT_TRY(base::copy(bytes, sink));
  return {};
}

}  // namespace

Result<std::vector<UnpackedFile>> unpack_files(const std::string& archive, const Selection& selection,
                                               const std::string& folder, const CancelToken& cancel) {
  std::error_code none;
  if (std::filesystem::is_regular_file(archive, none) && std::filesystem::file_size(archive, none) == 0)
    return fail(ErrorCode::invalid_input, "{} is empty; a tar archive is expected, plain or with gzip, zstd or xz",
                archive);
  SEALIFT_ASSIGN(const auto files, stored_archive(archive));
  SEALIFT_ASSIGN(const auto names, chosen(*files, selection));
  std::vector<UnpackedFile> out;
  std::map<std::string, std::string> written;  // regular files of the archive → on this machine
  for (const auto& [name, path] : names) {
    SEALIFT_ASSIGN(const auto target, files->target_of(path));
    auto& source = written[target.path];
    if (source.empty()) {
      source = base::format("{}/{}.file", folder, written.size());
      SEALIFT_ASSIGN(const auto file, files->open(target.path));
      if (auto done = write_out(*file, source, target.is_executable, cancel); !done)
        return fail_while(std::move(done).error(), base::format("unpacking {} of {}", base::printable(name), archive));
    }
    out.push_back({name, source, target.is_executable});
  }
  return out;
}

}  // namespace sealift::sources
