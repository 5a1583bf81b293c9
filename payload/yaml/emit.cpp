// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>

#include "payload/base/format.h"
#include "payload/base/text.h"
#include "payload/base/utf8.h"
#include "payload/yaml/node.h"

namespace sealift::yaml {
namespace {

// True if every YAML 1.1 or 1.2 reader reads the bare text as the same string.
bool safe_bare(std::string_view text) {
  if (text.empty() || text.size() > 200) return false;
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  if (!letter(text.front()) && text.front() != '/') return false;
  if (!std::ranges::all_of(text, [&](char c) {
        return letter(c) || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' || c == '/';
      }))
    return false;
  std::string word(text);
  std::ranges::transform(word, word.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  constexpr auto kWords =
      std::to_array<std::string_view>({"true", "false", "yes", "no", "on", "off", "null", "y", "n"});
  return !std::ranges::contains(kWords, word);
}

// YAML 1.1 reads these as line breaks, and editors do not show them; "" if the text begins with none of them.
std::string_view invisible_escape(std::string_view text, size_t& length) {
  struct Known {
    std::string_view bytes, escape;
  };
  constexpr auto kKnown = std::to_array<Known>(
      {{"\xc2\x85", "\\u0085"}, {"\xe2\x80\xa8", "\\u2028"}, {"\xe2\x80\xa9", "\\u2029"}, {"\xef\xbb\xbf", "\\uFEFF"}});
  for (const auto& known : kKnown) {
    if (!text.starts_with(known.bytes)) continue;
    length = known.bytes.size();
    return known.escape;
  }
  return {};
}

bool has_invisible(std::string_view text) {
  size_t length = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (static_cast<unsigned char>(text[i]) >= 0x80 && !invisible_escape(text.substr(i), length).empty()) return true;
  }
  return false;
}

std::string double_quoted(std::string_view text) {
  std::string out = "\"";
  while (!text.empty()) {
    const char c = text.front();
    const auto byte = static_cast<unsigned char>(c);
    size_t length = 1;
    if (byte >= 0x80) {
      if (const auto escape = invisible_escape(text, length); !escape.empty()) {
        out += escape;
      } else if (length = base::utf8_length(text); length != 0) {
        out += text.substr(0, length);
      } else {
        out += "\\uFFFD";  // invalid UTF-8: no YAML reader would accept it
        length = 1;
      }
    } else {
      switch (c) {
        case '"': out += "\\\""; break;
        case '\\': out += "\\\\"; break;
        case '\n': out += "\\n"; break;
        case '\t': out += "\\t"; break;
        case '\r': out += "\\r"; break;
        default:
          if (byte < 0x20 || byte == 0x7f) {
            out += base::format("\\x{:02x}", byte);
          } else {
            out += c;
          }
      }
    }
    text.remove_prefix(length);
  }
  return out + "\"";
}

// A plain scalar's text came from a variable or a document, where flow style or folded lines may allow more than a
// block mapping does: it stays bare only if it can't be read as anything else.
bool fits_plain(std::string_view text) {
  if (text.empty() || text.front() == ' ' || text.back() == ' ' || text.back() == ':') return false;
  if (std::string_view("!&*|>'\"%@`#,[]{}").contains(text.front())) return false;
  if (std::string_view("-?:").contains(text.front()) && (text.size() == 1 || text[1] == ' ')) return false;
  if (text.starts_with("---") || text.starts_with("...") || text.contains(": ") || text.contains(" #")) return false;
  return !has_invisible(text) &&
         std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f; });
}

// Several lines of printable text without blanks at line ends can be written as a block.
bool fits_block(std::string_view text) {
  if (!text.contains('\n') || text.front() == ' ' || text.front() == '\n' || text.contains(" \n") ||
      has_invisible(text))
    return false;
  if (!base::is_utf8(text)) return false;
  return std::ranges::all_of(text,
                             [](char c) { return c == '\n' || (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f); });
}

std::string block(std::string_view text, size_t indent) {
  std::string out = text.ends_with("\n\n") ? "|+" : text.ends_with('\n') ? "|" : "|-";
  if (text.ends_with('\n')) text.remove_suffix(1);
  for (const auto line : base::split(text, '\n')) {
    out += '\n';
    if (!line.empty()) out += std::string(indent, ' ') + std::string(line);
  }
  return out;
}

std::string scalar(const Node& node, size_t indent) {
  if (!node.quoted && fits_plain(node.text)) return node.text;
  if (fits_block(node.text)) return block(node.text, indent);
  return safe_bare(node.text) ? node.text : double_quoted(node.text);
}

std::string key_text(const std::string& key) { return safe_bare(key) ? key : double_quoted(key); }

void emit(std::string& out, const Node& node, size_t indent, bool inline_first);

void emit_value(std::string& out, const Node& node, size_t indent) {
  switch (node.kind) {
    case Kind::null: out += " null\n"; break;
    case Kind::scalar: out += " " + scalar(node, indent + 2) + "\n"; break;
    case Kind::sequence:
      if (node.items.empty()) {
        out += " []\n";
      } else {
        out += '\n';
        emit(out, node, indent, false);
      }
      break;
    case Kind::mapping:
      if (node.members.empty()) {
        out += " {}\n";
      } else {
        out += '\n';
        emit(out, node, indent + 2, false);
      }
      break;
  }
}

// `inline_first`: the first line continues an existing "- ".
void emit(std::string& out, const Node& node, size_t indent, bool inline_first) {
  const std::string blanks(indent, ' ');
  bool first = inline_first;
  const auto begin_line = [&] {
    if (!first) out += blanks;
    first = false;
  };
  if (node.kind == Kind::mapping && !node.members.empty()) {
    for (const auto& [key, value] : node.members) {
      begin_line();
      out += key_text(key) + ":";
      emit_value(out, value, indent);
    }
  } else if (node.kind == Kind::sequence && !node.items.empty()) {
    for (const auto& item : node.items) {
      begin_line();
      out += '-';
      if ((item.kind == Kind::mapping && !item.members.empty()) ||
          (item.kind == Kind::sequence && !item.items.empty())) {
        out += ' ';
        emit(out, item, indent + 2, true);
      } else {
        emit_value(out, item, indent);
      }
    }
  } else {
    begin_line();
    std::string value;
    emit_value(value, node, indent);
    out += value.substr(value.front() == ' ' ? 1 : 0);
  }
}

}  // namespace

std::string to_yaml(const Node& node) {
  std::string out;
  emit(out, node, 0, false);
  return out;
}

std::string to_yaml(const std::vector<Node>& documents) {
  std::string out;
  for (const auto& document : documents) {
    if (!out.empty()) out += "---\n";
    out += to_yaml(document);
  }
  return out;
}

}  // namespace sealift::yaml
