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
  std::function<std::string(const kube::Patch&, const std::string& object)> patched;  // else objects stay as they are
  Bytes helm;                                                                         // the cluster's

  void use(images::Tool tool, Bytes program) override {
    if (tool == images::Tool::helm) helm = std::move(program);
  }
  Result<std::string> patch(const std::string& manifests, const std::string& target_namespace,
                            const std::vector<kube::Patch>& patches, const CancelToken&) override {
    return kube::patch_objects(manifests, target_namespace, patches, [&](size_t i, const std::string& object) {
      return Result<std::string>(patched ? patched(patches[i], object) : object);
    });
  }
  Result<std::string> render(const images::ChartRequest& request, const CancelToken&) override {
    const std::lock_guard lock(mutex_);
    asked.push_back(request);
    return documents ? documents(request) : std::string();
  }

 private:
  std::mutex mutex_;
};

}  // namespace sealift::tests
