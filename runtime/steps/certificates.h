// SPDX-License-Identifier: Apache-2.0
//
// Keys and certificates of the node services, made by the node program on the hosts (runtime/node/pki.h). Only public
// keys and certificates travel.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "runtime/steps/basic_step.h"
#include "runtime/steps/model.h"

namespace sealift::steps {

// "/etc/sealift/pki/node/server.pem"
std::string pair_path(std::string_view usage);

// The bundle of the authorities that a host believes, for containerd and the programs of the agent; and the same for
// the mirror, which is shown the folder of the node's own certificates.
std::string bundle_path();
std::string mirror_bundle_path();

// How long one of a node's certificates lives on, by the node's own clock.
struct CertificateLife {
  std::string usage, ends;  // "server", "2027-11-27T12:00:00.000Z"
  uint64_t percent_left = 0;
  bool is_due = false;      // for renewal
  std::string issuer = {};  // Authority::id; empty if this host does not believe it
};
// One that a host believes.
struct Authority {
  std::string id;  // SHA-256 of its certificate
  bool is_due = false;
  bool issues = false;  // its key is here, and signs
};
struct Certificates {
  std::vector<CertificateLife> own;    // those that are there and can be used
  std::vector<Authority> authorities;  // the newest first
  bool next_waits = false;             // the key of one that is to take over is here
  // Authority::id; empty if it issues elsewhere.
  std::string issuing() const;
};
Result<Certificates> look_at_pki(host::HostView& host, const CancelToken& cancel);
Result<std::vector<CertificateLife>> look_at_certificates(host::HostView& host, const CancelToken& cancel);
// Writes the bundle of another host, in both places; bundle_path() last, so that it tells that both are there.
Result<void> bring_bundle(host::HostView& from, const std::string& from_name, host::Host& to,
                          const host::Reason& reason);

// The cluster's CA for traffic between node services: its key is made on the first control plane, and lies on every
// control plane (secret_files.h), so that certificates are renewed whichever of them is away.
class AuthorityStep final : public BasicStep {
 public:
  AuthorityStep(const Model& model, const Node& node, engine::StepId id = "pki.authority");
  Result<engine::StepState> check(const engine::LookContext& context) override;
  Result<void> apply(engine::StepContext& context) override;

 private:
  std::string program_, cluster_;
  std::string from_;  // the control plane that has it; empty: it is made here
};

// A node's own keys, made on the node, and their certificates, signed on the control plane: one for the mirror as a
// server, for this node's address and 127.0.0.1, one for the mirror as a client of others; on a registry host one for
// the people's door, unless the site brings it (people_files.h). Makes them anew if one is missing or due; the node
// itself renews them in time otherwise (sealift-renew.timer). What a people's door had that is wanted no more goes.
// Also if the host and the first control plane would not believe each other: it was away while the authority changed.
class CertificateStep final : public BasicStep {
 public:
  enum class Occasion { delivery, new_authority };  // new_authority: all of them, unless the one that issues has
  CertificateStep(const Model& model, const Node& node, Occasion occasion = Occasion::delivery);
  Result<engine::StepState> check(const engine::LookContext& context) override;
  Result<void> apply(engine::StepContext& context) override;

 private:
  Result<bool> fits_authority(const engine::LookContext& context);
  Result<bool> is_of_issuing(const engine::LookContext& context);
  Result<void> issue_all(engine::StepContext& context, host::Host& authority);
  Result<void> issue(engine::StepContext& context, host::Host& authority, const std::string& usage,
                     std::vector<std::string> names);
  Result<void> remove_people_door(engine::StepContext& context);
  Result<std::string> pki(engine::StepContext& context, host::Host& host, std::vector<std::string> words,
                          std::string_view input = {});
  std::string program_, authority_program_, control_plane_, name_, ip_;
  bool has_people_door_;
  Occasion occasion_;
  std::string people_name_;  // which its certificate is for; empty: it has none of the authority
};

}  // namespace sealift::steps
