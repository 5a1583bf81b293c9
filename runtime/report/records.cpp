// SPDX-License-Identifier: Apache-2.0
#include "runtime/report/records.h"

#include <algorithm>
#include <array>

#include "payload/base/format.h"
#include "payload/base/text.h"

namespace sealift::report {
namespace {

constexpr std::string_view kHelm = "helm";

std::string or_dash(const std::string& text) { return text.empty() ? "-" : base::printable(text); }

// "sha256:" and enough of it to tell two apart.
std::string short_identity(const std::string& identity) { return base::printable(identity.substr(0, 19)); }

std::string named(const std::string& name, const std::string& version, const std::string& identity) {
  auto out = base::printable(name);
  if (!version.empty()) out += (out.empty() ? "" : " ") + base::printable(version);
  return base::format("{}{}({})", out, out.empty() ? "" : " ", short_identity(identity));
}

// The release is helm's; manifests have none.
std::string release_of(const host::ArtifactRecord::App& app) { return app.kind == kHelm ? app.release : ""; }

void set_if(json::Value& out, const char* key, const std::string& value) {
  if (!value.empty()) out.set(key, value);
}

}  // namespace

std::vector<std::string> artifact_lines(const std::vector<host::ArtifactRecord>& artifacts) {
  std::vector<std::string> out;
  for (const auto& artifact : artifacts) {
    auto heading = named(artifact.name, artifact.version, artifact.identity.text());
    if (!artifact.kubernetes.empty()) heading += ", Kubernetes " + base::printable(artifact.kubernetes);
    if (!artifact.delivered_by.empty() || !artifact.delivered_at.empty())
      heading += base::format(", by {} at {}", or_dash(artifact.delivered_by), or_dash(artifact.delivered_at));
    out.push_back(std::move(heading));
    std::vector<std::array<std::string, 5>> rows{{"application", "kind", "release", "namespace", "chart"}};
    for (const auto& app : artifact.apps)
      rows.push_back({or_dash(app.name), or_dash(app.kind), or_dash(release_of(app)), or_dash(app.target_namespace),
                      or_dash(app.version)});
    if (rows.size() == 1) continue;
    std::array<size_t, 5> widths{};
    for (const auto& row : rows) {
      for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
    }
    for (const auto& row : rows) {
      std::string line = " ";
      for (size_t i = 0; i < row.size(); ++i) line += base::format(" {:<{}}", row[i], widths[i]);
      line.erase(line.find_last_not_of(' ') + 1);
      out.push_back(std::move(line));
    }
  }
  return out;
}

std::vector<std::string> history_lines(const std::vector<steps::HistoryEntry>& entries) {
  std::vector<std::string> out;
  for (const auto& entry : entries) {
    out.push_back(base::format("{}  {}  {}  {}", base::printable(entry.when), or_dash(entry.by),
                               named(entry.name, entry.version, entry.identity), or_dash(entry.result)));
    for (const auto& app : entry.apps) {
      out.push_back(base::format("  {} {}{}", base::printable(app.name), base::printable(app.change),
                                 app.version.empty() ? "" : " (chart " + base::printable(app.version) + ")"));
    }
    for (const auto& node : entry.joined) out.push_back("  node " + base::printable(node) + " joined");
    for (const auto& node : entry.removed) out.push_back("  node " + base::printable(node) + " removed");
  }
  if (out.empty()) out.emplace_back("the cluster knows of no delivery yet");
  return out;
}

std::string to_json(const host::ArtifactRecord& artifact) {
  json::Value out = json::Value::object(), apps = json::Value::array();
  out.set("event", "artifact");
  out.set("name", artifact.name);
  out.set("version", artifact.version);
  out.set("identity", artifact.identity.text());
  out.set("base", artifact.is_base);
  set_if(out, "kubernetes", artifact.kubernetes);
  set_if(out, "delivered_by", artifact.delivered_by);
  set_if(out, "delivered_at", artifact.delivered_at);
  for (const auto& app : artifact.apps) {
    json::Value one = json::Value::object();
    one.set("name", app.name);
    set_if(one, "kind", app.kind);
    set_if(one, "release", release_of(app));
    one.set("namespace", app.target_namespace);
    set_if(one, "version", app.version);
    apps.push_back(std::move(one));
  }
  out.set("applications", std::move(apps));
  return json::to_canonical(out);
}

json::Value delivery_value(const steps::HistoryEntry& entry) {
  auto out = steps::to_value(entry);
  out.set("event", "delivery");
  return out;
}

std::string to_json(const steps::HistoryEntry& entry) { return json::to_canonical(delivery_value(entry)); }

}  // namespace sealift::report
