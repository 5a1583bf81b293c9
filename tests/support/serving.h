// SPDX-License-Identifier: Apache-2.0
//
// A balancer that serves in a thread of its own during the life of this.
#pragma once

#include <thread>

#include "payload/base/cancel.h"
#include "runtime/node/balancer.h"

namespace sealift::tests {

class Serving {
 public:
  explicit Serving(node::Balancer& balancer)
      : thread_([this, &balancer] { (void)balancer.serve(600'000, cancel_.token()); }) {}
  ~Serving() {
    cancel_.cancel();
    thread_.join();
  }

 private:
  CancelSource cancel_;
  std::thread thread_;
};

}  // namespace sealift::tests
