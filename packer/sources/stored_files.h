// SPDX-License-Identifier: Apache-2.0
//
// The files of stored images, read where they lie: a folder, or a tar archive of which nothing is unpacked. Knows
// nothing of images.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "payload/base/file.h"

namespace sealift::sources {

// Any thread.
class StoredFiles {
 public:
  virtual ~StoredFiles() = default;
  // For messages: the folder's or the archive's path.
  virtual const std::string& place() const = 0;
  // Null if there is no such file. `path` is a safe relative one; must not outlive this. corrupt if it leads out, in a
  // circle, or nowhere; unsupported for a file with holes.
  virtual Result<std::unique_ptr<base::RandomAccessFile>> open(const std::string& path) const = 0;
  // What a message about a missing index may add: where one was found instead.
  virtual std::string hint() const { return {}; }
};

// What lies in an archive, besides folders.
struct ArchivedName {
  std::string path;  // safe and relative, without "./"
  bool is_executable = false;
};

// Any thread.
class StoredArchive : public StoredFiles {
 public:
  // Sorted. Links and what is neither file nor link are among them: open() tells.
  virtual std::vector<ArchivedName> names() const = 0;
  // The regular file that a name stands for: itself, or where its links end. Errors: those of open(); not_found.
  virtual Result<ArchivedName> target_of(const std::string& path) const = 0;
};

// Links are followed, wherever they lead: people share blobs between layouts, and digests tell what is right.
std::unique_ptr<StoredFiles> stored_folder(const std::string& folder);

// A tar archive: links are followed within it. One compressed with gzip, zstd or xz is first unpacked into an unnamed
// file in $TMPDIR (or /var/tmp): only then can several blobs be read at once. invalid_input if it is no such archive or
// an entry's path leads out of it; truncated; limit_exceeded for more than 50,000 entries, or for compressed data that
// grows more than a hundredfold and above 256 MiB.
Result<std::unique_ptr<StoredArchive>> stored_archive(const std::string& path);
// One that is open already; `place` stands for it in messages.
Result<std::unique_ptr<StoredArchive>> stored_archive(std::unique_ptr<base::RandomAccessFile> file,
                                                      const std::string& place);
// $TMPDIR, or /var/tmp.
std::string temporary_folder();

// Decompresses gzip, zstd or xz. invalid_input if it is none of them or damaged; the sink's errors.
Result<void> decompress(const base::RandomAccessFile& file, const std::string& name, base::Sink& sink);

// The whole file; nullopt if there is none. Larger than `limit` is limit_exceeded.
Result<std::optional<Bytes>> read_stored(const StoredFiles& files, const std::string& path, size_t limit);

}  // namespace sealift::sources
