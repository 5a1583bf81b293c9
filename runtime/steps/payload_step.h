// SPDX-License-Identifier: Apache-2.0
//
// Sends the payload to a registry host, frame by frame: first the metadata and the frames that the cluster itself
// needs, then (in the other lane, beside kubeadm) all the rest. Intact frames already there are not sent again. A
// control plane that is no registry host gets what helm and kubectl need there.
#pragma once

#include <functional>
#include <vector>

#include "runtime/steps/basic_step.h"
#include "runtime/steps/model.h"

namespace sealift::steps {

enum class PayloadPart {
  first,         // skeleton, and the images of the base and of the network
  rest,          // everything else that this site needs
  charts,        // the list of contents, and the files of the selected applications
  charts_alone,  // the same; what lies there besides is freed
};

class PayloadStep final : public BasicStep {
 public:
  PayloadStep(const Model& model, const Node& node, PayloadPart part);
  Result<engine::StepState> check(const engine::LookContext& context) override;
  Result<void> apply(engine::StepContext& context) override;

 private:
  std::vector<format::ByteRange> metadata_pieces() const;
  Result<std::vector<format::Frame>> wanted_frames() const;
  // What other payloads on the host have of the frames that are not there yet; true if it took any.
  Result<bool> adopt(engine::StepContext& context, const std::vector<format::Frame>& frames,
                     const host::StoreState& state);
  bool completes(const std::vector<format::Frame>& frames) const;
  Result<void> send_frames(engine::StepContext& context, const std::vector<format::Frame>& frames,
                           const std::function<bool(uint64_t)>& is_there);
  Result<void> send(engine::StepContext& context, uint64_t offset, uint64_t size, const Digest* expected);
  const Model& model_;
  std::string path_;
  PayloadPart part_;
};

// The objects of these images, for every architecture, manifests first: what pulling them requests.
std::vector<Digest> image_objects(const format::Contents& contents, const std::vector<std::string>& names);
// Images that kubeadm and the network need before anything else runs.
std::vector<std::string> first_images(const Model& model);
// All frames but those that hold nothing but images of applications that are not selected.
Result<std::vector<format::Frame>> needed_frames(const Model& model);
// Bytes that a registry host keeps of the payload.
Result<uint64_t> needed_bytes(const Model& model);

}  // namespace sealift::steps
