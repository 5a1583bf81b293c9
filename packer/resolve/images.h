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
#include "packer/resolve/problems.h"

namespace sealift::resolve {

class ImageLines {
 public:
  // All must outlive this.
  ImageLines(Inputs& inputs, const Request& request, BuildContext& context, Clock& clock, EventSink& events,
             const CancelToken& cancel)
      : inputs_(inputs), request_(request), context_(context), clock_(clock), events_(events), cancel_(cancel) {}

  // An IMAGE line, or each line of its list. `reason`: the line as written.
  Result<void> take(const AddImage& line, std::string reason, const Place& place);
  // Opens what --images names, whether anything needs it or not. Errors: those of open_source().
  Result<void> open_given();
  // What the applications want and neither the base nor an IMAGE line brings.
  Result<void> add_wanted(std::vector<Wanted> wanted);
  // Fetches the manifests of what was added since the last call, and records the images in Inputs::contents. What can't
  // be had is noted, and the others are looked for; but nothing more is asked once a source does not answer. Errors:
  // cancelled; those of referrers.
  Result<void> plan();
  // What can't be had of all that was planned, in the order of the Kubefile's lines.
  void tell(Problems& problems);

 private:
  Result<void> add(const Word& name, sources::ImageSource* source, Origin origin, int line);
  Result<void> plan(ImageInput& image, const CancelToken& stop) const;
  void record();
  Result<sources::ImageSource*> source_of(const std::optional<std::string>& from);
  Result<void> plan_referrers();
  image::Reference locked(const ImageInput& image) const;
  bool is_registry(const sources::ImageSource* source) const;

  Inputs& inputs_;
  const Request& request_;
  BuildContext& context_;
  Clock& clock_;
  EventSink& events_;
  const CancelToken& cancel_;
  size_t planned_ = 0;                         // of Inputs::images
  std::vector<std::pair<int, Error>> failed_;  // with the line of the Kubefile
};

}  // namespace sealift::resolve
