// SPDX-License-Identifier: Apache-2.0
#include "payload/distribution/requests.h"

#include <algorithm>
#include <set>

#include "payload/base/format.h"
#include "payload/base/retry.h"
#include "payload/base/text.h"
#include "payload/http/pace.h"
#include "payload/image/manifest.h"
#include "payload/json/value.h"

namespace sealift::distribution {
namespace {

constexpr int kMaxHops = 8;  // redirects and challenges per request

// The registry's own error message: {"errors": [{"code", "message"}]}.
std::string reason_of(const http::Reply& reply) {
  const auto document = json::parse(reply.text);
  const auto* errors = document ? document->find("errors") : nullptr;
  if (errors == nullptr || !errors->is_array() || errors->elements()->empty()) return {};
  const auto& first = errors->elements()->front();
  return base::format(" ({})", base::printable(first.text_or("message", first.text_or("code", "no reason"))));
}

bool is_about_quota(std::string_view reason) {
  const auto text = base::to_lower(reason);
  return text.contains("quota") || text.contains("exceed");
}

}  // namespace

std::optional<http::Url> next_page(const http::Url& page, const http::Reply& reply) {
  const auto link = reply.headers.find("link");
  if (link == reply.headers.end() || !link->second.contains("rel=\"next\"")) return {};
  const size_t begin = link->second.find('<'), end = link->second.find('>');
  if (begin == std::string::npos || end == std::string::npos || end < begin) return {};
  auto url = http::resolve_url(page, std::string_view(link->second).substr(begin + 1, end - begin - 1));
  return url ? std::optional(std::move(*url)) : std::nullopt;
}

Result<http::Reply> Requests::send(const http::Url& url, const Ask& ask, const Secret& authorization) {
  SEALIFT_ASSIGN(auto client, connections_.take(url.origin));
  auto headers = ask.headers;
  if (!authorization.empty()) headers["Authorization"] = authorization.reveal();
  if (ask.method != "GET") {
    auto reply = ask.method == "HEAD" ? client->head(url.target, headers)
                                      : client->send(ask.method, url.target, headers, *ask.body);
    if (reply) connections_.give_back(std::move(client));
    return reply;
  }
  headers["Accept-Encoding"] = "identity";  // digests are of the bytes as stored
  base::MemorySink text(image::kMaxManifestBytes);
  http::PacedSink body(ask.sink != nullptr ? *ask.sink : text, url.origin.text(), patience_, clock_);
  auto reply = client->get_to(url.target, headers, body, [&](const http::Reply& head) -> Result<void> {
    return ask.on_head && (head.status == 200 || head.status == 206) ? ask.on_head(head) : Result<void>{};
  });
  if (!reply) return reply;
  connections_.give_back(std::move(client));
  if (ask.sink == nullptr && reply->status == 200) reply->text = base::as_text(text.data());
  return reply;
}

// Follows redirects and challenges to a response that is neither.
Result<http::Reply> Requests::through(const Ask& ask) {
  http::Url url = ask.url;
  std::set<std::string> answered;  // hosts whose challenge has been answered
  for (int hop = 0; hop < kMaxHops; ++hop) {
    const Secret authorization = authorizer_.known(url.origin, ask.repository);
    SEALIFT_ASSIGN(auto reply, send(url, ask, authorization));
    if (reply.status == 401 && reply.headers.contains("www-authenticate")) {
      if (!answered.insert(url.origin.text()).second) {
        return fail(ErrorCode::auth_failed,
                    "{} takes neither the token nor the login for it{}; {}, or check the rights", url.origin.text(),
                    reason_of(reply), login_hint(endpoint_));
      }
      SEALIFT_TRY(authorizer_.answer(url.origin, ask.repository, reply.headers.at("www-authenticate"), authorization));
    } else if (http::is_redirect(reply.status)) {
      SEALIFT_ASSIGN(url, http::follow_redirect(url, reply));
    } else {
      return reply;
    }
  }
  return fail(ErrorCode::protocol, "{} redirects too often", endpoint_.origin.text());
}

Error Requests::error_of(const http::Reply& reply, const Ask& ask) const {
  // What a proxy answers looks like the registry's own answer.
  const auto& proxy = endpoint_.client.proxy;
  const std::string where =
      endpoint_.origin.text() + (proxy ? base::format(" (through the proxy {})", proxy->origin.text()) : "");
  const std::string reason = reason_of(reply);
  switch (reply.status) {
    case 404: return {ErrorCode::not_found, base::format("{} has no {}{}", where, ask.what, reason), {}};
    case 401:
    case 403:
      if (is_about_quota(reason))
        return {ErrorCode::no_space,
                base::format("{} refuses {}{}; make room there, or have the quota raised", where, ask.what, reason),
                {}};
      return {ErrorCode::auth_failed,
              base::format("{} refuses {}{}; {}, or check the rights", where, ask.what, reason, login_hint(endpoint_)),
              {}};
    case 413:
      return {ErrorCode::limit_exceeded,
              base::format("{} answers 413, too large, for {}{}; it, or a proxy before it, limits what one request may "
                           "carry: have the limit raised (nginx: client_max_body_size 0)",
                           where, ask.what, reason),
              {}};
    case 429:
      return {ErrorCode::unreachable,
              base::format("{} answers 429, too many requests, for {}{}; try again later", where, ask.what, reason),
              {}};
    default: break;
  }
  return {reply.status >= 500 ? ErrorCode::unreachable : ErrorCode::protocol,
          base::format("{} answers {} for {}{}", where, reply.status, ask.what, reason),
          {}};
}

std::expected<http::Reply, Requests::Failure> Requests::once(const Ask& ask) {
  auto reply = through(ask);
  if (reply && (reply->status == 200 || reply->status == 206 || std::ranges::contains(ask.answers, reply->status)))
    return std::move(*reply);
  Failure out{reply ? error_of(*reply, ask) : reply.error(), {}};
  if (const auto trouble = authorizer_.trouble(); out.error.code == ErrorCode::auth_failed && !trouble.empty())
    out.error.what += "; no login was found, because " + trouble;
  if (reply) out.reply = std::move(*reply);
  return std::unexpected(std::move(out));
}

Result<http::Reply> Requests::patiently(const std::function<Ask()>& next, const CancelToken& cancel,
                                        const std::function<uint64_t()>& received) {
  const auto so_far = [&] { return received ? received() : 0; };
  http::Attempts attempts(patience_, clock_, so_far());
  for (;;) {
    SEALIFT_TRY(cancel.check());
    const Ask ask = next();
    auto reply = once(ask);
    if (reply) return std::move(*reply);
    auto& [error, answer] = reply.error();
    const auto wait = attempts.next(error, answer ? &*answer : nullptr, so_far());
    if (!wait) {
      if (!answer) return fail_while(std::move(error), "getting " + ask.what);
      return fail(std::move(error));
    }
    SEALIFT_TRY(base::pause(clock_, *wait, cancel));
  }
}

}  // namespace sealift::distribution
