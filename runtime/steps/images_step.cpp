// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/images_step.h"
#include "payload/base/count.h"

#include <algorithm>
#include <set>

#include "payload/base/format.h"
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
    : BasicStep("images.base",
                base::format("pull {} to start",
                             base::counted(images.size(), "image that the node needs", "images that the node needs")),
                hash::sha256(base::as_bytes(base::join(images, "\n")))),
      images_(std::move(images)) {}

Result<std::vector<std::string>> ImagesStep::missing(const engine::LookContext& context) const {
  // Names alone are not enough: an image has its name before it is unpacked. "check" fails if one of several images
  // can't be read, or if containerd does not run yet; the images it has printed by then are there.
  std::vector<std::string> check{"images", "check", "--quiet"};
  for (const auto& image : images_) check.push_back("name==" + image);
  SEALIFT_ASSIGN(const auto status, context.host.query(ctr(std::move(check), Duration{60'000}), {}, context.cancel));
  std::set<std::string> there;
  for (const auto line : base::split(status.output, '\n')) there.emplace(base::trim(line));
  std::vector<std::string> out;
  std::ranges::copy_if(images_, std::back_inserter(out),
                       [&](const std::string& image) { return !there.contains(image); });
  return out;
}

Result<engine::StepState> ImagesStep::check(const engine::LookContext& context) {
  auto left = missing(context);
  if (!left && left.error().code == ErrorCode::not_found) return engine::StepState::needed;
  if (!left) return std::unexpected(std::move(left).error());
  return left->empty() ? engine::StepState::done : engine::StepState::needed;
}

Result<void> ImagesStep::apply(engine::StepContext& context) {
  SEALIFT_ASSIGN(const auto left, missing(context.looking()));
  for (const auto& image : left) {
    SEALIFT_TRY(context.cancel.check());
    // containerd remembers a layer as unpacked forever, so its files must be on disk first. Only the client's own pull
    // ("local") ensures that; otherwise --sync-fs is accepted and ignored.
    const auto command = ctr(
        {"images", "pull", "--local", "--sync-fs", "--hosts-dir", "/etc/containerd/certs.d", image}, Duration{600'000});
    SEALIFT_TRY(context.host.announce(host::ImagePulled{image}, reason()));
    auto pulled = base::output_of(command, context.host.run(command, {}, reason(), context.cancel));
    if (!pulled) {
      Error error = std::move(pulled).error();
      // The node's mirror says so while no registry host answers it; one that restarts will.
      if (error.code == ErrorCode::command_failed && error.what.contains("503 Service Unavailable"))
        error.code = ErrorCode::unreachable;
      return fail_while(std::move(error), base::format("pulling {} on {}", image, context.host_name));
    }
  }
  return {};
}

}  // namespace sealift::steps
