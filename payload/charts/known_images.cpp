// SPDX-License-Identifier: Apache-2.0
#include "payload/charts/known_images.h"

#include <algorithm>
#include <string>

#include "payload/base/pattern.h"

namespace sealift::charts {

bool answers_for(const image::Reference& packed, std::string_view text) {
  const size_t tag = text.find(':', text.rfind('/') + 1);  // npos + 1 is 0
  const auto name = text.substr(0, tag);
  if (tag != std::string_view::npos && text.substr(tag + 1) != packed.tag) return false;
  const auto full = packed.name();
  return full == name || full.ends_with("/" + std::string(name));
}

const format::IgnoredImage* ignoring(const format::Contents& contents, std::string_view text) {
  const auto at = std::ranges::find_if(contents.ignored_images,
                                       [&](const auto& line) { return base::is_like(text, line.pattern); });
  return at == contents.ignored_images.end() ? nullptr : &*at;
}

}  // namespace sealift::charts
