// SPDX-License-Identifier: Apache-2.0
#include "runtime/node/etcd.h"

#include <cstdlib>
#include <cstring>

#include "payload/base/file.h"
#include "payload/base/format.h"
#include "payload/base/text.h"
#include "payload/http/client.h"
#include "payload/json/value.h"

namespace sealift::node {
namespace {

constexpr size_t kMaxPem = size_t{64} << 10;
constexpr json::Limits kAnswer{.bytes = size_t{1} << 20, .depth = 16};
constexpr Duration kPatience{10'000};
// Where kubeadm lets etcd tell its metrics, on loopback only.
constexpr uint16_t kMetricsPort = 2381;

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
          base::format("etcd answers {}: {}", answer.status,
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
  SEALIFT_ASSIGN(out.certificate, base::read_text_file(base::format("{}/{}.crt", folder, client), kMaxPem));
  SEALIFT_ASSIGN(auto key, base::read_text_file(base::format("{}/{}.key", folder, client), kMaxPem));
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

// The value of one metric without labels.
std::optional<double> metric(std::string_view metrics, std::string_view name) {
  for (const auto line : base::split(metrics, '\n')) {
    if (line.starts_with(name) && line.substr(name.size()).starts_with(' '))
      return std::strtod(std::string(line.substr(name.size() + 1)).c_str(), nullptr);
  }
  return std::nullopt;
}

void add_metrics(HostAnswer::Etcd& out) {
  http::ClientOptions options;
  options.connect_timeout = options.read_timeout = Duration{2'000};
  const auto reply = http::Client({"http", "127.0.0.1", kMetricsPort}, std::move(options)).get("/metrics", {});
  if (!reply || reply->status != 200) return;
  out.fsync_us = fsync_time(reply->text);
  if (const auto quota = metric(reply->text, "etcd_server_quota_backend_bytes"); quota && *quota > 0)
    out.quota = static_cast<uint64_t>(*quota);
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

uint64_t fsync_time(std::string_view metrics) {
  constexpr std::string_view kBucket = "etcd_disk_wal_fsync_duration_seconds_bucket{le=\"";
  struct Bucket {
    double seconds, count;  // the count includes that of the buckets before
  };
  std::vector<Bucket> buckets;
  for (const auto line : base::split(metrics, '\n')) {
    if (!line.starts_with(kBucket)) continue;
    const std::string rest(line.substr(kBucket.size()));
    const size_t end = rest.find("\"} ");
    if (end == std::string::npos) continue;
    buckets.push_back({std::strtod(rest.c_str(), nullptr), std::strtod(rest.c_str() + end + 3, nullptr)});
  }
  if (buckets.size() < 2 || buckets.back().count <= 0) return 0;
  // As Prometheus' histogram_quantile: even within a bucket; beyond the last bound, that bound.
  const double wanted = buckets.back().count * 0.99;
  double below_seconds = 0, below_count = 0;
  for (size_t i = 0; i + 1 < buckets.size(); ++i) {
    const auto& [seconds, count] = buckets[i];
    if (count >= wanted) {
      const double part = count > below_count ? (wanted - below_count) / (count - below_count) : 1;
      return static_cast<uint64_t>((below_seconds + (seconds - below_seconds) * part) * 1e6);
    }
    below_seconds = seconds;
    below_count = count;
  }
  return static_cast<uint64_t>(below_seconds * 1e6);
}

Result<HostAnswer::Etcd> etcd_status(const EtcdAccess& access) {
  const auto& endpoint = access.endpoints.front();
  SEALIFT_ASSIGN(const auto status, answer_of(access, endpoint, "/v3/maintenance/status", json::Value::object()));
  HostAnswer::Etcd out;
  if (const auto* own = status.at_path("header/member_id"); own != nullptr && own->string() != nullptr)
    out.member = *own->string();
  out.leader = status.text_or("leader", "0");
  out.version = status.text_or("version", "");
  SEALIFT_ASSIGN(out.size, number_at(status, "dbSize"));
  SEALIFT_ASSIGN(out.size_in_use, number_at(status, "dbSizeInUse"));
  SEALIFT_ASSIGN(out.raft_index, number_at(status, "raftIndex"));
  json::Value get = json::Value::object();
  get.set("action", "GET");
  SEALIFT_ASSIGN(const auto alarms, answer_of(access, endpoint, "/v3/maintenance/alarm", get));
  if (const auto* list = alarms.find("alarms"); list != nullptr && list->is_array()) {
    for (const auto& alarm : *list->elements()) out.alarms.push_back(alarm.text_or("alarm", "unknown"));
  }
  add_metrics(out);
  return out;
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
