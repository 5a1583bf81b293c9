// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/history.h"

#include <algorithm>
#include <atomic>

#include "payload/base/text.h"
#include "payload/base/thread.h"
#include "runtime/engine/connections.h"
#include "runtime/steps/kubectl.h"

namespace sealift::steps {
namespace {

constexpr std::string_view kName = "sealift-history", kKey = "history.json";
constexpr size_t kMostEntries = 100, kMostBytes = (size_t{512} << 10) - 1;

json::Value to_value(const std::vector<std::string>& texts) {
  json::Value out = json::Value::array();
  for (const auto& text : texts) out.push_back(text);
  return out;
}

std::vector<std::string> texts_in(const json::Value& value, std::string_view key) {
  std::vector<std::string> out;
  const auto* list = value.find(key);
  if (list == nullptr || !list->is_array()) return out;
  for (const auto& text : *list->elements()) {
    if (text.is_string()) out.push_back(*text.string());
  }
  return out;
}

HistoryEntry entry_of(const json::Value& value) {
  HistoryEntry out{.when = value.text_or("when", ""),
                   .by = value.text_or("by", ""),
                   .name = value.text_or("name", ""),
                   .version = value.text_or("version", ""),
                   .identity = value.text_or("identity", ""),
                   .result = value.text_or("result", ""),
                   .apps = {},
                   .joined = texts_in(value, "joined"),
                   .removed = texts_in(value, "removed")};
  const auto* apps = value.find("applications");
  if (apps == nullptr || !apps->is_array()) return out;
  for (const auto& app : *apps->elements())
    out.apps.push_back({app.text_or("name", ""), app.text_or("change", ""), app.text_or("version", "")});
  return out;
}

std::string config_map(const std::string& history) {
  json::Value data = json::Value::object(), metadata = json::Value::object(), out = json::Value::object();
  data.set(std::string(kKey), history);
  metadata.set("name", kName);
  metadata.set("namespace", "kube-system");
  out.set("apiVersion", "v1");
  out.set("kind", "ConfigMap");
  out.set("metadata", std::move(metadata));
  out.set("data", std::move(data));
  return json::to_canonical(out);
}

}  // namespace

json::Value to_value(const HistoryEntry& entry) {
  json::Value out = json::Value::object(), apps = json::Value::array();
  out.set("when", entry.when);
  out.set("by", entry.by);
  out.set("name", entry.name);
  out.set("version", entry.version);
  out.set("identity", entry.identity);
  out.set("result", entry.result);
  for (const auto& app : entry.apps) {
    json::Value one = json::Value::object();
    one.set("name", app.name);
    one.set("change", app.change);
    if (!app.version.empty()) one.set("version", app.version);
    apps.push_back(std::move(one));
  }
  out.set("applications", std::move(apps));
  if (!entry.joined.empty()) out.set("joined", to_value(entry.joined));
  if (!entry.removed.empty()) out.set("removed", to_value(entry.removed));
  return out;
}

std::string history_text(std::vector<HistoryEntry> newest_first) {
  if (newest_first.size() > kMostEntries) newest_first.resize(kMostEntries);
  json::Value out = json::Value::array();
  size_t bytes = 2;  // of the brackets
  for (const auto& entry : newest_first) {
    auto value = to_value(entry);
    bytes += json::to_canonical(value).size() + 1;
    if (bytes > kMostBytes) break;
    out.push_back(std::move(value));
  }
  return json::to_canonical(out);
}

Result<std::vector<HistoryEntry>> parse_history(std::string_view text) {
  SEALIFT_ASSIGN(const auto list, json::parse(text, kHostJson));
  if (!list.is_array()) return fail(ErrorCode::corrupt, "the cluster's history is not a list");
  std::vector<HistoryEntry> out;
  for (const auto& value : *list.elements()) {
    if (value.is_object()) out.push_back(entry_of(value));
  }
  return out;
}

Result<std::vector<HistoryEntry>> read_history(host::HostView& control_plane, const CancelToken& cancel) {
  SEALIFT_ASSIGN(const auto object,
                 kubectl_object(control_plane, {"--namespace=kube-system", "configmap", std::string(kName)}, cancel));
  const auto* data = object ? object->find("data") : nullptr;
  const auto* text = data == nullptr ? nullptr : data->find(kKey);
  if (text == nullptr || !text->is_string()) return std::vector<HistoryEntry>{};
  return parse_history(*text->string());
}

HistoryEntry history_entry(const Model& model) {
  return {.when = {},
          .by = model.applied_by,
          .name = model.contents().name,
          .version = model.contents().version,
          .identity = model.payload.identity().text(),
          .result = {},
          .apps = {},
          .joined = {},
          .removed = {}};
}

void add_changed_apps(const Model& model, const ClusterApps& apps, HistoryEntry& out) {
  for (const auto& [step, change] : apps.changes()) {
    const auto name = step.substr(kAppSteps.size());
    const auto* app = model.contents().find_app(name);
    out.apps.push_back(
        {name, change == ClusterApps::Change::installed ? "installed" : "updated", app == nullptr ? "" : app->version});
  }
}

HistoryStep::HistoryStep(HistoryEntry entry, Complete complete, std::vector<std::string> hosts, Repeated repeated)
    : BasicStep(std::string(kHistoryStep), "note in the cluster what was done", digest_of({entry.identity, entry.by})),
      entry_(std::move(entry)),
      complete_(std::move(complete)),
      hosts_(std::move(hosts)),
      repeated_(repeated) {}

Result<engine::StepState> HistoryStep::check(const engine::LookContext& context) {
  SEALIFT_ASSIGN(const bool own, context.host.synced());
  if (!own) return engine::StepState::needed;
  std::atomic<bool> changed = false;
  base::parallel_for(hosts_.size(), 32, [&](size_t i) {
    if (changed || std::ranges::contains(context.aside, hosts_[i])) return;
    const auto host = context.others.view(hosts_[i], context.cancel);
    const auto synced = host ? (*host)->synced() : Result<bool>(true);
    if (synced && !*synced) changed = true;
  });
  return changed ? engine::StepState::needed : engine::StepState::done;
}

Result<void> HistoryStep::apply(engine::StepContext& context) {
  if (entry_.when.empty()) {  // else it is another attempt, and an earlier one may have written it
    entry_.when = base::to_iso8601(context.clock.now());
    entry_.result = context.aside.empty() && context.not_done.empty() ? "complete" : "partial";
    complete_(context.looking(), entry_);
  }
  // What was tried and did not come to its end is no news.
  if (entry_.result == "partial" && entry_.apps.empty() && entry_.joined.empty() && entry_.removed.empty()) return {};
  const auto write = [&]() -> Result<void> {
    auto known = read_history(context.host, context.cancel);
    if (!known && known.error().code != ErrorCode::corrupt) return fail(std::move(known).error());
    auto entries = known ? std::move(*known) : std::vector<HistoryEntry>{};
    if (!entries.empty()) {
      auto newest = entries.front();
      if (repeated_ == Repeated::is_known) newest.when = entry_.when;
      if (newest == entry_) return {};
    }
    entries.insert(entries.begin(), entry_);
    const auto text = config_map(history_text(std::move(entries)));
    const auto command = kubectl({"apply", "--server-side", "--force-conflicts", "--filename", "-"});
    base::CommandIo io;
    io.input = base::as_bytes(text);
    return base::output_of(command, context.host.run(command, io, reason(), context.cancel))
        .transform([](const std::string&) {});
  };
  auto written = write();
  if (!written) return fail_while(std::move(written).error(), "noting in the cluster what was done");
  return {};
}

}  // namespace sealift::steps
