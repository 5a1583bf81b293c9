// SPDX-License-Identifier: Apache-2.0
#include "payload/writer/spool.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

namespace sealift::writer {

Result<base::Fd> unnamed_file(const std::string& folder) {
  const int fd = ::open(folder.c_str(), O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
  if (fd >= 0) return base::Fd(fd);
  // File systems without O_TMPFILE (FAT, NFS, older overlays) say so in several ways: the second try tells the truth.
  std::string path = folder + "/.sealift-spool-XXXXXX";
  const int named = ::mkostemp(path.data(), O_CLOEXEC);
  if (named < 0) return fail_errno(errno, "make a temporary file in " + folder);
  base::Fd owned(named);
  if (::unlink(path.c_str()) != 0) return fail_errno(errno, "unlink " + path);
  return owned;
}

Result<Spool> Spool::create(const std::string& folder) {
  SEALIFT_ASSIGN(auto fd, unnamed_file(folder));
  return Spool(std::move(fd));
}

Result<uint64_t> Spool::append(ByteView data) {
  const uint64_t offset = end_.fetch_add(data.size());
  auto written = base::pwrite_all(fd_.get(), offset, data);
  if (!written) return fail_while(std::move(written).error(), "writing the temporary file next to the output");
  return offset;
}

Result<void> Spool::read(uint64_t offset, std::span<std::byte> buffer) const {
  auto done = base::pread_exact(fd_.get(), offset, buffer);
  if (!done) return fail_while(std::move(done).error(), "reading the temporary file next to the output");
  return {};
}

void Spool::forget(uint64_t offset, uint64_t size) const {
  static_cast<void>(::fallocate(fd_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset), static_cast<off_t>(size)));
}

}  // namespace sealift::writer
