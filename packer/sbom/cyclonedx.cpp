// SPDX-License-Identifier: Apache-2.0
// Source: CycloneDX 1.6, JSON.
#include <map>
#include <set>

#include "packer/sbom/documents.h"
#include "packer/sbom/license.h"
#include "payload/base/format.h"
#include "payload/base/version.h"
#include "payload/json/value.h"

namespace sealift::sbom {
namespace {

std::string_view type_of(Kind kind) {
  switch (kind) {
    case Kind::artifact:
    case Kind::base:
    case Kind::program:
    case Kind::application: return "application";
    case Kind::kubernetes: return "platform";
    case Kind::library: return "library";
    case Kind::image:
    case Kind::variant: return "container";
    case Kind::attachment: return "data";
    case Kind::file: return "file";
  }
  return "data";
}

json::Value license_of(const std::string& license) {
  json::Value choice = json::Value::object();
  if (is_license_expression(license) && !is_license(license)) {
    choice.set("expression", license);
  } else {
    json::Value named = json::Value::object();
    named.set(is_license(license) ? "id" : "name", license);
    choice.set("license", std::move(named));
  }
  return json::Array{std::move(choice)};
}

json::Value property(std::string_view name, const std::string& value) {
  json::Value out = json::Value::object();
  out.set("name", name);
  out.set("value", value);
  return out;
}

json::Value component_of(const Component& component) {
  json::Value out = json::Value::object();
  out.set("bom-ref", component.id);
  out.set("type", type_of(component.kind));
  out.set("name", component.name);
  if (!component.version.empty()) out.set("version", component.version);
  if (!component.purl.empty()) out.set("purl", component.purl);
  if (!component.license.empty()) out.set("licenses", license_of(component.license));
  if (!component.remark.empty()) out.set("description", component.remark);
  if (component.digest) {
    json::Value hash = json::Value::object();
    hash.set("alg", "SHA-256");
    hash.set("content", component.digest->hex());
    out.set("hashes", json::Array{std::move(hash)});
  }
  json::Array properties;
  if (!component.app_version.empty()) properties.push_back(property("sealift:appVersion", component.app_version));
  if (!component.media_type.empty()) properties.push_back(property("sealift:mediaType", component.media_type));
  if (!properties.empty()) out.set("properties", std::move(properties));
  return out;
}

// A UUID of the identity's first digits, marked as one of its own making (RFC 9562, version 8).
std::string serial_number(std::string digits) {
  constexpr std::string_view kVariants = "89ab";
  digits[12] = '8';
  const char variant = digits[16];
  digits[16] = kVariants[static_cast<size_t>(variant <= '9' ? variant - '0' : variant - 'a' + 10) % 4];
  return base::format("urn:uuid:{}-{}-{}-{}-{}", digits.substr(0, 8), digits.substr(8, 4), digits.substr(12, 4),
                      digits.substr(16, 4), digits.substr(20, 12));
}

class Document {
 public:
  explicit Document(const Bill& bill) : bill_(bill) {
    for (const auto& relation : bill.relations) {
      switch (relation.link) {
        case Link::is_variant_of: variants_[relation.to].insert(relation.from); break;
        case Link::is_about: about_[relation.from].insert(relation.to); break;
        case Link::descends_from: bases_.insert(relation.to); break;
        case Link::contains:
        case Link::depends_on:
        case Link::links_statically: needed_[relation.from].insert(relation.to); break;
      }
    }
    for (const auto& component : bill.components) by_id_[component.id] = &component;
  }

  json::Value components() const {
    std::set<std::string> elsewhere{bill_.artifact().id};
    for (const auto& [image, variants] : variants_) elsewhere.insert(variants.begin(), variants.end());
    elsewhere.insert(bases_.begin(), bases_.end());
    json::Value out = json::Value::array();
    for (const auto& component : bill_.components) {
      if (!elsewhere.contains(component.id)) out.push_back(with_variants(component));
    }
    return out;
  }

  json::Value metadata(const Created& created) const {
    json::Value tool = json::Value::object(), tools = json::Value::object(), out = json::Value::object();
    tool.set("type", "application");
    tool.set("name", "sealift");
    tool.set("version", base::kVersion);
    tools.set("components", json::Array{std::move(tool)});
    out.set("tools", std::move(tools));
    auto artifact = component_of(bill_.artifact());
    if (!bases_.empty()) {
      json::Value ancestors = json::Value::array(), pedigree = json::Value::object();
      for (const auto& base : bases_) ancestors.push_back(component_of(*by_id_.at(base)));
      pedigree.set("ancestors", std::move(ancestors));
      artifact.set("pedigree", std::move(pedigree));
    }
    out.set("component", std::move(artifact));
    if (created) out.set("timestamp", base::format("{:%FT%TZ}", *created));
    return out;
  }

  json::Value dependencies() const {
    json::Value out = json::Value::array();
    for (const auto& [from, needed] : needed_) {
      json::Value names = json::Value::array(), entry = json::Value::object();
      for (const auto& to : needed) names.push_back(to);
      entry.set("ref", from);
      entry.set("dependsOn", std::move(names));
      out.push_back(std::move(entry));
    }
    return out;
  }

 private:
  using Links = std::map<std::string, std::set<std::string>>;

  json::Value with_variants(const Component& component) const {
    auto out = component_of(component);
    if (const auto variants = variants_.find(component.id); variants != variants_.end()) {
      json::Value parts = json::Value::array();
      for (const auto& id : variants->second) parts.push_back(component_of(*by_id_.at(id)));
      out.set("components", std::move(parts));
    }
    if (const auto about = about_.find(component.id); about != about_.end()) {
      json::Value entries = json::Value::array();
      for (const auto& id : about->second) {
        json::Value entry = json::Value::object();
        entry.set("type", "other");
        entry.set("url", by_id_.at(id)->purl);
        entry.set("comment", "what this is about");
        entries.push_back(std::move(entry));
      }
      out.set("externalReferences", std::move(entries));
    }
    return out;
  }

  const Bill& bill_;
  std::map<std::string, const Component*> by_id_;
  Links variants_, about_, needed_;
  std::set<std::string> bases_;
};

}  // namespace

std::string to_cyclonedx(const Bill& bill, const Created& created) {
  const Document document(bill);
  json::Value out = json::Value::object();
  out.set("bomFormat", "CycloneDX");
  out.set("specVersion", "1.6");
  out.set("serialNumber", serial_number(bill.identity));
  out.set("version", 1);
  out.set("metadata", document.metadata(created));
  out.set("components", document.components());
  out.set("dependencies", document.dependencies());
  return json::to_canonical(out) + "\n";
}

}  // namespace sealift::sbom
