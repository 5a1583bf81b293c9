// SPDX-License-Identifier: Apache-2.0
// Where secrets lie in memory, and what others may see of it.
#include "payload/base/secret.h"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <charconv>
#include <cstring>
#include <functional>

#include "payload/base/file.h"
#include "payload/base/text.h"

using namespace sealift;

namespace {

// The flags of the memory that holds this address, as the kernel shows them: "rd wr mr mw me lo ac dd ".
std::string flags_of(const void* at) {
  const auto smaps = base::read_text_file("/proc/self/smaps", size_t{64} << 20);
  REQUIRE(smaps);
  bool is_here = false;
  for (const auto line : base::split(*smaps, '\n')) {
    if (is_here && line.starts_with("VmFlags:")) return std::string(line.substr(8));
    uintptr_t begin = 0, end = 0;
    const auto [dash, error] = std::from_chars(line.data(), line.data() + line.size(), begin, 16);
    if (error != std::errc{} || dash == line.data() + line.size() || *dash != '-') continue;
    std::from_chars(dash + 1, line.data() + line.size(), end, 16);
    const auto address = reinterpret_cast<uintptr_t>(at);  // NOLINT: a number to compare
    is_here = address >= begin && address < end;
  }
  return {};
}

bool in_child(const std::function<bool()>& look) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(look() ? 0 : 1);
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace

TEST_CASE("secrets are in no core dump, copies too, and are locked while there is room for that") {
  const Secret secret("open sesame"), copy = secret;
  for (const auto* one : {&secret, &copy}) {
    const auto flags = flags_of(one->reveal().data());
    CHECK(flags.contains(" dd"));
    CHECK(flags.contains(" lo"));
  }
  CHECK(copy.reveal() == "open sesame");
  CHECK(copy.reveal().data() != secret.reveal().data());
}

TEST_CASE("secrets beyond what may be locked are secrets all the same") {
  CHECK(in_child([] {
    const rlimit none{0, 0};
    if (::setrlimit(RLIMIT_MEMLOCK, &none) != 0) return false;
    const Secret secret(std::string(100'000, 'x'));
    return secret.reveal() == std::string(100'000, 'x');
  }));
}

TEST_CASE("the string that a secret came in is overwritten") {
  std::string text("a long one, which is not within the string itself");
  const char* at = text.data();
  const size_t size = text.size();
  std::string kept;
  {
    const Secret secret(std::move(text));
    CHECK(secret.reveal().starts_with("a long one"));
  }
  // The string's memory is free now: read through the kernel, which does not mind (and is not asked by a sanitizer).
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  kept.resize(size);
  if (::syscall(SYS_write, ends[1], at, size) == static_cast<long>(size)) CHECK(::read(ends[0], kept.data(), size) > 0);
  ::close(ends[0]);
  ::close(ends[1]);
  CHECK_FALSE(kept.contains("within the string"));
}

TEST_CASE("assigning secrets") {
  Secret one("one"), two("two");
  one = two;
  CHECK(one == two);
  two = Secret();
  CHECK(two.empty());
  CHECK(one.reveal() == "two");
  auto& same = one;
  one = same;
  CHECK(one.reveal() == "two");
  CHECK(Secret("") == Secret());
}

TEST_CASE("a program that keeps its memory private leaves no core and is open to no other process") {
  CHECK(in_child([] {
    base::keep_memory_private();
    rlimit core{1, 1};
    ::getrlimit(RLIMIT_CORE, &core);
#if __has_feature(address_sanitizer)
    return core.rlim_max == 0;
#else
    return core.rlim_max == 0 && ::prctl(PR_GET_DUMPABLE) == 0;
#endif
  }));
}
