// SPDX-License-Identifier: Apache-2.0
//
// YAML as a tree with line and column for messages. Reading is strict: duplicate keys are rejected, merge keys applied,
// aliases expanded up to a limit, depth and size bounded. Scalars keep their text and whether they were quoted;
// as_bool() knows YAML 1.1's booleans.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "payload/base/error.h"

namespace sealift::yaml {

enum class Kind { null, scalar, sequence, mapping };

class Node {
 public:
  Node() = default;
  static Node make_string(std::string text);  // quoted if necessary to stay a string
  static Node make_plain(std::string text);   // written as it is: numbers, booleans
  static Node make_sequence();
  static Node make_mapping();

  Kind kind = Kind::null;
  std::string text;                                   // of a scalar
  bool quoted = false;                                // or a block scalar: always a string
  int line = 0, column = 0;                           // from 1; 0 = made by code
  std::vector<Node> items;                            // of a sequence
  std::vector<std::pair<std::string, Node>> members;  // of a mapping, in order

  bool is_null() const { return kind == Kind::null; }
  const Node* find(std::string_view key) const;
  Node* find(std::string_view key);
  // find() along "a/b/c" through mappings.
  const Node* at_path(std::string_view path) const;
  // The scalar there as text; empty if there is none.
  std::string text_at(std::string_view path) const;
  // Replaces or appends; makes this a mapping if it is null.
  Node& set(std::string key, Node value);
  void push_back(Node value);

  std::optional<std::string> as_string() const;  // any scalar's text
  std::optional<bool> as_bool() const;           // true false yes no on off, unquoted, any case
  std::optional<uint64_t> as_u64() const;        // decimal, unquoted
};

struct Limits {
  size_t bytes = size_t{4} << 20;
  size_t depth = 64;
  size_t nodes = 200'000;  // after expanding aliases; text may grow to four times `bytes`
};

// With kubectl and helm the last of duplicate keys wins; files written for Sealift are held to a stricter standard.
enum class DuplicateKeys { refuse, last_wins };

// All documents of a stream except empty ones. The text must be UTF-8. Errors: invalid_input or
// limit_exceeded, "<where>:<line>:<column>: …".
Result<std::vector<Node>> parse(std::string_view text, std::string_view where, const Limits& limits = {},
                                DuplicateKeys duplicates = DuplicateKeys::refuse);

// The documents of a stream one after another, so that a long one needs the memory of its largest document only, and
// read as kubectl and helm read them: the last of duplicate keys wins. A line of "---" ends a document; `limits` hold
// for each. Places are those in the whole text. Each duplicate key adds a sentence with its place to `warnings`, if
// that is not null. A document that parse would refuse is visited as that error: `visit` decides whether to go on.
// Returns the first error that `visit` returns.
Result<void> for_each_document(std::string_view text, std::string_view where, const Limits& limits,
                               const std::function<Result<void>(Result<Node> document)>& visit,
                               std::vector<std::string>* warnings = nullptr);

// Block style, indented by two blanks, stable. Strings that another reader could mistake for another type are quoted.
std::string to_yaml(const Node& node);
// Documents separated by "---".
std::string to_yaml(const std::vector<Node>& documents);

// Compares values only: places and the order of members are ignored.
bool same_value(const Node& a, const Node& b);

// `over` wins: mappings merge, everything else (sequences too) replaces.
void merge(Node& into, const Node& over);

}  // namespace sealift::yaml
