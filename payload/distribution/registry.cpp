// SPDX-License-Identifier: Apache-2.0
#include "payload/distribution/registry.h"

#include <algorithm>
#include <set>

#include "payload/base/retry.h"
#include "payload/base/text.h"
#include "payload/distribution/authorizer.h"
#include "payload/distribution/connection_pool.h"
#include "payload/http/pace.h"
#include "payload/image/manifest.h"
#include "payload/json/value.h"

namespace sealift::distribution {
namespace {

constexpr int kMaxPages = 32;
constexpr int kMaxHops = 8;  // redirects and challenges per request
using http::kProgress;

using Headers = std::map<std::string, std::string>;

// The registry's own error message: {"errors": [{"code", "message"}]}.
std::string reason_of(const http::Reply& reply) {
  const auto document = json::parse(reply.text);
  const auto* errors = document ? document->find("errors") : nullptr;
  if (errors == nullptr || !errors->is_array() || errors->elements()->empty()) return {};
  const auto& first = errors->elements()->front();
  return std::format(" ({})", base::printable(first.text_or("message", first.text_or("code", "no reason"))));
}

// A request as the caller sees it, whatever hosts it passes through.
struct Ask {
  std::string what;  // for messages: "docker.io/library/redis:7"
  std::string repository, target;
  Headers headers;
  base::Sink* sink = nullptr;
  std::function<Result<void>(const http::Reply&)> on_head;
  std::vector<int> absent = {};  // statuses that are answers, not errors
};

// Link: </v2/…?last=…>; rel="next"
std::optional<http::Url> next_page(const http::Url& page, const http::Reply& reply) {
  const auto link = reply.headers.find("link");
  if (link == reply.headers.end() || !link->second.contains("rel=\"next\"")) return {};
  const size_t begin = link->second.find('<'), end = link->second.find('>');
  if (begin == std::string::npos || end == std::string::npos || end < begin) return {};
  auto url = http::resolve_url(page, std::string_view(link->second).substr(begin + 1, end - begin - 1));
  return url ? std::optional(std::move(*url)) : std::nullopt;
}

// Receives exactly one blob, or what follows its first `begin` bytes, over several responses if connections break.
class BlobReceiver {
 public:
  BlobReceiver(const Digest& digest, uint64_t size, uint64_t begin, base::Sink& sink, const CancelToken& cancel)
      : digest_(digest), size_(size), is_whole_(begin == 0), sink_(sink), cancel_(cancel), received_(begin) {}

  uint64_t received() const { return received_; }
  // Called for each response: a 206 must continue where the last one broke off; a full body is skipped up to there.
  Result<void> begin(const http::Reply& head) {
    if (const auto encoding = head.headers.find("content-encoding"); encoding != head.headers.end())
      encoding_ = encoding->second;
    skip_ = head.status == 206 ? 0 : received_;
    return http::check_part(head, received_);
  }
  Result<void> write(ByteView data) {
    SEALIFT_TRY(cancel_.check());
    const size_t old = std::min<uint64_t>(skip_, data.size());
    skip_ -= old;
    data = data.subspan(old);
    if (data.size() > size_ - received_)
      return fail(ErrorCode::corrupt, "more than the {} bytes that the manifest says{}", size_, hint());
    if (is_whole_) hasher_.update(data);
    SEALIFT_TRY(sink_.write(data));
    received_ += data.size();
    return {};
  }
  Result<void> finish() {
    if (!is_whole_) return {};
    const Digest found = hasher_.finish();
    if (found != digest_)
      return fail(ErrorCode::corrupt, "other bytes than their digest says: {}{}", found.text(), hint());
    return {};
  }
  // Registries may label blobs that are stored compressed, so the label alone is no error.
  std::string hint() const {
    if (encoding_.empty() || encoding_ == "identity") return {};
    return std::format(" (sent with Content-Encoding: {}, which was not asked for; a proxy in between may do this)",
                       base::printable(encoding_));
  }

 private:
  const Digest& digest_;
  uint64_t size_;
  bool is_whole_;
  base::Sink& sink_;
  const CancelToken& cancel_;
  hash::Sha256 hasher_;
  uint64_t received_, skip_ = 0;
  std::string encoding_;
};

}  // namespace

struct Registry::State {
  State(Endpoint reached, const Logins& logins, Clock& its_clock, const Patience& its_patience)
      : endpoint(std::move(reached)),
        connections(endpoint),
        authorizer(endpoint, logins, connections),
        clock(its_clock),
        patience(its_patience) {}

  Endpoint endpoint;
  Connections connections;
  Authorizer authorizer;
  Clock& clock;
  Patience patience;

  Result<http::Reply> send(const http::Url& url, const Ask& ask, const Secret& authorization) {
    SEALIFT_ASSIGN(auto client, connections.take(url.origin));
    Headers headers = ask.headers;
    headers["Accept-Encoding"] = "identity";  // digests are of the bytes as stored
    if (!authorization.empty()) headers["Authorization"] = authorization.reveal();
    base::MemorySink text(image::kMaxManifestBytes);
    http::PacedSink body(ask.sink != nullptr ? *ask.sink : text, url.origin.text(), patience, clock);
    auto reply = client->get_to(url.target, headers, body, [&](const http::Reply& head) -> Result<void> {
      return ask.on_head && (head.status == 200 || head.status == 206) ? ask.on_head(head) : Result<void>{};
    });
    if (!reply) return reply;
    connections.give_back(std::move(client));
    if (ask.sink == nullptr && reply->status == 200) reply->text = base::as_text(text.data());
    return reply;
  }

  // One attempt: follows redirects and challenges to a response that is neither.
  Result<http::Reply> through(const Ask& ask) {
    http::Url url{endpoint.origin, ask.target};
    std::set<std::string> answered;  // hosts whose challenge has been answered
    for (int hop = 0; hop < kMaxHops; ++hop) {
      const Secret authorization = authorizer.known(url.origin, ask.repository);
      SEALIFT_ASSIGN(auto reply, send(url, ask, authorization));
      if (reply.status == 401 && reply.headers.contains("www-authenticate")) {
        if (!answered.insert(url.origin.text()).second) {
          return fail(
              ErrorCode::auth_failed,
              "{} takes neither the token nor the login for it{}; log in again (`docker login {}` or the like), or check the rights",
              url.origin.text(), reason_of(reply), endpoint.registry);
        }
        SEALIFT_TRY(authorizer.answer(url.origin, ask.repository, reply.headers.at("www-authenticate"), authorization));
      } else if (http::is_redirect(reply.status)) {
        SEALIFT_ASSIGN(url, http::follow_redirect(url, reply));
      } else {
        return reply;
      }
    }
    return fail(ErrorCode::protocol, "{} redirects too often", endpoint.origin.text());
  }

  Error error_of(const http::Reply& reply, const Ask& ask) const {
    // What a proxy answers looks like the registry's own answer.
    const auto& proxy = endpoint.client.proxy;
    const std::string where =
        endpoint.origin.text() + (proxy ? std::format(" (through the proxy {})", proxy->origin.text()) : "");
    switch (reply.status) {
      case 404: return {ErrorCode::not_found, std::format("{} has no {}{}", where, ask.what, reason_of(reply)), {}};
      case 401:
      case 403:
        return {ErrorCode::auth_failed,
                std::format("{} refuses {}{}; log in (`docker login {}` or the like), or check the rights", where,
                            ask.what, reason_of(reply), endpoint.registry),
                {}};
      case 429:
        return {ErrorCode::unreachable,
                std::format("{} answers 429, too many requests, for {}{}; try again later", where, ask.what,
                            reason_of(reply)),
                {}};
      default: break;
    }
    return {reply.status >= 500 ? ErrorCode::unreachable : ErrorCode::protocol,
            std::format("{} answers {} for {}{}", where, reply.status, ask.what, reason_of(reply)),
            {}};
  }

  // Calls `next` for each attempt: the request says where the body continues. `received` counts what has come of it.
  Result<http::Reply> patiently(const std::function<Ask()>& next, const CancelToken& cancel,
                                const std::function<uint64_t()>& received = {}) {
    const auto so_far = [&] { return received ? received() : 0; };
    http::Attempts attempts(patience, clock, so_far());
    for (;;) {
      SEALIFT_TRY(cancel.check());
      const Ask ask = next();
      auto reply = through(ask);
      if (reply && (reply->status == 200 || reply->status == 206 || std::ranges::contains(ask.absent, reply->status)))
        return reply;
      Error error = reply ? error_of(*reply, ask) : reply.error();
      if (const auto trouble = authorizer.trouble(); error.code == ErrorCode::auth_failed && !trouble.empty())
        error.what += "; no login was found, because " + trouble;
      const auto wait = attempts.next(error, reply ? &*reply : nullptr, so_far());
      if (!wait) {
        if (!reply) return fail_while(std::move(error), "getting " + ask.what);
        return fail(std::move(error));
      }
      SEALIFT_TRY(base::pause(clock, *wait, cancel));
    }
  }

  Result<RemoteManifest> manifest(const std::string& repository, const std::string& reference, const std::string& what,
                                  const std::optional<Digest>& wanted, const CancelToken& cancel) {
    const std::string path = endpoint.repository_prefix + repository;
    const auto ask = [&] {
      return Ask{what,
                 path,
                 std::format("/v2/{}/manifests/{}", path, reference),
                 {{"Accept", std::format("{}, {}, {}, {}", image::kOciIndex, image::kDockerList, image::kOciManifest,
                                         image::kDockerManifest)}},
                 nullptr,
                 {}};
    };
    SEALIFT_ASSIGN(auto reply, patiently(ask, cancel));
    RemoteManifest out{reply.headers["content-type"], hash::sha256(base::as_bytes(reply.text)),
                       base::to_bytes(reply.text)};
    if (const size_t end = out.media_type.find(';'); end != std::string::npos)
      out.media_type = base::trim(out.media_type.substr(0, end));
    const std::string said = wanted ? wanted->text() : reply.headers["docker-content-digest"];
    if (said.starts_with("sha256:") && said != out.digest.text()) {
      return fail(ErrorCode::corrupt, "{} gives other bytes for {} than their digest says: {}, not {}",
                  endpoint.origin.text(), what, out.digest.text(), base::printable(said));
    }
    return out;
  }
};

Registry::Registry(std::unique_ptr<State> state) : state_(std::move(state)) {}
Registry::~Registry() = default;

Result<std::unique_ptr<Registry>> Registry::open(const std::string& registry, const EndpointOptions& options,
                                                 const Logins& logins, Clock& clock, const Patience& patience) {
  SEALIFT_ASSIGN(auto endpoint, endpoint_of(registry, options));
  return std::unique_ptr<Registry>(new Registry(std::make_unique<State>(std::move(endpoint), logins, clock, patience)));
}

Result<RemoteManifest> Registry::manifest(const std::string& repository, const std::string& tag,
                                          const CancelToken& cancel) {
  return state_->manifest(repository, tag, std::format("{}/{}:{}", state_->endpoint.registry, repository, tag), {},
                          cancel);
}

Result<RemoteManifest> Registry::manifest(const std::string& repository, const Digest& digest,
                                          const CancelToken& cancel) {
  return state_->manifest(repository, digest.text(),
                          std::format("{}/{}@{}", state_->endpoint.registry, repository, digest.text()), digest,
                          cancel);
}

Result<std::optional<RemoteManifest>> Registry::referrers(const std::string& repository, const Digest& subject,
                                                          const CancelToken& cancel) {
  const std::string path = state_->endpoint.repository_prefix + repository;
  const http::Url first{state_->endpoint.origin, std::format("/v2/{}/referrers/{}", path, subject.text())};
  std::optional<RemoteManifest> out;
  json::Value all = json::Value::array();
  http::Url page = first;
  for (int number = 0;; ++number) {
    if (number == kMaxPages)
      return fail(ErrorCode::limit_exceeded, "{} lists more than {} pages of what refers to {}", first.origin.text(),
                  kMaxPages, subject.text());
    const Ask ask{std::format("what refers to {} in {}/{}", subject.text(), state_->endpoint.registry, repository),
                  path,
                  page.target,
                  {{"Accept", std::string(image::kOciIndex)}},
                  nullptr,
                  {},
                  {400, 404, 405}};
    SEALIFT_ASSIGN(const auto reply, state_->patiently([&] { return ask; }, cancel));
    // Some answer with a page for people.
    const auto parsed = reply.status == 200 ? json::parse(reply.text) : fail(ErrorCode::not_found, "none");
    const auto* manifests = parsed ? parsed->find("manifests") : nullptr;
    if (manifests == nullptr || !manifests->is_array()) {
      if (number == 0) return std::optional<RemoteManifest>{};
      return fail(ErrorCode::protocol, "{} breaks off in the list of what refers to {}", first.origin.text(),
                  subject.text());
    }
    for (const auto& manifest : *manifests->elements()) all.push_back(manifest);
    if (number == 0)
      out = RemoteManifest{std::string(image::kOciIndex), hash::sha256(base::as_bytes(reply.text)),
                           base::to_bytes(reply.text)};
    const auto next = next_page(page, reply);
    if (!next || next->origin != first.origin) {
      if (number == 0) return out;
      break;
    }
    page = *next;
  }
  json::Value joined;
  joined.set("schemaVersion", 2);
  joined.set("mediaType", image::kOciIndex);
  joined.set("manifests", std::move(all));
  out->bytes = base::to_bytes(json::to_canonical(joined));
  out->digest = hash::sha256(out->bytes);
  return out;
}

Result<void> Registry::blob(const std::string& repository, const Digest& digest, uint64_t size, uint64_t begin,
                            base::Sink& sink, const CancelToken& cancel) {
  const std::string path = state_->endpoint.repository_prefix + repository;
  const std::string what = std::format("the blob {} of {}/{}", digest.text(), state_->endpoint.registry, repository);
  BlobReceiver receiver(digest, size, begin, sink, cancel);
  base::FunctionSink body([&](ByteView data) { return receiver.write(data); });
  const auto ask = [&] {
    Ask out{what, path,  std::format("/v2/{}/blobs/{}", path, digest.text()),
            {},   &body, [&](const http::Reply& head) { return receiver.begin(head); }};
    if (receiver.received() > 0) out.headers["Range"] = std::format("bytes={}-", receiver.received());
    return out;
  };
  const auto received = [&] { return receiver.received(); };
  // A body may end early without a connection error: it is resumed all the same.
  uint64_t reached = begin;
  for (unsigned round = 0; receiver.received() < size || round == 0; ++round) {
    SEALIFT_TRY(state_->patiently(ask, cancel, received));
    if (receiver.received() >= reached + kProgress) {
      reached = receiver.received();
      round = 0;
    }
    if (receiver.received() < size && round + 1 >= state_->patience.attempts) {
      return fail(ErrorCode::corrupt, "{} gives {} of {} bytes for {}", state_->endpoint.origin.text(),
                  receiver.received(), size, what);
    }
  }
  if (auto whole = receiver.finish(); !whole)
    return fail_while(std::move(whole).error(),
                      std::format("getting {} from {}", what, state_->endpoint.origin.text()));
  return {};
}

}  // namespace sealift::distribution
