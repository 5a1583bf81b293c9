// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "runtime/images/chart_renderer.h"

namespace sealift::tests {

// Renders what the test says; without, nothing at all.
struct FakeCharts final : images::ChartRenderer {
  std::function<Result<std::string>(const images::ChartRequest&)> documents;
  std::vector<images::ChartRequest> asked;
  Bytes helm;  // the cluster's

  void use_helm(Bytes program) override { helm = std::move(program); }
  Result<std::string> render(const images::ChartRequest& request, const CancelToken&) override {
    const std::lock_guard lock(mutex_);
    asked.push_back(request);
    return documents ? documents(request) : std::string();
  }

 private:
  std::mutex mutex_;
};

}  // namespace sealift::tests
