// SPDX-License-Identifier: Apache-2.0
//
// What known_hosts files decide, compared with OpenSSH's client: one table, a row a file. Where our answer differs from
// ssh's it is the stricter one, and the row says why.
#include <catch2/catch_test_macros.hpp>

#include <atomic>
#include <fstream>

#include "payload/base/file.h"
#include "payload/base/format.h"
#include "payload/base/thread.h"
#include "runtime/ssh/handle.h"
#include "tests/support/event_recorder.h"
#include "tests/support/ssh_server.h"

using namespace sealift;
using tests::SshServer;

namespace {

enum class Answer { accepted, unknown, another, revoked };
// Whether a key that is unknown may be accepted as new.
enum class IfNew { accept, refuse };

struct Row {
  std::string_view what;
  // {H} the host as ssh names it, {P} its port, {E} {C} its keys, {F} {G} other keys of the same types; the last letter
  // t: a tab between type and key. {hash} the host's name, hashed. "----" begins a second file.
  std::string text;
  Answer ssh, ours;
  IfNew if_new = IfNew::accept;
  std::string_view stricter = {};       // why, if the answers differ
  std::string_view host = "127.0.0.1";  // another one is reached through a proxy command
  bool port_22 = false;                 // as far as names are concerned
};

constexpr auto accepted = Answer::accepted, unknown = Answer::unknown, another = Answer::another,
               revoked = Answer::revoked;
constexpr auto may_be_new = IfNew::accept, not_new = IfNew::refuse;
const std::string kZero(1, '\0');

const std::vector<Row> kRows = {
    {"nothing", "", unknown, unknown},
    {"one line", "{H} {E}\n", accepted, accepted},
    {"no newline at the end", "{H} {E}", accepted, accepted},
    {"blanks before and between", "  \t {H}   {E}\n", accepted, accepted},
    {"tabs", "{H}\t{Et}\n", accepted, accepted},
    {"tabs, another key", "{H}\t{Ft}\n", another, another},
    {"a tab first, another key", "\t{H} {F}\n", another, another},
    {"a comment after the key", "{H} {E} root@host # of last year\n", accepted, accepted},
    {"comments and empty lines", "# known\n\n   \n{H} {E}\n#\n", accepted, accepted},
    {"commented out", "#{H} {E}\n", unknown, unknown},
    {"another key, commented out after blanks", "  # {H} {F}\n", unknown, unknown},
    {"lines of Windows", "# known\r\n\r\n{H} {E}\r\n", accepted, accepted},
    {"lines of Windows, another key", "{H} {F}\r\n", another, another},
    {"lines of Windows, revoked", "{H} {E}\r\n@revoked {H} {E}\r\n", revoked, revoked},

    {"several names", "one,{H},two {E}\n", accepted, accepted},
    {"any name", "* {E}\n", accepted, accepted},
    {"one character of the name", "[127.0.0.?]:{P} {E}\n", accepted, accepted},
    {"any address, any port", "[127.*]:* {E}\n", accepted, accepted},
    {"stars that must try again", "*1*7.0*]:* {F}\n", another, another},
    {"another port", "[127.0.0.1]:1 {F}\n", unknown, unknown},
    {"the address without a port", "127.0.0.1 {E}\n", accepted, unknown, may_be_new,
     "a name without a port is the server at port 22; ssh tries it for every port"},
    {"the address without a port, another key", "127.0.0.1 {F}\n", unknown, unknown},
    {"all but this host", "*,!{H} {F}\n", unknown, unknown},
    {"all but this host, said first", "!{H},* {E}\n", accepted, unknown, may_be_new,
     "ssh then asks for the address without its port, which is not excluded"},
    {"all but another host", "!other,{H} {E}\n", accepted, accepted},
    {"only an exclusion", "!{H} {F}\n{H} {E}\n", accepted, accepted},
    {"excluded twice is a name", "!!{H} {F}\n", unknown, unknown},
    {"a long list", std::string("{many}{H} {E}\n"), accepted, accepted},
    {"a name of 2000 letters in the list", "{H},{long} {E}\n", unknown, unknown, not_new},
    {"a long comment", "{H} {E} {long}{long}{many}\n", accepted, accepted},

    {"a hashed name", "{hash} {E}\n", accepted, accepted},
    {"a hashed name, tabs", "{hash}\t{Et}\n", accepted, accepted},
    {"a hashed name, another key", "{hash} {F}\n", another, another},
    {"a hashed name, revoked", "@revoked {hash} {E}\n", revoked, revoked},
    {"another host, hashed", "{otherhash} {F}\n", unknown, unknown},
    {"a broken hash", "|1|AAAA|BBBB {E}\n", unknown, unknown, not_new},
    {"a hash of an unknown kind", "|2|AAAA|BBBB {F}\n", unknown, unknown, not_new},
    {"a hash before another name", "{hash},other {F}\n", unknown, unknown, not_new},
    {"a hash behind another name", "other,{hash} {F}\n", unknown, unknown, not_new},
    {"a broken hash, revoked", "@revoked |1|AAAA|BBBB {E}\n{H} {E}\n", accepted, revoked, not_new,
     "the line may mean this host; ssh skips it"},

    {"the other key of the host", "{H} {C}\n", accepted, accepted},
    {"another key of the other type", "{H} {G}\n", another, another},
    {"several keys of a type", "{H} {F}\n{H} {E}\n", accepted, accepted},
    {"several types, another key of the first", "{H} {F}\n{H} {C}\n", another, another},
    {"two files", "other {F}\n----{H} {E}\n", accepted, accepted},
    {"two files, another key in the second", "----{H} {F}\n", another, another},
    {"two files that say the same", "{H} {E}\n----{H} {E}\n", accepted, accepted},

    {"revoked", "@revoked {H} {E}\n", revoked, revoked},
    {"revoked before it is known", "@revoked * {E}\n{H} {E}\n", revoked, revoked},
    {"revoked after it is known", "{H} {E}\n@revoked * {E}\n", revoked, revoked},
    {"revoked in the second file", "{H} {E}\n----@revoked {H} {E}\n", revoked, revoked},
    {"revoked in the first file", "@revoked {H} {E}\n----{H} {E}\n", revoked, revoked},
    {"revoked, blanks first", " \t@revoked   {H} {E}\n", revoked, revoked},
    {"revoked, all tabs", "@revoked\t{H}\t{Et}\n{H} {E}\n", revoked, revoked},
    {"revoked, a tab and blanks", "@revoked\t{H} {E}\n{H} {E}\n", accepted, revoked, not_new,
     "ssh takes the tab for a part of the marker and skips the line"},
    {"another key is revoked", "@revoked {H} {F}\n{H} {E}\n", accepted, accepted},
    {"only another key is revoked", "@revoked {H} {F}\n", unknown, unknown},
    {"one type is revoked, the other is known", "@revoked {H} {E}\n{H} {C}\n", accepted, accepted},
    {"both are known, one is revoked", "{H} {E}\n{H} {C}\n@revoked {H} {E}\n", accepted, accepted},
    {"revoked for others only", "@revoked *,!{H} {E}\n{H} {E}\n", accepted, accepted},
    {"revoked for all but port 22", "@revoked *,!127.0.0.1 {E}\n{H} {E}\n", revoked, revoked},
    {"revoked for the address", "@revoked 127.0.0.1 {E}\n{H} {E}\n", accepted, revoked, not_new,
     "a stolen key is stolen at every port"},
    {"a revocation cut off", "@revoked {H} ssh-ed25519 AAAAC3Nz\n{H} {E}\n", accepted, revoked, not_new,
     "it may mean the key that is shown; ssh skips it"},
    {"a revocation of an old type", "@revoked * ssh-dss AAAAB3NzaC1kc3M=\n{H} {E}\n", accepted, accepted},
    {"a misspelt marker", "@revoke {H} {E}\n", unknown, unknown, not_new},
    {"a misspelt marker for another host", "@revoke other {E}\n", unknown, unknown},
    {"two markers", "@cert-authority @revoked {H} {E}\n", unknown, revoked, not_new,
     "a revocation, whatever else the line says; ssh skips it"},

    {"an authority", "@cert-authority * {F}\n", unknown, unknown},
    {"an authority is no host's key", "@cert-authority {H} {E}\n", unknown, unknown},
    {"an authority, tabs", "@cert-authority\t{H}\t{Ft}\n", unknown, unknown},
    {"an authority, and the host's key", "@cert-authority * {F}\n{H} {E}\n", accepted, accepted},
    {"a certificate for a key", "{H} {certificate}\n", another, another},
    {"a key on a token",
     "{H} sk-ssh-ed25519@openssh.com "
     "AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAIBERERERERERERERERERERERERERERERERERERERERERAAAABHNzaDo=\n",
     another, another},

    {"only a name", "{H}\n", unknown, unknown, not_new},
    {"a name and a comment", "{H} # new since May\n", unknown, unknown, not_new},
    {"no key", "{H} ssh-ed25519\n", unknown, unknown, not_new},
    {"not base64", "{H} ssh-ed25519 AAAA!!!!\n", unknown, unknown, not_new},
    {"a key cut off", "{H} ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBER\n", unknown, unknown, not_new},
    {"more than a key", "{H} {E}AAAA\n", unknown, unknown, not_new},
    {"an unknown type", "{H} ssh-ed448 AAAACXNzaC1lZDQ0OA==\n", unknown, unknown, not_new},
    {"an unknown type for another host", "other ssh-ed448 AAAACXNzaC1lZDQ0OA==\n", unknown, unknown},
    {"another type's name", "{H} ecdsa-sha2-nistp256 {key of E}\n", unknown, unknown, not_new},
    {"a key of version 1", "{H} 1024 35 123456789\n", unknown, unknown, not_new},
    {"a broken line and a good one", "{H} ssh-ed25519 AAAA!!!!\n{H} {E}\n", accepted, accepted},
    {"a zero byte", "{H} {E}" + kZero + "x\n", accepted, unknown, not_new, "not a text file; ssh reads up to the zero"},
    {"two bytes a letter", "h" + kZero + "o" + kZero + "s" + kZero + "t" + kZero + "\n", unknown, unknown, not_new},
    {"a byte order mark", "\xEF\xBB\xBF{H} {E}\n", unknown, unknown, not_new},

    {"letters of the host", "host.example {E}\n", accepted, accepted, may_be_new, {}, "Host.EXAMPLE", true},
    {"letters of the file", "HOST.Example {E}\n", accepted, accepted, may_be_new, {}, "host.example", true},
    {"a domain", "*.example {E}\n", accepted, accepted, may_be_new, {}, "host.example", true},
    {"a letter", "h?st.example {F}\n", another, another, may_be_new, {}, "host.example", true},
    {"a domain but for one host",
     "*.example,!host.example {F}\n",
     unknown,
     unknown,
     may_be_new,
     {},
     "host.example",
     true},
    {"port 22 written out", "[host.example]:22 {F}\n", unknown, unknown, may_be_new, {}, "host.example", true},
    {"letters at another port", "[HOST.example]:{P} {E}\n", accepted, accepted, may_be_new, {}, "Host.example"},
    {"a domain at another port", "*.example {F}\n", unknown, unknown, may_be_new, {}, "host.example"},
    {"a hashed name in other letters", "{hash} {E}\n", accepted, accepted, may_be_new, {}, "Host.Example", true},
    {"IPv6", "2001:db8::1 {E}\n", accepted, accepted, may_be_new, {}, "2001:db8::1", true},
    {"IPv6 with a port", "[2001:db8::1]:{P} {F}\n", another, another, may_be_new, {}, "2001:db8::1"},
    {"IPv6 is compared as text", "2001:db8:0::1 {F}\n", unknown, unknown, may_be_new, {}, "2001:db8::1", true},
};

std::string name_of(Answer answer) {
  constexpr auto kNames = std::to_array<const char*>({"accepted", "unknown", "another key", "revoked"});
  return kNames.at(static_cast<size_t>(answer));
}

class Comparison {
 public:
  Comparison() : server_(SshServer::start("MaxStartups 1000")) {
    server_->make_key("foreign_ed25519", "ed25519", "");
    server_->make_key("foreign_ecdsa", "ecdsa", "");
    REQUIRE(base::run_checked({{"ssh-keygen", "-q", "-s", server_->file("foreign_ed25519"), "-I", "host", "-h",
                                server_->file("host_ed25519.pub")},
                               {},
                               "/",
                               {}}));
  }

  // Writes the row's files.
  std::vector<std::string> write(const Row& row) const {
    std::vector<std::string> out;
    const auto number = &row - kRows.data();
    std::string rest = with_names(row);
    for (bool more = true; more;) {
      const auto end = rest.find("----");
      more = end != std::string::npos;
      out.push_back(server_->file(base::format("known{}.{}", number, out.size())));
      std::ofstream(out.back(), std::ios::binary) << rest.substr(0, end);
      if (more) rest.erase(0, end + 4);
    }
    return out;
  }

  // Several at once: most of an answer's time is waiting.
  std::vector<std::string> ssh_says(const std::vector<std::vector<std::string>>& files) const {
    std::vector<std::string> out(kRows.size());
    std::atomic<size_t> next = 0;
    std::vector<Thread> threads;
    for (int i = 0; i < 6; ++i) {
      auto thread = Thread::start([&] {
        for (size_t row = next++; row < kRows.size(); row = next++) out[row] = ssh_says(kRows[row], files[row]);
      });
      REQUIRE(thread);
      threads.push_back(std::move(*thread));
    }
    for (auto& thread : threads) thread.join();
    return out;
  }

  // The name of its answer, or what it wrote.
  std::string ssh_says(const Row& row, const std::vector<std::string>& files) const {
    std::string known;
    for (const auto& file : files) known += " " + file;
    std::vector<std::string> argv{"ssh", "-F", "/dev/null", "-i", server_->key(), "-p", std::to_string(port_of(row))};
    for (const auto& option : {std::string("BatchMode=yes"), std::string("StrictHostKeyChecking=yes"),
                               "UserKnownHostsFile=" + known.substr(1), std::string("GlobalKnownHostsFile=/dev/null"),
                               std::string("UpdateHostKeys=no"), std::string("IdentitiesOnly=yes")}) {
      argv.insert(argv.end(), {"-o", option});
    }
    if (row.host != "127.0.0.1") {
      // Ends with ssh, which sends it SIGHUP, and leaves nothing behind that holds the connection.
      argv.insert(argv.end(), {"-o", base::format("ProxyCommand=bash -c 'trap \"\" HUP; exec 3<>/dev/tcp/127.0.0.1/{}; "
                                                  "cat <&3 & cat >&3; kill $!' 2>/dev/null",
                                                  server_->port())});
    }
    argv.insert(argv.end(), {"-l", SshServer::user(), std::string(row.host), "true"});
    const auto ran = base::run({argv, {}, "/", {}});
    if (!ran) return ran.error().text();
    if (ran->ok()) return name_of(accepted);
    if (ran->errors.contains("REVOKED HOST KEY")) return name_of(revoked);
    if (ran->errors.contains("REMOTE HOST IDENTIFICATION HAS CHANGED")) return name_of(another);
    return ran->errors.contains("host key is known for") ? name_of(unknown) : ran->errors;
  }

  // As Session::connect() decides, which session_test.cpp sees do so, but without its time.
  Result<void> we_say(const Row& row, const std::vector<std::string>& files, bool accept_new, EventSink& events) const {
    ssh::Target target;
    target.address = row.host;
    target.port = port_of(row);
    target.known_hosts = files;
    target.accept_new_host_keys = accept_new;
    const auto known = ssh::find_known_keys(target);
    const auto order = ssh::algorithms_for(known);
    const auto shown = key(order.find("ed25519") < order.find("nistp256") ? "host_ed25519" : "host_ecdsa");
    return ssh::check_known(target, known, shown.get(), events);
  }

 private:
  uint16_t port_of(const Row& row) const { return row.port_22 ? uint16_t{22} : server_->port(); }

  std::vector<std::string> words(const std::string& file) const {
    const auto text = base::read_text_file(server_->file(file + ".pub"), 65'536);
    REQUIRE(text);
    std::vector<std::string> out;
    for (const auto word : base::split_words(*text)) out.emplace_back(word);
    return out;
  }

  ssh::KeyHandle key(const std::string& file) const {
    ssh_key out = nullptr;
    REQUIRE(ssh_pki_import_pubkey_file(server_->file(file + ".pub").c_str(), &out) == SSH_OK);
    return ssh::KeyHandle(out);
  }

  std::string hashed(const std::string& name) const {
    std::ofstream(server_->file("hashed"))
        << name << " " << words("host_ed25519")[0] << " " << words("host_ed25519")[1] << "\n";
    REQUIRE(base::run_checked({{"ssh-keygen", "-q", "-H", "-f", server_->file("hashed")}, {}, "/", {}}));
    const auto text = base::read_text_file(server_->file("hashed"), 4096);
    REQUIRE(text);
    return text->substr(0, text->find(' '));
  }

  std::string with_names(const Row& row) const {
    std::string out = row.text;
    const auto put = [&](std::string_view name, const std::string& value) {
      out = base::replace_all(std::move(out), base::format("{{{}}}", name), value);
    };
    for (const auto& [letter, file] : {std::pair{"E", "host_ed25519"}, std::pair{"C", "host_ecdsa"},
                                       std::pair{"F", "foreign_ed25519"}, std::pair{"G", "foreign_ecdsa"}}) {
      const auto parts = words(file);
      put(letter, parts[0] + " " + parts[1]);
      put(std::string(letter) + "t", parts[0] + "\t" + parts[1]);
      put(std::string("key of ") + letter, parts[1]);
    }
    const auto certificate = words("host_ed25519-cert");
    put("certificate", certificate[0] + " " + certificate[1]);
    const auto host = base::to_lower(row.host);
    const std::string name = row.port_22 ? host : base::format("[{}]:{}", host, server_->port());
    if (out.contains("{hash}")) put("hash", hashed(name));
    if (out.contains("{otherhash}")) put("otherhash", hashed("other"));
    if (out.contains("{many}")) {
      std::string many;
      for (int i = 0; i < 20'000; ++i) many += base::format("host{}.example,", i);
      put("many", many);
    }
    put("long", std::string(2000, 'x'));
    put("H", name);
    put("P", std::to_string(server_->port()));
    return out;
  }

  std::unique_ptr<SshServer> server_;
};

}  // namespace

TEST_CASE("known_hosts files decide as with OpenSSH, or more strictly") {
  tests::require_or_skip(base::run({{"ssh", "-V"}, {}, "/", {}}).has_value(), "ssh");
  const Comparison comparison;
  std::vector<std::vector<std::string>> written;
  for (const auto& row : kRows) written.push_back(comparison.write(row));
  const auto answers = comparison.ssh_says(written);
  for (size_t i = 0; i < kRows.size(); ++i) {
    const auto& row = kRows[i];
    const auto& files = written[i];
    CAPTURE(row.what);
    CHECK(answers[i] == name_of(row.ssh));
    CHECK((row.ssh == row.ours) == row.stricter.empty());
    const auto ours = comparison.we_say(row, files, false, base::no_events());
    if (row.ours == accepted) {
      CHECK((ours ? "" : ours.error().text()) == "");
      continue;
    }
    CHECK_FALSE(ours);
    if (ours) continue;
    CAPTURE(ours.error().what);
    CHECK(ours.error().code == (row.ours == unknown ? ErrorCode::host_key_unknown : ErrorCode::host_key_changed));
    CHECK(ours.error().what.contains("another one") == (row.ours == another));
    CHECK((ours.error().what.contains("revoked in") || ours.error().what.contains("may revoke")) ==
          (row.ours == revoked));
    if (row.ours == unknown && row.text.starts_with("@cert-authority"))
      CHECK(ours.error().what.contains("certificates of hosts can't be checked"));

    // Only what is unknown for certain may be accepted as new.
    tests::EventRecorder events;
    const auto taken = comparison.we_say(row, files, true, events);
    CHECK(taken.has_value() == (row.ours == unknown && row.if_new == may_be_new));
    CHECK(events.events().empty() != taken.has_value());
    if (row.ours == unknown && row.if_new == not_new && !taken) {
      CHECK(taken.error().code == ErrorCode::host_key_unknown);
      CHECK(taken.error().what.contains(files.front() + ":1"));
    }
  }
}

TEST_CASE("a certificate of the host is not checked, which is said") {
  const tests::TemporaryFolder folder;
  const auto run = [&](std::vector<std::string> argv) { REQUIRE(base::run_checked({std::move(argv), {}, "/", {}})); };
  for (const char* name : {"authority", "host"})
    run({"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name});
  run({"ssh-keygen", "-q", "-s", folder / "authority", "-I", "host", "-h", folder / "host.pub"});
  const auto server =
      SshServer::start(base::format("HostKey {}\nHostCertificate {}", folder / "host", folder / "host-cert.pub"));
  const auto known = folder / "known";
  std::ofstream(known) << "@cert-authority * " << std::ifstream(folder / "authority.pub").rdbuf();
  const auto ssh = base::run({{"ssh", "-F", "/dev/null", "-i", server->key(), "-p", std::to_string(server->port()),
                               "-o", "BatchMode=yes", "-o", "UserKnownHostsFile=" + known, "-o",
                               "GlobalKnownHostsFile=/dev/null", "-l", SshServer::user(), "127.0.0.1", "true"},
                              {},
                              "/",
                              {}});
  REQUIRE(ssh);
  CHECK(ssh->errors == "");
  CHECK(ssh->ok());

  ssh::Target target;
  target.address = "127.0.0.1";
  target.port = server->port();
  target.user = SshServer::user();
  target.key_path = server->key();
  target.known_hosts = {known};
  const auto ours = ssh::Session::connect(target, base::system_clock(), base::no_events(), {});
  REQUIRE_FALSE(ours);
  CHECK(ours.error().code == ErrorCode::host_key_unknown);
  CHECK(ours.error().what.contains(known + ":1 names an authority"));

  std::ofstream(known, std::ios::app) << "* " << std::ifstream(folder / "host.pub").rdbuf();
  CHECK(ssh::Session::connect(target, base::system_clock(), base::no_events(), {}));
}

TEST_CASE("a known_hosts file that can't be read decides nothing, and nothing is new then") {
  const auto server = SshServer::start();
  ssh::Target target;
  target.address = "127.0.0.1";
  target.port = server->port();
  target.user = SshServer::user();
  target.key_path = server->key();
  target.accept_new_host_keys = true;
  target.known_hosts = {server->file("absent"), server->file("absent/too"), "/dev/null", server->file("")};
  const auto refused = ssh::Session::connect(target, base::system_clock(), base::no_events(), {});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == ErrorCode::host_key_unknown);
  CHECK(refused.error().what.contains("can't be accepted as new. " + server->file("") + " may be about this host"));
  target.known_hosts.pop_back();
  CHECK(ssh::Session::connect(target, base::system_clock(), base::no_events(), {}));
}
