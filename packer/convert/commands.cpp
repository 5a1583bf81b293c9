// SPDX-License-Identifier: Apache-2.0
#include "packer/convert/commands.h"

#include <algorithm>
#include <array>

#include "payload/base/format.h"
#include "payload/base/text.h"

namespace sealift::convert {
namespace {

constexpr int kMaxDepth = 4;      // of scripts within scripts
constexpr int kMaxScripts = 100;  // of one Kubefile

constexpr std::string_view kNothingIsRun =
    "nothing of the artifact is run at the site; have what it installs rendered into a manifest, or take the project's "
    "chart, and name that with APP";

// Programs that do nothing which is missed.
constexpr auto kSilent = std::to_array<std::string_view>(
    {"set", "echo", "printf", "sleep", "true", ":", "exit", "pwd", "ls", "cat", "shopt", "trap", "which", "type"});

struct Hint {
  std::string_view program, text;
};
constexpr auto kHints = std::to_array<Hint>({
    {"tar", "ADD --unpack unpacks an archive at the build; name each file for the hosts with FILE"},
    {"unzip", "unpack it before the build; name each file for the hosts with FILE"},
    {"ln", "FILE puts a file under any name; links are not made"},
    {"sed", "change the file before the build, or set the chart's values"},
    {"wget", "download it at the build: ADD --checksum=sha256:… https://… destination"},
    {"curl", "download it at the build: ADD --checksum=sha256:… https://… destination"},
    {"yum", "packages of the hosts' distribution are installed before the delivery"},
    {"apt-get", "packages of the hosts' distribution are installed before the delivery"},
    {"apt", "packages of the hosts' distribution are installed before the delivery"},
    {"rpm", "packages of the hosts' distribution are installed before the delivery"},
    {"dpkg", "packages of the hosts' distribution are installed before the delivery"},
    {"systemctl", "units belong to the base: units in base.yaml, their files with FILE"},
    {"modprobe", "kernel modules belong to the base: modules in base.yaml"},
    {"sysctl", "kernel settings belong to the base: sysctls in base.yaml"},
    {"docker", "images are packed by their names; those of an archive with IMAGE --from=docker-archive:FILE NAME"},
    {"nerdctl", "images are packed by their names; those of an archive with IMAGE --from=docker-archive:FILE NAME"},
    {"ctr", "images are packed by their names; those of an archive with IMAGE --from=oci-archive:FILE NAME"},
    {"sealer", "the delivered artifact is the program: ./NAME.run --config cluster.yaml"},
    {"sealos", "FILE puts files on hosts; the delivered artifact is the program: ./NAME.run --config cluster.yaml"},
    {"istioctl", "istio's charts (base, istiod, gateway) are its equivalent: an APP line for each"},
    {"cilium", "cilium's chart is its equivalent: CNI cilium local://charts/cilium, its options in VALUES"},
    {"flux", "write what `flux install --export` prints to a file and name it with APP"},
    {"vela", "an addon is a set of manifests: name them with APP"},
});

bool is_script(std::string_view program) { return program.ends_with(".sh"); }

}  // namespace

Commands::Convert Commands::find(std::string_view program) {
  struct Entry {
    std::string_view program;
    Convert convert;
  };
  static constexpr auto kPrograms = std::to_array<Entry>({{"helm", &Commands::helm},
                                                          {"helm3", &Commands::helm},
                                                          {"kubectl", &Commands::kubectl},
                                                          {"cp", &Commands::copy_to_host},
                                                          {"mv", &Commands::copy_to_host},
                                                          {"rm", &Commands::remove},
                                                          {"cd", &Commands::change_folder},
                                                          {"bash", &Commands::script},
                                                          {"sh", &Commands::script}});
  const auto* found = std::ranges::find(kPrograms, program, &Entry::program);
  if (found != kPrograms.end()) return found->convert;
  return is_script(program) ? &Commands::script : nullptr;
}

void Commands::convert(std::span<const Command> commands, Setting setting) {
  if (setting.file.empty() && std::ranges::any_of(commands, decides)) {
    Command whole = commands.front();
    for (const auto& command : commands.subspan(1)) whole.text += "; " + command.text;
    whole.unread = std::ranges::find_if(commands, decides)->unread;
    return one(whole, setting);
  }
  for (const auto& command : commands) one(command, setting);
}

void Commands::one(Command command, Setting& setting) {
  auto& words = command.words;
  while (!words.empty() && (words[0] == "sudo" || words[0] == "exec")) words.erase(words.begin());
  const std::string program = words.empty() ? "" : last_part(words[0]);
  if (std::ranges::contains(kSilent, program) && (command.unread.empty() || command.unread.starts_with("the value")))
    return;
  // a script goes to its own folder first, which is where it is read from
  if (program == "cd" && command.text.contains("dirname")) return;
  if (command.text.contains("configmap kube-proxy") && command.text.contains("strictARP"))
    return lose(
        command, setting,
        "write a document of kind KubeProxyConfiguration with ipvs: {strictARP: true} into cluster.yaml, or under "
        "kubeadm in base.yaml");
  if (!command.unread.empty()) return lose(command, setting, command.unread + "; " + std::string(kNothingIsRun));
  if (program == "mkdir" || program == "touch") return drop(command, setting, "FILE makes the folders that it needs");
  if (program == "chmod" || program == "chown")
    return drop(command, setting, "FILE --mode and --owner say it for the files on hosts");
  if (const auto convert = find(program)) return (this->*convert)(command, setting);
  const auto* hint = std::ranges::find(kHints, program, &Hint::program);
  lose(command, setting, std::string(hint == kHints.end() ? kNothingIsRun : hint->text));
}

void Commands::change_folder(const Command& command, Setting& setting) {
  if (command.words.size() != 2) return;
  const std::string& to = command.words[1];
  if (to.starts_with('/') && !to.contains("/rootfs"))
    return lose(command, setting, "folders of the hosts are not known at the build");
  const size_t root = to.find("/rootfs");
  setting.folder = root == std::string::npos ? clean_path(below(setting.folder, to)) : clean_path(to.substr(root + 7));
}

// A script is converted if it only lists commands; one that decides anything is for people to read.
void Commands::script(const Command& command, Setting& setting) {
  auto words = std::span(command.words);
  while (!words.empty() && (words[0] == "bash" || words[0] == "sh" || words[0].starts_with('-')))
    words = words.subspan(1);
  const auto found = words.empty() ? std::nullopt : tree_->locate(words[0], setting.folder);
  constexpr std::string_view kInstead =
      "nothing of the artifact is run at the site; write what the script installs as APP lines, what it copies to hosts as "
      "FILE lines";
  if (!found || !found->exists || setting.depth == kMaxDepth || ++scripts_ > kMaxScripts)
    return lose(command, setting,
                std::string(kInstead) +
                    (found && found->exists ? "; it runs too many others" : "; the script is not in the folder"));
  const auto text = context_->read(found->path);
  if (!text) return lose(command, setting, text.error().what);
  Setting inner = setting;
  inner.file = found->path;
  ++inner.depth;
  for (size_t i = 1; i < words.size(); ++i) inner.variables[std::to_string(i)] = words[i];
  const auto commands = read_commands(*text, 1, inner.variables);
  const auto unclear = std::ranges::find_if(
      commands, [](const Command& of_script) { return decides(of_script) && !of_script.text.contains("DEBUG"); });
  if (unclear != commands.end())
    return lose(
        command, setting,
        base::format("{}; from {}:{} on, it does more than one can read off", kInstead, found->path, unclear->line));
  change(command, setting, base::format("what {} runs, told there", found->path));
  std::vector<Command> listed(commands.begin(), commands.end());
  std::erase_if(listed, [](const Command& of_script) { return of_script.text.contains("$DEBUG"); });
  convert(listed, std::move(inner));
}

Note Commands::note_of(const Command& command, const Setting& setting, std::string text) const {
  const bool is_in_script = !setting.file.empty();
  return {.file = is_in_script ? setting.file : lines_->file(),
          .line = is_in_script ? command.line : setting.line,
          .outcome = Outcome::kept,
          .what = short_text(command),
          .text = std::move(text),
          .at = is_in_script ? setting.line : 0};
}

void Commands::lose(const Command& command, const Setting& setting, std::string text) {
  lines_->lose_at(setting.line, note_of(command, setting, std::move(text)), "  " + command.text);
}

void Commands::drop(const Command& command, const Setting& setting, std::string text) {
  auto note = note_of(command, setting, std::move(text));
  note.outcome = Outcome::dropped;
  lines_->note(std::move(note));
}

void Commands::change(const Command& command, const Setting& setting, std::string text) {
  auto note = note_of(command, setting, std::move(text));
  note.outcome = Outcome::changed;
  lines_->note(std::move(note));
}

void Commands::finish() {
  for (auto& created : namespaces_) {
    created.note.outcome = Outcome::dropped;
    created.note.text = "NAMESPACE of the APP line creates it";
    if (created.is_used) {
      lines_->note(std::move(created.note));
      continue;
    }
    created.note.text = "NAMESPACE of an APP line creates a namespace; one for nothing is written as a manifest";
    const int line = created.note.at != 0 ? created.note.at : created.note.line;
    lines_->lose_at(line, std::move(created.note), "  kubectl create namespace " + created.name);
  }
}

}  // namespace sealift::convert
