// SPDX-License-Identifier: Apache-2.0
//
// Writes objects whose bytes are on this machine: frames of bases, what is compressed, what is stored as it is.
#pragma once

#include <set>
#include <span>
#include <vector>

#include "payload/writer/frame_workers.h"
#include "payload/writer/plan.h"
#include "payload/writer/writer_state.h"

namespace sealift::writer {

// How much these three read together, in bytes: progress goes up to there.
uint64_t work_of(std::span<const PlacedFrame> base_frames, const StoredObjects& objects);

// To the places that they have. What comes to share the extents of a verified base counts as read back.
Result<void> copy_base_frames(std::span<PlacedFrame> frames, const std::set<const format::PayloadReader*>& verified,
                              const Target& target, const CancelToken& cancel, Progress& progress);
// Reads what is compressed, in the order of its places, and lets the workers write it. `corrupt` if an object is not
// what it was when it was added.
Result<std::vector<format::Frame>> compress(const LayoutBuilder& layout, const StoredObjects& objects,
                                            FrameWorkers& workers, const CancelToken& cancel, Progress& progress);
// Raw objects, except for those that are reserved. Errors as above.
Result<void> fill_raw(PlacedPayload& payload, const StoredObjects& objects, unsigned threads, const CancelToken& cancel,
                      Progress& progress);

}  // namespace sealift::writer
