// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/missing_objects.h"

#include <map>
#include <set>

#include "payload/base/text.h"
#include "runtime/kube/helm_record.h"
#include "runtime/steps/kubectl.h"

namespace sealift::steps {
namespace {

constexpr Duration kPatience{90'000};
constexpr std::string_view kNone = "<none>";

using Releases = std::map<std::pair<std::string, std::string>, std::vector<kube::LastingObject>>;

Result<Releases> releases(host::HostView& control_plane, const CancelToken& cancel) {
  const base::Command command{{"/proc/self/exe", "node", "releases"}, {}, "/", kPatience};
  SEALIFT_ASSIGN(const auto text, base::output_of(command, control_plane.query(command, {}, cancel)));
  SEALIFT_ASSIGN(const auto list, kube::release_objects_of_json(text));
  Releases out;
  for (const auto& one : list) out[{one.release, one.target_namespace}] = one.objects;
  return out;
}

Result<std::set<kube::LastingObject>> those_there(host::HostView& control_plane, const CancelToken& cancel) {
  SEALIFT_ASSIGN(const auto table,
                 kubectl_get(control_plane,
                             {"get", "deployments,statefulsets,daemonsets,customresourcedefinitions,apiservices",
                              "--all-namespaces", "--no-headers", "--output",
                              "custom-columns=KIND:.kind,SPACE:.metadata.namespace,NAME:.metadata.name"},
                             cancel));
  std::set<kube::LastingObject> out;
  for (const auto line : base::split(table, '\n')) {
    const auto words = base::split_words(line);
    if (words.size() == 3)
      out.insert(
          {std::string(words[0]), words[1] == kNone ? std::string() : std::string(words[1]), std::string(words[2])});
  }
  return out;
}

// Of manifests.
std::vector<kube::LastingObject> recorded_objects(const host::ArtifactRecord::App& app) {
  std::vector<kube::LastingObject> out;
  for (const auto& object : app.objects) {
    if (kube::lasts(object.api_version, object.kind))
      out.push_back(kube::lasting_object(
          object.kind, object.target_namespace.empty() ? app.target_namespace : object.target_namespace, object.name));
  }
  return out;
}

}  // namespace

Result<std::vector<MissingObject>> missing_objects(host::HostView& control_plane,
                                                   const std::vector<host::ArtifactRecord>& records,
                                                   const CancelToken& cancel) {
  SEALIFT_ASSIGN(const auto charts, releases(control_plane, cancel));
  SEALIFT_ASSIGN(const auto there, those_there(control_plane, cancel));
  std::vector<MissingObject> out;
  for (const auto& record : records) {
    for (const auto& app : record.apps) {
      auto wanted = recorded_objects(app);
      if (const auto chart = charts.find({app.release, app.target_namespace}); chart != charts.end())
        wanted.insert(wanted.end(), chart->second.begin(), chart->second.end());
      for (auto& object : wanted) {
        if (!there.contains(object)) out.push_back({app.name, std::move(object)});
      }
    }
  }
  return out;
}

}  // namespace sealift::steps
