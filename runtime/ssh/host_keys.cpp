// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>

#include <algorithm>
#include <array>

#include "payload/base/file.h"
#include "payload/base/text.h"
#include "runtime/ssh/handle.h"

namespace sealift::ssh {
namespace {

constexpr size_t kMaxKnownHosts = size_t{16} << 20;

struct Kind {
  std::string_view name;        // libssh's name for the key type, as returned by key_name()
  std::string_view algorithms;  // to request
};
constexpr auto kKinds = std::to_array<Kind>({
    {"ssh-ed25519", "ssh-ed25519"},
    {"ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256"},
    {"ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384"},
    {"ecdsa-sha2-nistp521", "ecdsa-sha2-nistp521"},
    {"ssh-rsa", "rsa-sha2-512,rsa-sha2-256"},
});

// In OpenSSH's known_hosts spelling.
std::string lookup_name(const Target& target) {
  return target.port == 22 ? target.address : std::format("[{}]:{}", target.address, target.port);
}

void add_known(const Target& target, const std::string& file, std::string_view line, KnownKeys& out) {
  line = base::trim(line);
  constexpr std::string_view kRevoked = "@revoked ";
  const bool revoked = line.starts_with(kRevoked);
  if (revoked) line = base::trim(line.substr(kRevoked.size()));
  if (line.empty() || line.front() == '#' || line.front() == '@') return;
  ssh_knownhosts_entry* entry = nullptr;
  if (ssh_known_hosts_parse_line(lookup_name(target).c_str(), std::string(line).c_str(), &entry) != SSH_OK ||
      entry == nullptr)
    return;
  KeyHandle key(ssh_key_dup(entry->publickey));
  ssh_knownhosts_entry_free(entry);
  if (key) out.entries.push_back({std::move(key), file, revoked});
}

Result<void> record_key(const Target& target, ssh_key key) {
  char* text = nullptr;
  if (ssh_pki_export_pubkey_base64(key, &text) != SSH_OK)
    return fail(ErrorCode::internal, "the host key can't be written");
  const TextHandle owner(text);
  SEALIFT_TRY(base::make_directories(target.record_file.substr(0, target.record_file.rfind('/')), 0700));
  SEALIFT_ASSIGN(const auto fd, base::open_file(target.record_file, O_WRONLY | O_APPEND | O_CREAT, 0600));
  // One write: several hosts may be recorded at once.
  return base::write_all(fd.get(), base::as_bytes(std::format("{} {} {}\n", lookup_name(target), key_name(key), text)));
}

}  // namespace

KnownKeys find_known_keys(const Target& target) {
  KnownKeys out;
  auto files = target.known_hosts;
  if (!target.record_file.empty()) files.push_back(target.record_file);
  for (const auto& file : files) {
    const auto text = base::read_text_file(file, kMaxKnownHosts);
    if (!text) continue;  // absent or unreadable: decides nothing
    for (const auto line : base::split(*text, '\n')) add_known(target, file, line, out);
  }
  return out;
}

std::string algorithms_for(const KnownKeys& known) {
  std::vector<std::string> order;
  const auto is_known = [&](std::string_view name) {
    return std::ranges::any_of(known.entries,
                               [&](const auto& entry) { return !entry.revoked && key_name(entry.key.get()) == name; });
  };
  for (const bool wanted : {true, false}) {
    for (const auto& kind : kKinds) {
      if (is_known(kind.name) == wanted) order.emplace_back(kind.algorithms);
    }
  }
  return base::join(order, ",");
}

std::vector<std::string> other_algorithms(ssh_key shown) {
  std::vector<std::string> out;
  const std::string name = key_name(shown);
  for (const auto& kind : kKinds) {
    if (kind.name != name) out.emplace_back(kind.algorithms);
  }
  return out;
}

Result<std::string> fingerprint(ssh_key key) {
  unsigned char* hash = nullptr;
  size_t size = 0;
  if (ssh_get_publickey_hash(key, SSH_PUBLICKEY_HASH_SHA256, &hash, &size) != 0)
    return fail(ErrorCode::internal, "the host key can't be hashed");
  const TextHandle text(ssh_get_fingerprint_hash(SSH_PUBLICKEY_HASH_SHA256, hash, size));
  ssh_clean_pubkey_hash(&hash);
  if (!text) return fail(ErrorCode::internal, "the host key can't be hashed");
  return std::string(text.get());
}

std::string key_name(ssh_key key) {
  const auto type = ssh_key_type(key);
  if (type == SSH_KEYTYPE_ECDSA_P256 || type == SSH_KEYTYPE_ECDSA_P384 || type == SSH_KEYTYPE_ECDSA_P521)
    return ssh_pki_key_ecdsa_name(key);
  const char* name = ssh_key_type_to_char(type);
  return name == nullptr ? "unknown" : name;
}

Result<void> check_known(const Target& target, const KnownKeys& known, ssh_key shown, EventSink& events) {
  SEALIFT_ASSIGN(const auto print, fingerprint(shown));
  const std::string name = key_name(shown), host = lookup_name(target);
  const KnownKeys::Entry* other = nullptr;
  bool found = false;
  for (const auto& entry : known.entries) {
    const bool same = ssh_key_cmp(entry.key.get(), shown, SSH_KEY_CMP_PUBLIC) == 0;
    if (entry.revoked && same)
      return fail(ErrorCode::host_key_changed, "{}: its host key {} {} is marked as revoked in {}", host, name, print,
                  entry.file);
    if (entry.revoked) continue;
    found = found || same;
    other = &entry;
  }
  if (found) return {};
  if (other != nullptr) {
    return fail(
        ErrorCode::host_key_changed,
        "{} shows the host key {} {}, but {} has another one for it. Someone may be intercepting the connection, or the host was reinstalled: compare with "
        "`ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` on the host itself, then remove the old line (`ssh-keygen -R '{}' -f '{}'`)",
        host, name, print, other->file, host, other->file);
  }
  if (!target.accept_new_host_keys) {
    return fail(
        ErrorCode::host_key_unknown,
        "{} shows the host key {} {}, which is neither in the configuration nor in known_hosts. Compare it with `ssh-keygen -lf "
        "/etc/ssh/ssh_host_ed25519_key.pub` on the host itself; then write hostKey: \"{}\" for this host, or run with --accept-new-host-keys",
        host, name, print, print);
  }
  if (!target.record_file.empty()) SEALIFT_TRY(record_key(target, shown));
  base::tell(events, Level::warning,
             std::format("{}: new host key {} {} accepted{}", host, name, print,
                         target.record_file.empty() ? "" : " and recorded in " + target.record_file),
             target.address);
  return {};
}

}  // namespace sealift::ssh
