// SPDX-License-Identifier: Apache-2.0
#include "runtime/node/renewal.h"

#include <algorithm>
#include <filesystem>
#include <optional>

#include "payload/base/file.h"
#include "payload/base/format.h"
#include "payload/base/text.h"
#include "payload/json/value.h"
#include "payload/trust/x509.h"
#include "runtime/node/pki.h"

namespace sealift::node {
namespace {

constexpr size_t kMaxPem = size_t{64} << 10;

// The address that a server's certificate is for, which is the node's; empty in tests on one machine.
std::string own_address(const std::string& folder) {
  const auto names = read_pair(pair_path(folder, "server"))
                         .and_then([](const Pair& pair) { return trust::describe(pair.certificate); })
                         .transform([](const trust::Description& server) { return server.names.ip; })
                         .value_or(std::vector<std::string>());
  const auto found = std::ranges::find_if(names, [](const std::string& ip) { return ip != "127.0.0.1"; });
  return found == names.end() ? std::string() : *found;
}

std::string sorted(std::vector<std::string> texts) {
  std::ranges::sort(texts);
  return base::join(texts, ", ");
}

// "w1 (10.7.0.21, 127.0.0.1)"
std::string text_of(const trust::Names& names) {
  auto others = names.dns;
  others.append_range(names.ip);
  return base::printable(base::format("{} ({})", names.common_name, sorted(std::move(others))));
}

Result<void> check_successor(const trust::Description& before, const trust::Description& after, Clock& clock) {
  if (after.names.common_name != before.names.common_name || sorted(after.names.ip) != sorted(before.names.ip) ||
      sorted(after.names.dns) != sorted(before.names.dns))
    return fail(ErrorCode::untrusted, "the new certificate is for {}, not for {} as the present one",
                text_of(after.names), text_of(before.names));
  const auto now = clock.now();
  if (now < after.validity.not_before || now >= after.validity.not_after)
    return fail(ErrorCode::untrusted,
                "the new certificate is valid from {} to {}, which is not now: compare the clocks of this host and of "
                "the authority's",
                base::to_iso8601(after.validity.not_before), base::to_iso8601(after.validity.not_after));
  if (after.validity.not_after <= before.validity.not_after)
    return fail(ErrorCode::untrusted,
                "the new certificate ends no later than the present one: the clock of the "
                "authority's host is behind");
  return {};
}

class Renewal {
 public:
  Renewal(const RenewalOptions& options, Clock& clock) : options_(options), clock_(clock) {}

  // What was done, if it was due.
  Result<std::optional<std::string>> renew(std::string_view usage) {
    const auto path = pair_path(options_.folder, usage);
    SEALIFT_ASSIGN(const auto present, read_pair(path));
    SEALIFT_ASSIGN(const auto before, trust::describe(present.certificate));
    if (!trust::is_due(before.validity, clock_.now())) return std::nullopt;
    SEALIFT_ASSIGN(auto key, trust::generate_key());
    SEALIFT_ASSIGN(const auto authority, base::read_text_file(options_.folder + "/ca.crt", kMaxPem));
    auto target = base::format("/v1/renew?usage={}&publicKey={}", usage, http::percent_encode(key.public_pem));
    if (usage == "people") target += "&present=" + http::percent_encode(present.certificate);
    SEALIFT_ASSIGN(Pair pair, ask(target, authority));
    SEALIFT_TRY(trust::check_issued(pair.certificate, authority, key.public_pem));
    SEALIFT_ASSIGN(const auto after, trust::describe(pair.certificate));
    SEALIFT_TRY(check_successor(before, after, clock_));
    pair.key = std::move(key.private_pem);
    SEALIFT_TRY(write_pair(path, pair));
    return base::format("the {} certificate is renewed, until {}", usage, base::to_iso8601(after.validity.not_after));
  }

 private:
  // The certificate; the pair's key is still empty. Errors: the last authority's.
  Result<Pair> ask(const std::string& target, const std::string& authority) {
    Result<Pair> out = fail(ErrorCode::invalid_config, "no authority is named");
    for (const auto& at : options_.authorities) {
      out = ask(at, target, authority);
      if (out) break;
    }
    return out;
  }

  Result<Pair> ask(const http::Origin& at, const std::string& target, const std::string& authority) {
    SEALIFT_ASSIGN(const auto own, read_pair(pair_path(options_.folder, "client")));
    http::ClientOptions client{authority, own.certificate, own.key};
    client.source = own_address(options_.folder);
    const auto reply = http::Client(at, std::move(client)).get(target, {});
    if (!reply) return fail_while(reply.error(), "asking the authority at " + at.text());
    if (reply->status != 200)
      return fail(ErrorCode::untrusted, "the authority at {} refuses with {}: {}", at.text(), reply->status,
                  base::printable(base::trim(reply->text)));
    return Pair{reply->text, {}};
  }

  const RenewalOptions& options_;
  Clock& clock_;
};

// Of a run that was killed while it wrote.
void remove_remains(const std::string& folder) {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(folder + "/node", ignored)) {
    if (entry.path().filename().string().contains(".pem.tmp.")) std::filesystem::remove(entry.path(), ignored);
  }
}

}  // namespace

Result<std::vector<http::Origin>> parse_authorities(std::string_view text) {
  SEALIFT_ASSIGN(const auto value, json::parse(text));
  std::vector<http::Origin> out;
  const auto* list = value.find("authorities");
  if (list == nullptr || !list->is_array() || list->elements()->empty())
    return fail(ErrorCode::invalid_config, "\"authorities\" must be a list that is not empty");
  for (const auto& element : *list->elements()) {
    if (element.string() == nullptr) return fail(ErrorCode::invalid_config, "an authority must be a text");
    SEALIFT_ASSIGN(auto url, http::parse_url("https://" + *element.string()));
    out.push_back(std::move(url.origin));
  }
  return out;
}

std::vector<Result<std::string>> renew(const RenewalOptions& options, Clock& clock) {
  remove_remains(options.folder);
  std::vector<Result<std::string>> out;
  for (const auto usage : kUsages) {
    std::error_code ignored;
    if (usage == "people" && !std::filesystem::exists(pair_path(options.folder, usage), ignored)) continue;
    auto done = Renewal(options, clock).renew(usage);
    if (!done)
      out.emplace_back(fail_while(std::move(done).error(), base::format("renewing the {} certificate", usage)));
    else if (*done)
      out.emplace_back(std::move(**done));
  }
  return out;
}

}  // namespace sealift::node
