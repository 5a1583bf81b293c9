// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/certificates.h"

#include <algorithm>
#include <array>

#include "payload/base/format.h"
#include "payload/json/value.h"
#include "runtime/engine/connections.h"
#include "runtime/steps/kubectl.h"
#include "runtime/steps/node_service.h"
#include "runtime/steps/people_files.h"
#include "runtime/steps/secret_files.h"

namespace sealift::steps {
namespace {

// The agent is the same program as the node service, and there before it.
constexpr std::string_view kAgentItself = "/proc/self/exe";
// As versions without renewal left them: certificates for 20 years, and keys in files of their own.
constexpr std::array<std::string_view, 4> kFormer{"server.crt", "server.key", "client.crt", "client.key"};

constexpr std::string_view kPeople = "people";
constexpr size_t kMaxBundle = size_t{64} << 10;

// Of the people's door, if it has a certificate of the authority.
std::string name_for_people(const Model& model, const Node& node) {
  const auto& domain = model.config.registry.domain;
  return has_people_door(model, node) && domain->certificate.empty() ? domain->name : std::string();
}

// Without a people's door it is what earlier versions have recorded.
Digest inputs_of(const Node& node, const std::string& people_name) {
  if (people_name.empty()) return digest_of({"server and client", node.name, node.ip});
  return digest_of({"server, client and people", node.name, node.ip, people_name});
}

bool is_first(const Model& model, const Node& node) { return node.name == model.any_control_plane().name; }

std::string in_pki(std::string_view file) { return base::format("{}/{}", kPkiDirectory, file); }

}  // namespace

std::string pair_path(std::string_view usage) { return base::format("{}/node/{}.pem", kPkiDirectory, usage); }

std::string bundle_path() { return in_pki("ca.crt"); }
std::string mirror_bundle_path() { return in_pki("node/ca.crt"); }

std::string Certificates::issuing() const {
  const auto found = std::ranges::find(authorities, true, &Authority::issues);
  return found == authorities.end() ? std::string() : found->id;
}

Result<Certificates> look_at_pki(host::HostView& host, const CancelToken& cancel) {
  const base::Command look{
      {std::string(kAgentItself), "node", "pki", "look", "--dir", std::string(kPkiDirectory)}, {}, "/", {}};
  SEALIFT_ASSIGN(const auto text, base::output_of(look, host.query(look, {}, cancel)));
  SEALIFT_ASSIGN(const auto value, json::parse(text, kHostJson));
  Certificates out;
  const auto *list = value.find("certificates"), *authorities = value.find("authorities");
  if (list == nullptr || !list->is_array()) return fail(ErrorCode::protocol, "node pki look: no list of certificates");
  if (authorities == nullptr || !authorities->is_array())
    return fail(ErrorCode::protocol, "node pki look: no list of authorities");
  for (const auto& one : *list->elements()) {
    CertificateLife life;
    SEALIFT_ASSIGN(life.usage, one.text("usage"));
    SEALIFT_ASSIGN(life.ends, one.text("ends"));
    SEALIFT_ASSIGN(life.percent_left, one.natural("percentLeft"));
    life.is_due = one.boolean_or("due", true);
    life.issuer = one.text_or("issuer", "");
    out.own.push_back(std::move(life));
  }
  for (const auto& one : *authorities->elements()) {
    Authority authority;
    SEALIFT_ASSIGN(authority.id, one.text("id"));
    authority.is_due = one.boolean_or("due", false);
    authority.issues = one.boolean_or("issues", false);
    out.authorities.push_back(std::move(authority));
  }
  out.next_waits = value.boolean_or("waits", false);
  return out;
}

Result<std::vector<CertificateLife>> look_at_certificates(host::HostView& host, const CancelToken& cancel) {
  return look_at_pki(host, cancel).transform([](Certificates all) { return std::move(all.own); });
}

Result<void> bring_bundle(host::HostView& from, const std::string& from_name, host::Host& to,
                          const host::Reason& reason) {
  SEALIFT_ASSIGN(const auto bundle, from.read(bundle_path(), kMaxBundle));
  if (!bundle) return fail(ErrorCode::not_found, "{} is missing on {}", bundle_path(), from_name);
  const Digest wanted = hash::sha256(*bundle);
  for (const auto& path : {mirror_bundle_path(), bundle_path()}) {
    SEALIFT_ASSIGN(const auto there, to.digest(path));
    if (there == wanted) continue;
    base::MemorySource source(*bundle);
    SEALIFT_TRY(to.write_atomic(path, {0644, 0, 0}, source, reason));
  }
  return {};
}

AuthorityStep::AuthorityStep(const Model& model, const Node& node, engine::StepId id)
    : BasicStep(std::move(id),
                is_first(model, node) ? "create the certificate authority for traffic between node services"
                                      : "bring the certificate authority for traffic between node services",
                digest_of({"authority", model.config.name})),
      program_(node_program(model, node).value_or("")),
      cluster_(model.config.name),
      from_(is_first(model, node) ? "" : model.any_control_plane().name) {}

Result<engine::StepState> AuthorityStep::check(const engine::LookContext& context) {
  for (const auto* file : {"ca.crt", "ca.key"}) {
    SEALIFT_ASSIGN(const bool there, exists(context.host, in_pki(file)));
    if (!there) return engine::StepState::needed;
  }
  if (from_.empty()) return engine::StepState::done;
  SEALIFT_ASSIGN(const auto first, context.others.view(from_, context.cancel));
  SEALIFT_ASSIGN(const auto own, context.host.digest(in_pki("ca.key")));
  SEALIFT_ASSIGN(const auto theirs, first->digest(in_pki("ca.key")));
  return own == theirs ? engine::StepState::done : engine::StepState::needed;
}

Result<void> AuthorityStep::apply(engine::StepContext& context) {
  SEALIFT_TRY(context.host.make_directory(std::string(kPkiDirectory), {0700, 0, 0}, reason()));
  if (!from_.empty()) {
    SEALIFT_ASSIGN(const auto first, context.others.connection(from_, nullptr, context.cancel));
    SEALIFT_TRY(context.host.make_directory(in_pki("node"), {0700, 0, 0}, reason()));
    SEALIFT_TRY(bring_bundle(*first, from_, context.host, reason()));
    const auto files = std::to_array<SecretFile>({{in_pki("ca.key")}});
    SEALIFT_ASSIGN(const auto own, context.host.digest(in_pki("ca.key")));
    SEALIFT_ASSIGN(const auto theirs, first->digest(in_pki("ca.key")));
    // The ledger would keep a copy of what is replaced.
    if (own && own != theirs) SEALIFT_TRY(context.host.take_away(host::Trace::Kind::path, in_pki("ca.key"), reason()));
    return bring_files(*first, from_, context.host, files, reason());
  }
  const base::Command command{
      {program_, "node", "pki", "make-ca", "--dir", std::string(kPkiDirectory), "--name", cluster_}, {}, "/", {}};
  return base::output_of(command, context.host.run(command, {}, reason(), context.cancel))
      .transform([](const std::string&) {});
}

CertificateStep::CertificateStep(const Model& model, const Node& node, Occasion occasion)
    : BasicStep(occasion == Occasion::delivery ? "pki.node" : "authority.certificates",
                occasion == Occasion::delivery ? "create the node's keys and sign its certificates"
                                               : "replace the certificates of a former authority",
                inputs_of(node, name_for_people(model, node))),
      program_(node_program(model, node).value_or("")),
      authority_program_(node_program(model, model.any_control_plane()).value_or("")),
      control_plane_(model.any_control_plane().name),
      name_(node.name),
      ip_(node.ip),
      has_people_door_(has_people_door(model, node)),
      occasion_(occasion),
      people_name_(name_for_people(model, node)) {}

// Whether this host and those whose certificates the first control plane has signed believe each other. A next
// authority that has not issued anything is no matter of this step.
Result<bool> CertificateStep::fits_authority(const engine::LookContext& context) {
  SEALIFT_ASSIGN(const auto first, context.others.view(control_plane_, context.cancel));
  SEALIFT_ASSIGN(const auto ours, context.host.digest(bundle_path()));
  SEALIFT_ASSIGN(const auto theirs, first->digest(bundle_path()));
  if (ours == theirs) return true;
  SEALIFT_ASSIGN(const auto here, look_at_pki(context.host, context.cancel));
  SEALIFT_ASSIGN(const auto there, look_at_pki(*first, context.cancel));
  return std::ranges::contains(here.authorities, there.issuing(), &Authority::id) &&
         std::ranges::all_of(here.authorities, [&](const Authority& one) {
           return std::ranges::contains(there.authorities, one.id, &Authority::id);
         });
}

Result<bool> CertificateStep::is_of_issuing(const engine::LookContext& context) {
  SEALIFT_ASSIGN(const auto first, context.others.view(control_plane_, context.cancel));
  SEALIFT_ASSIGN(const auto there, look_at_pki(*first, context.cancel));
  SEALIFT_ASSIGN(const auto own, look_at_certificates(context.host, context.cancel));
  return std::ranges::all_of(own, [&](const CertificateLife& one) { return one.issuer == there.issuing(); });
}

Result<engine::StepState> CertificateStep::check(const engine::LookContext& context) {
  if (occasion_ == Occasion::new_authority)
    return is_of_issuing(context).transform(
        [](bool same) { return same ? engine::StepState::done : engine::StepState::needed; });
  SEALIFT_ASSIGN(const auto files, context.host.list(std::string(kPkiDirectory)));
  const auto is_there = [&](std::string_view file) { return std::ranges::contains(files, file); };
  if (!is_there("ca.crt") || !is_there("node") || std::ranges::any_of(kFormer, is_there) ||
      (is_there(kPeople) && !has_people_door_))
    return engine::StepState::needed;
  SEALIFT_ASSIGN(const bool same, recorded(context));
  if (!same) return engine::StepState::needed;
  SEALIFT_ASSIGN(const bool for_mirror, exists(context.host, mirror_bundle_path()));
  if (!for_mirror) return engine::StepState::needed;
  SEALIFT_ASSIGN(const bool fits, fits_authority(context));
  if (!fits) return engine::StepState::needed;
  SEALIFT_ASSIGN(const auto certificates, look_at_certificates(context.host, context.cancel));
  const auto is_good = [&](std::string_view usage) {
    const auto found = std::ranges::find(certificates, usage, &CertificateLife::usage);
    return found != certificates.end() && !found->is_due && !found->issuer.empty();
  };
  const bool good = is_good("server") && is_good("client") &&
                    (people_name_.empty() ? !std::ranges::contains(certificates, kPeople, &CertificateLife::usage)
                                          : is_good(kPeople));
  return good ? engine::StepState::done : engine::StepState::needed;
}

Result<std::string> CertificateStep::pki(engine::StepContext& context, host::Host& host, std::vector<std::string> words,
                                         std::string_view input) {
  const auto& program = &host == &context.host ? program_ : authority_program_;
  words.insert(words.begin(), {program, "node", "pki"});
  words.insert(words.end(), {"--dir", std::string(kPkiDirectory)});
  const base::Command command{std::move(words), {}, "/", {}};
  base::CommandIo io;
  io.input = base::as_bytes(input);
  return base::output_of(command, host.run(command, io, reason(), context.cancel));
}

Result<void> CertificateStep::issue(engine::StepContext& context, host::Host& authority, const std::string& usage,
                                    std::vector<std::string> names) {
  SEALIFT_ASSIGN(const auto public_key, pki(context, context.host, {"make-key", "--usage", usage}));
  names.insert(names.begin(), {"issue", "--usage", usage, "--name", name_, "--addresses"});
  SEALIFT_ASSIGN(const auto certificate, pki(context, authority, std::move(names), public_key));
  return pki(context, context.host, {"install", "--usage", usage}, certificate).transform([](const std::string&) {});
}

Result<void> CertificateStep::issue_all(engine::StepContext& context, host::Host& authority) {
  SEALIFT_TRY(issue(context, authority, "server", {ip_ + ",127.0.0.1"}));
  SEALIFT_TRY(issue(context, authority, "client", {""}));
  return people_name_.empty() ? Result<void>{}
                              : issue(context, authority, std::string(kPeople), {ip_, "--dns", people_name_});
}

// Of what a program has written, no copy is kept.
Result<void> CertificateStep::remove_people_door(engine::StepContext& context) {
  const auto take = [&](const std::string& path) {
    return context.host.take_away(host::Trace::Kind::path, path, reason());
  };
  if (people_name_.empty()) SEALIFT_TRY(take(pair_path(kPeople)));
  if (!has_people_door_) SEALIFT_TRY(take(std::string(kPeopleFolder)));
  return {};
}

Result<void> CertificateStep::apply(engine::StepContext& context) {
  SEALIFT_ASSIGN(const auto authority, context.others.connection(control_plane_, nullptr, context.cancel));
  if (occasion_ == Occasion::new_authority) return issue_all(context, *authority);
  SEALIFT_TRY(context.host.make_directory(std::string(kPkiDirectory), {0700, 0, 0}, reason()));
  SEALIFT_TRY(context.host.make_directory(in_pki("node"), {0700, 0, 0}, reason()));
  SEALIFT_TRY(bring_bundle(*authority, control_plane_, context.host, reason()));
  SEALIFT_TRY(issue_all(context, *authority));
  SEALIFT_TRY(remove_people_door(context));
  // Nobody reads them any more once the mirror starts with its new unit, which this step causes.
  for (const auto file : kFormer) SEALIFT_TRY(context.host.remove(in_pki(file), reason()));
  return context.host.record(reason());
}

}  // namespace sealift::steps
