// SPDX-License-Identifier: Apache-2.0
#include "packer/store/measured_layers.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "payload/base/fd.h"
#include "payload/base/file.h"
#include "payload/base/format.h"
#include "payload/base/text.h"

namespace sealift::store {
namespace {

constexpr size_t kMaxBytes = size_t{32} << 20;  // some 200,000 layers; then it begins anew

}  // namespace

MeasuredLayers::MeasuredLayers(const std::string& store) : path_(store.empty() ? "" : store + "/layers") { load(); }

void MeasuredLayers::load() {
  if (path_.empty()) return;
  const auto text = base::read_text_file(path_, kMaxBytes);
  if (!text) {
    if (text.error().code == ErrorCode::limit_exceeded) ::unlink(path_.c_str());
    return;
  }
  for (const auto line : base::split(*text, '\n')) {
    const auto words = base::split(line, ' ');
    if (words.size() != 4) continue;  // torn by a power cut
    const auto digest = Digest::from_hex(words[0]);
    const auto bytes = base::parse_u64(words[2]), files = base::parse_u64(words[3]);
    if (digest && bytes && files) layers_[{*digest, std::string(words[1])}] = {*bytes, *files};
  }
}

std::optional<format::LayerInfo> MeasuredLayers::find(const Digest& digest, const std::string& media_type) const {
  const std::lock_guard lock(mutex_);
  const auto found = layers_.find({digest, media_type});
  return found == layers_.end() ? std::nullopt : std::optional(found->second);
}

void MeasuredLayers::note(const Digest& digest, const std::string& media_type, const format::LayerInfo& layer) {
  if (path_.empty() || std::ranges::any_of(media_type, [](char c) { return c <= ' ' || c == '\x7f'; })) return;
  const std::lock_guard lock(mutex_);
  if (!layers_.emplace(std::pair(digest, media_type), layer).second) return;
  if (!base::make_directories(path_.substr(0, path_.rfind('/')), 0700)) return;
  const auto file = base::open_file(path_, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW, 0600);
  if (!file) return;
  // With its line feeds on both sides: what a power cut tore before does not swallow it.
  (void)base::write_all(file->get(), base::as_bytes(base::format("\n{} {} {} {}\n", digest.hex(), media_type,
                                                                 layer.uncompressed_bytes, layer.files)));
}

}  // namespace sealift::store
