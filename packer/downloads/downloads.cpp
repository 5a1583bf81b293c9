// SPDX-License-Identifier: Apache-2.0
#include "packer/downloads/downloads.h"

#include <map>

#include "packer/downloads/part.h"
#include "payload/base/format.h"
#include "payload/base/retry.h"
#include "payload/base/text.h"
#include "payload/distribution/connection_pool.h"
#include "payload/http/pace.h"

namespace sealift::downloads {
namespace {

constexpr int kMaxRedirects = 8;

// What names the host of a URL in the options: "host:port" always, "host" for the usual port.
std::vector<std::string> names_of(const http::Origin& origin) {
  std::vector<std::string> out{base::format("{}:{}", origin.host, origin.port)};
  if (origin.port == (origin.scheme == "https" ? 443 : 80)) out.push_back(origin.host);
  return out;
}

// What this version of the file is called, for If-Range: a strong ETag, else a date (RFC 9110, section 13.1.5).
std::string version_of(const http::Reply& head) {
  for (const auto* name : {"etag", "last-modified"}) {
    const auto found = head.headers.find(name);
    if (found != head.headers.end() && !found->second.starts_with("W/")) return found->second;
  }
  return {};
}

// One download, over as many requests as it takes.
class Transfer {
 public:
  Transfer(const Wanted& wanted, const Options& options, distribution::Endpoint endpoint, Part part)
      : wanted_(wanted),
        options_(options),
        endpoint_(std::move(endpoint)),
        connections_(endpoint_),
        part_(std::move(part)) {}

  Result<CachedFile> run(const http::Url& url, const Cache& cache, Clock& clock, const CancelToken& cancel) {
    for (;;) {
      SEALIFT_TRY(receive(url, clock, cancel));
      SEALIFT_ASSIGN(const auto digest, part_.finish());
      if (!wanted_.digest || digest == *wanted_.digest) {
        return cache.adopt(part_.release(), digest, part_.size());
      }
      if (!resumed_) {
        part_.remove();
        return fail(ErrorCode::corrupt, "{} has the digest {}, not {}", shown(), digest.text(), wanted_.digest->text());
      }
      // What was here may have been another version of the file.
      SEALIFT_TRY(part_.restart({}));
      resumed_ = false;
    }
  }

  static std::string key_of(const Wanted& wanted) {
    return hash::sha256(base::as_bytes(wanted.url + (wanted.digest ? " " + wanted.digest->text() : ""))).hex();
  }

 private:
  std::string shown() const { return base::printable(without_query(wanted_.url)); }

  // Whether the next bytes are sure to belong to those that are here.
  bool can_go_on() const { return part_.size() > 0 && (wanted_.digest || !part_.version().empty()); }

  // Until the body has come to its end.
  Result<void> receive(const http::Url& url, Clock& clock, const CancelToken& cancel) {
    http::Attempts attempts(options_.patience, clock, part_.size());
    for (;;) {
      SEALIFT_TRY(cancel.check());
      if (!can_go_on() && part_.size() > 0) SEALIFT_TRY(part_.restart({}));
      auto reply = through(url, clock, cancel);
      if (reply && (reply->status == 200 || reply->status == 206)) return {};
      if (reply && reply->status == 416 && part_.size() > 0) {  // nothing is left, or it has become shorter
        if (wanted_.digest && !resumed_) {
          resumed_ = true;
          return {};
        }
        SEALIFT_TRY(part_.restart({}));
        continue;
      }
      Error error = reply ? error_of(*reply) : reply.error();
      const auto wait = attempts.next(error, reply ? &*reply : nullptr, part_.size());
      if (!wait) return reply ? fail(std::move(error)) : fail_while(std::move(error), "downloading " + shown());
      SEALIFT_TRY(base::pause(clock, *wait, cancel));
    }
  }

  // One attempt: follows redirects to a response that is none.
  Result<http::Reply> through(http::Url url, Clock& clock, const CancelToken& cancel) {
    for (int hop = 0; hop <= kMaxRedirects; ++hop) {
      SEALIFT_TRY(check_transport(url.origin));
      SEALIFT_ASSIGN(auto client, connections_.take(url.origin));
      std::map<std::string, std::string> headers{{"Accept-Encoding", "identity"}};  // the digest is of the file itself
      if (can_go_on()) {
        headers["Range"] = base::format("bytes={}-", part_.size());
        if (!part_.version().empty()) headers["If-Range"] = part_.version();
      }
      base::FunctionSink bytes([&](ByteView data) { return write(data, cancel); });
      http::PacedSink body(bytes, url.origin.text(), options_.patience, clock);
      SEALIFT_ASSIGN(auto reply,
                     client->get_to(url.target, headers, body, [&](const http::Reply& head) { return begin(head); }));
      connections_.give_back(std::move(client));
      if (!http::is_redirect(reply.status)) return reply;
      SEALIFT_ASSIGN(url, http::follow_redirect(url, reply));
    }
    return fail(ErrorCode::protocol, "{} redirects too often", endpoint_.origin.text());
  }

  Result<void> check_transport(const http::Origin& origin) const {
    if (origin.scheme == "https" || origin == endpoint_.origin || distribution::is_loopback(origin.host)) return {};
    for (const auto& name : names_of(origin)) {
      if (options_.endpoints.plain_http.contains(name)) return {};
    }
    return fail(ErrorCode::untrusted, "{} leads to {}, without TLS: refused", shown(), origin.text());
  }

  Result<void> begin(const http::Reply& head) {
    if (head.status != 200 && head.status != 206) return {};
    SEALIFT_TRY(http::check_part(head, part_.size()));
    const auto length = head.headers.find("content-length");
    if (head.status == 206) {
      resumed_ = true;
    } else {
      // Without a length or chunks the end of the connection is the end of the file, also when it was cut.
      if (!wanted_.digest && length == head.headers.end() && !head.headers.contains("transfer-encoding"))
        return fail(ErrorCode::protocol,
                    "{} does not say how long {} is, so nobody can tell whether all of it came; give its digest",
                    endpoint_.origin.text(), shown());
      SEALIFT_TRY(part_.restart(version_of(head)));
      resumed_ = false;
    }
    const auto rest = length == head.headers.end() ? std::nullopt : base::parse_u64(length->second);
    if (rest && (*rest > wanted_.limit || part_.size() > wanted_.limit - *rest)) return too_large();
    return {};
  }

  Result<void> write(ByteView data, const CancelToken& cancel) {
    SEALIFT_TRY(cancel.check());
    if (data.size() > wanted_.limit - part_.size()) return too_large();
    return part_.append(data);
  }

  std::unexpected<Error> too_large() {
    part_.remove();
    return fail(ErrorCode::limit_exceeded, "{} is larger than {}", shown(), base::human_bytes(wanted_.limit));
  }

  Error error_of(const http::Reply& reply) const {
    const auto& proxy = endpoint_.client.proxy;
    const std::string who =
        endpoint_.origin.text() + (proxy ? base::format(" (through the proxy {})", proxy->origin.text()) : "");
    const auto answers = base::format("{} answers {} for {}", who, reply.status, shown());
    switch (reply.status) {
      case 404:
      case 410: return {ErrorCode::not_found, base::format("{} has no {}", who, shown()), {}};
      case 401:
      case 403: return {ErrorCode::auth_failed, answers + "; files are downloaded without a login", {}};
      case 429: return {ErrorCode::unreachable, answers + ", too many requests; try again later", {}};
      default: return {reply.status >= 500 ? ErrorCode::unreachable : ErrorCode::protocol, answers, {}};
    }
  }

  const Wanted& wanted_;
  const Options& options_;
  distribution::Endpoint endpoint_;
  distribution::Connections connections_;
  Part part_;
  bool resumed_ = false;  // bytes of more than one response
};

// The URL to ask, with how to reach it.
Result<std::pair<http::Url, distribution::Endpoint>> reach(const std::string& text, const Options& options) {
  SEALIFT_ASSIGN(auto url, http::parse_url(text));
  distribution::Endpoint out;
  bool replaced = false;
  for (const auto& name : names_of(url.origin)) {
    const auto mirror = options.endpoints.mirrors.find(name);
    if (mirror == options.endpoints.mirrors.end() || replaced) continue;
    std::string path = mirror->second.target;
    while (path.ends_with('/')) path.pop_back();
    url = {mirror->second.origin, path + url.target};
    replaced = true;
  }
  const auto names = names_of(url.origin);
  bool plain = replaced || distribution::is_loopback(url.origin.host);
  for (const auto& name : names) plain = plain || options.endpoints.plain_http.contains(name);
  if (url.origin.scheme == "http" && !plain)
    return fail(ErrorCode::untrusted,
                "{} would be downloaded without TLS; write https://, or allow it with --plain-http {}",
                base::printable(without_query(text)), names.back());
  out.registry = url.origin.host;
  out.origin = url.origin;
  for (const auto& name : names) {
    SEALIFT_ASSIGN(const bool found, distribution::add_certificates(name, out.client));
    if (found) break;
  }
  SEALIFT_ASSIGN(out.client.proxy, http::proxy_from_environment(url.origin));
  return std::pair(std::move(url), std::move(out));
}

}  // namespace

std::string without_query(std::string_view url) { return std::string(url.substr(0, url.find_first_of("?#"))); }

std::string file_name(std::string_view url) {
  const auto path = without_query(url);
  const size_t host = path.find("://") + 3, slash = path.rfind('/');
  return slash == std::string::npos || slash < host ? "" : path.substr(slash + 1);
}

Result<CachedFile> Downloads::get(const Wanted& wanted, const CancelToken& cancel) {
  if (wanted.digest) {
    if (auto there = cache_.find(*wanted.digest)) return std::move(*there);
  }
  SEALIFT_ASSIGN(auto reached, reach(wanted.url, options_));
  SEALIFT_ASSIGN(const auto folder, cache_.parts());
  SEALIFT_ASSIGN(auto part, Part::open(folder, Transfer::key_of(wanted)));
  Transfer transfer(wanted, options_, std::move(reached.second), std::move(part));
  return transfer.run(reached.first, cache_, clock_, cancel);
}

}  // namespace sealift::downloads
