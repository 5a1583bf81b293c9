// SPDX-License-Identifier: Apache-2.0
#include "packer/resolve/file_lines.h"

#include <algorithm>
#include <filesystem>

#include "packer/resolve/claims.h"

namespace sealift::resolve {

Result<void> FileLines::take(const Instruction& instruction, const Copy& line) {
  const auto& first = line.sources.front();
  std::map<std::string, std::string> downloads;  // at names, the URL itself stands for its file
  for (const auto& word : line.sources) {
    if (!is_url(word.text)) continue;
    downloads[word.text] = word.text;
    if (depth_ == Depth::names) continue;
    SEALIFT_ASSIGN(auto file, remote_.file(word, line.checksum));
    downloads[word.text] = std::move(file.path);
  }
  if (line.checksum && downloads.empty()) {
    SEALIFT_ASSIGN(const auto digest, digest_of(in_context(request_.context, first.text)));
    if (digest != *line.checksum)
      return fail(ErrorCode::corrupt, "{}: {} has the digest {}, not {}", first.place.text(), first.text, digest.text(),
                  line.checksum->text());
  }
  SEALIFT_ASSIGN(auto files, copied_files(line, request_.context, downloads));
  // A build writes it: with it, the next one would make other bytes.
  const auto lock = last_part(inputs_.locks.path);
  std::erase_if(files, [&](const LocalFile& file) {
    std::error_code none;
    return last_part(file.source) == lock && std::filesystem::equivalent(file.source, inputs_.locks.path, none);
  });
  for (const auto& file : files) {
    if (is_url(file.source)) postponed_[file.target] = {{file.source, instruction.place}, line.checksum};
  }
  base::tell(events_, Level::info, std::format("{} {}: {} files", instruction.verb, first.text, files.size()));
  return claim(inputs_, files, origin_of(instruction, std::format("{} {}", first.text, line.destination.text)));
}

Result<void> FileLines::fetch_postponed(const std::string& target) {
  const auto found = postponed_.find(target);
  if (found == postponed_.end()) return {};
  SEALIFT_ASSIGN(auto file, remote_.file(found->second.first, found->second.second));
  inputs_.files.at(target).source = std::move(file.path);
  return {};
}

Result<void> FileLines::take(const Instruction& instruction, const PutFile& line) {
  // Each role has its own place in the tree: two roles may have different files for one destination.
  const std::string role = line.role == format::HostRole::all ? "" : "-" + std::string(format::name(line.role));
  const std::string target = "files" + role + line.destination + (line.is_template ? ".tmpl" : "");
  auto& files = inputs_.contents.host_files;
  // A later line replaces an earlier one with the same destination and role.
  const auto replaced = std::ranges::find_if(files, [&](const format::HostFile& other) {
    return other.destination == line.destination && other.role == line.role;
  });
  if (replaced != files.end()) {
    if (replaced->source == target) inputs_.files.erase(target);
    files.erase(replaced);
  }
  std::vector<LocalFile> found;
  SEALIFT_TRY(walk(line.source.place, in_context(request_.context, line.source.text), target, found));
  if (found.size() != 1 || found.front().target != target)
    return bad(line.source.place, std::format("{} is a folder; FILE takes one file", line.source.text));
  found.front().mode = 0644;  // FILE sets the mode
  SEALIFT_TRY(claim(inputs_, found, origin_of(instruction, std::format("{} {}", line.source.text, line.destination))));
  files.push_back({target, line.destination, line.mode, line.uid, line.gid, line.role, line.is_template, {}});
  return {};
}

}  // namespace sealift::resolve
