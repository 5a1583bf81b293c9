// SPDX-License-Identifier: Apache-2.0
//
// Converts values to and from JSON for the agent's protocol, the ledger and jobs, using their descriptions
// (descriptions.h) in both directions, so that a value survives the round trip. A missing or unsuitable field is
// `protocol`, with its name.
#pragma once

#include <algorithm>
#include <concepts>
#include <limits>
#include <optional>
#include <string>
#include <type_traits>
#include <variant>
#include <vector>

#include "payload/base/format.h"
#include "payload/base/text.h"
#include "payload/json/value.h"
#include "runtime/host/descriptions.h"

namespace sealift::host {

template <class T>
json::Value to_json(const T& value);
template <class T>
Result<T> from_json(const json::Value& value);

json::Value to_json(const Error& error);
// Always returns one. Its text comes from elsewhere and is made printable.
Error error_from_json(const json::Value& value);

namespace json_values {

template <class T>
inline constexpr bool is_vector = false;
template <class T>
inline constexpr bool is_vector<std::vector<T>> = true;
template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;
template <class T>
inline constexpr bool is_variant = false;
template <class... T>
inline constexpr bool is_variant<std::variant<T...>> = true;

struct Writer {
  json::Value out = json::Value::object();
  template <class T>
  void operator()(std::string_view key, const T& field) {
    if constexpr (is_optional<T>) {
      if (field) out.set(std::string(key), to_json(*field));
    } else {
      out.set(std::string(key), to_json(field));
    }
  }
};

struct Reader {
  const json::Value& in;
  std::optional<Error> error = std::nullopt;  // the first one
  template <class T>
  void operator()(std::string_view key, T& field) {
    if (error) return;
    const auto* value = in.find(key);
    if constexpr (is_optional<T>) {
      if (value == nullptr) return;
      take(key, from_json<typename T::value_type>(*value), field);
    } else {
      if (value == nullptr)
        error = Error{ErrorCode::protocol, base::format("\"{}\" is missing", key), {}};
      else
        take(key, from_json<T>(*value), field);
    }
  }
  template <class T, class Field>
  void take(std::string_view key, Result<T> read, Field& field) {
    if (read)
      field = std::move(*read);
    else
      error = Error{ErrorCode::protocol, base::format("\"{}\": {}", key, read.error().what), {}};
  }
};

// The alternative named by "kind", its fields in the same object.
template <class... T>
Result<std::variant<T...>> variant_from(const json::Value& value, const std::variant<T...>*) {
  const std::string kind = value.text_or("kind", "");
  Result<std::variant<T...>> out =
      fail(ErrorCode::protocol, "\"kind\": \"{}\" is none that this version knows", base::printable(kind, 40));
  (void)((kind == T::kKind &&
          (out = from_json<T>(value).transform([](T&& read) { return std::variant<T...>(std::move(read)); }), true)) ||
         ...);
  return out;
}

template <class T>
Result<T> integer_from(const json::Value& value) {
  if constexpr (std::is_signed_v<T>) {
    const auto number = value.integer();
    if (number && std::in_range<T>(*number)) return static_cast<T>(*number);
  } else {
    const auto number = value.unsigned_integer();
    if (number && std::in_range<T>(*number)) return static_cast<T>(*number);
  }
  return fail(ErrorCode::protocol, "not a number that fits");
}

}  // namespace json_values

template <class T>
json::Value to_json(const T& value) {
  if constexpr (std::same_as<T, std::string> || std::same_as<T, bool>) {
    return json::Value(value);
  } else if constexpr (std::same_as<T, Architecture>) {
    return json::Value(base::name(value));
  } else if constexpr (std::same_as<T, Digest>) {
    return json::Value(value.text());
  } else if constexpr (std::same_as<T, Duration>) {
    return json::Value(int64_t{value.count()});
  } else if constexpr (std::is_enum_v<T>) {
    return json::Value(std::string(names<T>[static_cast<size_t>(value)]));
  } else if constexpr (std::is_integral_v<T>) {
    if constexpr (std::is_signed_v<T>)
      return json::Value(int64_t{value});
    else
      return json::Value(uint64_t{value});
  } else if constexpr (json_values::is_vector<T>) {
    json::Value out = json::Value::array();
    for (const auto& item : value) out.push_back(to_json(item));
    return out;
  } else if constexpr (json_values::is_variant<T>) {
    return std::visit(
        [](const auto& alternative) {
          json::Value out = to_json(alternative);
          out.set("kind", std::string(alternative.kKind));
          return out;
        },
        value);
  } else {
    json_values::Writer writer;
    describe(writer, value);
    return std::move(writer.out);
  }
}

template <class T>
Result<T> from_json(const json::Value& value) {
  if constexpr (std::same_as<T, std::string>) {
    if (const auto* text = value.string()) return *text;
    return fail(ErrorCode::protocol, "not a text");
  } else if constexpr (std::same_as<T, bool>) {
    if (const auto truth = value.boolean()) return *truth;
    return fail(ErrorCode::protocol, "neither true nor false");
  } else if constexpr (std::same_as<T, Architecture>) {
    const auto architecture = value.string() == nullptr ? std::nullopt : base::parse_architecture(*value.string());
    if (architecture) return *architecture;
    return fail(ErrorCode::protocol, "an unknown architecture");
  } else if constexpr (std::same_as<T, Digest>) {
    if (value.string() == nullptr) return fail(ErrorCode::protocol, "not a digest");
    return Digest::parse(*value.string());
  } else if constexpr (std::same_as<T, Duration>) {
    return json_values::integer_from<int64_t>(value).transform([](int64_t count) { return Duration{count}; });
  } else if constexpr (std::is_enum_v<T>) {
    const auto* text = value.string();
    const auto found = text == nullptr ? names<T>.end() : std::ranges::find(names<T>, *text);
    if (found != names<T>.end()) return static_cast<T>(found - names<T>.begin());
    return fail(ErrorCode::protocol, "an unknown value");
  } else if constexpr (std::is_integral_v<T>) {
    return json_values::integer_from<T>(value);
  } else if constexpr (json_values::is_vector<T>) {
    if (!value.is_array()) return fail(ErrorCode::protocol, "not a list");
    T out;
    for (const auto& item : *value.elements()) {
      SEALIFT_ASSIGN(auto read, from_json<typename T::value_type>(item));
      out.push_back(std::move(read));
    }
    return out;
  } else if constexpr (json_values::is_variant<T>) {
    return json_values::variant_from(value, static_cast<const T*>(nullptr));
  } else {
    T out;
    json_values::Reader reader{value};
    describe(reader, out);
    if (reader.error) return fail(std::move(*reader.error));
    return out;
  }
}

}  // namespace sealift::host
