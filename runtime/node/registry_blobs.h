// SPDX-License-Identifier: Apache-2.0
//
// Images in a registry of others and its mirrors, each asked with its own login: a login is sent to its own place
// alone. It knows neither what is kept of it on this host nor other registries.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "payload/base/cancel.h"
#include "payload/base/clock.h"
#include "payload/distribution/registry.h"
#include "runtime/node/blob_source.h"
#include "runtime/node/registries_config.h"

namespace sealift::node {

class RegistryBlobs final : public BlobSource {
 public:
  // How a place calls an image: by its repository, or, if it holds those of all registries, by
  // image::external_repository().
  enum class Names : uint8_t { repository, external };
  // The first place is the registry itself; the others are asked if those before them don't answer. `clock` must
  // outlive this object. `patience`: of requests for blobs; manifests are asked for more briefly.
  RegistryBlobs(std::vector<RegistryPlace> places, Names names, Clock& clock, const http::Patience& patience);
  ~RegistryBlobs() override;

  // Asks each time, with a GET for manifests. Errors besides those of all sources: auth_failed, untrusted.
  Result<std::optional<BlobInfo>> stat(const Question& question) override;
  Result<void> await(const BlobInfo& blob) override;  // does nothing
  // If a place stops midway, the next one continues.
  Result<void> read(const BlobInfo& blob, format::ByteRange range, base::Sink& sink) override;
  void stop() override { stopped_.cancel(); }

  Result<std::optional<distribution::RemoteManifest>> manifest(const Question& question);
  std::string title() const;  // "https://harbor.example and 1 mirror", for messages

 private:
  struct Place;
  template <class T>
  Result<std::optional<T>> ask(const Question& question,
                               const std::function<Result<T>(Place&, const std::string& repository)>& one);
  Result<distribution::RemoteManifest> manifest_at(Place& place, const std::string& repository,
                                                   const std::string& reference);
  Result<distribution::RemoteManifest> index_beside(Place& place, const std::string& repository,
                                                    const std::string& reference);
  Result<void> read_manifest(const BlobInfo& blob, base::Sink& sink);
  std::optional<std::string> repository_at(const Place& place, const Question& question) const;
  std::optional<Error> silence_of(Place& place);
  Error heard(Place& place, const Question& question, Error error);

  const Names names_;
  Clock& clock_;
  CancelSource stopped_;
  std::vector<std::unique_ptr<Place>> places_;
  std::mutex mutex_;  // what is known of the places' silence
};

}  // namespace sealift::node
