// SPDX-License-Identifier: Apache-2.0
#include "payload/trust/x509.h"

#include <arpa/inet.h>
#include <mbedtls/ctr_drbg.h>
#include <mbedtls/ecp.h>
#include <mbedtls/entropy.h>
#include <mbedtls/error.h>
#include <mbedtls/oid.h>
#include <mbedtls/pk.h>
#include <mbedtls/x509_crt.h>

#include <array>
#include <cstring>

namespace sealift::trust {
namespace {

// Of mbedTLS's codes, which carry a detail in their lower bits.
bool is_unknown_kind(int code) {
  const int kind = -(-code & 0x7F80);
  return kind == MBEDTLS_ERR_PK_UNKNOWN_PK_ALG || kind == MBEDTLS_ERR_PK_UNKNOWN_NAMED_CURVE ||
         kind == MBEDTLS_ERR_X509_UNKNOWN_SIG_ALG || kind == MBEDTLS_ERR_PK_FEATURE_UNAVAILABLE;
}

std::unexpected<Error> refuse(std::string_view doing, int code) {
  if (is_unknown_kind(code))
    return fail(ErrorCode::untrusted,
                "{}: keys and signatures of its kind are not supported; RSA and ECDSA (P-256, "
                "P-384, P-521) are, Ed25519 is not",
                doing);
  std::array<char, 128> text{};
  mbedtls_strerror(code, text.data(), text.size());
  return fail(ErrorCode::untrusted, "{}: {}", doing, text.data());
}

// One of mbedTLS's C structures with its init and free.
template <class T, void (*Init)(T*), void (*Free)(T*)>
struct Owned {
  Owned() { Init(&value); }
  ~Owned() { Free(&value); }
  Owned(const Owned&) = delete;
  Owned& operator=(const Owned&) = delete;
  T* operator&() { return &value; }  // NOLINT(google-runtime-operator): behaves like the C structure
  T value;
};
using Key = Owned<mbedtls_pk_context, mbedtls_pk_init, mbedtls_pk_free>;
using Certificate = Owned<mbedtls_x509_crt, mbedtls_x509_crt_init, mbedtls_x509_crt_free>;
using Request = Owned<mbedtls_x509write_cert, mbedtls_x509write_crt_init, mbedtls_x509write_crt_free>;
using Entropy = Owned<mbedtls_entropy_context, mbedtls_entropy_init, mbedtls_entropy_free>;
using Drbg = Owned<mbedtls_ctr_drbg_context, mbedtls_ctr_drbg_init, mbedtls_ctr_drbg_free>;

struct Random {
  Result<void> seed() {
    const int code = mbedtls_ctr_drbg_seed(&drbg, mbedtls_entropy_func, &entropy, nullptr, 0);
    return code == 0 ? Result<void>{} : refuse("seeding the random generator", code);
  }
  Entropy entropy;
  Drbg drbg;
};

// mbedTLS requires PEM text to include its terminating zero byte.
const unsigned char* pem_bytes(const std::string& pem) {
  return reinterpret_cast<const unsigned char*>(pem.c_str());
}  // NOLINT(*-reinterpret-cast)

Result<void> parse_private(Key& key, const Secret& pem, Random& random) {
  const std::string text(pem.reveal());
  const int code =
      mbedtls_pk_parse_key(&key, pem_bytes(text), text.size() + 1, nullptr, 0, mbedtls_ctr_drbg_random, &random.drbg);
  return code == 0 ? Result<void>{} : refuse("reading a private key", code);
}
Result<void> parse_public(Key& key, std::string_view pem) {
  const std::string text(pem);
  const int code = mbedtls_pk_parse_public_key(&key, pem_bytes(text), text.size() + 1);
  return code == 0 ? Result<void>{} : refuse("reading a public key", code);
}
Result<void> parse_certificate(Certificate& certificate, std::string_view pem) {
  const std::string text(pem);
  const int code = mbedtls_x509_crt_parse(&certificate, pem_bytes(text), text.size() + 1);
  return code == 0 ? Result<void>{} : refuse("reading a certificate", code);
}

Result<std::string> public_pem(Key& key) {
  std::array<unsigned char, 1024> buffer{};
  const int code = mbedtls_pk_write_pubkey_pem(&key, buffer.data(), buffer.size());
  if (code != 0) return refuse("writing a public key", code);
  return std::string(reinterpret_cast<const char*>(buffer.data()));  // NOLINT(*-reinterpret-cast)
}

// X.509 GeneralizedTime digits: "20260131120000"
std::string x509_time(WallTime time) {
  std::string out;
  for (const char c : base::to_iso8601(time).substr(0, 19)) {
    if (c >= '0' && c <= '9') out += c;
  }
  return out;
}

Result<void> prepare(Request& request, const std::string& subject, const std::string& issuer, const Validity& validity,
                     Random& random) {
  mbedtls_x509write_crt_set_version(&request, MBEDTLS_X509_CRT_VERSION_3);
  mbedtls_x509write_crt_set_md_alg(&request, MBEDTLS_MD_SHA256);
  std::array<unsigned char, 16> serial{};
  int code = mbedtls_ctr_drbg_random(&random.drbg, serial.data(), serial.size());
  serial[0] &= 0x7f;  // a positive number
  serial[0] |= 0x40;  // without leading zeros
  if (code == 0) code = mbedtls_x509write_crt_set_serial_raw(&request, serial.data(), serial.size());
  if (code == 0) code = mbedtls_x509write_crt_set_subject_name(&request, subject.c_str());
  if (code == 0) code = mbedtls_x509write_crt_set_issuer_name(&request, issuer.c_str());
  if (code == 0)
    code = mbedtls_x509write_crt_set_validity(&request, x509_time(validity.not_before).c_str(),
                                              x509_time(validity.not_after).c_str());
  return code == 0 ? Result<void>{} : refuse("filling in a certificate", code);
}

Result<std::string> sign(Request& request, Random& random) {
  std::array<unsigned char, 8192> buffer{};
  const int code =
      mbedtls_x509write_crt_pem(&request, buffer.data(), buffer.size(), mbedtls_ctr_drbg_random, &random.drbg);
  if (code != 0) return refuse("signing a certificate", code);
  return std::string(reinterpret_cast<const char*>(buffer.data()));  // NOLINT(*-reinterpret-cast)
}

// A distinguished name's value may not contain its separators.
Result<std::string> common_name(std::string_view name) {
  if (name.empty() || name.size() > 64 || name.find_first_of(",=+\"\\<>;#\n") != std::string_view::npos) {
    return fail(ErrorCode::invalid_input, "\"{}\" can't stand in a certificate", name);
  }
  return "CN=" + std::string(name);
}

// The linked list that mbedTLS takes for subject alternative names; owns its bytes.
class AlternativeNames {
 public:
  Result<void> add(const Names& names) {
    for (const auto& dns : names.dns) add_entry(MBEDTLS_X509_SAN_DNS_NAME, dns);
    for (const auto& ip : names.ip) {
      std::array<unsigned char, 16> bytes{};
      const bool v6 = ip.contains(':');
      if (::inet_pton(v6 ? AF_INET6 : AF_INET, ip.c_str(), bytes.data()) != 1)
        return fail(ErrorCode::invalid_input, "\"{}\" is not an address", ip);
      add_entry(MBEDTLS_X509_SAN_IP_ADDRESS,
                std::string(reinterpret_cast<const char*>(bytes.data()), v6 ? 16 : 4));  // NOLINT(*-reinterpret-cast)
    }
    return {};
  }
  mbedtls_x509_san_list* head() {
    for (size_t i = 0; i < nodes_.size(); ++i) {
      auto& name = nodes_[i].node.san.unstructured_name;
      name.p = reinterpret_cast<unsigned char*>(texts_[i].data());  // NOLINT(*-reinterpret-cast)
      name.len = texts_[i].size();
      nodes_[i].next = i + 1 < nodes_.size() ? &nodes_[i + 1] : nullptr;
    }
    return nodes_.empty() ? nullptr : nodes_.data();
  }

 private:
  void add_entry(int type, std::string text) {
    mbedtls_x509_san_list node{};
    node.node.type = type;
    nodes_.push_back(node);
    texts_.push_back(std::move(text));
  }
  std::vector<mbedtls_x509_san_list> nodes_;
  std::vector<std::string> texts_;
};

Result<void> set_usage(Request& request, Usage usage) {
  int code = mbedtls_x509write_crt_set_key_usage(&request, MBEDTLS_X509_KU_DIGITAL_SIGNATURE);
  const std::string_view oid =
      usage == Usage::server ? std::string_view(MBEDTLS_OID_SERVER_AUTH) : std::string_view(MBEDTLS_OID_CLIENT_AUTH);
  mbedtls_asn1_sequence list{};
  list.buf = {MBEDTLS_ASN1_OID, oid.size(),
              reinterpret_cast<unsigned char*>(const_cast<char*>(oid.data()))};  // NOLINT: only read
  if (code == 0) code = mbedtls_x509write_crt_set_ext_key_usage(&request, &list);
  return code == 0 ? Result<void>{} : refuse("filling in a certificate", code);
}

WallTime wall_time(const mbedtls_x509_time& time) {
  const auto day = std::chrono::year(time.year) / time.mon / time.day;
  return std::chrono::sys_days(day) + std::chrono::hours(time.hour) + std::chrono::minutes(time.min) +
         std::chrono::seconds(time.sec);
}

std::string text_of(const mbedtls_x509_buf& bytes) {
  return {reinterpret_cast<const char*>(bytes.p), bytes.len};  // NOLINT(*-reinterpret-cast)
}

// The names' order stays.
void add_alternative(Names& names, const mbedtls_x509_buf& encoded) {
  mbedtls_x509_subject_alternative_name read{};
  if (encoded.p == nullptr || mbedtls_x509_parse_subject_alt_name(&encoded, &read) != 0) return;
  const auto& value = read.san.unstructured_name;
  if (read.type == MBEDTLS_X509_SAN_DNS_NAME) names.dns.push_back(text_of(value));
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (read.type == MBEDTLS_X509_SAN_IP_ADDRESS && (value.len == 4 || value.len == 16) &&
      ::inet_ntop(value.len == 4 ? AF_INET : AF_INET6, value.p, text.data(), text.size()) != nullptr)
    names.ip.emplace_back(text.data());
  mbedtls_x509_free_subject_alt_name(&read);
}

}  // namespace

Result<KeyPair> generate_key() {
  Random random;
  SEALIFT_TRY(random.seed());
  Key key;
  int code = mbedtls_pk_setup(&key, mbedtls_pk_info_from_type(MBEDTLS_PK_ECKEY));
  if (code == 0)
    code =
        mbedtls_ecp_gen_key(MBEDTLS_ECP_DP_SECP256R1, mbedtls_pk_ec(key.value), mbedtls_ctr_drbg_random, &random.drbg);
  std::array<unsigned char, 1024> buffer{};
  if (code == 0) code = mbedtls_pk_write_key_pem(&key, buffer.data(), buffer.size());
  if (code != 0) return refuse("making a key", code);
  KeyPair out{Secret(reinterpret_cast<const char*>(buffer.data())), {}};  // NOLINT(*-reinterpret-cast)
  explicit_bzero(buffer.data(), buffer.size());
  SEALIFT_ASSIGN(out.public_pem, public_pem(key));
  return out;
}

Result<std::string> public_key_of(const Secret& private_pem) {
  Random random;
  SEALIFT_TRY(random.seed());
  Key key;
  SEALIFT_TRY(parse_private(key, private_pem, random));
  return public_pem(key);
}

Result<std::string> make_authority(const Secret& private_pem, std::string_view name, const Validity& validity) {
  Random random;
  SEALIFT_TRY(random.seed());
  Key key;
  SEALIFT_TRY(parse_private(key, private_pem, random));
  SEALIFT_ASSIGN(const auto subject, common_name(name));
  Request request;
  SEALIFT_TRY(prepare(request, subject, subject, validity, random));
  mbedtls_x509write_crt_set_subject_key(&request, &key);
  mbedtls_x509write_crt_set_issuer_key(&request, &key);
  int code = mbedtls_x509write_crt_set_basic_constraints(&request, 1, 0);
  if (code == 0)
    code = mbedtls_x509write_crt_set_key_usage(&request, MBEDTLS_X509_KU_KEY_CERT_SIGN | MBEDTLS_X509_KU_CRL_SIGN);
  if (code == 0) code = mbedtls_x509write_crt_set_subject_key_identifier(&request);
  if (code != 0) return refuse("filling in a certificate", code);
  return sign(request, random);
}

Result<std::string> issue(std::string_view public_key, Usage usage, const Names& names, std::string_view authority_pem,
                          const Secret& authority_key_pem, const Validity& validity) {
  Random random;
  SEALIFT_TRY(random.seed());
  Key subject_key, authority_key;
  SEALIFT_TRY(parse_public(subject_key, public_key));
  SEALIFT_TRY(parse_private(authority_key, authority_key_pem, random));
  Certificate authority;
  SEALIFT_TRY(parse_certificate(authority, authority_pem));
  std::array<char, 512> issuer{};
  if (const int code = mbedtls_x509_dn_gets(issuer.data(), issuer.size(), &authority.value.subject); code < 0)
    return refuse("reading the authority's name", code);
  SEALIFT_ASSIGN(const auto subject, common_name(names.common_name));
  Request request;
  SEALIFT_TRY(prepare(request, subject, issuer.data(), validity, random));
  mbedtls_x509write_crt_set_subject_key(&request, &subject_key);
  mbedtls_x509write_crt_set_issuer_key(&request, &authority_key);
  SEALIFT_TRY(set_usage(request, usage));
  AlternativeNames alternatives;
  SEALIFT_TRY(alternatives.add(names));
  int code = mbedtls_x509write_crt_set_basic_constraints(&request, 0, -1);
  // RFC 5280 4.2.1.6: the extension, if present, holds at least one name.
  if (code == 0 && alternatives.head() != nullptr)
    code = mbedtls_x509write_crt_set_subject_alternative_name(&request, alternatives.head());
  if (code == 0) code = mbedtls_x509write_crt_set_authority_key_identifier(&request);
  if (code != 0) return refuse("filling in a certificate", code);
  return sign(request, random);
}

Result<void> check_issued(std::string_view certificate_pem, std::string_view authority_pem) {
  Certificate certificate, authority;
  SEALIFT_TRY(parse_certificate(certificate, certificate_pem));
  SEALIFT_TRY(parse_certificate(authority, authority_pem));
  uint32_t flags = 0;
  mbedtls_x509_crt_verify(&certificate, &authority, nullptr, nullptr, &flags, nullptr, nullptr);
  flags &= ~(uint32_t{MBEDTLS_X509_BADCERT_EXPIRED} | uint32_t{MBEDTLS_X509_BADCERT_FUTURE});
  if (flags != 0) return fail(ErrorCode::untrusted, "the certificate was not issued by this authority");
  return {};
}

Result<void> check_issued(std::string_view certificate_pem, std::string_view authority_pem,
                          std::string_view public_key) {
  SEALIFT_TRY(check_issued(certificate_pem, authority_pem));
  return check_key(certificate_pem, public_key);
}

Result<void> check_key(std::string_view certificate_pem, std::string_view public_key) {
  Certificate certificate;
  SEALIFT_TRY(parse_certificate(certificate, certificate_pem));
  std::array<unsigned char, 1024> buffer{};
  if (mbedtls_pk_write_pubkey_pem(&certificate.value.pk, buffer.data(), buffer.size()) != 0 ||
      std::string_view(reinterpret_cast<const char*>(buffer.data())) != public_key) {  // NOLINT(*-reinterpret-cast)
    return fail(ErrorCode::untrusted, "the certificate is for another key");
  }
  return {};
}

Result<Description> describe(std::string_view certificate_pem) {
  Certificate certificate;
  SEALIFT_TRY(parse_certificate(certificate, certificate_pem));
  Description out{{}, {wall_time(certificate.value.valid_from), wall_time(certificate.value.valid_to)}};
  for (const auto* name = &certificate.value.subject; name != nullptr; name = name->next) {
    if (MBEDTLS_OID_CMP(MBEDTLS_OID_AT_CN, &name->oid) == 0) out.names.common_name = text_of(name->val);
  }
  for (const auto* name = &certificate.value.subject_alt_names; name != nullptr; name = name->next)
    add_alternative(out.names, name->buf);
  return out;
}

bool is_due(const Validity& validity, WallTime now) {
  return validity.not_after - now < (validity.not_after - validity.not_before) / 3;
}

Result<Digest> fingerprint(std::string_view certificate_pem) {
  Certificate certificate;
  SEALIFT_TRY(parse_certificate(certificate, certificate_pem));
  return hash::sha256(std::as_bytes(std::span(certificate.value.raw.p, certificate.value.raw.len)));
}

}  // namespace sealift::trust
