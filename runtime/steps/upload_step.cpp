// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/upload_step.h"

#include <algorithm>
#include <atomic>
#include <mutex>

#include "payload/base/count.h"
#include "payload/base/format.h"
#include "payload/base/parallel.h"
#include "payload/base/text.h"
#include "payload/image/reference.h"
#include "runtime/steps/payload_step.h"

namespace sealift::steps {
namespace {

constexpr unsigned kSentAtOnce = 4, kAskedAtOnce = 8;

std::vector<const format::Image*> images_of(const Model& model, UploadPart part) {
  const auto first = first_images(model);
  auto out = model.selected_images();
  std::erase_if(out, [&](const format::Image* image) {
    return std::ranges::contains(first, image->name) != (part == UploadPart::first);
  });
  return out;
}

std::string describe_upload(const Model& model, UploadPart part) {
  const auto images = images_of(model, part);
  const auto count = images.size();
  uint64_t bytes = 0;
  for (const auto* image : images) bytes += upload::ImageUpload::bytes_of(*image);
  return base::format("upload {} ({}) to {}",
                      part == UploadPart::first
                          ? base::counted(count, "image of the cluster", "images of the cluster")
                          : base::counted(count, "image of the applications", "images of the applications"),
                      base::human_bytes(bytes), model.config.registry.external->url);
}

Digest inputs_of_upload(const Model& model, UploadPart part) {
  std::string text = model.config.registry.external->url;
  for (const auto* image : images_of(model, part))
    text += base::format("\n{} {}", image->name, image->root.digest.text());
  return digest_of({text});
}

}  // namespace

UploadStep::UploadStep(const Model& model, UploadPart part)
    : BasicStep(part == UploadPart::first ? "images.upload-first" : "images.upload", describe_upload(model, part),
                inputs_of_upload(model, part)),
      model_(model),
      part_(part) {}

Result<std::vector<upload::Target>> UploadStep::targets(const ExternalRegistry& registry) const {
  std::vector<upload::Target> out;
  for (const auto* image : images_of(model_, part_)) {
    SEALIFT_ASSIGN(const auto name, image::parse_reference(image->name));
    SEALIFT_ASSIGN(auto repository, registry.repository_of(name.registry, name.repository));
    out.push_back({image, std::move(repository), name.tag});
  }
  return out;
}

Result<engine::StepState> UploadStep::check(const engine::LookContext& context) {
  SEALIFT_ASSIGN(const auto registry, ExternalRegistry::open(*model_.config.registry.external, base::system_clock()));
  SEALIFT_ASSIGN(const auto wanted, targets(*registry));
  upload::ImageUpload images(model_.payload, registry->remote(), {}, upload::WholeIndex::beside);
  std::atomic<bool> all = true;
  auto asked = base::try_parallel(wanted.size(), kAskedAtOnce, context.cancel,
                                  [&](size_t i, const CancelToken& stop) -> Result<void> {
                                    if (!all) return {};
                                    SEALIFT_ASSIGN(const bool there, images.is_there(wanted[i], stop));
                                    if (!there) all = false;
                                    return {};
                                  });
  if (!asked) return fail(registry->explained(std::move(asked).error()));
  return all ? engine::StepState::done : engine::StepState::needed;
}

Result<void> UploadStep::apply(engine::StepContext& context) {
  SEALIFT_ASSIGN(const auto registry, ExternalRegistry::open(*model_.config.registry.external, context.clock));
  SEALIFT_ASSIGN(const auto wanted, targets(*registry));
  uint64_t total = 0, done = 0;
  for (const auto& target : wanted) total += upload::ImageUpload::bytes_of(*target.image);
  std::mutex mutex;
  upload::ImageUpload images(
      model_.payload, registry->remote(),
      [&](uint64_t bytes) {
        const std::lock_guard lock(mutex);
        done += bytes;
        context.progress(std::min(done, total), total);
      },
      upload::WholeIndex::beside);
  auto sent = base::try_parallel(wanted.size(), kSentAtOnce, context.cancel,
                                 [&](size_t i, const CancelToken& stop) -> Result<void> {
                                   SEALIFT_ASSIGN(const bool there, images.is_there(wanted[i], stop));
                                   if (there) return {};
                                   auto one = images.send(wanted[i], stop);
                                   if (!one)
                                     return fail_while(std::move(one).error(), "uploading " + wanted[i].image->name);
                                   return {};
                                 });
  if (!sent) return fail(registry->explained(std::move(sent).error()));
  return {};
}

}  // namespace sealift::steps
