// SPDX-License-Identifier: Apache-2.0
//
// A real sshd on loopback with its own keys and configuration, for one test. The user is whoever runs the test.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pwd.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "payload/base/clock.h"
#include "payload/base/process.h"
#include "payload/base/text.h"
#include "tests/support/requirement.h"
#include "tests/support/temporary_folder.h"

extern char** environ;

namespace sealift::tests {

class SshServer {
 public:
  // Skips the test if this machine has no sshd. `more`: additional lines of sshd_config, before the others.
  static std::unique_ptr<SshServer> start(const std::string& more = {}) {
    return start(std::unique_ptr<SshServer>(new SshServer), more);
  }

  // With one additional account, visible to this sshd only: its own /etc/passwd, shadow and PAM stack are mounted over
  // the machine's in a mount namespace. Needs root. `changed`: day of the last password change, 0 = expired.
  static std::unique_ptr<SshServer> start_with_account(const std::string& name, const std::string& password,
                                                       int changed, const std::string& more) {
    require_or_skip(::geteuid() == 0, "root");
    require_or_skip(base::run({{"unshare", "--mount", "true"}, {}, "/", {}}).value_or(base::ExitStatus{1, {}, {}}).ok(),
                    "mount namespaces");
    std::unique_ptr<SshServer> out(new SshServer);
    const auto hash = base::run_checked({{"openssl", "passwd", "-6", password}, {}, "/", {}});
    REQUIRE(hash);
    std::ofstream(out->folder_ / "passwd")
        << std::ifstream("/etc/passwd").rdbuf() << name << ":x:54321:54321::/:/bin/sh\n";
    std::ofstream(out->folder_ / "shadow") << std::ifstream("/etc/shadow").rdbuf() << name << ":" << base::trim(*hash)
                                           << ":" << changed << ":0:99999:7:::\n";
    std::ofstream(out->folder_ / "pam")
        << "auth required pam_unix.so\naccount required pam_unix.so\npassword required pam_unix.so\nsession required pam_permit.so\n";
    for (const auto& [file, place] : {std::pair{"passwd", "/etc/passwd"}, std::pair{"shadow", "/etc/shadow"},
                                      std::pair{"pam", "/etc/pam.d/sshd"}}) {
      out->before_ += "mount --bind " + (out->folder_ / file) + " " + place + " && ";
    }
    return start(std::move(out), more);
  }
  SshServer(const SshServer&) = delete;
  SshServer& operator=(const SshServer&) = delete;
  ~SshServer() { stop(); }

  void stop() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGTERM);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }

  uint16_t port() const { return port_; }
  std::string key() const { return folder_ / "user"; }
  std::string file(const std::string& name) const { return folder_ / name; }
  static std::string user() {
    const passwd* entry = ::getpwuid(::geteuid());
    return entry == nullptr ? "root" : entry->pw_name;
  }
  // "SHA256:…" of a host key ("ed25519" or "ecdsa")
  std::string fingerprint(const std::string& kind) const {
    const auto text = base::run_checked({{"ssh-keygen", "-lf", folder_ / ("host_" + kind + ".pub")}, {}, "/", {}});
    return text ? std::string(base::split_words(*text)[1]) : "";
  }
  // The line for known_hosts.
  std::string known_line(const std::string& kind) const {
    std::ifstream in(folder_ / ("host_" + kind + ".pub"));
    std::string type, key;
    in >> type >> key;
    return "[127.0.0.1]:" + std::to_string(port_) + " " + type + " " + key + "\n";
  }
  std::string log() const {
    std::ifstream in(folder_ / "log");
    std::stringstream out;
    out << in.rdbuf();
    return out.str();
  }
  void make_key(const std::string& name, const std::string& kind, const std::string& passphrase) const {
    (void)base::run_checked({{"ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-f", folder_ / name}, {}, "/", {}});
  }
  void allow(const std::string& name) const {
    std::ifstream in(folder_ / (name + ".pub"));
    std::ofstream out(folder_ / "authorized", std::ios::app);
    out << in.rdbuf();
  }

 private:
  SshServer() = default;

  static std::unique_ptr<SshServer> start(std::unique_ptr<SshServer> server, const std::string& more) {
    require_or_skip(::access("/usr/sbin/sshd", X_OK) == 0, "sshd");
    const bool begun = server->begin(more);
    INFO(server->log());
    REQUIRE(begun);
    return server;
  }

  static uint16_t free_port() {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    uint16_t port = 0;
    if (::bind(fd, generic, size) == 0 && ::getsockname(fd, generic, &size) == 0) port = ntohs(address.sin_port);
    ::close(fd);
    return port;
  }

  bool begin(const std::string& more) {
    if (::geteuid() == 0) ::mkdir("/run/sshd", 0755);  // sshd requires it
    port_ = free_port();
    make_key("host_ed25519", "ed25519", "");
    make_key("host_ecdsa", "ecdsa", "");
    make_key("user", "ed25519", "");
    allow("user");
    std::ofstream(folder_ / "config") << more << "\nListenAddress 127.0.0.1\nPort " << port_ << "\nHostKey "
                                      << folder_ / "host_ed25519" << "\nHostKey " << folder_ / "host_ecdsa"
                                      << "\nAuthorizedKeysFile " << folder_ / "authorized"
                                      << "\nPidFile none\nStrictModes no\nUsePAM no\nPasswordAuthentication no\n"
                                      << "KbdInteractiveAuthentication no\nPermitRootLogin yes\n";
    const std::string config = folder_ / "config", log_file = folder_ / "log";
    std::vector<std::string> arguments{"/usr/sbin/sshd", "-D", "-f", config, "-E", log_file};
    if (!before_.empty())
      arguments = {"/usr/bin/unshare", "--mount", "sh", "-c",
                   before_ + "exec /usr/sbin/sshd -D -f " + config + " -E " + log_file};
    std::vector<char*> argv;
    for (auto& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    if (::posix_spawn(&pid_, arguments[0].c_str(), nullptr, nullptr, argv.data(), environ) != 0) return false;
    for (int i = 0; i < 100; ++i) {
      if (reachable()) return true;
      base::system_clock().sleep(Duration{50});
    }
    return false;
  }

  bool reachable() const {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port_);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const bool there = ::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    ::close(fd);
    return there;
  }

  TemporaryFolder folder_;
  std::string before_;  // shell words ending in "&& ": run before sshd, in its own mount namespace
  pid_t pid_ = -1;
  uint16_t port_ = 0;
};

}  // namespace sealift::tests
