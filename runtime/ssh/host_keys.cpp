// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "payload/base/file.h"
#include "payload/base/format.h"
#include "payload/base/text.h"
#include "runtime/ssh/handle.h"

namespace sealift::ssh {
namespace {

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

// What follows a line that was cut off (by a full disk or a power cut) begins a new one.
std::string_view line_begin(int fd) {
  char last = '\n';
  const off_t size = ::lseek(fd, 0, SEEK_END);
  return size > 0 && ::pread(fd, &last, 1, size - 1) == 1 && last != '\n' ? "\n" : "";
}

Result<void> record_key(const Target& target, ssh_key key) {
  char* text = nullptr;
  if (ssh_pki_export_pubkey_base64(key, &text) != SSH_OK)
    return fail(ErrorCode::internal, "the host key can't be written");
  const TextHandle owner(text);
  SEALIFT_TRY(base::make_directories(target.record_file.substr(0, target.record_file.rfind('/')), 0700));
  SEALIFT_ASSIGN(const auto fd, base::open_file(target.record_file, O_RDWR | O_APPEND | O_CREAT, 0600));
  // One write: several hosts may be recorded at once.
  return base::write_all(fd.get(), base::as_bytes(base::format("{}{} {} {}\n", line_begin(fd.get()),
                                                               lookup_name(target), key_name(key), text)));
}

bool same_key(ssh_key a, ssh_key b) { return ssh_key_cmp(a, b, SSH_KEY_CMP_PUBLIC) == 0; }

bool is_revoked(const KnownKeys& known, ssh_key key) {
  return std::ranges::any_of(known.entries, [&](const auto& entry) {
    return entry.mark == KnownKeys::Mark::revoked && same_key(entry.key.get(), key);
  });
}

// Whether this is certainly the name of a type, but of another one than `shown`.
bool is_other_type(std::string_view type, std::string_view shown) {
  const bool is_type = std::ranges::contains(kKinds, type, &Kind::name) || type == "ssh-dss" ||
                       type.ends_with("@openssh.com");  // certificates, keys on tokens
  return is_type && type != shown;
}

// Why a file that could have said something about the host did not; empty = all was said.
std::string reservations(const KnownKeys& known) {
  std::string out;
  for (const auto& entry : known.entries) {
    if (entry.mark != KnownKeys::Mark::authority) continue;
    out += base::format(
        ". {} names an authority for it (@cert-authority), but certificates of hosts can't be checked by this "
        "version: it needs the host's own key",
        entry.place.text());
    break;
  }
  for (const auto& line : known.unreadable)
    out += base::format(". {} may be about this host too, but can't be read: {}", line.place, line.why);
  return out;
}

}  // namespace

std::string algorithms_for(const KnownKeys& known) {
  std::vector<std::string> order;
  const auto is_known = [&](std::string_view name) {
    return std::ranges::any_of(known.entries, [&](const auto& entry) {
      return entry.mark == KnownKeys::Mark::none && key_name(entry.key.get()) == name &&
             !is_revoked(known, entry.key.get());
    });
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

Result<void> check_not_revoked(const Target& target, const KnownKeys& known, ssh_key shown) {
  SEALIFT_ASSIGN(const auto print, fingerprint(shown));
  const std::string name = key_name(shown), host = lookup_name(target);
  for (const auto& entry : known.entries) {
    if (entry.mark == KnownKeys::Mark::revoked && same_key(entry.key.get(), shown))
      return fail(
          ErrorCode::host_key_changed,
          "{}: its host key {} {} is marked as revoked in {}. It may be in other hands: give the host a new one", host,
          name, print, entry.place.text());
  }
  for (const auto& line : known.unreadable) {
    if (line.mark == KnownKeys::Mark::revoked && !is_other_type(line.type, name))
      return fail(
          ErrorCode::host_key_changed,
          "{} shows the host key {} {}, and {} may revoke it, but can't be read: {}. Correct or remove that line", host,
          name, print, line.place, line.why);
  }
  return {};
}

Result<void> check_known(const Target& target, const KnownKeys& known, ssh_key shown, EventSink& events) {
  SEALIFT_TRY(check_not_revoked(target, known, shown));
  SEALIFT_ASSIGN(const auto print, fingerprint(shown));
  const std::string name = key_name(shown), host = lookup_name(target);
  const KnownKeys::Entry* other = nullptr;
  for (const auto& entry : known.entries) {
    if (entry.mark != KnownKeys::Mark::none) continue;
    // libssh calls a certificate the same as the key in it.
    if (same_key(entry.key.get(), shown) && ssh_key_type(entry.key.get()) == ssh_key_type(shown)) return {};
    other = &entry;
  }
  if (other != nullptr) {
    return fail(
        ErrorCode::host_key_changed,
        "{} shows the host key {} {}, but {} has another one for it. Someone may be intercepting the connection, or the host was reinstalled: compare with "
        "`ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` on the host itself, then remove the old line (`ssh-keygen -R '{}' -f '{}'`)",
        host, name, print, other->place.text(), host, other->place.file);
  }
  const std::string reserved = reservations(known);
  if (!target.accept_new_host_keys) {
    return fail(
        ErrorCode::host_key_unknown,
        "{} shows the host key {} {}, which is neither in the configuration nor in known_hosts. Compare it with `ssh-keygen -lf "
        "/etc/ssh/ssh_host_ed25519_key.pub` on the host itself; then write hostKey: \"{}\" for this host, or run with --accept-new-host-keys{}",
        host, name, print, print, reserved);
  }
  if (!known.unreadable.empty()) {
    return fail(
        ErrorCode::host_key_unknown,
        "{} shows the host key {} {}, which can't be accepted as new{}. Correct or remove that, or write hostKey: \"{}\" for this host",
        host, name, print, reserved, print);
  }
  if (!target.record_file.empty()) SEALIFT_TRY(record_key(target, shown));
  base::tell(events, Level::warning,
             base::format("{}: new host key {} {} accepted{}{}", host, name, print,
                          target.record_file.empty() ? "" : " and recorded in " + target.record_file, reserved),
             target.address);
  return {};
}

}  // namespace sealift::ssh
