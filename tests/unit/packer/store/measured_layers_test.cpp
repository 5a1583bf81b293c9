// SPDX-License-Identifier: Apache-2.0
#include "packer/store/measured_layers.h"

#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <fstream>

#include "payload/base/file.h"
#include "tests/support/temporary_folder.h"

using namespace sealift;
using store::MeasuredLayers;

namespace {

const Digest kOne = hash::sha256(base::as_bytes("one")), kTwo = hash::sha256(base::as_bytes("two"));
const std::string kGzip = "application/vnd.oci.image.layer.v1.tar+gzip",
                  kTar = "application/vnd.oci.image.layer.v1.tar";

}  // namespace

TEST_CASE("measured layers are known to the next build, by digest and media type") {
  const tests::TemporaryFolder folder;
  const std::string store = folder / "store";
  {
    MeasuredLayers layers(store);
    CHECK_FALSE(layers.find(kOne, kGzip));
    layers.note(kOne, kGzip, {4'000, 12});
    layers.note(kOne, kGzip, {1, 1});  // bytes do not change their measure
    CHECK(layers.find(kOne, kGzip) == format::LayerInfo{4'000, 12});
  }
  MeasuredLayers again(store);
  CHECK(again.find(kOne, kGzip) == format::LayerInfo{4'000, 12});
  CHECK_FALSE(again.find(kOne, kTar));
  CHECK_FALSE(again.find(kTwo, kGzip));
  CHECK_FALSE(MeasuredLayers(folder / "other").find(kOne, kGzip));
}

TEST_CASE("lines that are torn or nonsense are passed over, and swallow no other") {
  const tests::TemporaryFolder folder;
  const std::string store = folder / "store", path = store + "/layers";
  {
    MeasuredLayers layers(store);
    layers.note(kOne, kTar, {7, 1});
  }
  std::ofstream(path, std::ios::app) << "xyz\n"
                                     << kTwo.hex() << " " << kTar << " 9 -1\n"
                                     << kTwo.hex() << " " << kTar << " 12";
  {
    MeasuredLayers layers(store);
    CHECK(layers.find(kOne, kTar) == format::LayerInfo{7, 1});
    CHECK_FALSE(layers.find(kTwo, kTar));
    layers.note(kTwo, kTar, {8, 2});
    layers.note(kTwo, "a type\nwith a line", {8, 2});
  }
  const MeasuredLayers layers(store);
  CHECK(layers.find(kTwo, kTar) == format::LayerInfo{8, 2});
  CHECK((std::filesystem::status(path).permissions() & std::filesystem::perms::mask) ==
        (std::filesystem::perms::owner_read | std::filesystem::perms::owner_write));
}

TEST_CASE("without a store, or where nothing can be written, nothing is remembered and nothing fails") {
  MeasuredLayers none("");
  none.note(kOne, kTar, {7, 1});
  CHECK_FALSE(none.find(kOne, kTar));
  const tests::TemporaryFolder folder;
  std::ofstream(folder / "file") << "no folder";
  MeasuredLayers nowhere(folder / "file/store");
  nowhere.note(kOne, kTar, {7, 1});
  CHECK(nowhere.find(kOne, kTar) == format::LayerInfo{7, 1});  // in this build
}

TEST_CASE("a file that has grown too large begins anew") {
  const tests::TemporaryFolder folder;
  const std::string store = folder / "store", path = store + "/layers";
  {
    MeasuredLayers layers(store);
    layers.note(kOne, kTar, {7, 1});
  }
  std::filesystem::resize_file(path, uintmax_t{33} << 20);
  MeasuredLayers layers(store);
  CHECK_FALSE(layers.find(kOne, kTar));
  layers.note(kTwo, kTar, {8, 2});
  CHECK(std::filesystem::file_size(path) < 1'000);
}
