// SPDX-License-Identifier: Apache-2.0
//
// The agent's `node adopt` on a fake machine: copies the frames that the machine's other payloads have, as
// runtime/node/adopt.h says.
#pragma once

#include <algorithm>
#include <map>

#include "payload/base/format.h"
#include "payload/format/reader.h"
#include "runtime/node/adopt.h"
#include "tests/support/fake_host.h"

namespace sealift::tests {

inline Result<base::ExitStatus> play_adopt(FakeMachine& machine, const format::PayloadReader& payload,
                                           const base::Command& command) {
  const auto after = [&](std::string_view word) {
    const auto found = std::ranges::find(command.argv, word);
    return found == command.argv.end() ? std::string() : *(found + 1);
  };
  const auto path = after("--payload");
  const auto& list = machine.world.files.at(after("--frames"));
  SEALIFT_ASSIGN(const auto wanted, node::offsets_of(base::as_text(list.content)));
  std::map<Digest, Bytes> there;
  for (const auto& [name, store] : machine.world.stores) {
    if (name == path) continue;
    for (const auto& [offset, bytes] : store.frames) there.emplace(hash::sha256(bytes), bytes);
  }
  uint64_t copied = 0;
  auto& own = machine.world.stores.at(path);
  for (const auto& frame : payload.all_frames()) {
    const auto found = there.find(frame.stored_hash);
    if (found == there.end() || !wanted.contains(frame.offset) || own.frames.contains(frame.offset)) continue;
    own.frames[frame.offset] = found->second;
    copied += found->second.size();
  }
  return base::ExitStatus{0, base::format("{}\n", copied), ""};
}

}  // namespace sealift::tests
