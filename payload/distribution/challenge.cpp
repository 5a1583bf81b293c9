// SPDX-License-Identifier: Apache-2.0
#include "payload/distribution/challenge.h"

#include "payload/base/text.h"

namespace sealift::distribution {
namespace {

class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}
  bool at_end() const { return at_ == text_.size(); }
  char peek() const { return at_end() ? '\0' : text_[at_]; }
  void skip(std::string_view characters) { at_ = std::min(text_.find_first_not_of(characters, at_), text_.size()); }
  bool take(char c) {
    if (peek() != c || at_end()) return false;
    ++at_;
    return true;
  }
  std::string_view token() {
    const size_t begin = at_;
    at_ = std::min(text_.find_first_of(" \t,=\"", at_), text_.size());
    return text_.substr(begin, at_ - begin);
  }
  // After the opening quote.
  Result<std::string> quoted() {
    std::string out;
    while (!at_end()) {
      const char c = text_[at_++];
      if (c == '"') return out;
      if (c == '\\' && at_end()) break;
      out += c == '\\' ? text_[at_++] : c;
    }
    return fail(ErrorCode::protocol, "a quote is not closed");
  }

 private:
  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace

Result<std::vector<Challenge>> parse_challenges(std::string_view header) {
  std::vector<Challenge> out;
  Scanner scanner(header);
  for (scanner.skip(" \t,"); !scanner.at_end(); scanner.skip(" \t,")) {
    const auto word = scanner.token();
    if (word.empty())
      return fail(ErrorCode::protocol, "the registry's WWW-Authenticate can't be read: {}", base::printable(header));
    scanner.skip(" \t");
    if (!scanner.take('=')) {
      out.push_back({base::to_lower(word), {}});
      continue;
    }
    if (out.empty())
      return fail(ErrorCode::protocol, "the registry's WWW-Authenticate names no scheme: {}", base::printable(header));
    scanner.skip(" \t");
    std::string value;
    if (scanner.take('"')) {
      auto text = scanner.quoted();
      if (!text)
        return fail(ErrorCode::protocol, "the registry's WWW-Authenticate can't be read: {}: {}", text.error().what,
                    base::printable(header));
      value = std::move(*text);
    } else {
      value = scanner.token();
    }
    out.back().parameters[base::to_lower(word)] = std::move(value);
  }
  return out;
}

}  // namespace sealift::distribution
