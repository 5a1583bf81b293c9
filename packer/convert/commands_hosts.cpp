// SPDX-License-Identifier: Apache-2.0
// Files for the hosts.
#include <algorithm>
#include <array>

#include "packer/convert/commands.h"
#include "payload/base/format.h"
#include "payload/base/text.h"

namespace sealift::convert {
namespace {

constexpr size_t kMaxFiles = 200;  // FILE lines of one folder; more belongs into the base

// A path that names a folder although nothing about it says so.
bool is_known_folder(const std::string& path) {
  constexpr auto kFolders = std::to_array<std::string_view>(
      {"", "/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin", "/opt/cni/bin", "/etc",
       "/root", "/opt", "/usr/lib/systemd/system", "/etc/systemd/system", "/etc/cni/net.d"});
  return std::ranges::contains(kFolders, path);
}

bool holds_programs(const std::string& path) { return path.contains("bin/"); }

}  // namespace

// FILE lines for a file or a folder: the commands ran on the first control plane only. False if there are too many.
bool Commands::put_on_hosts(const std::string& source, const std::string& destination,
                            std::vector<std::string>& lines) const {
  if (!context_->is_folder(source)) {
    const bool is_program = holds_programs(destination) || context_->is_executable(source);
    lines.push_back(base::format("FILE --role=control-plane --mode={} {} {}", is_program ? "0755" : "0644",
                                 kubefile_word(source), kubefile_word(destination)));
    return lines.size() <= kMaxFiles;
  }
  return std::ranges::all_of(context_->names_in(source), [&](const std::string& name) {
    const std::string path = below(source, name);
    const bool leads_elsewhere = context_->is_link(path) && context_->is_folder(path);
    return !leads_elsewhere && put_on_hosts(path, destination + "/" + name, lines);
  });
}

void Commands::copy_to_host(const Command& command, Setting& setting) {
  std::vector<std::string> operands;
  bool is_recursive = false;
  for (const auto& word : std::span(command.words).subspan(1)) {
    if (word.starts_with('-')) {
      is_recursive = is_recursive || (!word.starts_with("--") && word.find_first_of("rR") != std::string::npos);
    } else {
      operands.push_back(word);
    }
  }
  if (operands.size() < 2) return lose(command, setting, "name each file for the hosts with FILE");
  std::string to = operands.back();
  operands.pop_back();
  if (!to.starts_with('/')) return drop(command, setting, "it moves files within the image's own tree");
  const bool is_folder = to.ends_with('/') || operands.size() > 1;
  while (to.ends_with('/')) to.pop_back();
  std::string files;
  std::vector<std::pair<std::string, std::string>> pairs;
  for (const auto& from : operands) {
    const auto found = from.starts_with('/') ? std::nullopt : tree_->locate(from, setting.folder);
    if (!found || from.contains('*') || (is_recursive && !found->exists && !holds_programs(to + "/")))
      return lose(command, setting, "name each file for the hosts: FILE --mode=0755 source /destination");
    const bool into = is_folder || is_known_folder(to);
    pairs.emplace_back(found->path, into ? to + "/" + last_part(clean_path(from)) : to);
    files += (files.empty() ? "" : ", ") + pairs.back().second;
  }
  std::vector<std::string> lines;
  for (const auto& [from, destination] : pairs) {
    if (!put_on_hosts(from, destination, lines))
      return lose(command, setting,
                  "too many files, or links to folders; a folder for the hosts belongs into the base");
  }
  for (const auto& line : lines) lines_->add(setting.line, line);
  change(command, setting,
         base::format("FILE --role=control-plane … {}; --role says which hosts get it", base::printable(files)));
}

void Commands::remove(const Command& command, Setting& setting) {
  const bool is_of_host = std::ranges::any_of(std::span(command.words).subspan(1),
                                              [](const std::string& word) { return word.starts_with('/'); });
  if (is_of_host)
    return lose(command, setting, "nothing of the hosts is removed; `reset` takes back what was delivered");
  drop(command, setting, "only what lines name is packed");
}

}  // namespace sealift::convert
