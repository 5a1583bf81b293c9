// SPDX-License-Identifier: Apache-2.0
//
// What a payload on a registry host has in common with the others that lie there, as its artifact's former version: the
// frames of the same hash are copied on the host instead of being sent to it.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>

#include "payload/base/error.h"

namespace sealift::node {

// Offsets of frames, one decimal number a line. Errors: protocol.
Result<std::set<uint64_t>> offsets_of(std::string_view text);

// `payload`: its file, of which the metadata is there. Of the frames at the offsets `wanted` those that it lacks are
// taken from the other payloads of its folder, whole or not, each after a look at its hash. Other payloads that can't
// be read are passed over. Returns the bytes copied. Errors: those of the file itself, and of writing.
Result<uint64_t> adopt_frames(const std::string& payload, const std::set<uint64_t>& wanted);

}  // namespace sealift::node
