// SPDX-License-Identifier: Apache-2.0
#include "packer/sbom/bill.h"

#include <algorithm>
#include <map>
#include <set>

#include "packer/sbom/attachments.h"
#include "packer/sbom/linked.h"
#include "payload/base/format.h"
#include "payload/base/text.h"
#include "payload/format/base_document.h"
#include "payload/format/layout.h"
#include "payload/format/references.h"
#include "payload/image/reference.h"
#include "payload/json/value.h"
#include "payload/yaml/node.h"

namespace sealift::sbom {
namespace {

constexpr size_t kMaxDocument = size_t{4} << 20;
constexpr std::string_view kLicenseKey = "org.opencontainers.image.licenses";

// "image-redis-7-1f2e3d4c": readable, and unique by the digest of all of `key`.
std::string id_of(std::string_view kind, std::string_view key) {
  constexpr size_t kReadable = 60, kDigits = 12;
  std::string out(kind);
  out += '-';
  for (const char c : key.substr(key.size() > kReadable ? key.size() - kReadable : 0)) {
    const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.';
    out += is_plain ? c : '-';
  }
  return out + "-" + hash::sha256(base::as_bytes(key)).hex().substr(0, kDigits);
}

// Source: the package URL specification, "Encoding"; '/' stands in the values of qualifiers.
std::string encoded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                          std::string_view("-._~:/").contains(c);
    out += is_plain ? std::string(1, c) : base::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

// Source: the package URL type "oci".
std::string image_purl(const image::Reference& reference, const Digest& digest,
                       std::optional<Architecture> architecture) {
  const auto& repository = reference.repository;
  std::string out =
      base::format("pkg:oci/{}@{}?", encoded(repository.substr(repository.rfind('/') + 1)), digest.text());
  if (architecture) out += base::format("arch={}&", base::name(*architecture));
  out += "repository_url=" + encoded(reference.name());
  if (!reference.tag.empty()) out += "&tag=" + encoded(reference.tag);
  return out;
}

class Writer {
 public:
  explicit Writer(const format::PayloadReader& payload) : payload_(payload), contents_(payload.contents()) {}

  Result<Bill> write() {
    out_.identity = payload_.identity().hex();
    add({.kind = Kind::artifact,
         .id = "artifact",
         .name = contents_.name.empty() ? out_.identity.substr(0, 16) : contents_.name,
         .version = contents_.version,
         .remark = "an artifact of " + contents_.created_by + ", identity " + out_.identity});
    add_bases();
    SEALIFT_TRY(read_base_document());
    for (const auto& stub : contents_.stubs) SEALIFT_TRY(add_program(stub));
    for (const auto& app : contents_.apps) SEALIFT_TRY(add_app(app));
    SEALIFT_TRY(add_images());
    add_files();
    add_uses();
    return std::move(out_);
  }

 private:
  const std::string& add(Component component) {
    out_.components.push_back(std::move(component));
    return out_.components.back().id;
  }
  void relate(const std::string& from, Link link, const std::string& to) { out_.relations.push_back({from, link, to}); }
  const std::string& add_contained(Component component) {
    const auto& id = add(std::move(component));
    relate("artifact", Link::contains, id);
    return id;
  }

  static std::string app_id(std::string_view app) { return id_of("application", app); }
  static std::string image_id(std::string_view image) { return id_of("image", image); }

  void add_bases() {
    for (const auto& identity : contents_.bases) {
      const auto& id = add({.kind = Kind::base,
                            .id = id_of("base", identity.hex()),
                            .name = "base-" + identity.hex().substr(0, 16),
                            .remark = "an artifact that this one was built on, identity " + identity.hex()});
      relate("artifact", Link::descends_from, id);
    }
  }

  Result<void> read_base_document() {
    if (!contents_.base_document) return {};
    SEALIFT_ASSIGN(const auto text, payload_.read_tree(*contents_.base_document, kMaxDocument));
    SEALIFT_ASSIGN(base_, format::parse_base_document(base::as_text(text), *contents_.base_document));
    Component component{.kind = Kind::kubernetes,
                        .id = id_of("kubernetes", base_->name),
                        .name = base_->name,
                        .version = base_->kubernetes_version,
                        .remark = "what " + *contents_.base_document + " describes"};
    if (base_->name == "kubernetes")
      component.purl = "pkg:github/kubernetes/kubernetes@" + encoded(base_->kubernetes_version);
    add_contained(std::move(component));
    return {};
  }

  Result<void> add_program(const format::Stub& stub) {
    SEALIFT_ASSIGN(const auto bytes, payload_.read_all(stub.object.digest, format::kPayloadOffset));
    const auto linked = linked_into(base::as_text(bytes));
    const auto platform = base::platform(stub.architecture);
    const auto id =
        add_contained({.kind = Kind::program,
                       .id = id_of("program", platform),
                       .name = base::format("sealift {}", platform),
                       .version = linked ? linked->version : "",
                       .digest = stub.object.digest,
                       .license = linked ? "Apache-2.0" : "",
                       .remark = base::format("delivers the artifact, and runs on its {} hosts", platform)});
    if (!linked) return {};
    for (const auto& library : linked->libraries) {
      const auto key = library.name + " " + library.version;
      const auto library_id = id_of("library", key);
      if (libraries_.insert(key).second)
        add({.kind = Kind::library,
             .id = library_id,
             .name = library.name,
             .version = library.version,
             .purl = base::format("pkg:generic/{}@{}", encoded(library.name), encoded(library.version)),
             .license = library.license});
      relate(id, Link::links_statically, library_id);
    }
    return {};
  }

  Result<Component> read_chart(const std::string& path) {
    SEALIFT_ASSIGN(const auto text, payload_.read_tree(path, kMaxDocument));
    SEALIFT_ASSIGN(const auto documents, yaml::parse(base::as_text(text), path, {}, yaml::DuplicateKeys::last_wins));
    const auto chart = documents.empty() ? yaml::Node{} : documents.front();
    Component out{.kind = Kind::application,
                  .name = chart.text_at("name"),
                  .version = chart.text_at("version"),
                  .app_version = chart.text_at("appVersion")};
    const auto* annotations = chart.find("annotations");
    const auto* license = annotations == nullptr ? nullptr : annotations->find("artifacthub.io/license");
    if (license != nullptr) out.license = license->text;
    return out;
  }

  Result<void> add_app(const format::App& app) {
    Component own{.kind = Kind::application, .name = app.name, .version = app.version};
    const auto chart = app.root + "/Chart.yaml";
    if (app.kind == format::AppKind::helm && contents_.tree.contains(chart)) {
      SEALIFT_ASSIGN(own, read_chart(chart));
    }
    own.id = app_id(app.name);
    own.remark = base::format("the application {} ({}){}", app.name, format::name(app.kind),
                              app.is_network ? ", which is the pod network" : "");
    add_contained(std::move(own));
    if (app.kind != format::AppKind::helm) return {};
    const auto charts = app.root + "/charts/";
    for (auto at = contents_.tree.lower_bound(charts); at != contents_.tree.end() && at->first.starts_with(charts);
         ++at) {
      if (!at->first.ends_with("/Chart.yaml")) continue;
      SEALIFT_ASSIGN(auto part, read_chart(at->first));
      part.id = id_of("chart", at->first);
      part.remark = base::format("a chart within the application {}, {}", app.name, at->first);
      relate(app_id(app.name), Link::contains, add(std::move(part)));
    }
    return {};
  }

  // The label that the image's makers have given it, or nothing.
  std::string license_of(const format::ObjectRef& config) {
    if (config.size > kMaxDocument) return {};
    const auto bytes = payload_.read_all(config.digest, kMaxDocument);
    const auto document = bytes ? json::parse(base::as_text(*bytes)) : json::Value();
    const auto* labels = document ? document->at_path("config/Labels") : nullptr;
    return labels == nullptr ? "" : labels->text_or(kLicenseKey, "");
  }

  Result<void> add_images() {
    SEALIFT_ASSIGN(const auto attachments, attachments_of(payload_));
    for (const auto& name : attachments.other_images) SEALIFT_TRY(add_image(*contents_.find_image(name)));
    for (const auto& attachment : attachments.all) {
      const auto id = id_of("attachment", attachment.name + " " + attachment.document.digest.text());
      if (!attachments_.insert(id).second) continue;
      add_contained({.kind = Kind::attachment,
                     .id = id,
                     .name = attachment.name,
                     .digest = attachment.document.digest,
                     .media_type = attachment.media_type,
                     .remark = base::format("{} of {}", attachment.kind, attachment.of)});
      if (std::ranges::contains(attachments.other_images, attachment.of))
        relate(id, Link::is_about, image_id(attachment.of));
    }
    return {};
  }

  Result<void> add_image(const format::Image& image) {
    SEALIFT_ASSIGN(const auto reference, image::parse_reference(image.name));
    const bool is_single = image.platforms.size() == 1 && image.platforms[0].manifest == image.root;
    const auto id =
        add_contained({.kind = Kind::image,
                       .id = image_id(image.name),
                       .name = reference.name(),
                       .version = reference.tag.empty() ? image.root.digest.text() : reference.tag,
                       .purl = image_purl(reference, image.root.digest,
                                          is_single ? std::optional(image.platforms[0].architecture) : std::nullopt),
                       .digest = image.root.digest,
                       .license = image.platforms.empty() ? "" : license_of(image.platforms[0].config),
                       .media_type = image.media_type,
                       .remark = image.name});
    if (is_single) return {};
    for (const auto& platform : image.platforms) {
      const auto text = base::platform(platform.architecture);
      relate(add({.kind = Kind::variant,
                  .id = id_of("variant", base::format("{} {}", image.name, text)),
                  .name = reference.name(),
                  .version = platform.manifest.digest.text(),
                  .purl = image_purl(reference, platform.manifest.digest, platform.architecture),
                  .digest = platform.manifest.digest,
                  .license = license_of(platform.config),
                  .media_type = platform.media_type,
                  .remark = base::format("{} for {}", image.name, text)}),
             Link::is_variant_of, id);
    }
    return {};
  }

  // "for hosts: /etc/motd (0644, all)", by path in the tree.
  std::map<std::string, std::string> host_files() const {
    std::map<std::string, std::string> out;
    const auto add = [&](const format::HostFile& file) {
      for (const auto& stub : contents_.stubs) {
        if (file.architecture && *file.architecture != stub.architecture) continue;
        auto& remark = out[format::expand_architecture(file.source, stub.architecture)];
        const auto place = base::format("{} ({:04o}, {})", file.destination, file.mode, format::name(file.role));
        if (!remark.contains(place)) remark += (remark.empty() ? "for hosts: " : ", ") + place;
      }
    };
    for (const auto& file : contents_.host_files) add(file);
    if (base_) std::ranges::for_each(base_->files, add);
    return out;
  }

  void add_files() {
    const auto hosts = host_files();
    for (const auto& [path, file] : contents_.tree) {
      const auto remark = hosts.find(path);
      const auto id = add({.kind = Kind::file,
                           .id = id_of("file", path),
                           .name = path,
                           .digest = file.object.digest,
                           .remark = remark == hosts.end() ? "" : remark->second});
      bool is_owned = false;
      for (const auto& app : contents_.apps) {
        if (!format::has_file(app, path)) continue;
        relate(app_id(app.name), Link::contains, id);
        is_owned = true;
      }
      if (!is_owned) relate("artifact", Link::contains, id);
    }
  }

  void add_uses() {
    for (const auto& app : contents_.apps) {
      std::set<std::string> needed;
      for (const auto& need : app.needs) needed.insert(app_id(need));
      for (const auto& use : app.uses) {
        if (contents_.find_image(use.image) != nullptr) needed.insert(image_id(use.image));
      }
      for (const auto& id : needed) relate(app_id(app.name), Link::depends_on, id);
    }
  }

  const format::PayloadReader& payload_;
  const format::Contents& contents_;
  std::optional<format::BaseDocument> base_;
  std::set<std::string> libraries_, attachments_;  // that are in the bill
  Bill out_;
};

}  // namespace

Result<Bill> bill_of(const format::PayloadReader& payload) { return Writer(payload).write(); }

}  // namespace sealift::sbom
