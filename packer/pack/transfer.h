// SPDX-License-Identifier: Apache-2.0
//
// Tells how images arrive: how many bytes of all are here, and a line for each image that is complete.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "packer/resolve/inputs.h"
#include "payload/base/clock.h"
#include "payload/base/event.h"
#include "payload/base/stream.h"

namespace sealift::pack {

// How many of a blob's bytes were on this machine already.
struct Here {
  uint64_t from_previous = 0;     // the artifact that is replaced
  uint64_t from_interrupted = 0;  // what an interrupted build left
};

// Any thread.
class Transfer {
 public:
  // Both must outlive this.
  Transfer(Clock& clock, EventSink& events) : clock_(clock), events_(events) {}

  // Before anything arrives: a blob that will be fetched for this image.
  void expect(const resolve::ImageInput& image, uint64_t size);
  // Passes bytes on to `sink` and counts them. If a blob is begun again, its bytes count again.
  class Counted final : public base::Sink {
   public:
    Counted(Transfer& transfer, const resolve::ImageInput& image, base::Sink& sink)
        : transfer_(transfer), image_(image), sink_(sink) {}
    Result<void> write(ByteView data) override;

   private:
    Transfer& transfer_;
    const resolve::ImageInput& image_;
    base::Sink& sink_;
  };
  void arrived(const resolve::ImageInput& image, Here here);

 private:
  struct Pending {
    size_t blobs = 0;    // still to come
    uint64_t bytes = 0;  // of all its blobs
    Here here;           // of these
    std::optional<Duration> began;
  };
  void progress();

  Clock& clock_;
  EventSink& events_;
  std::mutex mutex_;
  std::map<const resolve::ImageInput*, Pending> pending_;
  uint64_t done_ = 0, total_ = 0;
  std::optional<Duration> told_;
};

}  // namespace sealift::pack
