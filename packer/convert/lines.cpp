// SPDX-License-Identifier: Apache-2.0
#include "packer/convert/lines.h"

#include <algorithm>

#include "packer/convert/context.h"
#include "payload/base/format.h"
#include "payload/base/text.h"
#include "payload/json/value.h"

namespace sealift::convert {
namespace {

constexpr size_t kMaxName = 53;  // of helm's releases

std::string to_app_name(std::string_view text) {
  std::string out;
  for (char c : base::to_lower(text)) {
    const bool is_ordinary = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (!is_ordinary) c = '-';
    if (c != '-' || (!out.empty() && out.back() != '-')) out += c;
  }
  out.resize(std::min(out.size(), kMaxName));
  while (out.ends_with('-')) out.pop_back();
  return out.empty() ? "app" : out;
}

}  // namespace

std::string in_quotes(std::string_view word) {
  if (!word.empty() && word.find_first_of(" \t\"'") == std::string_view::npos) return std::string(word);
  if (!word.contains('"')) return base::format("\"{}\"", word);
  if (!word.contains('\'')) return base::format("'{}'", word);
  return "\"" + base::replace_all(std::string(word), "\"", "\"'\"'\"") + "\"";
}

std::string kubefile_word(std::string_view text) { return in_quotes(base::replace_all(std::string(text), "$", "$$")); }

std::string AppLine::text() const {
  std::string out = base::format("{} {}", is_network ? "CNI" : "APP", name);
  for (const auto& source : sources) out += " " + kubefile_word(source);
  if (!target_namespace.empty()) out += " NAMESPACE " + target_namespace;
  if (!release.empty() && release != name) out += " RELEASE " + release;
  if (!needs.empty()) out += " NEEDS " + needs;
  return out;
}

void KubefileLines::add_comment(int line, std::string_view text) {
  for (const auto part : base::split(text, '\n')) add(line, ("# " + std::string(base::trim(part))));
}

void KubefileLines::lose(Note note, std::string_view source) {
  const int line = note.line;
  lose_at(line, std::move(note), source);
}

void KubefileLines::lose_at(int line, Note note, std::string_view source) {
  note.outcome = Outcome::lost;
  const std::string place =
      note.file == file_ ? base::format("line {}", note.line) : base::format("{}:{}", note.file, note.line);
  add_comment(line, base::format("no equivalent ({}): {}", place, base::printable(note.text, 600)));
  if (!source.empty()) add_comment(line, source);
  report_.add(std::move(note));
}

std::string KubefileLines::new_app_name(std::string_view wanted) {
  const std::string name = to_app_name(wanted);
  std::string out = name;
  for (int number = 2; names_.contains(out); ++number) {
    const std::string end = base::format("-{}", number);
    out = name.substr(0, kMaxName - end.size()) + end;
  }
  names_.insert(out);
  return out;
}

void KubefileLines::add_app(int line, const AppLine& app) {
  add(line, app.text());
  apps_.push_back(app.name);
  names_.insert(app.name);
}

std::string KubefileLines::add_values(const std::string& app, const yaml::Node& values) {
  files_.push_back({base::format("values/{}.yaml", app), yaml::to_yaml(values)});
  return below(beside_, files_.back().path);
}

Conversion KubefileLines::finish(const std::vector<std::string>& launch) && {
  std::ranges::stable_sort(lines_, {}, &Line::source);
  std::string text;
  for (const auto& line : lines_) text += line.text + "\n";
  if (!launch.empty()) {
    auto names = json::Value::array();
    for (const auto& name : launch) names.push_back(name);
    text += "LAUNCH " + json::to_canonical(names) + "\n";
  }
  Conversion out{{{"Kubefile", std::move(text)}}, std::move(report_)};
  out.files.insert(out.files.end(), files_.begin(), files_.end());
  return out;
}

}  // namespace sealift::convert
