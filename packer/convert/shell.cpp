// SPDX-License-Identifier: Apache-2.0
#include "packer/convert/shell.h"

#include <algorithm>
#include <array>
#include <optional>
#include <span>

#include "payload/base/text.h"

namespace sealift::convert {
namespace {

constexpr size_t npos = std::string_view::npos;

// A foreign file must cost no more than its size: what is larger is not read.
constexpr size_t kMaxBrackets = size_t{4} << 10;  // bytes within ${…}
constexpr size_t kMaxExpanded = size_t{64} << 10;
constexpr int kMaxCalls = 20;   // of functions within functions
constexpr int kAllCalls = 200;  // of functions in one script

constexpr std::string_view kConditions = "it depends on conditions";
constexpr std::string_view kText = "a text in the script";

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

bool is_name(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, is_name_character) && !(text[0] >= '0' && text[0] <= '9');
}

bool is_assignment(std::string_view word) { return is_name(word.substr(0, word.find('='))) && word.contains('='); }

bool is_modifier(std::string_view word) { return word == "export" || word == "readonly" || word == "local"; }

// The end of what begins with "${" or "$(" at `begin`, after its last bracket; npos if there is none.
size_t end_of_brackets(std::string_view text, size_t begin) {
  const char open = text[begin + 1];
  const char close = open == '{' ? '}' : ')';
  int depth = 0;
  for (size_t i = begin + 1; i < std::min(text.size(), begin + kMaxBrackets); ++i) {
    if (text[i] == open) ++depth;
    if (text[i] == close && --depth == 0) return i + 1;
  }
  return npos;
}

// A text that ends where a command does: its variables are not replaced yet.
struct Statement {
  std::string text;
  int line = 0;
  std::string_view separator;  // what stands behind it: "\n", ";", "&&", "||", "|", "&"
};

class Scanner {
 public:
  Scanner(std::string_view text, int line) : text_(text), line_(line) {}

  std::vector<Statement> read() {
    while (at_ < text_.size()) step();
    finish("\n");
    return std::move(out_);
  }

 private:
  void take(size_t count) {
    if (current_.text.empty()) current_.line = line_;
    for (const char c : text_.substr(at_, count)) {
      if (c == '\n') ++line_;
      current_.text += c;
    }
    at_ = std::min(at_ + count, text_.size());
  }

  void finish(std::string_view separator) {
    current_.text = base::trim(current_.text);
    current_.separator = separator;
    if (!current_.text.empty()) out_.push_back(std::move(current_));
    current_ = {};
  }

  bool starts_comment() const {
    return text_[at_] == '#' && quote_ == 0 &&
           (at_ == 0 || text_[at_ - 1] == ' ' || text_[at_ - 1] == '\t' || text_[at_ - 1] == '\n');
  }

  void step() {
    const char c = text_[at_];
    const std::string_view rest = text_.substr(at_);
    if (starts_comment()) {
      at_ = std::min(text_.find('\n', at_), text_.size());
    } else if (rest.starts_with("\\\n") && quote_ != '\'') {
      at_ += 2;
      ++line_;
      current_.text += ' ';
    } else if (c == '\\' && quote_ != '\'') {
      take(2);
    } else if ((rest.starts_with("${") || rest.starts_with("$(")) && quote_ != '\'') {
      const size_t end = end_of_brackets(text_, at_);
      take(end == npos ? 2 : end - at_);
    } else if (quote_ != 0 || c == '"' || c == '\'') {
      if (quote_ == 0) {
        quote_ = c;
      } else if (c == quote_) {
        quote_ = 0;
      }
      take(1);
    } else {
      step_outside(c, rest);
    }
  }

  void step_outside(char c, std::string_view rest) {
    const bool redirects = rest.starts_with("&>") || (c == '&' && at_ > 0 && text_[at_ - 1] == '>');
    for (const std::string_view separator : {"&&", "||", "|", ";", "&"}) {
      if (redirects || !rest.starts_with(separator)) continue;
      finish(separator);
      at_ += separator.size();
      return;
    }
    if (c != '\n') return take(1);
    finish("\n");
    ++at_;
    ++line_;
  }

  std::string_view text_;
  size_t at_ = 0;
  int line_;
  char quote_ = 0;
  Statement current_;
  std::vector<Statement> out_;
};

struct ShellWord {
  std::string text;
  bool quoted = false;  // in part at least
};

std::vector<ShellWord> words_of(std::string_view text) {
  std::vector<ShellWord> out;
  bool in_word = false;
  char quote = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quote == 0 && (c == ' ' || c == '\t' || c == '\n' || c == '\r')) {
      in_word = false;
      continue;
    }
    if (c == '\\' && quote != '\'' && i + 1 < text.size() && text[i + 1] == '\n') {
      ++i;  // a line that goes on
      continue;
    }
    if (!std::exchange(in_word, true)) out.emplace_back();
    const bool escapes = c == '\\' && quote != '\'' && i + 1 < text.size() &&
                         (quote == 0 || text[i + 1] == '"' || text[i + 1] == '\\' || text[i + 1] == '$');
    if (escapes) {
      out.back().text += text[++i];
    } else if (quote != 0 ? c == quote : c == '"' || c == '\'') {
      quote = quote == 0 ? c : '\0';
      out.back().quoted = true;
    } else {
      out.back().text += c;
    }
  }
  return out;
}

// Removes redirections; what they write counts.
std::vector<std::string> without_redirections(const std::vector<ShellWord>& words, std::string& unread) {
  std::vector<std::string> out;
  for (size_t i = 0; i < words.size(); ++i) {
    const auto& text = words[i].text;
    const size_t sign = text.find_first_not_of("&0123456789");
    if (words[i].quoted || sign == npos || (text[sign] != '>' && text[sign] != '<')) {
      out.push_back(text);
      continue;
    }
    std::string target = text.substr(std::min(text.find_first_not_of("<>", sign), text.size()));
    if (target.empty() && i + 1 < words.size()) target = words[++i].text;
    if (text[sign] == '<') {
      unread = "it reads from its standard input";
    } else if (!target.starts_with('&') && target != "/dev/null") {
      unread = "it writes a file";
    }
  }
  return out;
}

bool is_harmless(const Statement& statement) {
  const auto words = base::split_words(statement.text);
  return !words.empty() &&
         (words[0] == "true" || words[0] == ":" || words[0] == "echo" || words[0] == "exit" || words[0] == "sleep");
}

// Words that begin what the order of the lines does not tell.
bool is_control(std::string_view word) {
  constexpr auto kWords = std::to_array<std::string_view>({"if",    "then", "else", "elif", "fi",   "for",      "while",
                                                           "until", "do",   "done", "case", "esac", "function", "{",
                                                           "}",     "(",    "[",    "[[",   "!",    "return"});
  return std::ranges::contains(kWords, word) || word.ends_with("()") || word.ends_with("(){") ||
         (word.starts_with('(') && word.size() > 1);
}

std::optional<std::string> value_of(std::string_view inside, const Variables& variables) {
  const size_t end = std::min(
      inside.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"), inside.size());
  const auto found = variables.find(std::string(inside.substr(0, end)));
  const std::string_view rest = inside.substr(end);
  if (end == 0) return std::nullopt;
  if (rest.empty()) return found == variables.end() ? std::nullopt : std::optional(found->second);
  if (!rest.starts_with(":-") && !rest.starts_with("-") && !rest.starts_with(":=")) return std::nullopt;
  if (found != variables.end() && (!found->second.empty() || rest.starts_with("-"))) return found->second;
  return expand(rest.substr(rest.starts_with("-") ? 1 : 2), variables);
}

class Reader {
 public:
  explicit Reader(Variables& variables) : variables_(&variables) {}

  void read(std::span<const Statement> statements) {
    for (size_t i = 0; i < statements.size(); ++i) {
      if (const auto name = function_of(statements[i].text); !name.empty()) {
        i = read_function(name, statements, i);
      } else {
        i = read_command(statements, i);
      }
    }
  }
  std::vector<Command> take() { return std::move(out_); }

 private:
  // The name in "function install(){" or "install() {", which has its commands on the following lines; else nothing.
  static std::string function_of(std::string_view text) {
    if (!text.ends_with('{')) return {};
    const bool is_function = text.starts_with("function ");
    if (is_function) text.remove_prefix(9);
    const auto name = base::trim(text.substr(0, text.find_first_of("({ \t")));
    return is_function || text.contains("()") ? std::string(name) : "";
  }

  // Returns the statement that ends it.
  size_t read_function(const std::string& name, std::span<const Statement> statements, size_t begin) {
    auto& body = functions_[name];
    size_t i = begin + 1;
    for (int depth = 1; i < statements.size(); ++i) {
      depth += statements[i].text.ends_with('{') ? 1 : 0;
      depth -= statements[i].text.starts_with('}') ? 1 : 0;
      if (depth == 0) break;
      body.push_back(statements[i]);
    }
    return i;
  }

  // NAME=$(program …): the variable stays unset, and what uses it is unread.
  static bool asks_a_program(std::string_view text) {
    for (const std::string_view word : {"export ", "readonly ", "local "})
      if (text.starts_with(word)) text.remove_prefix(word.size());
    const size_t equals = text.find('=');
    if (equals == npos || !is_name(text.substr(0, equals))) return false;
    const size_t begin = equals + (text.substr(equals).starts_with("=\"") ? 2 : 1);
    const size_t end = text.substr(begin).starts_with("$(") ? end_of_brackets(text, begin) : npos;
    return end != npos && text.size() - end <= 1;
  }

  // Returns the last statement that belongs to it.
  size_t read_command(std::span<const Statement> statements, size_t i) {
    const auto& statement = statements[i];
    if (asks_a_program(statement.text) || take_assignment(statement.text)) return i;
    Command command{.line = statement.line, .text = statement.text};
    auto words = without_redirections(words_of(expand(statement.text, *variables_, &command.unread)), command.unread);
    take_assignments(words, command.unread.empty());
    if (words.empty()) return i;
    if (is_control(words[0])) command.unread = kConditions;
    for (; statements[i].separator == "|" && i + 1 < statements.size(); ++i) {
      command.unread = "a pipe";
      command.text += " | " + statements[i + 1].text;
    }
    if (statements[i].separator == "||" && i + 1 < statements.size()) {
      if (!is_harmless(statements[i + 1])) command.unread = kConditions;
      command.text += " || " + statements[++i].text;
    }
    if (command.text.contains("<<")) command.unread = kText;
    if (const auto function = functions_.find(words[0]);
        function != functions_.end() && depth_ < kMaxCalls && ++calls_ < kAllCalls) {
      ++depth_;
      read(std::vector(function->second));
      --depth_;
      return i;
    }
    command.words = std::move(words);
    out_.push_back(std::move(command));
    return i;
  }

  // NAME=value alone: blanks of the value do not end it, wherever they come from.
  bool take_assignment(const std::string& text) {
    auto words = words_of(text);
    std::erase_if(words, [](const ShellWord& word) { return is_modifier(word.text); });
    if (words.size() != 1 || !is_assignment(words[0].text)) return false;
    std::string unread;
    const std::string expanded = expand(text.substr(text.find('=') + 1), *variables_, &unread);
    const std::string name = words[0].text.substr(0, words[0].text.find('='));
    if (unread.empty()) (*variables_)[name] = base::join(unquoted_words(expanded), " ");
    return true;
  }

  // Those before a command are its own, those without one stay. What is not known stays unset.
  void take_assignments(std::vector<std::string>& words, bool are_known) {
    while (!words.empty() && is_modifier(words[0])) words.erase(words.begin());
    const auto command = std::ranges::find_if_not(words, is_assignment);
    for (auto word = words.begin(); command == words.end() && are_known && word != command; ++word)
      (*variables_)[word->substr(0, word->find('='))] = word->substr(word->find('=') + 1);
    words.erase(words.begin(), command);
  }

  Variables* variables_;
  std::map<std::string, std::vector<Statement>, std::less<>> functions_;
  int depth_ = 0, calls_ = 0;
  std::vector<Command> out_;
};

}  // namespace

std::string expand(std::string_view text, const Variables& variables, std::string* unread) {
  std::string out;
  char quote = 0;
  for (size_t i = 0; i < text.size();) {
    const char c = text[i];
    if ((c == '\'' && quote != '"') || (c == '"' && quote != '\'')) quote = quote == 0 ? c : '\0';
    if (c == '\\' && quote != '\'' && i + 1 < text.size()) {
      out += text.substr(i, 2);
      i += 2;
      continue;
    }
    size_t end = i + 1;
    std::optional<std::string> value;
    if (c == '$' && end < text.size()) {
      if (text[end] == '{' || text[end] == '(') {
        const size_t closed = end_of_brackets(text, i);
        end = closed == npos ? i + 2 : closed;
        const auto inside = text.substr(i + 2, end - i - (closed == npos ? 2 : 3));
        if (text[i + 1] == '{' ? quote != '\'' : is_name(inside)) value = value_of(inside, variables);
      } else {
        while (end < text.size() && is_name_character(text[end])) ++end;
        if (end > i + 1 && quote != '\'') value = value_of(text.substr(i + 1, end - i - 1), variables);
      }
      if (!value && unread != nullptr && quote != '\'' && end > i + 1)
        *unread = "the value of " + std::string(text.substr(i, end - i)) + " is not known";
    }
    out += value ? *value : std::string(text.substr(i, end - i));
    i = end;
    if (out.size() > kMaxExpanded) {
      if (unread != nullptr) *unread = "it is too long";
      return {};
    }
  }
  return out;
}

std::vector<std::string> unquoted_words(std::string_view text) {
  std::vector<std::string> out;
  for (auto& word : words_of(text)) out.push_back(std::move(word.text));
  return out;
}

std::vector<Command> read_commands(std::string_view text, int first_line, Variables& variables) {
  Reader reader(variables);
  reader.read(Scanner(text, first_line).read());
  return reader.take();
}

bool decides(const Command& command) { return command.unread == kConditions || command.unread == kText; }

std::string short_text(const Command& command) {
  auto words = base::split_words(command.text);
  if (!command.words.empty()) {  // assignments before it
    const auto begin = std::ranges::find(words, command.words[0]);
    if (begin != words.end()) words.erase(words.begin(), begin);
  }
  if (words.empty()) return {};
  constexpr auto kKnown = std::to_array<std::string_view>({"kubectl", "helm", "cp", "mv"});
  const size_t most = std::ranges::contains(kKnown, words[0]) ? 5 : 2;
  std::string out;
  size_t i = 0;
  for (; i < words.size() && i < most; ++i) {
    if (words[i].contains('=') || words[i].starts_with("--set") || words[i].starts_with("-p")) break;
    out += (out.empty() ? "" : " ") + std::string(words[i]);
  }
  return out + (i < words.size() ? " …" : "");
}

}  // namespace sealift::convert
