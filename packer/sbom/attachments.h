// SPDX-License-Identifier: Apache-2.0
//
// What came along with images (`build --referrers`): signatures, bills of materials, attestations. They are packed as
// images, under the names that the site's mirror serves them by; here they are found again, each with its image.
#pragma once

#include <string>
#include <vector>

#include "payload/format/reader.h"

namespace sealift::sbom {

struct Attachment {
  std::string of;          // the name of the image, or of the attachment, that it is about; else its digest
  std::string name;        // its own
  std::string kind;        // "signature"
  std::string media_type;  // of the document
  format::ObjectRef document;
};

struct Attachments {
  std::vector<Attachment> all;            // in the order of the images
  std::vector<std::string> other_images;  // names of images that are neither an attachment nor a list of them
};

// Errors: those of reading the payload; invalid_input for a manifest that can't be read.
Result<Attachments> attachments_of(const format::PayloadReader& payload);

}  // namespace sealift::sbom
