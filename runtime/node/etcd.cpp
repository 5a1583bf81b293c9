// SPDX-License-Identifier: Apache-2.0
#include "runtime/node/etcd.h"

#include <cstring>
#include <format>

#include "payload/base/file.h"
#include "payload/base/text.h"
#include "payload/http/client.h"
#include "payload/json/value.h"

namespace sealift::node {
namespace {

constexpr size_t kMaxPem = size_t{64} << 10;
constexpr json::Limits kAnswer{.bytes = size_t{1} << 20, .depth = 16};
constexpr Duration kPatience{10'000};

Result<http::Reply> ask(const EtcdAccess& access, const std::string& endpoint, const std::string& target,
                        const json::Value& question) {
  SEALIFT_ASSIGN(const auto url, http::parse_url(endpoint));
  http::ClientOptions options;
  options.authority = access.authority;
  options.certificate = access.certificate;
  options.key = access.key;
  options.connect_timeout = options.read_timeout = kPatience;
  http::Client client(url.origin, std::move(options));
  const std::string text = json::to_canonical(question);
  const http::Body body{"application/json", text.size(), [&](uint64_t offset, std::span<std::byte> buffer) {
                          std::memcpy(buffer.data(), text.data() + offset, buffer.size());
                          return Result<void>();
                        }};
  return client.send("POST", target, {}, body);
}

// etcd's errors: {"error":"…","code":5,"message":"etcdserver: member not found"}.
Error error_of(const http::Reply& answer) {
  const auto value = json::parse(answer.text, kAnswer);
  const std::string message = value ? value->text_or("message", "") : std::string();
  return {ErrorCode::command_failed,
          std::format("etcd answers {}: {}", answer.status,
                      base::printable(message.empty() ? std::string(base::trim(answer.text)) : message)),
          {}};
}

// The answer of one that answers with success.
Result<json::Value> answer_of(const EtcdAccess& access, const std::string& endpoint, const std::string& target,
                              const json::Value& question) {
  SEALIFT_ASSIGN(const auto answer, ask(access, endpoint, target, question));
  if (answer.status != 200) return fail(error_of(answer));
  return json::parse(answer.text, kAnswer);
}

Result<EtcdAccess> from_files(const std::string& folder, std::string_view client, std::vector<std::string> endpoints) {
  EtcdAccess out{std::move(endpoints), {}, {}, {}};
  SEALIFT_ASSIGN(out.authority, base::read_text_file(folder + "/ca.crt", kMaxPem));
  SEALIFT_ASSIGN(out.certificate, base::read_text_file(std::format("{}/{}.crt", folder, client), kMaxPem));
  SEALIFT_ASSIGN(auto key, base::read_text_file(std::format("{}/{}.key", folder, client), kMaxPem));
  out.key = Secret(std::move(key));
  return out;
}

// Everything that begins with the prefix (etcd, "key ranges").
json::Value range_of(const std::string& prefix) {
  std::string end = prefix;
  ++end.back();
  json::Value out = json::Value::object();
  out.set("key", base::to_base64(base::as_bytes(prefix)));
  out.set("range_end", base::to_base64(base::as_bytes(end)));
  return out;
}

// Numbers of 64 bits are texts in the JSON of protocol buffers, and nothing if they are 0.
Result<uint64_t> number_at(const json::Value& answer, std::string_view key) {
  const auto value = base::parse_u64(answer.text_or(key, "0"));
  if (!value) return fail(ErrorCode::protocol, "etcd's answer has a {} that is no number", key);
  return *value;
}

Result<uint64_t> count(const EtcdAccess& access, const std::string& endpoint, const std::string& prefix) {
  auto question = range_of(prefix);
  question.set("count_only", true);
  SEALIFT_ASSIGN(const auto answer, answer_of(access, endpoint, "/v3/kv/range", question));
  return number_at(answer, "count");
}

}  // namespace

Result<EtcdAccess> etcd_of_control_plane(const std::string& folder) {
  return from_files(folder, "healthcheck-client", {"https://127.0.0.1:2379"});
}

Result<EtcdAccess> etcd_of_site(const std::string& folder, std::vector<std::string> endpoints) {
  return from_files(folder, "client", std::move(endpoints));
}

Result<EtcdAccess> etcd_of_input(std::string text) {
  const auto input = json::parse(text, kAnswer);
  explicit_bzero(text.data(), text.size());
  if (!input) return std::unexpected(input.error());
  EtcdAccess out;
  const auto* endpoints = input->find("endpoints");
  if (endpoints == nullptr || !endpoints->is_array() || endpoints->elements()->empty())
    return fail(ErrorCode::protocol, "etcd: no endpoints");
  for (const auto& endpoint : *endpoints->elements()) {
    if (endpoint.string() == nullptr) return fail(ErrorCode::protocol, "etcd: an endpoint must be a text");
    out.endpoints.push_back(*endpoint.string());
  }
  SEALIFT_ASSIGN(out.authority, input->text("ca"));
  SEALIFT_ASSIGN(out.certificate, input->text("certificate"));
  SEALIFT_ASSIGN(auto key, input->text("key"));
  out.key = Secret(std::move(key));
  return out;
}

Result<std::string> members_of_answer(std::string_view text) {
  SEALIFT_ASSIGN(const auto answer, json::parse(text, kAnswer));
  const auto* members = answer.find("members");
  if (members == nullptr || !members->is_array()) return fail(ErrorCode::protocol, "etcd's answer has no members");
  json::Value list = json::Value::array();
  for (const auto& member : *members->elements()) {
    SEALIFT_ASSIGN(const auto id, member.text("ID"));
    json::Value one = json::Value::object();
    one.set("id", id);
    one.set("name", member.text_or("name", ""));
    one.set("learner", member.boolean_or("isLearner", false));
    const auto* urls = member.find("peerURLs");
    one.set("peerURLs", urls == nullptr ? json::Value::array() : *urls);
    list.push_back(std::move(one));
  }
  json::Value out = json::Value::object();
  out.set("members", std::move(list));
  return json::to_canonical(out) + "\n";
}

Result<std::string> etcd_members(const EtcdAccess& access) {
  json::Value question = json::Value::object();
  question.set("linearizable", true);
  SEALIFT_ASSIGN(const auto answer, ask(access, access.endpoints.front(), "/v3/cluster/member/list", question));
  if (answer.status != 200) return fail(error_of(answer));
  return members_of_answer(answer.text);
}

Result<void> etcd_remove(const EtcdAccess& access, std::string_view id) {
  json::Value question = json::Value::object();
  question.set("ID", std::string(id));
  SEALIFT_ASSIGN(const auto answer, ask(access, access.endpoints.front(), "/v3/cluster/member/remove", question));
  if (answer.status == 200 || answer.text.contains("member not found")) return {};
  return fail(error_of(answer));
}

Result<void> etcd_hand_over(const EtcdAccess& access, std::string_view id) {
  const auto& endpoint = access.endpoints.front();
  SEALIFT_ASSIGN(const auto status, answer_of(access, endpoint, "/v3/maintenance/status", json::Value::object()));
  const auto* own = status.at_path("header/member_id");
  if (own == nullptr || own->string() == nullptr || *own->string() != status.text_or("leader", "")) return {};
  json::Value question = json::Value::object();
  question.set("targetID", std::string(id));
  return answer_of(access, endpoint, "/v3/maintenance/transfer-leadership", question).transform([](const auto&) {});
}

std::string look_at_etcd(const EtcdAccess& access, const std::string& prefix) {
  json::Value endpoints = json::Value::array(), out = json::Value::object();
  std::optional<uint64_t> objects;
  for (const auto& endpoint : access.endpoints) {
    json::Value one = json::Value::object();
    one.set("endpoint", endpoint);
    const auto status = answer_of(access, endpoint, "/v3/maintenance/status", json::Value::object());
    const auto held = status ? count(access, endpoint, prefix) : Result<uint64_t>();
    if (!status || !held)
      one.set("error", (status ? held.error() : status.error()).text());
    else
      one.set("version", status->text_or("version", ""));
    if (status && held && !objects) objects = *held;
    endpoints.push_back(std::move(one));
  }
  out.set("endpoints", std::move(endpoints));
  if (objects) out.set("objects", *objects);
  return json::to_canonical(out) + "\n";
}

Result<uint64_t> clear_etcd(const EtcdAccess& access, const std::string& prefix) {
  Error last{ErrorCode::not_found, "no endpoint of etcd is known", {}};
  for (const auto& endpoint : access.endpoints) {
    const auto answer = answer_of(access, endpoint, "/v3/kv/deleterange", range_of(prefix));
    if (answer) return number_at(*answer, "deleted");
    last = answer.error();
  }
  return fail(std::move(last));
}

}  // namespace sealift::node
