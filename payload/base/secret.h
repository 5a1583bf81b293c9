// SPDX-License-Identifier: Apache-2.0
//
// A password, token or private key in memory. It has no formatter and no stream operator, so it can't reach a message
// by accident. Reading it takes a deliberate reveal(). The bytes of all secrets lie in one area of memory, which is not
// swapped (as far as RLIMIT_MEMLOCK allows) and in no core dump; they are overwritten when a secret is destroyed.
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

  char* data_ = nullptr;  // in the area of secrets; null if it is empty
  size_t size_ = 0;
};

}  // namespace sealift::base

namespace sealift {
using base::Secret;
}  // namespace sealift
