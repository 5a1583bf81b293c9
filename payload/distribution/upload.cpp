// SPDX-License-Identifier: Apache-2.0
//
// Registry: what is sent to it. A blob goes in three steps (OCI distribution specification 1.1, "Pushing blobs"): an
// upload is begun, its bytes are sent, it is closed with the digest. One that broke off goes on where the registry
// says.
#include <algorithm>

#include "payload/base/format.h"
#include "payload/base/retry.h"
#include "payload/base/text.h"
#include "payload/distribution/registry.h"
#include "payload/distribution/requests.h"
#include "payload/image/manifest.h"

namespace sealift::distribution {
namespace {

constexpr uint64_t kSmall = uint64_t{1} << 20;  // goes with the request that closes the upload

using Failure = Requests::Failure;

// One blob on its way.
class Uploading {
 public:
  Uploading(Requests& requests, const std::string& repository, const Upload& upload, std::string other)
      : requests_(requests),
        path_(requests.path_of(repository)),
        what_(base::format("the blob {} for {}/{}", upload.digest.text(), requests.endpoint().registry, repository)),
        upload_(upload),
        other_(std::move(other)) {}

  uint64_t sent() const { return sent_; }

  // One attempt, which goes on where the last one broke off.
  std::expected<Sent, Failure> attempt() {
    if (!place_) {
      const auto is_there = has();
      if (!is_there) return std::unexpected(is_there.error());
      if (*is_there) return was_closed_ ? Sent::whole : Sent::was_there;
      const auto mounted = begin();
      if (!mounted) return std::unexpected(mounted.error());
      if (*mounted) return Sent::mounted;
    } else if (const auto found = look(); !found) {
      return std::unexpected(found.error());
    } else if (!*found) {
      place_.reset();
      return attempt();
    }
    if (upload_.size > kSmall && sent_ < upload_.size) {
      if (auto rest = send_rest(); !rest) return std::unexpected(std::move(rest).error());
    }
    if (auto closed = close(); !closed) return std::unexpected(std::move(closed).error());
    return Sent::whole;
  }

 private:
  Ask ask(std::string method, http::Url url, std::vector<int> answers) const {
    Ask out{what_, path_, std::move(url)};
    out.method = std::move(method);
    out.answers = std::move(answers);
    return out;
  }

  std::expected<bool, Failure> has() {
    auto reply = requests_.once(
        ask("HEAD", requests_.url(base::format("/v2/{}/blobs/{}", path_, upload_.digest.text())), {404}));
    if (!reply) return std::unexpected(std::move(reply).error());
    return reply->status == 200;
  }

  // True if the registry had it elsewhere.
  std::expected<bool, Failure> begin() {
    std::string target = base::format("/v2/{}/blobs/uploads/", path_);
    if (!other_.empty())
      target +=
          base::format("?mount={}&from={}", upload_.digest.text(), http::percent_encode(requests_.path_of(other_)));
    const http::Body none;
    auto request = ask("POST", requests_.url(std::move(target)), {201, 202});
    request.what = base::format("a place to upload to, in {}/{}", requests_.endpoint().registry, path_);
    request.body = &none;
    auto reply = requests_.once(request);
    if (!reply) return std::unexpected(std::move(reply).error());
    sent_ = 0;
    if (reply->status == 201) return true;
    if (auto moved = take_place(request.url, *reply); !moved) return std::unexpected(Failure{moved.error(), {}});
    return false;
  }

  // Where the upload goes on. A registry behind a proxy that ends TLS may call itself http by mistake.
  Result<void> take_place(const http::Url& from, const http::Reply& reply) {
    const auto location = reply.headers.find("location");
    if (location == reply.headers.end())
      return fail(ErrorCode::protocol, "{} does not say where {} is to be sent", from.origin.text(), what_);
    SEALIFT_ASSIGN(auto to, http::resolve_url(from, location->second));
    if (from.origin.scheme == "https" && to.origin.scheme != "https")
      return fail(ErrorCode::untrusted,
                  "{} wants uploads at {}, without TLS: refused; if a proxy stands before it, that must say so to it "
                  "(X-Forwarded-Proto: https)",
                  from.origin.text(), to.origin.text());
    place_ = std::move(to);
    return {};
  }

  // How much the registry has. False if it no longer knows the upload, or nothing of it.
  std::expected<bool, Failure> look() {
    auto reply = requests_.once(ask("GET", *place_, {204, 400, 404, 405, 416}));
    if (!reply) return std::unexpected(std::move(reply).error());
    const auto range = reply->headers.find("range");
    if (reply->status != 204 || range == reply->headers.end()) return false;
    // "0-N"; the last of one byte and of none is the same.
    const std::string_view text = range->second;
    const auto last = base::parse_u64(text.substr(std::min(text.size(), text.find('-') + 1)));
    if (!last || *last == 0 || *last >= upload_.size) return false;
    sent_ = *last + 1;
    if (reply->headers.contains("location")) {
      if (auto moved = take_place(*place_, *reply); !moved) return std::unexpected(Failure{moved.error(), {}});
    }
    return true;
  }

  std::expected<void, Failure> send_rest() {
    const uint64_t begin = sent_;
    const http::Body body{"application/octet-stream", upload_.size - begin,
                          [&](uint64_t offset, std::span<std::byte> buffer) -> Result<void> {
                            SEALIFT_TRY(upload_.read(begin + offset, buffer));
                            sent_ = begin + offset + buffer.size();
                            return {};
                          }};
    auto request = ask("PATCH", *place_, {201, 202, 204});
    if (begin != 0) request.headers["Content-Range"] = base::format("{}-{}", begin, upload_.size - 1);
    request.body = &body;
    auto reply = requests_.once(request);
    if (!reply) return std::unexpected(std::move(reply).error());
    if (!reply->headers.contains("location")) return {};
    if (auto moved = take_place(*place_, *reply); !moved) return std::unexpected(Failure{moved.error(), {}});
    return {};
  }

  std::expected<void, Failure> close() {
    auto url = *place_;
    url.target +=
        base::format("{}digest={}", url.target.contains('?') ? '&' : '?', http::percent_encode(upload_.digest.text()));
    const bool is_small = upload_.size <= kSmall;
    const http::Body body{"application/octet-stream", is_small ? upload_.size : 0,
                          [&](uint64_t offset, std::span<std::byte> buffer) { return upload_.read(offset, buffer); }};
    auto request = ask("PUT", std::move(url), {201, 204});
    request.body = &body;
    was_closed_ = true;
    auto reply = requests_.once(request);
    if (reply) return {};
    place_.reset();  // whatever became of it
    const auto& answer = reply.error().reply;
    if (answer && answer->status == 400 && answer->text.contains("DIGEST"))
      reply.error().error = {
          ErrorCode::corrupt,
          base::format("{} has got other bytes of {} than its digest says", requests_.endpoint().origin.text(), what_),
          {}};
    return std::unexpected(std::move(reply).error());
  }

  Requests& requests_;
  const std::string path_, what_;
  const Upload& upload_;
  const std::string other_;
  std::optional<http::Url> place_;  // of the upload
  uint64_t sent_ = 0;
  bool was_closed_ = false;  // so it may be there though the answer got lost
};

}  // namespace

Result<Sent> Registry::push_blob(const std::string& repository, const Upload& upload, const std::string& other,
                                 const CancelToken& cancel) {
  const Upload watched{upload.digest, upload.size, [&](uint64_t offset, std::span<std::byte> buffer) -> Result<void> {
                         SEALIFT_TRY(cancel.check());
                         return upload.read(offset, buffer);
                       }};
  Uploading uploading(*requests_, repository, watched, other);
  http::Attempts attempts(requests_->patience(), requests_->clock());
  for (;;) {
    SEALIFT_TRY(cancel.check());
    auto sent = uploading.attempt();
    if (sent) return *sent;
    auto& [error, answer] = sent.error();
    const auto wait = attempts.next(error, answer ? &*answer : nullptr, uploading.sent());
    if (!wait && !answer)
      return fail_while(std::move(error),
                        base::format("sending {} to {}", upload.digest.text(), requests_->endpoint().origin.text()));
    if (!wait) return fail(std::move(error));
    SEALIFT_TRY(base::pause(requests_->clock(), *wait, cancel));
  }
}

Result<void> Registry::push_manifest(const std::string& repository, const std::string& tag,
                                     const RemoteManifest& manifest, const CancelToken& cancel) {
  const std::string path = requests_->path_of(repository);
  const std::string reference = tag.empty() ? manifest.digest.text() : tag;
  const http::Body body{
      manifest.media_type, manifest.bytes.size(), [&](uint64_t offset, std::span<std::byte> buffer) -> Result<void> {
        std::ranges::copy(ByteView(manifest.bytes).subspan(static_cast<size_t>(offset), buffer.size()), buffer.begin());
        return {};
      }};
  Ask ask{base::format("{}/{}{}{}", requests_->endpoint().registry, repository, tag.empty() ? '@' : ':', reference),
          path, requests_->url(base::format("/v2/{}/manifests/{}", path, reference))};
  ask.method = "PUT";
  ask.body = &body;
  ask.answers = {201, 204};
  SEALIFT_ASSIGN(const auto reply, requests_->patiently([&] { return ask; }, cancel));
  const auto said = reply.headers.find("docker-content-digest");
  if (said == reply.headers.end() || said->second == manifest.digest.text()) return {};
  return fail(ErrorCode::corrupt, "{} has stored {} as {}; it changes manifests, so what it has is of no use",
              requests_->endpoint().origin.text(), manifest.digest.text(), base::printable(said->second));
}

}  // namespace sealift::distribution
