// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "payload/base/format.h"
#include "payload/base/safe_path.h"
#include "payload/base/text.h"
#include "runtime/config/field_reader.h"

namespace sealift::config {
namespace {

constexpr uint64_t kMostAtOnce = 64;

void read_names(const Mapping& fields, std::string_view key, Reading& reading) {
  auto& apps = reading.config.apps.emplace();
  for (const auto* app : fields.texts(key)) {
    if (std::ranges::contains(apps, app->text))
      reading.problems.add(*app, base::format("\"{}\" stands in \"apps\" twice", base::printable(app->text)));
    apps.push_back(app->text);
  }
}

void read_patience(const Mapping& spec, ApplicationConfig& application) {
  read_duration(spec, "timeout", application.timeout);
  std::string wait;
  spec.text("wait", wait);
  if (!wait.empty() && wait != "healthy" && wait != "applied")
    spec.bad("wait", "\"wait\" must be healthy (the default) or applied");
  application.waits_for_health = wait != "applied";
}

// One document that is a mapping, as text.
std::string mapping_text(const Mapping& fields, const yaml::Node& data, const std::string& path) {
  if (data.kind == yaml::Kind::mapping) return yaml::to_yaml(data);
  const auto documents = yaml::parse(data.text, path);
  if (!documents)
    fields.bad("data", base::printable(documents.error().what, 1000));
  else if (data.kind != yaml::Kind::scalar || documents->size() != 1 || documents->front().kind != yaml::Kind::mapping)
    fields.bad("data", "what is merged must be one mapping");
  return data.text;
}

void read_change(const yaml::Node& node, ApplicationConfig& application, Reading& reading) {
  const Mapping fields(node, reading.problems, kApplicationFile);
  if (node.kind != yaml::Kind::mapping) return;
  FileChange change{.place = {node.line, node.column}};
  if (fields.require("path")) fields.text("path", change.path);
  if (!change.path.empty() && !base::safe_relative_path(change.path))
    fields.bad("path", "the path must lead to a file below the application's folder, such as templates/web.yaml");
  if (std::ranges::contains(application.files, change.path, &FileChange::path))
    fields.bad("path", base::format("{} is changed twice", base::printable(change.path)));
  std::string strategy = "overwrite";
  fields.text("strategy", strategy);
  if (strategy != "overwrite" && strategy != "merge") fields.bad("strategy", "the strategy must be overwrite or merge");
  if (strategy == "merge") change.strategy = FileChange::Strategy::merge;
  if (fields.require("data")) {
    const auto& data = *fields.find("data");
    if (change.strategy == FileChange::Strategy::merge)
      change.data = mapping_text(fields, data, change.path);
    else
      fields.text("data", change.data);
  }
  application.files.push_back(std::move(change));
}

void read_files(const Mapping& spec, ApplicationConfig& application, Reading& reading) {
  const auto* files = spec.find("files");
  if (files == nullptr) return;
  if (files->kind != yaml::Kind::sequence) return spec.bad("files", "\"files\" must be a list");
  for (const auto& item : files->items) read_change(item, application, reading);
}

}  // namespace

void read_apps(const yaml::Node& node, const Mapping& spec, Reading& reading) {
  if (node.kind != yaml::Kind::mapping) return read_names(spec, "apps", reading);
  const Mapping fields(node, reading.problems, kApps);
  if (fields.find("names") != nullptr) read_names(fields, "names", reading);
  if (const auto* number = fields.find("concurrency")) {
    const auto at_once = number->as_u64();
    if (!at_once || *at_once == 0 || *at_once > kMostAtOnce)
      fields.bad("concurrency", base::format("\"concurrency\" must be a number from 1 to {}", kMostAtOnce));
    else
      reading.config.apps_at_once = *at_once;
  }
}

void read_application(const yaml::Node& document, Reading& reading) {
  const Mapping top(document, reading.problems, kApplication);
  ApplicationConfig application;
  if (top.require("metadata")) {
    const Mapping metadata(*top.find("metadata"), reading.problems, kApplicationMetadata);
    if (metadata.require("name")) metadata.text("name", application.name);
    if (!application.name.empty() &&
        std::ranges::contains(reading.config.applications, application.name, &ApplicationConfig::name)) {
      metadata.bad("name", base::format("a second Application \"{}\"", base::printable(application.name)));
    }
  }
  if (const auto* node = top.find("spec")) {
    const Mapping spec(*node, reading.problems, kApplicationSpec);
    spec.boolean("enabled", application.enabled);
    read_patience(spec, application);
    spec.text("namespace", application.target_namespace);
    if (application.target_namespace && !is_dns_label(*application.target_namespace))
      spec.bad("namespace", "a namespace may hold lower-case letters, digits and - only, at most 63");
    spec.text("valuesSet", application.values_set);
    if (const auto* values = spec.find("values")) {
      if (values->kind != yaml::Kind::mapping) spec.bad("values", "\"values\" must be a mapping");
      application.values_yaml = yaml::to_yaml(*values);
    }
    std::string file;
    spec.text("valuesFile", file);
    if (!file.empty()) {
      application.values_file_yaml = reading.content_of(spec, "valuesFile", file);
      const auto parsed = yaml::parse(application.values_file_yaml, file);
      if (!parsed) {
        spec.bad("valuesFile", base::printable(parsed.error().what, 1000));
      } else if (parsed->size() > 1 || (parsed->size() == 1 && parsed->front().kind != yaml::Kind::mapping)) {
        spec.bad("valuesFile", base::format("{} must hold one mapping of values", base::printable(file)));
      }
    }
    for (const auto* need : spec.texts("needs")) {
      if (need->text == application.name) reading.problems.add(*need, "an application can't need itself");
      application.needs.push_back(need->text);
    }
    read_files(spec, application, reading);
    for (const auto* pattern : spec.texts("ignoreImages")) application.ignored_images.push_back(pattern->text);
  }
  reading.config.applications.push_back(std::move(application));
}

}  // namespace sealift::config
