// SPDX-License-Identifier: Apache-2.0
//
// Payloads for tests of the writer: inputs of every form, and the shortest way from them to a file.
#pragma once

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "payload/base/file.h"
#include "payload/base/format.h"
#include "payload/writer/writer.h"

namespace sealift::tests {

using writer::Options;
using writer::PayloadWriter;
using writer::Storage;

inline constexpr size_t kMiB = size_t{1} << 20;

inline Bytes noise(size_t size, uint32_t seed) {
  Bytes out(size + 8);
  uint64_t state = seed * 0x9e3779b97f4a7c15U + 1;
  for (size_t i = 0; i < size; i += 8) {
    state ^= state << 13U;
    state ^= state >> 7U;
    state ^= state << 17U;
    std::memcpy(&out[i], &state, 8);
  }
  out.resize(size);
  return out;
}

// Compressible, different for each seed.
inline Bytes prose(size_t size, uint32_t seed) {
  const Bytes words = noise(4096, seed);
  Bytes out(size);
  for (size_t i = 0, at = 0; i < size; i += 16, at = (at * 5 + 16 * seed + 3) % 4080) {
    std::memcpy(&out[i], &words[at], std::min<size_t>(16, size - i));
  }
  return out;
}

template <class T>
T must(Result<T> result) {
  if (!result) FAIL(result.error().text());
  return std::move(*result);
}
inline void must(Result<void> result) {
  if (!result) FAIL(result.error().text());
}

// Short reads, as from sockets and pipes.
class DrippingSource final : public base::Source {
 public:
  explicit DrippingSource(ByteView data) : data_(data) {}
  Result<size_t> read(std::span<std::byte> buffer) override {
    const size_t count = std::min({buffer.size(), data_.size(), size_t{7777}});
    std::ranges::copy(data_.first(count), buffer.begin());
    data_ = data_.subspan(count);
    return count;
  }

 private:
  ByteView data_;
};

// The bytes must outlive the writer.
template <class Bytes>
writer::Origin origin_of(const Bytes& bytes) {
  return {"the test's bytes",
          [&bytes]() -> Result<std::unique_ptr<base::Source>> { return std::make_unique<DrippingSource>(bytes); }};
}

struct Input {
  std::string path;  // in the tree; empty = none
  Bytes bytes;
  Storage storage = Storage::automatic;
};

// A bit of everything: empty, small, around the limits, several frames, raw, precompressed.
inline std::vector<Input> make_inputs() {
  std::vector<Input> out;
  out.push_back({"stub", prose(3 * kMiB, 1), Storage::automatic});
  out.push_back({"empty", {}, Storage::automatic});
  for (uint32_t i = 0; i < 40; ++i)
    out.push_back({base::format("charts/c{}/values.yaml", i), prose(100 + i * 7001, 100 + i), Storage::automatic});
  out.push_back({"bin/kubelet", prose(9 * kMiB + 5, 2), Storage::automatic});
  out.push_back({"bin/random", noise(9 * kMiB, 3), Storage::automatic});
  out.push_back({"", noise(17 * kMiB + 11, 4), Storage::raw});
  out.push_back({"", noise(8 * kMiB, 5), Storage::raw});
  out.push_back({"", noise(5000, 6), Storage::raw});
  auto gzip = noise(kMiB, 7);
  gzip[0] = std::byte{0x1f};
  gzip[1] = std::byte{0x8b};
  out.push_back({"layer.tar.gz", gzip, Storage::automatic});
  return out;
}

inline const std::vector<Input>& inputs() {
  static const std::vector<Input> list = make_inputs();
  return list;
}

struct Made {
  writer::Summary summary;
  format::Contents contents;
};

inline Made make(const std::string& path, const std::vector<Input>& list, const Options& options, bool artifact,
                 const format::PayloadReader* base = nullptr) {
  auto payload_writer = must(PayloadWriter::create(path, options));
  if (base != nullptr) must(payload_writer->add_base(*base));
  Made made;
  made.contents.name = "shop";
  if (base != nullptr) made.contents.tree = base->contents().tree;
  for (const auto& input : list) {
    const auto reference = must(payload_writer->add(origin_of(input.bytes), input.storage));
    REQUIRE(reference.digest == hash::sha256(input.bytes));
    if (!input.path.empty()) made.contents.tree[input.path] = {reference, 0644};
    if (input.path == "stub") made.contents.stubs = {{Architecture::amd64, reference}};
  }
  if (base != nullptr && made.contents.stubs.empty()) made.contents.stubs = base->contents().stubs;
  made.summary = must(payload_writer->finish(
      made.contents, artifact ? std::optional(Architecture::amd64) : std::nullopt, base::no_events()));
  return made;
}

inline Bytes file_bytes(const std::string& path) { return must(base::read_file(path, 200 * kMiB)); }

}  // namespace sealift::tests
