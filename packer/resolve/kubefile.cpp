// SPDX-License-Identifier: Apache-2.0
#include "packer/resolve/kubefile.h"

#include <algorithm>
#include <array>
#include <set>

#include "payload/base/expand.h"
#include "payload/base/mode.h"
#include "payload/base/safe_path.h"
#include "payload/base/text.h"
#include "payload/base/utf8.h"
#include "payload/http/client.h"
#include "payload/json/value.h"

namespace sealift::resolve {
namespace {

// ASCII letters only.
std::string to_upper(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(),
                         [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
  return out;
}

class Parser {
 public:
  struct Entry;
  static std::span<const Entry> entries();

  Parser(std::string file, const std::map<std::string, std::string>& arguments)
      : file_(std::move(file)), arguments_(arguments) {}

  Kubefile parse(std::string_view text) {
    if (auto readable = check_text(text); !readable) {
      problems_.add(std::move(readable).error());
      return {{}, std::move(problems_), false};
    }
    for (const auto& line : logical_lines(text, file_)) {
      if (!problems_.note(parse_line(line))) is_complete_ = is_complete_ && !may_name_applications(line);
    }
    if (!has_begun_) problems_.add(bad({file_, 1}, kFromFirst));
    for (const auto& [name, value] : arguments_) {
      if (!named_.contains(name))
        problems_.add(fail(ErrorCode::usage, "--build-arg {}: {} has no ARG {}", name, file_, name));
    }
    return {std::move(out_), std::move(problems_), is_complete_};
  }

 private:
  struct Given {
    const Entry& entry;
    const LogicalLine& line;
    size_t operands = 0;  // offset in the line
    Place place;
    std::vector<Word> words;  // expanded operands; none for LAUNCH
  };

  static constexpr std::string_view kFromFirst =
      "the first instruction must be FROM (after ARG lines): FROM scratch, or an artifact file";

  // Before anything is split: what is no text makes no lines.
  Result<void> check_text(std::string_view text) const {
    int line = 1;
    for (size_t at = 0; at < text.size();) {
      const size_t length = base::utf8_length(text.substr(at));
      if (length == 0) return bad({file_, line}, "the text is not UTF-8 here; save the file as UTF-8");
      if (text[at] == '\0') return bad({file_, line}, "a byte of zero; is this a text file, saved as UTF-8?");
      if (text[at] == '\n') ++line;
      at += length;
    }
    return {};
  }

  Result<void> parse_line(const LogicalLine& line);
  static const Entry* entry_of(const LogicalLine& line);
  static std::optional<std::string> near_verb(const LogicalLine& line);
  static bool may_name_applications(const LogicalLine& line);

  template <class What>
  bool has() const {
    return std::ranges::any_of(out_,
                               [](const auto& instruction) { return std::holds_alternative<What>(instruction.what); });
  }
  template <class What>
  Result<void> put(const Given& given, What what);

  // Expands ARG and ENV variables; leaves ${ARCH} for the platforms.
  Result<std::string> expand(const std::string& text, const Place& place) {
    const auto value = [&](const std::string& name) -> std::optional<std::string> {
      if (name == "ARCH") return "${ARCH}";
      if (without_value_.contains(name)) {
        depends_on_problem_ = true;
        return "";
      }
      const auto found = variables_.find(name);
      return found == variables_.end() ? std::nullopt : std::optional(found->second);
    };
    auto out = base::expand(text, {.value = value, .dollars = base::ExpandRules::Dollars::strict});
    if (out) return std::move(*out);
    using Kind = base::ExpandProblem::Kind;
    const std::string name = base::printable(out.error().name);
    switch (out.error().kind) {
      case Kind::lone_dollar: return bad(place, "\"$\" must begin a variable like ${NAME}; $$ is $ itself");
      case Kind::not_closed: return bad(place, "\"${\" without \"}\"");
      case Kind::bad_name:
      case Kind::not_set: break;
    }
    return bad(place,
               std::format("the variable {} is not set; write ARG {} before, or ${{{}:-default}}", name, name, name));
  }

  Result<void> argument(Given&& given) {
    if (given.words.size() != 1) {
      for (const auto& word : given.words) without_value_.insert(word.text.substr(0, word.text.find('=')));
      return bad(given.place, "ARG takes NAME or NAME=default");
    }
    const auto& word = given.words[0];
    const size_t equals = word.text.find('=');
    const std::string name = word.text.substr(0, equals);
    named_.insert(name);
    if (const auto at = arguments_.find(name); at != arguments_.end()) {
      variables_[name] = at->second;
    } else if (equals != std::string::npos) {
      auto value = expand(word.text.substr(equals + 1), word.place);
      if (!value || depends_on_problem_) without_value_.insert(name);
      SEALIFT_ASSIGN(variables_[name], std::move(value));
    } else if (!variables_.contains(name)) {
      without_value_.insert(name);
      return fail(ErrorCode::usage, "{}: ARG {} has no default; give --build-arg {}=…", given.place.text(), name, name);
    }
    return {};
  }

  // The names with their places: in a list of strings, the nth string begins at the nth opening quote.
  Result<void> launch(Given&& given) {
    const auto rest = given.line.text().substr(given.operands);
    const auto list = json::parse(base::trim(rest));
    if (!list || !list->is_array())
      return bad(given.place, "LAUNCH takes a JSON list of applications: LAUNCH [\"redis\", \"erp\"]");
    Launch out;
    Places places(given.line);
    size_t at = 0;
    for (const auto& element : *list->elements()) {
      if (element.string() == nullptr) return bad(given.place, "LAUNCH takes a JSON list of texts");
      at = rest.find('"', at);
      out.apps.push_back({*element.string(), places.at(given.operands + at)});
      for (++at; rest[at] != '"'; ++at) at += rest[at] == '\\' ? 1 : 0;
      ++at;
    }
    if (has<Launch>()) return bad(given.place, "a second LAUNCH");
    return put(given, std::move(out));
  }

  // The keyword of APP that a word must have been meant for.
  static std::optional<std::string> near_keyword(std::string_view word) {
    constexpr auto kKeywords = std::to_array<std::string_view>({"NAMESPACE", "RELEASE", "NEEDS"});
    return base::nearest(to_upper(word), kKeywords);
  }

  // Removes KEYWORD and its operand, wherever they stand.
  static Result<std::optional<Word>> take_keyword(std::vector<Word>& words, std::string_view keyword,
                                                  std::string_view operand) {
    const auto at = std::ranges::find(words, keyword, &Word::text);
    if (at == words.end()) return std::optional<Word>{};
    if (at + 1 == words.end()) return bad(at->place, std::format("{} must be followed by {}", keyword, operand));
    const Word out = *(at + 1);
    words.erase(at, at + 2);
    return std::optional(out);
  }

  // Removes "--name=value" or "--name value" from the front. The values of each option in their order; of most only the
  // last one counts.
  using Options = std::map<std::string, std::vector<Word>>;
  static Result<Options> take_options(std::vector<Word>& words, std::span<const std::string_view> known) {
    Options out;
    while (!words.empty() && words.front().text.starts_with("--")) {
      const Word word = words.front();
      words.erase(words.begin());
      const size_t equals = word.text.find('=');
      const std::string name = word.text.substr(2, equals == std::string::npos ? equals : equals - 2);
      if (!std::ranges::contains(known, name)) {
        const auto near = base::nearest(name, known);
        return bad(word.place, std::format("the option --{} is not known here{}", base::printable(name),
                                           near ? std::format("; did you mean --{}?", *near) : ""));
      }
      if (equals != std::string::npos) {
        out[name].push_back({word.text.substr(equals + 1), word.place});
      } else if (name == "template") {
        out[name].push_back({"true", word.place});
      } else {
        if (words.empty()) return bad(word.place, std::format("--{} wants a value", name));
        out[name].push_back(words.front());
        words.erase(words.begin());
      }
    }
    return out;
  }

  Result<void> from(Given&& given) {
    if (given.words.size() != 1) return bad(given.place, "FROM takes one base: scratch, or an artifact file");
    if (has<From>()) return bad(given.place, "a second FROM");
    return put(given, From{given.words[0]});
  }

  Result<void> copy(Given&& given) { return copy(std::move(given), {}); }
  Result<void> add(Given&& given) {
    constexpr auto kOptions = std::to_array<std::string_view>({"checksum"});
    return copy(std::move(given), kOptions);
  }
  Result<void> copy(Given&& given, std::span<const std::string_view> known) {
    SEALIFT_ASSIGN(const auto options, take_options(given.words, known));
    if (given.words.size() < 2) return bad(given.place, usage(given));
    Copy out;
    if (const auto checksum = options.find("checksum"); checksum != options.end()) {
      const auto digest = Digest::parse(checksum->second.back().text);
      if (!digest) return bad(checksum->second.back().place, "--checksum must be sha256: and 64 hexadecimal digits");
      out.checksum = *digest;
    }
    const bool is_add = !known.empty();
    for (const auto& word : std::span(given.words).first(given.words.size() - 1)) {
      if (!word.text.contains("://")) continue;
      if (!is_add) return bad(word.place, "COPY takes files of this machine; write ADD to download one");
      if (auto url = http::parse_url(word.text); !url) return bad(word.place, url.error().what);
    }
    out.destination = std::move(given.words.back());
    given.words.pop_back();
    if (out.checksum && given.words.size() != 1) return bad(given.place, "--checksum is for one file");
    out.sources = std::move(given.words);
    return put(given, std::move(out));
  }

  Result<void> host_file(Given&& given) {
    constexpr auto kOptions = std::to_array<std::string_view>({"role", "mode", "owner", "template"});
    SEALIFT_ASSIGN(const auto options, take_options(given.words, kOptions));
    if (given.words.size() != 2) return bad(given.place, "FILE takes a file and its absolute path on the hosts");
    PutFile out{.source = given.words[0], .destination = given.words[1].text};
    if (auto safe = base::safe_absolute_path(out.destination); !safe)
      return bad(given.words[1].place, safe.error().what);
    out.is_template = out.source.text.ends_with(".tmpl");
    for (const auto& [name, values] : options) SEALIFT_TRY(file_option(name, values.back(), out));
    return put(given, std::move(out));
  }

  static Result<void> file_option(const std::string& name, const Word& given, PutFile& out) {
    const std::string& value = given.text;
    if (name == "role") {
      const auto role = format::parse_host_role(value);
      if (!role) return bad(given.place, "--role must be all, control-plane or worker");
      out.role = *role;
    } else if (name == "mode") {
      const auto mode = base::parse_mode(value);
      if (!mode) return bad(given.place, "--mode must be octal digits like 0644, at most 7777");
      out.mode = *mode;
    } else if (name == "owner") {
      const auto parts = base::split(value, ':');
      const auto uid = base::parse_u64(parts[0]), gid = parts.size() == 2 ? base::parse_u64(parts[1]) : uid;
      if (parts.size() > 2 || !uid || !gid || *uid > 0xfffffffeU || *gid > 0xfffffffeU)
        return bad(given.place, "--owner must be uid:gid in numbers");
      out.uid = static_cast<uint32_t>(*uid);
      out.gid = static_cast<uint32_t>(*gid);
    } else {
      out.is_template = value == "true";
    }
    return {};
  }

  static bool is_setting(std::string_view text) { return text.contains('=') && !text.starts_with('='); }

  Result<void> app(Given&& given) { return app(std::move(given), false); }
  Result<void> network(Given&& given) { return app(std::move(given), true); }
  Result<void> app(Given&& given, bool is_network) {
    auto& words = given.words;
    AddApp out;
    out.is_network = is_network;
    constexpr auto kOptions = std::to_array<std::string_view>({"set"});
    SEALIFT_ASSIGN(auto options, take_options(words, kOptions));
    out.settings = std::move(options["set"]);
    for (const auto& [text, place] : out.settings) {
      if (!is_setting(text)) return bad(place, std::format("\"{}\" is not key=value", base::printable(text)));
    }
    SEALIFT_ASSIGN(out.target_namespace, take_keyword(words, "NAMESPACE", "a namespace"));
    SEALIFT_ASSIGN(out.release, take_keyword(words, "RELEASE", "the name of the helm release"));
    for (const auto* word : {&out.target_namespace, &out.release}) {
      if (*word && !is_app_name((*word)->text))
        return bad((*word)->place, std::format("\"{}\" can't be a namespace or a release: {}",
                                               base::printable((*word)->text), kAppNames));
    }
    const auto needs = std::ranges::find(words, "NEEDS", &Word::text);
    if (needs != words.end()) {
      const Place place = needs->place;
      out.needs.assign(needs + 1, words.end());
      words.erase(needs, words.end());
      if (out.needs.empty()) return bad(place, "NEEDS must be followed by applications");
    }
    if (words.size() < 2) return bad(given.place, usage(given) + " (a chart folder or manifests)");
    out.name = words[0];
    if (const auto& name = out.name.text; !is_app_name(name))
      return bad(out.name.place,
                 std::format("\"{}\" can't be an application's name: {}", base::printable(name), kAppNames));
    constexpr std::string_view kLocal = "local://";
    for (auto& word : std::span(words).subspan(1)) {
      if (charts::is_address(word.text)) {
        if (words.size() > 2)
          return fail(ErrorCode::unsupported, "{}: {} is a chart beside other sources; give it an APP of its own",
                      word.place.text(), base::printable(word.text));
        auto address = charts::parse_address(word.text);
        if (!address) return bad(word.place, address.error().what);
        out.remote = std::move(*address);
      } else if (!word.text.starts_with(kLocal)) {
        if (const auto keyword = near_keyword(word.text))
          return bad(word.place,
                     std::format("\"{}\" is no source; did you mean {}?", base::printable(word.text), *keyword));
        if (!word.text.contains("://"))
          return bad(word.place, std::format("\"{}\" is no source; for a path write local://{}",
                                             base::printable(word.text), base::printable(word.text)));
        return bad(word.place, std::format("\"{}\" is no source: write local://PATH, https://HOST/CHART.tgz, "
                                           "oci://REGISTRY/PATH/CHART:VERSION or repo:https://HOST/PATH/CHART@VERSION",
                                           base::printable(word.text)));
      } else {
        word.text.erase(0, kLocal.size());
      }
      out.sources.push_back(std::move(word));
    }
    return put(given, std::move(out));
  }

  Result<void> image(Given&& given) {
    constexpr auto kOptions = std::to_array<std::string_view>({"from"});
    SEALIFT_ASSIGN(const auto options, take_options(given.words, kOptions));
    if (given.words.size() != 1) return bad(given.place, "IMAGE takes one image name");
    AddImage out{given.words[0], given.words[0].text.ends_with(".txt"), {}};
    if (const auto from = options.find("from"); from != options.end()) out.from = from->second.back().text;
    return put(given, std::move(out));
  }

  Result<void> values(Given&& given) {
    if (given.words.size() < 2) return bad(given.place, usage(given));
    AddValues out{given.words[0], {}};
    out.files.assign(given.words.begin() + 1, given.words.end());
    return put(given, std::move(out));
  }

  Result<void> image_rules(Given&& given) {
    if (given.words.empty()) return bad(given.place, usage(given));
    return put(given, AddRules{std::move(given.words)});
  }

  Result<void> ignore_image(Given&& given) {
    if (given.words.size() < 2)
      return bad(given.place, usage(given) + "; the reason is for those who read the artifact's list of images");
    std::string reason;
    for (const auto& word : std::span(given.words).subspan(1)) reason += (reason.empty() ? "" : " ") + word.text;
    return put(given, IgnoreImages{given.words[0], std::move(reason)});
  }

  static Result<std::map<std::string, std::string>> settings(const Given& given) {
    std::map<std::string, std::string> out;
    if (given.words.empty()) return bad(given.place, "NAME=value is expected");
    for (const auto& [text, place] : given.words) {
      if (!is_setting(text)) return bad(place, std::format("\"{}\" is not NAME=value", base::printable(text)));
      const size_t equals = text.find('=');
      out[text.substr(0, equals)] = text.substr(equals + 1);
    }
    return out;
  }
  Result<void> environment(Given&& given) {
    for (const auto& word : given.words) without_value_.erase(word.text.substr(0, word.text.find('=')));
    SEALIFT_ASSIGN(auto values, settings(given));
    for (const auto& [name, value] : values) variables_[name] = value;
    return put(given, SetEnvironment{std::move(values)});
  }
  Result<void> labels(Given&& given) {
    SEALIFT_ASSIGN(auto values, settings(given));
    return put(given, SetLabels{std::move(values)});
  }

  static std::string usage(const Given& given);

  std::string file_;
  const std::map<std::string, std::string>& arguments_;
  std::map<std::string, std::string> variables_;
  std::set<std::string> named_;
  std::set<std::string> without_value_;  // variables whose own line is a problem
  bool depends_on_problem_ = false;      // the line uses such a variable
  bool has_begun_ = false;               // with FROM, or with a line that is a problem instead
  bool is_complete_ = true;
  Problems problems_;
  std::vector<Instruction> out_;
};

// The words that may begin a line; used by parsing, suggestions, help and documents.
struct Parser::Entry {
  Verb verb;
  Result<void> (Parser::*parse)(Given&&) = nullptr;  // null: rejected
};

std::span<const Parser::Entry> Parser::entries() {
  // The last ones are words from sealer and Dockerfiles that people will try; they are known, and rejected
  // with a reason.
  static constexpr auto kEntries = std::to_array<Entry>({
      {{"FROM", "scratch | artifact.run", {}}, &Parser::from},
      {{"ARG", "NAME | NAME=default", {}}, &Parser::argument},
      {{"ENV", "NAME=value [NAME=value …]", {}}, &Parser::environment},
      {{"LABEL", "name=value [name=value …]", {}}, &Parser::labels},
      {{"COPY", "source [source …] destination", {}}, &Parser::copy},
      {{"ADD", "[--checksum=sha256:HEX] source|https://… [source …] destination", {}}, &Parser::add},
      {{"FILE",
        "[--role=all|control-plane|worker] [--mode=0644] [--owner=uid:gid] [--template] source /destination",
        {}},
       &Parser::host_file},
      {{"APP",
        "[--set key=value] name local://path|CHART-ADDRESS […] [NAMESPACE name] [RELEASE name] [NEEDS name …]",
        {}},
       &Parser::app},
      {{"CNI",
        "[--set key=value] name local://path|CHART-ADDRESS […] [NAMESPACE name] [RELEASE name] [NEEDS name …]",
        {}},
       &Parser::network},
      {{"VALUES", "app file.yaml [file.yaml …]", {}}, &Parser::values},
      {{"IMAGE", "[--from=SOURCE] name | [--from=SOURCE] list.txt", {}}, &Parser::image},
      {{"IMAGE-RULES", "file.yaml [file.yaml …]", {}}, &Parser::image_rules},
      {{"IGNORE-IMAGE", "pattern reason", {}}, &Parser::ignore_image},
      {{"LAUNCH", "[\"name\", \"name\"]", {}}, &Parser::launch},
      {{"RUN", {}, "nothing is executed while packing; prepare the files before and COPY them"}},
      {{"CMD", {}, "start applications with LAUNCH"}},
      {{"CMDS", {}, "start applications with LAUNCH"}},
      {{"APPCMDS", {}, "applications are helm charts or manifests"}},
      {{"APPENV", {}, "set values in cluster.yaml"}},
      {{"CSI", {}, "use APP"}},
      {{"KUBEVERSION", {}, "the base names its Kubernetes version in base.yaml"}},
      {{"MAINTAINER", {}, "use LABEL maintainer=…"}},
      {{"ENTRYPOINT", {}, "start applications with LAUNCH"}},
      {{"WORKDIR", {}, "paths count from the build's context"}},
      {{"USER", {}, "set the owner with FILE --owner"}},
      {{"VOLUME", {}, "volumes belong into manifests"}},
      {{"EXPOSE", {}, "ports belong into manifests"}},
  });
  return kEntries;
}

std::string Parser::usage(const Given& given) {
  return std::format("{} takes {}", given.entry.verb.word, given.entry.verb.usage);
}

template <class What>
Result<void> Parser::put(const Given& given, What what) {
  out_.push_back({given.entry.verb.word, given.place, std::move(what)});
  return {};
}

std::string verb_of(const LogicalLine& line) {
  return to_upper(line.text().substr(0, line.text().find_first_of(" \t")));
}

const Parser::Entry* Parser::entry_of(const LogicalLine& line) {
  const auto word = verb_of(line);
  const auto entry = std::ranges::find(entries(), word, [](const Entry& known) { return known.verb.word; });
  return entry == entries().end() ? nullptr : &*entry;
}

// The known word that a line's first one was meant for.
std::optional<std::string> Parser::near_verb(const LogicalLine& line) {
  std::vector<std::string_view> known;
  for (const auto& verb : verbs()) {
    if (verb.refused.empty()) known.push_back(verb.word);
  }
  return base::nearest(verb_of(line), known);
}

bool Parser::may_name_applications(const LogicalLine& line) {
  const auto* entry = entry_of(line);
  const auto word = entry != nullptr ? std::string(entry->verb.word) : near_verb(line).value_or("APP");
  return word == "FROM" || word == "APP" || word == "CNI";
}

Result<void> Parser::parse_line(const LogicalLine& line) {
  const auto text = line.text();
  const auto* entry = entry_of(line);
  const bool begins = !has_begun_ && (entry == nullptr || entry->verb.word != "ARG");
  has_begun_ = has_begun_ || begins;
  if (entry == nullptr) {
    const auto near = near_verb(line);
    return bad(line.place(), std::format("the instruction \"{}\" is not known{}", base::printable(verb_of(line)),
                                         near ? std::format("; did you mean {}?", *near) : ""));
  }
  if (entry->parse == nullptr)
    return fail(ErrorCode::unsupported, "{}: {} is not supported: {}", line.place().text(), entry->verb.word,
                entry->verb.refused);
  if (begins && entry->verb.word != "FROM") problems_.add(bad(line.place(), kFromFirst));
  const size_t blank = std::min(text.find_first_of(" \t"), text.size());
  Given given{*entry, line, blank, line.place(), {}};
  if (entry->verb.word == "LAUNCH") return launch(std::move(given));  // JSON, not words
  SEALIFT_ASSIGN(given.words, line.words(blank));
  depends_on_problem_ = false;
  if (entry->verb.word != "ARG") {  // ARG expands its own default, if it is used
    for (auto& operand : given.words) {
      SEALIFT_ASSIGN(operand.text, expand(operand.text, operand.place));
    }
    if (depends_on_problem_) {  // told already
      is_complete_ = is_complete_ && !may_name_applications(line);
      return {};
    }
  }
  return (this->*entry->parse)(std::move(given));
}

}  // namespace

bool is_app_name(std::string_view name) {
  return name.size() <= 53 && !name.empty() && name.front() != '-' && name.back() != '-' &&
         std::ranges::all_of(name, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; });
}

bool is_url(std::string_view source) { return source.starts_with("https://") || source.starts_with("http://"); }

std::vector<Verb> verbs() {
  std::vector<Verb> out;
  for (const auto& entry : Parser::entries()) out.push_back(entry.verb);
  return out;
}

Kubefile parse_kubefile(std::string_view text, const std::string& file,
                        const std::map<std::string, std::string>& arguments) {
  return Parser(file, arguments).parse(text);
}

}  // namespace sealift::resolve
