// SPDX-License-Identifier: Apache-2.0
//
// What the applications of a delivery share, so that three hundred of them cost few questions: one look at what the
// cluster and the first control plane's ledger have of them, and one question at a time about the objects that they
// wait for. Any thread.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "payload/json/value.h"
#include "payload/yaml/node.h"
#include "runtime/engine/step.h"
#include "runtime/kube/manifests.h"

namespace sealift::steps {

// What the ids of applications' steps begin with.
inline constexpr std::string_view kAppSteps = "app.";
inline constexpr std::string_view kDeployed = "deployed";  // a release that stands

// By name and namespace, the state of a release's newest revision: "deployed", "failed", "pending-upgrade" …
using Releases = std::map<std::pair<std::string, std::string>, std::string>;
Result<Releases> helm_releases(host::HostView& control_plane, const CancelToken& cancel);

class ClusterApps {
 public:
  struct Installed {
    std::map<std::string, std::string> records;  // step → inputs, of completed steps
    Releases releases;
  };
  // Asked once, when it is first wanted or after forget().
  Result<std::shared_ptr<const Installed>> installed(const engine::LookContext& context);
  // Objects of an installed application that somebody has deleted; of all of them asked once, as before.
  Result<std::vector<kube::LastingObject>> missing(const engine::LookContext& context, const std::string& app);
  void forget();
  // What has just been installed and recorded; `release` of a chart.
  void note(const std::string& step, const std::string& inputs,
            const std::optional<std::pair<std::string, std::string>>& release);

  // What note() was told of: whether the cluster had had it before this run.
  enum class Change { installed, updated };
  std::map<std::string, Change> changes() const;  // by step

  // The objects that `app` waits for, until it no longer does.
  void watch(const std::string& app, std::vector<yaml::Node> objects);
  void unwatch(const std::string& app);
  struct Seen {
    std::vector<json::Value> objects;          // those in the cluster
    std::vector<kube::LastingObject> missing;  // those that are not, and must be
  };
  // Those of `app`. One question brings everybody's: an answer may be from the question that another application has
  // asked since this one's last look.
  Result<Seen> look(const engine::LookContext& context, const std::string& app);

 private:
  struct Watched {
    std::vector<yaml::Node> objects;
    std::optional<Seen> answer;  // not seen yet
  };
  static Result<std::vector<json::Value>> ask(const engine::LookContext& context,
                                              const std::vector<const Watched*>& whom);
  static Seen seen_of(const Watched& watched, const std::vector<json::Value>& answers);

  mutable std::mutex looking_;
  std::shared_ptr<const Installed> installed_, at_first_;                           // as it is, and as the run found it
  std::optional<std::map<std::string, std::vector<kube::LastingObject>>> missing_;  // by application
  std::map<std::string, Change> changes_;
  std::mutex asking_;  // held during a question: who comes meanwhile finds its answer
  std::map<std::string, Watched> watched_;
};

// The objects of manifests whose health can be told, each with its namespace, for ClusterApps::watch. What can't be
// read is left out: kubectl or helm has said so.
std::vector<yaml::Node> judged_objects(const std::string& manifests, const std::string& target_namespace);

}  // namespace sealift::steps
