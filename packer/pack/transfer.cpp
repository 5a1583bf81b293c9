// SPDX-License-Identifier: Apache-2.0
#include "packer/pack/transfer.h"

#include <algorithm>

#include "payload/base/format.h"
#include "payload/base/text.h"

namespace sealift::pack {
namespace {

constexpr Duration kBetweenEvents{200};

std::string rate(uint64_t bytes, Duration time) {
  const auto milliseconds = static_cast<uint64_t>(std::max<int64_t>(time.count(), 1));
  return base::human_bytes(bytes * 1000 / milliseconds) + "/s";
}

}  // namespace

void Transfer::expect(const resolve::ImageInput& image, uint64_t size) {
  const std::lock_guard guard(mutex_);
  auto& pending = pending_[&image];
  ++pending.blobs;
  pending.bytes += size;
  total_ += size;
}

Result<void> Transfer::Counted::write(ByteView data) {
  SEALIFT_TRY(sink_.write(data));
  const std::lock_guard guard(transfer_.mutex_);
  auto& began = transfer_.pending_.at(&image_).began;
  if (!began) began = transfer_.clock_.monotonic();
  transfer_.done_ = std::min(transfer_.done_ + data.size(), transfer_.total_);
  transfer_.progress();
  return {};
}

void Transfer::progress() {
  const auto now = clock_.monotonic();
  if (told_ && now - *told_ < kBetweenEvents && done_ != total_) return;
  told_ = now;
  Event event;
  event.kind = base::EventKind::progress;
  event.step = "images";
  event.done = done_;
  event.total = total_;
  event.time = clock_.now();
  events_.on(event);
}

void Transfer::arrived(const resolve::ImageInput& image, Here here) {
  const std::lock_guard guard(mutex_);
  auto& pending = pending_[&image];
  pending.here.from_previous += here.from_previous;
  pending.here.from_interrupted += here.from_interrupted;
  done_ = std::min(done_ + here.from_interrupted + here.from_previous, total_);
  if (--pending.blobs != 0) return;
  const auto took = clock_.monotonic() - pending.began.value_or(clock_.monotonic());
  std::string from = image.source->place_of(image.reference);
  for (const auto& [bytes, where] : {std::pair{pending.here.from_previous, "the artifact that is there"},
                                     std::pair{pending.here.from_interrupted, "an interrupted build"}}) {
    if (bytes == pending.bytes)
      from = where;
    else if (bytes != 0)
      from += base::format(", {} of it from {}", base::human_bytes(bytes), where);
  }
  base::tell(events_, Level::info,
             base::format("packed {}: {} at {} from {}", image.reference.text(), base::human_bytes(pending.bytes),
                          rate(pending.bytes, took), from));
}

}  // namespace sealift::pack
