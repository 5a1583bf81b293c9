// SPDX-License-Identifier: Apache-2.0
//
// JSON values. Parsing is strict and bounded: duplicate keys, trailing bytes and excessive depth are errors. Objects
// keep their keys sorted, so that equal values have equal text.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "payload/base/error.h"

namespace sealift::json {

class Value;
using Array = std::vector<Value>;
using Object = std::map<std::string, Value, std::less<>>;

class Value {
 public:
  Value() = default;                                            // null
  Value(bool value) : data_(value) {}                           // NOLINT(*-explicit-*): a literal is a value
  Value(int value) : data_(int64_t{value}) {}                   // NOLINT(*-explicit-*)
  Value(int64_t value) : data_(value) {}                        // NOLINT(*-explicit-*)
  Value(uint64_t value) : data_(value) {}                       // NOLINT(*-explicit-*)
  Value(uint32_t value) : data_(uint64_t{value}) {}             // NOLINT(*-explicit-*)
  Value(double value) : data_(value) {}                         // NOLINT(*-explicit-*)
  Value(std::string value) : data_(std::move(value)) {}         // NOLINT(*-explicit-*)
  Value(std::string_view value) : data_(std::string(value)) {}  // NOLINT(*-explicit-*)
  Value(const char* value) : data_(std::string(value)) {}       // NOLINT(*-explicit-*)
  Value(Array value);                                           // NOLINT(*-explicit-*)
  Value(Object value);                                          // NOLINT(*-explicit-*)
  static Value object();
  static Value array();

  bool is_null() const { return std::holds_alternative<std::monostate>(data_); }
  bool is_object() const;
  bool is_array() const;
  bool is_string() const { return std::holds_alternative<std::string>(data_); }

  // Null or nullopt if the value has another type.
  const std::string* string() const { return std::get_if<std::string>(&data_); }
  const Array* elements() const;
  const Object* members() const;
  std::optional<bool> boolean() const;
  std::optional<int64_t> integer() const;  // whole numbers within range, signed or not
  std::optional<uint64_t> unsigned_integer() const;
  std::optional<double> number() const;

  // A member of an object; null if there is none or this is not an object.
  const Value* find(std::string_view key) const;
  // find() along "a/b/0/c": array elements by number.
  const Value* at_path(std::string_view path) const;

  // Typed members, for readers of documents: the error names the key.
  Result<std::string> text(std::string_view key) const;
  Result<uint64_t> natural(std::string_view key) const;
  std::string text_or(std::string_view key, std::string_view otherwise) const;
  uint64_t natural_or(std::string_view key, uint64_t otherwise) const;
  bool boolean_or(std::string_view key, bool otherwise) const;

  // Turns null into an object or array first; any other type is a bug in the caller.
  void set(std::string key, Value value);
  void push_back(Value value);

  bool operator==(const Value& other) const;

 private:
  std::variant<std::monostate, bool, int64_t, uint64_t, double, std::string, std::shared_ptr<Array>,
               std::shared_ptr<Object>>
      data_;
};

struct Limits {
  size_t bytes = size_t{64} << 20;
  size_t depth = 64;
};

// Errors: corrupt with the byte offset, limit_exceeded.
Result<Value> parse(std::string_view text, const Limits& limits = {});

std::string to_canonical(const Value& value);  // sorted keys, no blanks; invalid UTF-8 becomes U+FFFD
std::string to_pretty(const Value& value);     // two blanks of indentation

}  // namespace sealift::json
