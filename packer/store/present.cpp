// SPDX-License-Identifier: Apache-2.0
#include "packer/store/present.h"

#include <algorithm>

namespace sealift::store {

bool Present::add(const std::string& path) {
  auto file = base::OpenFile::open(path);
  if (!file) return false;
  auto reader = format::PayloadReader::open(**file);
  if (!reader) return false;
  files_.push_back(std::move(*file));
  owners_.push_back(std::move(*reader));
  readers_.push_back(owners_.back().get());
  return true;
}

void Present::add_newest(const Store& store) {
  constexpr size_t kMost = 8;
  auto stored = store.list().value_or(std::vector<Artifact>());
  std::ranges::sort(stored, std::greater{}, &Artifact::came);
  if (stored.size() > kMost) stored.resize(kMost);
  for (const auto& artifact : stored) add(artifact.path);
}

}  // namespace sealift::store
