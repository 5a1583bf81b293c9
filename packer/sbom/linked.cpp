// SPDX-License-Identifier: Apache-2.0
#include "packer/sbom/linked.h"

#include <algorithm>

#include "payload/base/text.h"

namespace sealift::sbom {
namespace {

// "  zlib 1.3.2, Zlib"; with " (sealift only)" it is linked into the packer, which is not on hosts.
std::optional<LinkedLibrary> library_in(std::string_view line) {
  const size_t comma = line.find(", ");
  if (!line.starts_with("  ") || comma == std::string_view::npos) return std::nullopt;
  const auto words = base::split(line.substr(2, comma - 2), ' ');
  const auto license = line.substr(comma + 2);
  if (words.size() != 2 || words[0].empty() || words[1].empty() || license.empty()) return std::nullopt;
  return LinkedLibrary{std::string(words[0]), std::string(words[1]), std::string(license)};
}

}  // namespace

std::optional<LinkedProgram> linked_into(std::string_view program) {
  constexpr std::string_view kBegin = "Sealift ", kEnd = " is linked with:\n", kPackerOnly = " (sealift only)";
  constexpr size_t kMaxVersion = 64;
  for (size_t at = program.find(kEnd); at != std::string_view::npos; at = program.find(kEnd, at + 1)) {
    const size_t earliest = at > kMaxVersion ? at - kMaxVersion : 0;
    const size_t begin = program.substr(earliest, at - earliest).rfind(kBegin);
    if (begin == std::string_view::npos) continue;
    const size_t version = earliest + begin + kBegin.size();
    LinkedProgram out{std::string(program.substr(version, at - version)), {}};
    auto rest = program.substr(at + kEnd.size());
    while (auto library = library_in(rest.substr(0, rest.find('\n')))) {
      if (!library->license.ends_with(kPackerOnly)) out.libraries.push_back(std::move(*library));
      rest.remove_prefix(std::min(rest.find('\n'), rest.size() - 1) + 1);
    }
    if (!out.libraries.empty()) return out;
  }
  return std::nullopt;
}

}  // namespace sealift::sbom
