// SPDX-License-Identifier: Apache-2.0
//
// IMAGE lines: finds the images, fetches what the payload does not have yet, several blobs at once, and packs it.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>

#include "packer/pack/build.h"
#include "packer/resolve/kubefile.h"
#include "packer/sources/image_source.h"

namespace sealift::pack {

class ImagePacker {
 public:
  // All must live longer.
  ImagePacker(const BuildOptions& options, Clock& clock, EventSink& events) : options_(options), clock_(clock), events_(events) {}

  // Lines that follow each other are carried out together. Images of the same name are replaced.
  Result<void> pack(std::span<const resolve::Instruction> lines, writer::PayloadWriter& writer, format::Contents& contents, const CancelToken& cancel);

 private:
  struct Batch;
  Result<sources::ImageSource*> source_for(const resolve::Instruction& line);
  Result<void> plan(Batch& batch, const CancelToken& cancel);
  Result<void> fetch(Batch& batch, writer::PayloadWriter& writer, format::Contents& contents, const CancelToken& cancel);

  const BuildOptions& options_;
  Clock& clock_;
  EventSink& events_;
  std::map<std::string, std::unique_ptr<sources::ImageSource>> sources_;  // by folder; "" = registries
};

}  // namespace sealift::pack
