// SPDX-License-Identifier: Apache-2.0
#include "runtime/delivery/artifacts.h"

#include <algorithm>
#include <optional>

#include "payload/base/format.h"
#include "payload/base/text.h"
#include "runtime/steps/files.h"

namespace sealift::delivery {
namespace {

using host::ArtifactRecord;

// Whether no host gets two different files.
bool are_compatible(const ArtifactRecord::HostKinds& one, const ArtifactRecord::HostKinds& two) {
  const auto all = [](const ArtifactRecord::HostKinds& kinds) { return kinds.contains(""); };
  if (all(one) && all(two)) return one == two;
  if (all(one)) return are_compatible(two, one);
  return std::ranges::all_of(one, [&](const auto& kind) {
    const auto there = two.find(all(two) ? "" : kind.first);
    return there == two.end() || there->second == kind.second;
  });
}

class Comparison {
 public:
  Comparison(const steps::Model& model, const Allowed& allowed)
      : model_(model), contents_(model.contents()), allowed_(allowed) {}

  Result<std::vector<checks::Finding>> run() {
    if (!model_.makes_cluster() && contents_.name.empty())
      add("the artifact has no name, by which the cluster would know its next version",
          "build it with -t NAME:VERSION");
    if (model_.before) compare_with_former(*model_.before);
    for (const auto& requirement : contents_.requirements) require(requirement);
    const auto images = model_.selected_images();
    SEALIFT_ASSIGN(const auto files, steps::claimed_files(model_));
    for (const auto& other : model_.others) {
      for (const auto& app : model_.apps) compare(app, other);
      for (const auto* image : images) compare(*image, other);
      for (const auto& [path, kinds] : files) compare(path, kinds, other);
    }
    return std::move(findings_);
  }

 private:
  void add(std::string evidence, std::string remedy) {
    findings_.push_back({"site.artifacts", "", checks::Severity::blocks, std::move(evidence), std::move(remedy)});
  }

  void ask(bool is_allowed, std::string evidence, std::string_view option) {
    findings_.push_back({"site.artifacts", "", is_allowed ? checks::Severity::warns : checks::Severity::blocks,
                         std::move(evidence),
                         is_allowed ? std::string() : base::format("take another artifact, or say {}", option)});
  }

  // Versions that are not semantic ones have no order.
  void compare_with_former(const ArtifactRecord& former) {
    if (!former.name.empty() && !contents_.name.empty() && former.name != contents_.name) {
      ask(allowed_.replace_product,
          base::format("the cluster was made by the artifact {}, and this is {}", former.title(),
                       model_.payload.artifact_name()),
          "--replace-product");
    } else if (!former.version.empty() && format::is_among(contents_.version, "<" + former.version)) {
      ask(allowed_.downgrade,
          base::format("the cluster has {}, and this is the older {}", former.title(), model_.payload.artifact_name()),
          "--allow-downgrade");
    }
  }

  void require(const format::Requirement& requirement) {
    const auto what = base::printable(requirement.text());
    const auto lacks = [&](const std::string& has) {
      add(base::format("the artifact requires {}, and the cluster has {}", what, has),
          base::format("deliver an artifact with it first, or take a version of {} for what is there",
                       model_.payload.artifact_name()));
    };
    if (requirement.name == format::kKubernetes) {
      if (!format::is_among(model_.base.kubernetes_version, requirement.versions))
        lacks(model_.base.kubernetes_version);
      return;
    }
    const auto there = std::ranges::find(model_.others, requirement.name, &ArtifactRecord::name);
    if (there == model_.others.end())
      lacks("no artifact of that name");
    else if (!format::is_among(there->version, requirement.versions))
      lacks(there->title());
  }

  void compare(const steps::SelectedApp& app, const ArtifactRecord& other) {
    for (const auto& there : other.apps) {
      if (there.name == app.app->name) {
        add(base::format("the application {} was installed from the artifact {}", there.name, other.title()),
            "leave it out of spec.apps in cluster.yaml, or deliver it with that artifact");
      } else if (app.app->kind == format::AppKind::helm && there.release == app.release &&
                 there.target_namespace == app.target_namespace) {
        add(base::format("the application {} would be the helm release {} in {}, which {} of the artifact {} is",
                         app.app->name, app.release, app.target_namespace, there.name, other.title()),
            "give it another namespace in cluster.yaml");
      }
    }
  }

  void compare(const format::Image& image, const ArtifactRecord& other) {
    const auto there = other.images.find(image.name);
    if (there == other.images.end() || there->second == image.root.digest) return;
    add(base::format("the image {} is {} here and {} in the artifact {}: one name would stand for both", image.name,
                     image.root.digest.text(), there->second.text(), other.title()),
        "build one of them again with the other's image");
  }

  void compare(const std::string& path, const ArtifactRecord::HostKinds& kinds, const ArtifactRecord& other) {
    const auto remedy = [&] {
      return base::format("build {} again with another place for it, or without it", model_.payload.artifact_name());
    };
    if (const auto there = other.files.find(path); there != other.files.end()) {
      if (!are_compatible(kinds, there->second))
        add(base::format("the file {} on hosts is another one in the artifact {}", path, other.title()), remedy());
      return;
    }
    // A file of one is a folder of the other.
    const auto below = other.files.lower_bound(path + "/");
    std::optional<std::string> clash;
    if (below != other.files.end() && below->first.starts_with(path + "/")) clash = below->first;
    for (size_t at = path.rfind('/'); !clash && at != 0 && at != std::string::npos; at = path.rfind('/', at - 1)) {
      if (other.files.contains(path.substr(0, at))) clash = path.substr(0, at);
    }
    if (clash)
      add(base::format("the file {} on hosts can't be beside {} of the artifact {}", path, *clash, other.title()),
          remedy());
  }

  const steps::Model& model_;
  const format::Contents& contents_;
  const Allowed& allowed_;
  std::vector<checks::Finding> findings_;
};

}  // namespace

void take_records(std::vector<ArtifactRecord> records, steps::Model& model) {
  for (auto& record : records) {
    const bool own = model.makes_cluster() ? record.is_base : !record.is_base && record.name == model.contents().name;
    if (own)
      model.before = std::move(record);
    else
      model.others.push_back(std::move(record));
  }
}

Result<std::vector<checks::Finding>> compare_artifacts(const steps::Model& model, const Allowed& allowed) {
  return Comparison(model, allowed).run();
}

}  // namespace sealift::delivery
