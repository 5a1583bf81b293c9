// SPDX-License-Identifier: Apache-2.0
#include "payload/json/value.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "payload/base/format.h"
#include "payload/base/text.h"
#include "payload/json/entries.h"

namespace sealift::json {
namespace {

using Library = nlohmann::json;

// A value takes some hundred bytes of memory, however short its text. Documents have one (or a key) for each twenty
// bytes at most; those that are all brackets are none.
constexpr size_t kBytesForEach = 20;
constexpr size_t kBytesForEachInEntries = 10;  // which are gone with their entry

// Builds our values during the library's parse; the library's own tree would silently accept duplicate keys.
class Builder final : public nlohmann::json_sax<Library> {
 public:
  explicit Builder(const Limits& limits, const EntryVisitor* visit) : limits_(limits), visit_(visit) {}

  bool null() override { return add({}); }
  bool boolean(bool value) override { return add(value); }
  bool number_integer(number_integer_t value) override { return add(int64_t{value}); }
  bool number_unsigned(number_unsigned_t value) override { return add(uint64_t{value}); }
  bool number_float(number_float_t value, const string_t&) override {
    if (!std::isfinite(value)) return refuse(ErrorCode::corrupt, "a number that is not finite");
    return add(value);
  }
  bool string(string_t& value) override { return add(std::move(value)); }
  bool binary(binary_t&) override { return false; }
  bool start_object(size_t) override { return open(Value::object()); }
  bool key(string_t& key) override {
    if (at_entries() && !follows(key)) return false;
    if (!count()) return false;
    if (stack_.back().value.find(key) != nullptr)
      return refuse(ErrorCode::corrupt,
                    base::format("the key \"{}\" stands twice in one object", base::printable(key)));
    stack_.back().key = std::move(key);
    return true;
  }
  bool end_object() override { return close(); }
  bool start_array(size_t) override { return open(Value::array()); }
  bool end_array() override { return close(); }
  bool parse_error(size_t position, const std::string&, const Library::exception&) override {
    return refuse(ErrorCode::corrupt, base::format("not JSON at byte {}", position));
  }

  Value root;
  std::optional<Error> error;

 private:
  struct Level {
    Value value;
    std::string key;
  };

  bool refuse(ErrorCode code, std::string what) {
    error = Error{code, std::move(what), {}};
    return false;
  }
  // Within a list or object that is a member of the document, whose entries are visited and not kept.
  bool at_entries() const { return visit_ != nullptr && stack_.size() == 2; }
  // Whether the key may come after the last one; what is not kept can't be searched.
  bool follows(const std::string& key) {
    if (entries_ != 0 && key <= stack_.back().key)
      return refuse(ErrorCode::corrupt, base::format("the key \"{}\" stands twice in one object, or not in its place",
                                                     base::printable(key)));
    return true;
  }
  bool hand_over(const Value& value) {
    within_entry_ = 0;
    const Level& within = stack_.back();
    auto taken = (*visit_)({stack_.front().key, within.key, within.value.is_array(), ++entries_, value});
    if (taken) return true;
    error = std::move(taken).error();
    return false;
  }
  bool open(Value value) {
    if (stack_.size() >= limits_.depth)
      return refuse(ErrorCode::limit_exceeded, base::format("nested deeper than {} levels", limits_.depth));
    if (stack_.size() == 1) entries_ = 0;
    stack_.push_back({std::move(value), {}});
    return true;
  }
  bool close() {
    Value done = std::move(stack_.back().value);
    stack_.pop_back();
    return add(std::move(done));
  }
  bool count() {
    const bool in_entry = visit_ != nullptr && stack_.size() >= 2;
    if (in_entry && ++within_entry_ > kMaxEntryValues)
      return refuse(ErrorCode::limit_exceeded,
                    base::format("more than {} values in entry {} of \"{}\"", kMaxEntryValues, entries_ + 1,
                                 base::printable(stack_.front().key)));
    const size_t most = std::max<size_t>(limits_.bytes / (in_entry ? kBytesForEachInEntries : kBytesForEach), 64);
    if (++(in_entry ? in_entries_ : values_) <= most) return true;
    return refuse(ErrorCode::limit_exceeded, base::format("more than {} values", most));
  }
  bool add(Value value) {
    if (!count()) return false;
    if (at_entries()) return hand_over(value);
    if (stack_.empty()) {
      root = std::move(value);
    } else if (stack_.back().value.is_array()) {
      stack_.back().value.push_back(std::move(value));
    } else {
      stack_.back().value.set(std::move(stack_.back().key), std::move(value));
    }
    return true;
  }

  const Limits& limits_;
  size_t values_ = 0, in_entries_ = 0;
  const EntryVisitor* visit_;
  size_t entries_ = 0;       // visited of the member that is being read
  size_t within_entry_ = 0;  // values of the entry that is being read, and keys
  std::vector<Level> stack_;
};

Result<Value> built(std::string_view text, const Limits& limits, const EntryVisitor* visit) {
  if (text.size() > limits.bytes)
    return fail(ErrorCode::limit_exceeded, "JSON of {} bytes, at most {} are allowed", text.size(), limits.bytes);
  Builder builder(limits, visit);
  const bool good = Library::sax_parse(text.begin(), text.end(), &builder);
  if (builder.error) return fail(std::move(*builder.error));
  if (!good) return fail(ErrorCode::corrupt, "not JSON");
  return std::move(builder.root);
}

Library to_library(const Value& value) {
  if (const auto* members = value.members()) {
    Library out = Library::object();
    for (const auto& [key, member] : *members) out[key] = to_library(member);
    return out;
  }
  if (const auto* elements = value.elements()) {
    Library out = Library::array();
    for (const auto& element : *elements) out.push_back(to_library(element));
    return out;
  }
  if (const auto* text = value.string()) return *text;
  if (const auto flag = value.boolean()) return *flag;
  if (const auto natural = value.unsigned_integer()) return *natural;
  if (const auto integer = value.integer()) return *integer;
  if (const auto number = value.number()) return *number;
  return nullptr;
}

}  // namespace

Value::Value(Array value) : data_(std::make_shared<Array>(std::move(value))) {}
Value::Value(Object value) : data_(std::make_shared<Object>(std::move(value))) {}
Value Value::object() { return Object{}; }
Value Value::array() { return Array{}; }

bool Value::is_object() const { return std::holds_alternative<std::shared_ptr<Object>>(data_); }
bool Value::is_array() const { return std::holds_alternative<std::shared_ptr<Array>>(data_); }

const Array* Value::elements() const {
  const auto* held = std::get_if<std::shared_ptr<Array>>(&data_);
  return held == nullptr ? nullptr : held->get();
}
const Object* Value::members() const {
  const auto* held = std::get_if<std::shared_ptr<Object>>(&data_);
  return held == nullptr ? nullptr : held->get();
}
std::optional<bool> Value::boolean() const {
  const auto* held = std::get_if<bool>(&data_);
  return held == nullptr ? std::nullopt : std::optional(*held);
}
std::optional<int64_t> Value::integer() const {
  if (const auto* held = std::get_if<int64_t>(&data_)) return *held;
  const auto* natural = std::get_if<uint64_t>(&data_);
  if (natural != nullptr && *natural <= uint64_t{std::numeric_limits<int64_t>::max()})
    return static_cast<int64_t>(*natural);
  return std::nullopt;
}
std::optional<uint64_t> Value::unsigned_integer() const {
  if (const auto* held = std::get_if<uint64_t>(&data_)) return *held;
  const auto* integer = std::get_if<int64_t>(&data_);
  if (integer != nullptr && *integer >= 0) return static_cast<uint64_t>(*integer);
  return std::nullopt;
}
std::optional<double> Value::number() const {
  if (const auto* held = std::get_if<double>(&data_)) return *held;
  if (const auto* integer = std::get_if<int64_t>(&data_)) return static_cast<double>(*integer);
  if (const auto* natural = std::get_if<uint64_t>(&data_)) return static_cast<double>(*natural);
  return std::nullopt;
}

const Value* Value::find(std::string_view key) const {
  const auto* object = members();
  if (object == nullptr) return nullptr;
  const auto found = object->find(key);
  return found == object->end() ? nullptr : &found->second;
}

const Value* Value::at_path(std::string_view path) const {
  const Value* at = this;
  for (const auto part : base::split(path, '/')) {
    if (const auto* array = at->elements()) {
      const auto index = base::parse_u64(part);
      if (!index || *index >= array->size()) return nullptr;
      at = &(*array)[*index];
    } else {
      at = at->find(part);
    }
    if (at == nullptr) return nullptr;
  }
  return at;
}

Result<std::string> Value::text(std::string_view key) const {
  const auto* member = find(key);
  if (member == nullptr || member->string() == nullptr) return fail(ErrorCode::corrupt, "\"{}\" must be a string", key);
  return *member->string();
}
Result<uint64_t> Value::natural(std::string_view key) const {
  const auto* member = find(key);
  const auto value = member == nullptr ? std::nullopt : member->unsigned_integer();
  if (!value) return fail(ErrorCode::corrupt, "\"{}\" must be a whole number that is not negative", key);
  return *value;
}
std::string Value::text_or(std::string_view key, std::string_view otherwise) const {
  const auto* member = find(key);
  return std::string(member != nullptr && member->string() != nullptr ? std::string_view(*member->string())
                                                                      : otherwise);
}
uint64_t Value::natural_or(std::string_view key, uint64_t otherwise) const {
  const auto* member = find(key);
  return member == nullptr ? otherwise : member->unsigned_integer().value_or(otherwise);
}
bool Value::boolean_or(std::string_view key, bool otherwise) const {
  const auto* member = find(key);
  return member == nullptr ? otherwise : member->boolean().value_or(otherwise);
}

void Value::set(std::string key, Value value) {
  if (!is_object()) data_ = std::make_shared<Object>();
  auto& held = std::get<std::shared_ptr<Object>>(data_);
  if (held.use_count() > 1) held = std::make_shared<Object>(*held);  // copy on write: other copies must not change
  held->insert_or_assign(std::move(key), std::move(value));
}

void Value::push_back(Value value) {
  if (!is_array()) data_ = std::make_shared<Array>();
  auto& held = std::get<std::shared_ptr<Array>>(data_);
  if (held.use_count() > 1) held = std::make_shared<Array>(*held);
  held->push_back(std::move(value));
}

bool Value::operator==(const Value& other) const {
  if (const auto* mine = members()) return other.members() != nullptr && *mine == *other.members();
  if (const auto* mine = elements()) return other.elements() != nullptr && *mine == *other.elements();
  if (integer() && other.integer()) return integer() == other.integer();
  return data_ == other.data_;
}

Result<Value> parse(std::string_view text, const Limits& limits) { return built(text, limits, nullptr); }
Result<Value> parse_entries(std::string_view text, const Limits& limits, const EntryVisitor& visit) {
  return built(text, limits, &visit);
}

std::string to_canonical(const Value& value) {
  return to_library(value).dump(-1, ' ', false, Library::error_handler_t::replace);
}
std::string to_pretty(const Value& value) {
  return to_library(value).dump(2, ' ', false, Library::error_handler_t::replace);
}

}  // namespace sealift::json
