// SPDX-License-Identifier: Apache-2.0
#include "runtime/plans/groups.h"
#include "runtime/steps/certificates.h"
#include "runtime/steps/external_etcd.h"
#include "runtime/steps/files.h"
#include "runtime/steps/images_step.h"
#include "runtime/steps/kernel_step.h"
#include "runtime/steps/node_service.h"
#include "runtime/steps/people_files.h"
#include "runtime/steps/service_units.h"
#include "runtime/steps/units.h"

namespace sealift::plans {
namespace {

using steps::Model;
using steps::Node;
using steps::WantedUnit;

// What is installed on a host before anything is started there.
struct Installed {
  Index service_files, socket_files, balancer_socket;
  std::vector<Index> balancer_files;
  std::vector<Index> before_runtime;
  Digest service, balancer, api_socket, sockets, runtime;  // of the files that the units read
};

Digest inputs_of(const std::vector<steps::WantedFile>& files) { return steps::FilesStep("", "", files).inputs(); }

// `before`: what goes before the programs.
Result<Installed> install(PlanBuilder& plan, const Model& model, const Node& node, std::vector<Index> before) {
  Installed out{};
  SEALIFT_ASSIGN(auto files, steps::host_files(model, node));
  SEALIFT_ASSIGN(auto service, steps::node_service_files(model, node));
  SEALIFT_ASSIGN(auto balancer, steps::balancer_files(model, node));
  auto own_files = steps::site_files(model, node);
  out.service = inputs_of(service);
  out.runtime = steps::digest_of({inputs_of(files).hex(), inputs_of(own_files).hex()});
  const auto description = std::format("install Kubernetes {} and its container runtime ({} files)",
                                       model.base.kubernetes_version, files.size());
  const Index programs = plan.add(node, std::make_shared<steps::FilesStep>("files.base", description, std::move(files)),
                                  std::move(before), engine::Lane::bytes);
  out.service_files = plan.add(
      node, std::make_shared<steps::FilesStep>("files.node", "install the node service", std::move(service)), {});
  plan.at(programs).ends = {"units.base"};
  plan.at(out.service_files).ends = {"units.node"};
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
  auto sockets = steps::socket_files(model, node);
  out.sockets = inputs_of(sockets);
  out.socket_files = plan.add(
      node, std::make_shared<steps::FilesStep>("files.sockets", "install the mirror's sockets", std::move(sockets)),
      {});
  plan.at(out.socket_files).ends = {"units.sockets"};
  const Index kernel = plan.add(node, std::make_shared<steps::KernelStep>(model.base.modules, model.base.sysctls), {});
  out.before_runtime = {programs, out.service_files, kernel};
  if (node.is_control_plane() && model.config.external_etcd)
    out.before_runtime.push_back(
        plan.add(node, std::make_shared<steps::EtcdFilesStep>(*model.config.external_etcd), {}));
  if (own_files.empty()) return out;
  const auto text = own_files.size() == 1 ? std::string("put 1 file of the site")
                                          : std::format("put {} files of the site", own_files.size());
  out.before_runtime.push_back(
      plan.add(node, std::make_shared<steps::FilesStep>("files.site", text, std::move(own_files)), {}));
  plan.at(out.before_runtime.back()).ends = {"units.base"};
  return out;
}

// The balancer and the mirror, with the host's own certificates. `before`: what else must be there.
Index start_node_service(PlanBuilder& plan, const Model& model, const Node& node, const Installed& installed,
                         Index authority, std::vector<Index> before) {
  const Index certificate =
      plan.add(node, std::make_shared<steps::CertificateStep>(model, node), {installed.service_files, authority});
  plan.at(certificate).ends = {"units.node"};
  std::vector<Index> files{certificate, installed.socket_files};
  // Before the socket, which starts the mirror: its unit names the folder.
  if (steps::has_people_door(model, node)) {
    files.push_back(plan.add(node, std::make_shared<steps::PeopleFilesStep>(model, node), {certificate}));
  }
  std::vector<WantedUnit> sockets{{"sealift-mirror.socket"}};
  if (node.is_control_plane()) sockets.push_back({"sealift-authority.socket"});
  // Each pulls its service up, or restarts it.
  const Index listening = plan.add(
      node,
      std::make_shared<steps::UnitsStep>("units.sockets", "take the ports of its services", sockets, installed.sockets),
      std::move(files));
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
  before.push_back(listening);
  const std::vector<WantedUnit> units{
      {"sealift-boot.service", WantedUnit::Want::enabled}, {"sealift-mirror.service"}, {"sealift-renew.timer"}};
  before.push_back(told);
  return plan.add(node,
                  std::make_shared<steps::UnitsStep>("units.node", "start the image mirror", units, installed.service),
                  std::move(before));
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

// Through this host's mirror, from the registry host's mirror.
Index pull_images(PlanBuilder& plan, const Model& model, const Node& node, Index mirror, Index runtime,
                  const Supply& supply) {
  return plan.add(node, std::make_shared<steps::ImagesStep>(steps::base_images(model, node)),
                  {mirror, runtime, supply.payload, supply.mirror});
}

}  // namespace

Result<Index> prepare_host(PlanBuilder& plan, const Model& model, const Node& node, const Supply& supply,
                           std::optional<Index> recorded) {
  SEALIFT_ASSIGN(const auto installed, install(plan, model, node, {supply.first_payload}));
  Index authority = supply.authority;
  if (node.is_control_plane())
    authority =
        plan.add(node, std::make_shared<steps::AuthorityStep>(model, node), {installed.service_files, authority});
  std::vector<Index> before;
  if (recorded) before.push_back(*recorded);
  const Index mirror = start_node_service(plan, model, node, installed, authority, std::move(before));
  const Index runtime = start_runtime(plan, model, node, installed);
  const Index images = pull_images(plan, model, node, mirror, runtime, supply);
  plan.at(images).after_any = {supply.first_images};
  return images;
}

Result<Supply> prepare_supplier(PlanBuilder& plan, const Model& model, const Node& node, const Payload& payload) {
  SEALIFT_ASSIGN(const auto installed, install(plan, model, node, {}));
  const Index authority =
      plan.add(node, std::make_shared<steps::AuthorityStep>(model, node), {installed.service_files});
  // The mirror's unit names the folders that the record comes with.
  const Index mirror = start_node_service(plan, model, node, installed, authority, {payload.recorded});
  const Index runtime = start_runtime(plan, model, node, installed);
  Supply supply{authority, payload.first, mirror, payload.first, 0};
  supply.first_images = pull_images(plan, model, node, mirror, runtime, supply);
  return supply;
}

}  // namespace sealift::plans
