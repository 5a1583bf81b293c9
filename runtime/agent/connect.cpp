// SPDX-License-Identifier: Apache-2.0
#include "runtime/agent/connect.h"

#include <utility>

#include "payload/base/format.h"
#include "payload/base/retry.h"
#include "payload/base/text.h"
#include "payload/base/thread.h"
#include "runtime/agent/remote_host.h"
#include "runtime/ssh/session.h"

namespace sealift::agent {
namespace {

constexpr unsigned kAtOnce = 8;
constexpr Duration kPatience{60'000};     // with the agent's silence; it answers pings every ten seconds
constexpr Duration kCancelGrace{20'000};  // for what a cancelled run still has to do on a host
constexpr uint64_t kSlowest = 16U << 10;  // bytes a second, of the agent on its way
constexpr Duration kWorthARetry{60'000};  // later, a host that misbehaves would take as long again

// For a whole connection, login and agent: a host that is booting, a brief network failure.
base::RetryPolicy connection_retries() { return {{Duration{1'000}}, {Duration{1'000}}}; }

ssh::Target target_of(const config::HostConfig& config, const HostSecrets& secrets, const ConnectOptions& options) {
  ssh::Target out;
  out.address = config.address;
  out.port = config.ssh.port;
  out.user = config.ssh.user;
  out.key_path = config.ssh.key_path;
  out.key_passphrase = secrets.key_passphrase;
  out.password = secrets.password;
  out.host_key = config.host_key;
  out.known_hosts = options.known_hosts;
  if (!options.state_directory.empty()) out.record_file = options.state_directory + "/known_hosts";
  out.accept_new_host_keys = options.accept_new_host_keys;
  out.login_timeout = options.login_timeout;
  return out;
}

// Keeps the connection alive with the host; the channel is destroyed before its session.
struct Wire {
  std::unique_ptr<ssh::Session> session;
  std::unique_ptr<ssh::Channel> channel;
};

Result<std::unique_ptr<RemoteHost>> start_agent(std::unique_ptr<ssh::Session> session, const config::HostConfig& config,
                                                const HostSecrets& secrets, const ConnectOptions& options,
                                                Clock& clock) {
  LandingOptions landing;
  landing.folders = options.folders.empty() ? landing_folders(config.data_root) : options.folders;
  landing.sudo_password = secrets.sudo_password ? secrets.sudo_password : secrets.password;
  landing.who = config.ssh.user + "@" + config.address;
  landing.remove_if_sent = options.purpose != host::Purpose::change;
  landing.arguments = {"--owner", options.owner, "--run", options.run};
  if (options.purpose != host::Purpose::look) landing.arguments.emplace_back("--change");
  landing.arguments.insert(landing.arguments.end(), options.agent_arguments.begin(), options.agent_arguments.end());
  const Duration end = clock.monotonic() + options.start_timeout;
  session->set_end(end, Duration{});
  SEALIFT_ASSIGN(const auto facts, look_at_login(*session, landing.who));
  SEALIFT_ASSIGN(const auto program, options.agent(facts.architecture));
  session->set_end(end + Duration{program.size / kSlowest * 1000}, Duration{});
  SEALIFT_ASSIGN(auto landed, land_agent(*session, facts, program, landing));
  auto wire = std::make_shared<Wire>(std::move(session), std::move(landed.channel));
  wire->channel->set_patience(kPatience);
  auto host = RemoteHost::connect(
      {wire->channel->output(), wire->channel->input(), [wire = wire.get()] { wire->session->abort(); }, wire}, clock);
  if (!host) {
    Error error = std::move(host).error();
    const std::string said(base::trim(wire->channel->errors()));
    if (error.code == ErrorCode::protocol && !said.empty())
      error.what += base::format(" ({})", base::printable(said, 600));
    return fail(std::move(error));
  }
  wire->session->set_end({}, kCancelGrace);
  return std::move(*host);
}

Result<std::unique_ptr<RemoteHost>> log_in_and_start(const ssh::Target& target, const config::HostConfig& config,
                                                     const HostSecrets& secrets, const ConnectOptions& options,
                                                     EventSink& events, Clock& clock, const CancelToken& cancel) {
  SEALIFT_ASSIGN(auto session, ssh::Session::connect(target, clock, events, cancel));
  auto host = start_agent(std::move(session), config, secrets, options, clock);
  if (!host) return fail_while(std::move(host).error(), "starting the agent on " + config.address);
  return std::move(*host);
}

}  // namespace

Result<Connected> connect_host(const config::HostConfig& config, const HostSecrets& secrets,
                               const ConnectOptions& options, EventSink& events, Clock& clock,
                               const CancelToken& cancel) {
  const auto target = target_of(config, secrets, options);
  base::Retries retries(connection_retries());
  const Duration begin = clock.monotonic();
  for (;;) {
    auto host = log_in_and_start(target, config, secrets, options, events, clock, cancel);
    if (!host) {
      SEALIFT_TRY(cancel.check());
      const auto wait = retries.next(host.error());
      if (!wait || clock.monotonic() - begin > kWorthARetry) return std::unexpected(std::move(host).error());
      base::tell(events, Level::debug, base::format("{}; trying again", host.error().text()), config.address);
      SEALIFT_TRY(base::pause(clock, *wait, cancel));
      continue;
    }
    if (!(*host)->busy_owner().empty()) {
      base::tell(events, Level::warning,
                 base::format("{} is being worked on by {} right now: what is shown may change", config.address,
                              (*host)->busy_owner()),
                 config.address);
    }
    SEALIFT_ASSIGN(auto facts, (*host)->facts());
    return Connected{std::move(*host), std::move(facts)};
  }
}

std::vector<Result<Connected>> connect_hosts(std::span<const config::HostConfig> configs,
                                             std::span<const HostSecrets> secrets, const ConnectOptions& options,
                                             EventSink& events, Clock& clock, const CancelToken& cancel) {
  std::vector<Result<Connected>> out;
  out.reserve(configs.size());
  for (size_t i = 0; i < configs.size(); ++i) out.emplace_back(fail(ErrorCode::internal, "not tried"));
  base::parallel_for(configs.size(), kAtOnce, [&](size_t i) {
    const HostSecrets none;
    const HostSecrets& own = secrets.empty() ? none : secrets[secrets.size() == 1 ? 0 : i];
    out[i] = connect_host(configs[i], own, options, events, clock, cancel);
  });
  return out;
}

}  // namespace sealift::agent
