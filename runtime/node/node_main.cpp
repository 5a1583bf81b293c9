// SPDX-License-Identifier: Apache-2.0
#include "runtime/node/node_main.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <climits>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <optional>

#include "payload/base/address.h"
#include "payload/base/file.h"
#include "payload/base/format.h"
#include "payload/base/text.h"
#include "runtime/node/adopt.h"
#include "runtime/node/authority.h"
#include "runtime/node/balancer.h"
#include "runtime/node/etcd.h"
#include "runtime/node/hook.h"
#include "runtime/node/host_check.h"
#include "runtime/node/lost_files.h"
#include "runtime/node/mirror.h"
#include "runtime/node/patch.h"
#include "runtime/node/pki.h"
#include "runtime/node/releases.h"
#include "runtime/node/renewal.h"
#include "runtime/node/sockets.h"
#include "runtime/node/stage.h"
#include "runtime/node/watched_files.h"

namespace sealift::node {
namespace {

constexpr size_t kMaxConfig = size_t{1} << 20;
constexpr Duration kDrain{60'000};
// The authority's process ends when nobody has asked for so long.
constexpr Duration kIdle{60'000};
// How often the mirror looks whether its certificates or registries were replaced: this many rounds of its loop.
constexpr unsigned kLookEvery = 20;

// Signal handlers only set a flag; the loops check it.
std::atomic<bool> stop_asked = false;    // NOLINT(*-avoid-non-const-global-variables): set by signal handlers
std::atomic<bool> reload_asked = false;  // NOLINT(*-avoid-non-const-global-variables)

void watch_signals() {
  ::signal(SIGPIPE, SIG_IGN);
  for (const int number : {SIGTERM, SIGINT}) ::signal(number, [](int) { stop_asked = true; });
  ::signal(SIGHUP, [](int) { reload_asked = true; });
}

// systemd's notification protocol: one datagram to the socket named by systemd (sd_notify(3)).
void notify(std::string_view state) {
  const char* path = std::getenv("NOTIFY_SOCKET");
  if (path == nullptr || std::strlen(path) >= sizeof(sockaddr_un::sun_path)) return;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strcpy(address.sun_path, path);  // NOLINT(clang-analyzer-security*): length checked above
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + std::strlen(path));
  if (address.sun_path[0] == '@') address.sun_path[0] = '\0';
  const base::Fd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ::sendto(fd.get(), state.data(), state.size(), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&address),
           size);  // NOLINT(*-reinterpret-cast)
}

// "10.7.0.11,127.0.0.1"; "" names none.
std::vector<std::string> split_addresses(std::string_view text) {
  std::vector<std::string> out;
  for (const auto part : base::split(text, ',')) {
    if (!part.empty()) out.emplace_back(part);
  }
  return out;
}

class Arguments {
 public:
  explicit Arguments(const std::vector<std::string>& arguments) {
    for (size_t i = 0; i + 1 < arguments.size(); i += 2) options_[arguments[i]] = arguments[i + 1];
  }
  Result<std::string> get(const std::string& option) const {
    const auto found = options_.find(option);
    if (found == options_.end()) return fail(ErrorCode::usage, "{} is missing", option);
    return found->second;
  }

 private:
  std::map<std::string, std::string> options_;
};

Result<void> run_mirror(const Arguments& arguments) {
  SEALIFT_ASSIGN(const auto path, arguments.get("--config"));
  watch_signals();
  SEALIFT_ASSIGN(const auto json, base::read_text_file(path, kMaxConfig));
  SEALIFT_ASSIGN(const auto config, parse_mirror_config(json));
  auto sockets = PassedSockets::take();
  const auto passed = [&](const std::string& address, uint16_t port) {
    return sockets.take_listener(base::format("{}:{}", base::bracketed(address), port));
  };
  Mirror::Listeners listeners{
      passed(config.local_address, config.local_port), passed(config.peer_address, config.peer_port), {}};
  if (config.people) listeners.people = passed(config.people->address, config.people->port);
  SEALIFT_ASSIGN(const auto mirror, Mirror::start(config, base::system_clock(), std::move(listeners)));
  notify("READY=1");
  WatchedFiles certificates({config.ca, config.server, config.client, config.registries});
  WatchedFiles people(config.people ? std::vector{config.people->certificate, config.people->users}
                                    : std::vector<std::string>());
  const auto tell = [](const Result<void>& done) {
    if (!done) std::fprintf(stderr, "%s\n", done.error().text().c_str());
  };
  for (unsigned round = 1; !stop_asked; ++round) {
    base::system_clock().sleep(Duration{100});
    const bool is_asked = reload_asked.exchange(false), looks = round % kLookEvery == 0;
    if (is_asked || (looks && certificates.changed())) tell(mirror->reload());
    if (is_asked || (looks && people.changed())) tell(mirror->reload_people());
  }
  notify("STOPPING=1");
  // New connections wait at the socket for the next mirror; whoever pulls gets its bytes.
  mirror->drain(kDrain);
  return {};
}

Result<void> run_balancer(const Arguments& arguments) {
  SEALIFT_ASSIGN(const auto path, arguments.get("--config"));
  watch_signals();
  SEALIFT_ASSIGN(auto text, base::read_text_file(path, kMaxConfig));
  SEALIFT_ASSIGN(auto config, parse_balancer_config(text));
  auto sockets = PassedSockets::take();
  auto passed = sockets.take_listener(config.listen);
  SEALIFT_ASSIGN(auto balancer, passed ? Balancer::adopt(passed->get(), config.backends) : Balancer::listen(config));
  notify("READY=1");
  while (!stop_asked) {
    SEALIFT_TRY(balancer.serve(500, {}));
    if (!reload_asked.exchange(false)) continue;
    // An unusable file leaves the old backends in place.
    const auto fresh = base::read_text_file(path, kMaxConfig).and_then([](const std::string& json) {
      return parse_balancer_config(json);
    });
    if (fresh)
      balancer.set_backends(fresh->backends);
    else
      std::fprintf(stderr, "%s\n", fresh.error().text().c_str());
  }
  return {};
}

Result<http::Origin> origin_of(const Arguments& arguments, const std::string& option) {
  SEALIFT_ASSIGN(const auto text, arguments.get(option));
  SEALIFT_ASSIGN(const auto url, http::parse_url("https://" + text));
  return url.origin;
}

Result<void> run_authority(const Arguments& arguments) {
  SEALIFT_ASSIGN(const auto at, origin_of(arguments, "--listen"));
  SEALIFT_ASSIGN(const auto folder, arguments.get("--dir"));
  watch_signals();
  auto& clock = base::system_clock();
  auto passed = PassedSockets::take().take_listener(base::format("{}:{}", base::bracketed(at.host), at.port));
  SEALIFT_ASSIGN(const auto authority, Authority::open({folder, at.host, at.port, std::move(passed)}, clock));
  notify("READY=1");
  while (!stop_asked && authority->idle() < kIdle) clock.sleep(Duration{100});
  notify("STOPPING=1");
  // Who comes now waits at the socket, for which systemd starts the next process.
  authority->close_door();
  while (authority->idle() == Duration{0}) clock.sleep(Duration{100});
  return {};
}

Result<void> run_renew(const Arguments& arguments) {
  RenewalOptions options;
  SEALIFT_ASSIGN(options.folder, arguments.get("--dir"));
  SEALIFT_ASSIGN(const auto path, arguments.get("--config"));
  SEALIFT_ASSIGN(const auto json, base::read_text_file(path, kMaxConfig));
  SEALIFT_ASSIGN(options.authorities, parse_authorities(json));
  Result<void> out;
  for (auto& line : renew(options, base::system_clock())) {
    if (line)
      std::printf("%s\n", line->c_str());
    else if (out)
      out = fail(std::move(line).error());
    else
      std::fprintf(stderr, "%s\n", line.error().text().c_str());
  }
  return out;
}

// For ExecReload: the service's root holds no other program that could send a signal.
Result<void> run_reload(const Arguments& arguments) {
  SEALIFT_ASSIGN(const auto text, arguments.get("--pid"));
  const auto pid = base::parse_u64(text);
  if (!pid || *pid < 2 || *pid > INT_MAX) return fail(ErrorCode::usage, "--pid is no process");
  if (::kill(static_cast<pid_t>(*pid), SIGHUP) != 0) return fail_errno(errno, "signal the service");
  return {};
}

// A PEM text.
Result<std::string> read_input(size_t limit = size_t{64} << 10) {
  base::FdSource source(STDIN_FILENO);
  SEALIFT_ASSIGN(const auto bytes, base::read_all(source, limit));
  return std::string(base::as_text(bytes));
}

Result<void> run_pki(const std::string& what, const Arguments& arguments) {
  SEALIFT_ASSIGN(const auto folder, arguments.get("--dir"));
  Clock& clock = base::system_clock();
  std::string output;
  if (what == "make-ca") {
    SEALIFT_ASSIGN(const auto name, arguments.get("--name"));
    SEALIFT_TRY(make_authority(folder, name, clock));
  } else if (what == "make-next") {
    SEALIFT_ASSIGN(const auto name, arguments.get("--name"));
    SEALIFT_TRY(make_next_authority(folder, name, clock));
  } else if (what == "promote") {
    SEALIFT_TRY(promote_next_authority(folder));
  } else if (what == "retire") {
    SEALIFT_TRY(retire_former_authorities(folder));
  } else if (what == "make-key") {
    SEALIFT_ASSIGN(const auto usage, arguments.get("--usage"));
    SEALIFT_ASSIGN(output, make_key(folder, usage));
  } else if (what == "issue") {
    SEALIFT_ASSIGN(const auto name, arguments.get("--name"));
    SEALIFT_ASSIGN(const auto usage, arguments.get("--usage"));
    SEALIFT_ASSIGN(const auto addresses, arguments.get("--addresses"));
    SEALIFT_ASSIGN(const auto key, read_input());
    const auto dns = split_addresses(arguments.get("--dns").value_or(""));
    SEALIFT_ASSIGN(output, issue_certificate(folder, usage, key, name, split_addresses(addresses), clock, dns));
  } else if (what == "install") {
    SEALIFT_ASSIGN(const auto usage, arguments.get("--usage"));
    SEALIFT_ASSIGN(const auto certificate, read_input());
    SEALIFT_TRY(install_certificate(folder, usage, certificate));
  } else if (what == "put") {
    SEALIFT_ASSIGN(const auto file, arguments.get("--file"));
    SEALIFT_ASSIGN(auto content, read_input());
    const auto written = put_people_file(folder, file, base::as_bytes(content));
    explicit_bzero(content.data(), content.size());
    SEALIFT_TRY(written);
  } else if (what == "look") {
    output = look_at_pairs(folder, clock);
  } else {
    return fail(ErrorCode::usage, "node pki {}: not known", what);
  }
  return base::write_all(STDOUT_FILENO, base::as_bytes(output));
}

// Of the site's own etcd: by what comes in, or by the files of a control plane.
Result<EtcdAccess> site_etcd(const Arguments& arguments) {
  const auto folder = arguments.get("--folder");
  if (!folder) {
    SEALIFT_ASSIGN(auto input, read_input(size_t{1} << 20));
    return etcd_of_input(std::move(input));
  }
  SEALIFT_ASSIGN(const auto endpoints, arguments.get("--endpoints"));
  return etcd_of_site(*folder, split_addresses(endpoints));
}

Result<std::string> ask_etcd(const std::string& what, const Arguments& arguments) {
  if (what == "members" || what == "remove" || what == "hand-over") {
    SEALIFT_ASSIGN(const auto access, etcd_of_control_plane());
    if (what == "members") return etcd_members(access);
    if (what == "hand-over") {
      SEALIFT_ASSIGN(const auto to, arguments.get("--to"));
      return etcd_hand_over(access, to).transform([] { return std::string(); });
    }
    SEALIFT_ASSIGN(const auto member, arguments.get("--member"));
    return etcd_remove(access, member).transform([] { return std::string(); });
  }
  if (what != "look" && what != "clear") return fail(ErrorCode::usage, "node etcd {}: not known", what);
  SEALIFT_ASSIGN(const auto prefix, arguments.get("--prefix"));
  SEALIFT_ASSIGN(const auto access, site_etcd(arguments));
  if (what == "look") return look_at_etcd(access, prefix);
  SEALIFT_ASSIGN(const auto deleted, clear_etcd(access, prefix));
  return base::format("{}\n", deleted);
}

Result<void> run_etcd(const std::string& what, const Arguments& arguments) {
  SEALIFT_ASSIGN(const auto output, ask_etcd(what, arguments));
  return base::write_all(STDOUT_FILENO, base::as_bytes(output));
}

Result<void> run_boot(const Arguments&) {
  SEALIFT_ASSIGN(const auto removed, remove_lost_network_state(""));
  for (const auto& path : removed) std::printf("removed %s: a power cut left it without its contents\n", path.c_str());
  return {};
}

Result<void> run_stage(const Arguments& arguments) {
  Staging staging;
  SEALIFT_ASSIGN(staging.payload, arguments.get("--payload"));
  SEALIFT_ASSIGN(staging.root, arguments.get("--root"));
  SEALIFT_ASSIGN(staging.folder, arguments.get("--to"));
  SEALIFT_ASSIGN(const auto input, read_input(size_t{16} << 20));
  SEALIFT_ASSIGN(staging.files, staged_files_of(input));
  return stage(staging);
}

Result<void> run_adopt(const Arguments& arguments) {
  SEALIFT_ASSIGN(const auto payload, arguments.get("--payload"));
  SEALIFT_ASSIGN(const auto list, arguments.get("--frames"));
  SEALIFT_ASSIGN(const auto text, base::read_text_file(list, size_t{16} << 20));
  SEALIFT_ASSIGN(const auto wanted, offsets_of(text));
  SEALIFT_ASSIGN(const auto copied, adopt_frames(payload, wanted));
  return base::write_all(STDOUT_FILENO, base::as_bytes(base::format("{}\n", copied)));
}

// helm's post-renderer: manifests come in and go out.
Result<void> run_patch(const Arguments& arguments) {
  SEALIFT_ASSIGN(const auto folder, arguments.get("--folder"));
  SEALIFT_ASSIGN(const auto target_namespace, arguments.get("--namespace"));
  SEALIFT_ASSIGN(const auto input, read_input(size_t{64} << 20));
  SEALIFT_ASSIGN(const auto output, patch_manifests(folder, target_namespace, input));
  return base::write_all(STDOUT_FILENO, base::as_bytes(output));
}

Result<void> run_patch_tree(const Arguments& arguments) {
  SEALIFT_ASSIGN(const auto folder, arguments.get("--folder"));
  SEALIFT_ASSIGN(const auto target_namespace, arguments.get("--namespace"));
  return patch_tree(folder, target_namespace);
}

Result<void> run_hook(const std::vector<std::string>& words) {
  SEALIFT_ASSIGN(const auto hook, hook_program_of(words));
  return fail(start_hook(hook));
}

Result<void> run_check(const Arguments&) {
  ::signal(SIGPIPE, SIG_IGN);
  SEALIFT_ASSIGN(const auto input, read_input(size_t{8} << 20));
  SEALIFT_ASSIGN(const auto question, parse_host_question(input));
  return base::write_all(STDOUT_FILENO, base::as_bytes(to_text(check_host(question))));
}

Result<void> run_releases(const Arguments&) {
  SEALIFT_ASSIGN(const auto output, objects_of_releases());
  return base::write_all(STDOUT_FILENO, base::as_bytes(output));
}

struct Verb {
  std::string_view name;
  Result<void> (*run)(const Arguments& arguments);
};
constexpr auto kVerbs = std::to_array<Verb>({{"mirror", run_mirror},
                                             {"balancer", run_balancer},
                                             {"authority", run_authority},
                                             {"renew", run_renew},
                                             {"reload", run_reload},
                                             {"boot", run_boot},
                                             {"stage", run_stage},
                                             {"adopt", run_adopt},
                                             {"patch", run_patch},
                                             {"patch-tree", run_patch_tree},
                                             {"check", run_check},
                                             {"releases", run_releases}});

Result<void> dispatch(const std::vector<std::string>& arguments) {
  const std::string verb = arguments.empty() ? "" : arguments[0];
  const std::vector<std::string> rest(arguments.begin() + (arguments.empty() ? 0 : 1), arguments.end());
  if (const auto known = std::ranges::find(kVerbs, verb, &Verb::name); known != kVerbs.end())
    return known->run(Arguments(rest));
  if (verb == "hook") return run_hook(rest);
  if (verb == "pki" && !rest.empty()) return run_pki(rest[0], Arguments({rest.begin() + 1, rest.end()}));
  if (verb == "etcd" && !rest.empty()) return run_etcd(rest[0], Arguments({rest.begin() + 1, rest.end()}));
  std::string verbs;
  for (const auto& one : kVerbs) verbs += base::format("{}, ", one.name);
  return fail(ErrorCode::usage, "node {}: not known; there are {}hook, pki and etcd", verb, verbs);
}

}  // namespace

int node_main(const std::vector<std::string>& arguments) {
  const auto done = dispatch(arguments);
  if (done) return 0;
  std::fprintf(stderr, "%s\n", done.error().text().c_str());
  return base::exit_code(done.error().code);
}

}  // namespace sealift::node
