// SPDX-License-Identifier: Apache-2.0
// Texts that may hold more than one name: words of commands, texts for a shell, lists of pairs, documents.
#include <algorithm>

#include "payload/base/format.h"
#include "payload/base/text.h"
#include "payload/workloads/embedded.h"
#include "payload/workloads/walk.h"

namespace sealift::workloads {
namespace {

// "--name=value", "NAME=value" as a name and a value; without "=", the value is absent.
struct Word {
  std::string_view name;
  std::optional<std::string_view> value;
  bool flag = false;
};

std::string_view unquoted(std::string_view text) {
  const bool quoted = text.size() >= 2 && (text.front() == '"' || text.front() == '\'') && text.back() == text.front();
  return quoted ? text.substr(1, text.size() - 2) : text;
}

Word read_word(std::string_view text) {
  Word out;
  out.flag = text.starts_with('-');
  const size_t equals = text.find('=');
  out.name = text.substr(0, equals);
  if (equals != std::string_view::npos) out.value = unquoted(text.substr(equals + 1));
  return out;
}

// The words of a text for a shell, without quotes, joining lines and comments.
std::vector<std::string_view> shell_words(std::string_view text) {
  constexpr std::string_view kBetween = " \t\r\n\\\"'`;()|&<>";
  std::vector<std::string_view> out;
  for (size_t i = 0; i < text.size();) {
    if (kBetween.contains(text[i])) {
      ++i;
      continue;
    }
    if (text[i] == '#') {
      i = std::min(text.find('\n', i), text.size());
      continue;
    }
    const size_t end = std::min(text.find_first_of(kBetween, i), text.size());
    out.push_back(text.substr(i, end - i));
    i = end;
  }
  return out;
}

bool is_text_for_shell(std::string_view text) {
  return text.contains('\n') || (!text.starts_with('-') && base::trim(text).contains(' '));
}

}  // namespace

void Walker::visit_text(const yaml::Node& node, const Context& context) {
  if (context.arguments) {
    visit_shell_text(node, context);
    return;
  }
  if (judge_named(node.text, context.key, "field", node, context)) return;
  if (visit_inside(node, context)) return;
  if (context.data) visit_settings(node, context);
  if (context.key != KeySays::nothing && !context.free_text) {
    visit_pairs(node.text, context.key, "field", node, context);
  }
}

bool Walker::visit_inside(const yaml::Node& text, const Context& context) {
  constexpr int kDeepest = 5;  // seen: 3, a manifest in a ConfigMap that holds a ConfigMap with a Pod
  if (context.embedded >= kDeepest || !may_hold_images(text.text)) return false;
  const auto documents = documents_inside(text.text);
  Context inside;
  inside.embedded = context.embedded + 1;
  inside.line = line_of(text, context);
  const Step step(path_, " > ");
  for (const auto& document : documents) visit(document, inside);
  return !documents.empty();
}

// Settings of other formats (TOML, properties, variables of a script): only lines whose key says image.
void Walker::visit_settings(const yaml::Node& text, const Context& context) {
  Context careful = context;
  careful.free_text = true;
  careful.data = false;
  for (const auto line : base::split(text.text, '\n')) {
    const size_t equals = line.find('=');
    if (equals == std::string_view::npos || equals > 200) continue;
    const auto key = base::trim(line.substr(0, equals));
    if (key.empty() || key.find_first_of("#/;\"' \t") != std::string_view::npos) continue;
    const KeySays says = what_key_says(key);
    const auto value = unquoted(base::trim(line.substr(equals + 1)));
    if (says != KeySays::nothing && value.contains('/')) judge_named(value, says, "field", text, careful);
  }
}

void Walker::visit_arguments(const yaml::Node& list, const Context& context) {
  std::vector<Sibling> flags;
  for (size_t i = 0; i < list.items.size(); ++i) {
    const yaml::Node& item = list.items[i];
    const Word word = item.kind == yaml::Kind::scalar ? read_word(item.text) : Word{};
    if (word.flag && word.value) flags.push_back({word.name, *word.value, &item, base::format("[{}]", i)});
  }
  const auto done = judge_siblings(flags, context);
  KeySays awaited = KeySays::nothing;  // what the flag before says of this word
  for (size_t i = 0; i < list.items.size(); ++i) {
    const yaml::Node& item = list.items[i];
    const Step step(path_, base::format("[{}]", i));
    const KeySays key = std::exchange(awaited, KeySays::nothing);
    if (item.kind != yaml::Kind::scalar) {
      Context of_item = context;
      of_item.arguments = false;
      visit(item, of_item);
      continue;
    }
    const std::string_view text = item.text;
    if (is_text_for_shell(text)) {
      visit_shell_text(item, context);
      continue;
    }
    const Word word = read_word(text);
    if (word.flag && !word.value) {
      awaited = what_key_says(word.name);
    } else if (word.value && !done.contains(word.name)) {
      const KeySays says = what_key_says(word.name);
      if (!judge_named(*word.value, says, "flag", item, context)) visit_pairs(*word.value, says, "flag", item, context);
    } else if (!word.value && !judge_named(text, key, "flag", item, context)) {
      visit_pairs(text, key, "flag", item, context);
    }
  }
}

// What a shell makes of a word is not known, so that incomplete names mean nothing here.
void Walker::visit_shell_text(const yaml::Node& text, const Context& context) {
  Context careful = context;
  careful.free_text = true;
  KeySays awaited = KeySays::nothing;
  for (const auto part : shell_words(text.text)) {
    const KeySays key = std::exchange(awaited, KeySays::nothing);
    const Word word = read_word(part);
    if (word.flag && !word.value) {
      awaited = what_key_says(word.name);
    } else {
      judge_named(word.value.value_or(part), word.value ? what_key_says(word.name) : key, "flag", text, careful);
    }
  }
}

// "3.1=REF" on lines or between commas: a map of images in one value, or a list of them. A field may also hold prose,
// and so must be nothing but names.
void Walker::visit_pairs(std::string_view text, KeySays key, const char* found_by, const yaml::Node& at,
                         const Context& context) {
  constexpr std::string_view kBetween = " \t\r\n,;";
  if (text.find_first_of(kBetween) == std::string_view::npos && !text.contains('=')) return;
  std::vector<Word> words;
  for (size_t i = 0; i < text.size();) {
    const size_t end = std::min(text.find_first_of(kBetween, i), text.size());
    if (end != i) words.push_back(read_word(unquoted(text.substr(i, end - i))));
    i = end + 1;
  }
  const auto is_name = [](const Word& word) { return is_complete(word.value.value_or(word.name)); };
  if (std::string_view(found_by) == "field" && !std::ranges::all_of(words, is_name)) return;
  Context careful = context;
  careful.free_text = true;
  careful.data = false;
  for (const auto& word : words) {
    const KeySays says = word.value ? std::max(key, what_key_says(word.name)) : key;
    if (says != KeySays::nothing) judge_named(word.value.value_or(word.name), says, found_by, at, careful);
  }
}

}  // namespace sealift::workloads
