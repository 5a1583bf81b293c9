// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/people_files.h"

#include <algorithm>

#include "payload/base/format.h"
#include "payload/trust/password_hash.h"
#include "runtime/steps/certificates.h"
#include "runtime/steps/node_service.h"
#include "runtime/steps/service_units.h"

namespace sealift::steps {
namespace {

constexpr std::string_view kUsers = "users", kSitePair = "site.pem";
constexpr size_t kMaxFile = size_t{64} << 10;
constexpr host::FileSpec kForRoot{0600, 0, 0};

std::string path_of(std::string_view file) { return base::format("{}/{}", kPeopleFolder, file); }

// The passwords are not among them: whether they are right is seen on the host.
Digest inputs_of(const config::RegistryDomain& domain) {
  std::string users;
  for (const auto& reader : domain.readers) users += reader.user + "\n";
  return digest_of({"people", domain.certificate, users});
}

Result<bool> is_for_root(host::HostView& host, const std::string& path) {
  SEALIFT_ASSIGN(const auto status, host.stat(path));
  return status && status->type == host::FileType::regular && status->spec == kForRoot;
}

}  // namespace

bool has_people_door(const Model& model, const Node& node) {
  return model.config.registry.domain && model.is_registry_host(node);
}

std::string people_endpoint(const Model& model, const Node& node) {
  return endpoint(node.ip, model.config.registry.domain->port);
}

std::string people_certificate(const config::RegistryDomain& domain) {
  return domain.certificate.empty() ? pair_path("people") : path_of(kSitePair);
}

PeopleFilesStep::PeopleFilesStep(const Model& model, const Node& node)
    : BasicStep("files.people", base::format("let the readers of {} in", model.config.registry.domain->name),
                inputs_of(*model.config.registry.domain)),
      domain_(*model.config.registry.domain),
      program_(node_program(model, node).value_or("")) {}

// Of the same users, each with the password that cluster.yaml names, hashed as today.
Result<bool> PeopleFilesStep::has_users(host::HostView& host) const {
  SEALIFT_ASSIGN(const bool right_mode, is_for_root(host, std::string(kUsersFile)));
  if (!right_mode) return false;
  SEALIFT_ASSIGN(const auto text, host.read(std::string(kUsersFile), kMaxFile));
  const auto users = text ? trust::parse_users_file(base::as_text(*text)) : std::vector<trust::PasswordHash>();
  if (!users || users->size() != domain_.readers.size()) return false;
  return std::ranges::all_of(domain_.readers, [&](const config::RegistryLogin& reader) {
    const auto kept = std::ranges::find(*users, reader.user, &trust::PasswordHash::user);
    return kept != users->end() && kept->rounds == trust::kPasswordRounds && trust::is_password(*kept, reader.password);
  });
}

// As runtime/node/pki.h has a pair.
Secret PeopleFilesStep::site_pair() const {
  return Secret(base::format("{}{}{}", domain_.key.reveal(), domain_.key.reveal().ends_with('\n') ? "" : "\n",
                             domain_.certificate));
}

Result<bool> PeopleFilesStep::has_certificate(host::HostView& host) const {
  const auto path = path_of(kSitePair);
  if (domain_.certificate.empty()) return exists(host, path).transform([](bool there) { return !there; });
  SEALIFT_ASSIGN(const bool right_mode, is_for_root(host, path));
  if (!right_mode) return false;
  SEALIFT_ASSIGN(const auto digest, host.digest(path));
  return digest == hash::sha256(base::as_bytes(site_pair().reveal()));
}

Result<engine::StepState> PeopleFilesStep::check(const engine::LookContext& context) {
  SEALIFT_ASSIGN(const bool certificate, has_certificate(context.host));
  if (!certificate) return engine::StepState::needed;
  SEALIFT_ASSIGN(const bool users, has_users(context.host));
  return users ? engine::StepState::done : engine::StepState::needed;
}

Result<void> PeopleFilesStep::put(engine::StepContext& context, const std::string& file, const Secret& content) const {
  const base::Command command{
      {program_, "node", "pki", "put", "--dir", std::string(kPkiDirectory), "--file", file}, {}, "/", {}};
  base::CommandIo io;
  io.input = base::as_bytes(content.reveal());
  return base::output_of(command, context.host.run(command, io, reason(), context.cancel))
      .transform([](const std::string&) {});
}

Result<void> PeopleFilesStep::apply(engine::StepContext& context) {
  SEALIFT_TRY(context.host.make_directory(std::string(kPeopleFolder), {0700, 0, 0}, reason()));
  SEALIFT_ASSIGN(const bool certificate, has_certificate(context.host));
  if (!certificate && domain_.certificate.empty())
    SEALIFT_TRY(context.host.take_away(host::Trace::Kind::path, path_of(kSitePair), reason()));
  else if (!certificate)
    SEALIFT_TRY(put(context, std::string(kSitePair), site_pair()));
  SEALIFT_ASSIGN(const bool right, has_users(context.host));
  if (right) return {};
  std::vector<trust::PasswordHash> users;
  for (const auto& reader : domain_.readers) {
    SEALIFT_ASSIGN(auto user, trust::hash_password(reader.user, reader.password));
    users.push_back(std::move(user));
  }
  return put(context, std::string(kUsers), Secret(trust::to_users_file(users)));
}

}  // namespace sealift::steps
