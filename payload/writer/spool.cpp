// SPDX-License-Identifier: Apache-2.0
#include "payload/writer/spool.h"

#include <fcntl.h>

namespace sealift::writer {

Result<Spool> Spool::create(const std::string& folder) {
  SEALIFT_ASSIGN(auto fd, base::unnamed_file(folder));
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
  static_cast<void>(::fallocate(fd_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset),
                                static_cast<off_t>(size)));
}

}  // namespace sealift::writer
