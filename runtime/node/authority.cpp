// SPDX-License-Identifier: Apache-2.0
#include "runtime/node/authority.h"

#include <cstdio>
#include <set>
#include <vector>

#include "payload/base/file.h"
#include "payload/base/format.h"
#include "payload/base/text.h"
#include "payload/trust/x509.h"
#include "runtime/node/pki.h"

namespace sealift::node {
namespace {

constexpr size_t kMaxPem = size_t{64} << 10;
constexpr std::string_view kLoopback = "127.0.0.1";

http::Response text(int status, std::string why) { return {status, {}, "text/plain", std::move(why) + "\n", {}}; }

Result<http::TlsIdentity> own_identity(const AuthorityOptions& options, Clock& clock) {
  http::TlsIdentity out;
  SEALIFT_ASSIGN(out.authority, base::read_text_file(options.folder + "/ca.crt", kMaxPem));
  SEALIFT_ASSIGN(const auto key, base::read_text_file(options.folder + "/ca.key", kMaxPem));
  SEALIFT_ASSIGN(auto own, trust::generate_key());
  const auto now = clock.now();
  SEALIFT_ASSIGN(out.certificate,
                 trust::issue(own.public_pem, trust::Usage::server, {"sealift authority", {}, {options.address}},
                              out.authority, Secret(key), {now - std::chrono::days{1}, now + std::chrono::days{7}}));
  out.key = std::move(own.private_pem);
  return out;
}

// What a request asks for, or why it can't be.
struct Wish {
  std::string usage, public_pem, present, refusal;
};

Wish wish_of(const http::Request& request) {
  static const std::set<std::string, std::less<>> kKnown{"usage", "publicKey", "present"};
  Wish out;
  for (const auto& [key, value] : request.query) {
    if (!kKnown.contains(key))
      out.refusal =
          base::format("\"{}\" can't be asked for: name and addresses are the caller's own", base::printable(key));
    (key == "usage" ? out.usage : key == "present" ? out.present : out.public_pem) = value;
  }
  if (out.refusal.empty() && (out.usage.empty() || out.public_pem.empty()))
    out.refusal = "usage and publicKey are wanted";
  return out;
}

// What else it may be reached by than addresses, as its present certificate says; only people use names.
Result<std::vector<std::string>> present_names(const AuthorityOptions& options, const Wish& wish,
                                               const std::string& node, Clock& clock) {
  if (wish.usage != "people") return std::vector<std::string>();
  SEALIFT_ASSIGN(const auto authority, base::read_text_file(options.folder + "/ca.crt", kMaxPem));
  SEALIFT_TRY(trust::check_issued(wish.present, authority));
  SEALIFT_ASSIGN(auto present, trust::describe(wish.present));
  const auto now = clock.now();
  if (present.names.common_name != node || now < present.validity.not_before || now >= present.validity.not_after)
    return fail(ErrorCode::untrusted, "the present certificate is another node's, or it is not valid now");
  return std::move(present.names.dns);
}

}  // namespace

Authority::Authority(AuthorityOptions options, Clock& clock)
    : options_(std::move(options)), clock_(clock), asked_(clock.monotonic()) {}

Result<std::unique_ptr<Authority>> Authority::open(AuthorityOptions options, Clock& clock) {
  std::unique_ptr<Authority> out(new Authority(std::move(options), clock));
  http::ServerOptions wanted{out->options_.address, out->options_.port, {}};
  SEALIFT_ASSIGN(wanted.tls, own_identity(out->options_, clock));
  if (out->options_.listener) wanted.listener = out->options_.listener->get();
  wanted.limits.requests = {.all = 16, .reserved = 12, .per_caller = 4};
  SEALIFT_ASSIGN(out->server_, http::Server::start(std::move(wanted), [door = out.get()](const http::Request& request) {
                   return door->answer(request);
                 }));
  return out;
}

Duration Authority::idle() const { return server_->answers() ? Duration{0} : clock_.monotonic() - asked_.load(); }

http::Response Authority::answer(const http::Request& request) {
  asked_ = clock_.monotonic();
  if (request.path != "/v1/renew") return text(404, "only /v1/renew is answered here");
  const auto wish = wish_of(request);
  if (!wish.refusal.empty()) return text(400, wish.refusal);
  const auto caller = trust::describe(request.client.certificate);
  if (!caller) return text(403, caller.error().text());
  const auto& name = caller->names.common_name;
  std::vector<std::string> addresses;
  if (wish.usage != "client") addresses = {request.client.address};
  if (wish.usage == "server" && request.client.address != kLoopback) addresses.emplace_back(kLoopback);
  auto issued = present_names(options_, wish, name, clock_).and_then([&](const std::vector<std::string>& dns) {
    return issue_certificate(options_.folder, wish.usage, wish.public_pem, name, addresses, clock_, dns);
  });
  const auto who = base::format("{} at {}", base::printable(name), request.client.address);
  if (!issued) {
    std::fprintf(stderr, "no %s certificate for %s: %s\n", base::printable(wish.usage).c_str(), who.c_str(),
                 issued.error().text().c_str());
    return text(400, issued.error().text());
  }
  std::printf("a new %s certificate for %s\n", wish.usage.c_str(), who.c_str());
  std::fflush(stdout);
  return {200, {}, "application/x-pem-file", std::move(*issued), {}};
}

}  // namespace sealift::node
