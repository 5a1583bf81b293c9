// SPDX-License-Identifier: Apache-2.0
//
// Images in files: an OCI layout, or what `docker save` writes, in a folder or an archive. An archive with both parts
// counts as a layout; its manifest.json only adds images that the layout does not name.
#pragma once

#include "packer/sources/image_source.h"
#include "packer/sources/stored_files.h"

namespace sealift::sources {

Result<std::unique_ptr<ImageSource>> open_stored_images(std::unique_ptr<StoredFiles> files, Names names);

}  // namespace sealift::sources
