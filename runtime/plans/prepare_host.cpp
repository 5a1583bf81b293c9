// SPDX-License-Identifier: Apache-2.0
#include "payload/base/format.h"
#include "runtime/plans/groups.h"
#include "runtime/steps/external_etcd.h"
#include "runtime/steps/files.h"
#include "runtime/steps/images_step.h"
#include "runtime/steps/kernel_step.h"
#include "runtime/steps/node_service.h"
#include "runtime/steps/units.h"

namespace sealift::plans {

std::optional<Index> put_site_files(PlanBuilder& plan, const steps::Model& model, const steps::Node& node) {
  auto files = steps::site_files(model, node);
  if (files.empty()) return std::nullopt;
  const auto text = files.size() == 1 ? std::string("put 1 file of the site")
                                      : base::format("put {} files of the site", files.size());
  return plan.add(node, std::make_shared<steps::FilesStep>("files.site", text, std::move(files)), {});
}

struct Installed {
  ServiceFiles service;
  Index balancer_socket;
  std::vector<Index> balancer_files;
  std::vector<Index> before_runtime;
  Digest balancer, api_socket, runtime;  // of the files that the units read
};

namespace {

using steps::Model;
using steps::Node;
using steps::WantedUnit;

// `before`: what goes before the programs.
Result<Installed> install(PlanBuilder& plan, const Model& model, const Node& node, std::vector<Index> before) {
  Installed out{};
  SEALIFT_ASSIGN(auto files, steps::host_files(model, node));
  SEALIFT_ASSIGN(auto balancer, steps::balancer_files(model, node));
  auto own_files = steps::site_files(model, node);
  out.runtime = steps::digest_of({inputs_of(files).hex(), inputs_of(own_files).hex()});
  const auto description = base::format("install Kubernetes {} and its container runtime ({} files)",
                                        model.base.kubernetes_version, files.size());
  const Index programs = plan.add(node, std::make_shared<steps::FilesStep>("files.base", description, std::move(files)),
                                  std::move(before), engine::Lane::bytes);
  plan.at(programs).ends = {"units.base"};
  SEALIFT_ASSIGN(out.service, install_node_service(plan, model, node));
  out.balancer = inputs_of(balancer);
  out.balancer_files = {
      plan.add(node,
               std::make_shared<steps::FilesStep>("files.balancer", "install the API balancer", std::move(balancer)),
               {}),
      plan.add(node, list_control_planes(model, node), {})};
  plan.at(out.balancer_files.front()).ends = {"units.balancer"};
  plan.at(out.balancer_files.back()).ends = {std::string(kReloadBalancer)};
  auto api_socket = steps::balancer_socket_files(model);
  out.api_socket = inputs_of(api_socket);
  out.balancer_socket = plan.add(
      node, std::make_shared<steps::FilesStep>("files.api-socket", "install its socket", std::move(api_socket)), {});
  plan.at(out.balancer_socket).ends = {"units.api-socket"};
  const Index kernel = plan.add(node, std::make_shared<steps::KernelStep>(model.base.modules, model.base.sysctls), {});
  out.before_runtime = {programs, out.service.files, kernel};
  if (node.is_control_plane() && model.config.external_etcd)
    out.before_runtime.push_back(
        plan.add(node, std::make_shared<steps::EtcdFilesStep>(*model.config.external_etcd), {}));
  if (const auto site = put_site_files(plan, model, node)) {
    out.before_runtime.push_back(*site);
    plan.at(*site).ends = {"units.base"};
  }
  return out;
}

// The balancer and the mirror, with the host's own certificates. `before`: what else must be there. `ended`: what must
// have ended before the mirror becomes another one.
Index start_node_service(PlanBuilder& plan, const Model& model, const Node& node, const Installed& installed,
                         Index authority, MirrorWaits waits) {
  const Index listening = take_ports(plan, model, node, installed.service, authority, waits.ended);
  // Apart from the others: their addresses, certificates and lists change, and it must not be restarted with them.
  const Index balancer_listening = plan.add(
      node,
      std::make_shared<steps::UnitsStep>("units.api-socket", "take the port of the API balancer",
                                         std::vector<WantedUnit>{{"sealift-api.socket"}}, installed.api_socket),
      {installed.balancer_files.front(), installed.balancer_files.back(), installed.balancer_socket});
  const Index balancer =
      plan.add(node,
               std::make_shared<steps::UnitsStep>("units.balancer", "start the API balancer",
                                                  std::vector<WantedUnit>{{"sealift-api.service"}}, installed.balancer),
               {balancer_listening});
  const Index told = plan.add(node, reload_balancer(model, node), {balancer});
  waits.before.insert(waits.before.end(), {listening, told});
  return start_mirror(plan, model, node, installed.service, std::move(waits.before), waits.ended);
}

Index start_runtime(PlanBuilder& plan, const Model& model, const Node& node, const Installed& installed) {
  std::vector<WantedUnit> units;
  for (const auto& unit : model.base.units)
    units.push_back({unit.name, unit.start_now ? WantedUnit::Want::running : WantedUnit::Want::enabled});
  return plan.add(node,
                  std::make_shared<steps::UnitsStep>("units.base", "start the container runtime", std::move(units),
                                                     installed.runtime),
                  installed.before_runtime);
}

// Through this host's mirror. `before`: what else must be there.
Index pull_images(PlanBuilder& plan, const Model& model, const Node& node, Index mirror, Index runtime,
                  std::vector<Index> before) {
  before.insert(before.begin(), {mirror, runtime});
  return plan.add(node, std::make_shared<steps::ImagesStep>(steps::base_images(model, node)), std::move(before));
}

// All that runs before a node is made of it. `images`: what its images come from.
Prepared start_host(PlanBuilder& plan, const Model& model, const Node& node, const Installed& installed,
                    Index authority, MirrorWaits waits, std::vector<Index> images) {
  const Index mirror = start_node_service(plan, model, node, installed, authority, std::move(waits));
  const Index runtime = start_runtime(plan, model, node, installed);
  return {pull_images(plan, model, node, mirror, runtime, std::move(images)), mirror};
}

}  // namespace

Result<Prepared> prepare_host(PlanBuilder& plan, const Model& model, const Node& node, const Images& images,
                              const Supply& supply, const std::vector<Index>& mirrors) {
  const bool is_first = &node == &model.any_control_plane();
  auto installed = is_first ? supply.first_installed : nullptr;
  Index authority = supply.authority;
  if (!installed) {
    const auto before = supply.first_payload ? std::vector{*supply.first_payload} : std::vector<Index>();
    SEALIFT_ASSIGN(auto made, install(plan, model, node, before));
    installed = std::make_shared<const Installed>(std::move(made));
    if (node.is_control_plane()) authority = make_authority(plan, model, node, installed->service, authority);
  }
  const auto own = images.payloads.find(node.name);
  const bool is_registry_host = model.is_registry_host(node);
  // What the base's images come from; and the charts, for a control plane that is asked to install some.
  std::vector<Index> needs{is_registry_host ? own->second.first : images.first};
  if (supply.mirror) needs.push_back(*supply.mirror);
  if (is_first && !is_registry_host) needs.push_back(own->second.first);
  const auto out = start_host(plan, model, node, *installed, authority,
                              waits_of_mirror(model, node, images, supply.mirror, mirrors), std::move(needs));
  if (supply.first_images) plan.at(out.ready).after_any = {*supply.first_images};
  return out;
}

Result<Supply> prepare_supplier(PlanBuilder& plan, const Model& model, const Node& first, const Images& images) {
  SEALIFT_ASSIGN(const auto of_first, install(plan, model, first, {}));
  Supply out;
  Index authority = out.authority = make_authority(plan, model, first, of_first.service);
  if (images.supplier != &first) out.first_installed = std::make_shared<const Installed>(of_first);
  if (images.supplier == nullptr) return out;
  const Node& node = *images.supplier;
  const auto& payload = images.payloads.find(node.name)->second;
  out.first_payload = payload.first;
  auto installed = of_first;
  if (out.first_installed) {
    SEALIFT_ASSIGN(installed, install(plan, model, node, {payload.first}));
    if (node.is_control_plane()) authority = make_authority(plan, model, node, installed.service, authority);
  }
  const auto started = start_host(plan, model, node, installed, authority, waits_of_mirror(model, node, images, {}, {}),
                                  {payload.first});
  out.mirror = started.mirror;
  out.supplier_ready = out.first_images = started.ready;
  return out;
}

}  // namespace sealift::plans
