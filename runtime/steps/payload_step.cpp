// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/payload_step.h"

#include <algorithm>
#include <mutex>
#include <set>

#include "payload/base/format.h"
#include "payload/base/parallel.h"
#include "payload/base/text.h"
#include "payload/format/references.h"
#include "runtime/steps/app_files.h"

namespace sealift::steps {
namespace {

// For copying within a host; 100 GB on a slow disk.
constexpr Duration kAdoptTime{3'600'000};

std::string describe_part(const Model& model, PayloadPart part) {
  const std::string size = base::human_bytes(model.payload.payload_size());
  if (part == PayloadPart::charts) return "send the charts of the applications";
  if (part == PayloadPart::charts_alone) return "free the images, which lie elsewhere now";
  if (part == PayloadPart::rest) return base::format("send the rest of the payload ({} in all)", size);
  return base::format("send {} ({} in all)",
                      model.makes_cluster() ? "the cluster's own images" : "the list of contents", size);
}

std::string id_of(PayloadPart part) {
  switch (part) {
    case PayloadPart::first: return "payload.first";
    case PayloadPart::rest: return "payload.rest";
    case PayloadPart::charts: return "payload.charts";
    case PayloadPart::charts_alone: return "payload.thin";
  }
  return {};
}

}  // namespace

std::vector<Digest> image_objects(const format::Contents& contents, const std::vector<std::string>& names) {
  std::vector<Digest> out;
  std::set<Digest> seen;
  const auto add = [&](const Digest& digest) {
    if (seen.insert(digest).second) out.push_back(digest);
  };
  for (const auto& name : names) {
    const auto* image = contents.find_image(name);
    if (image == nullptr) continue;
    add(image->root.digest);
    for (const auto& inner : image->inner_indexes) add(inner.object.digest);
    for (const auto& platform : image->platforms) {
      add(platform.manifest.digest);
      add(platform.config.digest);
      for (const auto& layer : platform.layers) add(layer.digest);
    }
  }
  return out;
}

std::vector<std::string> first_images(const Model& model) {
  std::vector<std::string> out;
  for (const auto& [role, name] : model.base.images) out.push_back(name);
  for (const auto& app : model.apps) {
    if (!app.app->is_network) continue;
    for (const auto& use : app.app->uses) {
      if (!std::ranges::contains(out, use.image)) out.push_back(use.image);
    }
  }
  return out;
}

Result<std::vector<format::Frame>> needed_frames(const Model& model) {
  auto all = model.payload.all_frames();
  const auto images = model.selected_images();
  if (images.size() == model.contents().images.size()) return all;
  std::set<std::string_view> names;
  for (const auto* image : images) names.insert(image->name);
  std::vector<Digest> objects;
  SEALIFT_TRY(format::for_each_reference(model.contents(), [&](const format::Reference& reference) -> Result<void> {
    const bool of_image = reference.part != format::Part::program && reference.part != format::Part::file;
    if (!of_image || names.contains(reference.of)) objects.push_back(reference.object.digest);
    return {};
  }));
  SEALIFT_ASSIGN(auto frames, model.payload.frames_of(objects));
  std::ranges::sort(frames, {}, &format::Frame::offset);
  return frames;
}

Result<uint64_t> needed_bytes(const Model& model) {
  SEALIFT_ASSIGN(const auto frames, needed_frames(model));
  uint64_t out = 0;
  for (const auto& frame : frames) out += frame.stored_size;
  for (const auto& range : model.payload.skeleton()) out += range.size;
  return out;
}

PayloadStep::PayloadStep(const Model& model, const Node& node, PayloadPart part)
    : BasicStep(id_of(part), describe_part(model, part), model.payload.identity()),
      model_(model),
      path_(model.payload_path(node.config)),
      part_(part) {}

// The metadata as sent: ranges cut into pieces, which the host tracks one by one.
std::vector<format::ByteRange> PayloadStep::metadata_pieces() const {
  constexpr uint64_t kPiece = uint64_t{8} << 20;
  std::vector<format::ByteRange> out;
  for (const auto& range : model_.payload.skeleton()) {
    for (uint64_t at = 0; at < range.size; at += kPiece)
      out.push_back({range.offset + at, std::min(kPiece, range.size - at)});
  }
  return out;
}

Result<std::vector<format::Frame>> PayloadStep::wanted_frames() const {
  const bool charts = part_ == PayloadPart::charts || part_ == PayloadPart::charts_alone;
  auto objects = charts ? std::vector<Digest>() : image_objects(model_.contents(), first_images(model_));
  // The network is installed before the rest is there.
  for (const auto& app : model_.apps) {
    if (!charts && !app.app->is_network) continue;
    for (const auto& [path, file] : app_files(model_.contents(), *app.app)) objects.push_back(file.object.digest);
  }
  SEALIFT_ASSIGN(auto frames, model_.payload.frames_of(objects));
  if (part_ != PayloadPart::rest) return frames;
  std::set<uint64_t> first;
  for (const auto& frame : frames) first.insert(frame.offset);
  SEALIFT_ASSIGN(const auto needed, needed_frames(model_));
  for (const auto& frame : needed) {
    if (!first.contains(frame.offset)) frames.push_back(frame);
  }
  return frames;
}

// With these frames the host has the whole payload, which is then marked as complete.
bool PayloadStep::completes(const std::vector<format::Frame>& frames) const {
  return part_ == PayloadPart::rest && frames.size() == model_.payload.all_frames().size();
}

Result<engine::StepState> PayloadStep::check(const engine::LookContext& context) {
  SEALIFT_ASSIGN(const auto state, context.host.store_state(path_));
  const bool alone = part_ == PayloadPart::charts_alone;
  if (state.complete) return alone ? engine::StepState::needed : engine::StepState::done;
  SEALIFT_ASSIGN(const auto frames, wanted_frames());
  if (alone && state.frames.size() > frames.size() + metadata_pieces().size()) return engine::StepState::needed;
  if (completes(frames)) return engine::StepState::needed;
  for (const auto& piece : metadata_pieces()) {
    if (!std::ranges::binary_search(state.frames, piece.offset)) return engine::StepState::needed;
  }
  const bool all = std::ranges::all_of(
      frames, [&](const format::Frame& frame) { return std::ranges::binary_search(state.frames, frame.offset); });
  return all ? engine::StepState::done : engine::StepState::needed;
}

Result<void> PayloadStep::send(engine::StepContext& context, uint64_t offset, uint64_t size, const Digest* expected) {
  Bytes piece(size);
  SEALIFT_TRY(model_.payload.file().read_at(model_.payload.payload_offset() + offset, piece));
  const Digest digest = hash::sha256(piece);
  // A frame's hash is in the index; the metadata was checked as a whole when the artifact was opened.
  if (expected != nullptr && digest != *expected) {
    return fail(ErrorCode::corrupt,
                "the artifact is damaged at offset {}: the frame's hash differs; run `verify` and copy the file again",
                offset);
  }
  return context.host.store_write(path_, model_.payload.payload_size(), offset, digest, piece, reason());
}

Result<bool> PayloadStep::adopt(engine::StepContext& context, const std::vector<format::Frame>& frames,
                                const host::StoreState& state) {
  const auto slash = path_.rfind('/');
  SEALIFT_ASSIGN(const auto names, context.host.list(path_.substr(0, slash)));
  const auto is_other = [&](const std::string& name) {
    return name.ends_with(".payload") && name != path_.substr(slash + 1);
  };
  std::string missing;
  for (const auto& frame : frames) {
    if (!std::ranges::binary_search(state.frames, frame.offset)) missing += base::format("{}\n", frame.offset);
  }
  if (missing.empty() || std::ranges::none_of(names, is_other)) return false;
  const std::string folder = base::format("{}/adopt", kRunDirectory), list = folder + "/frames";
  SEALIFT_TRY(context.host.make_directory(folder, {0700, 0, 0}, reason()));
  base::MemorySource source(base::as_bytes(missing));
  SEALIFT_TRY(context.host.write_atomic(list, {0600, 0, 0}, source, reason()));
  const base::Command command{
      {"/proc/self/exe", "node", "adopt", "--payload", path_, "--frames", list}, {}, "/", kAdoptTime};
  SEALIFT_ASSIGN(const auto printed,
                 base::output_of(command, context.host.run_job("sealift-adopt", command, reason(), context.cancel)));
  SEALIFT_TRY(context.host.take_away(host::Trace::Kind::path, folder, reason()));
  const auto bytes = base::parse_u64(base::trim(printed)).value_or(0);
  if (bytes == 0) return false;
  base::tell(context.events, Level::info,
             base::format("{} of it were there already, in other payloads", base::human_bytes(bytes)),
             context.host_name);
  return true;
}

// Several at a time: while the host hashes and writes one, the next is on the line.
Result<void> PayloadStep::send_frames(engine::StepContext& context, const std::vector<format::Frame>& frames,
                                      const std::function<bool(uint64_t)>& is_there) {
  constexpr unsigned kAtOnce = 3;
  uint64_t total = 0, done = 0;
  for (const auto& frame : frames) total += frame.stored_size;
  std::mutex mutex;
  return base::try_parallel(frames.size(), kAtOnce, context.cancel, [&](size_t i, const CancelToken&) -> Result<void> {
    const auto& frame = frames[i];
    if (!is_there(frame.offset)) SEALIFT_TRY(send(context, frame.offset, frame.stored_size, &frame.stored_hash));
    const std::lock_guard lock(mutex);
    done += frame.stored_size;
    context.progress(done, total);
    return {};
  });
}

Result<void> PayloadStep::apply(engine::StepContext& context) {
  if (part_ == PayloadPart::charts_alone) {
    for (const auto& path : {path_, path_ + ".state"})
      SEALIFT_TRY(context.host.take_away(host::Trace::Kind::path, path, reason()));
  }
  SEALIFT_ASSIGN(auto state, context.host.store_state(path_));
  const auto folder = path_.substr(0, path_.rfind('/'));
  // Its files may hold what only some users of a host may read: FILE --mode=0600, values of charts.
  SEALIFT_TRY(context.host.make_directory(folder, {0700, 0, 0}, reason()));
  const auto is_there = [&](uint64_t offset) { return std::ranges::binary_search(state.frames, offset); };
  SEALIFT_ASSIGN(const auto frames, wanted_frames());
  // The metadata first: with it the host can tell what it has.
  for (const auto& piece : metadata_pieces()) {
    if (!is_there(piece.offset)) SEALIFT_TRY(send(context, piece.offset, piece.size, nullptr));
  }
  SEALIFT_ASSIGN(const bool adopted, adopt(context, frames, state));
  if (adopted) {
    SEALIFT_ASSIGN(state, context.host.store_state(path_));
  }
  SEALIFT_TRY(send_frames(context, frames, is_there));
  if (completes(frames)) return context.host.store_finish(path_, reason());
  // The query makes the written pieces count: from now on the mirror serves them.
  return context.host.store_state(path_).transform([](const auto&) {});
}

}  // namespace sealift::steps
