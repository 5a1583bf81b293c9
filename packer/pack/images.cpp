// SPDX-License-Identifier: Apache-2.0
#include "packer/pack/images.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include "packer/resolve/tree.h"
#include "payload/base/parallel.h"
#include "payload/base/text.h"

namespace sealift::pack {
namespace {

// Requests at once: what registries and a person's line bear; more is no faster.
constexpr unsigned kRequests = 4;

}  // namespace

struct ImagePacker::Batch {
  struct Entry {
    const resolve::Instruction* line = nullptr;
    sources::ImageSource* source = nullptr;
    image::Reference reference;
    sources::ImagePlan plan;
    uint64_t bytes() const {
      uint64_t out = 0;
      for (const auto& blob : plan.blobs) out += blob.descriptor.size;
      return out;
    }
  };
  std::vector<Entry> entries;
};

Result<sources::ImageSource*> ImagePacker::source_for(const resolve::Instruction& line) {
  auto& source = sources_[line.layout.value_or("")];
  if (source) return source.get();
  if (line.layout) {
    SEALIFT_ASSIGN(source, sources::open_oci_layout(resolve::in_context(options_.context, *line.layout)));
  } else {
    auto registries = options_.registries;
    // Beside the output: blobs may be larger than /tmp.
    registries.temporary = std::filesystem::path(options_.output).parent_path().string();
    if (registries.temporary.empty()) registries.temporary = ".";
    SEALIFT_ASSIGN(source, sources::open_registries(std::move(registries), clock_));
  }
  return source.get();
}

Result<void> ImagePacker::plan(Batch& batch, const CancelToken& cancel) {
  return base::try_parallel(batch.entries.size(), kRequests, cancel, [&](size_t i, const CancelToken& stop) -> Result<void> {
    auto& entry = batch.entries[i];
    auto plan = sources::plan_image(*entry.source, entry.reference, options_.platforms, stop);
    if (!plan) return fail_while(std::move(plan).error(), std::format("carrying out {}", entry.line->place.text()));
    entry.plan = std::move(*plan);
    return {};
  });
}

// Fetching goes on in parallel, packing one by one.
Result<void> ImagePacker::fetch(Batch& batch, writer::PayloadWriter& writer, format::Contents& contents, const CancelToken& cancel) {
  struct Wanted {
    const Batch::Entry* entry = nullptr;
    const sources::ImagePlan::Blob* blob = nullptr;
  };
  std::vector<Wanted> wanted;
  std::set<Digest> seen;
  for (const auto& entry : batch.entries) {
    for (const auto& blob : entry.plan.blobs) {
      const auto& digest = blob.descriptor.digest;
      const bool packed = writer.has(digest) && (!blob.is_layer || contents.layers.contains(digest));
      if (!packed && seen.insert(digest).second) wanted.push_back({&entry, &blob});
    }
  }
  // The largest first: they decide how long it takes.
  std::ranges::stable_sort(wanted, std::greater{}, [](const Wanted& item) { return item.blob->descriptor.size; });
  std::mutex packing;
  const auto pack_one = [&](const Wanted& item, const CancelToken& stop) -> Result<void> {
    const auto& descriptor = item.blob->descriptor;
    SEALIFT_ASSIGN(const auto file, item.entry->source->blob(item.entry->reference, descriptor, stop));
    if (file->size() != descriptor.size) return fail(ErrorCode::corrupt, "{} has {} bytes, its manifest says {}", descriptor.digest.text(), file->size(), descriptor.size);
    std::optional<format::LayerInfo> layer;
    if (item.blob->is_layer) {
      base::FileSource bytes(*file);
      SEALIFT_ASSIGN(layer, sources::measure_layer(bytes, descriptor.media_type));
    }
    const std::lock_guard guard(packing);
    base::FileSource bytes(*file);
    SEALIFT_TRY(writer.add(bytes, writer::Storage::raw, descriptor.digest));
    if (layer) contents.layers[descriptor.digest] = *layer;
    return {};
  };
  return base::try_parallel(wanted.size(), kRequests, cancel, [&](size_t i, const CancelToken& stop) -> Result<void> {
    auto done = pack_one(wanted[i], stop);
    if (done) return {};
    const auto& entry = *wanted[i].entry;
    return fail_while(std::move(done).error(), std::format("packing {} ({})", entry.reference.text(), entry.line->place.text()));
  });
}

Result<void> ImagePacker::pack(std::span<const resolve::Instruction> lines, writer::PayloadWriter& writer, format::Contents& contents, const CancelToken& cancel) {
  Batch batch;
  for (const auto& line : lines) {
    auto reference = image::parse_reference(line.words[0]);
    if (!reference) return fail(ErrorCode::invalid_input, "{}: {}", line.place.text(), reference.error().what);
    auto source = source_for(line);
    if (!source) return fail_while(std::move(source).error(), std::format("carrying out {}", line.place.text()));
    batch.entries.push_back({&line, *source, std::move(*reference), {}});
  }
  SEALIFT_TRY(plan(batch, cancel));
  SEALIFT_TRY(fetch(batch, writer, contents, cancel));
  for (auto& entry : batch.entries) {
    for (const auto& document : entry.plan.documents) {
      base::MemorySource bytes(document.bytes);
      SEALIFT_TRY(writer.add(bytes, writer::Storage::raw, document.digest));
    }
    const auto& substitutes = entry.plan.substitutes;
    base::tell(events_, Level::info, std::format("IMAGE {}: {}{}", entry.plan.image.name, base::human_bytes(entry.bytes()), substitutes.empty() ? "" : ", " + base::join(substitutes, ", ")));
    std::erase_if(contents.images, [&](const format::Image& other) { return other.name == entry.plan.image.name; });
    contents.images.push_back(std::move(entry.plan.image));
  }
  return {};
}

}  // namespace sealift::pack
