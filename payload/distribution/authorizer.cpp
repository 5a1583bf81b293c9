// SPDX-License-Identifier: Apache-2.0
#include "payload/distribution/authorizer.h"

#include <algorithm>

#include "payload/base/format.h"
#include "payload/base/text.h"
#include "payload/distribution/challenge.h"
#include "payload/json/value.h"

namespace sealift::distribution {
namespace {

Secret basic(const Login& login) {
  const Secret both(base::format("{}:{}", login.user, login.password.reveal()));
  return Secret("Basic " + base::to_base64(base::as_bytes(both.reveal())));
}

std::string query_of(const std::map<std::string, std::string>& parameters, const std::string& repository) {
  const auto value = [&](const char* name) { return parameters.contains(name) ? parameters.at(name) : std::string(); };
  auto scope = value("scope");
  if (scope.empty() && !repository.empty()) scope = base::format("repository:{}:pull", repository);
  std::string out = "service=" + http::percent_encode(value("service"));
  if (!scope.empty()) out += "&scope=" + http::percent_encode(scope);
  return out;
}

}  // namespace

Secret Authorizer::known(const http::Origin& origin, const std::string& repository) {
  const std::lock_guard guard(mutex_);
  const auto found = headers_.find(origin.text() + " " + repository);
  return found == headers_.end() ? Secret() : found->second;
}

std::string Authorizer::trouble() {
  const std::lock_guard guard(mutex_);
  return trouble_;
}

Result<Secret> Authorizer::answer(const http::Origin& origin, const std::string& repository,
                                  const std::string& challenge, const Secret& used) {
  // One thread asks; the others wait for its answer.
  const std::lock_guard guard(mutex_);
  Secret& header = headers_[origin.text() + " " + repository];
  if (!header.empty() && header != used) return header;
  SEALIFT_ASSIGN(const auto challenges, parse_challenges(challenge));
  std::optional<Login> login;
  if (origin == endpoint_.origin) {
    auto found = logins_.find(endpoint_.registry, repository);
    if (found)
      login = std::move(*found);
    else
      trouble_ = found.error().text();
  }
  const auto by_scheme = [&](std::string_view scheme) {
    return std::ranges::find(challenges, scheme, &Challenge::scheme);
  };
  if (const auto found = by_scheme("bearer"); found != challenges.end()) {
    SEALIFT_ASSIGN(header, bearer(found->parameters, repository, login, origin));
    return header;
  }
  if (by_scheme("basic") == challenges.end()) {
    return fail(ErrorCode::auth_failed, "{} asks for a login in a way that is not known: {}", origin.text(),
                base::printable(challenge));
  }
  if (!login || login->password.empty()) {
    return fail(ErrorCode::auth_failed, "{} wants a login and there is none; {}", origin.text(), login_hint(endpoint_));
  }
  Secret mine = basic(*login);
  if (mine == used) {
    return fail(ErrorCode::auth_failed, "{} refuses the login of {}; {}", origin.text(), base::printable(login->user),
                login_hint(endpoint_));
  }
  header = std::move(mine);
  return header;
}

Result<Secret> Authorizer::bearer(const std::map<std::string, std::string>& parameters, const std::string& repository,
                                  const std::optional<Login>& login, const http::Origin& asked_by) {
  const auto realm = parameters.find("realm");
  if (realm == parameters.end())
    return fail(ErrorCode::protocol, "{} asks for a token and does not say where it is to be had", asked_by.text());
  auto url = http::parse_url(realm->second);
  if (!url)
    return fail(ErrorCode::protocol, "{} sends for a token to what is no URL: {}", asked_by.text(),
                base::printable(realm->second));
  if (url->origin.scheme == "http" && asked_by.scheme == "https") {
    return fail(ErrorCode::untrusted, "{} sends for a token to {}, without TLS: refused", asked_by.text(),
                url->origin.text());
  }
  SEALIFT_ASSIGN(auto client, connections_.take(url->origin));
  const std::string query = query_of(parameters, repository);
  http::Reply reply;
  if (login && !login->identity_token.empty()) {
    const Secret form(base::format("grant_type=refresh_token&client_id=sealift&{}&refresh_token={}", query,
                                   http::percent_encode(login->identity_token.reveal())));
    SEALIFT_ASSIGN(reply, client->post_form(url->target, {}, form));
  } else {
    std::map<std::string, std::string> headers;
    if (login) headers["Authorization"] = basic(*login).reveal();
    SEALIFT_ASSIGN(reply, client->get(url->target + (url->target.contains('?') ? "&" : "?") + query, headers));
  }
  if (reply.status == 401 || reply.status == 403) {
    const std::string who = login ? base::format("the login of {}", login->user.empty() ? "its identity token"
                                                                                        : base::printable(login->user))
                                  : "a reader without a login";
    return fail(ErrorCode::auth_failed, "{} gives no token to {} for {}/{}; {}, or check the name and the rights",
                url->origin.text(), who, endpoint_.registry, repository, login_hint(endpoint_));
  }
  if (reply.status >= 500 || reply.status == 429)
    return fail(ErrorCode::unreachable, "{} answers {} when asked for a token", url->origin.text(), reply.status);
  auto document = json::parse(reply.text);
  explicit_bzero(reply.text.data(), reply.text.size());
  Secret token;
  if (document) token = Secret(document->text_or("token", document->text_or("access_token", "")));
  if (reply.status != 200 || token.empty())
    return fail(ErrorCode::protocol, "{} answers {} and no token when asked for one", url->origin.text(), reply.status);
  // A line break in a header would start another header.
  if (std::ranges::any_of(token.reveal(), [](char c) { return c <= ' ' || c == '\x7f'; }))
    return fail(ErrorCode::protocol, "{} answers with what can't be a token", url->origin.text());
  connections_.give_back(std::move(client));
  return Secret(base::format("Bearer {}", token.reveal()));
}

}  // namespace sealift::distribution
