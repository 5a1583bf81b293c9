// SPDX-License-Identifier: Apache-2.0
#include "payload/workloads/apply_rules.h"

#include <algorithm>
#include <set>

#include "payload/base/format.h"
#include "payload/base/pattern.h"
#include "payload/base/text.h"
#include "payload/image/reference.h"
#include "payload/workloads/embedded.h"
#include "payload/workloads/image_words.h"
#include "payload/workloads/places.h"

namespace sealift::workloads {
namespace {

bool says_something(const yaml::Node* node) {
  if (node == nullptr) return false;
  if (node->kind == yaml::Kind::scalar) return !node->text.empty() && node->text != "false";
  return !node->items.empty() || !node->members.empty();
}

// A document, or one inside of a string of it.
struct View {
  yaml::Node inside;  // if it is one inside
  const yaml::Node* root = nullptr;
  std::string place;  // of its root: "", ".data.values > "
  int line = 0;       // of the string
};

using Places = std::set<std::pair<std::string, std::string>>;  // object and path

class Application {
 public:
  Application(const Rule& rule, const yaml::Node& document, std::span<const yaml::Node> documents,
              std::span<const yaml::Node* const> others, Findings& made, Places& read)
      : rule_(rule),
        document_(document),
        documents_(documents),
        others_(others),
        findings_(made),
        read_(read),
        object_(object_name(document, text_of(document.find("kind")))) {}

  void run() {
    if (rule_.images.empty() && !rule_.table) return;
    View view;
    if (!open(document_, rule_.parse, view)) return unresolved("", rule_.parse->text(), "there is no document");
    for (const auto& pattern : rule_.images) add(pattern, view);
    if (rule_.table) add_row(*rule_.table, view);
  }

 private:
  static bool open(const yaml::Node& document, const std::optional<FieldPath>& parse, View& out) {
    out.root = &document;
    if (!parse) return true;
    const auto* text = parse->find(document);
    if (text == nullptr || text->kind != yaml::Kind::scalar) return false;
    auto inside = documents_inside(text->text);
    if (inside.empty()) return false;
    out.inside = std::move(inside.front());
    out.root = &out.inside;
    out.place = parse->text() + " > ";
    out.line = text->line;
    return true;
  }
  const yaml::Node* chosen(const std::optional<Selector>& from) const {
    if (!from) return &document_;
    const auto found = std::ranges::find_if(documents_, [&](const auto& one) { return from->matches(one); });
    if (found != documents_.end()) return &*found;
    const auto other = std::ranges::find_if(others_, [&](const auto* one) { return from->matches(*one); });
    return other == others_.end() ? nullptr : *other;
  }

  // What stands at the source; empty if nothing does, or its document is not there.
  std::string text_from(const Rule::Source& source) {
    View view;
    const auto* document = chosen(source.from);
    // A field of this document's own is read where the rule reads.
    const auto& parse = source.parse || source.from ? source.parse : rule_.parse;
    if (document == nullptr || !open(*document, parse, view)) return "";
    std::string text = text_of(source.field.find(*view.root));
    if (source.take == Rule::Take::tag) {
      const auto parsed = image::parse_reference(text);
      return parsed && is_complete(text) ? parsed->tag : "";
    }
    if (!text.empty())
      read_.insert({object_name(*document, text_of(document->find("kind"))), view.place + source.field.text()});
    return text;
  }

  // nullopt if neither its field nor its default says anything.
  std::optional<std::string> value_of(std::string_view name) {
    const auto& value = *std::ranges::find(rule_.values, name, &Rule::Value::name);
    std::string text = text_from(value.source);
    return text.empty() ? value.otherwise : std::optional(std::move(text));
  }

  void add(const Pattern& pattern, const View& view) {
    if (pattern.when && !says_something(pattern.when->find(*view.root))) return;
    if (pattern.unless && says_something(pattern.unless->find(*view.root))) return;
    std::string name, place;
    int line = document_.line;
    for (const auto& part : pattern.parts) {
      if (part.is_value) {
        const auto value = value_of(part.text);
        if (!value) return unresolved(pattern.text, view.place, base::format("nothing says what {{{}}} is", part.text));
        name += *value;
      } else if (part.field) {
        const std::string here = view.place + part.field->text();
        const auto* node = part.field->find(*view.root);
        if (text_of(node).empty()) return unresolved(pattern.text, here, "nothing stands there");
        read_.insert({object_, here});
        if (place.empty()) line = view.place.empty() ? node->line : view.line;
        if (place.empty()) place = here;
        name += node->text;
      } else {
        name += part.text;
      }
    }
    // A registry may be given as "reg.example" or as "reg.example/".
    name = base::replace_all(std::move(name), "//", "/");
    if (!is_complete(name))
      return unresolved(name, place, base::format("made of {}, it is no image name", pattern.text));
    findings_.images.push_back({name, object_, place, line, "rule " + rule_.name});
  }

  void add_row(const Rule::Table& table, const View& view) {
    const std::string place = table.source.field.text();
    const std::string version = text_from(table.source);
    if (version.empty()) {
      const auto& from = table.source.from;
      return unresolved("", place,
                        base::format("nothing says which version this is{}",
                                     from ? ": " + from->text() + " is missing, or has no tag" : ""));
    }
    const auto row =
        std::ranges::find_if(table.rows, [&](const auto& one) { return base::is_like(version, one.first); });
    if (row == table.rows.end())
      return unresolved(version, place, "its table does not know this version, which brings images of its own");
    for (const auto& pattern : row->second) add(pattern, view);
  }

  void unresolved(std::string_view text, std::string path, std::string_view why) {
    findings_.unresolved.push_back(
        {std::string(text), object_, std::move(path), document_.line, base::format("rule {}: {}", rule_.name, why)});
  }

  const Rule& rule_;
  const yaml::Node& document_;
  std::span<const yaml::Node> documents_;
  std::span<const yaml::Node* const> others_;
  Findings& findings_;
  Places& read_;
  std::string object_;
};

void apply_ignore(const Rule& rule, const std::string& object, Findings& findings) {
  for (const auto& one : rule.ignore) {
    const auto here = [&](const auto& finding) {
      return finding.object == object && base::is_like(finding.path, one.path);
    };
    const std::string reason = base::format("rule {}: {}", rule.name, one.reason);
    for (const auto& use : findings.images) {
      if (here(use)) findings.omitted.push_back({use.image, use.object, use.path, use.line, reason});
    }
    for (const auto& left : findings.unresolved) {
      if (here(left)) findings.omitted.push_back({left.text, left.object, left.path, left.line, reason});
    }
    std::erase_if(findings.images, here);
    std::erase_if(findings.unresolved, here);
  }
}

// ".spec.image" was read if ".spec.image.tag" was.
bool was_read(const Places& read, const Unresolved& one) {
  for (auto at = read.lower_bound({one.object, one.path}); at != read.end(); ++at) {
    if (at->first != one.object || !at->second.starts_with(one.path)) return false;
    const auto rest = std::string_view(at->second).substr(one.path.size());
    if (rest.empty() || rest.front() == '.' || rest.front() == '[') return true;
  }
  return false;
}

}  // namespace

void apply_rules(const Rules& rules, std::span<const yaml::Node> documents, std::span<const yaml::Node* const> others,
                 Findings& findings) {
  Places read;
  Findings made;
  for (const auto& rule : rules.all) {
    for (const auto& document : documents) {
      if (!rule.match.matches(document)) continue;
      Application(rule, document, documents, others, made, read).run();
      apply_ignore(rule, object_name(document, text_of(document.find("kind"))), findings);
    }
  }
  std::erase_if(findings.unresolved, [&](const Unresolved& one) { return was_read(read, one); });
  std::ranges::move(made.images, std::back_inserter(findings.images));
  std::ranges::move(made.unresolved, std::back_inserter(findings.unresolved));
}

}  // namespace sealift::workloads
