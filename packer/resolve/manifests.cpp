// SPDX-License-Identifier: Apache-2.0
#include "packer/resolve/manifests.h"

#include "payload/base/file.h"
#include "payload/base/text.h"
#include "payload/image/reference.h"
#include "payload/workloads/find_images.h"
#include "payload/yaml/node.h"

namespace sealift::resolve {
namespace {

// Bundles of resource definitions are large and deep. The runtime reads files of at most 4 MiB.
constexpr yaml::Limits kLimits{.bytes = size_t{4} << 20, .depth = 256, .nodes = 2'000'000};

bool has_text(const yaml::Node& document, std::string_view key) {
  const auto* value = document.find(key);
  return value != nullptr && !value->as_string().value_or("").empty();
}

Result<void> check_object(const Place& place, const std::string& path, const yaml::Node& document) {
  const auto bad = [&](std::string_view what) {
    return fail(ErrorCode::invalid_input, "{}: {}:{}: {}", place.text(), path, document.line, what);
  };
  const auto name = std::string_view(path).substr(path.rfind('/') + 1);
  if (name == "kustomization.yaml" || name == "kustomization.yml") {
    return bad(
        "kustomize is not supported by this version; write its result into a file (kubectl kustomize FOLDER > all.yaml) and name that");
  }
  if (document.kind != yaml::Kind::mapping) return bad("a manifest must be an object with apiVersion and kind");
  for (const char* key : {"apiVersion", "kind"}) {
    if (!has_text(document, key))
      return bad(std::format("the object has no {}; kubectl would refuse it at the site", key));
  }
  return {};
}

}  // namespace

Result<std::vector<WantedImage>> read_manifests(const Place& place, std::span<const LocalFile> files) {
  std::vector<WantedImage> out;
  for (const auto& file : files) {
    auto text = base::read_text_file(file.source, kLimits.bytes);
    if (!text) return fail_while(std::move(text).error(), std::format("reading the manifests of {}", place.text()));
    auto documents = yaml::parse(*text, file.source, kLimits, yaml::DuplicateKeys::last_wins);
    if (!documents) return fail(documents.error().code, "{}: {}", place.text(), documents.error().what);
    // kubectl knows no hooks: it creates pods that helm would keep for a test.
    workloads::ImageFinder finder({}, {.test_hooks = workloads::TestHooks::include});
    for (const auto& document : *documents) {
      SEALIFT_TRY(check_object(place, file.source, document));
      finder.add(document);
    }
    auto findings = finder.finish();
    for (auto& use : findings.images)
      out.push_back({std::move(use.image), std::move(use.object), std::format("{}:{}", file.source, use.line)});
    // A pod with a name that no registry could have is refused where names are compared. Other open questions wait for
    // IGNORE-IMAGE: until then, nothing in a Kubefile could answer them.
    for (auto& one : findings.unresolved) {
      if (!image::parse_reference(one.text))
        out.push_back({std::move(one.text), std::move(one.object), std::format("{}:{}", file.source, one.line)});
    }
  }
  return out;
}

}  // namespace sealift::resolve
