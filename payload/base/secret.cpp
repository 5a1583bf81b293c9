// SPDX-License-Identifier: Apache-2.0
#include "payload/base/secret.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstring>
#include <new>

namespace sealift::base {
namespace {

size_t in_pages(size_t size) {
  static const auto kPage = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  return (size + kPage - 1) / kPage * kPage;
}

// The whole capacity is overwritten, since the string may have shrunk. explicit_bzero is not optimised away.
void overwrite(std::string& value) {
  value.resize(value.capacity());
  explicit_bzero(value.data(), value.size());
}

}  // namespace

Secret::Secret(std::string value) : Secret(value, Copied{}) { overwrite(value); }

Secret::Secret(std::string_view bytes, Copied) {
  if (bytes.empty()) return;
  void* pages = ::mmap(nullptr, in_pages(bytes.size()), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) throw std::bad_alloc();  // as every allocation
  (void)::mlock(pages, in_pages(bytes.size()));     // refused beyond RLIMIT_MEMLOCK: then it may be swapped
  (void)::madvise(pages, in_pages(bytes.size()), MADV_DONTDUMP);
  data_ = static_cast<char*>(pages);
  size_ = bytes.size();
  std::memcpy(data_, bytes.data(), size_);
}

void Secret::wipe() {
  if (data_ == nullptr) return;
  explicit_bzero(data_, size_);
  ::munmap(data_, in_pages(size_));
}

void keep_memory_private() {
  const rlimit none{0, 0};
  (void)::setrlimit(RLIMIT_CORE, &none);
#if !__has_feature(address_sanitizer)  // whose search for leaks traces the process
  (void)::prctl(PR_SET_DUMPABLE, 0);
#endif
}

}  // namespace sealift::base
