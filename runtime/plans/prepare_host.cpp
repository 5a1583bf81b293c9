// SPDX-License-Identifier: Apache-2.0
#include "runtime/plans/groups.h"
#include "runtime/steps/certificates.h"
#include "runtime/steps/external_etcd.h"
#include "runtime/steps/files.h"
#include "runtime/steps/images_step.h"
#include "runtime/steps/kernel_step.h"
#include "runtime/steps/node_service.h"
#include "runtime/steps/people_files.h"
#include "runtime/steps/registries.h"
#include "runtime/steps/service_units.h"
#include "runtime/steps/units.h"

namespace sealift::plans {

struct Installed {
  Index service_files, socket_files, balancer_socket;
  std::optional<Index> registries;  // of others: what the mirror is told of them
  std::vector<Index> balancer_files;
  std::vector<Index> before_runtime;
  Digest service, balancer, api_socket, sockets, runtime;  // of the files that the units read
};

namespace {

using steps::Model;
using steps::Node;
using steps::WantedUnit;

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
  out.service_files =
      plan.add(node,
               std::make_shared<steps::FilesStep>("files.node", "install the node service", std::move(service),
                                                  steps::unwanted_paths(model, node)),
               {});
  if (steps::asks_registries(model, node))
    out.registries = plan.add(node, std::make_shared<steps::RegistriesStep>(model, node), {out.service_files});
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

// The balancer and the mirror, with the host's own certificates. `before`: what else must be there. `ended`: what must
// have ended before the mirror becomes another one.
Index start_node_service(PlanBuilder& plan, const Model& model, const Node& node, const Installed& installed,
                         Index authority, std::vector<Index> before, const std::vector<Index>& ended = {}) {
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
  if (installed.registries) before.push_back(*installed.registries);
  // Each pulls its service up, or restarts it.
  const Index listening = plan.add(
      node,
      std::make_shared<steps::UnitsStep>("units.sockets", "take the ports of its services", sockets, installed.sockets),
      std::move(files));
  plan.at(listening).after_any = ended;
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
  const Index mirror = plan.add(
      node, std::make_shared<steps::UnitsStep>("units.node", "start the image mirror", units, installed.service),
      std::move(before));
  plan.at(mirror).after_any = ended;
  return mirror;
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

// A node that becomes a registry host asks the others until it has all itself: its pods go on pulling meanwhile, and
// also if the run is cut.
void wait_for_own_images(const Node& node, const Payload& payload, std::vector<Index>& before) {
  if (node.stands) before.push_back(payload.whole);
}

Index make_authority(PlanBuilder& plan, const Model& model, const Node& node, const Installed& installed,
                     std::optional<Index> first = {}) {
  std::vector<Index> before{installed.service_files};
  if (first) before.push_back(*first);
  return plan.add(node, std::make_shared<steps::AuthorityStep>(model, node), std::move(before));
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
    if (node.is_control_plane()) authority = make_authority(plan, model, node, *installed, authority);
  }
  const auto own = images.payloads.find(node.name);
  const bool is_registry_host = model.is_registry_host(node);
  // What the base's images come from; and the charts, for a control plane that is asked to install some.
  std::vector<Index> needs{is_registry_host ? own->second.first : images.first}, before, ended;
  if (supply.mirror) needs.push_back(*supply.mirror);
  if (is_first && !is_registry_host) needs.push_back(own->second.first);
  // The mirror's unit names the folders that the record comes with.
  if (steps::is_asked(model, node) && own != images.payloads.end()) before.push_back(own->second.recorded);
  if (is_registry_host) wait_for_own_images(node, own->second, before);
  if (model.leaves_registry(node)) {
    ended = mirrors;  // until then other hosts ask it
  } else if (node.stands && !is_registry_host) {
    ended = images.whole;  // until then it asks those that it asked so far
    if (supply.mirror) ended.push_back(*supply.mirror);
  }
  const Index mirror = start_node_service(plan, model, node, *installed, authority, std::move(before), ended);
  const Index runtime = start_runtime(plan, model, node, *installed);
  const Index pulled = pull_images(plan, model, node, mirror, runtime, std::move(needs));
  if (supply.first_images) plan.at(pulled).after_any = {*supply.first_images};
  return Prepared{pulled, mirror};
}

Result<Supply> prepare_supplier(PlanBuilder& plan, const Model& model, const Node& first, const Images& images) {
  SEALIFT_ASSIGN(const auto of_first, install(plan, model, first, {}));
  Supply out;
  Index authority = out.authority = make_authority(plan, model, first, of_first);
  if (images.supplier != &first) out.first_installed = std::make_shared<const Installed>(of_first);
  if (images.supplier == nullptr) return out;
  const Node& node = *images.supplier;
  const auto& payload = images.payloads.find(node.name)->second;
  out.first_payload = payload.first;
  auto installed = of_first;
  if (out.first_installed) {
    SEALIFT_ASSIGN(installed, install(plan, model, node, {payload.first}));
    if (node.is_control_plane()) authority = make_authority(plan, model, node, installed, authority);
  }
  // The mirror's unit names the folders that the record comes with.
  std::vector<Index> before{payload.recorded};
  wait_for_own_images(node, payload, before);
  const Index mirror = start_node_service(plan, model, node, installed, authority, std::move(before));
  const Index runtime = start_runtime(plan, model, node, installed);
  out.mirror = mirror;
  out.supplier_ready = out.first_images = pull_images(plan, model, node, mirror, runtime, {payload.first, mirror});
  return out;
}

}  // namespace sealift::plans
