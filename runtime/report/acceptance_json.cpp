// SPDX-License-Identifier: Apache-2.0
#include "payload/base/printable.h"
#include "payload/json/value.h"
#include "runtime/report/acceptance.h"
#include "runtime/report/records.h"

namespace sealift::report {
namespace {

void set_if(json::Value& out, const char* key, const std::string& value) {
  if (!value.empty()) out.set(key, value);
}

template <class T, class ToValue>
json::Value list(const std::vector<T>& items, ToValue to_value) {
  json::Value out = json::Value::array();
  for (const auto& item : items) out.push_back(to_value(item));
  return out;
}

json::Value artifact(const Acceptance::Artifact& artifact) {
  json::Value out = json::Value::object();
  out.set("name", artifact.name);
  out.set("version", artifact.version);
  out.set("identity", artifact.identity);
  out.set("payloadBytes", artifact.payload_bytes);
  set_if(out, "createdBy", artifact.made_by);
  set_if(out, "kubernetes", artifact.kubernetes);
  return out;
}

json::Value image(const Acceptance::Image& image) {
  json::Value out = json::Value::object();
  out.set("name", image.name);
  out.set("digest", image.digest);
  out.set("platforms", image.platforms);
  return out;
}

json::Value check(const Acceptance::Check& check) {
  json::Value out = json::Value::object();
  out.set("id", check.id);
  out.set("subject", check.subject);
  out.set("standing", name(check.standing));
  out.set("evidence", check.evidence);
  set_if(out, "remedy", check.remedy);
  set_if(out, "reason", check.reason);
  return out;
}

json::Value waiver(const Acceptance::Waiver& waiver) {
  json::Value out = json::Value::object();
  out.set("id", waiver.id);
  out.set("reason", waiver.reason);
  out.set("findings", uint64_t{waiver.findings});
  return out;
}

json::Value step(const Acceptance::Step& step) {
  json::Value out = json::Value::object();
  out.set("host", step.host);
  out.set("step", step.step);
  out.set("status", step.status);
  out.set("ms", step.took_ms);
  set_if(out, "error", step.error);
  return out;
}

json::Value run(const Acceptance::Run& run) {
  json::Value out = json::Value::object();
  out.set("run", run.number);
  out.set("time", run.at);
  out.set("command", run.command);
  out.set("artifactName", run.artifact);
  out.set("artifact", run.identity);
  out.set("config", run.config);
  out.set("result", run.result);
  if (run.took_ms) out.set("ms", *run.took_ms);
  return out;
}

json::Value journal(const Acceptance::Journal& journal) {
  json::Value out = json::Value::object();
  set_if(out, "sha256", journal.digest);
  set_if(out, "trouble", journal.trouble);
  out.set("runs", list(journal.runs, run));
  if (!journal.delivery) return out;
  json::Value delivery = run(*journal.delivery);
  delivery.set("steps", list(journal.steps, step));
  out.set("delivery", std::move(delivery));
  return out;
}

json::Value host(const Acceptance::Host& host) {
  json::Value out = json::Value::object(), steps = json::Value::object();
  out.set("name", host.name);
  out.set("address", host.address);
  out.set("role", host.role);
  set_if(out, "architecture", host.architecture);
  set_if(out, "system", host.system);
  set_if(out, "kernel", host.kernel);
  set_if(out, "runtime", host.runtime);
  set_if(out, "kubelet", host.kubelet);
  set_if(out, "away", host.away);
  if (host.cpus != 0) out.set("cpus", host.cpus);
  if (host.memory_bytes != 0) out.set("memoryBytes", host.memory_bytes);
  steps.set("done", uint64_t{host.done});
  steps.set("skipped", uint64_t{host.skipped});
  steps.set("notDone", uint64_t{host.not_done});
  steps.set("ms", host.took_ms);
  out.set("steps", std::move(steps));
  set_if(out, "standing", std::string(name(host.standing)));
  return out;
}

json::Value application(const Acceptance::Application& app) {
  json::Value out = json::Value::object();
  out.set("name", app.name);
  out.set("kind", app.kind);
  out.set("namespace", app.target_namespace);
  out.set("wanted", app.is_wanted);
  if (app.is_network) out.set("network", true);
  set_if(out, "version", app.version);
  set_if(out, "release", app.release);
  set_if(out, "status", app.status);
  if (!app.status.empty()) out.set("ms", app.took_ms);
  set_if(out, "standing", std::string(name(app.standing)));
  return out;
}

}  // namespace

std::string to_json(const Acceptance& report) {
  json::Value out = json::Value::object(), sums = json::Value::object();
  using Standing = Acceptance::Standing;
  for (const auto standing : {Standing::fail, Standing::warn, Standing::waived, Standing::ok})
    sums.set(std::string(name(standing)), uint64_t{report.count(standing)});
  out.set("event", "report");
  out.set("title", report.title);
  out.set("cluster", report.cluster);
  out.set("time", report.at);
  out.set("by", report.by);
  out.set("with", report.with);
  out.set("ms", report.took_ms);
  out.set("delivered", report.is_delivered);
  out.set("verdict", verdict_sentence(report));
  out.set("sums", std::move(sums));
  out.set("artifact", artifact(report.artifact));
  out.set("images", list(report.images, image));
  out.set("applications", list(report.applications, application));
  out.set("hosts", list(report.hosts, host));
  out.set("checks", list(report.checks, check));
  out.set("waivers", list(report.waivers, waiver));
  out.set("journal", journal(report.journal));
  out.set("history", list(report.history, delivery_value));
  set_if(out, "noHistory", report.no_history);
  out.set("configuration", report.config);
  return base::printable_json(json::to_pretty(out)) + "\n";
}

}  // namespace sealift::report
