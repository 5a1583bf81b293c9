// SPDX-License-Identifier: Apache-2.0
//
// Sends container images of a payload to a registry, byte for byte.
//
// An index may name platforms that are not packed. Registries refuse it then, so the tag gets what is packed: a shorter
// index, or the only manifest. Whoever must find the very index under its name and digest all the same (WholeIndex)
// finds it beside the image: as the one layer of an artifact's manifest under whole_index_tag().
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "payload/base/cancel.h"
#include "payload/distribution/registry.h"
#include "payload/format/reader.h"
#include "payload/image/manifest.h"

namespace sealift::upload {

// Where the index is kept that an image's tag or digest names, if the registry refuses the index itself.
std::string whole_index_tag(std::string_view reference);
// A manifest that keeps an index, whose bytes are a blob beside it, and the empty blob {}.
std::string whole_index_manifest(std::string_view media_type, const Digest& index, uint64_t size);
// The index that is kept in such a manifest. Errors: invalid_input if it is none.
Result<image::Descriptor> whole_index_in(ByteView manifest);

enum class WholeIndex {
  left_out,
  beside,
};

struct Target {
  const format::Image* image = nullptr;
  std::string repository;  // in the registry
  std::string tag;         // empty: only by its digest
};

struct Sent {
  Digest root;              // of what the tag means now
  bool is_reduced = false;  // it is not the image's own
};

// Any thread, several images at once.
class ImageUpload {
 public:
  // All must outlive this object. `sent`: told the bytes of blobs that have gone, or that were there; any thread.
  ImageUpload(const format::PayloadReader& artifact, distribution::Registry& registry,
              std::function<void(uint64_t bytes)> sent, WholeIndex index)
      : artifact_(artifact), registry_(registry), sent_(std::move(sent)), index_(index) {}

  // Errors: those of reading and of the registry; corrupt.
  Result<Sent> send(const Target& target, const CancelToken& stop);
  // Whether the registry has it just so. With WholeIndex::beside, also if its index lies beside it.
  Result<bool> is_there(const Target& target, const CancelToken& stop);

  // The bytes of the image's blobs.
  static uint64_t bytes_of(const format::Image& image);

 private:
  Result<void> send_blobs(const Target& target, const format::Image::Platform& platform, const CancelToken& stop);
  Result<void> send_blob(const Target& target, const format::ObjectRef& object, const CancelToken& stop);
  Result<void> send_manifest(const Target& target, const std::string& tag, const format::ObjectRef& object,
                             const std::string& media_type, const CancelToken& stop);
  // Whether all that the image's indexes name is packed; indexes within it have been sent then.
  Result<bool> send_inner_indexes(const Target& target, ByteView root, const CancelToken& stop);
  Result<Sent> send_reduced(const Target& target, ByteView root, const CancelToken& stop);
  Result<void> send_index_beside(const Target& target, ByteView root, const CancelToken& stop);
  // The digest that this tag, or the image's own digest, means there; nothing if there is none.
  Result<std::optional<Digest>> kept_beside(const Target& target, std::string_view reference, const CancelToken& stop);

  const format::PayloadReader& artifact_;
  distribution::Registry& registry_;
  std::function<void(uint64_t)> sent_;
  WholeIndex index_;
};

}  // namespace sealift::upload
