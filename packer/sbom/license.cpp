// SPDX-License-Identifier: Apache-2.0
#include "packer/sbom/license.h"

#include <algorithm>
#include <array>
#include <cstddef>

namespace sealift::sbom {
namespace {

// Source: the SPDX License List 3.26; what images, charts and our own libraries mostly have.
constexpr auto kLicenses = std::to_array<std::string_view>({
    "0BSD",
    "AFL-3.0",
    "AGPL-3.0-only",
    "AGPL-3.0-or-later",
    "Apache-1.1",
    "Apache-2.0",
    "Artistic-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "BUSL-1.1",
    "CC-BY-4.0",
    "CC-BY-SA-4.0",
    "CC0-1.0",
    "CDDL-1.0",
    "CDDL-1.1",
    "Elastic-2.0",
    "EPL-1.0",
    "EPL-2.0",
    "GPL-2.0-only",
    "GPL-2.0-or-later",
    "GPL-3.0-only",
    "GPL-3.0-or-later",
    "ICU",
    "ISC",
    "LGPL-2.0-only",
    "LGPL-2.0-or-later",
    "LGPL-2.1-only",
    "LGPL-2.1-or-later",
    "LGPL-3.0-only",
    "LGPL-3.0-or-later",
    "MIT",
    "MIT-0",
    "MPL-1.1",
    "MPL-2.0",
    "NCSA",
    "OFL-1.1",
    "OpenSSL",
    "PHP-3.01",
    "PostgreSQL",
    "PSF-2.0",
    "Python-2.0",
    "Ruby",
    "SSPL-1.0",
    "UPL-1.0",
    "Unlicense",
    "Vim",
    "WTFPL",
    "X11",
    "Zlib",
});
constexpr auto kExceptions = std::to_array<std::string_view>({
    "Autoconf-exception-3.0",
    "Bison-exception-2.2",
    "Classpath-exception-2.0",
    "GCC-exception-3.1",
    "LLVM-exception",
    "Linux-syscall-note",
    "OpenJDK-assembly-exception-1.0",
});
constexpr int kMaxDepth = 32;

class Expression {
 public:
  explicit Expression(std::string_view text) : rest_(text) {}
  bool is_valid() { return alternatives(0) && next().empty(); }

 private:
  // A word or a bracket; empty at the end.
  std::string_view next() {
    rest_.remove_prefix(std::min(rest_.find_first_not_of(' '), rest_.size()));
    const bool is_bracket = rest_.starts_with('(') || rest_.starts_with(')');
    const size_t size = is_bracket ? 1 : std::min(rest_.find_first_of(" ()"), rest_.size());
    const auto out = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return out;
  }
  bool takes(std::string_view word) {
    const auto before = rest_;
    if (next() == word) return true;
    rest_ = before;
    return false;
  }
  bool alternatives(int depth) {
    if (depth > kMaxDepth) return false;
    do {
      if (!one(depth)) return false;
    } while (takes("AND") || takes("OR"));
    return true;
  }
  bool one(int depth) {
    if (takes("(")) return alternatives(depth + 1) && takes(")");
    return is_license(next()) && (!takes("WITH") || std::ranges::contains(kExceptions, next()));
  }

  std::string_view rest_;
};

}  // namespace

bool is_license(std::string_view text) { return std::ranges::contains(kLicenses, text); }

bool is_license_expression(std::string_view text) { return Expression(text).is_valid(); }

}  // namespace sealift::sbom
