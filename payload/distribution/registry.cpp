// SPDX-License-Identifier: Apache-2.0
#include "payload/distribution/registry.h"

#include <algorithm>

#include "payload/base/format.h"
#include "payload/base/text.h"
#include "payload/distribution/requests.h"
#include "payload/image/manifest.h"
#include "payload/json/value.h"

namespace sealift::distribution {
namespace {

constexpr int kMaxPages = 32;        // of what refers to a manifest
constexpr int kMaxListPages = 1000;  // of tags, of repositories
constexpr int kPageSize = 1000;
using http::kProgress;

// Receives exactly one blob, or what follows its first `begin` bytes, over several responses if connections break.
class BlobReceiver {
 public:
  BlobReceiver(const Digest& digest, uint64_t size, uint64_t begin, bool compares, base::Sink& sink,
               const CancelToken& cancel)
      : digest_(digest), size_(size), compares_(compares), sink_(sink), cancel_(cancel), received_(begin) {}

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
    if (compares_) hasher_.update(data);
    SEALIFT_TRY(sink_.write(data));
    received_ += data.size();
    return {};
  }
  Result<void> finish() {
    if (!compares_) return {};
    const Digest found = hasher_.finish();
    if (found != digest_)
      return fail(ErrorCode::corrupt, "other bytes than their digest says: {}{}", found.text(), hint());
    return {};
  }
  // Registries may label blobs that are stored compressed, so the label alone is no error.
  std::string hint() const {
    if (encoding_.empty() || encoding_ == "identity") return {};
    return base::format(" (sent with Content-Encoding: {}, which was not asked for; a proxy in between may do this)",
                        base::printable(encoding_));
  }

 private:
  const Digest& digest_;
  uint64_t size_;
  bool compares_;
  base::Sink& sink_;
  const CancelToken& cancel_;
  hash::Sha256 hasher_;
  uint64_t received_, skip_ = 0;
  std::string encoding_;
};

Result<RemoteManifest> get_manifest(Requests& requests, const std::string& repository, const std::string& reference,
                                    const std::string& what, const std::optional<Digest>& wanted,
                                    const CancelToken& cancel) {
  const std::string path = requests.path_of(repository);
  const Ask ask{what,
                path,
                requests.url(base::format("/v2/{}/manifests/{}", path, reference)),
                {{"Accept", base::format("{}, {}, {}, {}", image::kOciIndex, image::kDockerList, image::kOciManifest,
                                         image::kDockerManifest)}}};
  SEALIFT_ASSIGN(auto reply, requests.patiently([&] { return ask; }, cancel));
  RemoteManifest out{reply.headers["content-type"], hash::sha256(base::as_bytes(reply.text)),
                     base::to_bytes(reply.text)};
  if (const size_t end = out.media_type.find(';'); end != std::string::npos)
    out.media_type = base::trim(out.media_type.substr(0, end));
  const std::string said = wanted ? wanted->text() : reply.headers["docker-content-digest"];
  if (said.starts_with("sha256:") && said != out.digest.text()) {
    return fail(ErrorCode::corrupt, "{} gives other bytes for {} than their digest says: {}, not {}",
                requests.endpoint().origin.text(), what, out.digest.text(), base::printable(said));
  }
  return out;
}

}  // namespace

Registry::Registry(std::unique_ptr<Requests> requests) : requests_(std::move(requests)) {}
Registry::~Registry() = default;

Result<std::unique_ptr<Registry>> Registry::open(const std::string& registry, const EndpointOptions& options,
                                                 const Logins& logins, Clock& clock, const Patience& patience) {
  SEALIFT_ASSIGN(auto endpoint, endpoint_of(registry, options));
  return std::unique_ptr<Registry>(
      new Registry(std::make_unique<Requests>(std::move(endpoint), logins, clock, patience)));
}

std::unique_ptr<Registry> Registry::at(Endpoint endpoint, const Logins& logins, Clock& clock,
                                       const Patience& patience) {
  endpoint.proxies = Endpoint::Proxies::none;
  return std::unique_ptr<Registry>(
      new Registry(std::make_unique<Requests>(std::move(endpoint), logins, clock, patience)));
}

Result<RemoteManifest> Registry::manifest(const std::string& repository, const std::string& tag,
                                          const CancelToken& cancel) {
  return get_manifest(*requests_, repository, tag,
                      base::format("{}/{}:{}", requests_->endpoint().registry, repository, tag), {}, cancel);
}

Result<RemoteManifest> Registry::manifest(const std::string& repository, const Digest& digest,
                                          const CancelToken& cancel) {
  return get_manifest(*requests_, repository, digest.text(),
                      base::format("{}/{}@{}", requests_->endpoint().registry, repository, digest.text()), digest,
                      cancel);
}

Result<std::optional<RemoteManifest>> Registry::referrers(const std::string& repository, const Digest& subject,
                                                          const CancelToken& cancel) {
  const std::string path = requests_->path_of(repository);
  const http::Url first{requests_->endpoint().origin, base::format("/v2/{}/referrers/{}", path, subject.text())};
  std::optional<RemoteManifest> out;
  json::Value all = json::Value::array();
  http::Url page = first;
  for (int number = 0;; ++number) {
    if (number == kMaxPages)
      return fail(ErrorCode::limit_exceeded, "{} lists more than {} pages of what refers to {}", first.origin.text(),
                  kMaxPages, subject.text());
    const Ask ask{
        base::format("what refers to {} in {}/{}", subject.text(), requests_->endpoint().registry, repository),
        path,
        page,
        {{"Accept", std::string(image::kOciIndex)}},
        "GET",
        nullptr,
        nullptr,
        {},
        {400, 404, 405}};
    SEALIFT_ASSIGN(const auto reply, requests_->patiently([&] { return ask; }, cancel));
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
                            base::Sink& sink, const CancelToken& cancel, Compare compare) {
  const std::string path = requests_->path_of(repository);
  const std::string what =
      base::format("the blob {} of {}/{}", digest.text(), requests_->endpoint().registry, repository);
  BlobReceiver receiver(digest, size, begin, compare == Compare::here && begin == 0, sink, cancel);
  base::FunctionSink body([&](ByteView data) { return receiver.write(data); });
  const auto ask = [&] {
    Ask out{what, path, requests_->url(base::format("/v2/{}/blobs/{}", path, digest.text()))};
    out.sink = &body;
    out.on_head = [&](const http::Reply& head) { return receiver.begin(head); };
    if (receiver.received() > 0) out.headers["Range"] = base::format("bytes={}-", receiver.received());
    return out;
  };
  const auto received = [&] { return receiver.received(); };
  // A body may end early without a connection error: it is resumed all the same.
  uint64_t reached = begin;
  for (unsigned round = 0; receiver.received() < size || round == 0; ++round) {
    SEALIFT_TRY(requests_->patiently(ask, cancel, received));
    if (receiver.received() >= reached + kProgress) {
      reached = receiver.received();
      round = 0;
    }
    if (receiver.received() < size && round + 1 >= requests_->patience().attempts) {
      return fail(ErrorCode::corrupt, "{} gives {} of {} bytes for {}", requests_->endpoint().origin.text(),
                  receiver.received(), size, what);
    }
  }
  if (auto whole = receiver.finish(); !whole)
    return fail_while(std::move(whole).error(),
                      base::format("getting {} from {}", what, requests_->endpoint().origin.text()));
  return {};
}

Result<uint64_t> Registry::blob_size(const std::string& repository, const Digest& digest, const CancelToken& cancel) {
  const std::string path = requests_->path_of(repository);
  Ask ask{base::format("the blob {} of {}/{}", digest.text(), requests_->endpoint().registry, repository), path,
          requests_->url(base::format("/v2/{}/blobs/{}", path, digest.text()))};
  ask.method = "HEAD";
  SEALIFT_ASSIGN(auto reply, requests_->patiently([&] { return ask; }, cancel));
  const auto size = base::parse_u64(reply.headers["content-length"]);
  if (!size)
    return fail(ErrorCode::protocol, "{} does not say how long {} is", requests_->endpoint().origin.text(), ask.what);
  return *size;
}

Result<std::vector<std::string>> Registry::list(std::string target, const std::string& what,
                                                const std::string& repository, std::string_view key,
                                                const CancelToken& cancel) {
  std::vector<std::string> out;
  const http::Url first = requests_->url(std::move(target));
  http::Url page = first;
  for (int number = 0; number < kMaxListPages; ++number) {
    const Ask ask{what, repository, page};
    SEALIFT_ASSIGN(const auto reply, requests_->patiently([&] { return ask; }, cancel));
    const auto document = json::parse(reply.text);
    const auto* names = document ? document->find(key) : nullptr;
    if (names == nullptr || (!names->is_array() && !names->is_null()))
      return fail(ErrorCode::protocol, "{} answers with something else than {}", first.origin.text(), what);
    for (size_t i = 0; names->is_array() && i < names->elements()->size(); ++i) {
      if (const auto* name = (*names->elements())[i].string()) out.push_back(*name);
    }
    const auto next = next_page(page, reply);
    if (!next || next->origin != first.origin) return out;
    page = *next;
  }
  return fail(ErrorCode::limit_exceeded, "{} does not come to an end with {}", first.origin.text(), what);
}

Result<std::vector<std::string>> Registry::tags(const std::string& repository, const CancelToken& cancel) {
  const std::string path = requests_->path_of(repository);
  return list(base::format("/v2/{}/tags/list?n={}", path, kPageSize),
              base::format("tags of {}/{}", requests_->endpoint().registry, repository), path, "tags", cancel);
}

Result<std::vector<std::string>> Registry::repositories(const CancelToken& cancel) {
  return list(base::format("/v2/_catalog?n={}", kPageSize), "a list of its repositories", {}, "repositories", cancel);
}

Result<void> Registry::check_login(const CancelToken& cancel) {
  const Ask ask{"this login", {}, requests_->url("/v2/")};
  SEALIFT_TRY(requests_->patiently([&] { return ask; }, cancel));
  return {};
}

}  // namespace sealift::distribution
