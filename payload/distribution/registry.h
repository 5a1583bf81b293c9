// SPDX-License-Identifier: Apache-2.0
//
// Reads from a container registry: manifests with their exact bytes, blobs as streams, everything checked against its
// digest. Follows redirects, answers challenges, retries what may pass, resumes interrupted blobs. Source: OCI
// distribution specification 1.1.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "payload/base/cancel.h"
#include "payload/base/stream.h"
#include "payload/distribution/credentials.h"
#include "payload/distribution/endpoint.h"
#include "payload/hash/digest.h"
#include "payload/http/patience.h"

namespace sealift::distribution {

struct RemoteManifest {
  std::string media_type;  // as sent by the registry; may be empty
  Digest digest;
  Bytes bytes;
};

using http::Patience;

// Any thread; concurrent requests use several connections.
class Registry {
 public:
  // `logins` and `clock` must outlive the registry.
  static Result<std::unique_ptr<Registry>> open(const std::string& registry, const EndpointOptions& options,
                                                const Logins& logins, Clock& clock, const Patience& patience = {});
  ~Registry();

  // Errors of both: not_found, auth_failed, unreachable, timeout, untrusted, protocol, corrupt (digest mismatch),
  // limit_exceeded, cancelled; they name the registry and the object.
  Result<RemoteManifest> manifest(const std::string& repository, const std::string& tag, const CancelToken& cancel);
  Result<RemoteManifest> manifest(const std::string& repository, const Digest& digest, const CancelToken& cancel);
  // What refers to this manifest, as one index; nullopt if the registry has no such list (many keep a tag instead, see
  // image::is_referrer_tag). Several pages are joined into one index.
  Result<std::optional<RemoteManifest>> referrers(const std::string& repository, const Digest& subject,
                                                  const CancelToken& cancel);
  // The bytes from `begin` on, which is 0 or less than `size`. Only a whole blob is compared with its digest here; who
  // asks for a part compares the whole. After `corrupt`, the bytes that the sink received are worthless; after other
  // errors they are its next ones.
  Result<void> blob(const std::string& repository, const Digest& digest, uint64_t size, uint64_t begin,
                    base::Sink& sink, const CancelToken& cancel);

 private:
  struct State;
  explicit Registry(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace sealift::distribution
