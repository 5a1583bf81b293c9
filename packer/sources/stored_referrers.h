// SPDX-License-Identifier: Apache-2.0
//
// Stored manifests that refer to another one (their "subject"), as the list that a registry would give.
#pragma once

#include <map>
#include <span>

#include "packer/sources/image_source.h"
#include "packer/sources/stored_files.h"

namespace sealift::sources {

// By subject: an index of what refers to it, made here in the order of `entries`, those of the layout's own index.
// Entries that are no readable manifests refer to nothing.
Result<std::map<Digest, ManifestBytes>> stored_referrers(const StoredFiles& files,
                                                         std::span<const image::Descriptor> entries);

}  // namespace sealift::sources
