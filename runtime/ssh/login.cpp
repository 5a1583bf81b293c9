// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <array>
#include <cstdlib>

#include "payload/base/format.h"
#include "payload/base/text.h"
#include "runtime/ssh/handle.h"

namespace sealift::ssh {
namespace {

struct Login {
  ssh_session session;
  const Target& target;
  const base::Deadline& limit;
  std::vector<std::string> tried;  // for messages

  std::string who() const { return target.user + "@" + target.address; }
  Result<int> drive_login(const std::function<int()>& call) const {
    return drive(session, SSH_AUTH_AGAIN, limit, "the login " + who(), call);
  }
  bool allows(unsigned method) const {
    return (static_cast<unsigned>(ssh_userauth_list(session, nullptr)) & method) != 0;
  }
};

std::string allowed_methods(ssh_session session) {
  const auto methods = static_cast<unsigned>(ssh_userauth_list(session, nullptr));
  std::vector<std::string> names;
  if ((methods & SSH_AUTH_METHOD_PUBLICKEY) != 0) names.emplace_back("publickey");
  if ((methods & SSH_AUTH_METHOD_PASSWORD) != 0) names.emplace_back("password");
  if ((methods & SSH_AUTH_METHOD_INTERACTIVE) != 0) names.emplace_back("keyboard-interactive");
  return names.empty() ? "nothing that is known here" : base::join(names, ", ");
}

Result<bool> accepted(const Login& login, int result) {
  if (result == SSH_AUTH_SUCCESS) return true;
  if (result == SSH_AUTH_PARTIAL) {
    return fail(
        ErrorCode::auth_failed,
        "{}: the host wants a second factor ({}) after the first was accepted; give both ssh.keyPath and ssh.password",
        login.who(), allowed_methods(login.session));
  }
  // libssh also reports a denied login when the host hangs up instead of answering.
  if (ssh_is_connected(login.session) == 0) {
    return fail(
        ErrorCode::auth_failed,
        "{}: the host ended the connection during the login ({}); too many attempts (MaxAuthTries), or the user may not log in (AllowUsers)",
        login.who(), ssh_get_error(login.session));
  }
  return false;
}

Result<KeyHandle> load_key(const std::string& path, const std::optional<Secret>& passphrase) {
  if (::access(path.c_str(), R_OK) != 0) return fail_errno(errno, "read the SSH key " + path);
  ssh_key key = nullptr;
  const std::string phrase = passphrase ? std::string(passphrase->reveal()) : std::string();
  // Without a callback libssh does not prompt; an encrypted key without a passphrase is an error.
  const int result =
      ssh_pki_import_privkey_file(path.c_str(), passphrase ? phrase.c_str() : nullptr, nullptr, nullptr, &key);
  if (result != SSH_OK) {
    return fail(ErrorCode::auth_failed,
                "the SSH key {} can't be used: {}; a private key in OpenSSH or PEM format is needed", path,
                passphrase ? "the passphrase is wrong or the file is no private key"
                           : "it has a passphrase (give ssh.keyPassphrase) or is no private key");
  }
  return KeyHandle(key);
}

Result<bool> try_key(Login& login, const std::string& path) {
  SEALIFT_ASSIGN(const auto key, load_key(path, login.target.key_passphrase));
  login.tried.push_back("the key " + path);
  SEALIFT_ASSIGN(const int result,
                 login.drive_login([&] { return ssh_userauth_publickey(login.session, nullptr, key.get()); }));
  return accepted(login, result);
}

Result<bool> try_usual_keys(Login& login) {
  if (std::getenv("SSH_AUTH_SOCK") != nullptr) {
    login.tried.emplace_back("ssh-agent");
    SEALIFT_ASSIGN(const int result, login.drive_login([&] { return ssh_userauth_agent(login.session, nullptr); }));
    SEALIFT_ASSIGN(const bool in, accepted(login, result));
    if (in) return true;
  }
  const char* home = std::getenv("HOME");
  if (home == nullptr) return false;
  for (const char* name : {"id_ed25519", "id_ecdsa", "id_rsa"}) {
    const std::string path = std::string(home) + "/.ssh/" + name;
    if (::access(path.c_str(), R_OK) != 0) continue;
    auto in = try_key(login, path);
    if (!in && ssh_is_connected(login.session) == 0) return in;
    if (in && *in) return true;  // a key without a known passphrase is skipped
  }
  return false;
}

Error expired(const Login& login) {
  return {
      ErrorCode::auth_failed,
      base::format(
          "{}: the password has expired and the host asks for a new one; log in by hand (`ssh {}`), set it, and put it into the configuration",
          login.who(), login.who()),
      {}};
}

Result<bool> try_questions(Login& login) {
  const std::string password(login.target.password->reveal());
  for (int round = 0; round < 4; ++round) {
    SEALIFT_ASSIGN(const int result,
                   login.drive_login([&] { return ssh_userauth_kbdint(login.session, nullptr, nullptr); }));
    if (result != SSH_AUTH_INFO) return accepted(login, result);
    const int prompts = ssh_userauth_kbdint_getnprompts(login.session);
    for (int i = 0; i < prompts; ++i) {
      char echo = 0;
      const char* prompt = ssh_userauth_kbdint_getprompt(login.session, static_cast<unsigned>(i), &echo);
      const std::string text = prompt == nullptr ? "" : prompt;
      if (text.contains("ew password") || text.contains("NEW PASSWORD")) return fail(expired(login));
      if (ssh_userauth_kbdint_setanswer(login.session, static_cast<unsigned>(i), password.c_str()) < 0)
        return fail(ErrorCode::internal, "no memory");
    }
  }
  return false;
}

Result<bool> try_password(Login& login) {
  if (login.allows(SSH_AUTH_METHOD_PASSWORD)) {
    login.tried.emplace_back("the password");
    const std::string password(login.target.password->reveal());
    SEALIFT_ASSIGN(const int result,
                   login.drive_login([&] { return ssh_userauth_password(login.session, nullptr, password.c_str()); }));
    // libssh does not know the reply that asks for a new password (RFC 4252, 8: message 60).
    if (result == SSH_AUTH_ERROR && std::string(ssh_get_error(login.session)).contains("60"))
      return fail(expired(login));
    SEALIFT_ASSIGN(const bool in, accepted(login, result));
    if (in) return true;
  }
  if (login.allows(SSH_AUTH_METHOD_INTERACTIVE)) {
    login.tried.emplace_back("the password (keyboard-interactive)");
    return try_questions(login);
  }
  return false;
}

}  // namespace

Result<void> log_in(ssh_session session, const Target& target, const base::Deadline& limit) {
  Login login{session, target, limit, {}};
  SEALIFT_ASSIGN(const int none, login.drive_login([&] { return ssh_userauth_none(session, nullptr); }));
  SEALIFT_ASSIGN(bool in, accepted(login, none));
  if (!in && target.key_path) {
    SEALIFT_ASSIGN(in, try_key(login, *target.key_path));
  } else if (!in && !target.password) {
    SEALIFT_ASSIGN(in, try_usual_keys(login));
  }
  if (!in && target.password) {
    SEALIFT_ASSIGN(in, try_password(login));
  }
  if (in) return {};
  return fail(
      ErrorCode::auth_failed,
      "{}: the login was refused (tried: {}; the host allows: {}); check ssh.user, ssh.keyPath and ssh.password",
      login.who(),
      login.tried.empty() ? "nothing, since no key and no password is given" : base::join(login.tried, ", "),
      allowed_methods(session));
}

}  // namespace sealift::ssh
