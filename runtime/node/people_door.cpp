// SPDX-License-Identifier: Apache-2.0
#include "runtime/node/people_door.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "payload/base/format.h"
#include "payload/base/text.h"
#include "payload/http/client.h"
#include "payload/image/reference.h"
#include "payload/json/value.h"
#include "runtime/node/error_answer.h"
#include "runtime/node/pki.h"

namespace sealift::node {
namespace {

constexpr std::string_view kApi = "/v2/", kTags = "/tags/list";
constexpr std::string_view kRetryAfter = "5";  // seconds

http::Response json_answer(const json::Value& body) {
  return {200, {{"Docker-Distribution-Api-Version", "registry/2.0"}}, "application/json", json::to_canonical(body), {}};
}

http::Response no_login() {
  auto out = message(401, "UNAUTHORIZED", "log in with a name and a password of registry.domain.credentials");
  out.headers["WWW-Authenticate"] = R"(Basic realm="Sealift registry", charset="UTF-8")";
  return out;
}

http::Response too_many() {
  auto out = message(429, "TOOMANYREQUESTS", "too many logins, or too many wrong ones; try again in a while");
  out.headers["Retry-After"] = kRetryAfter;
  return out;
}

// A part of a sorted list, as the specification has it: at most `n` of those after `last`.
struct Page {
  std::vector<std::string> names;
  bool has_more = false;
};

// Nothing if the request's `n` is no number.
std::optional<Page> page_of(const std::vector<std::string>& sorted, const http::Request& request) {
  const auto field = [&](const std::string& key) {
    const auto found = request.query.find(key);
    return found == request.query.end() ? std::string() : found->second;
  };
  uint64_t most = PeopleDoor::kPage;
  if (const auto asked = field("n"); !asked.empty()) {
    const auto number = base::parse_u64(asked);
    if (!number) return std::nullopt;
    most = std::min(most, *number);
  }
  Page out;
  for (auto at = std::ranges::upper_bound(sorted, field("last")); at != sorted.end(); ++at) {
    if (out.names.size() == most) {
      out.has_more = most != 0;
      break;
    }
    out.names.push_back(*at);
  }
  return out;
}

http::Response list_answer(const std::string& path, json::Value body, const std::string& key,
                           const std::vector<std::string>& sorted, const http::Request& request) {
  const auto page = page_of(sorted, request);
  if (!page) return message(400, "PAGINATION_NUMBER_INVALID", "n must be a number");
  json::Value list = json::Value::array();
  for (const auto& name : page->names) list.push_back(name);
  body.set(key, std::move(list));
  auto out = json_answer(body);
  if (page->has_more)
    out.headers["Link"] = base::format("<{}?last={}&n={}>; rel=\"next\"", path,
                                       http::percent_encode(page->names.back()), page->names.size());
  return out;
}

// "harbor.example:5000/shop/web" as it is called here: harbor.example_5000/shop/web. Empty if it can't be.
std::string name_here(const std::string& name) {
  const size_t slash = name.find('/');
  return image::external_repository("", name.substr(0, slash), name.substr(slash + 1)).value_or("");
}

}  // namespace

PeopleDoor::PeopleDoor(MirrorConfig::People config, const std::optional<base::Fd>& listener,
                       DeliveredPayloads& payloads, Ask ask, Clock& clock)
    : config_(std::move(config)), listener_(listener), payloads_(payloads), ask_(std::move(ask)), clock_(clock) {}

Result<void> PeopleDoor::reload() {
  if (!logins_) {
    SEALIFT_ASSIGN(logins_, Logins::make(config_.users, clock_));
  }
  SEALIFT_TRY(logins_->reload());
  SEALIFT_ASSIGN(auto pair, read_pair(config_.certificate));
  http::TlsIdentity identity{{}, std::move(pair.certificate), std::move(pair.key)};
  return server_ ? server_->set_identity(identity) : open(std::move(identity));
}

Result<void> PeopleDoor::open(http::TlsIdentity identity) {
  http::ServerOptions options{config_.address, config_.port, std::move(identity)};
  if (listener_) options.listener = listener_->get();
  options.headers = {"authorization"};
  options.for_other_methods = message(405, "UNSUPPORTED", "this registry is read-only: images come with a delivery");
  options.for_other_methods.headers["Allow"] = "GET, HEAD";
  // All its callers are strangers; the reserve is for root of this host.
  options.limits.requests = {.all = kRequests, .reserved = 8, .per_caller = kRequests / 2};
  options.limits.connections = {.all = size_t{4} * kRequests, .reserved = 16, .per_caller = kRequests};
  SEALIFT_ASSIGN(server_, http::Server::start(std::move(options),
                                              [this](const http::Request& request) { return answer(request); }));
  return {};
}

http::Response PeopleDoor::answer(const http::Request& request) {
  const auto login = request.headers.find("authorization");
  switch (logins_->check(login == request.headers.end() ? std::string_view() : login->second, request.client.address)) {
    case Logins::Verdict::good: break;
    case Logins::Verdict::wrong: return no_login();
    case Logins::Verdict::later: return too_many();
  }
  if (request.path == "/v2" || request.path == "/v2/") return json_answer(json::Value::object());
  if (request.path == "/v2/_catalog") return catalog(request);
  if (!request.path.starts_with(kApi))
    return message(404, "UNSUPPORTED", "this is a registry of container images: /v2/");
  const auto name = std::string_view(request.path).substr(kApi.size());
  if (name.ends_with(kTags)) return tags(std::string(name.substr(0, name.size() - kTags.size())), request);
  return image(request);
}

http::Response PeopleDoor::image(const http::Request& request) {
  // Whose name it is that stands first in the repository's is looked up below.
  auto question = parse_question(request.path, "");
  const size_t slash = question ? question->repository.find('/') : std::string::npos;
  if (slash == std::string::npos)
    return message(404, "NAME_UNKNOWN",
                   "an image's name begins here with the registry that it came from: docker.io/library/redis");
  const auto name = std::exchange(question->repository, question->repository.substr(slash + 1));
  question->registry = name.substr(0, slash);
  for (const auto& [original, tags] : payloads_.repositories()) {
    if (original.ends_with("/" + question->repository) && name_here(original) == name)
      question->registry = original.substr(0, original.find('/'));
  }
  return ask_(*question, request);
}

http::Response PeopleDoor::catalog(const http::Request& request) {
  std::vector<std::string> names;
  for (const auto& [name, tags] : payloads_.repositories()) names.push_back(name_here(name));
  std::ranges::sort(names);
  return list_answer("/v2/_catalog", json::Value::object(), "repositories", names, request);
}

http::Response PeopleDoor::tags(const std::string& name, const http::Request& request) {
  const auto all = payloads_.repositories();
  const auto found = std::ranges::find_if(all, [&](const auto& one) { return name_here(one.first) == name; });
  if (found == all.end())
    return message(404, "NAME_UNKNOWN", base::format("no artifact that was delivered has {}", base::printable(name)));
  json::Value body = json::Value::object();
  body.set("name", name);
  return list_answer(base::format("/v2/{}{}", name, kTags), std::move(body), "tags",
                     {found->second.begin(), found->second.end()}, request);
}

}  // namespace sealift::node
