// SPDX-License-Identifier: Apache-2.0
// A Kubefile from hostile bytes: each line is an instruction or a problem with a place in the file.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "packer/resolve/kubefile.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sealift;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto kubefile = resolve::parse_kubefile(text, "Kubefile", {{"VERSION", "1.0"}});
  const auto lines = static_cast<size_t>(std::ranges::count(text, '\n')) + 1;
  if (kubefile.instructions.size() > lines) std::abort();
  for (const auto& instruction : kubefile.instructions) {
    if (instruction.place.line < 1 || static_cast<size_t>(instruction.place.line) > lines) std::abort();
    const auto verbs = resolve::verbs();
    if (std::ranges::find(verbs, instruction.verb, &resolve::Verb::word) == verbs.end()) std::abort();
  }
  return 0;
}
