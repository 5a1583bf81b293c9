// SPDX-License-Identifier: Apache-2.0
//
// Cancelling work. The token is handed down; long-running work checks it. Any thread.
#pragma once

#include <atomic>
#include <memory>

#include "payload/base/error.h"

namespace sealift::base {

class CancelToken {
 public:
  CancelToken() = default;  // never cancelled
  bool cancelled() const {
    return (flag_ && flag_->load(std::memory_order_relaxed)) || (parent_ && parent_->cancelled());
  }
  Result<void> check() const {
    if (cancelled()) return fail(ErrorCode::cancelled, "cancelled");
    return {};
  }

 private:
  friend class CancelSource;
  std::shared_ptr<std::atomic<bool>> flag_;
  std::shared_ptr<const CancelToken> parent_;
};

class CancelSource {
 public:
  CancelSource() = default;
  // Its tokens are also cancelled with the parent's: for one part of a larger piece of work.
  explicit CancelSource(CancelToken parent) : parent_(std::make_shared<const CancelToken>(std::move(parent))) {}
  CancelToken token() const {
    CancelToken token;
    token.flag_ = flag_;
    token.parent_ = parent_;
    return token;
  }
  // Safe in a signal handler: one atomic store.
  void cancel() { flag_->store(true, std::memory_order_relaxed); }

 private:
  std::shared_ptr<std::atomic<bool>> flag_ = std::make_shared<std::atomic<bool>>(false);
  std::shared_ptr<const CancelToken> parent_;
};

}  // namespace sealift::base

namespace sealift {
using base::CancelSource;
using base::CancelToken;
}  // namespace sealift
