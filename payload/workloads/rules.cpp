// SPDX-License-Identifier: Apache-2.0
#include "payload/workloads/rules.h"

#include <algorithm>
#include <array>
#include <span>

#include "payload/base/format.h"
#include "payload/base/pattern.h"
#include "payload/base/text.h"
#include "payload/image/reference.h"
#include "payload/workloads/places.h"

namespace sealift::workloads {
namespace {

// Reads one rule; every refusal names the place.
class RuleReader {
 public:
  explicit RuleReader(std::string_view where) : where_(where) {}

  Result<Rule> read(const yaml::Node& node) const {
    SEALIFT_TRY(only(node, {"apiVersion", "kind", "metadata", "source", "seenWith", "match", "parse", "values",
                            "images", "table", "ignore"}));
    if (text_of(node.find("apiVersion")) != "sealift.dev/v1" || text_of(node.find("kind")) != "ImageRule")
      return refuse(node, "a rule begins with apiVersion: sealift.dev/v1 and kind: ImageRule");
    Rule out;
    SEALIFT_ASSIGN(const yaml::Node* metadata, member(node, "metadata"));
    SEALIFT_TRY(only(*metadata, {"name"}));
    SEALIFT_ASSIGN(out.name, text(*metadata, "name"));
    if (!std::ranges::all_of(out.name,
                             [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; }))
      return refuse(*metadata, "a rule's name has lower-case letters, digits and - only");
    SEALIFT_ASSIGN(out.source, text(node, "source"));
    SEALIFT_ASSIGN(out.seen_with, texts(node, "seenWith"));
    SEALIFT_ASSIGN(const yaml::Node* match, member(node, "match"));
    SEALIFT_ASSIGN(out.match, selector(*match));
    SEALIFT_ASSIGN(out.parse, optional_path(node, "parse"));
    SEALIFT_TRY(read_values(node, out));
    if (const auto* images = node.find("images")) {
      SEALIFT_ASSIGN(out.images, patterns(*images, out.values));
    }
    SEALIFT_TRY(read_table(node, out));
    SEALIFT_TRY(read_ignore(node, out));
    if (out.images.empty() && !out.table && out.ignore.empty())
      return refuse(node, "a rule says images, table or ignore");
    return out;
  }

 private:
  using Names = std::initializer_list<std::string_view>;

  std::unexpected<Error> refuse(const yaml::Node& at, std::string_view why) const {
    return fail(ErrorCode::invalid_input, "{}:{}:{}: {}", where_, at.line, at.column, why);
  }
  Result<void> only(const yaml::Node& node, Names known) const {
    if (node.kind != yaml::Kind::mapping) return refuse(node, "fields and their values must stand here");
    for (const auto& [key, value] : node.members) {
      if (!std::ranges::contains(known, key))
        return refuse(value, base::format("the field \"{}\" is not known here", base::printable(key)));
    }
    return {};
  }
  Result<const yaml::Node*> member(const yaml::Node& node, std::string_view key) const {
    const auto* found = node.find(key);
    if (found == nullptr || found->is_null()) return refuse(node, base::format("the field \"{}\" is missing", key));
    return found;
  }
  Result<std::string> text(const yaml::Node& node, std::string_view key) const {
    SEALIFT_ASSIGN(const yaml::Node* found, member(node, key));
    if (found->kind != yaml::Kind::scalar || found->text.empty())
      return refuse(*found, base::format("\"{}\" must be a text", key));
    return found->text;
  }
  Result<std::vector<std::string>> texts(const yaml::Node& node, std::string_view key) const {
    SEALIFT_ASSIGN(const yaml::Node* found, member(node, key));
    std::vector<std::string> out;
    for (const auto& item : found->items) out.push_back(text_of(&item));
    if (out.empty() || std::ranges::contains(out, ""))
      return refuse(*found, base::format("\"{}\" must be a list of texts", key));
    return out;
  }
  Result<FieldPath> path(const yaml::Node& at, std::string_view text) const {
    auto out = FieldPath::parse(text);
    if (!out) return refuse(at, out.error().what);
    return out;
  }
  Result<std::optional<FieldPath>> optional_path(const yaml::Node& node, std::string_view key) const {
    if (node.find(key) == nullptr) return std::nullopt;
    SEALIFT_ASSIGN(const auto written, text(node, key));
    SEALIFT_ASSIGN(auto out, path(*node.find(key), written));
    return out;
  }
  Result<Selector> selector(const yaml::Node& node) const {
    SEALIFT_TRY(only(node, {"group", "kind", "name", "fields"}));
    Selector out;
    SEALIFT_ASSIGN(out.kind, text(node, "kind"));
    if (const auto* group = node.find("group")) out.group = text_of(group);
    if (node.find("name") != nullptr) {
      SEALIFT_ASSIGN(out.name, text(node, "name"));
    }
    const auto* fields = node.find("fields");
    if (fields == nullptr) return out;
    if (fields->kind != yaml::Kind::mapping) return refuse(*fields, "paths and patterns must stand here");
    for (const auto& [key, value] : fields->members) {
      SEALIFT_ASSIGN(auto field, path(value, key));
      out.fields.emplace_back(std::move(field), text_of(&value));
    }
    return out;
  }
  // The members from, parse, and field or tagOf.
  Result<Rule::Source> source(const yaml::Node& node) const {
    Rule::Source out;
    if (const auto* from = node.find("from")) {
      SEALIFT_ASSIGN(out.from, selector(*from));
    }
    SEALIFT_ASSIGN(out.parse, optional_path(node, "parse"));
    SEALIFT_ASSIGN(auto field, optional_path(node, "field"));
    SEALIFT_ASSIGN(auto tag_of, optional_path(node, "tagOf"));
    if (field.has_value() == tag_of.has_value()) return refuse(node, "either field or tagOf must stand here");
    out.take = field ? Rule::Take::text : Rule::Take::tag;
    out.field = field ? std::move(*field) : std::move(*tag_of);
    return out;
  }

  Result<void> read_values(const yaml::Node& node, Rule& out) const {
    const auto* values = node.find("values");
    if (values == nullptr) return {};
    if (values->kind != yaml::Kind::mapping) return refuse(*values, "fields and their values must stand here");
    for (const auto& [name, value] : values->members) {
      SEALIFT_TRY(only(value, {"from", "parse", "field", "tagOf", "otherwise"}));
      Rule::Value one;
      one.name = name;
      SEALIFT_ASSIGN(one.source, source(value));
      if (const auto* otherwise = value.find("otherwise")) one.otherwise = text_of(otherwise);
      out.values.push_back(std::move(one));
    }
    return {};
  }

  Result<std::vector<Pattern>> patterns(const yaml::Node& list, std::span<const Rule::Value> values) const {
    std::vector<Pattern> out;
    for (const auto& item : list.items) {
      SEALIFT_ASSIGN(auto one, pattern(item, values));
      out.push_back(std::move(one));
    }
    if (out.empty()) return refuse(list, "a list of images must stand here");
    return out;
  }
  Result<Pattern> pattern(const yaml::Node& item, std::span<const Rule::Value> values) const {
    Pattern out;
    if (item.kind == yaml::Kind::mapping) {
      SEALIFT_TRY(only(item, {"image", "when", "unless"}));
      SEALIFT_ASSIGN(out.text, text(item, "image"));
      SEALIFT_ASSIGN(out.when, optional_path(item, "when"));
      SEALIFT_ASSIGN(out.unless, optional_path(item, "unless"));
    } else {
      out.text = text_of(&item);
    }
    if (out.text.empty()) return refuse(item, "an image's name must stand here");
    for (std::string_view rest = out.text; !rest.empty();) {
      const size_t brace = std::min(rest.find_first_of("{}"), rest.size());
      if (brace != 0) {
        out.parts.push_back({.text = std::string(rest.substr(0, brace)), .field = std::nullopt});
        rest.remove_prefix(brace);
        continue;
      }
      const size_t end = rest.find('}');
      const auto inside = rest.substr(1, end - 1);
      if (rest.front() == '}' || end == std::string_view::npos || inside.contains('{'))
        return refuse(item, base::format("a brace without its partner in \"{}\"", base::printable(out.text)));
      if (inside.starts_with('.') || inside.starts_with('[')) {
        SEALIFT_ASSIGN(auto field, path(item, inside));
        out.parts.push_back({.text = "", .field = std::move(field)});
      } else if (std::ranges::contains(values, inside, &Rule::Value::name)) {
        out.parts.push_back({.text = std::string(inside), .field = std::nullopt, .is_value = true});
      } else {
        return refuse(item, base::format("{{{}}} is neither a path nor one of the values", base::printable(inside)));
      }
      rest.remove_prefix(end + 1);
    }
    // Without anything to fill in, the name can be judged here.
    const bool constant = std::ranges::none_of(out.parts, [](const auto& part) { return part.field || part.is_value; });
    if (constant) {
      if (const auto parsed = image::parse_reference(out.text); !parsed) return refuse(item, parsed.error().what);
    }
    return out;
  }

  Result<void> read_table(const yaml::Node& node, Rule& out) const {
    const auto* table = node.find("table");
    if (table == nullptr) return {};
    SEALIFT_TRY(only(*table, {"from", "parse", "field", "tagOf", "rows"}));
    Rule::Table one;
    SEALIFT_ASSIGN(one.source, source(*table));
    SEALIFT_ASSIGN(const yaml::Node* rows, member(*table, "rows"));
    if (rows->kind != yaml::Kind::mapping) return refuse(*rows, "patterns and their images must stand here");
    for (const auto& [tag, images] : rows->members) {
      SEALIFT_ASSIGN(auto row, patterns(images, out.values));
      one.rows.emplace_back(tag, std::move(row));
    }
    out.table = std::move(one);
    return {};
  }
  Result<void> read_ignore(const yaml::Node& node, Rule& out) const {
    const auto* list = node.find("ignore");
    if (list == nullptr) return {};
    for (const auto& item : list->items) {
      SEALIFT_TRY(only(item, {"path", "reason"}));
      Rule::Ignore one;
      SEALIFT_ASSIGN(one.path, text(item, "path"));
      SEALIFT_ASSIGN(one.reason, text(item, "reason"));
      out.ignore.push_back(std::move(one));
    }
    if (out.ignore.empty()) return refuse(*list, "a list of paths and reasons must stand here");
    return {};
  }

  std::string_view where_;
};

}  // namespace

bool Selector::matches(const yaml::Node& document) const {
  return base::is_like(text_of(document.find("kind")), kind) && base::is_like(group_of(document), group) &&
         base::is_like(text_of(document.at_path("metadata/name")), name) &&
         std::ranges::all_of(
             fields, [&](const auto& one) { return base::is_like(text_of(one.first.find(document)), one.second); });
}

std::string Selector::text() const { return name == "*" ? kind : base::format("{} {}", kind, name); }

Result<void> Rules::add(std::string_view text, std::string_view where) {
  SEALIFT_ASSIGN(const auto documents, yaml::parse(text, where));
  std::vector<Rule> read;
  for (const auto& document : documents) {
    SEALIFT_ASSIGN(auto rule, RuleReader(where).read(document));
    const bool twice =
        std::ranges::contains(all, rule.name, &Rule::name) || std::ranges::contains(read, rule.name, &Rule::name);
    if (twice)
      return fail(ErrorCode::invalid_input, "{}:{}: there is a rule {} already", where, document.line, rule.name);
    read.push_back(std::move(rule));
  }
  std::ranges::move(read, std::back_inserter(all));
  return {};
}

bool Rules::concern(const yaml::Node& document) const {
  const auto reads = [&](const std::optional<Selector>& selector) { return selector && selector->matches(document); };
  return std::ranges::any_of(all, [&](const Rule& rule) {
    return rule.match.matches(document) || (rule.table && reads(rule.table->source.from)) ||
           std::ranges::any_of(rule.values, [&](const auto& value) { return reads(value.source.from); });
  });
}

}  // namespace sealift::workloads
