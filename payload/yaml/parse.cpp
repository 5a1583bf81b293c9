// SPDX-License-Identifier: Apache-2.0
#include <yaml-cpp/anchor.h>
#include <yaml-cpp/emitterstyle.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <sstream>

#include "payload/base/format.h"
#include "payload/base/text.h"
#include "payload/base/utf8.h"
#include "payload/yaml/node.h"
#include "payload/yaml/part.h"

namespace sealift::yaml {
namespace {

// yaml-cpp returns the escapes \N and \_ as one byte of Latin-1, which is not UTF-8. (Seen with 0.8.0.)
std::string with_latin_escapes(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const size_t length = base::utf8_length(text);
    if (length == 0) {
      out += '\xc2';
      out += text.front();
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(std::max<size_t>(length, 1));
  }
  return out;
}

// yaml-cpp reports events; this exception ends its parse when a limit is exceeded or the text is rejected.
struct Refusal {
  ErrorCode code;
  int line, column;
  std::string what;
};

class Builder final : public YAML::EventHandler {
 public:
  Builder(std::string_view text, const Limits& limits, DuplicateKeys duplicates)
      : text_(text), limits_(limits), duplicates_(duplicates) {}

  void OnDocumentStart(const YAML::Mark& mark) override {
    // The library takes whatever follows a complete value for the next document, even in the middle of a line.
    const auto at = static_cast<size_t>(std::max(mark.pos, 0));
    if (!first_ && at <= text_.size() && !text_.substr(at).starts_with("---")) {
      throw Refusal{
          ErrorCode::invalid_input, mark.line + 1, mark.column + 1,
          "this does not belong to what stands before it; check the indentation (a further document begins with ---)"};
    }
    first_ = false;
    stack_.clear();
    anchors_.clear();
    root_ = {};
  }
  void OnDocumentEnd() override {
    if (!root_.is_null()) documents.push_back(std::move(root_));
  }
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override { add(make(Kind::null, mark), anchor); }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end())
      throw Refusal{ErrorCode::invalid_input, mark.line + 1, mark.column + 1, "an alias inside its own anchor"};
    const Extent extent = extent_of(found->second);
    count(extent, mark);
    if (stack_.size() + extent.depth > limits_.depth) too_deep(mark.line + 1, mark.column + 1);
    Node copy = found->second;
    copy.line = mark.line + 1;
    copy.column = mark.column + 1;
    add(std::move(copy), 0);
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    Node node = make(Kind::scalar, mark);
    node.text = with_latin_escapes(value);
    count({.nodes = 0, .bytes = value.size()}, mark);
    // "!" marks quoted and block scalars, "?" plain ones.
    constexpr auto kTags = std::to_array<std::string_view>({"?", "", "tag:yaml.org,2002:int", "tag:yaml.org,2002:float",
                                                            "tag:yaml.org,2002:bool", "tag:yaml.org,2002:null"});
    node.quoted = tag == "!" || tag == "tag:yaml.org,2002:str";
    // Go's writer marks merge keys: "!!merge <<: *base".
    const bool merge_key = tag == "tag:yaml.org,2002:merge" && value == "<<";
    if (!node.quoted && !merge_key && !std::ranges::contains(kTags, tag)) refuse_tag(node, tag);
    if (!node.quoted && (value == "~" || value == "null" || value == "Null" || value == "NULL" || value.empty())) {
      node.kind = Kind::null;
      node.text.clear();
    }
    add(std::move(node), anchor);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    Node node = make(Kind::sequence, mark);
    if (!tag.empty() && tag != "?" && tag != "!" && tag != "tag:yaml.org,2002:seq") refuse_tag(node, tag);
    open(std::move(node), anchor);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    Node node = make(Kind::mapping, mark);
    if (!tag.empty() && tag != "?" && tag != "!" && tag != "tag:yaml.org,2002:map") refuse_tag(node, tag);
    open(std::move(node), anchor);
  }
  void OnMapEnd() override {
    apply_merge_keys(stack_.back());
    close();
  }

  std::vector<Node> documents;
  std::vector<Node> twice;  // keys whose earlier value was replaced

 private:
  struct Level {
    Node node;
    YAML::anchor_t anchor = 0;
    std::optional<Node> key;                  // of a mapping: read, but its value is not
    std::vector<Node> merged;                 // values of "<<"
    std::set<std::string, std::less<>> keys;  // find() is linear, which would make this quadratic
  };
  struct Extent {
    size_t nodes = 0, bytes = 0, depth = 0;
  };

  [[noreturn]] static void refuse_tag(const Node& at, const std::string& tag) {
    throw Refusal{ErrorCode::invalid_input, at.line, at.column,
                  base::format("the tag {} is not known", base::printable(tag))};
  }
  [[noreturn]] void too_deep(int line, int column) const {
    throw Refusal{ErrorCode::limit_exceeded, line, column, base::format("nested deeper than {} levels", limits_.depth)};
  }

  Node make(Kind kind, const YAML::Mark& mark) {
    count({.nodes = 1}, mark);
    Node node;
    node.kind = kind;
    node.line = mark.line + 1;
    node.column = mark.column + 1;
    return node;
  }
  // Copies made by aliases and anchors count in full: a few lines must not become gigabytes.
  void count(const Extent& more, const YAML::Mark& mark) {
    nodes_ += more.nodes;
    bytes_ += more.bytes;
    if (nodes_ > limits_.nodes) {
      throw Refusal{ErrorCode::limit_exceeded, mark.line + 1, mark.column + 1,
                    base::format("more than {} values", limits_.nodes)};
    }
    if (bytes_ > 4 * limits_.bytes) {
      throw Refusal{ErrorCode::limit_exceeded, mark.line + 1, mark.column + 1,
                    base::format("more than {} bytes after expansion of aliases", 4 * limits_.bytes)};
    }
  }
  static Extent extent_of(const Node& node) {
    Extent out{.nodes = 1, .bytes = node.text.size()};
    const auto add = [&](const Node& child) {
      const Extent inner = extent_of(child);
      out.nodes += inner.nodes;
      out.bytes += inner.bytes;
      out.depth = std::max(out.depth, inner.depth);
    };
    for (const auto& item : node.items) add(item);
    for (const auto& [key, value] : node.members) {
      out.bytes += key.size();
      add(value);
    }
    if (node.kind == Kind::sequence || node.kind == Kind::mapping) ++out.depth;
    return out;
  }
  void open(Node node, YAML::anchor_t anchor) {
    if (stack_.size() >= limits_.depth) too_deep(node.line, node.column);
    stack_.push_back({std::move(node), anchor, {}, {}, {}});
  }
  void close() {
    Level level = std::move(stack_.back());
    stack_.pop_back();
    add(std::move(level.node), level.anchor);
  }
  void add(Node node, YAML::anchor_t anchor) {
    if (anchor != 0) {
      YAML::Mark mark;
      mark.line = node.line - 1;
      mark.column = node.column - 1;
      count(extent_of(node), mark);
      anchors_[anchor] = node;
    }
    if (stack_.empty()) {
      root_ = std::move(node);
      return;
    }
    Level& top = stack_.back();
    if (top.node.kind == Kind::sequence) {
      top.node.items.push_back(std::move(node));
    } else if (!top.key) {
      if (node.kind != Kind::scalar)
        throw Refusal{ErrorCode::invalid_input, node.line, node.column, "a key must be a word"};
      if (node.text.size() > kMaxKeyBytes)
        throw Refusal{ErrorCode::limit_exceeded, node.line, node.column,
                      base::format("a key of more than {} bytes", kMaxKeyBytes)};
      top.key = std::move(node);
    } else {
      add_member(top, std::move(node));
    }
  }
  void add_member(Level& top, Node value) {
    Node key = std::move(*top.key);
    top.key.reset();
    if (key.text == "<<" && !key.quoted) {
      if (value.kind == Kind::sequence) {
        for (auto& item : value.items) top.merged.push_back(std::move(item));
      } else {
        top.merged.push_back(std::move(value));
      }
      return;
    }
    // A member's place is its key's place: that is where people look.
    value.line = key.line;
    value.column = key.column;
    if (!top.keys.insert(key.text).second) {
      if (duplicates_ == DuplicateKeys::refuse)
        throw Refusal{ErrorCode::invalid_input, key.line, key.column,
                      base::format("the key \"{}\" stands twice", base::printable(key.text))};
      twice.push_back(std::move(key));
      *top.node.find(twice.back().text) = std::move(value);
      return;
    }
    top.node.members.emplace_back(std::move(key.text), std::move(value));
  }
  // The mapping's own keys win; among merged ones, the first.
  static void apply_merge_keys(Level& level) {
    for (auto& source : level.merged) {
      if (source.kind != Kind::mapping)
        throw Refusal{ErrorCode::invalid_input, source.line, source.column, "\"<<\" wants a mapping"};
      for (auto& [key, value] : source.members) {
        if (level.keys.insert(key).second) level.node.members.emplace_back(key, std::move(value));
      }
    }
  }

  static constexpr size_t kMaxKeyBytes = 1000;  // YAML's own limit for a key without "?" is 1024 characters

  std::string_view text_;
  Limits limits_;
  DuplicateKeys duplicates_;
  bool first_ = true;
  std::vector<Level> stack_;
  std::map<YAML::anchor_t, Node> anchors_;
  Node root_;
  size_t nodes_ = 0, bytes_ = 0;
};

// The first place where the text is not UTF-8 or holds a character that YAML forbids; the library would read on, or
// take two bytes for the mark of another encoding.
std::optional<Refusal> bad_character(std::string_view text) {
  int line = 1, column = 1;
  while (!text.empty()) {
    const auto c = static_cast<unsigned char>(text.front());
    const size_t length = c < 0x80 ? 1 : base::utf8_length(text);
    if (length == 0)
      return Refusal{ErrorCode::invalid_input, line, column, "the text is not UTF-8 here; save the file as UTF-8"};
    if ((c < 0x20 && c != '\n' && c != '\r' && c != '\t') || c == 0x7f) {
      return Refusal{ErrorCode::invalid_input, line, column,
                     base::format("a control character (0x{:02x}) stands here", c)};
    }
    text.remove_prefix(length);
    ++column;
    if (c == '\n') {
      ++line;
      column = 1;
    }
  }
  return std::nullopt;
}

void move_down(Node& node, int lines) {
  node.line += lines;
  for (auto& item : node.items) move_down(item, lines);
  for (auto& [key, value] : node.members) move_down(value, lines);
}

}  // namespace

Result<std::vector<Node>> parse_part(const Part& part, std::string_view where, const Limits& limits,
                                     DuplicateKeys duplicates, std::vector<std::string>* warnings) {
  std::string_view text = part.text;
  const auto refuse = [&](const Refusal& refusal) {
    return fail(refusal.code, "{}:{}:{}: {}", where, refusal.line + part.lines_before, refusal.column, refusal.what);
  };
  if (text.size() > limits.bytes)
    return fail(ErrorCode::limit_exceeded, "{}: {} bytes, at most {} are allowed", where, text.size(), limits.bytes);
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);  // the byte order mark that Windows editors write
  if (const auto refusal = bad_character(text)) return refuse(*refusal);
  Builder builder(text, limits, duplicates);
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const Refusal& refusal) {
    return refuse(refusal);
  } catch (const YAML::Exception& exception) {
    return refuse({ErrorCode::invalid_input, exception.mark.line + 1, exception.mark.column + 1, exception.msg});
  } catch (const std::exception& exception) {
    return fail(ErrorCode::invalid_input, "{}: {}", where, exception.what());
  }
  if (part.lines_before != 0) {
    for (auto& document : builder.documents) move_down(document, part.lines_before);
  }
  for (const auto& key : builder.twice) {
    if (warnings == nullptr) break;
    warnings->push_back(base::format("{}:{}:{}: the key \"{}\" stands twice; the last one counts", where,
                                     key.line + part.lines_before, key.column, base::printable(key.text)));
  }
  return std::move(builder.documents);
}

Result<std::vector<Node>> parse(std::string_view text, std::string_view where, const Limits& limits,
                                DuplicateKeys duplicates) {
  return parse_part({.text = text, .lines_before = 0}, where, limits, duplicates, nullptr);
}

}  // namespace sealift::yaml
