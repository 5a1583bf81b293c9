// SPDX-License-Identifier: Apache-2.0
//
// Images whose manifests are known: their objects are announced to the writer, fetched several at once straight to
// their places, and layers are measured. What the payload or its base has is not fetched.
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "packer/resolve/inputs.h"
#include "payload/base/cancel.h"
#include "payload/writer/writer.h"

namespace sealift::pack {

class ImagePacker {
 public:
  // Announces everything. `images` must live longer.
  ImagePacker(std::span<const resolve::ImageInput> images, writer::PayloadWriter& writer);

  // Fetches what was announced; gives what was measured. `known`: layers that need no measuring. A layer that the
  // payload holds compressed, and whose numbers nobody knows, is fetched beside `output`, into a file without a name.
  Result<std::map<Digest, format::LayerInfo>> fill(writer::PlacedPayload& payload,
                                                   const std::map<Digest, format::LayerInfo>& known,
                                                   const std::string& output, const CancelToken& cancel);

 private:
  struct Job {
    const resolve::ImageInput* image = nullptr;
    const sources::ManifestBytes* document = nullptr;  // is here already
    image::Descriptor blob;                            // else: to be fetched
    bool is_layer = false;
    bool is_wanted = false;  // its bytes, by the writer
    const Digest& digest() const { return document != nullptr ? document->digest : blob.digest; }
  };
  std::vector<Job> jobs_;  // each digest once
};

}  // namespace sealift::pack
