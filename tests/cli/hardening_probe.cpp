// SPDX-License-Identifier: Apache-2.0
//
// Reads one element behind the end of a span. With the flags of the programs that ship the library must end it.
#include <array>
#include <cstdio>
#include <span>

int main(int argc, char**) {
  const std::array<int, 4> values{1, 2, 3, 4};
  const std::span<const int> view(values);
  const auto index = static_cast<size_t>(argc) + 3;  // 4, and the compiler can't know
  std::printf("read %d behind the end\n", view[index]);
  return 0;
}
