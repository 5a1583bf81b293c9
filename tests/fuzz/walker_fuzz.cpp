// SPDX-License-Identifier: Apache-2.0
// Whatever documents hold, what is found in them can be pulled by name, and every finding has its place; with the
// rules that are shipped.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string_view>

#include "payload/base/file.h"
#include "payload/image/reference.h"
#include "payload/workloads/find_images.h"

namespace {

using namespace sealift;

workloads::Rules shipped() {
  workloads::Rules out;
  for (const auto& entry : std::filesystem::directory_iterator(SEALIFT_SOURCE_ROOT "/packer/rules")) {
    if (entry.path().extension() != ".yaml") continue;
    const auto text = base::read_text_file(entry.path(), size_t{1} << 20);
    if (!text || !out.add(*text, entry.path().string())) std::abort();
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 16384) return 0;
  static const workloads::Rules rules = shipped();
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  workloads::ImageFinder finder(rules, {.test_hooks = workloads::TestHooks::include});
  const auto add = [&](Result<yaml::Node> document) -> Result<void> {
    if (document) finder.add(*document);
    return {};
  };
  if (!yaml::for_each_document(text, "fuzz", {}, add)) std::abort();
  const auto all = finder.finish();
  for (const auto& use : all.images) {
    const bool known = use.found_by.starts_with("rule ") || std::ranges::contains(workloads::kFoundBy, use.found_by);
    if (!known || !image::parse_reference(use.image)) std::abort();
    if (use.path.empty() && !use.found_by.starts_with("rule ")) std::abort();
    if (use.line < 1) std::abort();
  }
  for (const auto& one : all.unresolved) {
    if (one.why.empty()) std::abort();
  }
  for (const auto& one : all.omitted) {
    if (one.reason.empty() || one.text.empty()) std::abort();
  }
  return 0;
}
