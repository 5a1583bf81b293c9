// SPDX-License-Identifier: Apache-2.0
#include "packer/resolve/kubefile.h"

#include <algorithm>
#include <array>

#include "packer/resolve/kubefile_lines.h"
#include "packer/resolve/variables.h"
#include "payload/base/format.h"
#include "payload/base/text.h"
#include "payload/base/utf8.h"

namespace sealift::resolve {
namespace {

class Parser {
 public:
  struct Entry;
  static std::span<const Entry> entries();

  Parser(std::string file, const std::map<std::string, std::string>& arguments)
      : file_(std::move(file)), arguments_(arguments), variables_(arguments) {}

  Kubefile parse(std::string_view text) {
    if (auto readable = check_text(text); !readable) {
      problems_.add(std::move(readable).error());
      return {{}, std::move(problems_), false, false};
    }
    for (const auto& line : logical_lines(text, file_)) {
      if (!problems_.note(parse_line(line))) leave_out(line);
    }
    if (!has_begun_) problems_.add(bad({file_, 1}, kFromFirst));
    for (const auto& [name, value] : arguments_) {
      if (!variables_.has_argument(name))
        problems_.add(fail(ErrorCode::usage, "--build-arg {}: {} has no ARG {}", name, file_, name));
    }
    return {std::move(out_), std::move(problems_), is_complete_, has_all_values_};
  }

 private:
  static constexpr std::string_view kFromFirst =
      "the first instruction must be FROM (after ARG lines): FROM scratch, an artifact file or a name in the local store";

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
  void leave_out(const LogicalLine& line);

  template <class Line>
  bool has() const {
    return std::ranges::any_of(out_,
                               [](const auto& instruction) { return std::holds_alternative<Line>(instruction.what); });
  }
  Result<void> put(const Given& given, What what) {
    out_.push_back({given.verb.word, given.place, std::move(what)});
    return {};
  }

  Result<void> from(Given&& given) {
    SEALIFT_ASSIGN(auto from, read_from(given));
    if (has<From>()) return bad(given.place, "a second FROM; write INCLUDE to add another artifact to the base");
    return put(given, std::move(from));
  }

  Result<void> argument(Given&& given) { return variables_.add_argument(given); }

  Result<void> environment(Given&& given) {
    SEALIFT_ASSIGN(auto values, variables_.add_environment(given));
    return put(given, SetEnvironment{std::move(values)});
  }
  Result<void> labels(Given&& given) {
    SEALIFT_ASSIGN(auto values, take_settings(given));
    return put(given, SetLabels{std::move(values)});
  }
  Result<void> launch(Given&& given) {
    SEALIFT_ASSIGN(auto launch, read_launch(given));
    if (has<Launch>()) return bad(given.place, "a second LAUNCH");
    return put(given, std::move(launch));
  }
  // An instruction that stands for itself.
  template <Result<What> (*kRead)(Given&)>
  Result<void> line(Given&& given) {
    SEALIFT_ASSIGN(auto what, kRead(given));
    return put(given, std::move(what));
  }

  std::string file_;
  const std::map<std::string, std::string>& arguments_;
  Variables variables_;
  bool has_begun_ = false;  // with FROM, or with a line that is a problem instead
  bool is_complete_ = true, has_all_values_ = true;
  bool has_told_of_convert_ = false;
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
      {{"FROM", "scratch | artifact.run | name:version", {}}, &Parser::from},
      {{"INCLUDE", "artifact.run | name:version", {}}, &Parser::line<read_include>},
      {{"REQUIRES", "kubernetes|ARTIFACT [>=VERSION] [<VERSION]", {}}, &Parser::line<read_requires>},
      {{"REMOVE", "image|app|file name [name …]", {}}, &Parser::line<read_remove>},
      {{"ARG", "NAME | NAME=default", {}}, &Parser::argument},
      {{"ENV", "NAME=value [NAME=value …]", {}}, &Parser::environment},
      {{"LABEL", "name=value [name=value …]", {}}, &Parser::labels},
      {{"COPY", "[--follow-links] source [source …] destination", {}}, &Parser::line<read_copy>},
      {{"ADD",
        "[--platform=linux/amd64] [--chmod=0755] [--checksum=sha256:HEX|https://…] [--unpack [--strip=N] "
        "[--only=NAME,…]] source|https://… [source …] destination",
        {}},
       &Parser::line<read_add>},
      {{"FILE",
        "[--role=all|control-plane|worker] [--mode=0644] [--owner=uid:gid] [--template] source /destination",
        {}},
       &Parser::line<read_file>},
      {{"APP",
        "[--set key=value] name local://path|CHART-ADDRESS […] [NAMESPACE name] [RELEASE name] [NEEDS name …]",
        {}},
       &Parser::line<read_app>},
      {{"CNI",
        "[--set key=value] name local://path|CHART-ADDRESS […] [NAMESPACE name] [RELEASE name] [NEEDS name …]",
        {}},
       &Parser::line<read_network>},
      {{"VALUES", "app file.yaml [file.yaml …]", {}}, &Parser::line<read_values>},
      {{"IMAGE", "[--from=SOURCE] name | [--from=SOURCE] list.txt", {}}, &Parser::line<read_image>},
      {{"IMAGE-RULES", "file.yaml [file.yaml …]", {}}, &Parser::line<read_rules>},
      {{"IGNORE-IMAGE", "pattern reason", {}}, &Parser::line<read_ignored_image>},
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
      {{"HEALTHCHECK", {}, "applications are watched by the state of their objects"}},
      {{"STOPSIGNAL", {}, "nothing of the artifact runs as a container"}},
      {{"SHELL", {}, "nothing is executed"}},
      {{"ONBUILD", {}, "nothing is executed while packing"}},
  });
  return kEntries;
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

// Of a line that can't be read, what it may have said.
void Parser::leave_out(const LogicalLine& line) {
  const auto* entry = entry_of(line);
  const auto word = entry != nullptr ? std::string(entry->verb.word) : near_verb(line).value_or("APP");
  is_complete_ = is_complete_ && word != "FROM" && word != "INCLUDE" && word != "APP" && word != "CNI";
  has_all_values_ = has_all_values_ && word != "VALUES";
}

// Lines that name what is elsewhere: everyone could read the login in the artifact and in the lock. It is not shown.
Result<void> check_logins(const Given& given) {
  constexpr auto kVerbs = std::to_array<std::string_view>({"ADD", "COPY", "APP", "CNI", "IMAGE"});
  if (!std::ranges::contains(kVerbs, given.verb.word)) return {};
  for (const auto& word : given.words) {
    std::string_view url = word.text;
    for (const std::string_view before : {"--checksum=", "repo:"})
      if (url.starts_with(before)) url.remove_prefix(before.size());
    const size_t host = url.find("://") + 3;
    if (!url.contains("://") || url.starts_with("local:") || url.substr(0, host).find_first_of("=/") < host - 2)
      continue;  // of a --set
    if (url.find('@', host) >= url.find_first_of("/?#", host)) continue;
    return bad(
        word.place,
        "a URL with a login in it (user:password@) is not taken, since everyone could read it in the artifact and "
        "the lock. Registries use the logins of `docker login`; what else wants one, download it beforehand and "
        "name the file");
  }
  return {};
}

Result<void> Parser::parse_line(const LogicalLine& line) {
  const auto text = line.text();
  const auto* entry = entry_of(line);
  const bool begins = !has_begun_ && (entry == nullptr || entry->verb.word != "ARG");
  has_begun_ = has_begun_ || begins;
  if (entry == nullptr) {
    const auto near = near_verb(line);
    return bad(line.place(), base::format("the instruction \"{}\" is not known{}", base::printable(verb_of(line)),
                                          near ? base::format("; did you mean {}?", *near) : ""));
  }
  if (entry->parse == nullptr)
    return fail(
        ErrorCode::unsupported, "{}: {} is not supported: {}{}", line.place().text(), entry->verb.word,
        entry->verb.refused,
        std::exchange(has_told_of_convert_, true) ? "" : "; `sealift convert` rewrites what sealer and sealos have");
  if (begins && entry->verb.word != "FROM") problems_.add(bad(line.place(), kFromFirst));
  const size_t blank = std::min(text.find_first_of(" \t"), text.size());
  Given given{entry->verb, line, blank, line.place(), {}};
  if (entry->verb.word == "LAUNCH") return launch(std::move(given));  // JSON, not words
  SEALIFT_ASSIGN(given.words, line.words(blank));
  if (entry->verb.word != "ARG") {  // ARG expands its own default, if it is used
    bool depends_on_problem = false;
    for (auto& operand : given.words) {
      SEALIFT_ASSIGN(operand.text, variables_.expand(operand.text, operand.place, depends_on_problem));
    }
    if (depends_on_problem) {  // told already
      leave_out(line);
      return {};
    }
  }
  SEALIFT_TRY(check_logins(given));
  return (this->*entry->parse)(std::move(given));
}

}  // namespace

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
