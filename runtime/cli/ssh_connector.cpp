// SPDX-License-Identifier: Apache-2.0
#include <sys/random.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>

#include "payload/base/format.h"
#include "payload/base/text.h"
#include "runtime/cli/connector.h"
#include "runtime/ssh/session.h"

namespace sealift::cli {

std::string owner_name() {
  std::array<char, 256> machine{};
  if (gethostname(machine.data(), machine.size() - 1) != 0) machine[0] = '\0';
  const char* user = std::getenv("USER");
  std::string name = user != nullptr && *user != '\0' ? std::string(user) : base::format("uid{}", getuid());
  return base::printable(name + "@" + machine.data(), 100);
}

namespace {

Result<std::string> random_name() {
  std::array<std::byte, 8> bytes{};
  if (getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
    return fail_errno(errno, "get random bytes");
  return base::to_hex(bytes);
}

class SshConnector final : public delivery::HostConnector {
 public:
  SshConnector(ConnectorOptions options, std::string run) : options_(std::move(options)), run_(std::move(run)) {}

  std::vector<delivery::Connection> connect(const std::vector<config::HostConfig>& hosts,
                                            host::Purpose purpose) override {
    std::vector<agent::HostSecrets> secrets;
    for (const auto& host : hosts) secrets.push_back(secrets_of(host));
    auto connected =
        agent::connect_hosts(hosts, secrets, settings(purpose), options_.events, options_.clock, options_.cancel);
    std::vector<delivery::Connection> out;
    for (size_t i = 0; i < hosts.size(); ++i) {
      out.push_back({hosts[i].address,
                     std::move(connected[i]).transform([](agent::Connected made) { return std::move(made.host); })});
    }
    return out;
  }

  Result<std::unique_ptr<host::Host>> reconnect(const config::HostConfig& host, host::Purpose purpose) override {
    SEALIFT_ASSIGN(auto made, agent::connect_host(host, secrets_of(host), settings(purpose), options_.events,
                                                  options_.clock, options_.cancel));
    return std::move(made.host);
  }

 private:
  agent::HostSecrets secrets_of(const config::HostConfig& host) const {
    auto found = options_.logins.find(host.address);
    return found == options_.logins.end() ? agent::HostSecrets{} : found->second;
  }

  // The agent is this program itself, built for the host's architecture.
  Result<agent::AgentProgram> agent(Architecture architecture) const {
    const format::PayloadReader& payload = options_.payload;
    for (const auto& stub : payload.contents().stubs) {
      if (stub.architecture != architecture) continue;
      return agent::AgentProgram{
          stub.object.digest, stub.object.size,
          [&payload, digest = stub.object.digest](base::Sink& sink) { return payload.read(digest, {}, sink); }};
    }
    return fail(ErrorCode::not_in_artifact, "the artifact was not packed for {} hosts; pack it with --platform {}",
                base::name(architecture), base::platform(architecture));
  }

  agent::ConnectOptions settings(host::Purpose purpose) const {
    agent::ConnectOptions out;
    out.agent = [this](Architecture architecture) { return agent(architecture); };
    out.state_directory = options_.state_directory;
    out.known_hosts = ssh::default_known_hosts();
    out.accept_new_host_keys = options_.accept_new_host_keys;
    out.purpose = purpose;
    out.owner = owner_name();
    out.run = run_;
    return out;
  }

  ConnectorOptions options_;
  std::string run_;
};

}  // namespace

Result<std::unique_ptr<delivery::HostConnector>> make_ssh_connector(ConnectorOptions options) {
  SEALIFT_ASSIGN(std::string run, random_name());
  return std::make_unique<SshConnector>(std::move(options), std::move(run));
}

}  // namespace sealift::cli
