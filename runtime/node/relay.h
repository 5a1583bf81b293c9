// SPDX-License-Identifier: Apache-2.0
//
// Passes the bytes of a blob's range on, however many pieces and senders they come from. A whole blob's last bytes are
// passed on only if its digest matches: so wrong bytes are never a complete answer.
#pragma once

#include <optional>
#include <string>

#include "payload/base/format.h"
#include "payload/hash/digest.h"
#include "runtime/node/blob_source.h"

namespace sealift::node {

// One thread. All arguments must outlive it.
class Relay final : public base::Sink {
 public:
  // `range` is within the blob.
  Relay(const BlobInfo& blob, format::ByteRange range, base::Sink& sink)
      : blob_(blob),
        whole_(range.size == blob.size),
        position_(range.offset),
        end_(range.offset + range.size),
        sink_(sink) {}

  // Errors: protocol if there are too many; corrupt; the sink's own.
  Result<void> write(ByteView data) override {
    if (data.size() > left()) return fail(ErrorCode::protocol, "received more bytes than were asked for");
    position_ += data.size();
    if (whole_) hasher_.update(data);
    Result<void> passed;
    if (whole_ && position_ == end_ && hasher_.finish() != blob_.digest) {
      passed = fail(ErrorCode::corrupt, "what came does not have the digest {}", blob_.digest.text());
    } else {
      passed = sink_.write(data);
    }
    if (!passed) failed_ = passed.error();
    return passed;
  }
  // Of the next byte in the blob.
  uint64_t position() const { return position_; }
  uint64_t left() const { return end_ - position_; }
  bool complete() const { return position_ == end_ && !failed_; }
  // An error that no other sender can fix.
  const std::optional<Error>& failed() const { return failed_; }
  std::string wanted() const { return base::format("bytes={}-{}", position_, end_ - 1); }

 private:
  const BlobInfo& blob_;
  bool whole_;
  uint64_t position_, end_;
  base::Sink& sink_;
  hash::Sha256 hasher_;
  std::optional<Error> failed_;
};

}  // namespace sealift::node
