// SPDX-License-Identifier: Apache-2.0
//
// What layers of images take on a host, remembered by digest, so that a build does not decompress again what was
// measured on this machine before: that is half of the time of packing images. A file of lines, only appended to:
//   <digest, hex> <media type> <bytes, uncompressed> <files>
// Without it, only time is lost: nothing here fails.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "payload/format/contents.h"
#include "payload/hash/digest.h"

namespace sealift::store {

class MeasuredLayers {
 public:
  // `store`: the local store's folder; without one nothing is remembered.
  explicit MeasuredLayers(const std::string& store);

  // Any thread. The media type belongs to it: the same bytes under another one may be no layer.
  std::optional<format::LayerInfo> find(const Digest& digest, const std::string& media_type) const;
  void note(const Digest& digest, const std::string& media_type, const format::LayerInfo& layer);

 private:
  void load();
  std::string path_;  // empty: none
  mutable std::mutex mutex_;
  std::map<std::pair<Digest, std::string>, format::LayerInfo> layers_;
};

}  // namespace sealift::store
