// SPDX-License-Identifier: Apache-2.0
//
// The images of the charts are looked for while the hosts are connected and checked.
#pragma once

#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "payload/base/cancel.h"
#include "payload/base/thread.h"
#include "runtime/images/image_check.h"

namespace sealift::delivery {

// Renders the charts while the hosts are connected and checked.
class ImagesMeanwhile {
 public:
  ImagesMeanwhile(const steps::Model& model, images::ChartRenderer& renderer, const CancelToken& cancel)
      : stop_(cancel),
        check_([&model, &renderer, token = stop_.token()] { return images::check_images(model, renderer, token); }) {
    auto thread = Thread::start([this] { found_ = check_(); });
    if (thread) thread_ = std::move(*thread);
  }
  ImagesMeanwhile(ImagesMeanwhile&&) = delete;
  ~ImagesMeanwhile() { stop_.cancel(); }  // then the thread is joined

  // Once.
  Result<std::vector<checks::Finding>> findings() {
    thread_.join();
    return found_ ? std::move(*found_) : check_();  // no thread was to be had
  }

 private:
  CancelSource stop_;
  std::function<Result<std::vector<checks::Finding>>()> check_;
  std::optional<Result<std::vector<checks::Finding>>> found_;
  Thread thread_;
};

}  // namespace sealift::delivery
