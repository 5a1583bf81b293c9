// SPDX-License-Identifier: Apache-2.0
//
// The images of an artifact: those that IMAGE lines name and those that the applications want. Adds them to Inputs and
// asks their sources for their manifests.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "packer/resolve/discover.h"
#include "packer/resolve/inputs.h"
#include "packer/resolve/kubefile.h"

namespace sealift::resolve {

class ImageLines {
 public:
  // All must outlive this.
  ImageLines(Inputs& inputs, const Request& request, Clock& clock, EventSink& events, const CancelToken& cancel)
      : inputs_(inputs), request_(request), clock_(clock), events_(events), cancel_(cancel) {}

  // An IMAGE line, or each line of its list. `reason`: the line as written.
  Result<void> take(const AddImage& line, std::string reason, const Place& place);
  // What the applications want and neither the base nor an IMAGE line brings.
  Result<void> add_wanted(std::vector<Wanted> wanted);
  // Fetches the manifests of what was added since the last call, and records the images in Inputs::contents.
  Result<void> plan();

 private:
  Result<void> add(const Word& name, sources::ImageSource* source, Origin origin);
  Result<sources::ImageSource*> source_of(const std::optional<std::string>& from);
  Result<void> plan_referrers();
  image::Reference locked(const ImageInput& image) const;
  bool is_registry(const sources::ImageSource* source) const;

  Inputs& inputs_;
  const Request& request_;
  Clock& clock_;
  EventSink& events_;
  const CancelToken& cancel_;
  size_t planned_ = 0;  // of Inputs::images
};

}  // namespace sealift::resolve
