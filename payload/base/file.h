// SPDX-License-Identifier: Apache-2.0
//
// Files: random access for reading, whole small files, and replacement that happens completely or not at all.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "payload/base/bytes.h"
#include "payload/base/fd.h"

namespace sealift::base {

using FileOffset = uint64_t;
using ByteCount = uint64_t;

// Reading at offsets. All members may be called from several threads at once.
class RandomAccessFile {
 public:
  virtual ~RandomAccessFile() = default;
  virtual ByteCount size() const = 0;
  // Fills `buffer` from `offset`; beyond the end is `truncated`.
  virtual Result<void> read_at(FileOffset offset, std::span<std::byte> buffer) const = 0;
  // A descriptor in which this file's offset 0 is at `fd_offset()`, for sendfile and copy_file_range; -1 if
  // there is none.
  virtual int fd() const { return -1; }
  virtual FileOffset fd_offset() const { return 0; }
};

// A file on disk; its size is taken when it is opened.
class OpenFile final : public RandomAccessFile {
 public:
  static Result<std::unique_ptr<OpenFile>> open(const std::string& path);
  static Result<std::unique_ptr<OpenFile>> adopt(Fd fd, std::string path);
  ByteCount size() const override { return size_; }
  Result<void> read_at(FileOffset offset, std::span<std::byte> buffer) const override;
  int fd() const override { return fd_.get(); }
  const std::string& path() const { return path_; }

 private:
  OpenFile(Fd fd, std::string path, ByteCount size) : fd_(std::move(fd)), path_(std::move(path)), size_(size) {}
  Fd fd_;
  std::string path_;
  ByteCount size_;
};

// Part of another file, which must outlive it.
class FileView final : public RandomAccessFile {
 public:
  static Result<FileView> make(const RandomAccessFile& whole, FileOffset offset, ByteCount size);
  ByteCount size() const override { return size_; }
  Result<void> read_at(FileOffset offset, std::span<std::byte> buffer) const override;
  int fd() const override { return whole_->fd(); }
  FileOffset fd_offset() const override { return whole_->fd_offset() + offset_; }

 private:
  FileView(const RandomAccessFile& whole, FileOffset offset, ByteCount size)
      : whole_(&whole), offset_(offset), size_(size) {}
  const RandomAccessFile* whole_;
  FileOffset offset_;
  ByteCount size_;
};

// Bytes in memory as a file; owns them.
class MemoryFile final : public RandomAccessFile {
 public:
  explicit MemoryFile(Bytes data) : data_(std::move(data)) {}
  ByteCount size() const override { return data_.size(); }
  Result<void> read_at(FileOffset offset, std::span<std::byte> buffer) const override;
  Bytes& data() { return data_; }

 private:
  Bytes data_;
};

// A file from beginning to end, as a stream. The file must outlive it.
class FileSource final : public Source {
 public:
  explicit FileSource(const RandomAccessFile& file) : file_(&file) {}
  Result<size_t> read(std::span<std::byte> buffer) override;

 private:
  const RandomAccessFile* file_;
  FileOffset offset_ = 0;
};

// A whole file of at most `limit` bytes; larger is limit_exceeded.
Result<Bytes> read_file(const std::string& path, size_t limit);
Result<std::string> read_text_file(const std::string& path, size_t limit);

// Writes a temporary file in the same folder, syncs it, renames it, syncs the folder. The folder must exist.
Result<void> write_file_atomic(const std::string& path, ByteView data, unsigned mode);
Result<void> make_directories(const std::string& path, unsigned mode);
Result<void> sync_directory(const std::string& path);

}  // namespace sealift::base
