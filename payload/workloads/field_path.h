// SPDX-License-Identifier: Apache-2.0
//
// A place in a document, as rules name it and findings show it: .spec.version, .data[app.yaml],
// .spec.containers[0].image, .env[name=PROXY_IMAGE].value.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "payload/base/error.h"
#include "payload/yaml/node.h"

namespace sealift::workloads {

class FieldPath {
 public:
  // Begins with "." or "["; [3] is an item, [name=X] the first item with that name, [any other text] a key.
  // Errors: invalid_input, what is wrong with it.
  static Result<FieldPath> parse(std::string_view text);

  // Null if there is no such place, or nothing (null) stands there.
  const yaml::Node* find(const yaml::Node& root) const;
  // As findings show it.
  std::string text() const;

 private:
  enum class PartKind { key, item, named_item };
  struct Part {
    PartKind kind;
    std::string text;  // of a key; the name of an item
    size_t index = 0;
  };
  std::vector<Part> parts_;
};

}  // namespace sealift::workloads
