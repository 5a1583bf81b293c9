// SPDX-License-Identifier: Apache-2.0
#include "packer/resolve/manifests.h"

#include "payload/base/format.h"
#include "payload/base/text.h"

namespace sealift::resolve {
namespace {

Result<void> check_object(const std::string& path, const yaml::Node& document) {
  const auto bad = [&](std::string_view what) {
    return fail(ErrorCode::invalid_input, "{}:{}: {}", path, document.line, what);
  };
  const auto name = std::string_view(path).substr(path.rfind('/') + 1);
  if (name == "kustomization.yaml" || name == "kustomization.yml")
    return bad("a kustomization beside other manifests; name its folder alone, so that it is built");
  if (document.kind != yaml::Kind::mapping) return bad("a manifest must be an object with apiVersion and kind");
  for (const char* key : {"apiVersion", "kind"}) {
    if (document.text_at(key).empty())
      return bad(base::format("the object has no {}; kubectl would refuse it at the site", key));
  }
  const auto kind = document.text_at("kind");
  if (kind.ends_with("List") && document.find("items") != nullptr) return {};
  if (!document.text_at("metadata/name").empty()) return {};
  if (!document.text_at("metadata/generateName").empty())
    return bad(base::format("the {} has generateName: every run would create another one; give it a name",
                            base::printable(kind)));
  return bad(base::format("the {} has no metadata.name; kubectl would refuse it at the site", base::printable(kind)));
}

}  // namespace

std::vector<charts::Inspector> read_manifests(const Place& place, std::span<const LocalFile> files,
                                              const workloads::Rules& rules, Problems& problems) {
  std::vector<charts::Inspector> out;
  for (const auto& file : files) {
    const auto add = [&](const Error& error) {
      problems.add(fail(ErrorCode::invalid_input, "{}: {}", place.text(), error.text()));
    };
    const auto text = read_input(file.source, charts::kDocumentLimits.bytes);
    if (!text) {
      add(text.error());
      continue;
    }
    const auto check = [&](const yaml::Node& document) -> Result<void> {
      if (const auto good = check_object(file.source, document); !good) add(good.error());
      return {};
    };
    auto read = charts::Inspector::of_manifest(*text, file.target, file.source, rules, check);
    if (read)
      out.push_back(std::move(*read));
    else
      add(read.error());
  }
  return out;
}

}  // namespace sealift::resolve
