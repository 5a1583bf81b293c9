// SPDX-License-Identifier: Apache-2.0
#include "packer/resolve/kubefile.h"

#include <algorithm>
#include <array>
#include <set>

#include "payload/base/safe_path.h"
#include "payload/base/text.h"
#include "payload/json/value.h"

namespace sealift::resolve {
namespace {

constexpr auto kKnown = std::to_array<std::string_view>({"FROM", "COPY", "ADD", "FILE", "APP", "CNI", "IMAGE", "ENV", "LABEL", "ARG", "LAUNCH"});
// Words of sealer and of Dockerfiles that people will write: known, and refused with the reason.
struct Unsupported {
  std::string_view word, why;
};
constexpr auto kUnsupported = std::to_array<Unsupported>({
    {"VALUES", "sets of values are not supported by this version; put values into the chart's values.yaml or into cluster.yaml"},
    {"RUN", "nothing is executed while packing; prepare the files before and COPY them"},
    {"CMD", "start applications with LAUNCH"},
    {"CMDS", "start applications with LAUNCH"},
    {"APPCMDS", "applications are helm charts or manifests"},
    {"APPENV", "set values in cluster.yaml"},
    {"CSI", "use APP"},
    {"KUBEVERSION", "the base names its Kubernetes version in base.yaml"},
    {"MAINTAINER", "use LABEL maintainer=…"},
    {"ENTRYPOINT", "start applications with LAUNCH"},
    {"WORKDIR", "paths count from the build's context"},
    {"USER", "set the owner with FILE --owner"},
    {"VOLUME", "volumes belong into manifests"},
    {"EXPOSE", "ports belong into manifests"},
});

struct Line {
  int number = 0;
  std::string text;
};

// Logical lines: comments and blank lines gone, "\" at the end joined.
std::vector<Line> logical_lines(std::string_view text) {
  std::vector<Line> out;
  Line current;
  int number = 0;
  for (auto line : base::split(text, '\n')) {
    ++number;
    if (line.ends_with('\r')) line.remove_suffix(1);
    const auto trimmed = base::trim(line);
    if (trimmed.starts_with('#') || (trimmed.empty() && current.text.empty())) continue;
    if (current.text.empty()) current.number = number;
    const bool goes_on = trimmed.ends_with('\\');
    current.text += std::string(goes_on ? trimmed.substr(0, trimmed.size() - 1) : trimmed) + " ";
    if (goes_on) continue;
    out.push_back(std::move(current));
    current = {};
  }
  if (!current.text.empty()) out.push_back(std::move(current));
  return out;
}

class Parser {
 public:
  Parser(std::string file, const std::map<std::string, std::string>& arguments) : file_(std::move(file)), arguments_(arguments) {}

  Result<std::vector<Instruction>> parse(std::string_view text) {
    for (const auto& line : logical_lines(text)) {
      place_ = {file_, line.number};
      SEALIFT_TRY(parse_line(base::trim(line.text)));
    }
    if (out_.empty() || out_.front().verb != Verb::from) {
      place_ = out_.empty() ? Place{file_, 1} : out_.front().place;
      return bad("the first instruction must be FROM (after ARG lines): FROM scratch, or an artifact file");
    }
    for (const auto& [name, value] : arguments_) {
      if (!named_.contains(name)) return fail(ErrorCode::usage, "--build-arg {}: {} has no ARG {}", name, file_, name);
    }
    return std::move(out_);
  }

 private:
  std::unexpected<Error> bad(std::string_view what) const { return fail(ErrorCode::invalid_input, "{}: {}", place_.text(), what); }

  Result<void> parse_line(std::string_view line) {
    const size_t blank = std::min(line.find_first_of(" \t"), line.size());
    std::string word(line.substr(0, blank));
    std::ranges::transform(word, word.begin(), [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
    const auto refused = std::ranges::find(kUnsupported, word, &Unsupported::word);
    if (refused != kUnsupported.end()) return fail(ErrorCode::unsupported, "{}: {} is not supported: {}", place_.text(), word, refused->why);
    if (!std::ranges::contains(kKnown, word)) {
      const auto near = base::nearest(word, kKnown);
      return bad(std::format("the instruction \"{}\" is not known{}", base::printable(word), near ? std::format("; did you mean {}?", *near) : ""));
    }
    const auto rest = base::trim(line.substr(blank));
    if (word == "LAUNCH") return launch(rest);
    SEALIFT_ASSIGN(auto words, split_operands(rest));
    if (word == "ARG") return argument(words);
    for (auto& operand : words) {
      SEALIFT_ASSIGN(operand, expand(operand));
    }
    return instruction(word, std::move(words));
  }

  // Blanks separate; single and double quotes keep blanks together.
  Result<std::vector<std::string>> split_operands(std::string_view text) const {
    std::vector<std::string> out;
    std::string word;
    bool in_word = false;
    char quote = 0;
    for (const char c : text) {
      if (quote != 0) {
        if (c == quote) quote = 0;
        else word += c;
      } else if (c == '"' || c == '\'') {
        quote = c;
        in_word = true;
      } else if (c == ' ' || c == '\t') {
        if (in_word) out.push_back(std::exchange(word, {}));
        in_word = false;
      } else {
        word += c;
        in_word = true;
      }
    }
    if (quote != 0) return bad("a quote is not closed");
    if (in_word) out.push_back(std::move(word));
    return out;
  }

  // ${NAME} and ${NAME:-x} of ARG and ENV. ${ARCH} is left for the platforms.
  Result<std::string> expand(std::string_view text) const {
    std::string out;
    while (!text.empty()) {
      const size_t dollar = std::min(text.find('$'), text.size());
      out += text.substr(0, dollar);
      text.remove_prefix(dollar);
      if (text.empty()) break;
      if (!text.starts_with("${")) return bad("\"$\" must begin a variable like ${NAME}");
      const size_t end = text.find('}');
      if (end == std::string_view::npos) return bad("\"${\" without \"}\"");
      const auto inner = text.substr(2, end - 2);
      const size_t separator = inner.find(":-");
      const std::string name(inner.substr(0, separator));
      const auto found = variables_.find(name);
      if (name == "ARCH") {
        out += "${ARCH}";
      } else if (found != variables_.end() && !(found->second.empty() && separator != std::string_view::npos)) {
        out += found->second;
      } else if (separator != std::string_view::npos) {
        out += inner.substr(separator + 2);
      } else {
        return bad(std::format("the variable {} is not set; write ARG {} before, or ${{{}:-default}}", base::printable(name), name, name));
      }
      text.remove_prefix(end + 1);
    }
    return out;
  }

  Result<void> argument(const std::vector<std::string>& words) {
    if (words.size() != 1) return bad("ARG takes NAME or NAME=default");
    const size_t equals = words[0].find('=');
    const std::string name = words[0].substr(0, equals);
    named_.insert(name);
    if (const auto given = arguments_.find(name); given != arguments_.end()) {
      variables_[name] = given->second;
    } else if (equals != std::string::npos) {
      SEALIFT_ASSIGN(variables_[name], expand(std::string_view(words[0]).substr(equals + 1)));
    } else if (!variables_.contains(name)) {
      return fail(ErrorCode::usage, "{}: ARG {} has no default; give --build-arg {}=…", place_.text(), name, name);
    }
    return {};
  }

  Result<void> launch(std::string_view rest) {
    const auto list = json::parse(rest);
    Instruction out = make(Verb::launch);
    if (!list || !list->is_array()) return bad("LAUNCH takes a JSON list of applications: LAUNCH [\"redis\", \"erp\"]");
    for (const auto& element : *list->elements()) {
      if (element.string() == nullptr) return bad("LAUNCH takes a JSON list of texts");
      out.words.push_back(*element.string());
    }
    if (std::ranges::contains(out_, Verb::launch, &Instruction::verb)) return bad("a second LAUNCH");
    out_.push_back(std::move(out));
    return {};
  }

  Instruction make(Verb verb) const {
    Instruction out;
    out.verb = verb;
    out.place = place_;
    return out;
  }

  // Takes "--name=value" or "--name value" off the front.
  Result<std::map<std::string, std::string>> take_options(std::vector<std::string>& words, std::span<const std::string_view> known) const {
    std::map<std::string, std::string> out;
    while (!words.empty() && words.front().starts_with("--")) {
      const std::string word = words.front();
      words.erase(words.begin());
      const size_t equals = word.find('=');
      const std::string name = word.substr(2, equals == std::string::npos ? equals : equals - 2);
      if (!std::ranges::contains(known, name)) {
        const auto near = base::nearest(name, known);
        return bad(std::format("the option --{} is not known here{}", base::printable(name), near ? std::format("; did you mean --{}?", *near) : ""));
      }
      if (equals != std::string::npos) {
        out[name] = word.substr(equals + 1);
      } else if (name == "template") {
        out[name] = "true";
      } else {
        if (words.empty()) return bad(std::format("--{} wants a value", name));
        out[name] = words.front();
        words.erase(words.begin());
      }
    }
    return out;
  }

  Result<void> instruction(const std::string& word, std::vector<std::string> words) {
    if (word == "FROM") return from(std::move(words));
    if (word == "COPY" || word == "ADD") return copy(word == "ADD", std::move(words));
    if (word == "FILE") return host_file(std::move(words));
    if (word == "APP" || word == "CNI") return app(word == "CNI", std::move(words));
    if (word == "IMAGE") return image(std::move(words));
    return settings(word == "ENV" ? Verb::env : Verb::label, words);
  }

  Result<void> from(std::vector<std::string> words) {
    if (words.size() != 1) return bad("FROM takes one base: scratch, or an artifact file");
    if (std::ranges::contains(out_, Verb::from, &Instruction::verb)) return bad("a second FROM");
    Instruction out = make(Verb::from);
    out.words = std::move(words);
    out_.push_back(std::move(out));
    return {};
  }

  Result<void> copy(bool add, std::vector<std::string> words) {
    constexpr auto kOptions = std::to_array<std::string_view>({"checksum"});
    SEALIFT_ASSIGN(const auto options, take_options(words, add ? std::span<const std::string_view>(kOptions) : std::span<const std::string_view>()));
    Instruction out = make(add ? Verb::add : Verb::copy);
    if (words.size() < 2) return bad(std::format("{} takes one or more sources and a destination in the payload's tree", add ? "ADD" : "COPY"));
    if (const auto checksum = options.find("checksum"); checksum != options.end()) {
      const auto digest = Digest::parse(checksum->second);
      if (!digest) return bad("--checksum must be sha256: and 64 hexadecimal digits");
      out.checksum = *digest;
    }
    if (std::ranges::any_of(words, [](const std::string& source) { return source.contains("://"); })) {
      return fail(ErrorCode::unsupported, "{}: downloads are not supported by this version; fetch the file, check it, and name it here", place_.text());
    }
    out.words = std::move(words);
    out_.push_back(std::move(out));
    return {};
  }

  Result<void> host_file(std::vector<std::string> words) {
    constexpr auto kOptions = std::to_array<std::string_view>({"role", "mode", "owner", "template"});
    SEALIFT_ASSIGN(const auto options, take_options(words, kOptions));
    Instruction out = make(Verb::file);
    if (words.size() != 2) return bad("FILE takes a file and its absolute path on the hosts");
    if (auto safe = base::safe_absolute_path(words[1]); !safe) return bad(safe.error().what);
    out.is_template = words[0].ends_with(".tmpl");
    for (const auto& [name, value] : options) {
      if (name == "role") {
        const auto role = format::parse_host_role(value);
        if (!role) return bad("--role must be all, control-plane or worker");
        out.role = *role;
      } else if (name == "mode") {
        if (value.empty() || value.size() > 5 || !std::ranges::all_of(value, [](char c) { return c >= '0' && c <= '7'; })) return bad("--mode must be octal digits like 0644");
        out.mode = 0;
        for (const char c : value) out.mode = out.mode * 8 + static_cast<uint32_t>(c - '0');
        if (out.mode > 07777) return bad("--mode must be octal digits, at most 7777");
      } else if (name == "owner") {
        const auto parts = base::split(value, ':');
        const auto uid = base::parse_u64(parts[0]), gid = parts.size() == 2 ? base::parse_u64(parts[1]) : uid;
        if (parts.size() > 2 || !uid || !gid || *uid > 0xfffffffeU || *gid > 0xfffffffeU) return bad("--owner must be uid:gid in numbers");
        out.uid = static_cast<uint32_t>(*uid);
        out.gid = static_cast<uint32_t>(*gid);
      } else {
        out.is_template = value == "true";
      }
    }
    out.words = std::move(words);
    out_.push_back(std::move(out));
    return {};
  }

  Result<void> app(bool is_network, std::vector<std::string> words) {
    Instruction out = make(Verb::app);
    out.is_network = is_network;
    const auto needs = std::ranges::find(words, "NEEDS");
    if (needs != words.end()) {
      out.needs.assign(needs + 1, words.end());
      words.erase(needs, words.end());
      if (out.needs.empty()) return bad("NEEDS must be followed by applications");
    }
    if (words.size() < 2) return bad(std::format("{} takes a name and local://PATH (a chart folder or manifests)", is_network ? "CNI" : "APP"));
    const auto& name = words[0];
    const bool good = name.size() <= 53 && !name.empty() && name.front() != '-' && name.back() != '-' &&
                      std::ranges::all_of(name, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; });
    if (!good) return bad(std::format("\"{}\" can't be an application's name: lower-case letters, digits and -, at most 53", base::printable(name)));
    for (size_t i = 1; i < words.size(); ++i) {
      if (!words[i].starts_with("local://")) {
        return fail(ErrorCode::unsupported, "{}: sources other than local://PATH are not supported by this version: {}", place_.text(), base::printable(words[i]));
      }
      words[i].erase(0, 8);
    }
    out.words = std::move(words);
    out_.push_back(std::move(out));
    return {};
  }

  Result<void> image(std::vector<std::string> words) {
    constexpr auto kOptions = std::to_array<std::string_view>({"from"});
    SEALIFT_ASSIGN(const auto options, take_options(words, kOptions));
    if (words.size() != 1) return bad("IMAGE takes one image name");
    if (words[0].ends_with(".txt")) return fail(ErrorCode::unsupported, "{}: lists of images are not supported by this version; write an IMAGE line each", place_.text());
    Instruction out = make(Verb::image);
    if (const auto from = options.find("from"); from != options.end()) {
      if (!from->second.starts_with("oci:")) return bad("--from must be oci:FOLDER, an OCI layout");
      out.layout = from->second.substr(4);
    }
    out.words = std::move(words);
    out_.push_back(std::move(out));
    return {};
  }

  Result<void> settings(Verb verb, const std::vector<std::string>& words) {
    Instruction out = make(verb);
    if (words.empty()) return bad("NAME=value is expected");
    for (const auto& word : words) {
      const size_t equals = word.find('=');
      if (equals == std::string::npos || equals == 0) return bad(std::format("\"{}\" is not NAME=value", base::printable(word)));
      out.settings[word.substr(0, equals)] = word.substr(equals + 1);
      if (verb == Verb::env) variables_[word.substr(0, equals)] = word.substr(equals + 1);
    }
    out_.push_back(std::move(out));
    return {};
  }

  std::string file_;
  const std::map<std::string, std::string>& arguments_;
  std::map<std::string, std::string> variables_;
  std::set<std::string> named_;
  Place place_;
  std::vector<Instruction> out_;
};

}  // namespace

std::string Place::text() const { return std::format("{}:{}", file, line); }

Result<std::vector<Instruction>> parse_kubefile(std::string_view text, const std::string& file, const std::map<std::string, std::string>& arguments) {
  return Parser(file, arguments).parse(text);
}

}  // namespace sealift::resolve
