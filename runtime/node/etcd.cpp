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

Result<http::Reply> ask(const EtcdAccess& access, const std::string& target, const json::Value& question) {
  http::ClientOptions options;
  SEALIFT_ASSIGN(options.authority, base::read_text_file(access.folder + "/ca.crt", kMaxPem));
  SEALIFT_ASSIGN(options.certificate, base::read_text_file(access.folder + "/healthcheck-client.crt", kMaxPem));
  SEALIFT_ASSIGN(auto key, base::read_text_file(access.folder + "/healthcheck-client.key", kMaxPem));
  options.key = Secret(std::move(key));
  options.connect_timeout = options.read_timeout = kPatience;
  http::Client client({"https", access.host, access.port}, std::move(options));
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

}  // namespace

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
  SEALIFT_ASSIGN(const auto answer, ask(access, "/v3/cluster/member/list", question));
  if (answer.status != 200) return fail(error_of(answer));
  return members_of_answer(answer.text);
}

Result<void> etcd_remove(const EtcdAccess& access, std::string_view id) {
  json::Value question = json::Value::object();
  question.set("ID", std::string(id));
  SEALIFT_ASSIGN(const auto answer, ask(access, "/v3/cluster/member/remove", question));
  if (answer.status == 200 || answer.text.contains("member not found")) return {};
  return fail(error_of(answer));
}

}  // namespace sealift::node
