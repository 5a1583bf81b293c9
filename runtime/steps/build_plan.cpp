// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/build_plan.h"

#include <algorithm>
#include <map>

#include "runtime/kube/kubeadm.h"
#include "runtime/steps/apps.h"
#include "runtime/steps/cluster.h"
#include "runtime/steps/files.h"
#include "runtime/steps/health.h"
#include "runtime/steps/images.h"
#include "runtime/steps/kernel.h"
#include "runtime/steps/kubeadm.h"
#include "runtime/steps/node_service.h"
#include "runtime/steps/payload_store.h"
#include "runtime/steps/sync.h"
#include "runtime/steps/units.h"

namespace sealift::steps {
namespace {

using engine::Lane;
using Index = size_t;

class PlanBuilder {
 public:
  explicit PlanBuilder(const Model& model) : model_(model) {}

  Result<engine::Plan> build() {
    const Node& first = model_.control_plane();
    payload_first_ = add(first, std::make_shared<PayloadStep>(model_, first, PayloadPart::first), {}, Lane::bytes);
    for (const auto& node : model_.nodes) SEALIFT_TRY(prepare(node));
    payload_rest_ = add(first, std::make_shared<PayloadStep>(model_, first, PayloadPart::rest), {payload_first_}, Lane::bytes);
    SEALIFT_TRY(bring_up());
    for (const auto& node : model_.nodes) {
      if (!node.is_control_plane()) join(node);
    }
    finish_nodes();
    install_apps();
    look_after_all();
    sync_hosts();
    return std::move(plan_);
  }

 private:
  Index add(const Node& node, std::shared_ptr<engine::Step> step, std::vector<Index> after, Lane lane = Lane::main) {
    engine::PlannedStep planned;
    planned.step = std::move(step);
    planned.host = node.name;
    planned.after = std::move(after);
    planned.lane = lane;
    planned.on_failure = node.is_control_plane() ? engine::OnFailure::end_run : engine::OnFailure::set_aside;
    plan_.steps.push_back(std::move(planned));
    return plan_.steps.size() - 1;
  }

  // Everything that makes a machine fit to become a node.
  Result<void> prepare(const Node& node) {
    SEALIFT_ASSIGN(auto files, host_files(model_, node));
    SEALIFT_ASSIGN(auto service, node_service_files(model_, node));
    const Digest service_digest = FilesStep("", "", service).inputs();
    const auto description = std::format("install Kubernetes {} and its container runtime ({} files)", model_.base.kubernetes_version, files.size());
    const Digest files_digest = FilesStep("", "", files).inputs();
    const Index programs = add(node, std::make_shared<FilesStep>("files.base", description, std::move(files)), {}, Lane::bytes);
    const Index service_files = add(node, std::make_shared<FilesStep>("files.node", "install the node service", std::move(service)), {});
    plan_.steps[programs].ends = {"units.base"};
    plan_.steps[service_files].ends = {"units.node"};
    const Index kernel = add(node, std::make_shared<KernelStep>(model_.base.modules, model_.base.sysctls), {});
    auto own_files = site_files(model_, node);
    const Digest own_digest = FilesStep("", "", own_files).inputs();
    std::vector<Index> before_runtime{programs, service_files, kernel};
    if (!own_files.empty()) {
      const auto text = std::format("put {} files of the site", own_files.size());
      before_runtime.push_back(add(node, std::make_shared<FilesStep>("files.site", text, std::move(own_files)), {}));
      plan_.steps[before_runtime.back()].ends = {"units.base"};
    }
    std::vector<Index> before_certificate{service_files};
    if (node.is_control_plane()) {
      authority_ = add(node, std::make_shared<AuthorityStep>(model_, node), {service_files});
    }
    before_certificate.push_back(authority_);
    const Index certificate = add(node, std::make_shared<CertificateStep>(model_, node), before_certificate);
    plan_.steps[certificate].ends = {"units.node"};
    const std::vector<WantedUnit> service_units{{"sealift-boot.service", WantedUnit::Want::enabled}, {"sealift-api.service"}, {"sealift-mirror.service"}};
    const Index services = add(node, std::make_shared<UnitsStep>("units.node", "start the API balancer and the image mirror", service_units, service_digest), {certificate});
    std::vector<WantedUnit> units;
    for (const auto& unit : model_.base.units) units.push_back({unit.name, unit.start_now ? WantedUnit::Want::running : WantedUnit::Want::enabled});
    const Digest runtime_digest = digest_of({files_digest.hex(), own_digest.hex()});
    const Index runtime = add(node, std::make_shared<UnitsStep>("units.base", "start the container runtime", std::move(units), runtime_digest), before_runtime);
    // The images come through this host's mirror, from the control plane's.
    if (node.is_control_plane()) registry_ = services;
    ready_for_kubeadm_[node.name] = add(node, std::make_shared<ImagesStep>(base_images(model_, node)), {services, runtime, payload_first_, registry_});
    return {};
  }

  Result<void> bring_up() {
    const Node& node = model_.control_plane();
    SEALIFT_ASSIGN(auto documents, kube::init_documents(kubeadm_input(model_), {node.name, node.ip, node.config.taints}));
    const Index init = add(node, std::make_shared<InitStep>(model_, std::move(documents)), {ready_for_kubeadm_[node.name]});
    plan_.steps[init].changes_cluster = true;
    api_ = add(node, std::make_shared<ApiReadyStep>(model_), {init});
    joined_[node.name] = api_;
    const Index dns = add(node, std::make_shared<DnsStep>(model_), {api_});
    network_ = dns;
    for (const auto& app : model_.apps) {
      if (!app.app->is_network) continue;
      network_ = add(node, std::make_shared<AppStep>(model_, app), {network_});
      apps_[app.app->name] = network_;
    }
    return {};
  }

  void join(const Node& node) {
    const Index index = add(node, std::make_shared<JoinStep>(model_, node), {ready_for_kubeadm_[node.name], api_});
    plan_.steps[index].changes_cluster = true;
    joined_[node.name] = index;
  }

  void finish_nodes() {
    for (const auto& node : model_.nodes) {
      Index last = joined_[node.name];
      if (!node.config.labels.empty()) last = add(node, std::make_shared<LabelsStep>(model_, node), {last});
      ready_.push_back(add(node, std::make_shared<NodeReadyStep>(model_, node), {last, network_}));
    }
  }

  // Applications wait for all nodes that come, but for none that was set aside; and for their images to be there.
  void install_apps() {
    const Node& node = model_.control_plane();
    for (const auto& app : model_.apps) {
      if (app.app->is_network) continue;
      std::vector<Index> after{ready_.front(), payload_rest_};
      for (const auto& need : app.needs) after.push_back(apps_.at(need));
      const Index index = add(node, std::make_shared<AppStep>(model_, app), after);
      plan_.steps[index].after_any.assign(ready_.begin() + 1, ready_.end());
      apps_[app.app->name] = index;
    }
  }

  // Nothing is delivered before it is healthy, whatever else there was to do; and before it is on the disks.
  void look_after_all() {
    std::vector<Index> after{ready_.front(), payload_rest_, network_};
    for (const auto& [name, app] : apps_) after.push_back(app);
    healthy_ = add(model_.control_plane(), std::make_shared<HealthStep>(model_), after);
    plan_.steps[healthy_].after_any.assign(ready_.begin() + 1, ready_.end());
  }

  // After all else: the control plane works for other hosts too, and what gets healthy last starts pods on workers.
  void sync_hosts() {
    const Node& first = model_.control_plane();
    const Index control_plane = add(first, std::make_shared<SyncStep>(first), {healthy_});
    for (size_t i = 1; i < model_.nodes.size(); ++i) {
      const Index index = add(model_.nodes[i], std::make_shared<SyncStep>(model_.nodes[i]), {ready_[i]});
      plan_.steps[index].after_any = {control_plane};
    }
  }

  const Model& model_;
  engine::Plan plan_;
  Index payload_first_ = 0, payload_rest_ = 0, authority_ = 0, registry_ = 0, api_ = 0, network_ = 0, healthy_ = 0;
  std::map<std::string, Index> ready_for_kubeadm_, joined_, apps_;
  std::vector<Index> ready_;
};

}  // namespace

Result<engine::Plan> build_plan(const Model& model) { return PlanBuilder(model).build(); }

}  // namespace sealift::steps
