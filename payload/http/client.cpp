// SPDX-License-Identifier: Apache-2.0
#include "payload/http/client.h"

#include <arpa/inet.h>
#include <mbedtls/oid.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "payload/base/address.h"
#include "payload/base/format.h"
#include "payload/base/text.h"
#include "payload/http/httplib.h"

namespace sealift::http {
namespace {

constexpr size_t kMaxText = size_t{4} << 20;
constexpr uint64_t kSendSize = uint64_t{256} << 10;  // of a body, at a time

httplib::Headers to_headers(const std::map<std::string, std::string>& headers) {
  httplib::Headers out;
  for (const auto& [name, value] : headers) out.emplace(name, value);
  return out;
}

Reply to_reply(const httplib::Response& response) {
  Reply out{response.status, {}, {}};
  for (const auto& [name, value] : response.headers) out.headers[base::to_lower(name)] = value;
  return out;
}

// Of a handshake that came to no end: who hangs up or says nothing is no stranger yet, and may be asked again.
std::optional<Error> unfinished_handshake(const httplib::Result& result, const std::string& where) {
  using httplib::tls::ErrorCode;
  if (result.error() != httplib::Error::SSLConnection) return std::nullopt;
  switch (static_cast<ErrorCode>(result.ssl_error())) {
    case ErrorCode::PeerClosed:
    case ErrorCode::SyscallError:
      return Error{sealift::ErrorCode::unreachable, where + " ended the connection during the TLS handshake", {}};
    case ErrorCode::WantRead:
    case ErrorCode::WantWrite:
      return Error{sealift::ErrorCode::timeout, where + " did not answer the TLS handshake in time", {}};
    default: return std::nullopt;
  }
}

Error to_error(const httplib::Result& result, const Origin& origin) {
  const std::string where = origin.text();
  if (auto unfinished = unfinished_handshake(result, where)) return std::move(*unfinished);
  const httplib::Error error = result.error();
  switch (error) {
    case httplib::Error::ConnectionTimeout:
    case httplib::Error::Timeout: return {ErrorCode::timeout, where + " did not answer in time", {}};
    case httplib::Error::SSLConnection:
    case httplib::Error::SSLLoadingCerts:
    case httplib::Error::SSLServerVerification:
    case httplib::Error::SSLServerHostnameVerification:
      return {ErrorCode::untrusted, where + ": no trusted TLS connection: " + httplib::to_string(error), {}};
    default: return {ErrorCode::unreachable, where + ": " + httplib::to_string(error), {}};
  }
}

// A reply whose body is collected.
Result<Reply> with_text(const httplib::Result& result, const Origin& origin, const std::string& target) {
  if (!result) return fail(to_error(result, origin));
  if (result->body.size() > kMaxText)
    return fail(ErrorCode::limit_exceeded, "{}{} answers more than {}", origin.text(), target,
                base::human_bytes(kMaxText));
  Reply reply = to_reply(*result);
  reply.text = result->body;
  return reply;
}

// RFC 6125: an address stands in a certificate as an address. mbedTLS would also take a DNS name of the same letters
// for it.
bool names_address(const mbedtls_x509_crt& certificate, std::string_view address) {
  for (const auto* name = &certificate.subject_alt_names; name != nullptr; name = name->next) {
    mbedtls_x509_subject_alternative_name read{};
    if (name->buf.p == nullptr || mbedtls_x509_parse_subject_alt_name(&name->buf, &read) != 0) continue;
    const auto& value = read.san.unstructured_name;
    const bool same =
        read.type == MBEDTLS_X509_SAN_IP_ADDRESS &&
        address == std::string_view(reinterpret_cast<const char*>(value.p), value.len);  // NOLINT(*-reinterpret-cast)
    mbedtls_x509_free_subject_alt_name(&read);
    if (same) return true;
  }
  return false;
}

// The bytes of an IPv4 or IPv6 address; empty for a name.
std::string address_bytes(const std::string& host) {
  std::string out(16, '\0');
  const int family = host.contains(':') ? AF_INET6 : AF_INET;
  if (::inet_pton(family, host.c_str(), out.data()) != 1) return {};
  out.resize(family == AF_INET ? 4 : 16);
  return out;
}

// If the server is named by an address, httplib 0.41 with mbedTLS checks no chain at all: it turns off mbedTLS's own
// check, takes "not checked" for "good", and compares addresses with common names. So the chain is verified again here.
httplib::SSLVerifierResponse check_certificate(httplib::tls::session_t session, httplib::tls::ctx_t context,
                                               const std::string& host) {
  auto* peer = const_cast<mbedtls_x509_crt*>(  // NOLINT(*-const-cast)
      mbedtls_ssl_get_peer_cert(&static_cast<httplib::tls::impl::MbedTlsSession*>(session)->ssl));
  auto* authorities = &static_cast<httplib::tls::impl::MbedTlsContext*>(context)->ca_chain;
  uint32_t problems = 0;
  const std::string address = address_bytes(host);
  const char* name = address.empty() ? host.c_str() : nullptr;
  const bool good = peer != nullptr &&
                    mbedtls_x509_crt_verify(peer, authorities, nullptr, name, &problems, nullptr, nullptr) == 0 &&
                    mbedtls_x509_crt_check_extended_key_usage(peer, MBEDTLS_OID_SERVER_AUTH,
                                                              MBEDTLS_OID_SIZE(MBEDTLS_OID_SERVER_AUTH)) == 0 &&
                    (name != nullptr || names_address(*peer, address));
  return good ? httplib::SSLVerifierResponse::NoDecisionMade : httplib::SSLVerifierResponse::CertificateRejected;
}

}  // namespace

std::string Origin::text() const {
  if (scheme == "unix") return "unix://" + host;
  return base::format("{}://{}:{}", scheme, base::bracketed(host), port);
}

Result<Url> parse_url(std::string_view text) {
  const size_t scheme = text.find("://");
  if (scheme != std::string_view::npos && text.find('@') < text.find_first_of("/?#", scheme + 3))  // it is not echoed
    return fail(ErrorCode::invalid_input,
                "a URL with a login in it (user:password@) is not taken; leave the login out");
  const auto refuse = [&] {
    return fail(ErrorCode::invalid_input, "\"{}\" is not an http or https URL", base::printable(text));
  };
  // They would end the request's line, or begin another header.
  if (std::ranges::any_of(text, [](unsigned char c) { return c <= ' ' || c == 0x7f; }))
    return fail(ErrorCode::invalid_input,
                "\"{}\" holds a blank or a control character; in a URL it is written as %20 and the like",
                base::printable(text));
  Url out;
  const size_t separator = text.find("://");
  if (separator == std::string_view::npos) return refuse();
  out.origin.scheme = base::to_lower(text.substr(0, separator));
  if (out.origin.scheme != "http" && out.origin.scheme != "https") return refuse();
  std::string_view rest = text.substr(separator + 3);
  const size_t end = std::min(rest.find_first_of("/?#"), rest.size());
  std::string_view authority = rest.substr(0, end);
  out.target = rest.substr(end, rest.find('#', end) - end);
  if (!out.target.starts_with('/')) out.target.insert(0, "/");
  out.origin.port = out.origin.scheme == "https" ? 443 : 80;
  const size_t bracket = authority.find(']');
  const size_t colon =
      authority.find(':', authority.starts_with('[') && bracket != std::string_view::npos ? bracket : 0);
  if (colon != std::string_view::npos) {
    const auto port = base::parse_u64(authority.substr(colon + 1));
    if (!port || *port == 0 || *port > 65535) return refuse();
    out.origin.port = static_cast<uint16_t>(*port);
    authority = authority.substr(0, colon);
  }
  if (authority.starts_with('[') && authority.ends_with(']')) authority = authority.substr(1, authority.size() - 2);
  if (authority.empty()) return refuse();
  out.origin.host = authority;
  return out;
}

std::string system_authorities() {
  if (const char* named = std::getenv("SSL_CERT_FILE"); named != nullptr && *named != '\0') return named;
  for (const char* path : {"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
                           "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem"}) {
    if (::access(path, R_OK) == 0) return path;
  }
  return {};
}

std::string percent_encode(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool unreserved = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                            c == '.' || c == '_' || c == '~';
    out += unreserved ? std::string(1, c) : base::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

struct Client::State {
  std::unique_ptr<httplib::ClientImpl> client;
  bool usable = true;
};

Client::Client(Origin origin, ClientOptions options) : origin_(std::move(origin)), state_(std::make_unique<State>()) {
  if (origin_.scheme == "https") {
    std::unique_ptr<httplib::SSLClient> client;
    if (options.certificate.empty()) {
      client = std::make_unique<httplib::SSLClient>(origin_.host, origin_.port);
    } else {
      const std::string key(options.key.reveal());
      client = std::make_unique<httplib::SSLClient>(
          origin_.host, origin_.port,
          httplib::SSLClient::PemMemory{options.certificate.c_str(), options.certificate.size(), key.c_str(),
                                        key.size(), nullptr});
    }
    client->enable_server_certificate_verification(true);
    client->set_session_verifier(
        [context = client->tls_context(), host = origin_.host](httplib::tls::session_t session) {
          return check_certificate(session, context, host);
        });
    if (options.authority.empty()) {
      client->set_ca_cert_path(system_authorities());
    } else {
      client->load_ca_cert_store(options.authority.c_str(), options.authority.size());
    }
    state_->usable = client->is_valid();
    state_->client = std::move(client);
  } else {
    state_->client = std::make_unique<httplib::ClientImpl>(origin_.host, origin_.port);
    if (origin_.scheme == "unix") state_->client->set_address_family(AF_UNIX);
  }
  auto& client = *state_->client;
  if (options.proxy) {
    client.set_proxy(options.proxy->origin.host, options.proxy->origin.port);
    if (!options.proxy->user.empty())
      client.set_proxy_basic_auth(options.proxy->user, std::string(options.proxy->password.reveal()));
  }
  if (!options.source.empty()) client.set_interface(options.source);
  client.set_keep_alive(true);
  client.set_tcp_nodelay(true);
  client.set_connection_timeout(options.connect_timeout);
  client.set_read_timeout(options.read_timeout);
  client.set_write_timeout(options.read_timeout);
  client.set_follow_location(false);
  client.set_decompress(false);
  client.set_path_encode(false);
}

Client::~Client() = default;
Client::Client(Client&&) noexcept = default;

void Client::stop() { state_->client->stop(); }

Result<Reply> Client::head(const std::string& target, const std::map<std::string, std::string>& headers) {
  if (!state_->usable) return fail(ErrorCode::untrusted, "{}: the client certificate can't be used", origin_.text());
  const auto result = state_->client->Head(target, to_headers(headers));
  if (!result) return fail(to_error(result, origin_));
  return to_reply(*result);
}

Result<Reply> Client::get(const std::string& target, const std::map<std::string, std::string>& headers) {
  base::MemorySink sink(kMaxText);
  SEALIFT_ASSIGN(auto reply, get_to(target, headers, sink));
  if (!sink.data().empty()) reply.text = base::as_text(sink.data());
  return reply;
}

Result<Reply> Client::post_form(const std::string& target, const std::map<std::string, std::string>& headers,
                                const Secret& form) {
  if (!state_->usable) return fail(ErrorCode::untrusted, "{}: the client certificate can't be used", origin_.text());
  const std::string_view body = form.reveal();
  const auto result =
      state_->client->Post(target, to_headers(headers), body.data(), body.size(), "application/x-www-form-urlencoded");
  return with_text(result, origin_, target);
}

Result<Reply> Client::send(const std::string& method, const std::string& target,
                           const std::map<std::string, std::string>& headers, const Body& body) {
  if (!state_->usable) return fail(ErrorCode::untrusted, "{}: the client certificate can't be used", origin_.text());
  std::optional<Error> refused;
  Bytes buffer(static_cast<size_t>(std::min(body.size, kSendSize)));
  const httplib::ContentProvider give = [&](size_t offset, size_t left, httplib::DataSink& sink) {
    const auto part = std::span(buffer).first(std::min(left, buffer.size()));
    if (auto read = body.read(offset, part); !read) {
      refused = std::move(read).error();
      return false;
    }
    sink.write(base::as_text(part).data(), part.size());  // httplib asks the sink itself whether that went well
    return true;
  };
  const auto all = to_headers(headers);
  auto& client = *state_->client;
  const auto result = method == "POST"  ? client.Post(target, all, body.size, give, body.type)
                      : method == "PUT" ? client.Put(target, all, body.size, give, body.type)
                                        : client.Patch(target, all, body.size, give, body.type);
  if (refused) return fail(std::move(*refused));
  return with_text(result, origin_, target);
}

Result<Reply> Client::get_to(const std::string& target, const std::map<std::string, std::string>& headers,
                             base::Sink& sink, const std::function<Result<void>(const Reply& head)>& on_head) {
  if (!state_->usable) return fail(ErrorCode::untrusted, "{}: the client certificate can't be used", origin_.text());
  std::optional<Error> refused;
  Reply reply;
  base::MemorySink other(kMaxText);
  const auto result = state_->client->Get(
      target, to_headers(headers),
      [&](const httplib::Response& response) {
        reply = to_reply(response);
        auto accepted = on_head ? on_head(reply) : Result<void>{};
        if (!accepted) refused = std::move(accepted).error();
        return !refused;
      },
      [&](const char* data, size_t size) {
        base::Sink& to = reply.status == 200 || reply.status == 206 ? sink : static_cast<base::Sink&>(other);
        auto written = to.write(std::as_bytes(std::span(data, size)));
        if (!written) refused = std::move(written).error();
        return !refused;
      });
  if (refused) return fail(std::move(*refused));
  if (!result) return fail(to_error(result, origin_));
  if (result->status == 204 || result->status == 304) return to_reply(*result);  // they have no body, nor a receiver
  if (reply.status == 0) {  // no response from the server: this is the proxy's own answer to CONNECT
    return fail(result->status == 407 ? ErrorCode::auth_failed : ErrorCode::unreachable,
                "{}: the proxy refuses with {} {}", origin_.text(), result->status, result->reason);
  }
  reply.text = base::as_text(other.data());
  return reply;
}

}  // namespace sealift::http
