// SPDX-License-Identifier: Apache-2.0
#include "runtime/node/cached_blobs.h"

#include <algorithm>
#include <cstdio>

#include "payload/base/retry.h"
#include "payload/base/text.h"
#include "runtime/node/relay.h"

namespace sealift::node {
namespace {

// Memory held by each pull, however slow its client is.
constexpr size_t kPiece = size_t{128} << 10;

KeptBlob kept(const BlobInfo& blob) { return {blob.digest, blob.size, blob.media_type}; }
BlobInfo info(const Question& question, const KeptBlob& blob) {
  return {question, blob.digest, blob.size, blob.media_type};
}

// Bytes from the relay's position to `end`.
template <class File>
Result<void> pass_on(const File& file, uint64_t end, Relay& relay, Bytes& buffer) {
  end = std::min(end, relay.position() + relay.left());
  while (relay.position() < end) {
    const auto piece =
        std::span(buffer).first(static_cast<size_t>(std::min<uint64_t>(buffer.size(), end - relay.position())));
    SEALIFT_TRY(file.read_at(relay.position(), piece));
    SEALIFT_TRY(relay.write(piece));
  }
  return {};
}

}  // namespace

CachedBlobs::~CachedBlobs() { stop(); }

void CachedBlobs::stop() {
  stopped_.cancel();
  registry_->stop();
}

Result<std::optional<BlobInfo>> CachedBlobs::stat(const Question& question) {
  SEALIFT_TRY(stopped_.token().check());
  const bool is_by_tag = !Digest::parse(question.reference);
  if (!is_by_tag) {
    if (const auto here = cache_->find(question)) return info(question, *here);
  }
  if (question.kind == Question::Kind::manifest) return stat_manifest(question, is_by_tag);
  SEALIFT_ASSIGN(auto found, registry_->stat(question));
  if (found) cache_->name(question, kept(*found));
  return found;
}

Result<std::optional<BlobInfo>> CachedBlobs::stat_manifest(const Question& question, bool is_by_tag) {
  const auto found = registry_->manifest(question);
  if (!found) {
    const auto here = is_by_tag && base::may_pass(found.error().code) ? cache_->find(question) : std::nullopt;
    if (!here) return fail(found.error());
    std::fprintf(stderr, "%s: %s; what the tag last meant is given: %s\n", target_of(question).c_str(),
                 found.error().text().c_str(), here->digest.text().c_str());
    return info(question, *here);
  }
  if (!*found) {
    cache_->forget_name(question);
    return std::nullopt;
  }
  const auto& manifest = **found;
  const BlobInfo out{question, manifest.digest, manifest.bytes.size(), manifest.media_type};
  keep(question, manifest);
  return out;
}

void CachedBlobs::keep(const Question& question, const distribution::RemoteManifest& manifest) {
  const KeptBlob blob{manifest.digest, manifest.bytes.size(), manifest.media_type};
  if (cache_->open(blob.digest) == nullptr) {
    const auto arriving = cache_->begin(blob.digest, blob.size);
    if (arriving == nullptr) return;
    const auto done = arriving->write(manifest.bytes).and_then([&] { return arriving->keep(); });
    if (!done) return;
  }
  cache_->name(question, blob);
  Question by_digest = question;
  by_digest.reference = blob.digest.text();
  cache_->name(by_digest, blob);
}

// The one that is on its way, or a new one; null if it can't be kept, or is here by now.
std::shared_ptr<CachedBlobs::Fetch> CachedBlobs::fetch(const BlobInfo& blob) {
  const std::lock_guard lock(mutex_);
  std::erase_if(fetches_, [](const auto& one) { return one->has_ended(); });
  const auto known = std::ranges::find_if(fetches_, [&](const auto& one) { return one->digest() == blob.digest; });
  if (known != fetches_.end()) return *known;
  if (cache_->open(blob.digest) != nullptr) return nullptr;
  auto arriving = cache_->begin(blob.digest, blob.size);
  if (arriving == nullptr) return nullptr;
  auto out = std::make_shared<Fetch>(blob, std::move(arriving));
  if (!out->start(*registry_)) return nullptr;
  fetches_.push_back(out);
  return out;
}

Result<void> CachedBlobs::await(const BlobInfo& blob) {
  SEALIFT_TRY(stopped_.token().check());
  if (blob.size == 0 || cache_->open(blob.digest) != nullptr) return {};
  const auto arriving = fetch(blob);
  if (arriving == nullptr || arriving->wait(0) > 0) return {};
  const auto error = arriving->error();
  return !error || error->code == ErrorCode::no_space ? Result<void>{} : fail(*error);
}

Result<void> CachedBlobs::read(const BlobInfo& blob, format::ByteRange range, base::Sink& sink) {
  SEALIFT_ASSIGN(range, within(blob, range));
  SEALIFT_TRY(stopped_.token().check());
  if (range.size == 0) return {};
  base::FunctionSink stoppable([&, stopped = stopped_.token()](ByteView data) {
    return stopped.check().and_then([&] { return sink.write(data); });
  });
  Relay relay(blob, range, stoppable);
  Bytes buffer(static_cast<size_t>(std::min<uint64_t>(kPiece, range.size)));
  while (!relay.complete()) {
    if (const auto file = cache_->open(blob.digest)) {
      const auto passed = pass_on(*file, blob.size, relay, buffer);
      // What is damaged here: the next one who asks gets it from the registry.
      if (!passed && (!relay.failed() || relay.failed()->code == ErrorCode::corrupt)) cache_->drop(blob.digest);
      return passed;
    }
    const auto arriving = fetch(blob);
    if (arriving == nullptr && cache_->open(blob.digest) != nullptr) continue;
    if (arriving == nullptr) return registry_->read(blob, {relay.position(), relay.left()}, relay);
    const uint64_t end = arriving->wait(relay.position());
    if (end > relay.position()) {
      SEALIFT_TRY(pass_on(*arriving, end, relay, buffer));
    } else if (const auto error = arriving->error()) {
      // What can't be kept can still be passed on.
      if (error->code != ErrorCode::no_space) return fail(*error);
      return registry_->read(blob, {relay.position(), relay.left()}, relay);
    }
  }
  return {};
}

Result<void> CachedBlobs::Fetch::start(RegistryBlobs& registry) {
  SEALIFT_ASSIGN(thread_, Thread::start([this, &registry] { run(registry); }));
  return {};
}

// The registry's answer is compared with the digest before its last bytes come.
void CachedBlobs::Fetch::run(RegistryBlobs& registry) {
  base::FunctionSink sink([&](ByteView data) -> Result<void> {
    SEALIFT_TRY(arriving_->write(data));
    const std::lock_guard lock(mutex_);
    arrived_ += data.size();
    moved_.notify_all();
    return {};
  });
  auto done = registry.read(blob_, {}, sink).and_then([&] { return arriving_->keep(); });
  const std::lock_guard lock(mutex_);
  has_ended_ = true;
  if (!done) error_ = std::move(done).error();
  moved_.notify_all();
}

bool CachedBlobs::Fetch::has_ended() {
  const std::lock_guard lock(mutex_);
  return has_ended_;
}

uint64_t CachedBlobs::Fetch::wait(uint64_t position) {
  std::unique_lock lock(mutex_);
  moved_.wait(lock, [&] { return arrived_ > position || has_ended_; });
  return arrived_;
}

std::optional<Error> CachedBlobs::Fetch::error() {
  const std::lock_guard lock(mutex_);
  return error_;
}

}  // namespace sealift::node
