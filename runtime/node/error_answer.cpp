// SPDX-License-Identifier: Apache-2.0
#include "runtime/node/error_answer.h"

#include "payload/json/value.h"

namespace sealift::node {

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

}  // namespace sealift::node
