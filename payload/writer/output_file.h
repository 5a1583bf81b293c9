// SPDX-License-Identifier: Apache-2.0
//
// A file that appears under its name only when complete, and copying ranges between files.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "payload/base/fd.h"
#include "payload/base/file.h"

namespace sealift::writer {

// The folder part of a path, "." if it has none.
std::string folder_of(const std::string& path);

// The name of a file that is not yet complete.
enum class Unfinished {
  unnamed,  // none, where the file system supports it; otherwise hidden
  hidden,   // ".NAME.PID.tmp" in the same folder, as on FAT, NFS and older overlays
};

class OutputFile {
 public:
  // Nothing is visible at `path` until commit().
  static Result<OutputFile> create(const std::string& path, Unfinished unfinished = Unfinished::unnamed);
  // A file that is open under another name, `kept`, which it keeps if it is given up.
  static Result<OutputFile> adopt(base::Fd fd, const std::string& path, const std::string& kept);
  OutputFile(OutputFile&& other) noexcept
      : fd_(std::move(other.fd_)),
        path_(std::move(other.path_)),
        temporary_(std::exchange(other.temporary_, {})),
        is_kept_(other.is_kept_) {}
  OutputFile& operator=(OutputFile&&) = delete;
  ~OutputFile();  // without commit(), leaves nothing behind, unless it is kept

  int fd() const { return fd_.get(); }
  // Gives the unfinished file this name in the same folder, replacing any file; it keeps it if it is given up.
  Result<void> keep_as(const std::string& name);
  // Sets the mode, syncs the file, gives it its name (replacing any file of that name), syncs the folder.
  Result<void> commit(unsigned mode);

 private:
  OutputFile(base::Fd fd, std::string path, std::string temporary)
      : fd_(std::move(fd)), path_(std::move(path)), temporary_(std::move(temporary)) {}
  Result<void> show(const std::string& name);  // what it is called from now on

  base::Fd fd_;
  std::string path_;
  std::string temporary_;  // its name until then; empty if the file has none
  bool is_kept_ = false;   // under this name
};

// A second descriptor of a file that may have no name yet, to read what was written; `path` is for messages.
Result<std::unique_ptr<base::OpenFile>> open_again(int fd, const std::string& path);

// Lets the ranges share their extents, except for the parts of blocks at both ends, which are copied. Nothing, and
// nothing is done, if the file system can't.
struct SharedPart {
  uint64_t begin, end;  // within the range
};
Result<std::optional<SharedPart>> share_range(const base::RandomAccessFile& from, uint64_t from_offset, int to,
                                              uint64_t to_offset, uint64_t size);
// Copies within the kernel, sharing extents where the file system supports it; otherwise with read and write. A source
// that ends early is `truncated`.
Result<void> copy_range(int from, uint64_t from_offset, int to, uint64_t to_offset, uint64_t size);
// From a file that may have no descriptor.
Result<void> copy_range(const base::RandomAccessFile& from, uint64_t from_offset, int to, uint64_t to_offset,
                        uint64_t size);

}  // namespace sealift::writer
