// SPDX-License-Identifier: Apache-2.0
//
// The image mirror, its door for people, and the balancer of this host, asked as their users ask them.
#include <algorithm>
#include <atomic>
#include <mutex>

#include "payload/base/format.h"
#include "payload/base/text.h"
#include "payload/base/thread.h"
#include "payload/http/client.h"
#include "payload/image/reference.h"
#include "runtime/node/error_answer.h"
#include "runtime/node/health_probe.h"
#include "runtime/node/host_check.h"
#include "runtime/node/question.h"

namespace sealift::node {
namespace {

constexpr Duration kPatience{5'000};
// Connections at once: a mirror serves many more, and a hundred hosts may ask the same registry hosts.
constexpr unsigned kAtOnce = 4;
// After so many that had no answer, the others are not waited for.
constexpr unsigned kMostUnanswered = 4;
constexpr size_t kLongestReason = 300;

http::Client client(const std::string& host, uint16_t port, const std::string& authority) {
  http::ClientOptions options;
  options.authority = authority;
  options.connect_timeout = options.read_timeout = kPatience;
  return {{"https", host, port}, std::move(options)};
}

std::string refusal(const http::Reply& reply) {
  const std::string reason = base::printable(reason_of(reply), kLongestReason);
  return base::format("{}{}{}", reply.status, reason.empty() ? "" : ": ", reason);
}

// "" if it has the image.
Result<std::string> ask(http::Client& client, const HostQuestion::Image& image) {
  SEALIFT_ASSIGN(const auto reference, image::parse_reference(image.name));
  const Question question{reference.registry, reference.repository, Question::Kind::manifest, image.digest};
  SEALIFT_ASSIGN(const auto reply, client.get(target_of(question), {{"Accept", "*/*"}}));
  return reply.status == 200 ? std::string() : refusal(reply);
}

}  // namespace

HostAnswer::Mirror check_mirror(const LocalMirror& mirror, const std::vector<HostQuestion::Image>& images) {
  HostAnswer::Mirror out;
  {
    auto first = client(mirror.host, mirror.port, mirror.authority);
    if (const auto reply = first.get("/v2/", {}); !reply) {
      out.error = reply.error().text();
      return out;
    }
  }
  std::mutex mutex;
  std::atomic<size_t> next = 0;
  std::atomic<unsigned> unanswered = 0;
  base::parallel_for(kAtOnce, kAtOnce, [&](size_t) {
    auto own = client(mirror.host, mirror.port, mirror.authority);
    for (size_t i = next++; i < images.size(); i = next++) {
      auto said = unanswered < kMostUnanswered ? ask(own, images[i])
                                               : fail(ErrorCode::timeout, "not asked: others had no answer");
      if (!said) ++unanswered;
      const std::string error = said ? *said : said.error().text();
      const std::lock_guard lock(mutex);
      if (error.empty())
        ++out.answered;
      else
        out.missing.push_back({images[i].name, error});
    }
  });
  std::ranges::sort(out.missing, {}, &HostAnswer::Mirror::Missing::name);
  return out;
}

std::string check_balancer(const std::string& endpoint, const std::string& authority) {
  const auto url = http::parse_url("https://" + endpoint);
  if (!url) return url.error().text();
  const auto reply = client(url->origin.host, url->origin.port, authority).get("/readyz", {});
  if (!reply) return reply.error().text();
  // 401 and 403: a site where strangers may not ask, but an API server has answered.
  if (reply->status == 200 || reply->status == 401 || reply->status == 403) return {};
  const std::string why = failing_checks(reply->text);
  return why.empty() ? base::format("/readyz answers {}", reply->status) : why;
}

std::string check_people_door(const std::string& host, uint16_t port, const std::string& authority) {
  const auto reply = client(host, port, authority).get("/v2/", {});
  if (!reply) return reply.error().code == ErrorCode::untrusted ? std::string() : reply.error().text();
  // 401: it wants a login.
  return reply->status == 200 || reply->status == 401 ? std::string() : refusal(*reply);
}

}  // namespace sealift::node
