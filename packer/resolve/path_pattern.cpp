// SPDX-License-Identifier: Apache-2.0
#include "packer/resolve/path_pattern.h"

#include <algorithm>

#include "payload/base/format.h"
#include "payload/base/safe_path.h"
#include "payload/base/text.h"
#include "payload/base/utf8.h"

namespace sealift::resolve {
namespace {

// The character at the front and its length; a byte that begins none counts as one.
std::pair<char32_t, size_t> first_character(std::string_view text) {
  const size_t length = std::max<size_t>(base::utf8_length(text), 1);
  const auto byte = [&](size_t at) { return static_cast<unsigned char>(text[at]); };
  if (length == 1) return {byte(0), 1};
  char32_t out = byte(0) & (0xffU >> (length + 1));
  for (size_t i = 1; i < length; ++i) out = out << 6U | (byte(i) & 0x3fU);
  return {out, length};
}

}  // namespace

class PathPattern::Parser {
 public:
  explicit Parser(std::string_view pattern) : pattern_(pattern), rest_(pattern) { out_.text_ = pattern; }

  Result<PathPattern> parse() {
    if (pattern_.size() > base::kMaxPath) return bad(base::format("longer than any path ({} bytes)", base::kMaxPath));
    while (!rest_.empty()) SEALIFT_TRY(take());
    if (out_.shape_ == Shape::prefix) out_.text_.resize(out_.text_.size() - 2);
    if (out_.shape_ == Shape::suffix) out_.text_.erase(0, 2);
    return std::move(out_);
  }

 private:
  Result<void> take() {
    const bool is_first = rest_.size() == pattern_.size();
    const char c = next();
    if (c == '*' && skip('*')) {
      take_folders(is_first);
      return {};
    }
    if (c == '\\') {
      out_.shape_ = Shape::mixed;
      SEALIFT_TRY(check_escaped());
      add_text(next());
      return {};
    }
    if (c == '[') return take_set();
    if (c == '*' || c == '?') {
      add(c == '*' ? Kind::run : Kind::character);
      return {};
    }
    if (c == ']') out_.shape_ = Shape::mixed;
    add_text(c);
    return {};
  }

  void take_folders(bool is_first) {
    skip('/');
    const bool was_exact = out_.shape_ == Shape::exact;
    add(rest_.empty() ? Kind::rest : Kind::folders);
    if (is_first)
      out_.shape_ = Shape::suffix;
    else if (rest_.empty() && was_exact)
      out_.shape_ = Shape::prefix;
  }

  Result<void> take_set() {
    Token set{.kind = Kind::set, .text = {}, .is_negated = skip('^'), .ranges = {}};
    while (set.ranges.empty() || !skip(']')) {
      SEALIFT_ASSIGN(const char32_t first, take_member());
      char32_t last = first;
      if (skip('-')) {
        SEALIFT_ASSIGN(last, take_member());
      }
      if (last < first) return bad("a range in [ ] runs backwards");
      set.ranges.emplace_back(first, last);
    }
    out_.tokens_.push_back(std::move(set));
    out_.shape_ = Shape::mixed;
    return {};
  }

  Result<char32_t> take_member() {
    if (rest_.empty()) return bad("a [ is not closed");
    if (rest_.front() == '-' || rest_.front() == ']')
      return bad("in [ ], write \\- for - and \\] for ]; there must be something in it");
    if (rest_.front() == '*' || rest_.front() == '?' || rest_.starts_with("[:"))
      return bad("in [ ], write \\* for *, \\? for ? and \\[ for [; names of sets are not known");
    if (skip('\\')) SEALIFT_TRY(check_escaped());
    const auto [character, length] = first_character(rest_);
    rest_.remove_prefix(length);
    return character;
  }

  Result<void> check_escaped() const {
    if (rest_.empty()) return bad("nothing follows the \\ at its end");
    const char c = rest_.front();
    const bool is_special = static_cast<unsigned char>(c) < 0x80 && !(c >= 'a' && c <= 'z') &&
                            !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9');
    return is_special ? Result<void>() : bad("leave out the \\ before a letter or a digit");
  }

  std::unexpected<Error> bad(std::string_view why) const {
    return fail(ErrorCode::invalid_input, "the pattern {} can't be read: {}", base::printable(pattern_), why);
  }

  char next() {
    const char out = rest_.front();
    rest_.remove_prefix(1);
    return out;
  }
  bool skip(char c) {
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  void add(Kind kind) {
    out_.tokens_.push_back({.kind = kind, .text = {}, .is_negated = false, .ranges = {}});
    out_.shape_ = Shape::mixed;
  }
  void add_text(char c) {
    if (out_.tokens_.empty() || out_.tokens_.back().kind != Kind::text) out_.tokens_.emplace_back();
    out_.tokens_.back().text += c;
  }

  std::string_view pattern_, rest_;
  PathPattern out_;
};

Result<PathPattern> PathPattern::parse(std::string_view pattern) { return Parser(pattern).parse(); }

bool PathPattern::matches(std::string_view path) const {
  switch (shape_) {
    case Shape::exact: return path == text_;
    case Shape::prefix: return path.starts_with(text_);
    case Shape::suffix: return path.ends_with(text_) || (text_.starts_with('/') && path == text_.substr(1));
    case Shape::mixed: break;
  }
  // Most paths differ at their ends: found without trying.
  if (tokens_.back().kind == Kind::text && !path.ends_with(tokens_.back().text)) return false;
  if (!path.starts_with(head())) return false;
  std::vector<bool> positions(path.size() + 1);
  positions.front() = true;
  for (const auto& token : tokens_) positions = ends(token, path, positions);
  return positions.back();
}

std::vector<bool> PathPattern::ends(const Token& token, std::string_view path, const std::vector<bool>& begins) {
  std::vector<bool> out(begins.size());
  bool is_open = false;  // a token that may be of any length has begun
  for (size_t at = 0; at < begins.size(); ++at) {
    const auto rest = path.substr(at);
    if (token.kind == Kind::text && begins[at] && rest.starts_with(token.text)) out[at + token.text.size()] = true;
    if (token.kind == Kind::text) continue;
    if (token.kind == Kind::character || token.kind == Kind::set) {
      if (!begins[at] || rest.empty()) continue;
      const auto [character, length] = first_character(rest);
      const auto is_within = [c = character](const auto& range) { return c >= range.first && c <= range.second; };
      const bool is_meant = token.kind == Kind::character
                                ? character != '/'
                                : token.is_negated != std::ranges::any_of(token.ranges, is_within);
      if (is_meant) out[at + length] = true;
      continue;
    }
    is_open = is_open || begins[at];
    const bool is_slash = rest.starts_with('/');
    if (token.kind == Kind::folders) {
      if (begins[at]) out[at] = true;
      if (is_open && is_slash) out[at + 1] = true;
    } else {
      out[at] = is_open;
      if (is_slash && token.kind == Kind::run) is_open = false;
    }
  }
  return out;
}

bool PathPattern::may_match_below(std::string_view folder) const {
  const auto below = std::string(folder) + "/";
  return head().starts_with(below) || (shape_ != Shape::exact && below.starts_with(head()));
}

std::string_view PathPattern::head() const {
  if (shape_ == Shape::exact || shape_ == Shape::prefix) return text_;
  if (shape_ == Shape::suffix || tokens_.front().kind != Kind::text) return {};
  return tokens_.front().text;
}

}  // namespace sealift::resolve
