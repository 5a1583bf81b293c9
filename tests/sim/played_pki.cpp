// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/played_pki.h"

#include <algorithm>

#include "payload/base/format.h"
#include "payload/base/text.h"

namespace sealift::sim {

using base::Command;
using base::CommandIo;
using base::ExitStatus;
using tests::FakeMachine;

namespace {

const std::string kFolder = "/etc/sealift/pki";
constexpr std::string_view kFirst = "authority", kBy = " by ", kKeyOf = "key of the ";

std::vector<std::string> authorities_in(const std::string& bundle) {
  std::vector<std::string> out;
  for (const auto line : base::split(bundle, '\n')) {
    if (!line.empty()) out.emplace_back(line);
  }
  return out;
}

// "key of the authority 2": "authority 2"
std::string authority_of(const std::string& key) {
  return key.starts_with(kKeyOf) ? key.substr(kKeyOf.size()) : std::string();
}

Result<ExitStatus> make_next(FakeMachine& self) {
  const auto bundle = text_of(self, kFolder + "/ca.crt"), next = kFolder + "/ca.next.key";
  const auto present = authorities_in(bundle).front();
  const auto number = present == kFirst ? 1 : std::stoi(present.substr(kFirst.size() + 1));
  const auto name = base::format("{} {}", kFirst, number + 1);
  if (!self.world.files.contains(next)) put(self, next, std::string(kKeyOf) + name);
  SEALIFT_TRY(self.inside("node pki make-next"));
  put(self, kFolder + "/ca.crt", name + "\n" + bundle);
  return good();
}

Result<ExitStatus> promote(FakeMachine& self) {
  const auto next = kFolder + "/ca.next.key";
  if (!self.world.files.contains(next)) return good();
  put(self, kFolder + "/ca.key", text_of(self, next));
  self.world.files.erase(next);
  return good();
}

}  // namespace

std::string issuer_of(const FakeMachine& machine, const std::string& usage) {
  const auto pair = text_of(machine, base::format("{}/node/{}.pem", kFolder, usage));
  if (pair.empty()) return {};
  const size_t by = pair.rfind(kBy);
  return by == std::string::npos ? std::string(kFirst) : pair.substr(by + kBy.size());
}

bool believes(const FakeMachine& self, const FakeMachine& other, const std::string& bundle, const std::string& usage) {
  return std::ranges::contains(authorities_in(text_of(self, kFolder + "/" + bundle)), issuer_of(other, usage));
}

// A pair that begins with "old " has a fifth of its life left.
Result<ExitStatus> look_at_pairs(FakeMachine& self, const Command& command) {
  if (!has(command, "look")) return bad("not played: " + command.text());
  const auto authorities = authorities_in(text_of(self, kFolder + "/ca.crt"));
  const auto issuing = authority_of(text_of(self, kFolder + "/ca.key"));
  std::string list, out;
  for (const auto& authority : authorities) {
    list +=
        base::format(R"({}{{"id":"{}","ends":"2046-01-01T00:00:00.000Z","percentLeft":99,"due":false,"issues":{}}})",
                     list.empty() ? "" : ",", authority, authority == issuing);
  }
  for (const auto* usage : {"server", "client", "people"}) {
    const auto file = self.world.files.find(base::format("{}/node/{}.pem", kFolder, usage));
    if (file == self.world.files.end()) continue;
    const bool old = base::as_text(file->second.content).starts_with("old ");
    const auto issuer = issuer_of(self, usage);
    out += base::format(
        R"({}{{"usage":"{}","ends":"2027-01-01T00:00:00.000Z","percentLeft":{},"due":{},"issuer":"{}"}})",
        out.empty() ? "" : ",", usage, old ? 20 : 99, old, std::ranges::contains(authorities, issuer) ? issuer : "");
  }
  return good(base::format(R"({{"authorities":[{}],"certificates":[{}],"waits":{}}})", list, out,
                           self.world.files.contains(kFolder + "/ca.next.key")));
}

Result<ExitStatus> node_pki(FakeMachine& self, const Command& command, const CommandIo& io) {
  if (!self.world.files.contains(command.argv.front()))
    return fail(ErrorCode::not_found, "{}: not there", command.argv.front());
  const std::string own = base::format("{}/node/{}", kFolder, after(command, "--usage"));
  if (has(command, "make-ca")) {
    put(self, kFolder + "/ca.crt", kFirst);
    SEALIFT_TRY(self.inside("node pki make-ca"));
    put(self, kFolder + "/ca.key", std::string(kKeyOf) + std::string(kFirst));
    return good();
  }
  if (has(command, "make-next")) return make_next(self);
  if (has(command, "promote")) return promote(self);
  if (has(command, "retire")) {
    put(self, kFolder + "/ca.crt", authority_of(text_of(self, kFolder + "/ca.key")));
    return good();
  }
  if (has(command, "make-key")) {
    put(self, own + ".next", "key of " + self.name());
    return good("public key of " + self.name());
  }
  if (has(command, "put")) {
    put(self, base::format("{}/people/{}", kFolder, after(command, "--file")), base::as_text(io.input));
    return good();
  }
  if (has(command, "install")) {
    if (!self.world.files.contains(own + ".next")) return bad("no key waits");
    put(self, own + ".pem", "key of " + self.name() + ", " + std::string(base::as_text(io.input)));
    self.world.files.erase(own + ".next");
    return good();
  }
  const auto authority = authority_of(text_of(self, kFolder + "/ca.key"));
  return good(base::format("{} certificate of {} for {}{}", after(command, "--usage"), after(command, "--name"),
                           base::as_text(io.input), authority == kFirst ? "" : std::string(kBy) + authority));
}

}  // namespace sealift::sim
