// SPDX-License-Identifier: Apache-2.0
#include "packer/resolve/file_lines.h"

#include <algorithm>
#include <filesystem>

#include "packer/downloads/downloads.h"
#include "packer/resolve/claims.h"
#include "packer/resolve/walk.h"
#include "packer/sources/unpack.h"
#include "payload/base/count.h"
#include "payload/base/file.h"
#include "payload/base/format.h"
#include "payload/base/named_file.h"
#include "payload/base/pattern.h"
#include "payload/base/safe_path.h"
#include "payload/base/text.h"

namespace sealift::resolve {

namespace {

bool is_download(const Word& source) { return is_url(source.text); }

bool is_folder(const std::string& destination) { return destination.ends_with('/') || destination == "."; }

Result<void> check_digest(const Copy& line, const LocalFile& file) {
  const auto& first = line.sources.front();
  SEALIFT_ASSIGN(const auto source, open_file(file.source, file.seen));
  SEALIFT_ASSIGN(const auto digest, hash::sha256(*source));
  if (digest == *line.checksum) return {};
  return fail(ErrorCode::corrupt, "{}: {} has the digest {}, not {}", first.place.text(), first.text, digest.text(),
              line.checksum->text());
}

std::vector<FileWanted> downloads_of(const Copy& line) {
  std::vector<FileWanted> out;
  for (const auto& source : line.sources) {
    if (is_download(source)) out.push_back({source, line.checksum, line.checksums});
  }
  return out;
}

// The same file, to be checked in the same way.
bool is_same(const FileWanted& one, const FileWanted& other) {
  const auto published = [](const FileWanted& wanted) { return wanted.checksums ? wanted.checksums->text : ""; };
  return one.url.text == other.url.text && one.checksum == other.checksum && published(one) == published(other);
}

Origin origin_of_line(const Instruction& instruction, const Copy& line) {
  return origin_of(instruction, base::format("{} {}", line.sources.front().text, line.destination.text));
}

// Keys, most likely: an artifact gives them to everybody who has it.
void tell_private(std::span<const LocalFile> files, const Place& place, EventSink& events) {
  const auto first = std::ranges::find_if(files, &LocalFile::is_private);
  if (first == files.end()) return;
  const auto count = std::ranges::count_if(files, &LocalFile::is_private);
  base::tell(events, Level::warning,
             base::format("{}: {}{} can be read by nobody else on this machine; whoever has the artifact can read it",
                          place.text(), base::printable(first->source),
                          count == 1 ? "" : base::format(" (and {} more)", count - 1)));
}

bool has_own_checksum(const Copy& line) { return line.checksum && !is_download(line.sources.front()); }

// Before anything is fetched: destinations, names, and what lies on this machine.
Result<void> check_names(const Instruction& instruction, const Copy& line, BuildContext& context, Inputs& inputs) {
  if (line.unpack) {
    const auto target = base::clean_relative_path(line.destination.text);
    return target ? Result<void>() : bad(line.destination.place, target.error().what);
  }
  std::map<std::string, std::string> names;  // the URL stands for its file
  for (const auto& source : line.sources) {
    if (is_download(source)) names[source.text] = source.text;
  }
  SEALIFT_ASSIGN(const auto files, copied_files(line, context, names));
  const auto origin = origin_of_line(instruction, line);
  for (const auto& file : files) {
    SEALIFT_TRY(check_shape(inputs, file.target, origin));
    inputs.awaited.emplace(file.target, origin);
  }
  return {};
}

}  // namespace

Result<void> FileLines::take(const Instruction& instruction, const Copy& line) {
  if (line.platform && !std::ranges::contains(request_.platforms, *line.platform)) {
    for (const auto& wanted : downloads_of(line)) inputs_.locks.elsewhere.insert(wanted.url.text);
    return {};
  }
  const bool fetches = std::ranges::any_of(line.sources, is_download);
  if (!fetches && !(line.unpack && depth_ == Depth::names)) return put({&instruction, &line}, {});
  SEALIFT_TRY(check_names(instruction, line, context_, inputs_));
  waiting_.push_back({&instruction, &line});
  return {};
}

Result<void> FileLines::put(const Waiting& waiting, const Downloads& downloads) {
  const auto& [instruction, line] = waiting;
  SEALIFT_ASSIGN(auto files,
                 line->unpack ? unpacked_files(*line, downloads) : copied_files(*line, context_, downloads));
  if (has_own_checksum(*line) && !line->unpack) {
    const auto& first = line->sources.front();
    if (files.size() != 1 || files.front().source != in_context(context_.folder(), first.text))
      return bad(first.place, base::format("{} is a folder; --checksum is for one file", first.text));
    SEALIFT_TRY(check_digest(*line, files.front()));
  }
  for (const auto& source : line->sources) {
    if (is_written(in_context(context_.folder(), source.text)))
      return bad(source.place, base::format("{} is written by this build, and can't go into it", source.text));
  }
  std::erase_if(files, [&](const LocalFile& file) { return is_written(file.source); });
  if (line->mode) {
    for (auto& file : files) file.mode = *line->mode;
  }
  const auto& first = line->sources.front().text;
  base::tell(events_, Level::info,
             base::format("{} {}: {}", instruction->verb, base::printable(first),
                          base::counted(files.size(), "file", "files")));
  tell_private(files, instruction->place, events_);
  return claim(inputs_, files, origin_of_line(*instruction, *line));
}

// With what a build writes, the next one would make other bytes.
bool FileLines::is_written(const std::string& path) {
  if (written_.empty()) {
    written_.push_back(base::behind_links(inputs_.locks.path));
    const auto output = base::behind_links(request_.output);
    if (!output.empty()) written_.insert(written_.end(), {output, output + ".partial", output + ".partial.blobs"});
  }
  const auto real = base::behind_links(path);
  return std::ranges::any_of(written_, [&](const std::string& written) {
    std::error_code none;
    return last_part(real) == last_part(written) && std::filesystem::equivalent(real, written, none);
  });
}

Result<std::vector<LocalFile>> FileLines::unpacked_files(const Copy& line, const Downloads& downloads) {
  if (!inputs_.unpacked) {
    SEALIFT_ASSIGN(auto made, base::PrivateFolder::make_on_disk());
    inputs_.unpacked = std::make_unique<base::PrivateFolder>(std::move(made));
  }
  sources::Selection selection{line.unpack->strip, {}};
  for (const auto& pattern : line.unpack->only) selection.only.push_back(pattern.text);
  const auto& destination = line.destination.text;
  SEALIFT_ASSIGN(const auto root, base::clean_relative_path(destination));
  const bool into_folder = is_folder(destination) || line.sources.size() > 1;
  std::vector<LocalFile> out;
  for (const auto& source : line.sources) {
    const auto download = downloads.find(source.text);
    const bool is_here = download == downloads.end();
    std::optional<LocalFile> archive;
    if (is_here) {
      SEALIFT_ASSIGN(archive, named_file(source, "archive", context_, "--unpack takes archives"));
      if (line.checksum) SEALIFT_TRY(check_digest(line, *archive));
    }
    const auto path = is_here ? archive->source : download->second;
    const auto folder = base::format("{}/{}", inputs_.unpacked->path(), ++folders_);
    SEALIFT_TRY(base::make_directories(folder, 0700));
    auto files = sources::unpack_files(path, selection, folder, cancel_);
    if (!files)
      return fail(files.error().code, "{}: {}", source.place.text(),
                  base::replace_all(files.error().text(), path, source.text));
    if (archive) SEALIFT_TRY(open_file(archive->source, archive->seen));  // what was checked is what was unpacked
    if (!into_folder && files->size() != 1)
      return bad(line.destination.place,
                 base::format("{} holds {} files that are wanted; write a folder as the destination, with / at its end",
                              source.text, files->size()));
    for (auto& file : *files) {
      unpacked_[file.source] = base::format("{} of {}", file.name, source.text);
      out.push_back({std::move(file.source), into_folder ? root + (root.empty() ? "" : "/") + file.name : root,
                     file.is_executable ? 0755U : 0644U});
    }
  }
  return out;
}

bool FileLines::may_put(const Copy& line, const std::string& target) {
  const auto root = base::clean_relative_path(line.destination.text).value_or("");
  if (target == root) return true;
  if (!root.empty() && !target.starts_with(root + "/")) return false;
  const auto name = target.substr(root.empty() ? 0 : root.size() + 1);
  if (line.unpack) {
    const auto& only = line.unpack->only;
    return only.empty() ||
           std::ranges::any_of(only, [&](const Word& pattern) { return base::is_like(name, pattern.text); });
  }
  return std::ranges::any_of(line.sources, [&](const Word& source) {
    return !is_download(source) || downloads::file_name(source.text) == name;
  });
}

bool FileLines::is_waiting_for(const std::string& target) const {
  return std::ranges::any_of(waiting_, [&](const Waiting& waiting) { return may_put(*waiting.line, target); });
}

void FileLines::fetch(Problems& problems) { carry_out(std::exchange(waiting_, {}), problems); }

void FileLines::fetch_for(const std::string& target, Problems& problems) {
  const auto rest =
      std::ranges::stable_partition(waiting_, [&](const Waiting& waiting) { return !may_put(*waiting.line, target); });
  const std::vector<Waiting> meant(rest.begin(), rest.end());
  waiting_.erase(rest.begin(), rest.end());
  carry_out(meant, problems);
}

void FileLines::carry_out(const std::vector<Waiting>& lines, Problems& problems) {
  std::vector<FileWanted> wanted;
  const auto find = [&](const FileWanted& one) {
    return std::ranges::find_if(wanted, [&](const FileWanted& other) { return is_same(one, other); });
  };
  for (const auto& waiting : lines) {
    for (auto& one : downloads_of(*waiting.line)) {
      if (find(one) == wanted.end()) wanted.push_back(std::move(one));
    }
  }
  const auto files = remote_.files(wanted);
  for (const auto& waiting : lines) {
    Downloads downloads;
    bool is_complete = true;
    for (const auto& one : downloads_of(*waiting.line)) {
      const auto& file = files[static_cast<size_t>(find(one) - wanted.begin())];
      if (file) {
        downloads[one.url.text] = file->path;
        unpacked_[file->path] = downloads::without_query(one.url.text);
      } else {
        problems.add(file.error());
      }
      is_complete = is_complete && file;
    }
    if (!is_complete) continue;
    if (auto done = put(waiting, downloads); !done)
      problems.add(with_line(std::move(done).error(), waiting.instruction->place));
  }
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
  SEALIFT_ASSIGN(auto found, named_file(line.source, target, context_, "FILE takes one file"));
  tell_private(std::span(&found, 1), instruction.place, events_);
  found.mode = 0644;  // FILE sets the mode
  SEALIFT_TRY(claim(inputs_, found, origin_of(instruction, base::format("{} {}", line.source.text, line.destination))));
  files.push_back({target, line.destination, line.mode, line.uid, line.gid, line.role, line.is_template, {}});
  return {};
}

}  // namespace sealift::resolve
