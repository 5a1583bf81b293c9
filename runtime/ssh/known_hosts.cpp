// SPDX-License-Identifier: Apache-2.0
//
// What known_hosts files say about one host, read as OpenSSH reads them (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT";
// hostfile.c and match.c of OpenSSH 9.9). One difference: OpenSSH skips a line that it can't read. Here such a line is
// remembered if it may be about the host, since it may hold the host's key, or revoke the one that is shown.
#include <algorithm>

#include "payload/base/file.h"
#include "payload/base/format.h"
#include "payload/base/text.h"
#include "runtime/ssh/handle.h"

namespace sealift::ssh {
namespace {

constexpr size_t kMaxKnownHosts = size_t{16} << 20;
constexpr size_t kMaxPattern = 1022;  // match.c: a list with a longer pattern names no host at all
constexpr size_t kSha1Bytes = 20;

constexpr std::string_view kBlanks = " \t";

// The first word; `text` is left at the beginning of the next one.
std::string_view take_word(std::string_view& text) {
  const auto word = text.substr(0, text.find_first_of(kBlanks));
  text.remove_prefix(word.size());
  text.remove_prefix(std::min(text.find_first_not_of(kBlanks), text.size()));
  return word;
}

// `*` stands for any text, `?` for one character. Linear in memory, at worst text times pattern in time.
bool matches(std::string_view text, std::string_view pattern) {
  size_t t = 0, p = 0, star = std::string_view::npos, resume = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = t;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == text[t])) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++resume;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

enum class Named { no, excluded, yes, unclear };

bool is_sha1(std::string_view base64) {
  const auto bytes = base::from_base64(base64);
  return bytes && bytes->size() == kSha1Bytes && base::to_base64(*bytes) == base64;
}

// "|1|salt|hash"
Named hashed_name(std::string_view name, const std::string& host) {
  const auto parts = base::split(name, '|');
  if (parts.size() != 4 || parts[1] != "1" || !is_sha1(parts[2]) || !is_sha1(parts[3])) return Named::unclear;
  // libssh offers its comparison with a hash only for whole lines; any valid key completes one.
  static const std::string kAnyKey = " ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI" + std::string(43, 'A');
  ssh_knownhosts_entry* entry = nullptr;
  const int result = ssh_known_hosts_parse_line(host.c_str(), (std::string(name) + kAnyKey).c_str(), &entry);
  if (result != SSH_OK) return Named::no;
  ssh_knownhosts_entry_free(entry);
  return Named::yes;
}

// A list of patterns, or one hashed name.
Named names_host(std::string_view names, const std::string& host) {
  if (names.starts_with('|')) return hashed_name(names, host);
  auto out = Named::no;
  for (auto pattern : base::split(names, ',')) {
    const bool negated = pattern.starts_with('!');
    if (negated) pattern.remove_prefix(1);
    if (pattern.size() > kMaxPattern || pattern.contains('|')) {
      out = Named::unclear;
    } else if (matches(host, base::to_lower(pattern))) {
      if (negated) return Named::excluded;
      if (out == Named::no) out = Named::yes;
    }
  }
  return out;
}

KeyHandle read_key(const std::string& type, const std::string& base64) {
  ssh_key read = nullptr;
  if (ssh_pki_import_pubkey_base64(base64.c_str(), ssh_key_type_from_name(type.c_str()), &read) != SSH_OK) return {};
  KeyHandle key(read);
  // libssh takes other names of a type, and ignores what follows the key: the same line must come back.
  char* text = nullptr;
  if (ssh_pki_export_pubkey_base64(key.get(), &text) != SSH_OK) return {};
  const TextHandle owner(text);
  if (key_name(key.get()) != type || base64 != text) return {};
  return key;
}

class Reader {
 public:
  explicit Reader(const Target& target)
      : host_(base::to_lower(lookup_name(target))), address_(base::to_lower(target.address)) {}

  void read_file(const std::string& file) {
    const auto text = base::read_text_file(file, kMaxKnownHosts);
    if (!text) {
      if (text.error().code != ErrorCode::not_found)
        known_.unreadable.push_back({file, text.error().what, KnownKeys::Mark::none, {}});
      return;
    }
    size_t number = 0;
    for (const auto line : base::split(*text, '\n')) read_line(line, {file, ++number});
  }
  KnownKeys take() { return std::move(known_); }

 private:
  void read_line(std::string_view line, KnownKeys::Place place) {
    using Mark = KnownKeys::Mark;
    std::string problem;
    const bool is_text = !line.contains('\0');
    if (!is_text) problem = "it contains a zero byte";
    constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
    if (line.starts_with(kByteOrderMark)) {
      line.remove_prefix(kByteOrderMark.size());
      problem = "it begins with a byte order mark";
    }
    if (line.ends_with('\r')) line.remove_suffix(1);
    line.remove_prefix(std::min(line.find_first_not_of(kBlanks), line.size()));
    if (line.empty() || line.front() == '#') return;
    auto mark = Mark::none;
    while (line.starts_with('@')) {
      const auto word = take_word(line);
      if (mark != Mark::none) problem = "it has two markers";
      // A revocation stays one, whatever else the line says.
      if (word == "@revoked") {
        mark = Mark::revoked;
      } else if (word == "@cert-authority") {
        if (mark == Mark::none) mark = Mark::authority;
      } else {
        problem = base::format("its marker {} is unknown", base::printable(word, 40));
      }
    }
    const auto names = take_word(line);
    auto named = names_host(names, host_);
    // A key that is known to be in other hands is refused at every port.
    if (mark == Mark::revoked && named == Named::no) named = names_host(names, address_);
    if (!is_text) named = Named::unclear;
    if (named == Named::no || named == Named::excluded) return;
    if (named == Named::unclear && problem.empty()) problem = "its host names can't be read";
    const std::string type(take_word(line)), base64(take_word(line));
    auto key = read_key(type, base64);
    if (!key && problem.empty()) problem = "its key can't be read";
    if (key && (problem.empty() || mark == Mark::revoked)) {
      known_.entries.push_back({std::move(key), std::move(place), mark});
    } else {
      known_.unreadable.push_back({place.text(), std::move(problem), mark, type});
    }
  }

  std::string host_, address_;
  KnownKeys known_;
};

}  // namespace

std::string KnownKeys::Place::text() const { return base::format("{}:{}", file, line); }

std::string lookup_name(const Target& target) {
  return target.port == 22 ? target.address : base::format("[{}]:{}", target.address, target.port);
}

KnownKeys find_known_keys(const Target& target) {
  Reader reader(target);
  for (const auto& file : target.known_hosts) reader.read_file(file);
  if (!target.record_file.empty()) reader.read_file(target.record_file);
  return reader.take();
}

}  // namespace sealift::ssh
