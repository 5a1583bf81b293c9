// SPDX-License-Identifier: Apache-2.0
#include "packer/registry/push_images.h"

#include <algorithm>
#include <map>

#include "packer/registry/session.h"
#include "payload/base/count.h"
#include "payload/base/format.h"
#include "payload/base/parallel.h"
#include "payload/base/progress.h"
#include "payload/base/text.h"
#include "payload/upload/image_upload.h"

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
  out->repository.resize(out->repository.size() - std::min<size_t>(out->repository.size(), 2));  // "a/x", or "x"
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
    if (naming == Naming::scoped) {
      SEALIFT_ASSIGN(to.repository, image::external_repository(begin.repository, from.registry, from.repository));
    } else {
      to.repository = begin.repository + (begin.repository.empty() ? "" : "/") + from.repository;
    }
    const auto [other, is_new] = taken.try_emplace(to.text(), image.name);
    if (!is_new)
      return fail(ErrorCode::invalid_input, "{} and {} would both be {}; keep them apart with --scoped", other->second,
                  image.name, to.text());
    out.push_back({&image, std::move(from), std::move(to)});
  }
  return out;
}

uint64_t bytes_of(const std::vector<Job>& jobs) {
  uint64_t out = 0;
  for (const auto& job : jobs) out += upload::ImageUpload::bytes_of(*job.image);
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
             base::format("pushing {} of {} to {}", base::counted(jobs.size(), "image", "images"),
                          base::human_bytes(bytes), prefix));
  base::Progress progress(events, "push", bytes);
  upload::ImageUpload images(
      artifact, session->remote(), [&](uint64_t sent) { progress.add(sent); }, upload::WholeIndex::left_out);
  SEALIFT_TRY(base::try_parallel(jobs.size(), sources::kRequests, cancel,
                                 [&](size_t i, const CancelToken& stop) -> Result<void> {
                                   const auto& job = jobs[i];
                                   auto sent = images.send({job.image, job.to.repository, job.to.tag}, stop);
                                   if (!sent) return fail_while(std::move(sent).error(), "pushing " + job.from.text());
                                   out[i] = {job.image->name, job.to.text(), sent->root, sent->is_reduced};
                                   return {};
                                 }));
  return out;
}

}  // namespace sealift::registry
