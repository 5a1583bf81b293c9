// SPDX-License-Identifier: Apache-2.0
#include "runtime/node/registry_blobs.h"

#include <algorithm>

#include "payload/base/address.h"
#include "payload/base/format.h"
#include "payload/base/retry.h"
#include "payload/base/text.h"
#include "payload/image/manifest.h"
#include "payload/image/reference.h"
#include "payload/json/value.h"
#include "payload/upload/image_upload.h"
#include "runtime/node/relay.h"

namespace sealift::node {
namespace {

using distribution::RemoteManifest;

constexpr Duration kConnectTimeout{3'000};
constexpr Duration kReadTimeout{20'000};
// A pull asks several times. One place that is away costs it one timeout, not all of them.
constexpr Duration kSilence{5'000};

// For manifests and sizes: whoever has a copy answers from it when this one does not.
http::Patience brief(http::Patience patience) {
  patience.attempts = std::min(patience.attempts, 2U);
  patience.first_pause = std::min(patience.first_pause, Duration{500});
  patience.longest_pause = std::min(patience.longest_pause, Duration{2'000});
  patience.slow_for = std::min(patience.slow_for, kReadTimeout);
  return patience;
}

std::string name_of(const http::Origin& origin) {
  return base::format("{}:{}", base::bracketed(origin.host), origin.port);
}

std::string path_of(const http::Url& url) {
  std::string_view path = url.target;
  while (path.starts_with('/')) path.remove_prefix(1);
  while (path.ends_with('/')) path.remove_suffix(1);
  return std::string(path);
}

std::string media_type_of(const RemoteManifest& manifest) {
  if (!manifest.media_type.empty()) return manifest.media_type;
  const auto document = json::parse(base::as_text(manifest.bytes));
  return document ? document->text_or("mediaType", image::kOciManifest) : std::string(image::kOciManifest);
}

}  // namespace

struct RegistryBlobs::Place {
  Place(RegistryPlace given, Clock& clock, const http::Patience& patience)
      : origin(given.url.origin.text()),
        path(path_of(given.url)),
        user(given.user),
        logins(given.user.empty()
                   ? distribution::Logins()
                   : distribution::Logins::of(name_of(given.url.origin), {given.user, given.password, {}})) {
    distribution::Endpoint endpoint;
    endpoint.registry = name_of(given.url.origin);
    endpoint.origin = given.url.origin;
    endpoint.client.authority = std::move(given.authority);
    endpoint.client.connect_timeout = kConnectTimeout;
    endpoint.client.read_timeout = kReadTimeout;
    for_blobs = distribution::Registry::at(endpoint, logins, clock, patience);
    for_answers = distribution::Registry::at(std::move(endpoint), logins, clock, brief(patience));
  }

  std::string origin, path, user;
  distribution::Logins logins;
  std::unique_ptr<distribution::Registry> for_answers, for_blobs;
  std::optional<Error> last_error;  // of a place that did not answer
  Duration silent_until{};
};

RegistryBlobs::RegistryBlobs(std::vector<RegistryPlace> places, Names names, Clock& clock,
                             const http::Patience& patience)
    : names_(names), clock_(clock) {
  for (auto& place : places) places_.push_back(std::make_unique<Place>(std::move(place), clock, patience));
}

RegistryBlobs::~RegistryBlobs() = default;

std::string RegistryBlobs::title() const {
  std::string out = places_.front()->origin;
  if (places_.size() > 1) out += base::format(" and {} mirror{}", places_.size() - 1, places_.size() == 2 ? "" : "s");
  return out;
}

// Nothing for what can't be there by its name.
std::optional<std::string> RegistryBlobs::repository_at(const Place& place, const Question& question) const {
  if (names_ == Names::repository)
    return place.path.empty() ? question.repository : place.path + "/" + question.repository;
  auto out = image::external_repository(place.path, question.registry, question.repository);
  return out ? std::optional(std::move(*out)) : std::nullopt;
}

std::optional<Error> RegistryBlobs::silence_of(Place& place) {
  const std::lock_guard lock(mutex_);
  if (clock_.monotonic() >= place.silent_until) return std::nullopt;
  auto out = place.last_error;
  if (out) out->what = base::format("{} did not answer a moment ago: {}", place.origin, out->what);
  return out;
}

// What is told of an error, in the terms of cluster.yaml.
Error RegistryBlobs::heard(Place& place, const Question& question, Error error) {
  if (base::may_pass(error.code)) {
    const std::lock_guard lock(mutex_);
    place.last_error = error;
    place.silent_until = clock_.monotonic() + kSilence;
  }
  if (error.code == ErrorCode::untrusted)
    error.what += "; if this registry has an authority of its own, name its certificate as caFile in cluster.yaml";
  if (error.code != ErrorCode::auth_failed) return error;
  const auto repository = repository_at(place, question).value_or(question.repository);
  if (place.user.empty())
    return {ErrorCode::auth_failed,
            base::format("{} gives {} to nobody without a login; name a user and a password for it in cluster.yaml",
                         place.origin, repository),
            {}};
  return {ErrorCode::auth_failed,
          base::format("{} refuses the user {} for {}; check user and password of this registry in cluster.yaml, and "
                       "that the user may pull that repository",
                       place.origin, base::printable(place.user), repository),
          {}};
}

// The first answer. What the registry itself does not have is not there; a mirror may lack anything.
template <class T>
Result<std::optional<T>> RegistryBlobs::ask(
    const Question& question, const std::function<Result<T>(Place&, const std::string& repository)>& one) {
  std::optional<Error> first;
  for (auto& place : places_) {
    SEALIFT_TRY(stopped_.token().check());
    std::optional<Error> error = silence_of(*place);
    if (!error) {
      const auto repository = repository_at(*place, question);
      if (!repository) return std::optional<T>{};
      auto answer = one(*place, *repository);
      if (answer) return std::optional<T>(std::move(*answer));
      if (answer.error().code == ErrorCode::cancelled) return fail(std::move(answer).error());
      error = heard(*place, question, std::move(answer).error());
    }
    if (place == places_.front() && error->code == ErrorCode::not_found) return std::optional<T>{};
    if (!first) first = std::move(error);
  }
  return fail(std::move(*first));
}

Result<RemoteManifest> RegistryBlobs::manifest_at(Place& place, const std::string& repository,
                                                  const std::string& reference) {
  const auto digest = Digest::parse(reference);
  auto out = digest ? place.for_answers->manifest(repository, *digest, stopped_.token())
                    : place.for_answers->manifest(repository, reference, stopped_.token());
  if (out) out->media_type = media_type_of(*out);
  return out;
}

// The index that the registry itself would have refused. not_found if there is none.
Result<RemoteManifest> RegistryBlobs::index_beside(Place& place, const std::string& repository,
                                                   const std::string& reference) {
  SEALIFT_ASSIGN(const auto beside, manifest_at(place, repository, upload::whole_index_tag(reference)));
  SEALIFT_ASSIGN(const auto index, upload::whole_index_in(beside.bytes));
  base::MemorySink sink(image::kMaxManifestBytes);
  SEALIFT_TRY(place.for_answers->blob(repository, index.digest, index.size, 0, sink, stopped_.token()));
  return RemoteManifest{index.media_type, index.digest, sink.take()};
}

Result<std::optional<RemoteManifest>> RegistryBlobs::manifest(const Question& question) {
  const auto& reference = question.reference;
  return ask<RemoteManifest>(question, [&](Place& place, const std::string& repository) {
    if (names_ == Names::repository) return manifest_at(place, repository, reference);
    // A tag may mean less there than the image is; what has the digest is right.
    const bool by_digest = Digest::parse(reference).has_value();
    auto first = by_digest ? manifest_at(place, repository, reference) : index_beside(place, repository, reference);
    if (first || first.error().code != ErrorCode::not_found) return first;
    return by_digest ? index_beside(place, repository, reference) : manifest_at(place, repository, reference);
  });
}

Result<std::optional<BlobInfo>> RegistryBlobs::stat(const Question& question) {
  if (question.kind == Question::Kind::manifest) {
    SEALIFT_ASSIGN(const auto found, manifest(question));
    if (!found) return std::nullopt;
    return BlobInfo{question, found->digest, found->bytes.size(), found->media_type};
  }
  const auto digest = Digest::parse(question.reference);
  if (!digest) return std::nullopt;
  SEALIFT_ASSIGN(const auto size, ask<uint64_t>(question, [&](Place& place, const std::string& repository) {
                   return place.for_answers->blob_size(repository, *digest, stopped_.token());
                 }));
  if (!size) return std::nullopt;
  return BlobInfo{question, *digest, *size, "application/octet-stream"};
}

Result<void> RegistryBlobs::await(const BlobInfo&) { return stopped_.token().check(); }

Result<void> RegistryBlobs::read_manifest(const BlobInfo& blob, base::Sink& sink) {
  Question exactly = blob.question;
  exactly.reference = blob.digest.text();  // a tag could name something else by now
  SEALIFT_ASSIGN(const auto found, manifest(exactly));
  if (!found) return fail(ErrorCode::unreachable, "{} does not have {} any more", title(), blob.digest.text());
  return sink.write(found->bytes);
}

Result<void> RegistryBlobs::read(const BlobInfo& blob, format::ByteRange range, base::Sink& sink) {
  SEALIFT_ASSIGN(range, within(blob, range));
  SEALIFT_TRY(stopped_.token().check());
  if (range.size == 0) return {};
  Relay relay(blob, range, sink);
  // A registry gives everything up to the blob's end, or the whole manifest: what is not wanted is left out.
  uint64_t at = 0;
  base::FunctionSink wanted([&](ByteView data) -> Result<void> {
    const uint64_t skip = std::min<uint64_t>(data.size(), relay.position() - std::min(relay.position(), at));
    at += data.size();
    data = data.subspan(static_cast<size_t>(skip));
    SEALIFT_TRY(relay.write(data.first(static_cast<size_t>(std::min<uint64_t>(data.size(), relay.left())))));
    if (relay.complete() && at < blob.size) return fail(ErrorCode::cancelled, "that is enough");
    return {};
  });
  Result<void> done;
  if (blob.question.kind == Question::Kind::manifest) {
    done = read_manifest(blob, wanted);
  } else {
    for (auto& place : places_) {
      const auto repository = repository_at(*place, blob.question);
      if (!repository) break;
      at = relay.position();
      done = place->for_blobs->blob(*repository, blob.digest, blob.size, at, wanted, stopped_.token(),
                                    distribution::Compare::by_caller);
      if (relay.failed() || relay.complete() || stopped_.token().cancelled()) break;
      if (!done) done = fail(heard(*place, blob.question, std::move(done).error()));
    }
  }
  if (relay.failed()) return fail(*relay.failed());
  if (relay.complete()) return {};
  if (done) return fail(ErrorCode::unreachable, "{} gave less of {} than it has", title(), blob.digest.text());
  // What stat() has found is there; places that lack it lag behind.
  if (done.error().code == ErrorCode::not_found)
    return fail(Error{ErrorCode::unreachable, std::move(done).error().what, {}});
  return done;
}

}  // namespace sealift::node
