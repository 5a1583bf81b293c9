// SPDX-License-Identifier: Apache-2.0
//
// Puts the agent onto a host over SSH and starts it there; the other side needs only a POSIX shell. It knows sudo and
// shells; what the agent says afterwards is left to RemoteHost.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "payload/base/platform.h"
#include "payload/base/secret.h"
#include "payload/hash/digest.h"
#include "runtime/ssh/session.h"

namespace sealift::agent {

// The program for hosts of one architecture.
struct AgentProgram {
  Digest digest;
  uint64_t size = 0;
  std::function<Result<void>(base::Sink&)> write;  // writes all bytes; any thread, repeatable
};
using AgentProvider = std::function<Result<AgentProgram>(Architecture)>;

struct LandingOptions {
  std::vector<std::string> folders;    // tried in this order
  std::vector<std::string> arguments;  // of the agent, after "agent"; no secrets
  bool remove_if_sent = false;  // once it runs, the agent removes itself and its folder, unless they were there before
  std::optional<Secret> sudo_password;  // used only if sudo asks for one
  std::string who;                      // "ops@10.7.0.11", for messages
};

struct LandedAgent {
  std::unique_ptr<ssh::Channel> channel;  // the agent's standard streams
  bool was_sent = false;                  // by this landing; false = already there
};

// What the login shell reports about the host.
struct LoginFacts {
  Architecture architecture = Architecture::amd64;
  bool is_root = false;
  bool sudo_without_password = false;
  std::string sudo_answer;  // what `sudo -n true` printed
};
Result<LoginFacts> look_at_login(ssh::Session& session, const std::string& who);

// Errors: sudo_refused, auth_failed (expired password or account), no_space or permission_denied (no folder takes the
// agent), corrupt (damaged in transit three times), protocol (the host keeps printing), unreachable, timeout.
Result<LandedAgent> land_agent(ssh::Session& session, const LoginFacts& facts, const AgentProgram& program,
                               const LandingOptions& options);

// Candidate folders for the agent, in this order: two fixed folders, then the data root.
std::vector<std::string> landing_folders(const std::string& data_root);

// landing.sh with these values filled in: one line, for a login shell.
std::string landing_script(const Digest& digest, const std::vector<std::string>& folders,
                           const std::vector<std::string>& arguments, const std::string& marker);

}  // namespace sealift::agent
