// SPDX-License-Identifier: Apache-2.0
#include "payload/base/secret.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <memory_resource>
#include <new>

namespace sealift::base {
namespace {

class LockedPages final : public std::pmr::memory_resource {
  static size_t whole_pages(size_t size) {
    static const auto kPage = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
    return (size + kPage - 1) / kPage * kPage;
  }
  void* do_allocate(size_t size, size_t /*alignment*/) override {
    const size_t whole = whole_pages(size);
    constexpr int kOwn = MAP_PRIVATE | MAP_ANONYMOUS;
    void* pages = ::mmap(nullptr, whole, PROT_READ | PROT_WRITE, kOwn | MAP_LOCKED, -1, 0);
    if (pages == MAP_FAILED)  // beyond RLIMIT_MEMLOCK: then it may be swapped
      pages = ::mmap(nullptr, whole, PROT_READ | PROT_WRITE, kOwn, -1, 0);
    if (pages == MAP_FAILED) throw std::bad_alloc();  // as every allocation
    (void)::madvise(pages, whole, MADV_DONTDUMP);
    return pages;
  }
  void do_deallocate(void* pages, size_t size, size_t /*alignment*/) override { ::munmap(pages, whole_pages(size)); }
  bool do_is_equal(const memory_resource& other) const noexcept override { return this == &other; }
};

// Never destroyed: secrets in static objects may live longer.
std::pmr::memory_resource& area() {
  static LockedPages pages;
  static auto& pool = *new std::pmr::synchronized_pool_resource(
      {.max_blocks_per_chunk = 64, .largest_required_pool_block = 512}, &pages);
  return pool;
}

}  // namespace

// The whole capacity is overwritten, since the string may have shrunk. explicit_bzero is not optimised away.
Secret::Secret(std::string value) : Secret(value, Copied{}) {
  value.resize(value.capacity());
  explicit_bzero(value.data(), value.size());
}

Secret::Secret(std::string_view bytes, Copied) {
  if (bytes.empty()) return;
  data_ = static_cast<char*>(area().allocate(bytes.size(), 1));
  size_ = bytes.size();
  std::memcpy(data_, bytes.data(), size_);
}

void Secret::wipe() {
  if (data_ == nullptr) return;
  explicit_bzero(data_, size_);
  area().deallocate(data_, size_, 1);
}

}  // namespace sealift::base
