// SPDX-License-Identifier: Apache-2.0
#include <yaml-cpp/anchor.h>
#include <yaml-cpp/emitterstyle.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <map>
#include <sstream>

#include "payload/base/text.h"
#include "payload/yaml/node.h"

namespace sealift::yaml {
namespace {

// yaml-cpp reports events; exceptions end its parse when a limit is met or the text is refused.
struct Refusal {
  ErrorCode code;
  int line, column;
  std::string what;
};

class Builder final : public YAML::EventHandler {
 public:
  explicit Builder(const Limits& limits) : limits_(limits) {}

  void OnDocumentStart(const YAML::Mark&) override {
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
    if (found == anchors_.end()) throw Refusal{ErrorCode::invalid_input, mark.line + 1, mark.column + 1, "an alias inside its own anchor"};
    count(size_of(found->second), mark);
    add(Node(found->second), 0);
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, const std::string& value) override {
    Node node = make(Kind::scalar, mark);
    node.text = value;
    // "!" marks quoted and block scalars, "?" plain ones.
    node.quoted = tag == "!" || tag == "tag:yaml.org,2002:str";
    if (!node.quoted && tag != "?" && !tag.empty() && !tag.starts_with("tag:yaml.org,2002:")) {
      throw Refusal{ErrorCode::invalid_input, node.line, node.column, std::format("the tag {} is not known", base::printable(tag))};
    }
    if (!node.quoted && (value == "~" || value == "null" || value == "Null" || value == "NULL" || value.empty())) {
      node.kind = Kind::null;
      node.text.clear();
    }
    add(std::move(node), anchor);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor, YAML::EmitterStyle::value) override {
    open(make(Kind::sequence, mark), anchor);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor, YAML::EmitterStyle::value) override {
    open(make(Kind::mapping, mark), anchor);
  }
  void OnMapEnd() override {
    apply_merge_keys(stack_.back().node);
    close();
  }

  std::vector<Node> documents;

 private:
  struct Level {
    Node node;
    YAML::anchor_t anchor = 0;
    std::optional<Node> key;       // of a mapping: read, its value not yet
    std::vector<Node> merged;      // values of "<<"
  };

  Node make(Kind kind, const YAML::Mark& mark) {
    count(1, mark);
    Node node;
    node.kind = kind;
    node.line = mark.line + 1;
    node.column = mark.column + 1;
    return node;
  }
  void count(size_t more, const YAML::Mark& mark) {
    nodes_ += more;
    if (nodes_ > limits_.nodes) {
      throw Refusal{ErrorCode::limit_exceeded, mark.line + 1, mark.column + 1, std::format("more than {} values", limits_.nodes)};
    }
  }
  static size_t size_of(const Node& node) {
    size_t out = 1;
    for (const auto& item : node.items) out += size_of(item);
    for (const auto& [key, value] : node.members) out += size_of(value);
    return out;
  }
  void open(Node node, YAML::anchor_t anchor) {
    if (stack_.size() >= limits_.depth) {
      throw Refusal{ErrorCode::limit_exceeded, node.line, node.column, std::format("nested deeper than {} levels", limits_.depth)};
    }
    stack_.push_back({std::move(node), anchor, {}, {}});
  }
  void close() {
    Level level = std::move(stack_.back());
    stack_.pop_back();
    add(std::move(level.node), level.anchor);
  }
  void add(Node node, YAML::anchor_t anchor) {
    if (anchor != 0) anchors_[anchor] = node;
    if (stack_.empty()) {
      root_ = std::move(node);
      return;
    }
    Level& top = stack_.back();
    if (top.node.kind == Kind::sequence) {
      top.node.items.push_back(std::move(node));
    } else if (!top.key) {
      if (node.kind != Kind::scalar && node.kind != Kind::null) throw Refusal{ErrorCode::invalid_input, node.line, node.column, "a key must be a plain word"};
      top.key = std::move(node);
    } else {
      add_member(top, std::move(node));
    }
  }
  static void add_member(Level& top, Node value) {
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
    if (top.node.find(key.text) != nullptr) {
      throw Refusal{ErrorCode::invalid_input, key.line, key.column, std::format("the key \"{}\" stands twice", base::printable(key.text))};
    }
    // The place of a member is the place of its key: that is what people look for.
    value.line = key.line;
    value.column = key.column;
    top.node.members.emplace_back(std::move(key.text), std::move(value));
  }
  // What stands in the mapping itself wins; among merged ones the first.
  void apply_merge_keys(Node& node) {
    for (const auto& source : stack_.back().merged) {
      if (source.kind != Kind::mapping) throw Refusal{ErrorCode::invalid_input, source.line, source.column, "\"<<\" wants a mapping"};
      for (const auto& [key, value] : source.members) {
        if (node.find(key) == nullptr) node.members.emplace_back(key, value);
      }
    }
  }

  Limits limits_;
  std::vector<Level> stack_;
  std::map<YAML::anchor_t, Node> anchors_;
  Node root_;
  size_t nodes_ = 0;
};

// yaml-cpp's scanner recurses into flow collections before any event is sent: their depth is capped beforehand.
std::optional<Refusal> too_deep_flow(std::string_view text, size_t limit) {
  size_t depth = 0;
  int line = 1;
  for (const char c : text) {
    if (c == '\n') ++line;
    if (c == '[' || c == '{') ++depth;
    if ((c == ']' || c == '}') && depth > 0) --depth;
    if (depth > limit * 4) return Refusal{ErrorCode::limit_exceeded, line, 1, "brackets nested too deep"};
  }
  return std::nullopt;
}

}  // namespace

Result<std::vector<Node>> parse(std::string_view text, std::string_view where, const Limits& limits) {
  const auto refuse = [&](const Refusal& refusal) {
    return fail(refusal.code, "{}:{}:{}: {}", where, refusal.line, refusal.column, refusal.what);
  };
  if (text.size() > limits.bytes) return fail(ErrorCode::limit_exceeded, "{}: {} bytes, at most {} are allowed", where, text.size(), limits.bytes);
  if (const auto refusal = too_deep_flow(text, limits.depth)) return refuse(*refusal);
  Builder builder(limits);
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
  return std::move(builder.documents);
}

}  // namespace sealift::yaml
