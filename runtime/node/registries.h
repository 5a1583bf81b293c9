// SPDX-License-Identifier: Apache-2.0
//
// All registries of others that this host asks: a question goes to the first one whose pattern the image's name is
// like, and to no other. So no registry learns what another is asked for, or its login.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "payload/base/clock.h"
#include "payload/http/patience.h"
#include "runtime/node/blob_cache.h"
#include "runtime/node/blob_source.h"
#include "runtime/node/registries_config.h"

namespace sealift::node {

class Registries final : public BlobSource {
 public:
  // `cache` may be null: nothing is kept. What is in the external registry is not kept: it is the place itself.
  // `clock` must outlive this object.
  Registries(RegistriesConfig config, const std::shared_ptr<BlobCache>& cache, Clock& clock,
             const http::Patience& patience = {});

  // Errors besides those of all sources: auth_failed, untrusted. They name the registry.
  Result<std::optional<BlobInfo>> stat(const Question& question) override;
  Result<void> await(const BlobInfo& blob) override;
  Result<void> read(const BlobInfo& blob, format::ByteRange range, base::Sink& sink) override;
  void stop() override;

  // Who is asked for it, for messages: "https://harbor.example and 1 mirror"; empty: nobody.
  std::string asked_for(const Question& question) const;

 private:
  struct Registry {
    std::string match, title;
    std::unique_ptr<BlobSource> source;
  };
  const Registry* for_image(const Question& question) const;
  std::vector<Registry> registries_;
};

}  // namespace sealift::node
