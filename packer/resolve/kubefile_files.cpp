// SPDX-License-Identifier: Apache-2.0
// COPY, ADD and FILE.
#include <array>

#include "packer/resolve/kubefile_lines.h"
#include "payload/base/format.h"
#include "payload/base/mode.h"
#include "payload/base/platform.h"
#include "payload/base/text.h"
#include "payload/format/destination.h"
#include "payload/http/client.h"

namespace sealift::resolve {
namespace {

constexpr uint64_t kMaxStrip = 32;

Result<void> take_checksum(const Word& given, Copy& out) {
  if (is_url(given.text)) {
    if (auto url = http::parse_url(given.text); !url) return bad(given.place, url.error().what);
    out.checksums = given;
    return {};
  }
  const auto digest = Digest::parse(given.text);
  if (!digest)
    return bad(given.place,
               "--checksum must be sha256: and 64 hexadecimal digits, or the https:// URL of a file of checksums");
  out.checksum = *digest;
  return {};
}

// Of a mode only the executable bit gets into an artifact.
Result<void> take_mode(const Word& given, Copy& out) {
  const auto mode = base::parse_mode(given.text);
  if (!mode || (*mode != 0755 && *mode != 0644))
    return bad(given.place, "--chmod must be 0755 or 0644: of a mode only the executable bit is packed");
  out.mode = mode;
  return {};
}

Result<void> take_unpacking(const Options& options, Copy& out) {
  if (const auto unpack = options.find("unpack"); unpack != options.end()) {
    const auto& given = unpack->second.back();
    if (given.text != "true" && given.text != "false")
      return bad(given.place, "--unpack takes no value, or true or false");
    if (given.text == "true") out.unpack.emplace();
  }
  const auto strip = options.find("strip"), only = options.find("only");
  for (const auto& option : {strip, only}) {
    if (option != options.end() && !out.unpack)
      return bad(option->second.back().place, base::format("--{} is for --unpack", option->first));
  }
  if (strip != options.end()) {
    const auto& given = strip->second.back();
    const auto parts = base::parse_u64(given.text);
    if (!parts || *parts > kMaxStrip)
      return bad(given.place, base::format("--strip must be a number up to {}", kMaxStrip));
    out.unpack->strip = static_cast<size_t>(*parts);
  }
  if (only == options.end()) return {};
  for (const auto& given : only->second) {
    for (const auto pattern : base::split(given.text, ',')) {
      if (pattern.empty()) return bad(given.place, "--only wants names, with commas between them");
      out.unpack->only.push_back({std::string(pattern), given.place});
    }
  }
  return {};
}

Result<void> take_add_options(const Options& options, Copy& out) {
  if (const auto checksum = options.find("checksum"); checksum != options.end())
    SEALIFT_TRY(take_checksum(checksum->second.back(), out));
  if (const auto mode = options.find("chmod"); mode != options.end()) SEALIFT_TRY(take_mode(mode->second.back(), out));
  if (const auto platform = options.find("platform"); platform != options.end()) {
    const auto& given = platform->second.back();
    out.platform = base::parse_architecture(given.text);
    if (!out.platform) return bad(given.place, "--platform must be linux/amd64 or linux/arm64");
  }
  return take_unpacking(options, out);
}

Result<What> take_words(Given& given, Copy&& out) {
  if (given.words.size() < 2) return bad(given.place, given.usage());
  out.destination = std::move(given.words.back());
  given.words.pop_back();
  if ((out.checksum || out.checksums) && given.words.size() != 1) return bad(given.place, "--checksum is for one file");
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

Result<What> read_copy(Given& given) {
  constexpr auto kOptions = std::to_array<std::string_view>({"follow-links"});
  SEALIFT_ASSIGN(const auto options, take_options(given.words, kOptions, kOptions));
  for (const auto& word : given.words) {
    if (word.text.contains("://") && &word != &given.words.back())
      return bad(word.place, "COPY takes files of this machine; write ADD to download one");
  }
  Copy out;
  out.follows_links = options.contains("follow-links");
  return take_words(given, std::move(out));
}

Result<What> read_add(Given& given) {
  constexpr auto kOptions =
      std::to_array<std::string_view>({"checksum", "chmod", "platform", "strip", "only", "unpack"});
  SEALIFT_ASSIGN(const auto options, take_options(given.words, kOptions, std::span(kOptions).last(1)));
  Copy out;
  SEALIFT_TRY(take_add_options(options, out));
  SEALIFT_ASSIGN(auto read, take_words(given, std::move(out)));
  const auto& line = std::get<Copy>(read);
  for (const auto& word : line.sources) {
    if (!word.text.contains("://")) continue;
    if (auto url = http::parse_url(word.text); !url) return bad(word.place, url.error().what);
  }
  if (line.checksums && !is_url(line.sources.front().text))
    return bad(line.checksums->place, "a file of checksums is for what is downloaded; write --checksum=sha256:HEX");
  return read;
}

Result<What> read_file(Given& given) {
  constexpr auto kOptions = std::to_array<std::string_view>({"role", "mode", "owner", "template"});
  SEALIFT_ASSIGN(const auto options, take_options(given.words, kOptions, std::span(kOptions).last(1)));
  if (given.words.size() != 2) return bad(given.place, "FILE takes a file and its absolute path on the hosts");
  PutFile out{.source = given.words[0], .destination = given.words[1].text};
  if (const auto why = format::bad_destination(out.destination)) return bad(given.words[1].place, *why);
  out.is_template = out.source.text.ends_with(".tmpl");
  for (const auto& [name, values] : options) SEALIFT_TRY(file_option(name, values.back(), out));
  return out;
}

}  // namespace sealift::resolve
