// SPDX-License-Identifier: Apache-2.0
//
// A container registry: manifests with their exact bytes, blobs as streams, everything checked against its digest.
// Follows redirects, answers challenges, retries what may pass, resumes interrupted blobs in both directions. Source:
// OCI distribution specification 1.1.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

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

class Requests;

// Whether a blob's bytes are compared with its digest while they come.
enum class Compare { here, by_caller };

// A blob to be sent.
struct Upload {
  Digest digest;
  uint64_t size = 0;  // bytes
  // Fills the buffer from `offset` on; may be asked for the same bytes again.
  std::function<Result<void>(uint64_t offset, std::span<std::byte> buffer)> read;
};

// What became of an upload.
enum class Sent {
  whole,
  was_there,  // the repository had it
  mounted,    // the registry took it from another repository of its own
};

// Any thread; concurrent requests use several connections.
class Registry {
 public:
  // `logins` and `clock` must outlive the registry.
  static Result<std::unique_ptr<Registry>> open(const std::string& registry, const EndpointOptions& options,
                                                const Logins& logins, Clock& clock, const Patience& patience = {});
  // At a place that is known exactly: neither this machine's certificates nor its proxies are looked for.
  static std::unique_ptr<Registry> at(Endpoint endpoint, const Logins& logins, Clock& clock,
                                      const Patience& patience = {});
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
                    base::Sink& sink, const CancelToken& cancel, Compare compare = Compare::here);
  // In bytes.
  Result<uint64_t> blob_size(const std::string& repository, const Digest& digest, const CancelToken& cancel);
  // Sorted as the registry sends them. not_found if it has no such repository.
  Result<std::vector<std::string>> tags(const std::string& repository, const CancelToken& cancel);
  // All that this login may see; many registries refuse the question.
  Result<std::vector<std::string>> repositories(const CancelToken& cancel);

  // Sends a blob that the repository lacks. `other`: a repository of the same registry that may have it; may be empty.
  // Errors besides those above: no_space (a quota), corrupt (other bytes came than the digest says), those of read().
  Result<Sent> push_blob(const std::string& repository, const Upload& upload, const std::string& other,
                         const CancelToken& cancel);
  // Under a tag, or under its digest if `tag` is empty. What it names must be there.
  Result<void> push_manifest(const std::string& repository, const std::string& tag, const RemoteManifest& manifest,
                             const CancelToken& cancel);
  // Whether the registry takes the login that there is for it: auth_failed if not.
  Result<void> check_login(const CancelToken& cancel);

 private:
  explicit Registry(std::unique_ptr<Requests> requests);
  Result<std::vector<std::string>> list(std::string target, const std::string& what, const std::string& repository,
                                        std::string_view key, const CancelToken& cancel);
  std::unique_ptr<Requests> requests_;
};

}  // namespace sealift::distribution
