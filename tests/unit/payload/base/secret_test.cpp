// SPDX-License-Identifier: Apache-2.0
// Where secrets lie in memory, and what is left of them.
#include "payload/base/secret.h"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <charconv>
#include <set>
#include <vector>

#include "payload/base/file.h"
#include "payload/base/text.h"

using namespace sealift;

namespace {

// The flags of the memory that holds this address, as the kernel shows them: " rd wr mr mw me lo ac dd".
std::string flags_of(const void* at) {
  const auto smaps = base::read_text_file("/proc/self/smaps", size_t{64} << 20);
  REQUIRE(smaps);
  const auto address = reinterpret_cast<uintptr_t>(at);  // NOLINT: a number to compare
  bool is_here = false;
  for (const auto line : base::split(*smaps, '\n')) {
    if (is_here && line.starts_with("VmFlags:")) return std::string(line.substr(8));
    uintptr_t begin = 0, end = 0;
    const char* const stop = line.data() + line.size();
    const auto [dash, error] = std::from_chars(line.data(), stop, begin, 16);
    if (error != std::errc{} || dash == stop || *dash != '-') continue;
    std::from_chars(dash + 1, stop, end, 16);
    is_here = address >= begin && address < end;
  }
  return {};
}

// What these bytes are now: asked of the kernel, which reads freed memory without complaint.
std::string bytes_at(const char* at, size_t size) {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  std::string out(size, '\0');
  // Not write(), which a sanitizer watches.
  const bool sent = ::syscall(SYS_write, ends[1], at, size) == static_cast<long>(size);
  if (!sent || ::read(ends[0], out.data(), size) != static_cast<ssize_t>(size)) out.clear();
  ::close(ends[0]);
  ::close(ends[1]);
  return out;
}

}  // namespace

TEST_CASE("secrets are in no core dump and in no swap, copies too, and many lie in the same pages") {
  const Secret secret("open sesame"), copy = secret;
  for (const auto* one : {&secret, &copy}) {
    const auto flags = flags_of(one->reveal().data());
    INFO(flags);
    CHECK(flags.contains(" dd"));
    CHECK(flags.contains(" lo"));
  }
  CHECK(copy == secret);
  CHECK(copy.reveal().data() != secret.reveal().data());
  std::vector<Secret> many;
  std::set<uintptr_t> pages;
  for (int i = 0; i < 200; ++i) {
    many.emplace_back("password of host " + std::to_string(i));
    pages.insert(reinterpret_cast<uintptr_t>(many.back().reveal().data()) / 4096);  // NOLINT: a number to count
  }
  CHECK(pages.size() <= 8);  // 32 KiB of the 64 KiB that old systems let a user lock
  CHECK(many[199].reveal() == "password of host 199");
}

TEST_CASE("secrets beyond what may be locked are secrets all the same") {
  const pid_t child = ::fork();
  if (child == 0) {
    const rlimit none{0, 0};
    if (::setrlimit(RLIMIT_MEMLOCK, &none) != 0) ::_exit(2);
    const Secret secret(std::string(100'000, 'x'));
    ::_exit(secret.reveal() == std::string(100'000, 'x') ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  CHECK((WIFEXITED(status) && WEXITSTATUS(status) == 0));
}

TEST_CASE("of a secret nothing is left, neither where it came in nor where it lay") {
  for (const std::string text : {"short", "a long one, which is not within the string itself"}) {
    const char* came = nullptr;
    const char* lay = nullptr;
    Secret other("its neighbour, which keeps the pages");
    {
      std::string given(text);
      came = given.size() > 22 ? given.data() : nullptr;
      const Secret secret(std::move(given));
      lay = secret.reveal().data();
      CHECK(bytes_at(lay, text.size()) == text);
    }
    CHECK_FALSE(bytes_at(lay, text.size()).contains(text.substr(2)));
    if (came != nullptr) CHECK_FALSE(bytes_at(came, text.size()).contains(text.substr(16)));
  }
}

TEST_CASE("secrets are assigned, moved and compared") {
  Secret one("one"), two("two");
  one = two;
  CHECK(one == two);
  two = Secret();
  CHECK(two.empty());
  CHECK(one.reveal() == "two");
  const auto& same = one;
  one = same;
  CHECK(one.reveal() == "two");
  const Secret moved = std::move(one);
  CHECK(moved.reveal() == "two");
  CHECK(one.empty());  // NOLINT(bugprone-use-after-move): that is the point
  CHECK(Secret("") == Secret());
}
