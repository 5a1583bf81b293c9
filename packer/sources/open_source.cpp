// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <filesystem>

#include "packer/sources/image_store.h"
#include "packer/sources/stored_images.h"
#include "payload/base/text.h"

namespace sealift::sources {
namespace {

// What people write who know these places from other tools.
struct Elsewhere {
  std::string_view kind, instead;
};
constexpr auto kElsewhere = std::to_array<Elsewhere>(
    {{"docker", "the registry in the image's name is asked if --from is left out"},
     {"containers-storage",
      "save it first: `podman save --format oci-archive -o FILE NAME`, then --from=oci-archive:FILE"},
     {"dir", "copy it first: `skopeo copy dir:FOLDER oci:FOLDER:TAG`, then --from=oci:FOLDER"}});

constexpr std::string_view kNamespace = "k8s.io";  // the kubelet's

Result<std::unique_ptr<ImageSource>> open_store(std::string_view kind, std::string_view given, std::string_view spec,
                                                const std::string& tools) {
  if (kind == "docker-daemon") {
    if (!given.empty())
      return fail(ErrorCode::invalid_input,
                  "--from={}: the image's name stands behind it: IMAGE --from=docker-daemon: {}", base::printable(spec),
                  base::printable(given));
    SEALIFT_ASSIGN(auto daemon, docker_daemon());
    return stored_by(std::move(daemon));
  }
  const bool is_name = std::ranges::all_of(given, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
           c == '_';
  });
  if (!is_name)
    return fail(ErrorCode::invalid_input,
                "--from={}: the name of a namespace is expected, and the image's name behind it: IMAGE "
                "--from=containerd:{} NAME",
                base::printable(spec), kNamespace);
  SEALIFT_ASSIGN(auto store, containerd(given.empty() ? std::string(kNamespace) : std::string(given), tools));
  return stored_by(std::move(store));
}

}  // namespace

Result<std::unique_ptr<ImageSource>> open_source(std::string_view spec, const std::string& context, Names names,
                                                 const std::string& tools) {
  constexpr std::string_view kForms =
      "oci:FOLDER, oci-archive:FILE, docker-archive:FILE, docker-daemon: or containerd:[NAMESPACE]";
  const size_t colon = spec.find(':');
  const std::string_view kind = spec.substr(0, colon);
  const auto elsewhere = std::ranges::find(kElsewhere, kind, &Elsewhere::kind);
  if (colon != std::string_view::npos && elsewhere != kElsewhere.end())
    return fail(ErrorCode::unsupported, "--from={}: images are not read from there; {}", base::printable(spec),
                elsewhere->instead);
  if (colon != std::string_view::npos && (kind == "docker-daemon" || kind == "containerd"))
    return open_store(kind, spec.substr(colon + 1), spec, tools);
  if (colon == std::string_view::npos || (kind != "oci" && kind != "oci-archive" && kind != "docker-archive") ||
      colon + 1 == spec.size())
    return fail(ErrorCode::invalid_input, "--from={}: {} is expected", base::printable(spec), kForms);
  const std::string given(spec.substr(colon + 1));
  const std::string path = given.starts_with('/') || context.empty() ? given : context + "/" + given;
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (!std::filesystem::exists(status)) {
    // skopeo names the image there, too
    const bool has_name = path.contains(':') && std::filesystem::exists(path.substr(0, path.find(':')), error);
    return fail(
        ErrorCode::invalid_input, "{} can't be read: it does not exist{}", path,
        has_name ? "; the image's name stands behind it: IMAGE --from=" + std::string(kind) + ":PATH NAME" : "");
  }
  // What is there counts, not what it is called: a layout may have been packed, or an archive unpacked.
  if (std::filesystem::is_directory(status)) return open_stored_images(stored_folder(path), names);
  SEALIFT_ASSIGN(auto archive, stored_archive(path));
  return open_stored_images(std::move(archive), names);
}

}  // namespace sealift::sources
