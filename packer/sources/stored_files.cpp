// SPDX-License-Identifier: Apache-2.0
#include "packer/sources/stored_files.h"

#include <filesystem>

namespace sealift::sources {
namespace {

class Folder final : public StoredFiles {
 public:
  explicit Folder(std::string path) : path_(std::move(path)) {}
  const std::string& place() const override { return path_; }

  Result<std::unique_ptr<base::RandomAccessFile>> open(const std::string& path) const override {
    const std::string whole = path_ + "/" + path;
    // Looked at first: opening a named pipe would wait for its writer.
    std::error_code error;
    const auto status = std::filesystem::status(whole, error);
    if (status.type() == std::filesystem::file_type::not_found) return std::unique_ptr<base::RandomAccessFile>{};
    if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status))
      return fail(ErrorCode::corrupt, "{} is not a regular file", whole);
    SEALIFT_ASSIGN(auto file, base::OpenFile::open(whole));
    return std::unique_ptr<base::RandomAccessFile>(std::move(file));
  }

 private:
  std::string path_;
};

}  // namespace

std::unique_ptr<StoredFiles> stored_folder(const std::string& folder) { return std::make_unique<Folder>(folder); }

Result<std::optional<Bytes>> read_stored(const StoredFiles& files, const std::string& path, size_t limit) {
  SEALIFT_ASSIGN(const auto file, files.open(path));
  if (!file) return std::optional<Bytes>{};
  if (file->size() > limit)
    return fail(ErrorCode::limit_exceeded, "{} in {} has {} bytes, at most {} are allowed", path, files.place(),
                file->size(), limit);
  Bytes out(static_cast<size_t>(file->size()));
  SEALIFT_TRY(file->read_at(0, out));
  return std::optional(std::move(out));
}

}  // namespace sealift::sources
