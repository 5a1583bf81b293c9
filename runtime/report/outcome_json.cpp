// SPDX-License-Identifier: Apache-2.0
#include "runtime/report/outcome_json.h"

#include "payload/json/value.h"
#include "runtime/report/outcome_text.h"

namespace sealift::report {
namespace {

void set_if(json::Value& out, const char* key, const std::string& value) {
  if (!value.empty()) out.set(key, value);
}

}  // namespace

std::string to_json(const delivery::Outcome& outcome) {
  json::Value out = json::Value::object();
  out.set("event", "outcome");
  out.set("status", outcome.error ? base::name(outcome.error->code) : std::string_view("complete"));
  out.set("exit", outcome.error ? base::exit_code(outcome.error->code) : 0);
  if (outcome.error) out.set("message", outcome.error->text());
  out.set("applied", static_cast<uint64_t>(outcome.applied));
  out.set("skipped", static_cast<uint64_t>(outcome.skipped));
  json::Value hosts = json::Value::array();
  for (const auto& host : outcome.hosts) {
    json::Value entry = json::Value::object();
    entry.set("address", host.address);
    entry.set("name", host.name);
    entry.set("role", format::name(host.role));
    entry.set("state", name(host.state));
    set_if(entry, "reason", host.reason);
    entry.set("applied", static_cast<uint64_t>(host.applied));
    entry.set("skipped", static_cast<uint64_t>(host.skipped));
    hosts.push_back(std::move(entry));
  }
  out.set("hosts", std::move(hosts));
  json::Value applications = json::Value::array();
  for (const auto& app : outcome.applications) {
    json::Value entry = json::Value::object();
    entry.set("name", app.name);
    entry.set("state", name(app.state));
    entry.set("changed", app.changed);
    set_if(entry, "reason", app.reason);
    applications.push_back(std::move(entry));
  }
  using Kind = delivery::Outcome::Kind;
  if (outcome.kind != Kind::removal && outcome.kind != Kind::reset) out.set("applications", std::move(applications));
  json::Value notes = json::Value::array();
  for (const auto& note : outcome.notes) notes.push_back(note);
  out.set("notes", std::move(notes));
  return json::to_canonical(out);
}

std::string to_json(const delivery::PlanLine& line) {
  json::Value out = json::Value::object();
  out.set("event", "plan_step");
  out.set("host", line.host);
  out.set("step", line.step);
  out.set("state", name(line.state));
  out.set("description", line.description);
  return json::to_canonical(out);
}

std::string to_json(const delivery::StatusLine& line) {
  json::Value out = json::Value::object();
  out.set("event", "status");
  out.set("subject", line.subject);
  out.set("state", line.state);
  out.set("detail", line.detail);
  out.set("healthy", line.healthy);
  if (line.warns) out.set("warning", true);
  return json::to_canonical(out);
}

}  // namespace sealift::report
