// SPDX-License-Identifier: Apache-2.0
//
// The part of an archive that `docker save` has always written: manifest.json with each image's configuration and
// layers, but without an image manifest. Source: Docker image specification 1.2, "Combined Image JSON + Filesystem
// Changeset Format".
#pragma once

#include <map>
#include <string>
#include <vector>

#include "packer/sources/stored_files.h"
#include "payload/image/manifest.h"

namespace sealift::sources {

struct DockerImage {
  std::string config;               // safe paths in the archive
  std::vector<std::string> layers;  // bottom first
  std::vector<std::string> tags;    // as written: "redis:7"; may be empty
};

// The images of manifest.json. invalid_input if it is not such a document.
Result<std::vector<DockerImage>> parse_docker_images(ByteView manifest_json);

struct MadeManifest {
  image::Descriptor descriptor;
  Bytes bytes;
  std::map<Digest, std::string> paths;  // where its blobs lie in the archive
};

// The OCI manifest that the image would have in a registry, the same on every run: configuration and layers byte for
// byte as they lie in the archive. An uncompressed layer has the digest that the configuration gives it (diff_ids), so
// it need not be read here; whoever stores it compares. A compressed one is read and compared with it. Errors: corrupt
// (digests, missing files), invalid_input (configuration).
Result<MadeManifest> make_manifest(const StoredFiles& files, const DockerImage& image);

}  // namespace sealift::sources
