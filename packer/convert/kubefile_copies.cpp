// SPDX-License-Identifier: Apache-2.0
// COPY, ADD and RUN, and the lists of images that they bring.
#include <algorithm>
#include <array>

#include "packer/convert/image_list.h"
#include "packer/convert/kubefile_converter.h"
#include "payload/base/format.h"
#include "payload/base/text.h"

namespace sealift::convert {
namespace {

bool is_url(std::string_view text) { return text.starts_with("https://") || text.starts_with("http://"); }

bool is_archive(std::string_view path) {
  return path.ends_with(".tar") || path.ends_with(".tar.gz") || path.ends_with(".tgz") || path.ends_with(".tar.xz") ||
         path.ends_with(".tar.zst");
}

// Docker's ADD unpacks these by itself.
bool is_local_archive(std::string_view source) { return !is_url(source) && is_archive(source); }

bool is_image_list(const std::string& path) { return base::to_lower(last_part(path)).contains("imagelist"); }

// `COPY imageList manifests` means the folder, though Docker makes a file of that name.
bool is_known_folder(const std::string& path) {
  constexpr auto kFolders = std::to_array<std::string_view>(
      {"manifests", "plugin", "plugins", "charts", "etc", "scripts", "bin", "cni", "applications"});
  return std::ranges::contains(kFolders, path);
}

// What its files were for, where that is not clear from a command.
std::string purpose(const std::string& destination) {
  const std::string top = destination.substr(0, destination.find('/'));
  if (top == "manifests" || top == "charts")
    return "images are looked for in what APP names, so name it there if their images are wanted";
  return "the files are in the payload's tree, where nothing runs them";
}

// Each path of the tree belongs to one line, so each platform has a folder.
std::string folder_of_platform(const std::string& to, std::string_view platform) {
  if (to == ".") return std::string(platform) + "/";
  return to + (to.ends_with('/') ? "" : "/") + std::string(platform) + "/";
}

}  // namespace

Copied KubefileConverter::to_copied(const CopyWords& words) const {
  Copied out;
  for (const auto& source : words.sources)
    out.sources.push_back(is_url(source) ? last_part(source) : clean_path(source));
  const std::string& to = words.destination;
  out.destination = clean_path(to.starts_with('/') ? to.substr(1) : below(work_folder_, to));
  return out;
}

void KubefileConverter::copy(const Instruction& instruction) {
  const auto words = read_copy(instruction.rest);
  const auto lose = [&](std::string text) {
    lines_.lose({lines_.file(), instruction.line, Outcome::lost, instruction.text(), std::move(text)},
                instruction.text());
  };
  if (words.sources.empty()) return lose("a source and a destination are needed");
  if (std::ranges::any_of(words.sources, has_login))
    return lines_.lose({lines_.file(), instruction.line, Outcome::lost, instruction.verb, std::string(kNoLogin)});
  if (!words.from.empty())
    return lose("copy the files out of the image before the build, and COPY them from the folder");
  std::vector<std::string> sources;
  bool is_whole = false;
  for (const auto& source : words.sources) {
    const std::string path = clean_path(source);
    if (path.starts_with(".."))
      return lose("a build reads nothing outside its context; name the outer folder as context");
    is_whole = is_whole || path.empty();
    const bool is_images = path == "registry" || path == "images" || path.starts_with("images/");
    if (!is_images && !path.empty() && !add_image_list(path, instruction.line)) sources.push_back(source);
  }
  if (tree_.copied(copies_.at(instruction.line)).is_used)
    return lines_.note(Outcome::dropped, instruction.line, instruction.text(),
                       "APP and FILE lines take the files from the folder");
  if (is_whole)
    return lines_.note(Outcome::dropped, instruction.line, instruction.text(), "only what lines name is packed");
  if (sources.empty())
    return lines_.note(Outcome::dropped, instruction.line, instruction.text(),
                       "images are packed by their names, in the formats of their registries");
  const std::string top = tree_.copied(copies_.at(instruction.line)).destination;
  if (top == "plugin" || top == "plugins")
    return lose("sealer's plugins are not run; FILE puts files on hosts, base.yaml has units, modules and sysctls");
  write_copy(instruction, words, sources);
}

void KubefileConverter::write_copy(const Instruction& instruction, const CopyWords& words,
                                   const std::vector<std::string>& sources) {
  const auto& copied = tree_.copied(copies_.at(instruction.line));
  std::string to =
      words.destination.starts_with('/') ? words.destination.substr(1) : below(work_folder_, words.destination);
  if (to.empty() || to == "./") to = ".";
  const bool is_file = sources.size() == 1 && !context_->is_folder(clean_path(sources[0]));
  if (is_known_folder(copied.destination) && !to.ends_with('/') && is_file) to += "/";
  const bool has_platform =
      std::ranges::any_of(sources, [](const std::string& source) { return source.contains("ARCH"); });
  const bool unpacks = instruction.verb == "ADD" && std::ranges::all_of(sources, is_local_archive);
  const bool is_add = instruction.verb == "ADD" || !words.chmod.empty() || has_platform;
  std::vector<std::string> out;
  for (const std::string_view platform : {"amd64", "arm64"}) {
    std::string line = is_add ? "ADD" : "COPY";
    if (has_platform) line += base::format(" --platform=linux/{}", platform);
    if (unpacks) line += " --unpack";
    if (!words.chmod.empty()) line += " --chmod=" + words.chmod;
    for (auto source : sources) {
      for (const std::string_view variable : {"${ARCH}", "$ARCH", "${TARGETARCH}", "$TARGETARCH"})
        source = base::replace_all(std::move(source), variable, platform);
      line += " " + in_quotes(with_known(source));
    }
    line += " " + in_quotes(with_known(has_platform ? folder_of_platform(to, platform) : to));
    out.push_back(std::move(line));
    if (!has_platform) break;
  }
  for (const auto& line : out) lines_.add(instruction.line, line);
  const bool is_same = out.size() == 1 && out[0] == instruction.text();
  std::string text = is_same ? purpose(copied.destination) : base::join(out, ", ") + "; " + purpose(copied.destination);
  if (std::ranges::any_of(sources, is_url)) text += "; --checksum=sha256:… pins what comes";
  lines_.note(is_same ? Outcome::kept : Outcome::changed, instruction.line, instruction.text(), std::move(text));
}

bool KubefileConverter::add_image_list(const std::string& path, int line) {
  if (!is_image_list(path)) return false;
  if (context_->is_file(path)) {
    add_images(path, line);
  } else {
    lines_.lose(
        {lines_.file(), line, Outcome::lost, path, "the list is not in the folder; name it as *.txt: IMAGE LIST.txt"});
  }
  return true;
}

void KubefileConverter::add_images(const std::string& path, int line) {
  const auto text = context_->read(path);
  if (!text) return lines_.lose({lines_.file(), line, Outcome::lost, path, text.error().what});
  Report report;
  const auto names = image_names(*text, path, images_, report);
  for (const auto& name : names) lines_.add(line, "IMAGE " + name);
  for (auto note : report.notes()) {
    note.at = line;
    lines_.note(std::move(note));
  }
  lines_.note(Outcome::changed, line, path,
              base::format("{} IMAGE lines; those that APP lines need are found without", names.size()));
}

// sealos reads these lists without any instruction.
void KubefileConverter::add_sealos_images(int line) {
  const std::string folder = "images/shim";
  for (const auto& name : context_->names_in(folder))
    if (context_->is_file(below(folder, name))) add_images(below(folder, name), line);
}

// RUN that only fetches and unpacks is ADD; nothing else of it can be done without running it.
void KubefileConverter::run_at_build(const Instruction& instruction) {
  Variables variables = variables_;
  std::vector<std::string> urls, lines;
  std::string unread;
  for (const auto& command : read_commands(instruction.rest, instruction.line, variables)) {
    const auto& words = command.words;
    const std::string program = words.empty() ? "" : last_part(words[0]);
    if (!command.unread.empty()) {
      unread = command.unread;
    } else if (program == "wget" || program == "curl") {
      for (const auto& word : words)
        if (is_url(word)) urls.push_back(word);
      if (std::ranges::any_of(urls, has_login)) unread = program;
    } else if (program == "tar") {
      // of a file that was downloaded, or that COPY brings
      const auto folder = std::ranges::find(words, "-C");
      const auto archive = std::ranges::find_if(words, is_archive);
      if (archive == words.end()) {
        unread = program;
        continue;
      }
      const auto url = std::ranges::find(urls, last_part(*archive), last_part);
      const auto local = url == urls.end() ? tree_.locate(*archive, work_folder_) : std::nullopt;
      if (url == urls.end() && !local) unread = program;
      if (!unread.empty()) continue;
      const bool is_there = folder == words.end() || folder + 1 == words.end();
      lines.push_back(base::format("ADD --unpack {} {}", in_quotes(local ? local->path : *url),
                                   is_there ? "." : clean_path(*(folder + 1)) + "/"));
      if (!local) urls.erase(url);
    } else if (program != "mkdir" && program != "chmod" && program != "rm" && program != "cd") {
      unread = program;
    }
  }
  if (!unread.empty())
    return lines_.lose({lines_.file(), instruction.line, Outcome::lost, "RUN " + unread,
                        "nothing is executed while packing; prepare the files beforehand and COPY them"},
                       instruction.text());
  for (const auto& url : urls) lines.push_back(base::format("ADD {} .", in_quotes(url)));
  for (const auto& line : lines) lines_.add(instruction.line, line);
  if (lines.empty())
    return lines_.note(Outcome::dropped, instruction.line, instruction.text(),
                       "COPY makes folders, and keeps the executable bit");
  lines_.note(Outcome::changed, instruction.line, "RUN",
              base::join(lines, ", ") + "; --checksum=sha256:… pins what comes");
}

}  // namespace sealift::convert
