// SPDX-License-Identifier: Apache-2.0
//
// From a URL to a verified file on this machine: follows redirects, retries what may pass, resumes what broke off
// (also in an earlier run), computes the digest while the bytes come. Knows nothing of what the files are.
#pragma once

#include <optional>
#include <string>

#include "packer/downloads/cache.h"
#include "payload/base/cancel.h"
#include "payload/distribution/endpoint.h"
#include "payload/http/patience.h"

namespace sealift::downloads {

struct Options {
  std::string folder;  // of the cache, see default_folder()
  // Hosts without TLS and hosts that others stand in for, by "host" or "host:port". A mirror's path is put before the
  // URL's.
  distribution::EndpointOptions endpoints;
  http::Patience patience;
};

struct Wanted {
  std::string url;
  std::optional<Digest> digest;  // if it is known: then a file of the cache will do, and no other bytes are accepted
  uint64_t limit = uint64_t{64} << 30;
};

// A URL for messages: its query may be a signature.
std::string without_query(std::string_view url);
// The last part of its path, as it is written: "x.tgz". May be empty.
std::string file_name(std::string_view url);

// Any thread.
class Downloads {
 public:
  // `clock` must outlive it.
  Downloads(Options options, Clock& clock) : options_(std::move(options)), cache_(options_.folder), clock_(clock) {}

  const Cache& cache() const { return cache_; }
  // The file with this content, in the cache. HTTP without TLS only from this machine and from hosts named in the
  // options. Errors: invalid_input (no such URL), not_found, auth_failed, unreachable, timeout, untrusted, protocol,
  // corrupt (another digest; the text names both), limit_exceeded, cancelled, those of storing it. Whatever happens,
  // only whole files with their digest get into the cache.
  Result<CachedFile> get(const Wanted& wanted, const CancelToken& cancel);

 private:
  Options options_;
  Cache cache_;
  Clock& clock_;
};

}  // namespace sealift::downloads
