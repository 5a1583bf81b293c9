// SPDX-License-Identifier: Apache-2.0
#include "packer/convert/kubefile.h"

#include <algorithm>
#include <array>

#include "packer/convert/kubefile_converter.h"
#include "packer/resolve/kubefile.h"
#include "payload/base/format.h"
#include "payload/base/text.h"

namespace sealift::convert {
namespace {

constexpr std::string_view kLocal = "local://";

constexpr auto kCommandVerbs = std::to_array<std::string_view>({"CMD", "CMDS", "ENTRYPOINT"});

struct Reason {
  std::string_view verb, text;
};
// What means nothing for files that are delivered.
constexpr auto kSkipped = std::to_array<Reason>({
    {"KUBEVERSION", "the base names its Kubernetes version, and charts are rendered for it"},
    {"USER", "FILE --owner names the owner of a file on hosts; containers have theirs in manifests"},
    {"WORKDIR", "paths count from the build's context"},
    {"EXPOSE", "ports are in manifests"},
    {"VOLUME", "volumes are in manifests"},
    {"HEALTHCHECK", "applications are watched by the state of their objects"},
    {"STOPSIGNAL", "nothing of the artifact runs as a container"},
    {"SHELL", "nothing is run"},
    {"ONBUILD", "nothing is run"},
});

// "redis:7" of "registry.example:5000/library/redis:7"
std::string short_name(const std::string& image) {
  const std::string last = image.substr(image.rfind('/') + 1);
  return last.substr(0, last.find('@'));
}

// Labels that steer sealer and sealos themselves, and those that name scripts of their bases.
bool is_theirs(const std::pair<std::string, std::string>& label) {
  return label.first.contains("alpha.sealer.io/") || label.first.starts_with("sealos.io") ||
         label.first.starts_with("sealer.") || label.second.contains(".sh");
}

bool makes_base(const std::pair<std::string, std::string>& label) {
  return label.first.ends_with("/cluster-runtime-type") ||
         (label.first == "sealos.io.type" && label.second == "rootfs");
}

bool is_script(std::string_view path) { return path.ends_with(".sh"); }

}  // namespace

Conversion convert_kubefile(std::string_view text, const std::string& file, const Context& context,
                            const std::string& beside) {
  return KubefileConverter(file, context, beside).convert(text);
}

bool makes_container_image(std::string_view text) {
  constexpr auto kTheirs =
      std::to_array<std::string_view>({"APP", "APPCMDS", "APPENV", "LAUNCH", "CMDS", "CNI", "CSI", "KUBEVERSION"});
  size_t stages = 0;
  bool from_scratch = false, is_for_cluster = false, starts_program = false;
  for (const auto& instruction : read_instructions(text, "")) {
    if (instruction.verb == "FROM" && ++stages > 0) from_scratch = instruction.rest == "scratch";
    is_for_cluster = is_for_cluster || std::ranges::contains(kTheirs, instruction.verb);
    if (instruction.verb == "ENTRYPOINT") starts_program = true;
    if (instruction.verb == "CMD" || instruction.verb == "ENTRYPOINT")
      is_for_cluster = is_for_cluster || instruction.rest.contains("kubectl ") || instruction.rest.contains("helm ");
  }
  return stages > 0 && !is_for_cluster && (!from_scratch || starts_program || stages > 1);
}

KubefileConverter::Convert KubefileConverter::find(std::string_view verb) {
  struct Entry {
    std::string_view verb;
    Convert convert;
  };
  static constexpr auto kVerbs = std::to_array<Entry>({{"FROM", &KubefileConverter::from},
                                                       {"ARG", &KubefileConverter::argument},
                                                       {"ENV", &KubefileConverter::environment},
                                                       {"LABEL", &KubefileConverter::labels},
                                                       {"MAINTAINER", &KubefileConverter::maintainer},
                                                       {"COPY", &KubefileConverter::copy},
                                                       {"ADD", &KubefileConverter::copy},
                                                       {"RUN", &KubefileConverter::run_at_build},
                                                       {"CMD", &KubefileConverter::command},
                                                       {"CMDS", &KubefileConverter::command},
                                                       {"ENTRYPOINT", &KubefileConverter::command},
                                                       {"APP", &KubefileConverter::app},
                                                       {"CNI", &KubefileConverter::app},
                                                       {"CSI", &KubefileConverter::app},
                                                       {"APPCMDS", &KubefileConverter::app_commands},
                                                       {"LAUNCH", &KubefileConverter::launch}});
  const auto* found = std::ranges::find(kVerbs, verb, &Entry::verb);
  if (found != kVerbs.end()) return found->convert;
  return std::ranges::contains(kSkipped, verb, &Reason::verb) ? &KubefileConverter::skip : &KubefileConverter::refuse;
}

// Commands are converted first: they tell what COPY lines are for.
Conversion KubefileConverter::convert(std::string_view text) {
  keep_comments(text);
  instructions_ = read_instructions(text, lines_.file());
  for (const auto& instruction : instructions_) know(instruction);
  const auto is_copy = [](const Instruction& instruction) {
    return instruction.verb == "COPY" || instruction.verb == "ADD";
  };
  for (const auto& instruction : instructions_)
    if (!is_copy(instruction)) one(instruction);
  for (const auto& instruction : instructions_)
    if (is_copy(instruction)) one(instruction);
  commands_.finish();
  add_sealos_images(instructions_.empty() ? 1 : instructions_.back().line);
  return std::move(lines_).finish(launched());
}

void KubefileConverter::keep_comments(std::string_view text) {
  int line = 0;
  for (const auto whole : base::split(text, '\n')) {
    ++line;
    const auto trimmed = base::trim(whole);
    if (trimmed.starts_with('#') && !trimmed.starts_with("# syntax=")) lines_.add(line, std::string(trimmed));
  }
}

// What is asked for before its line is converted.
void KubefileConverter::know(const Instruction& instruction) {
  if (instruction.verb == "ENV") {
    // their values may name themselves: ENV NAME=${NAME:-"x"}
    auto settings = read_settings(expand(instruction.rest, variables_));
    for (const auto& [name, value] : settings) variables_[name] = value;
    environment_[instruction.line] = std::move(settings);
  } else if (instruction.verb == "COPY" || instruction.verb == "ADD") {
    const auto words = read_copy(instruction.rest);
    if (words.from.empty()) copies_[instruction.line] = tree_.add(to_copied(words));
  } else if (instruction.verb == "WORKDIR") {
    work_folder_ = clean_path(instruction.rest);
  }
}

// What is not known there is empty, as in Docker.
std::string KubefileConverter::with_known(std::string_view text) const { return with_variables(text, known_); }

std::string KubefileConverter::settings_line(std::string_view verb, const Settings& settings) const {
  std::string out(verb);
  for (const auto& [name, value] : settings) out += " " + in_quotes(name + "=" + with_known(value));
  return out;
}

void KubefileConverter::one(const Instruction& instruction) { (this->*find(instruction.verb))(instruction); }

void KubefileConverter::from(const Instruction& instruction) {
  auto words = unquoted_words(instruction.rest);
  std::erase_if(words, [](const std::string& word) { return word.starts_with("--"); });
  if (words.empty()) return refuse(instruction);
  if (std::exchange(has_from_, true))
    return lines_.lose({lines_.file(), instruction.line, Outcome::lost, instruction.text(),
                        "there is one FROM; build a first stage beforehand and COPY what it makes"},
                       instruction.text());
  if (words[0] == "scratch") {
    lines_.add(instruction.line, "FROM scratch");
    return lines_.note(Outcome::kept, instruction.line, instruction.text(),
                       "without a base, charts need --tools and --kubernetes-version");
  }
  const std::string name = short_name(words[0]);
  const std::string repository = name.substr(0, name.find(':'));
  // sealer's applications/helm brings nothing but helm, which our bases have
  if (repository == "kubernetes" || repository == "k0s" || repository == "k3s" || repository == "helm") {
    lines_.add_comment(instruction.line, "was: " + instruction.text());
    lines_.add(instruction.line, "ARG BASE=kubernetes.run");
    lines_.add(instruction.line, "FROM ${BASE}");
    return lines_.note(Outcome::changed, instruction.line, instruction.text(),
                       "FROM ${BASE}, your Kubernetes base, at least 1.31: name it with --build-arg BASE=FILE");
  }
  const std::string base = name.contains('$') ? with_known(name) : base::to_lower(name);
  lines_.add(instruction.line, "FROM " + base);
  lines_.note(
      Outcome::changed, instruction.line, instruction.text(),
      base::format("FROM {}, the artifact that you make of its Kubefile with -t; it goes on top of your Kubernetes "
                   "base. Its applications are launched if LAUNCH or cluster.yaml names them, too",
                   base));
}

void KubefileConverter::argument(const Instruction& instruction) {
  for (const auto& word : unquoted_words(instruction.rest)) {
    lines_.add(instruction.line, "ARG " + in_quotes(with_known(word)));
    known_.insert(word.substr(0, word.find('=')));
  }
  lines_.note(Outcome::kept, instruction.line, instruction.text(), "");
}

bool KubefileConverter::uses(std::string_view variable) const {
  return std::ranges::any_of(instructions_, [&](const Instruction& instruction) {
    if (!std::ranges::contains(kCommandVerbs, instruction.verb) && instruction.verb != "APPCMDS") return false;
    return instruction.rest.contains(base::format("$({})", variable)) ||
           instruction.rest.contains(base::format("${{{}", variable)) ||
           instruction.rest.contains(base::format("${}", variable));
  });
}

void KubefileConverter::environment(const Instruction& instruction) {
  Settings kept;
  for (const auto& [name, value] : environment_.at(instruction.line)) {
    if (uses(name)) {
      lines_.note(Outcome::dropped, instruction.line, "ENV " + name,
                  "only commands use it; its value is in the lines that they became");
    } else {
      kept.emplace_back(name, value);
    }
  }
  if (kept.empty()) return;
  lines_.add(instruction.line, settings_line("ENV", kept));
  for (const auto& setting : kept) known_.insert(setting.first);
  for (const auto& [name, value] : kept)
    lines_.note(Outcome::kept, instruction.line, "ENV " + name, "it is for templates of FILE lines; charts get VALUES");
}

void KubefileConverter::labels(const Instruction& instruction) {
  Settings kept;
  for (const auto& label : read_settings(instruction.rest)) {
    if (makes_base(label)) {
      lines_.lose(
          {lines_.file(), instruction.line, Outcome::lost, "LABEL " + label.first,
           "this makes a Kubernetes base of its own kind; Sealift's base is made of packer/bases/kubernetes, and "
           "what this one has besides goes on top of it"});
    } else if (is_theirs(label)) {
      lines_.note(Outcome::dropped, instruction.line, "LABEL " + label.first, "it steers sealer or sealos");
    } else {
      kept.push_back(label);
    }
  }
  if (kept.empty()) return;
  lines_.add(instruction.line, settings_line("LABEL", kept));
  lines_.note(Outcome::kept, instruction.line, instruction.text(), "");
}

void KubefileConverter::maintainer(const Instruction& instruction) {
  const std::string line =
      "LABEL " + in_quotes("maintainer=" + with_known(base::join(unquoted_words(instruction.rest), " ")));
  lines_.add(instruction.line, line);
  lines_.note(Outcome::changed, instruction.line, instruction.text(), line);
}

void KubefileConverter::run(const std::vector<std::string>& command_lines, const Instruction& instruction,
                            const std::string& folder, const std::string& app) {
  if (!app.empty()) commands_.start_anew();  // applications of APP lines do not wait for each other
  for (const auto& line : command_lines) {
    Variables variables = variables_;
    const auto commands = read_commands(line, instruction.line, variables);
    commands_.convert(commands, {.line = instruction.line,
                                 .folder = folder,
                                 .variables = variables,
                                 .app = app,
                                 .is_network = instruction.verb == "CNI"});
  }
}

void KubefileConverter::command(const Instruction& instruction) {
  const size_t before = lines_.apps().size();
  run(read_command_lines(instruction.rest), instruction, work_folder_, {});
  command_apps_.insert(command_apps_.end(), lines_.apps().begin() + static_cast<std::ptrdiff_t>(before),
                       lines_.apps().end());
}

bool KubefileConverter::has_commands(std::string_view app) const {
  return std::ranges::any_of(instructions_, [&](const Instruction& instruction) {
    const auto words = base::split_words(instruction.rest);
    return instruction.verb == "APPCMDS" && !words.empty() && words[0] == app;
  });
}

// A folder is a chart, or its manifests and scripts count one by one.
void KubefileConverter::add_source(const std::string& path, AppSources& out) const {
  const std::string local = std::string(kLocal) + path;
  if (is_script(path)) {
    out.scripts.push_back(path);
  } else if (!context_->is_folder(path) || context_->is_file(below(path, "Chart.yaml"))) {
    out.others.push_back(local);
  } else {
    const auto names = context_->names_in(path);
    if (std::ranges::none_of(names, is_script)) return out.others.push_back(local);
    for (const auto& name : names) add_source(below(path, name), out);
  }
}

KubefileConverter::AppSources KubefileConverter::read_sources(const std::string& name,
                                                              const std::vector<std::string>& sources) {
  AppSources out;
  Copied copied{.destination = "application/apps/" + name};
  for (const auto& source : sources) {
    if (source.starts_with(kLocal)) {
      copied.sources.push_back(clean_path(source.substr(kLocal.size())));
      add_source(copied.sources.back(), out);
    } else if (source.ends_with(".tgz")) {
      out.others.push_back(source);
    } else {
      out.lost = base::format("download {} into the folder and name it with local://", source);
    }
  }
  tree_.add(std::move(copied));
  return out;
}

void KubefileConverter::app(const Instruction& instruction) {
  const auto words = unquoted_words(instruction.rest);
  if (words.size() < 2) return refuse(instruction);
  const std::string& name = words[0];
  const auto sources = read_sources(name, {words.begin() + 1, words.end()});
  if (!sources.lost.empty())
    return lines_.lose({lines_.file(), instruction.line, Outcome::lost, instruction.text(), sources.lost},
                       instruction.text());
  made_[name];
  if (has_commands(name)) {
    return lines_.note(Outcome::dropped, instruction.line, instruction.verb + " " + name,
                       "its APPCMDS line says what is installed");
  }
  const size_t before = lines_.apps().size();
  if (sources.scripts.empty()) {  // else the script says what is done with the other files

    AppLine line{.name = lines_.new_app_name(name), .sources = sources.others, .is_network = instruction.verb == "CNI"};
    const bool is_same = line.text() == instruction.text();
    lines_.note(is_same ? Outcome::kept : Outcome::changed, instruction.line, instruction.text(),
                is_same ? "" : line.text());
    lines_.add_app(instruction.line, line);
  }
  for (const auto& script : sources.scripts) {
    const std::string path = "application/apps/" + name;
    run({"bash " + in_quotes(last_part(script))}, instruction, path, name);
  }
  made_[name].assign(lines_.apps().begin() + static_cast<std::ptrdiff_t>(before), lines_.apps().end());
}

void KubefileConverter::app_commands(const Instruction& instruction) {
  const size_t blank = std::min(instruction.rest.find_first_of(" \t"), instruction.rest.size());
  const std::string name = instruction.rest.substr(0, blank);
  const size_t before = lines_.apps().size();
  // sealer joins the list with blanks, which makes one command of what was meant as several
  run(read_command_lines(base::trim(std::string_view(instruction.rest).substr(blank))), instruction,
      "application/apps/" + name, name);
  made_[name].assign(lines_.apps().begin() + static_cast<std::ptrdiff_t>(before), lines_.apps().end());
}

void KubefileConverter::launch(const Instruction& instruction) {
  const auto wanted = read_list(instruction.rest);
  std::string missing;
  for (const auto& name : wanted) {
    if (made_.contains(name) && made_.at(name).empty()) missing += (missing.empty() ? "" : ", ") + name;
  }
  lines_.note(missing.empty() ? Outcome::kept : Outcome::changed, instruction.line, instruction.text(),
              missing.empty() ? "they start side by side; what must wait for another says so with NEEDS"
                              : base::format("without {}, of which nothing was converted", missing));
}

// LAUNCH, or what the commands installed.
std::vector<std::string> KubefileConverter::launched() const {
  const auto line = std::ranges::find(instructions_, "LAUNCH", &Instruction::verb);
  if (line == instructions_.end()) return command_apps_;
  std::vector<std::string> out;
  for (const auto& name : read_list(line->rest)) {
    const auto made = made_.find(name);
    if (made == made_.end()) {
      out.push_back(name);  // of the base
    } else {
      out.insert(out.end(), made->second.begin(), made->second.end());
    }
  }
  return out;
}

void KubefileConverter::skip(const Instruction& instruction) {
  const auto* reason = std::ranges::find(kSkipped, instruction.verb, &Reason::verb);
  lines_.note(Outcome::dropped, instruction.line, instruction.text(), std::string(reason->text));
}

void KubefileConverter::refuse(const Instruction& instruction) {
  const bool is_app_env = instruction.verb == "APPENV";
  std::string text = is_app_env ? "the site sets a chart's values in cluster.yaml, or VALUES brings a set of them"
                                : "the instruction is not known";
  lines_.lose(
      {lines_.file(), instruction.line, Outcome::lost, is_app_env ? "APPENV" : instruction.verb, std::move(text)},
      instruction.text());
}

}  // namespace sealift::convert
