// SPDX-License-Identifier: Apache-2.0
#include "packer/resolve/problems.h"

#include <algorithm>

#include "payload/base/format.h"

namespace sealift::resolve {

void Problems::add(Error error) {
  auto text = error.text();
  if (std::ranges::contains(texts_, text)) return;  // two platforms, two renderings
  if (errors_.size() < kMost) {
    errors_.push_back(std::move(error));
    texts_.push_back(std::move(text));
  } else {
    ++further_;
  }
}

bool Problems::note(Result<void> step) {
  if (step) return true;
  add(std::move(step).error());
  return false;
}

Result<void> Problems::joined() const {
  if (errors_.empty()) return {};
  if (errors_.size() == 1) return std::unexpected(errors_.front());
  std::string out = base::format("{} problems:", count());
  for (const auto& text : texts_) out += "\n  " + text;
  if (further_ != 0) out += base::format("\n  … and {} more", further_);
  return fail(errors_.front().code, "{}", out);
}

}  // namespace sealift::resolve
