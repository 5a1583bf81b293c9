// SPDX-License-Identifier: Apache-2.0
#include "runtime/node/error_answer.h"

#include <utility>

#include "payload/base/text.h"
#include "payload/json/value.h"

namespace sealift::node {
namespace {

constexpr size_t kMaxReason = 1000;
constexpr size_t kMaxDocument = size_t{1} << 20;
// A warn-code, a warn-agent and a quoted text: RFC 7234, section 5.5.
constexpr std::string_view kBeforeWarning = "299 - \"";

// With what a header can hold.
std::string to_warning(std::string_view text) {
  std::string out(kBeforeWarning);
  for (const char c : text.substr(0, kMaxReason)) out += c >= ' ' && c <= '~' && c != '"' && c != '\\' ? c : '\'';
  return out + "\"";
}

std::string_view of_warning(std::string_view text) {
  if (!text.starts_with(kBeforeWarning)) return text;
  const auto quoted = text.substr(kBeforeWarning.size());
  return quoted.ends_with('"') ? quoted.substr(0, quoted.size() - 1) : text;
}

}  // namespace

http::Response message(int status, std::string code, std::string text) {
  json::Value error = json::Value::object();
  error.set("code", std::move(code));
  error.set("message", std::move(text));
  json::Value errors = json::Value::array();
  errors.push_back(std::move(error));
  json::Value body = json::Value::object();
  body.set("errors", std::move(errors));
  return {
      status, {{"Docker-Distribution-Api-Version", "registry/2.0"}}, "application/json", json::to_canonical(body), {}};
}

http::Response message_with_warning(int status, std::string code, const std::string& text) {
  auto out = message(status, std::move(code), text);
  out.headers["Warning"] = to_warning(text);
  return out;
}

std::string reason_of(const http::Reply& reply) {
  if (const auto document = json::parse(reply.text, {.bytes = kMaxDocument, .depth = 8})) {
    const auto* message = document->at_path("errors/0/message");
    if (message != nullptr && message->string() != nullptr) return base::printable(*message->string(), kMaxReason);
  }
  if (!reply.text.empty()) return base::printable(reply.text, kMaxReason);
  const auto warning = reply.headers.find("warning");
  return warning == reply.headers.end() ? "" : base::printable(of_warning(warning->second), kMaxReason);
}

}  // namespace sealift::node
