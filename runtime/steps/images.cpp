// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/images.h"

#include <algorithm>
#include <set>

#include "payload/base/text.h"

namespace sealift::steps {
namespace {

constexpr auto kEveryNode = std::to_array<std::string_view>({"sandbox", "kube-proxy", "coredns"});

base::Command ctr(std::vector<std::string> arguments, Duration timeout) {
  base::Command out{{"ctr", "--namespace", "k8s.io"}, {}, "/", timeout};
  out.argv.insert(out.argv.end(), arguments.begin(), arguments.end());
  return out;
}

}  // namespace

std::vector<std::string> base_images(const Model& model, const Node& node) {
  std::vector<std::string> out;
  for (const auto& [role, image] : model.base.images) {
    if (node.is_control_plane() || std::ranges::contains(kEveryNode, role)) out.push_back(image);
  }
  return out;
}

ImagesStep::ImagesStep(std::vector<std::string> images)
    : BasicStep("images.base", std::format("pull {} images that the node needs to start", images.size()),
                hash::sha256(base::as_bytes(base::join(images, "\n")))),
      images_(std::move(images)) {}

Result<std::vector<std::string>> ImagesStep::missing(engine::StepContext& context) const {
  SEALIFT_ASSIGN(const auto status, context.host.query(ctr({"images", "ls", "-q"}, Duration{60'000}), {}, context.cancel));
  // containerd does not run yet, or its program is not there: nothing is pulled.
  if (!status.ok()) return images_;
  std::set<std::string> there;
  for (const auto line : base::split(status.output, '\n')) there.emplace(base::trim(line));
  std::vector<std::string> out;
  std::ranges::copy_if(images_, std::back_inserter(out), [&](const std::string& image) { return !there.contains(image); });
  return out;
}

Result<engine::StepState> ImagesStep::check(engine::StepContext& context) {
  auto left = missing(context);
  if (!left && left.error().code == ErrorCode::not_found) return engine::StepState::needed;
  if (!left) return std::unexpected(std::move(left).error());
  return left->empty() ? engine::StepState::done : engine::StepState::needed;
}

Result<void> ImagesStep::apply(engine::StepContext& context) {
  SEALIFT_ASSIGN(const auto left, missing(context));
  for (const auto& image : left) {
    SEALIFT_TRY(context.cancel.check());
    const auto command = ctr({"images", "pull", "--hosts-dir", "/etc/containerd/certs.d", image}, Duration{600'000});
    SEALIFT_ASSIGN(const auto status, context.host.run(command, {}, reason(), context.cancel));
    if (!status.ok()) return fail_while(base::command_error(command, status), std::format("pulling {} on {}", image, context.host_name));
  }
  return {};
}

}  // namespace sealift::steps
