// SPDX-License-Identifier: Apache-2.0
//
// Rules: what programs make of the fields of their resources at run time, written as data. The format, its fields and
// how they are used: packer/rules/README.md.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "payload/base/error.h"
#include "payload/workloads/field_path.h"
#include "payload/yaml/node.h"

namespace sealift::workloads {

// Each a pattern, in which * stands for any text.
struct Selector {
  std::string group, kind, name = "*";                    // group "" is that of ConfigMap and Pod
  std::vector<std::pair<FieldPath, std::string>> fields;  // a field that is absent is an empty text
  bool matches(const yaml::Node& document) const;
  std::string text() const;  // "ConfigMap elastic-operator*"
};

// A name with fields to fill in: "{registry}/elasticsearch/elasticsearch:{.spec.version}".
struct Pattern {
  struct Part {
    std::string text;                // literal, or the name of a value
    std::optional<FieldPath> field;  // {.path}
    bool is_value = false;           // {name}
  };
  std::vector<Part> parts;
  std::optional<FieldPath> when, unless;  // fields that must, or must not, say something other than false
  std::string text;                       // as written
};

struct Rule {
  enum class Take { text, tag };  // a field's text, or the tag of the image named there
  // A field of another document, or of this one.
  struct Source {
    std::optional<Selector> from;
    std::optional<FieldPath> parse;
    FieldPath field;
    Take take = Take::text;
  };
  struct Value {
    std::string name;
    Source source;
    std::optional<std::string> otherwise;
  };
  // What a version of a program brings. Keys are patterns; the first that fits counts.
  struct Table {
    Source source;
    std::vector<std::pair<std::string, std::vector<Pattern>>> rows;
  };
  struct Ignore {
    std::string path;  // a pattern for the paths of findings
    std::string reason;
  };

  std::string name, source;
  std::vector<std::string> seen_with;
  Selector match;
  std::optional<FieldPath> parse;
  std::vector<Value> values;
  std::vector<Pattern> images;
  std::optional<Table> table;
  std::vector<Ignore> ignore;
};

struct Rules {
  std::vector<Rule> all;

  // Adds those of one file; `where` names it in errors. Errors: invalid_input with file, line and column, also for
  // unknown fields and for a name that is there already; nothing is added then.
  Result<void> add(std::string_view text, std::string_view where);
  // Some rule reads such a document.
  bool concern(const yaml::Node& document) const;
};

}  // namespace sealift::workloads
