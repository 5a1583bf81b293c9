// SPDX-License-Identifier: Apache-2.0
#include "payload/console/event_json.h"

#include "payload/base/clock.h"
#include "payload/json/value.h"

namespace sealift::console {
namespace {

void set_if(json::Value& out, const char* key, const std::string& value) {
  if (!value.empty()) out.set(key, value);
}

}  // namespace

std::string to_json(const Event& event) {
  json::Value out = json::Value::object();
  out.set("event", base::name(event.kind));
  out.set("level", base::name(event.level));
  out.set("time", base::to_iso8601(event.time));
  set_if(out, "host", event.host);
  set_if(out, "step", event.step);
  set_if(out, "message", event.message);
  if (event.kind == base::EventKind::progress) {
    out.set("done", event.done);
    out.set("total", event.total);
  }
  return json::to_canonical(out);
}

std::string to_json(const Error& error) {
  json::Value out = json::Value::object();
  out.set("event", "error");
  out.set("code", base::name(error.code));
  out.set("message", error.text());
  out.set("exit", base::exit_code(error.code));
  return json::to_canonical(out);
}

}  // namespace sealift::console
