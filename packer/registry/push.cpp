// SPDX-License-Identifier: Apache-2.0
#include "packer/registry/push.h"

#include <algorithm>
#include <mutex>

#include "packer/registry/blobs.h"
#include "packer/registry/session.h"
#include "payload/base/count.h"
#include "payload/base/format.h"
#include "payload/base/parallel.h"
#include "payload/base/progress.h"
#include "payload/base/text.h"
#include "payload/format/head.h"
#include "payload/format/index.h"

namespace sealift::registry {
namespace {

constexpr uint64_t kReadSize = uint64_t{1} << 20;

// Reads the blob and compares each frame with its hash.
Result<Digest> digest_of(const format::PayloadReader& artifact, const Blob& blob, const CancelToken& cancel) {
  hash::Sha256 whole;
  Bytes buffer(static_cast<size_t>(std::min(blob.size, kReadSize)));
  for (size_t i = blob.frames.begin; i < blob.frames.end; ++i) {
    const auto& frame = artifact.index().frames()[i];
    hash::Sha256 own;
    for (uint64_t at = 0; at < frame.stored_size;) {
      SEALIFT_TRY(cancel.check());
      const auto part =
          std::span(buffer).first(static_cast<size_t>(std::min<uint64_t>(buffer.size(), frame.stored_size - at)));
      SEALIFT_TRY(artifact.file().read_at(artifact.payload_offset() + frame.offset + at, part));
      own.update(part);
      whole.update(part);
      at += part.size();
    }
    if (own.finish() != frame.stored_hash)
      return fail(ErrorCode::corrupt,
                  "the file is damaged at payload offset {}; copy it again, `verify` lists all damage", frame.offset);
  }
  return whole.finish();
}

struct Parts {
  std::vector<Blob> blobs;
  Bytes metadata;
  Document document;
};

// All that a registry will hold of it.
Result<Parts> take_apart(const format::PayloadReader& artifact, const CancelToken& cancel) {
  const auto& file = artifact.file();
  Bytes end(format::kTrailerSize);
  SEALIFT_TRY(file.read_at(file.size() - end.size(), end));
  SEALIFT_ASSIGN(const auto trailer, format::parse_trailer(end));
  Parts out;
  out.metadata.resize(static_cast<size_t>(trailer.metadata_size));
  SEALIFT_TRY(file.read_at(artifact.payload_offset() + trailer.metadata_offset, out.metadata));
  SEALIFT_ASSIGN(const auto sections, format::parse_section_table(out.metadata, trailer));
  const bool has_more = trailer.signatures_size != 0 || std::ranges::any_of(sections, [&](const auto& section) {
                          return section.offset < trailer.metadata_offset;
                        });
  if (has_more)
    return fail(ErrorCode::unsupported_version, "it has parts that this Sealift does not know; take a newer one");

  const auto& contents = artifact.contents();
  Document& document = out.document;
  document.name = contents.name;
  document.version = contents.version;
  for (const auto& stub : contents.stubs) document.platforms.push_back(stub.architecture);
  if (artifact.payload_offset() != 0) {
    SEALIFT_ASSIGN(document.launch, format::program_at_head(file, contents));
  }
  document.metadata_offset = trailer.metadata_offset;
  document.metadata = {artifact.identity(), trailer.metadata_size};
  out.blobs = cut_into_blobs(artifact.index());
  SEALIFT_TRY(base::try_parallel(out.blobs.size(), base::processors(), cancel,
                                 [&](size_t i, const CancelToken& stop) -> Result<void> {
                                   auto& blob = out.blobs[i];
                                   if (blob.digest) return {};
                                   SEALIFT_ASSIGN(blob.digest, digest_of(artifact, blob, stop));
                                   return {};
                                 }));
  for (const auto& blob : out.blobs) document.blobs.push_back({*blob.digest, blob.size});
  return out;
}

class Pusher {
 public:
  Pusher(Session& session, const image::Reference& to, const PushOptions& options, const CancelToken& cancel)
      : session_(session), registry_(session.remote()), to_(to), options_(options), cancel_(cancel) {}

  Result<void> send_frames(const format::PayloadReader& artifact, const Parts& parts, base::Progress& progress) {
    const auto order = largest_first(parts.blobs);
    return base::try_parallel(order.size(), sources::kRequests, cancel_, [&](size_t n, const CancelToken& stop) {
      const Blob& blob = parts.blobs[order[n]];
      const uint64_t begin = artifact.payload_offset() + blob.offset;
      return send({*blob.digest, blob.size,
                   [&](uint64_t offset, std::span<std::byte> buffer) -> Result<void> {
                     SEALIFT_TRY(artifact.file().read_at(begin + offset, buffer));
                     progress.add(buffer.size());
                     return {};
                   }},
                  &progress, stop);
    });
  }

  Result<void> send_bytes(ByteView bytes, base::Progress* progress) {
    return send({hash::sha256(bytes), bytes.size(),
                 [&](uint64_t offset, std::span<std::byte> buffer) -> Result<void> {
                   std::ranges::copy(bytes.subspan(static_cast<size_t>(offset), buffer.size()), buffer.begin());
                   return {};
                 }},
                progress, cancel_);
  }

  // Makes the name mean this manifest.
  Result<Digest> name_it(Bytes manifest, const std::vector<Architecture>& platforms) {
    const distribution::RemoteManifest own{std::string(image::kOciManifest), hash::sha256(manifest),
                                           std::move(manifest)};
    if (!options_.adds) {
      SEALIFT_TRY(registry_.push_manifest(to_.repository, to_.tag, own, cancel_));
      return own.digest;
    }
    SEALIFT_TRY(registry_.push_manifest(to_.repository, {}, own, cancel_));
    SEALIFT_ASSIGN(auto entries, others(platforms));
    entries.push_back({{own.digest, own.bytes.size()}, platforms});
    std::ranges::sort(entries, {}, &Entry::platforms);
    const Bytes bytes = encode_index(entries);
    const distribution::RemoteManifest index{std::string(image::kOciIndex), hash::sha256(bytes), bytes};
    SEALIFT_TRY(registry_.push_manifest(to_.repository, to_.tag, index, cancel_));
    return index.digest;
  }

  // What has been sent.
  size_t blobs() const { return blobs_; }
  uint64_t bytes() const { return bytes_; }

 private:
  Result<void> send(const distribution::Upload& upload, base::Progress* progress, const CancelToken& stop) {
    SEALIFT_ASSIGN(const auto sent, registry_.push_blob(to_.repository, upload, options_.other, stop));
    if (sent != distribution::Sent::whole) {
      if (progress != nullptr) progress->add(upload.size);
      return {};
    }
    const std::lock_guard guard(mutex_);
    ++blobs_;
    bytes_ += upload.size;
    return {};
  }

  // What the name has meant so far for platforms besides these.
  Result<std::vector<Entry>> others(const std::vector<Architecture>& platforms) {
    const auto there = registry_.manifest(to_.repository, to_.tag, cancel_);
    if (!there && there.error().code == ErrorCode::not_found) return std::vector<Entry>();
    if (!there) return std::unexpected(there.error());
    SEALIFT_ASSIGN(auto entries, parse_index(there->bytes));
    if (!entries) {
      SEALIFT_ASSIGN(const auto document, session_.document(to_.repository, there->bytes, cancel_));
      entries = {{{there->digest, there->bytes.size()}, document.platforms}};
    }
    std::erase_if(*entries, [&](const Entry& entry) {
      return std::ranges::any_of(entry.platforms,
                                 [&](Architecture one) { return std::ranges::contains(platforms, one); });
    });
    return std::move(*entries);
  }

  Session& session_;
  distribution::Registry& registry_;  // the session's
  const image::Reference& to_;
  const PushOptions& options_;
  const CancelToken& cancel_;
  std::mutex mutex_;
  size_t blobs_ = 0;
  uint64_t bytes_ = 0;
};

}  // namespace

Result<Pushed> push(const format::PayloadReader& artifact, const image::Reference& to, const PushOptions& options,
                    Clock& clock, EventSink& events, const CancelToken& cancel) {
  SEALIFT_ASSIGN(const auto parts, take_apart(artifact, cancel));
  SEALIFT_ASSIGN(auto encoded, encode(parts.document));
  Pushed out;
  out.blobs = parts.blobs.size() + 1;
  out.bytes = parts.metadata.size();
  for (const auto& blob : parts.blobs) out.bytes += blob.size;
  base::tell(events, Level::info,
             base::format("pushing {} to {}: {} in {}", artifact.artifact_name(), to.text(),
                          base::human_bytes(out.bytes), base::counted(out.blobs, "blob", "blobs")));
  SEALIFT_ASSIGN(const auto session, Session::open(to.registry, options.registries, clock));
  base::Progress progress(events, "push", out.bytes);
  Pusher pusher(*session, to, options, cancel);
  const auto send_all = [&]() -> Result<void> {
    SEALIFT_TRY(pusher.send_frames(artifact, parts, progress));
    SEALIFT_TRY(pusher.send_bytes(parts.metadata, &progress));
    out.sent_blobs = pusher.blobs();
    out.sent_bytes = pusher.bytes();
    return pusher.send_bytes(encoded.config, nullptr);
  };
  SEALIFT_TRY(send_all());
  auto named = pusher.name_it(encoded.manifest, parts.document.platforms);
  if (!named && named.error().code != ErrorCode::cancelled) {
    // A registry that collects garbage meanwhile has taken away what no manifest named yet: sent again, once.
    const size_t before = pusher.blobs();
    SEALIFT_TRY(send_all());
    if (pusher.blobs() != before) named = pusher.name_it(encoded.manifest, parts.document.platforms);
  }
  if (!named) return std::unexpected(std::move(named).error());
  out.manifest = *named;
  return out;
}

}  // namespace sealift::registry
