// SPDX-License-Identifier: Apache-2.0
//
// A registry in this process: one repository of manifests and blobs, with habits of real registries that a client must
// tolerate. Records its requests. Any thread.
#pragma once

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

#include "payload/base/format.h"
#include "payload/base/text.h"
#include "payload/hash/digest.h"
#include "payload/http/server.h"
#include "payload/image/manifest.h"

namespace sealift::tests {

class RegistryServer {
 public:
  struct Habits {
    std::string authorization;      // required Authorization; empty = anybody may read
    std::string challenge;          // WWW-Authenticate of the 401; "%" is replaced by origin()
    std::string token_login;        // Authorization required by /token; empty = anybody gets a token
    std::string token;              // returned by /token
    std::string blobs_elsewhere;    // origin that blobs are redirected to
    std::atomic<int> failures = 0;  // that many requests get 503 first
    std::atomic<int> cuts = 0;      // that many blobs break off midway
    size_t cut_from = 0;            // only those of at least so many bytes
    std::string retry_after;
  };
  struct Asked {
    std::string path, authorization, range, accept;
    std::map<std::string, std::string> query;
  };

  explicit RegistryServer(std::optional<http::TlsIdentity> tls = {}) : scheme_(tls ? "https" : "http") {
    http::ServerOptions options;
    options.tls = std::move(tls);
    options.headers = {"authorization", "range", "accept"};
    auto server =
        http::Server::start(std::move(options), [this](const http::Request& request) { return answer(request); });
    if (!server) throw std::runtime_error(server.error().text());
    server_ = std::move(*server);
  }

  std::string name() const { return base::format("127.0.0.1:{}", server_->port()); }
  std::string origin() const { return scheme_ + "://" + name(); }
  std::vector<Asked> asked() {
    const std::lock_guard guard(mutex_);
    return asked_;
  }
  size_t asked_for(std::string_view part) {
    return static_cast<size_t>(
        std::ranges::count_if(asked(), [&](const Asked& item) { return item.path.contains(part); }));
  }

  Digest add_blob(std::string text) {
    const Digest digest = hash::sha256(base::as_bytes(text));
    blobs[digest.text()] = std::move(text);
    return digest;
  }
  Digest add_manifest(const std::string& tag, const std::string& text, std::string_view media_type) {
    const Digest digest = hash::sha256(base::as_bytes(text));
    manifests[tag] = manifests[digest.text()] = {text, std::string(media_type)};
    return digest;
  }

  Habits habits;
  std::string repository = "team/app";
  std::map<std::string, std::pair<std::string, std::string>> manifests;  // by tag and digest: text, media type
  std::map<std::string, std::string> blobs;
  // What refers to a digest, as indexes; without value, this registry does not know such lists.
  std::optional<std::map<std::string, std::string>> referrers;

 private:
  http::Response answer(const http::Request& request) {
    const auto header = [&](const char* name) {
      return request.headers.contains(name) ? request.headers.at(name) : std::string();
    };
    {
      const std::lock_guard guard(mutex_);
      asked_.push_back({request.path, header("authorization"), header("range"), header("accept"), request.query});
    }
    if (request.path == "/token") return token(header("authorization"));
    if (habits.failures.fetch_sub(1) > 0) {
      http::Response out{503, {}, "text/plain", "busy", {}};
      if (!habits.retry_after.empty()) out.headers["Retry-After"] = habits.retry_after;
      return out;
    }
    if (!habits.authorization.empty() && header("authorization") != habits.authorization) {
      std::string challenge = habits.challenge;
      if (const size_t at = challenge.find('%'); at != std::string::npos) challenge.replace(at, 1, origin());
      return {401,
              {{"WWW-Authenticate", challenge}},
              "application/json",
              R"({"errors":[{"code":"UNAUTHORIZED","message":"who are you"}]})",
              {}};
    }
    const std::string prefix = "/v2/" + repository + "/";
    if (request.path.starts_with(prefix + "manifests/")) return manifest(request.path.substr(prefix.size() + 10));
    if (request.path.starts_with(prefix + "blobs/")) return blob(request.path.substr(prefix.size() + 6), request.path);
    if (request.path.starts_with(prefix + "referrers/") && referrers) {
      const auto found = referrers->find(request.path.substr(prefix.size() + 10));
      return {200,
              {},
              std::string(image::kOciIndex),
              found != referrers->end() ? found->second : R"({"schemaVersion":2,"manifests":[]})",
              {}};
    }
    return missing("repository name not known to registry");
  }

  http::Response token(const std::string& authorization) const {
    if (!habits.token_login.empty() && authorization != habits.token_login)
      return {401, {}, "application/json", "{}", {}};
    return {200, {}, "application/json", base::format(R"({{"token":"{}"}})", habits.token), {}};
  }

  http::Response manifest(const std::string& reference) {
    const auto found = manifests.find(reference);
    if (found == manifests.end()) return missing("manifest unknown");
    http::Response out{200, {}, found->second.second, found->second.first, {}};
    if (!reference.starts_with("sha256:"))
      out.headers["Docker-Content-Digest"] = hash::sha256(base::as_bytes(found->second.first)).text();
    return out;
  }

  http::Response blob(const std::string& digest, const std::string& path) {
    if (!habits.blobs_elsewhere.empty())
      return {307, {{"Location", habits.blobs_elsewhere + path}}, "text/plain", "", {}};
    const auto found = blobs.find(digest);
    if (found == blobs.end()) return missing("blob unknown to registry");
    const bool cut = found->second.size() >= habits.cut_from && habits.cuts.fetch_sub(1) > 0;
    http::Response out;
    out.content_type = "application/octet-stream";
    // A copy: a test may remove the blob while a client that has hung up is still being answered.
    out.stream = http::Response::Stream{
        found->second.size(),
        [cut, text = found->second](uint64_t offset, uint64_t size, base::Sink& sink) -> Result<void> {
          const uint64_t part = cut ? size / 2 : size;
          SEALIFT_TRY(sink.write(base::as_bytes(std::string_view(text).substr(offset, part))));
          if (cut) return fail(ErrorCode::io, "cut");
          return {};
        }};
    return out;
  }

  static http::Response missing(std::string_view why) {
    return {
        404, {}, "application/json", base::format(R"({{"errors":[{{"code":"UNKNOWN","message":"{}"}}]}})", why), {}};
  }

  std::string scheme_;
  std::mutex mutex_;
  std::vector<Asked> asked_;
  std::unique_ptr<http::Server> server_;
};

}  // namespace sealift::tests
