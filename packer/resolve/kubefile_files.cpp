// SPDX-License-Identifier: Apache-2.0
// COPY, ADD and FILE.
#include <array>

#include "packer/resolve/kubefile_lines.h"
#include "payload/base/mode.h"
#include "payload/base/safe_path.h"
#include "payload/base/text.h"
#include "payload/http/client.h"

namespace sealift::resolve {
namespace {

Result<What> read_copy(Given& given, std::span<const std::string_view> known) {
  SEALIFT_ASSIGN(const auto options, take_options(given.words, known));
  if (given.words.size() < 2) return bad(given.place, given.usage());
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
  return out;
}

Result<void> file_option(const std::string& name, const Word& given, PutFile& out) {
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

}  // namespace

Result<What> read_copy(Given& given) { return read_copy(given, {}); }

Result<What> read_add(Given& given) {
  constexpr auto kOptions = std::to_array<std::string_view>({"checksum"});
  return read_copy(given, kOptions);
}

Result<What> read_file(Given& given) {
  constexpr auto kOptions = std::to_array<std::string_view>({"role", "mode", "owner", "template"});
  SEALIFT_ASSIGN(const auto options, take_options(given.words, kOptions, std::span(kOptions).last(1)));
  if (given.words.size() != 2) return bad(given.place, "FILE takes a file and its absolute path on the hosts");
  PutFile out{.source = given.words[0], .destination = given.words[1].text};
  if (auto safe = base::safe_absolute_path(out.destination); !safe) return bad(given.words[1].place, safe.error().what);
  out.is_template = out.source.text.ends_with(".tmpl");
  for (const auto& [name, values] : options) SEALIFT_TRY(file_option(name, values.back(), out));
  return out;
}

}  // namespace sealift::resolve
