// SPDX-License-Identifier: Apache-2.0
//
// Every object of every application, with the reason why it is not as it should be.
#include <algorithm>
#include <map>

#include "payload/base/count.h"
#include "payload/base/format.h"
#include "payload/base/text.h"
#include "runtime/inspection/judge.h"
#include "runtime/kube/health.h"
#include "runtime/kube/objects.h"

namespace sealift::inspection {
namespace {

constexpr std::string_view kSystem = "kube-system";
constexpr std::string_view kBatchJob = "CronJob";  // its owner; such a Job has failed before and will come again

std::string title_of(const json::Value& object) {
  return base::format("{} {}/{}", kube::text(object, "kind"), kube::text(object, "metadata/namespace"),
                      kube::text(object, "metadata/name"));
}

class Judge {
 public:
  Judge(const ClusterLook& cluster, const Artifact& artifact, const std::set<std::string>& expected, Observations& out)
      : cluster_(cluster), artifact_(artifact), out_(out) {
    for (const auto& record : cluster.artifacts) {
      for (const auto& app : record.apps) {
        apps_[app.name];
        releases_[{app.release, app.target_namespace}] = app.name;
        ++spaces_[app.target_namespace].second;
        spaces_[app.target_namespace].first = app.name;
        for (const auto& object : app.objects)
          manifests_[kube::lasting_object(
              object.kind, object.target_namespace.empty() ? app.target_namespace : object.target_namespace,
              object.name)] = app.name;
      }
    }
    objects_ = {cluster.objects.nodes, cluster.objects.workloads, cluster.objects.pods};
    judged_ = kube::judge_cluster(objects_, expected);
  }

  void run() {
    judge_releases();
    for (const auto& judged : judged_) {
      if (judged.object == nullptr || judged.where.empty() || kube::text(*judged.object, "kind") == "Pod") continue;
      take(judged);
    }
    for (const auto& object : cluster_.definitions) take_definition(object);
    for (const auto& missing : cluster_.missing) take_missing(missing);
    for (const auto& pod : cluster_.pods) {
      if (pod.owner.empty()) take_pod(pod);
    }
    for (const auto& claim : kube::items(cluster_.claims)) take_claim(claim);
    for (const auto& [name, app] : apps_) {
      if (app.ill == 0)
        out_.ok("app.healthy", name,
                app.objects == 0 ? "has no object whose health can be told"
                                 : base::counted(app.objects, "object is", "objects are") + " healthy");
    }
    if (system_ill_ == 0 && system_ > 0)
      out_.ok("system.workloads", std::string(kSystem),
              base::counted(system_, "workload is", "workloads are") + " healthy");
    if (others_ill_ == 0 && others_ > 0)
      out_.ok("app.others", "the site's own", base::counted(others_, "workload is", "workloads are") + " healthy");
    if (unbound_ == 0 && !kube::items(cluster_.claims).empty())
      out_.ok("app.claims", "the cluster",
              base::counted(kube::items(cluster_.claims).size(), "claim is", "claims are") + " bound");
  }

 private:
  struct App {
    size_t objects = 0, ill = 0;
  };

  void judge_releases() {
    for (const auto& record : cluster_.artifacts) {
      for (const auto& app : record.apps) {
        const auto found = cluster_.releases.find({app.release, app.target_namespace});
        if (found == cluster_.releases.end()) {
          // Only of its own applications does an artifact know which are charts.
          const bool is_own = record.identity == artifact_.identity && artifact_.charts.contains(app.name);
          if (is_own && !asked_in_vain("helm's releases"))
            out_.fail("app.release", app.name,
                      base::format("the helm release {} in {} is gone", app.release, app.target_namespace));
        } else if (found->second != steps::kDeployed) {
          out_.fail("app.release", app.name,
                    base::format("the helm release {} in {} is {}", app.release, app.target_namespace, found->second));
        } else {
          out_.ok("app.release", app.name, "is deployed");
        }
      }
    }
  }

  bool asked_in_vain(std::string_view what) const {
    return std::ranges::any_of(cluster_.troubles, [&](const std::string& one) { return one.starts_with(what); });
  }

  // By helm's annotations, by the artifact's manifests, or as the only application of its namespace.
  std::optional<std::string> app_of(const json::Value& object) const {
    const auto release = releases_.find(kube::release_of(object));
    if (release != releases_.end()) return release->second;
    const auto manifest = manifests_.find(
        {kube::text(object, "kind"), kube::text(object, "metadata/namespace"), kube::text(object, "metadata/name")});
    if (manifest != manifests_.end()) return manifest->second;
    if (artifact_.app_of) {
      if (auto app = artifact_.app_of(object); app && apps_.contains(*app)) return app;
    }
    return app_in(kube::text(object, "metadata/namespace"));
  }
  std::optional<std::string> app_in(const std::string& name) const {
    const auto space = spaces_.find(name);
    if (space == spaces_.end() || space->second.second != 1 || name == "default" || name == kSystem)
      return std::nullopt;
    return space->second.first;
  }

  void take(const kube::Judged& judged) {
    const auto& object = *judged.object;
    const bool is_ill = judged.health.state != kube::Health::State::current;
    const auto app = app_of(object);
    if (app) {
      auto& sum = apps_[*app];
      ++sum.objects;
      if (!is_ill) return;
      ++sum.ill;
      out_.fail("app.healthy", *app, evidence(judged), remedy(object));
      return;
    }
    const bool is_system = judged.where == kSystem;
    ++(is_system ? system_ : others_);
    if (!is_ill) return;
    if (!is_system && kube::text(object, "metadata/ownerReferences/0/kind") == kBatchJob) return;
    ++(is_system ? system_ill_ : others_ill_);
    out_.add(is_system ? Verdict::fail : Verdict::warn, is_system ? "system.workloads" : "app.others", title_of(object),
             evidence(judged), remedy(object));
  }

  // A kind or an API. Hundreds are the site's own, or Kubernetes': only those that are ill are said.
  void take_definition(const json::Value& object) {
    const auto health = kube::health_of(object);
    const bool is_ill = health.state != kube::Health::State::current;
    const std::string subject = base::format("{} {}", kube::text(object, "kind"), kube::text(object, "metadata/name"));
    const auto evidence = base::format("{}: {}", subject, health.message);
    if (const auto app = app_of(object)) {
      auto& sum = apps_[*app];
      ++sum.objects;
      if (!is_ill) return;
      ++sum.ill;
      out_.fail("app.healthy", *app, evidence);
    } else if (is_ill) {
      ++others_ill_;
      out_.warn("app.others", subject, evidence);
    }
  }

  void take_missing(const steps::MissingObject& missing) {
    auto& sum = apps_[missing.app];
    ++sum.objects;
    ++sum.ill;
    out_.fail("app.healthy", missing.app, missing.object.title() + " is not there", "`apply` brings it back");
  }

  // One that no workload has made.
  void take_pod(const PodRow& pod) {
    const auto app = app_in(pod.space);
    if (app) ++apps_[*app].objects;
    if (pod.ready || pod.phase == "Succeeded") return;
    std::string why = "phase " + pod.phase;
    for (const auto& whole : kube::items(cluster_.objects.pods)) {
      if (kube::text(whole, "metadata/name") == pod.name && kube::text(whole, "metadata/namespace") == pod.space)
        why = kube::health_of(whole).message;
    }
    const std::string subject = "Pod " + pod.title();
    if (app) {
      ++apps_[*app].ill;
      out_.fail("app.healthy", *app, base::format("{}: {}", subject, why));
    } else {
      ++others_ill_;
      out_.warn("app.others", subject, base::format("{}: {}", subject, why));
    }
  }

  // Its pods that are not as they should be, among those that were asked for whole.
  std::vector<const json::Value*> ill_pods(const json::Value& workload) const {
    std::vector<const json::Value*> out;
    for (const auto& pod : kube::items(cluster_.objects.pods)) {
      if (kube::selects(workload, pod) && kube::health_of(pod).state != kube::Health::State::current)
        out.push_back(&pod);
    }
    return out;
  }

  // judge_cluster() has named the first pod with a reason; the last words of the container and the pod's last event say
  // more.
  std::string evidence(const kube::Judged& judged) const {
    std::string out = base::format("{}: {}", judged.health.subject, judged.health.message);
    for (const auto* pod : ill_pods(*judged.object)) {
      const std::string name =
          base::format("{}/{}", kube::text(*pod, "metadata/namespace"), kube::text(*pod, "metadata/name"));
      const auto lines = cluster_.last_lines.find(name);
      if (lines != cluster_.last_lines.end() && !lines->second.empty())
        return out + base::format("{}{}: {}", kLastLines, name, base::join(lines->second, " | "));
      const auto event = cluster_.events.find("Pod " + name);
      if (event != cluster_.events.end()) return out + base::format("; the last event of {}: {}", name, event->second);
    }
    return out;
  }

  bool has_image(const std::string& image) const {
    const auto reference = image::parse_reference(image);
    if (!reference) return false;
    if (artifact_.has_image && artifact_.has_image(*reference)) return true;
    return std::ranges::any_of(cluster_.artifacts, [&](const host::ArtifactRecord& record) {
      return record.images.contains(reference->text());
    });
  }

  // Nothing but another artifact brings an image that no artifact has.
  std::string remedy(const json::Value& workload) const {
    const auto wanted = kube::template_images(workload);
    for (const auto* pod : ill_pods(workload)) {
      for (const auto& missing : kube::missing_images(*pod)) {
        if (wanted.contains(missing.image) && !has_image(missing.image))
          return base::format(
              "the image {} is not in any delivered artifact: add `IMAGE {}` to the Kubefile and build again, or "
              "correct the name in the application's values",
              missing.image, missing.image);
      }
    }
    return {};
  }

  void take_claim(const json::Value& claim) {
    const std::string phase = kube::text(claim, "status/phase");
    if (phase == "Bound" || phase.empty()) return;
    ++unbound_;
    const auto event = cluster_.events.find(title_of(claim));
    const auto app = app_of(claim);
    out_.add(phase == "Lost" ? Verdict::fail : Verdict::warn, "app.claims", app ? *app : title_of(claim),
             base::format("{} is {}{}", title_of(claim),
                          phase == "Lost" ? "bound to a volume that is lost" : "not bound to a volume",
                          event == cluster_.events.end() ? std::string() : ": " + event->second));
  }

  const ClusterLook& cluster_;
  const Artifact& artifact_;
  Observations& out_;
  kube::ClusterObjects objects_;
  std::vector<kube::Judged> judged_;
  std::map<std::string, App> apps_;
  std::map<std::pair<std::string, std::string>, std::string> releases_;  // application by release and namespace
  std::map<kube::LastingObject, std::string> manifests_;                 // application by object
  std::map<std::string, std::pair<std::string, size_t>> spaces_;         // the last application, and how many
  size_t system_ = 0, system_ill_ = 0, others_ = 0, others_ill_ = 0, unbound_ = 0;
};

}  // namespace

void judge_applications(const Look& look, const Wishes& wishes, Observations& out) {
  if (!look.cluster) return;
  std::set<std::string> expected;
  for (const auto& host : look.hosts) expected.insert(host.name);
  Judge(*look.cluster, wishes.artifact, expected, out).run();
}

}  // namespace sealift::inspection
