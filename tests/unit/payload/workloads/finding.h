// SPDX-License-Identifier: Apache-2.0
//
// Findings in small documents, as lines that tests compare.
#pragma once

#include <catch2/catch_test_macros.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "payload/base/format.h"
#include "payload/workloads/find_images.h"
#include "payload/yaml/node.h"

namespace sealift::tests {

using Lines = std::vector<std::string>;

inline workloads::Findings findings(std::string_view text, const workloads::Rules& rules = {},
                                    workloads::Options options = {}) {
  workloads::ImageFinder finder(rules, options);
  const auto add = [&](Result<yaml::Node> document) -> Result<void> {
    SEALIFT_ASSIGN(const auto node, std::move(document));
    finder.add(node);
    return {};
  };
  const auto read = yaml::for_each_document(text, "test", {.bytes = size_t{8} << 20}, add);
  INFO(text.substr(0, 2000));
  if (!read) FAIL(read.error().text());
  return finder.finish();
}

// "image, found by, path"
inline Lines images(std::string_view text) {
  Lines out;
  for (const auto& use : findings(text).images)
    out.push_back(base::format("{}, {}, {}", use.image, use.found_by, use.path));
  return out;
}

// Names alone.
inline Lines names(std::string_view text) {
  Lines out;
  for (const auto& use : findings(text).images) out.push_back(use.image);
  return out;
}

// "text, path"
inline Lines unresolved(std::string_view text) {
  Lines out;
  for (const auto& one : findings(text).unresolved) out.push_back(base::format("{}, {}", one.text, one.path));
  return out;
}

// "text, reason"
inline Lines omitted(std::string_view text) {
  Lines out;
  for (const auto& one : findings(text).omitted) out.push_back(base::format("{}, {}", one.text, one.reason));
  return out;
}

// Nothing at all is said about the document.
inline bool silent(std::string_view text) {
  const auto all = findings(text);
  for (const auto& use : all.images) UNSCOPED_INFO("image " << use.image << " at " << use.path);
  for (const auto& one : all.unresolved) UNSCOPED_INFO("unresolved " << one.text << " at " << one.path);
  for (const auto& one : all.omitted) UNSCOPED_INFO("omitted " << one.text << " at " << one.path);
  return all.images.empty() && all.unresolved.empty() && all.omitted.empty();
}

// A custom resource, and a ConfigMap.
inline std::string resource(std::string_view spec) {
  return base::format("apiVersion: example.dev/v1\nkind: Thing\nmetadata: {{name: a}}\nspec: {}\n", spec);
}
inline std::string config_map(std::string_view data) {
  return base::format("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a}}\ndata:\n{}\n", data);
}

}  // namespace sealift::tests
