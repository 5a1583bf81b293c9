// SPDX-License-Identifier: Apache-2.0
#include "packer/resolve/chart.h"

#include <algorithm>
#include <set>

#include "packer/sources/chart_archive.h"
#include "payload/base/format.h"
#include "payload/base/text.h"
#include "payload/hash/digest.h"
#include "payload/json/value.h"
#include "payload/yaml/node.h"

namespace sealift::resolve {
namespace {

constexpr size_t kMaxDocument = size_t{1} << 20;

Result<yaml::Node> read_document(const std::string& path) {
  SEALIFT_ASSIGN(const auto text, read_input(path, kMaxDocument));
  auto documents = yaml::parse(text, path, {}, yaml::DuplicateKeys::last_wins);
  if (!documents) return fail(ErrorCode::invalid_input, "{}", documents.error().text());
  return documents->empty() ? yaml::Node{} : std::move(documents->front());
}

// The names of the charts in charts/, folders as well as packed ones. helm ignores "_name" and ".name".
Result<std::set<std::string>> packed_charts(const std::string& root, std::span<const LocalFile> files) {
  std::set<std::string> out;
  const std::string folder = root + "/charts/";
  for (const auto& file : files) {
    if (!file.target.starts_with(folder)) continue;
    const auto parts = base::split(std::string_view(file.target).substr(folder.size()), '/');
    if (parts[0].starts_with('_') || parts[0].starts_with('.')) continue;
    if (parts.size() == 2 && parts[1] == "Chart.yaml") {
      SEALIFT_ASSIGN(const auto chart, read_document(file.source));
      out.insert(chart.text_at("name"));
    } else if (parts.size() == 1 && parts[0].ends_with(".tgz")) {
      SEALIFT_ASSIGN(const auto text, sources::chart_document_of(file.source));
      SEALIFT_ASSIGN(const auto documents, yaml::parse(text, file.source, {}, yaml::DuplicateKeys::last_wins));
      if (!documents.empty()) out.insert(documents.front().text_at("name"));
    }
  }
  return out;
}

const std::vector<yaml::Node>& dependencies_in(const yaml::Node& document) {
  static const std::vector<yaml::Node> kNone;
  const auto* found = document.find("dependencies");
  return found == nullptr ? kNone : found->items;
}

// A value as JSON; nullopt for what dependencies do not have.
std::optional<std::string> to_json(const yaml::Node& node) {
  if (node.kind == yaml::Kind::scalar) return json::to_canonical(json::Value(node.text));
  std::string out;
  if (node.kind == yaml::Kind::sequence) {
    for (const auto& item : node.items) {
      const auto text = to_json(item);
      if (!text) return std::nullopt;
      out += (out.empty() ? "" : ",") + *text;
    }
    return "[" + out + "]";
  }
  if (node.kind != yaml::Kind::mapping) return std::nullopt;
  json::Value object = json::Value::object();
  for (const auto& [key, value] : node.members) {
    if (value.kind != yaml::Kind::scalar) return std::nullopt;
    object.set(key, value.text);
  }
  return json::to_canonical(object);
}

// A list of dependencies as Go's encoder writes helm's structure: its order of fields, empty ones left out.
std::optional<std::string> encoded(const std::vector<yaml::Node>& dependencies) {
  std::string out;
  for (const auto& dependency : dependencies) {
    std::string fields;
    for (const auto* name :
         {"name", "version", "repository", "condition", "tags", "enabled", "import-values", "alias"}) {
      const auto* value = dependency.find(name);
      const bool is_always_there = std::string_view(name) == "name" || std::string_view(name) == "repository";
      const bool is_empty = value == nullptr || value->is_null() || (value->text.empty() && value->items.empty());
      if (is_empty && !is_always_there) continue;
      if (std::string_view(name) == "enabled") {
        if (value->as_bool().value_or(false)) fields += R"(,"enabled":true)";
        continue;
      }
      const auto text = is_empty ? std::optional<std::string>("\"\"") : to_json(*value);
      if (!text) return std::nullopt;
      fields += base::format("{}\"{}\":{}", fields.empty() ? "" : ",", name, *text);
    }
    out += (out.empty() ? "{" : ",{") + fields + "}";
  }
  for (const auto& [from, to] : {std::pair{"&", "\\u0026"}, {"<", "\\u003c"}, {">", "\\u003e"}})
    out = base::replace_all(std::move(out), from, to);
  return "[" + out + "]";
}

// Whether the lock was made for these dependencies. Source: helm 3, internal/resolver, HashReq.
bool fits(const yaml::Node& lock, const std::vector<yaml::Node>& wanted) {
  const auto& locked = dependencies_in(lock);
  if (locked.size() != wanted.size()) return false;
  for (size_t i = 0; i < locked.size(); ++i) {
    if (locked[i].text_at("name") != wanted[i].text_at("name")) return false;
  }
  const auto first = encoded(wanted), second = encoded(locked);
  const auto digest = lock.text_at("digest");
  if (digest.empty() || !first || !second) return true;
  return hash::sha256(base::as_bytes(base::format("[{},{}]", *first, *second))).text() == digest;
}

}  // namespace

Result<Chart> read_chart(const Place& place, const std::string& root, const std::string& source,
                         std::span<const LocalFile> files) {
  const auto find = [&](std::string_view name) {
    return std::ranges::find(files, base::format("{}/{}", root, name), &LocalFile::target);
  };
  const auto& path = find("Chart.yaml")->source;
  SEALIFT_ASSIGN(const auto chart, read_document(path));
  Chart out{.name = chart.text_at("name"), .version = chart.text_at("version"), .has_lock = false, .missing = {}};
  if (out.version.empty()) return fail(ErrorCode::invalid_input, "{}: {} names no version", place.text(), path);
  // Charts of API version 1 keep their dependencies in a separate file, which takes precedence over Chart.yaml.
  yaml::Node own = chart;
  const auto requirements = find("requirements.yaml");
  if (requirements != files.end()) {
    SEALIFT_ASSIGN(own, read_document(requirements->source));
  }
  const auto& wanted = dependencies_in(own);
  if (wanted.empty()) return out;
  SEALIFT_ASSIGN(const auto packed, packed_charts(root, files));
  std::vector<size_t> missing;
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (!packed.contains(wanted[i].text_at("name"))) missing.push_back(i);
  }
  if (missing.empty()) return out;
  yaml::Node lock;
  const auto lock_file = find(requirements == files.end() ? "Chart.lock" : "requirements.lock");
  if (lock_file != files.end()) {
    SEALIFT_ASSIGN(lock, read_document(lock_file->source));
    // helm 2 made the digests of requirements.lock in another way.
    if (requirements != files.end()) lock.set("digest", yaml::Node::make_string({}));
    if (!fits(lock, wanted))
      return fail(ErrorCode::invalid_input,
                  "{}: {} was made for other dependencies than the chart has now; run \"helm dependency update {}\"",
                  place.text(), lock_file->source, source);
    out.has_lock = true;
  }
  for (const size_t i : missing) {
    const auto& dependency = wanted[i];
    Dependency one{dependency.text_at("name"), dependency.text_at("version"), dependency.text_at("repository"), {}};
    if (out.has_lock) {
      one.locked_version = dependencies_in(lock)[i].text_at("version");
      one.repository = dependencies_in(lock)[i].text_at("repository");
    }
    out.missing.push_back(std::move(one));
  }
  return out;
}

}  // namespace sealift::resolve
