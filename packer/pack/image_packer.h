// SPDX-License-Identifier: Apache-2.0
//
// Packs images whose manifests are known: announces their objects to the writer, fetches several at once straight to
// their places, and measures layers. Objects that the payload or its base already holds are not fetched.
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "packer/resolve/inputs.h"
#include "packer/store/measured_layers.h"
#include "payload/base/cancel.h"
#include "payload/writer/writer.h"

namespace sealift::pack {

class ImagePacker {
 public:
  // Announces every object. `images` must outlive this.
  ImagePacker(std::span<const resolve::ImageInput> images, writer::PayloadWriter& writer);

  // What fill() will write, in bytes.
  struct Needs {
    uint64_t fetched = 0;
    uint64_t copied = 0;  // from `previous`: takes no room where file systems share extents
  };
  Needs needs(std::span<const format::PayloadReader* const> previous) const;

  // Fetches what was announced and returns what was measured. `known`: layers that need no measuring; `measured`: what
  // this machine remembers of others, and remembers from now on. What earlier
  // artifacts hold undamaged is taken from there, from the first that has it. A layer that the payload holds compressed
  // and that nobody has measured is fetched into an unnamed file beside `output`.
  Result<std::map<Digest, format::LayerInfo>> fill(writer::PlacedPayload& payload,
                                                   const std::map<Digest, format::LayerInfo>& known,
                                                   store::MeasuredLayers& measured,
                                                   std::span<const format::PayloadReader* const> previous,
                                                   const std::string& output, EventSink& events,
                                                   const CancelToken& cancel);

 private:
  struct Job {
    const resolve::ImageInput* image = nullptr;
    image::Descriptor blob;        // of a manifest: digest and size
    const Bytes* bytes = nullptr;  // if they are here already
    bool is_layer = false;
    bool is_wanted = false;  // the writer needs its bytes
    const Digest& digest() const { return blob.digest; }
  };
  class Filler;
  std::vector<Job> jobs_;  // each digest once
};

}  // namespace sealift::pack
