// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <fcntl.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "payload/base/file.h"
#include "payload/base/format.h"
#include "payload/base/thread.h"
#include "runtime/agent/connect.h"
#include "runtime/agent/landing.h"
#include "runtime/agent/remote_host.h"
#include "tests/support/ssh_server.h"

using namespace sealift;
using agent::LandingOptions;
using agent::LoginFacts;
using tests::SshServer;
using tests::TemporaryFolder;

namespace {

// This test program, which is also an agent.
agent::AgentProgram own_program() {
  const auto file = base::OpenFile::open("/proc/self/exe");
  REQUIRE(file);
  const uint64_t size = (*file)->size();
  return {*hash::sha256(**file, 0, size), size, [](base::Sink& sink) -> Result<void> {
            SEALIFT_ASSIGN(const auto fd, base::open_file("/proc/self/exe", O_RDONLY));
            base::FdSource source(fd.get());
            return base::copy(source, sink).transform([](uint64_t) {});
          }};
}

std::unique_ptr<ssh::Session> connect(const SshServer& server) {
  ssh::Target target;
  target.address = "127.0.0.1";
  target.port = server.port();
  target.user = SshServer::user();
  target.key_path = server.key();
  target.host_key = server.fingerprint("ed25519");
  auto session = ssh::Session::connect(target, base::system_clock(), base::no_events(), {});
  REQUIRE(session);
  return std::move(*session);
}

// A sudo that asks for "secret" like the real one.
std::string with_sudo(const TemporaryFolder& folder, std::string_view body) {
  std::ofstream(folder / "sudo") << "#!/bin/sh\n" << body;
  ::chmod((folder / "sudo").c_str(), 0755);
  return "SetEnv PATH=" + folder.path() + ":/usr/bin:/bin";
}

constexpr std::string_view kAskingSudo = R"(
asks=
while :; do case "$1" in
  -n) echo "sudo: a password is required" >&2; exit 1;;
  -k) shift;;
  -S) asks=1; shift;;
  -p) shift 2;;
  *) break;;
esac; done
[ "$asks" ] || exit 1
for i in 1 2 3; do
  IFS= read -r p || { echo "sudo: no password was provided" >&2; exit 1; }
  if [ "$p" = "secret word" ]; then exec "$@"; fi
  echo "Sorry, try again." >&2
done
exit 1
)";

LandingOptions options_for(const TemporaryFolder& folder) {
  LandingOptions out;
  out.folders = {folder / "lib"};
  out.arguments = {"--test-root", folder / "root"};
  out.who = "test@127.0.0.1";
  return out;
}

LoginFacts as_owner() {
  LoginFacts out;
  out.is_root = true;  // for landing, this user counts as root: it owns the folders
  return out;
}

mode_t mode_of(const std::string& path) {
  struct stat status{};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  return status.st_mode & 07777U;
}

// A program under the agent's name that prints the right digest, and leaves a trace if it is ever started.
struct Impostor {
  explicit Impostor(const tests::TemporaryFolder& folder) : trace(folder / "started") {}
  void put(const std::string& into, const Digest& digest) const {
    std::filesystem::create_directories(into);
    const std::string path = into + "/agent-" + digest.hex();
    std::ofstream(path) << "#!/bin/sh\ntouch '" << trace << "'\necho " << digest.hex() << "\n";
    ::chmod(path.c_str(), 0755);
  }
  std::string trace;
};

constexpr uid_t kSomebody = 65534;

Result<std::unique_ptr<agent::RemoteHost>> talk(agent::LandedAgent& agent, ssh::Session& session) {
  return agent::RemoteHost::connect(
      {agent.channel->output(), agent.channel->input(), [&session] { session.abort(); }, nullptr},
      base::system_clock());
}

}  // namespace

TEST_CASE("the agent lands, starts and answers; the second time it is there already") {
  const TemporaryFolder folder;
  const auto server = SshServer::start();
  const auto program = own_program();
  for (const bool first : {true, false}) {
    const auto session = connect(*server);
    const auto facts = agent::look_at_login(*session, "test");
    REQUIRE(facts);
    CHECK(facts->is_root == (::geteuid() == 0));
    LoginFacts plain = *facts;
    plain.is_root = true;  // for landing, this user counts as root: it owns the folders
    auto landed = agent::land_agent(*session, plain, program, options_for(folder));
    INFO((landed ? "" : landed.error().text()));
    REQUIRE(landed);
    CHECK(landed->was_sent == first);
    const auto remote = talk(*landed, *session);
    INFO((remote ? "" : remote.error().text()));
    REQUIRE(remote);
    if (first) {
      base::MemorySource content(base::as_bytes("hello"));
      const auto early = (*remote)->write_atomic("/etc/x", {0640, ::geteuid(), ::getegid()}, content, {"step", "1"});
      REQUIRE_FALSE(early);  // no folder yet
      CHECK(early.error().code == ErrorCode::not_found);
    }
    REQUIRE((*remote)->make_directory("/etc", {0755, ::geteuid(), ::getegid()}, {"step", "1"}));
    base::MemorySource again(base::as_bytes("hello"));
    REQUIRE((*remote)->write_atomic("/etc/x", {0640, ::geteuid(), ::getegid()}, again, {"step", "1"}));
    const auto status = (*remote)->stat("/etc/x");
    REQUIRE(status);
    REQUIRE(*status);
    CHECK((*status)->spec.mode == 0640);
    const auto said = (*remote)->run({{"sh", "-c", "cat; echo err >&2; exit 3"}, {}, "/", {}},
                                     {base::as_bytes("in"), {}, {}}, {"step", "1"}, {});
    REQUIRE(said);
    CHECK(said->code == 3);
    CHECK(said->output == "in");
    CHECK(said->errors == "err\n");
  }
  const auto files = std::filesystem::directory_iterator(folder / "lib");
  CHECK(std::distance(begin(files), end(files)) == 1);  // nothing temporary is left
}

TEST_CASE("an agent that only looks leaves no folder that was made for it, and each that was there") {
  const TemporaryFolder folder;
  const auto server = SshServer::start();
  auto options = options_for(folder);
  options.remove_if_sent = true;
  const bool was_there = GENERATE(true, false);
  if (was_there) std::filesystem::create_directory(folder / "lib");
  const auto session = connect(*server);
  auto landed = agent::land_agent(*session, as_owner(), own_program(), options);
  INFO((landed ? "" : landed.error().text()));
  REQUIRE(landed);
  REQUIRE(talk(*landed, *session));
  CHECK(std::filesystem::exists(folder / "lib") == was_there);
}

TEST_CASE("a damaged agent on the host is replaced") {
  const TemporaryFolder folder;
  const auto server = SshServer::start();
  const auto program = own_program();
  std::filesystem::create_directory(folder / "lib");
  const std::string path = folder / ("lib/agent-" + program.digest.hex());
  std::ofstream(path) << "#!/bin/sh\necho something else\n";
  ::chmod(path.c_str(), 0755);
  const auto session = connect(*server);
  LoginFacts facts;
  facts.is_root = true;
  auto landed = agent::land_agent(*session, facts, program, options_for(folder));
  REQUIRE(landed);
  CHECK(landed->was_sent);
  CHECK(talk(*landed, *session));
}

TEST_CASE("bytes that do not have the digest never get the agent's name") {
  const TemporaryFolder folder;
  const auto server = SshServer::start();
  auto program = own_program();
  program.write = [](base::Sink& sink) { return sink.write(base::as_bytes("#!/bin/sh\necho no\n")); };
  const auto session = connect(*server);
  LoginFacts facts;
  facts.is_root = true;
  const auto landed = agent::land_agent(*session, facts, program, options_for(folder));
  REQUIRE_FALSE(landed);
  CHECK(landed.error().code == ErrorCode::corrupt);
  CHECK(std::filesystem::is_empty(folder / "lib"));
}

TEST_CASE("the agent lands where root's programs are, else in /opt, else on the data disk") {
  CHECK(agent::landing_folders("/data/sealift") ==
        std::vector<std::string>{"/usr/local/lib/sealift", "/opt/sealift", "/data/sealift"});
}

TEST_CASE("a folder that takes no program is passed over") {
  const TemporaryFolder folder;
  const auto server = SshServer::start();
  std::ofstream(folder / "file") << "in the way";
  const auto session = connect(*server);
  LoginFacts facts;
  facts.is_root = true;
  auto options = options_for(folder);
  SECTION("the next one is taken") {
    options.folders = {folder / "file", folder / "a b", folder / "lib"};
    CHECK(agent::land_agent(*session, facts, own_program(), options));
    CHECK(std::filesystem::exists(folder / "a b"));
  }
  SECTION("none is left") {
    options.folders = {folder / "file"};
    const auto landed = agent::land_agent(*session, facts, own_program(), options);
    REQUIRE_FALSE(landed);
    CHECK(landed.error().code == ErrorCode::permission_denied);
  }
}

TEST_CASE("sudo with a password") {
  const TemporaryFolder folder;
  const auto server = SshServer::start(with_sudo(folder, kAskingSudo));
  const auto session = connect(*server);
  auto facts = agent::look_at_login(*session, "test");
  REQUIRE(facts);
  CHECK_FALSE(facts->sudo_without_password);
  facts->is_root = false;
  auto options = options_for(folder);
  SECTION("right: the password is no file's content") {
    options.sudo_password = Secret("secret word");
    auto landed = agent::land_agent(*session, *facts, own_program(), options);
    INFO((landed ? "" : landed.error().text()));
    REQUIRE(landed);
    CHECK(talk(*landed, *session));
  }
  SECTION("wrong") {
    options.sudo_password = Secret("guess");
    const auto landed = agent::land_agent(*session, *facts, own_program(), options);
    REQUIRE_FALSE(landed);
    CHECK(landed.error().code == ErrorCode::sudo_refused);
    CHECK(landed.error().what.contains("wrong"));
    CHECK_FALSE(landed.error().what.contains("guess"));
  }
  SECTION("none given") {
    const auto landed = agent::land_agent(*session, *facts, own_program(), options);
    REQUIRE_FALSE(landed);
    CHECK(landed.error().code == ErrorCode::sudo_refused);
    CHECK(landed.error().what.contains("sudoPassword"));
  }
}

TEST_CASE("a sudo that needs no password after all leaves the password line to nobody") {
  const TemporaryFolder folder;
  const auto server = SshServer::start(with_sudo(
      folder, R"(while :; do case "$1" in -n|-k|-S) shift;; -p) shift 2;; *) break;; esac; done; exec "$@")"));
  const auto session = connect(*server);
  auto facts = agent::look_at_login(*session, "test");
  REQUIRE(facts);
  CHECK(facts->sudo_without_password);
  facts->is_root = false;
  auto options = options_for(folder);
  options.sudo_password = Secret("secret word");
  SECTION("as it says") {}
  SECTION("as if it had asked") { facts->sudo_without_password = false; }
  auto landed = agent::land_agent(*session, *facts, own_program(), options);
  if (!landed) FAIL(landed.error().text());
  CHECK(talk(*landed, *session));
}

TEST_CASE("requiretty and expired passwords are told with the remedy") {
  const TemporaryFolder folder;
  SECTION("requiretty") {
    const auto server =
        SshServer::start(with_sudo(folder, "echo 'sudo: sorry, you must have a tty to run sudo' >&2; exit 1"));
    const auto session = connect(*server);
    auto facts = agent::look_at_login(*session, "test");
    REQUIRE(facts);
    facts->is_root = false;
    const auto landed = agent::land_agent(*session, *facts, own_program(), options_for(folder));
    REQUIRE_FALSE(landed);
    CHECK(landed.error().what.contains("!requiretty"));
  }
  SECTION("expired") {
    const auto server = SshServer::start(
        "ForceCommand echo 'WARNING: Your password has expired.' >&2; echo 'Password change required but no TTY available.' >&2; exit 1");
    const auto session = connect(*server);
    const auto facts = agent::look_at_login(*session, "ops@h");
    REQUIRE_FALSE(facts);
    CHECK(facts.error().code == ErrorCode::auth_failed);
    CHECK(facts.error().what.contains("ssh ops@h"));
  }
}

TEST_CASE("login noise is skipped") {
  const TemporaryFolder folder;
  const auto server =
      SshServer::start("ForceCommand echo 'Welcome!'; printf 'no newline'; eval \"$SSH_ORIGINAL_COMMAND\"");
  const auto session = connect(*server);
  auto facts = agent::look_at_login(*session, "test");
  REQUIRE(facts);
  facts->is_root = true;
  auto landed = agent::land_agent(*session, *facts, own_program(), options_for(folder));
  INFO((landed ? "" : landed.error().text()));
  REQUIRE(landed);
  CHECK(talk(*landed, *session));
}

TEST_CASE("connect_hosts brings several hosts at once") {
  tests::require_or_skip(::geteuid() == 0, "root");
  const TemporaryFolder folder;
  const auto server = SshServer::start("MaxStartups 3:100:3");  // fewer than connect at once, so logins are retried
  std::vector<config::HostConfig> configs(12);
  for (auto& config : configs) {
    config.address = "127.0.0.1";
    config.host_key = server->fingerprint("ed25519");
    config.ssh.port = server->port();
    config.ssh.user = SshServer::user();
    config.ssh.key_path = server->key();
  }
  configs[5].host_key = "SHA256:wrong";
  agent::ConnectOptions options;
  options.agent = [](Architecture) -> Result<agent::AgentProgram> { return own_program(); };
  options.folders = {folder / "lib"};
  options.agent_arguments = {"--test-root", folder / "root"};
  options.owner = "o'wner \"x\" $y";
  options.purpose = host::Purpose::change;  // twelve looks on one machine would remove each other's agent
  const auto connected = agent::connect_hosts(configs, {}, options, base::no_events(), base::system_clock(), {});
  REQUIRE(connected.size() == configs.size());
  for (size_t i = 0; i < connected.size(); ++i) {
    INFO(i << (connected[i] ? "" : connected[i].error().text()));
    CHECK(connected[i].has_value() == (i != 5));
    if (connected[i]) CHECK(connected[i]->facts.cpus > 0);
  }
}

// Times out rather than hangs: without a limit these hosts would hold a run for ever.
TEST_CASE("a host whose login says nothing, too little or too much holds nobody for long") {
  struct Host {
    std::string login;
    ErrorCode code;
  };
  const TemporaryFolder folder;
  for (const auto& [login, code] : {
           Host{"sleep 60", ErrorCode::timeout},
           Host{"while :; do printf .; sleep 0.1; done", ErrorCode::timeout},
           Host{"exec cat /dev/zero", ErrorCode::protocol},  // without the end of a line
           Host{"while :; do printf xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done", ErrorCode::protocol},
           Host{"while :; do echo yes; done", ErrorCode::protocol},
           Host{"while :; do echo no >&2; done", ErrorCode::timeout},
       }) {
    INFO(login);
    const auto server = SshServer::start("ForceCommand " + login);
    config::HostConfig config;
    config.address = "127.0.0.1";
    config.host_key = server->fingerprint("ed25519");
    config.ssh.port = server->port();
    config.ssh.user = SshServer::user();
    config.ssh.key_path = server->key();
    agent::ConnectOptions options;
    options.agent = [](Architecture) -> Result<agent::AgentProgram> { return own_program(); };
    options.folders = {folder / "lib"};
    options.start_timeout = Duration{code == ErrorCode::timeout ? 1'500 : 60'000};
    const Duration begin = base::system_clock().monotonic();
    const auto host = agent::connect_host(config, {}, options, base::no_events(), base::system_clock(), {});
    REQUIRE_FALSE(host);
    INFO(host.error().text());
    CHECK(host.error().code == code);
    CHECK(base::system_clock().monotonic() - begin < Duration{50'000});  // with one retry

    options.start_timeout = Duration{120'000};
    CancelSource cancel;
    auto later = Thread::start([&] {
      base::system_clock().sleep(Duration{300});
      cancel.cancel();
    });
    const auto given_up =
        agent::connect_host(config, {}, options, base::no_events(), base::system_clock(), cancel.token());
    REQUIRE_FALSE(given_up);
    INFO(given_up.error().text());
    CHECK((given_up.error().code == ErrorCode::cancelled || given_up.error().code == ErrorCode::protocol));
  }
}

TEST_CASE("the agent lands through every login shell") {
  struct Shell {
    const char *name, *path;
  };
  const TemporaryFolder folder;
  const auto program = own_program();
  for (const auto& [name, path] : {Shell{"sh", "/bin/sh"}, Shell{"bash", "/bin/bash"}, Shell{"dash", "/bin/dash"},
                                   Shell{"ksh", "/bin/ksh93"}, Shell{"zsh", "/bin/zsh"}, Shell{"tcsh", "/bin/tcsh"},
                                   Shell{"csh", "/bin/bsd-csh"}, Shell{"fish", "/usr/bin/fish"}}) {
    DYNAMIC_SECTION(name) {
      tests::require_or_skip(::access(path, X_OK) == 0, path);
      // sshd runs a command with this shell in place of the user's.
      const auto server = SshServer::start(base::format("ForceCommand exec {} -c \"$SSH_ORIGINAL_COMMAND\"", path));
      const auto session = connect(*server);
      auto facts = agent::look_at_login(*session, "test");
      INFO((facts ? "" : facts.error().text()));
      REQUIRE(facts);
      CHECK(facts->is_root == (::geteuid() == 0));
      auto options = options_for(folder);
      options.arguments.insert(options.arguments.end(), {"--owner", "o'wner! \"x\" $y `z` \\ %s ^a^b"});
      auto landed = agent::land_agent(*session, as_owner(), program, options);
      INFO((landed ? "" : landed.error().text()));
      REQUIRE(landed);
      CHECK(talk(*landed, *session));
    }
  }
}

TEST_CASE("the landing line holds nothing that a login shell reads in its own way") {
  const auto line =
      agent::landing_script(hash::sha256({}), {"/a b", "/it's", "/what!", "/$HOME", "/x\\y", "/\"q\"", "/new\nline"},
                            {"--owner", "it's\n!\\me"}, "MARKER");
  CHECK(line.find_first_of("!\\'\n\r\t") == std::string::npos);
  CHECK(line.contains("\"/a b\""));
  CHECK(line.size() < 4000);
  // A folder whose name can't be quoted is skipped; it never turns into another one.
  for (const auto* other : {"/it", "/what", "/_HOME", "/x_y", "/_q_", "/new"}) CHECK_FALSE(line.contains(other));
}

TEST_CASE("a program where somebody but root could have put it is never started") {
  tests::require_or_skip(::geteuid() == 0, "root");
  const TemporaryFolder folder;
  const auto program = own_program();
  const Impostor impostor(folder);
  const std::string above = folder / "above", lib = above + "/lib";
  impostor.put(lib, program.digest);
  auto options = options_for(folder);
  options.folders = {lib};
  std::string open = lib;
  SECTION("the folder is somebody else's") { REQUIRE(::chown(lib.c_str(), kSomebody, 0) == 0); }
  SECTION("the folder is writable by all") { REQUIRE(::chmod(lib.c_str(), 0777) == 0); }
  SECTION("the folder is writable by all, and sticky") { REQUIRE(::chmod(lib.c_str(), 01777) == 0); }
  SECTION("the folder is writable by its group") { REQUIRE(::chmod(lib.c_str(), 0775) == 0); }
  SECTION("the folder above is somebody else's") {
    REQUIRE(::chown(above.c_str(), kSomebody, 0) == 0);
    open = above;
  }
  SECTION("the folder above is writable by all") {
    REQUIRE(::chmod(above.c_str(), 0777) == 0);
    open = above;
  }
  SECTION("a link leads below somebody else's folder") {
    REQUIRE(::chown(above.c_str(), kSomebody, 0) == 0);
    std::filesystem::create_directory_symlink(lib, folder / "link");
    options.folders = {folder / "link"};
    open = above;
  }
  SECTION("a folder that is still to be made, below somebody else's") {
    REQUIRE(::chown(above.c_str(), kSomebody, 0) == 0);
    options.folders = {above + "/new/deep"};
    open = above;
  }
  const mode_t mode = mode_of(lib);
  const auto server = SshServer::start();
  const auto session = connect(*server);
  const auto landed = agent::land_agent(*session, as_owner(), program, options);
  REQUIRE_FALSE(landed);
  CHECK(landed.error().code == ErrorCode::permission_denied);
  CHECK(landed.error().what.contains("(" + open + " is)"));
  CHECK_FALSE(std::filesystem::exists(impostor.trace));
  CHECK(mode_of(lib) == mode);  // files not ours stay unchanged
  CHECK_FALSE(std::filesystem::exists(above + "/new"));
  const auto files = std::filesystem::directory_iterator(lib);
  CHECK(std::distance(begin(files), end(files)) == 1);
}

TEST_CASE("a program of somebody else in root's folder is replaced, not started") {
  tests::require_or_skip(::geteuid() == 0, "root");
  const TemporaryFolder folder;
  const auto program = own_program();
  const Impostor impostor(folder);
  impostor.put(folder / "lib", program.digest);
  REQUIRE(::chown((folder / ("lib/agent-" + program.digest.hex())).c_str(), kSomebody, 0) == 0);
  const auto server = SshServer::start();
  const auto session = connect(*server);
  auto landed = agent::land_agent(*session, as_owner(), program, options_for(folder));
  INFO((landed ? "" : landed.error().text()));
  REQUIRE(landed);
  CHECK(landed->was_sent);
  CHECK_FALSE(std::filesystem::exists(impostor.trace));
  CHECK(talk(*landed, *session));
}

TEST_CASE("a folder in which others could put things is passed over for the next") {
  tests::require_or_skip(::geteuid() == 0, "root");
  const TemporaryFolder folder;
  std::filesystem::create_directory(folder / "open");
  REQUIRE(::chmod((folder / "open").c_str(), 0777) == 0);
  std::filesystem::create_directory_symlink(folder / "real", folder / "link");  // leads nowhere
  const auto server = SshServer::start();
  const auto session = connect(*server);
  auto options = options_for(folder);
  options.folders = {folder / "open", folder / "link", folder / "new/lib"};
  auto landed = agent::land_agent(*session, as_owner(), own_program(), options);
  INFO((landed ? "" : landed.error().text()));
  REQUIRE(landed);
  CHECK(talk(*landed, *session));
  CHECK(std::filesystem::is_empty(folder / "open"));
  CHECK(mode_of(folder / "new") == 0755);
  CHECK(mode_of(folder / "new/lib") == 0755);
}

TEST_CASE("an sshd that gives one session at a time is enough") {
  const TemporaryFolder folder;
  // The first command's session outlives its output.
  const auto server = SshServer::start(
      "MaxSessions 1\nForceCommand eval \"$SSH_ORIGINAL_COMMAND\"; case $SSH_ORIGINAL_COMMAND in *SEALIFT-MACHINE*) sleep 4;; esac");
  const auto session = connect(*server);
  const auto facts = agent::look_at_login(*session, "test");
  REQUIRE(facts);
  auto landed = agent::land_agent(*session, as_owner(), own_program(), options_for(folder));
  INFO((landed ? "" : landed.error().text()));
  REQUIRE(landed);
  CHECK(landed->was_sent);
  CHECK(talk(*landed, *session));
}
