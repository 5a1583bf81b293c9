// SPDX-License-Identifier: Apache-2.0
#include "packer/registry/push_images.h"

#include <algorithm>
#include <map>
#include <set>

#include "packer/registry/session.h"
#include "payload/base/count.h"
#include "payload/base/parallel.h"
#include "payload/base/progress.h"
#include "payload/base/text.h"
#include "payload/image/manifest.h"
#include "payload/json/value.h"

namespace sealift::registry {
namespace {

struct Job {
  const format::Image* image = nullptr;
  image::Reference from, to;
};

Result<image::Reference> parse_prefix(const std::string& prefix) {
  auto out = image::parse_reference(prefix + "/x");
  if (!out || out->registry + "/" + out->repository != prefix + "/x")
    return fail(ErrorCode::usage, "{} can't stand before image names; write REGISTRY/PATH, such as harbor.example/prod",
                base::printable(prefix));
  out->repository.resize(out->repository.size() - 1);  // ends with a slash, or is empty
  return out;
}

Result<std::vector<Job>> jobs_of(const format::Contents& contents, const std::string& prefix, Naming naming) {
  SEALIFT_ASSIGN(const auto begin, parse_prefix(prefix));
  std::vector<Job> out;
  std::map<std::string, std::string> taken;
  for (const auto& image : contents.images) {
    SEALIFT_ASSIGN(auto from, image::parse_reference(image.name));
    image::Reference to = from;
    to.registry = begin.registry;
    // A port's colon can't stand in a path.
    const auto scope = naming == Naming::scoped ? base::replace_all(from.registry, ":", "_") + "/" : std::string();
    to.repository = begin.repository + scope + from.repository;
    const auto [other, is_new] = taken.try_emplace(to.text(), image.name);
    if (!is_new)
      return fail(ErrorCode::invalid_input, "{} and {} would both be {}; keep them apart with --scoped", other->second,
                  image.name, to.text());
    out.push_back({&image, std::move(from), std::move(to)});
  }
  return out;
}

// The entries of an index whose manifests are packed, in their order and as they were.
Result<Bytes> reduced(ByteView index, const std::set<Digest>& packed) {
  SEALIFT_ASSIGN(auto document, json::parse(base::as_text(index)));
  json::Value kept = json::Value::array();
  const auto* manifests = document.find("manifests");
  for (size_t i = 0; manifests != nullptr && manifests->is_array() && i < manifests->elements()->size(); ++i) {
    const auto& entry = (*manifests->elements())[i];
    const auto digest = Digest::parse(entry.text_or("digest", ""));
    if (digest && packed.contains(*digest)) kept.push_back(entry);
  }
  document.set("manifests", std::move(kept));
  return base::to_bytes(json::to_canonical(document));
}

// Whether all that an index names is packed.
Result<bool> is_whole(ByteView index, const std::string& media_type, const std::set<Digest>& packed) {
  SEALIFT_ASSIGN(const auto parsed, image::parse_manifest(index, media_type));
  const auto* list = std::get_if<image::Index>(&parsed);
  return list == nullptr ||
         std::ranges::all_of(list->manifests, [&](const auto& entry) { return packed.contains(entry.digest); });
}

class ImagePusher {
 public:
  ImagePusher(const format::PayloadReader& artifact, distribution::Registry& registry, base::Progress& progress)
      : artifact_(artifact), registry_(registry), progress_(progress) {}

  Result<SentImage> send(const Job& job, const CancelToken& stop) {
    SentImage out{job.image->name, job.to.text(), job.image->root.digest};
    std::set<Digest> packed;
    for (const auto& platform : job.image->platforms) {
      SEALIFT_TRY(send_blob(job, platform.config, stop));
      for (const auto& layer : platform.layers) SEALIFT_TRY(send_blob(job, layer, stop));
      SEALIFT_TRY(send_manifest(job, {}, platform.manifest, platform.media_type, stop));
      packed.insert(platform.manifest.digest);
    }
    for (const auto& inner : job.image->inner_indexes) packed.insert(inner.object.digest);
    SEALIFT_ASSIGN(const Bytes root, artifact_.read_all(job.image->root.digest, image::kMaxManifestBytes));
    bool whole = packed.contains(job.image->root.digest);  // the root is a manifest
    if (!whole) {
      SEALIFT_ASSIGN(whole, is_whole(root, job.image->media_type, packed));
    }
    for (const auto& inner : job.image->inner_indexes) {
      SEALIFT_ASSIGN(const Bytes bytes, artifact_.read_all(inner.object.digest, image::kMaxManifestBytes));
      SEALIFT_ASSIGN(const bool inner_whole, is_whole(bytes, inner.media_type, packed));
      whole = whole && inner_whole;
      if (whole) SEALIFT_TRY(send_manifest(job, {}, inner.object, inner.media_type, stop));
    }
    if (whole) {
      SEALIFT_TRY(send_manifest(job, job.to.tag, job.image->root, job.image->media_type, stop));
      return out;
    }
    out.is_reduced = true;
    if (job.image->platforms.size() == 1) {
      const auto& only = job.image->platforms.front();
      out.root = only.manifest.digest;
      SEALIFT_TRY(send_manifest(job, job.to.tag, only.manifest, only.media_type, stop));
      return out;
    }
    SEALIFT_ASSIGN(Bytes index, reduced(root, packed));
    out.root = hash::sha256(index);
    SEALIFT_TRY(registry_.push_manifest(job.to.repository, job.to.tag,
                                        {job.image->media_type, out.root, std::move(index)}, stop));
    return out;
  }

 private:
  Result<void> send_manifest(const Job& job, const std::string& tag, const format::ObjectRef& object,
                             const std::string& media_type, const CancelToken& stop) {
    SEALIFT_ASSIGN(Bytes bytes, artifact_.read_all(object.digest, image::kMaxManifestBytes));
    return registry_.push_manifest(job.to.repository, tag, {media_type, object.digest, std::move(bytes)}, stop);
  }

  Result<void> send_blob(const Job& job, const format::ObjectRef& object, const CancelToken& stop) {
    uint64_t told = 0;
    const auto stored = artifact_.find(object.digest);
    const auto raw = stored ? stored->raw_offset : std::nullopt;
    const distribution::Upload upload{
        object.digest, object.size, [&](uint64_t offset, std::span<std::byte> buffer) -> Result<void> {
          // The reader would hash a whole frame for each part; here the registry
          // compares all of it with the digest.
          if (raw)
            SEALIFT_TRY(artifact_.file().read_at(artifact_.payload_offset() + *raw + offset, buffer));
          else
            SEALIFT_TRY(read_part(object.digest, offset, buffer));
          progress_.add(buffer.size());
          told += buffer.size();
          return {};
        }};
    SEALIFT_TRY(registry_.push_blob(job.to.repository, upload, {}, stop));
    progress_.add(object.size - std::min(told, object.size));
    return {};
  }

  Result<void> read_part(const Digest& digest, uint64_t offset, std::span<std::byte> buffer) const {
    base::MemorySink sink(buffer.size());
    SEALIFT_TRY(artifact_.read(digest, {offset, buffer.size()}, sink));
    std::ranges::copy(sink.data(), buffer.begin());
    return {};
  }

  const format::PayloadReader& artifact_;
  distribution::Registry& registry_;
  base::Progress& progress_;
};

uint64_t bytes_of(const std::vector<Job>& jobs) {
  uint64_t out = 0;
  for (const auto& job : jobs) {
    for (const auto& platform : job.image->platforms) {
      out += platform.config.size;
      for (const auto& layer : platform.layers) out += layer.size;
    }
  }
  return out;
}

}  // namespace

Result<std::vector<SentImage>> push_images(const format::PayloadReader& artifact, const std::string& prefix,
                                           Naming naming, const PushOptions& options, Clock& clock, EventSink& events,
                                           const CancelToken& cancel) {
  SEALIFT_ASSIGN(const auto jobs, jobs_of(artifact.contents(), prefix, naming));
  std::vector<SentImage> out(jobs.size());
  if (jobs.empty()) return out;
  SEALIFT_ASSIGN(const auto session, Session::open(jobs.front().to.registry, options.registries, clock));
  const uint64_t bytes = bytes_of(jobs);
  base::tell(events, Level::info,
             std::format("pushing {} of {} to {}", base::counted(jobs.size(), "image", "images"),
                         base::human_bytes(bytes), prefix));
  base::Progress progress(events, "push", bytes);
  ImagePusher pusher(artifact, session->remote(), progress);
  SEALIFT_TRY(base::try_parallel(jobs.size(), sources::kRequests, cancel,
                                 [&](size_t i, const CancelToken& stop) -> Result<void> {
                                   auto sent = pusher.send(jobs[i], stop);
                                   if (!sent)
                                     return fail_while(std::move(sent).error(), "pushing " + jobs[i].from.text());
                                   out[i] = std::move(*sent);
                                   return {};
                                 }));
  return out;
}

}  // namespace sealift::registry
