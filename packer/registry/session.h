// SPDX-License-Identifier: Apache-2.0
//
// What push, pull and search have in common: a registry, with the logins that are kept for it.
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "packer/registry/document.h"
#include "packer/sources/image_source.h"
#include "payload/base/cancel.h"
#include "payload/base/clock.h"
#include "payload/distribution/registry.h"

namespace sealift::registry {

class Session {
 public:
  // `registry`: "harbor.example:8443". `clock` must outlive the session. Errors: those of reading logins; usage.
  static Result<std::unique_ptr<Session>> open(const std::string& registry, const sources::RegistryOptions& options,
                                               Clock& clock);
  distribution::Registry& remote() { return *remote_; }
  // The whole document of an artifact's manifest: its configuration is fetched.
  Result<Document> document(const std::string& repository, ByteView manifest, const CancelToken& cancel);
  // A blob of a size that its descriptor has limited, compared with its digest.
  Result<Bytes> bytes(const std::string& repository, const writer::Run& run, const CancelToken& cancel);

 private:
  explicit Session(distribution::Logins logins) : logins_(std::move(logins)) {}
  distribution::Logins logins_;
  std::unique_ptr<distribution::Registry> remote_;
};

// Positions of the blobs, the largest first: they determine the total time.
template <class Blobs>
std::vector<size_t> largest_first(const Blobs& blobs) {
  std::vector<size_t> out(blobs.size());
  std::iota(out.begin(), out.end(), size_t{0});
  std::ranges::stable_sort(out, std::greater{}, [&](size_t i) { return blobs[i].size; });
  return out;
}

}  // namespace sealift::registry
