// SPDX-License-Identifier: Apache-2.0
//
// Images in a store that another program keeps: that program exports each one that is asked for, as an archive, into an
// unnamed file in $TMPDIR (or /var/tmp), where it is read like any other (stored_images.h).
#pragma once

#include <memory>
#include <span>
#include <string>

#include "packer/sources/image_source.h"

namespace sealift::sources {

// Any thread, one call at a time.
class ImageStore {
 public:
  virtual ~ImageStore() = default;
  // For messages: "the Docker daemon at /var/run/docker.sock".
  virtual const std::string& place() const = 0;
  // Writes an archive with this image for these hosts. Errors: not_found with the names like it, unreachable,
  // permission_denied …; they name the store.
  virtual Result<void> save(const image::Reference& reference, std::span<const Architecture> hosts, base::Sink& sink,
                            const CancelToken& cancel) = 0;
};

std::unique_ptr<ImageSource> stored_by(std::unique_ptr<ImageStore> store);

// The daemon that $DOCKER_HOST names (unix://SOCKET), else the one at /var/run/docker.sock. Source: Docker Engine API,
// "Export an image", which is what `docker save` uses.
Result<std::unique_ptr<ImageStore>> docker_daemon();
// A namespace of the containerd that `ctr` reaches ($CONTAINERD_ADDRESS). `tools`: a folder where ctr is looked for
// before $PATH; may be empty. Errors: not_found if there is no ctr.
Result<std::unique_ptr<ImageStore>> containerd(const std::string& name_space, const std::string& tools);

// not_found: the store has no such image, but these.
std::unexpected<Error> no_such_image(const image::Reference& reference, const std::string& place,
                                     std::vector<std::string> names);

}  // namespace sealift::sources
