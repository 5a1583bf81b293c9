// SPDX-License-Identifier: Apache-2.0
#include "runtime/plans/deliver.h"

#include "runtime/plans/groups.h"
#include "runtime/steps/health_step.h"
#include "runtime/steps/sync.h"

namespace sealift::plans {

Result<engine::Plan> deliver(const steps::Model& model) {
  if (!model.makes_cluster()) return deliver_applications(model);
  const steps::Node& first = *model.control_planes().front();
  const auto workers = model.workers();
  PlanBuilder plan({first.name});

  SEALIFT_ASSIGN(const auto payload, bring_payload(plan, model, first));
  SEALIFT_ASSIGN(const auto prepared, prepare_supplier(plan, model, first, payload));
  std::vector<Index> ready_for_kubeadm;  // of the workers
  for (const auto* worker : workers) {
    SEALIFT_ASSIGN(const Index ready, prepare_host(plan, model, *worker, prepared.supply));
    ready_for_kubeadm.push_back(ready);
  }

  SEALIFT_ASSIGN(const auto cluster, make_cluster(plan, model, first, prepared.ready));
  std::vector<Index> joined;
  for (size_t i = 0; i < workers.size(); ++i)
    joined.push_back(join_worker(plan, model, *workers[i], ready_for_kubeadm[i], cluster));
  const Index first_ready = finish_node(plan, model, first, cluster.api, cluster);
  std::vector<Index> workers_ready;
  for (size_t i = 0; i < workers.size(); ++i)
    workers_ready.push_back(finish_node(plan, model, *workers[i], joined[i], cluster));

  // Applications wait for every worker still in the run, and until their images are there.
  const auto apps = install_applications(plan, model, first, cluster, {first_ready, payload.whole}, workers_ready);

  // Delivered means healthy, whatever else was done, and on disk.
  std::vector<Index> all{first_ready, payload.whole, cluster.network};
  for (const auto& [name, app] : apps) all.push_back(app);
  const Index healthy = plan.add(first, std::make_shared<steps::HealthStep>(model), std::move(all));
  plan.at(healthy).after_any = workers_ready;
  // Last: the control plane also works for other hosts, and the last objects to become healthy start pods on workers.
  const Index synced = plan.add(first, std::make_shared<steps::SyncStep>(first), {healthy});
  for (size_t i = 0; i < workers.size(); ++i) {
    const Index worker_synced =
        plan.add(*workers[i], std::make_shared<steps::SyncStep>(*workers[i]), {workers_ready[i]});
    plan.at(worker_synced).after_any = {synced};
  }
  return std::move(plan).take();
}

}  // namespace sealift::plans
