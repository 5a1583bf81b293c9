// SPDX-License-Identifier: Apache-2.0
#include "runtime/host/mounts.h"

#include "payload/base/file.h"
#include "payload/base/text.h"

namespace sealift::host {
namespace {

constexpr size_t kMaxMounts = size_t{16} << 20;  // bytes

// Blanks, tabs, line feeds and backslashes are written as \ooo. Source: proc_pid_mountinfo(5).
std::string decoded(std::string_view text) {
  std::string out;
  const auto is_octal = [](char c) { return c >= '0' && c <= '7'; };
  for (size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '\\' || at + 3 >= text.size() || !is_octal(text[at + 1]) || !is_octal(text[at + 2]) ||
        !is_octal(text[at + 3])) {
      out += text[at];
      continue;
    }
    out += static_cast<char>((text[at + 1] - '0') * 64 + (text[at + 2] - '0') * 8 + (text[at + 3] - '0'));
    at += 3;
  }
  return out;
}

}  // namespace

Result<std::vector<Mount>> mounts_here() {
  SEALIFT_ASSIGN(const auto text, base::read_text_file("/proc/thread-self/mountinfo", kMaxMounts));
  std::vector<Mount> out;
  for (const auto line : base::split(text, '\n')) {
    const auto fields = base::split_words(line);
    const size_t dash = line.find(" - ");
    if (fields.size() < 6 || dash == std::string_view::npos) continue;
    const auto about = base::split_words(line.substr(dash + 3));
    out.push_back({decoded(fields[4]), about.empty() ? std::string() : decoded(about.front())});
  }
  return out;
}

}  // namespace sealift::host
