// SPDX-License-Identifier: Apache-2.0
//
// Artifacts that are on this machine, open: what they hold need not be fetched again.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "packer/store/store.h"
#include "payload/format/reader.h"

namespace sealift::store {

class Present {
 public:
  // False if the file is no artifact, or can't be read: that is no matter here.
  bool add(const std::string& path);
  // The newest of the store: each has its table of contents in memory.
  void add_newest(const Store& store);
  std::span<const format::PayloadReader* const> readers() const { return readers_; }

 private:
  std::vector<std::unique_ptr<base::OpenFile>> files_;
  std::vector<std::unique_ptr<format::PayloadReader>> owners_;
  std::vector<const format::PayloadReader*> readers_;
};

}  // namespace sealift::store
