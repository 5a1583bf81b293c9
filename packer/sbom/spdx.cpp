// SPDX-License-Identifier: Apache-2.0
// Source: SPDX 2.3, and its JSON schema.
#include <map>

#include "packer/sbom/documents.h"
#include "packer/sbom/license.h"
#include "payload/base/format.h"
#include "payload/base/text.h"
#include "payload/base/version.h"
#include "payload/json/value.h"

namespace sealift::sbom {
namespace {

constexpr std::string_view kNoAssertion = "NOASSERTION";  // SPDX's word for what nobody has looked into

std::string spdx_id(const std::string& id) { return "SPDXRef-" + id; }

std::string_view purpose_of(Kind kind) {
  switch (kind) {
    case Kind::artifact:
    case Kind::base: return "INSTALL";
    case Kind::kubernetes:
    case Kind::program:
    case Kind::application: return "APPLICATION";
    case Kind::library: return "LIBRARY";
    case Kind::image:
    case Kind::variant: return "CONTAINER";
    case Kind::attachment: return "OTHER";
    case Kind::file: return "FILE";
  }
  return "OTHER";
}

std::string_view name_of(Link link) {
  switch (link) {
    case Link::contains: return "CONTAINS";
    case Link::depends_on: return "DEPENDS_ON";
    case Link::links_statically: return "STATIC_LINK";
    case Link::is_variant_of: return "VARIANT_OF";
    case Link::is_about: return "METAFILE_OF";
    case Link::descends_from: return "DESCENDANT_OF";
  }
  return "OTHER";
}

json::Value relationship(const std::string& from, std::string_view type, const std::string& to) {
  json::Value out = json::Value::object();
  out.set("spdxElementId", from);
  out.set("relationshipType", type);
  out.set("relatedSpdxElement", to);
  return out;
}

// Licences that are no expression get an identifier within the document.
class Licenses {
 public:
  std::string declared(const std::string& license) {
    if (license.empty()) return std::string(kNoAssertion);
    if (is_license_expression(license)) return license;
    const auto id = "LicenseRef-" + hash::sha256(base::as_bytes(license)).hex().substr(0, 16);
    others_[id] = license;
    return id;
  }
  json::Value extracted() const {
    json::Value out = json::Value::array();
    for (const auto& [id, text] : others_) {
      json::Value entry = json::Value::object();
      entry.set("licenseId", id);
      entry.set("extractedText", text);
      entry.set("comment", "as the component's makers name it; the text itself was not looked for");
      out.push_back(std::move(entry));
    }
    return out;
  }

 private:
  std::map<std::string, std::string> others_;
};

json::Value package_of(const Component& component, Licenses& licenses) {
  json::Value out = json::Value::object();
  out.set("SPDXID", spdx_id(component.id));
  out.set("name", component.name);
  if (!component.version.empty()) out.set("versionInfo", component.version);
  out.set("downloadLocation", kNoAssertion);
  out.set("filesAnalyzed", false);
  out.set("licenseConcluded", kNoAssertion);
  out.set("licenseDeclared", licenses.declared(component.license));
  out.set("copyrightText", kNoAssertion);
  out.set("primaryPackagePurpose", purpose_of(component.kind));
  if (component.digest) {
    json::Value checksum = json::Value::object();
    checksum.set("algorithm", "SHA256");
    checksum.set("checksumValue", component.digest->hex());
    out.set("checksums", json::Array{std::move(checksum)});
  }
  if (!component.purl.empty()) {
    json::Value reference = json::Value::object();
    reference.set("referenceCategory", "PACKAGE-MANAGER");
    reference.set("referenceType", "purl");
    reference.set("referenceLocator", component.purl);
    out.set("externalRefs", json::Array{std::move(reference)});
  }
  std::vector<std::string> remarks;
  if (!component.remark.empty()) remarks.push_back(component.remark);
  if (!component.app_version.empty()) remarks.push_back("appVersion " + component.app_version);
  if (!component.media_type.empty()) remarks.push_back(component.media_type);
  if (!remarks.empty()) out.set("comment", base::join(remarks, "; "));
  return out;
}

json::Value creation(const Created& created) {
  json::Value out = json::Value::object();
  out.set("created", base::format("{:%FT%TZ}", created.value_or(std::chrono::sys_seconds{})));
  out.set("comment", created ? "the time is that of SOURCE_DATE_EPOCH"
                             : "the time means nothing: an artifact holds none, and SOURCE_DATE_EPOCH gave none");
  out.set("creators", json::Array{json::Value(base::format("Tool: sealift-{}", base::kVersion))});
  return out;
}

}  // namespace

std::string to_spdx(const Bill& bill, const Created& created) {
  const std::string document = "SPDXRef-DOCUMENT";
  Licenses licenses;
  json::Value packages = json::Value::array(), relations = json::Value::array();
  for (const auto& component : bill.components) packages.push_back(package_of(component, licenses));
  relations.push_back(relationship(document, "DESCRIBES", spdx_id(bill.artifact().id)));
  for (const auto& [from, link, to] : bill.relations)
    relations.push_back(relationship(spdx_id(from), name_of(link), spdx_id(to)));
  json::Value out = json::Value::object();
  out.set("spdxVersion", "SPDX-2.3");
  out.set("dataLicense", "CC0-1.0");
  out.set("SPDXID", document);
  const auto& version = bill.artifact().version;
  out.set("name", bill.artifact().name + (version.empty() ? "" : "-" + version));
  out.set("documentNamespace", "https://sealift.dev/spdx/" + bill.identity);
  out.set("creationInfo", creation(created));
  out.set("packages", std::move(packages));
  out.set("relationships", std::move(relations));
  out.set("hasExtractedLicensingInfos", licenses.extracted());
  return json::to_canonical(out) + "\n";
}

}  // namespace sealift::sbom
