// SPDX-License-Identifier: Apache-2.0
#include "packer/resolve/images.h"

#include <algorithm>

#include "packer/resolve/walk.h"
#include "payload/base/count.h"
#include "payload/base/format.h"
#include "payload/base/parallel.h"
#include "payload/base/retry.h"
#include "payload/base/text.h"

namespace sealift::resolve {
Result<void> ImageLines::take(const AddImage& line, std::string reason, const Place& line_place) {
  SEALIFT_ASSIGN(auto* source, source_of(line.from));
  if (!line.is_list) return add(line.name, source, {std::move(reason), line_place}, line_place.line);
  SEALIFT_ASSIGN(const auto list, named_file(line.name, "list", context_, "IMAGE takes a list"));
  const auto text = base::read_text_file(list.source, size_t{4} << 20);
  if (!text) return bad(line.name.place, text.error().what);
  int number = 0;
  for (const auto part : base::split(*text, '\n')) {
    ++number;
    const auto name = base::trim(part);
    if (name.empty() || name.starts_with('#')) continue;
    const Place place{line.name.text, number};
    SEALIFT_TRY(add({std::string(name), place}, source, {reason, place}, line_place.line));
  }
  return {};
}

Result<void> ImageLines::add(const Word& name, sources::ImageSource* source, Origin origin, int line) {
  auto reference = image::parse_reference(name.text);
  if (!reference) return bad(name.place, reference.error().what);
  // A list may name what another one does.
  const auto is_same = [&](const ImageInput& other) { return other.reference == *reference && other.source == source; };
  if (std::ranges::any_of(inputs_.images, is_same)) return {};
  inputs_.images.push_back({std::move(*reference), {}, source, std::move(origin), line});
  return {};
}

Result<void> ImageLines::add_wanted(std::vector<Wanted> wanted) {
  size_t count = 0;
  for (auto& one : wanted) {
    if (inputs_.contents.find_image(one.reference) != nullptr ||
        std::ranges::contains(inputs_.images, one.reference, &ImageInput::reference))
      continue;
    SEALIFT_ASSIGN(auto* source, source_of(std::nullopt));
    const int line = one.place.line;
    inputs_.images.push_back(
        {std::move(one.reference), {}, source, {std::move(one.reason), std::move(one.place), true}, line});
    ++count;
  }
  if (!wanted.empty())
    base::tell(events_, Level::info,
               base::format("{} found in the applications, {} of them named by no IMAGE line",
                            base::counted(wanted.size(), "image", "images"), count));
  return {};
}

Result<void> ImageLines::open_given() {
  if (!request_.images) return {};
  auto source = source_of(std::nullopt);
  if (source) return {};
  return fail(source.error().code, "--images {}: {}", base::printable(*request_.images), source.error().text());
}

// `from`: as in --from, or none for the default.
Result<sources::ImageSource*> ImageLines::source_of(const std::optional<std::string>& from) {
  const auto& spec = from ? from : request_.images;
  auto& source = inputs_.sources[from ? "from " + *from : ""];
  if (source) return source.get();
  if (spec) {
    const auto tools = request_.tools.value_or("");
    SEALIFT_ASSIGN(source, from ? sources::open_source(*spec, request_.context, sources::Names::any, tools)
                                : sources::open_source(*spec, {}, sources::Names::full, tools));
  } else {
    SEALIFT_ASSIGN(source, sources::open_registries(request_.registries, clock_));
  }
  return source.get();
}

// By the lock's digest, so that a tag that has moved does not count. What files hold is like any other file of the
// context: what is there is packed.
image::Reference ImageLines::locked(const ImageInput& image) const {
  const auto& known = inputs_.locks.known.images;
  const auto entry = known.find(image.reference.text());
  auto out = image.reference;
  if (entry == known.end() || out.digest || !is_registry(image.source)) return out;
  out.digest = entry->second.root;
  return out;
}

bool ImageLines::is_registry(const sources::ImageSource* source) const {
  const auto registries = inputs_.sources.find("");
  return !request_.images && registries != inputs_.sources.end() && registries->second.get() == source;
}

// Further images at the end: a blob that an image has as a layer is then measured as one.
Result<void> ImageLines::plan_referrers() {
  const size_t first = planned_;
  const auto images = std::span(inputs_.images).subspan(first);
  std::vector<std::vector<sources::ImagePlan>> found(images.size());
  SEALIFT_TRY(base::try_parallel(
      images.size(), sources::kRequests, cancel_, [&](size_t i, const CancelToken& stop) -> Result<void> {
        const auto& image = images[i];
        auto plans =
            sources::plan_referrers(*image.source, image.reference, image.plan, request_.platforms.front(), stop);
        if (!plans)
          return fail_while(std::move(plans).error(), base::format("looking for what refers to {} ({})",
                                                                   image.reference.text(), image.origin.place.text()));
        found[i] = std::move(*plans);
        return {};
      }));
  for (size_t i = 0; i < found.size(); ++i) {
    for (auto& plan : found[i]) {
      SEALIFT_ASSIGN(auto reference, image::parse_reference(plan.image.name));
      const auto& of = inputs_.images[first + i];
      inputs_.images.push_back({std::move(reference), std::move(plan), of.source, of.origin, of.line});
    }
  }
  return {};
}

Result<void> ImageLines::plan(ImageInput& image, const CancelToken& stop) const {
  const auto reference = locked(image);
  auto plan = sources::plan_image(*image.source, reference, request_.platforms, stop);
  if (!plan) {
    auto failed = fail_while(std::move(plan).error(),
                             base::format("resolving {} ({}{})", image.reference.text(), image.origin.place.text(),
                                          image.origin.is_line() ? "" : ", " + image.origin.reason));
    const bool is_gone = reference != image.reference && failed.error().code == ErrorCode::not_found;
    return is_gone ? fail_locked(std::move(failed).error(), inputs_.locks, image.reference.text()) : failed;
  }
  image.plan = std::move(*plan);
  image.plan.image.name = image.reference.text();
  return {};
}

void ImageLines::tell(Problems& problems) {
  std::ranges::stable_sort(failed_, {}, &std::pair<int, Error>::first);
  for (auto& [line, error] : std::exchange(failed_, {})) problems.add(std::move(error));
}

Result<void> ImageLines::plan() {
  const auto is_silence = [](const Error& error) { return base::may_pass(error.code); };
  if (std::ranges::any_of(failed_, is_silence, &std::pair<int, Error>::second)) return {};
  const auto images = std::span(inputs_.images).subspan(planned_);
  std::vector<Result<void>> done(images.size());
  CancelSource rest(cancel_);  // each attempt at a machine that does not answer takes long
  const auto ran = base::try_parallel(images.size(), sources::kRequests, rest.token(),
                                      [&](size_t i, const CancelToken& stop) -> Result<void> {
                                        done[i] = plan(images[i], stop);
                                        if (!done[i] && is_silence(done[i].error())) rest.cancel();
                                        return {};
                                      });
  SEALIFT_TRY(cancel_.check());
  for (size_t i = 0; i < done.size(); ++i) {
    if (!done[i] && done[i].error().code != ErrorCode::cancelled)
      failed_.emplace_back(images[i].line, std::move(done[i]).error());
  }
  if (!ran && failed_.empty()) return ran;
  if (request_.with_referrers && failed_.empty()) SEALIFT_TRY(plan_referrers());
  record();
  return {};
}

// What could be planned, and what refers to it.
void ImageLines::record() {
  for (auto& image : std::span(inputs_.images).subspan(planned_)) {
    if (image.plan.image.name.empty()) continue;
    uint64_t bytes = 0;
    for (const auto& blob : image.plan.blobs) bytes += blob.descriptor.size;
    const auto& substitutes = image.plan.substitutes;
    auto& packed = image.plan.image;
    if (image.origin.is_line()) packed.reason = image.origin.reason;
    if (!image.reference.digest) {
      auto& entry = inputs_.locks.used.images[packed.name];
      entry.root = packed.root.digest;
      for (const auto& platform : packed.platforms) entry.platforms[platform.architecture] = platform.manifest.digest;
    }
    base::tell(events_, Level::info,
               base::format("IMAGE {}: {}{}", packed.name, base::human_bytes(bytes),
                            substitutes.empty() ? "" : ", " + base::join(substitutes, ", ")));
    std::erase_if(inputs_.contents.images, [&](const format::Image& other) { return other.name == packed.name; });
    inputs_.contents.images.push_back(packed);
  }
  planned_ = inputs_.images.size();
}

}  // namespace sealift::resolve
