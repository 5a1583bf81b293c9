// SPDX-License-Identifier: Apache-2.0
//
// Images as files, made in the test: blobs, manifests and indexes that refer to each other, as a layout's folder or as
// a tar archive. Every file can be changed before it is written.
#pragma once

#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "payload/base/file.h"
#include "payload/base/format.h"
#include "payload/hash/digest.h"
#include "payload/image/manifest.h"
#include "tests/support/tar.h"

namespace sealift::tests {

class StoredImage {
 public:
  std::map<std::string, std::string> files;  // path → content

  static std::string digest_of(const std::string& text) { return hash::sha256(base::as_bytes(text)).text(); }
  static std::string path_of(const std::string& text) { return "blobs/sha256/" + digest_of(text).substr(7); }

  // "digest" and "size" of a blob that is now there.
  std::string blob(const std::string& text) {
    files[path_of(text)] = text;
    return base::format(R"("digest":"{}","size":{})", digest_of(text), text.size());
  }
  static std::string config_of(const std::string& architecture, const std::vector<std::string>& plain_layers = {}) {
    std::string ids;
    for (const auto& layer : plain_layers) ids += base::format(R"({}"{}")", ids.empty() ? "" : ",", digest_of(layer));
    return base::format(R"({{"architecture":"{}","os":"linux","rootfs":{{"type":"layers","diff_ids":[{}]}}}})",
                        architecture, ids);
  }
  // The text of a manifest with one layer.
  std::string manifest(const std::string& architecture, const std::string& layer,
                       std::string_view layer_type = "application/vnd.oci.image.layer.v1.tar") {
    return base::format(
        R"({{"schemaVersion":2,"mediaType":"{}","config":{{"mediaType":"application/vnd.oci.image.config.v1+json",{}}},"layers":[{{"mediaType":"{}",{}}}]}})",
        image::kOciManifest, blob(config_of(architecture, {layer})), layer_type, blob(layer));
  }
  // An entry of an index; `more` are its further members.
  std::string entry(const std::string& document, std::string_view type = image::kOciManifest,
                    std::string_view more = "") {
    return base::format(R"({{"mediaType":"{}",{}{}{}}})", type, blob(document), more.empty() ? "" : ",", more);
  }
  static std::string index_of(const std::string& entries) {
    return base::format(R"({{"schemaVersion":2,"mediaType":"{}","manifests":[{}]}})", image::kOciIndex, entries);
  }
  // `"annotations":{…}` with the names that tools write; empty ones are left out.
  static std::string names(std::string_view reference, std::string_view image_name = "") {
    std::string out;
    if (!reference.empty()) out += base::format(R"("org.opencontainers.image.ref.name":"{}")", reference);
    if (!image_name.empty())
      out += base::format(R"({}"io.containerd.image.name":"{}")", out.empty() ? "" : ",", image_name);
    return base::format(R"("annotations":{{{}}})", out);
  }
  static std::string platform(std::string_view architecture) {
    return base::format(R"("platform":{{"os":"linux","architecture":"{}"}})", architecture);
  }
  void layout(const std::string& entries) {
    files["oci-layout"] = R"({"imageLayoutVersion":"1.0.0"})";
    files["index.json"] = index_of(entries);
  }

  std::vector<TarEntry> entries() const {
    std::vector<TarEntry> out;
    for (const auto& [path, text] : files) out.push_back({path, text});
    return out;
  }
  void write_folder(const std::string& folder) const {
    for (const auto& [path, text] : files) write(folder + "/" + path, text);
  }
  static void write(const std::string& path, std::string_view text) {
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    REQUIRE(base::write_file_atomic(path, base::as_bytes(text), 0644));
  }
};

}  // namespace sealift::tests
