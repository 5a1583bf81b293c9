// SPDX-License-Identifier: Apache-2.0
//
// A password, token or private key in memory. It has no formatter and no stream operator, so it can't reach a message
// by accident. Reading it takes a deliberate reveal(). Its bytes lie in pages of their own, which are not swapped (as
// far as RLIMIT_MEMLOCK allows), are in no core dump, and are overwritten when it is destroyed.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace sealift::base {

class Secret {
 public:
  Secret() = default;
  // The string that it comes in is overwritten.
  explicit Secret(std::string value);
  Secret(const Secret& other) : Secret(other.reveal(), Copied{}) {}
  Secret(Secret&& other) noexcept : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  Secret& operator=(Secret other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }
  ~Secret() { wipe(); }

  std::string_view reveal() const { return {data_, size_}; }
  bool empty() const { return size_ == 0; }
  bool operator==(const Secret& other) const { return reveal() == other.reveal(); }

 private:
  struct Copied {};
  Secret(std::string_view bytes, Copied);
  void wipe();

  char* data_ = nullptr;  // at the beginning of pages; null if it is empty
  size_t size_ = 0;
};

// What this process holds is nobody else's: no core dump, and no other process of this user may read its memory.
void keep_memory_private();

}  // namespace sealift::base

namespace sealift {
using base::Secret;
}  // namespace sealift
