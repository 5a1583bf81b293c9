// SPDX-License-Identifier: Apache-2.0
//
// Reading from a container registry: manifests with their exact bytes, blobs as streams, everything checked against its
// digest. Follows redirects, answers challenges, repeats what may pass, takes up broken blobs where they broke off.
// Source: OCI distribution specification 1.1.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "payload/base/cancel.h"
#include "payload/base/stream.h"
#include "payload/distribution/credentials.h"
#include "payload/distribution/endpoint.h"
#include "payload/hash/digest.h"

namespace sealift::distribution {

struct RemoteManifest {
  std::string media_type;  // as the registry says; may be empty
  Digest digest;
  Bytes bytes;
};

struct Patience {
  unsigned attempts = 5;           // of each request, for what may pass: no connection, 429, 5xx
  Duration first_pause{1'000};     // doubles each time
  Duration longest_pause{30'000};  // also the most that Retry-After is followed
};

// Any thread; several requests at once use several connections.
class Registry {
 public:
  // `logins` and `clock` must live longer.
  static Result<std::unique_ptr<Registry>> open(const std::string& registry, const EndpointOptions& options,
                                                const Logins& logins, Clock& clock, const Patience& patience = {});
  ~Registry();

  // Errors of both: not_found, auth_failed, unreachable, timeout, untrusted, protocol, corrupt (other bytes than the
  // digest says), limit_exceeded, cancelled; they name the registry and what was asked for.
  Result<RemoteManifest> manifest(const std::string& repository, const std::string& tag, const CancelToken& cancel);
  Result<RemoteManifest> manifest(const std::string& repository, const Digest& digest, const CancelToken& cancel);
  // What the sink got before an error is worthless.
  Result<void> blob(const std::string& repository, const Digest& digest, uint64_t size, base::Sink& sink,
                    const CancelToken& cancel);

 private:
  struct State;
  explicit Registry(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace sealift::distribution
