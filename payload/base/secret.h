// SPDX-License-Identifier: Apache-2.0
//
// A password, token or private key in memory. It has no formatter and no stream operator, so it can't reach a message
// by accident, and its bytes are overwritten when it is destroyed. Reading it takes a deliberate reveal().
#pragma once

#include <string>
#include <string_view>
#include <utility>

namespace sealift::base {

class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string value) : value_(std::move(value)) {}
  Secret(const Secret&) = default;
  Secret(Secret&& other) noexcept : value_(std::move(other.value_)) { other.wipe(); }
  Secret& operator=(const Secret& other) {
    if (this != &other) {
      wipe();
      value_ = other.value_;
    }
    return *this;
  }
  Secret& operator=(Secret&& other) noexcept {
    if (this != &other) {
      wipe();
      value_ = std::move(other.value_);
      other.wipe();
    }
    return *this;
  }
  ~Secret() { wipe(); }

  std::string_view reveal() const { return value_; }
  bool empty() const { return value_.empty(); }
  bool operator==(const Secret&) const = default;

 private:
  void wipe();
  std::string value_;
};

}  // namespace sealift::base

namespace sealift {
using base::Secret;
}  // namespace sealift
