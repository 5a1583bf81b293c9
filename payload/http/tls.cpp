// SPDX-License-Identifier: Apache-2.0
#include "payload/http/tls.h"

#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#include <mbedtls/pem.h>
#include <mbedtls/pk.h>
#include <mbedtls/ssl.h>
#include <mbedtls/x509_crt.h>
#include <psa/crypto.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <string>
#include <utility>

namespace sealift::http {
namespace {

Moved moved(int result) {
  if (result == MBEDTLS_ERR_SSL_WANT_READ) return {Moved::State::wants_read};
  if (result == MBEDTLS_ERR_SSL_WANT_WRITE) return {Moved::State::wants_write};
  if (result < 0) return {Moved::State::ended};
  return {Moved::State::done, static_cast<size_t>(result)};
}

// mbedTLS wants PEM with its final NUL counted.
const unsigned char* pem_bytes(const std::string& text) {
  return reinterpret_cast<const unsigned char*>(text.c_str());
}  // NOLINT(*-reinterpret-cast)

}  // namespace

struct TlsSettings {
  mbedtls_ssl_config config{};
  mbedtls_entropy_context entropy{};
  mbedtls_ctr_drbg_context random{};
  mbedtls_x509_crt certificate{}, authority{};
  mbedtls_pk_context key{};
  bool demands_certificates = false;

  TlsSettings() {
    mbedtls_ssl_config_init(&config);
    mbedtls_entropy_init(&entropy);
    mbedtls_ctr_drbg_init(&random);
    mbedtls_x509_crt_init(&certificate);
    mbedtls_x509_crt_init(&authority);
    mbedtls_pk_init(&key);
  }
  TlsSettings(const TlsSettings&) = delete;
  TlsSettings& operator=(const TlsSettings&) = delete;
  ~TlsSettings() {
    mbedtls_ssl_config_free(&config);
    mbedtls_pk_free(&key);
    mbedtls_x509_crt_free(&authority);
    mbedtls_x509_crt_free(&certificate);
    mbedtls_ctr_drbg_free(&random);
    mbedtls_entropy_free(&entropy);
  }

  // 0, or mbedTLS's error; so is what the next ones return.
  int set_up(int side) {
    int code = psa_crypto_init() == PSA_SUCCESS ? 0 : MBEDTLS_ERR_SSL_HW_ACCEL_FAILED;
    if (code == 0) code = mbedtls_ctr_drbg_seed(&random, mbedtls_entropy_func, &entropy, nullptr, 0);
    if (code == 0)
      code = mbedtls_ssl_config_defaults(&config, side, MBEDTLS_SSL_TRANSPORT_STREAM, MBEDTLS_SSL_PRESET_DEFAULT);
    mbedtls_ssl_conf_rng(&config, mbedtls_ctr_drbg_random, &random);
    mbedtls_ssl_conf_min_tls_version(&config, MBEDTLS_SSL_VERSION_TLS1_2);
    mbedtls_ssl_conf_authmode(&config, MBEDTLS_SSL_VERIFY_NONE);
    return code;
  }

  int set_up_server(const TlsIdentity& identity) {
    int code = set_up(MBEDTLS_SSL_IS_SERVER);
    if (code != 0) return code;
    const std::string pem(identity.key.reveal());
    code = mbedtls_x509_crt_parse(&certificate, pem_bytes(identity.certificate), identity.certificate.size() + 1);
    if (code == 0)
      code = mbedtls_pk_parse_key(&key, pem_bytes(pem), pem.size() + 1, nullptr, 0, mbedtls_ctr_drbg_random, &random);
    if (code == 0) code = mbedtls_pk_check_pair(&certificate.pk, &key, mbedtls_ctr_drbg_random, &random);
    if (code == 0) code = mbedtls_ssl_conf_own_cert(&config, &certificate, &key);
    if (code != 0 || identity.authority.empty()) return code;
    code = mbedtls_x509_crt_parse(&authority, pem_bytes(identity.authority), identity.authority.size() + 1);
    mbedtls_ssl_conf_ca_chain(&config, &authority, nullptr);
    mbedtls_ssl_conf_authmode(&config, MBEDTLS_SSL_VERIFY_REQUIRED);
    demands_certificates = true;
    return code;
  }
};

TlsServer::TlsServer(std::shared_ptr<TlsSettings> settings) : settings_(std::move(settings)) {}
TlsServer::~TlsServer() = default;
bool TlsServer::demands_certificates() const { return settings_->demands_certificates; }

Result<std::unique_ptr<TlsServer>> TlsServer::make(const TlsIdentity& identity) {
  auto settings = std::make_shared<TlsSettings>();
  if (settings->set_up_server(identity) != 0)
    return fail(ErrorCode::untrusted, "the certificate, key or authority of the server can't be used");
  return std::unique_ptr<TlsServer>(new TlsServer(std::move(settings)));
}

TlsStranger::TlsStranger(std::shared_ptr<TlsSettings> settings) : settings_(std::move(settings)) {}
TlsStranger::~TlsStranger() = default;

Result<std::unique_ptr<TlsStranger>> TlsStranger::make() {
  auto settings = std::make_shared<TlsSettings>();
  if (settings->set_up(MBEDTLS_SSL_IS_CLIENT) != 0)
    return fail(ErrorCode::io, "TLS can't be used: there is no randomness");
  return std::unique_ptr<TlsStranger>(new TlsStranger(std::move(settings)));
}

namespace {

struct Link {
  int socket = -1;
  size_t allowed = SIZE_MAX;  // bytes to be read
  TlsSession::Heard heard = {};

  // mbedTLS's error for an attempt that has failed.
  int failed(int later) {
    if (errno == EAGAIN || errno == EINTR) return later;
    heard.end = errno;
    return MBEDTLS_ERR_SSL_INTERNAL_ERROR;
  }
};

int send_some(void* context, const unsigned char* data, size_t size) {
  auto& link = *static_cast<Link*>(context);
  const ssize_t count = ::send(link.socket, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
  return count >= 0 ? static_cast<int>(count) : link.failed(MBEDTLS_ERR_SSL_WANT_WRITE);
}

int receive_some(void* context, unsigned char* data, size_t size) {
  auto& link = *static_cast<Link*>(context);
  if (link.allowed == 0) return 0;
  const ssize_t count = ::recv(link.socket, data, std::min(size, link.allowed), MSG_DONTWAIT);
  if (count < 0) return link.failed(MBEDTLS_ERR_SSL_WANT_READ);
  if (count == 0) link.heard.end = 0;
  link.allowed -= static_cast<size_t>(count);
  link.heard.bytes += static_cast<size_t>(count);
  return static_cast<int>(count);
}

}  // namespace

struct TlsSession::State {
  mbedtls_ssl_context ssl{};
  const std::shared_ptr<const TlsSettings> settings;  // which `ssl` uses
  Link link;

  State(std::shared_ptr<const TlsSettings> shared, int fd) : settings(std::move(shared)), link{fd} {
    mbedtls_ssl_init(&ssl);
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() { mbedtls_ssl_free(&ssl); }
};

TlsSession::TlsSession(std::unique_ptr<State> state) : state_(std::move(state)) {}
TlsSession::~TlsSession() = default;

std::unique_ptr<TlsSession> TlsSession::make(std::shared_ptr<const TlsSettings> settings, int socket) {
  auto state = std::make_unique<State>(std::move(settings), socket);
  if (mbedtls_ssl_setup(&state->ssl, &state->settings->config) != 0) return nullptr;
  mbedtls_ssl_set_bio(&state->ssl, &state->link, send_some, receive_some, nullptr);
  return std::unique_ptr<TlsSession>(new TlsSession(std::move(state)));
}

std::unique_ptr<TlsSession> TlsSession::make(const TlsServer& server, int socket) {
  return make(server.settings_, socket);
}

std::unique_ptr<TlsSession> TlsSession::make(const TlsStranger& client, int socket) {
  return make(client.settings_, socket);
}

TlsSession::Heard TlsSession::heard() const { return state_->link.heard; }

void TlsSession::allow(size_t bytes) { state_->link.allowed = bytes; }

Moved TlsSession::handshake() { return moved(mbedtls_ssl_handshake(&state_->ssl)); }

Moved TlsSession::read(std::span<std::byte> buffer) {
  const int result = mbedtls_ssl_read(&state_->ssl, reinterpret_cast<unsigned char*>(buffer.data()),
                                      buffer.size());  // NOLINT(*-reinterpret-cast)
  return result == 0 ? Moved{Moved::State::ended} : moved(result);
}

Moved TlsSession::write(ByteView data) {
  return moved(mbedtls_ssl_write(&state_->ssl, reinterpret_cast<const unsigned char*>(data.data()),
                                 data.size()));  // NOLINT(*-reinterpret-cast)
}

void TlsSession::say_goodbye() { (void)mbedtls_ssl_close_notify(&state_->ssl); }

std::string TlsSession::client_certificate() const {
  const auto* peer = mbedtls_ssl_get_peer_cert(&state_->ssl);
  if (peer == nullptr) return {};
  std::string out(2 * peer->raw.len + 128, '\0');  // base64, its line breaks, header and footer
  size_t size = 0;
  auto* begin = reinterpret_cast<unsigned char*>(out.data());  // NOLINT(*-reinterpret-cast)
  if (mbedtls_pem_write_buffer("-----BEGIN CERTIFICATE-----\n", "-----END CERTIFICATE-----\n", peer->raw.p,
                               peer->raw.len, begin, out.size(), &size) != 0)
    return {};
  out.resize(size - 1);  // the zero byte is counted
  return out;
}

}  // namespace sealift::http
