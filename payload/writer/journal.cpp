// SPDX-License-Identifier: Apache-2.0
#include "payload/writer/journal.h"

#include <fcntl.h>
#include <unistd.h>

#include <filesystem>

#include "payload/base/file.h"
#include "payload/base/format.h"
#include "payload/base/text.h"

namespace sealift::writer {
namespace {

constexpr std::string_view kTitle = "sealift.partial 1 ";
constexpr size_t kMaxSize = size_t{64} << 20;
constexpr uint64_t kMaxOffset = uint64_t{1} << 62;

std::string number(uint64_t value) { return base::format("{:020}", value); }

std::optional<std::pair<Digest, Remains>> parse_line(std::string_view line) {
  const auto words = base::split(line, ' ');
  if (words.size() != 4) return std::nullopt;
  const auto digest = Digest::parse(words[0]);
  const auto offset = base::parse_u64(words[1]), size = base::parse_u64(words[2]), received = base::parse_u64(words[3]);
  if (!digest || !offset || !size || !received || *offset > kMaxOffset || *size > kMaxOffset || *received > *size)
    return std::nullopt;
  return std::pair(*digest, Remains{*offset, *size, *received});
}

}  // namespace

std::optional<Journal::Text> Journal::read(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) return std::nullopt;  // opening a pipe would wait
  const auto text = base::read_text_file(path, kMaxSize);
  if (!text || !text->starts_with(kTitle)) return std::nullopt;
  const auto lines = base::split(*text, '\n');
  Text out;
  out.process = base::parse_u64(lines.front().substr(kTitle.size())).value_or(0);
  for (const auto line : lines) {
    if (const auto blob = parse_line(line)) out.blobs.insert(*blob);
  }
  return out;
}

Result<Journal> Journal::create(const std::string& path, const std::map<Digest, Remains>& blobs) {
  std::string text = base::format("{}{}\n", kTitle, ::getpid());
  std::map<Digest, uint64_t> lines;
  for (const auto& [digest, blob] : blobs) {
    text += base::format("{} {} {} ", digest.text(), number(blob.offset), number(blob.size));
    lines[digest] = text.size();
    text += number(blob.received) + "\n";
  }
  SEALIFT_TRY(base::write_file_atomic(path, base::as_bytes(text), 0600));
  SEALIFT_ASSIGN(auto fd, base::open_file(path, O_WRONLY | O_NOFOLLOW));
  return Journal(std::move(fd), std::move(lines));
}

void Journal::note(const Digest& digest, uint64_t received) const {
  const auto line = lines_.find(digest);
  if (line != lines_.end())
    static_cast<void>(base::pwrite_all(fd_.get(), line->second, base::as_bytes(number(received))));
}

}  // namespace sealift::writer
