// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/node_service.h"
#include "runtime/plans/groups.h"
#include "runtime/steps/certificates.h"
#include "runtime/steps/files.h"
#include "runtime/steps/people_files.h"
#include "runtime/steps/registries.h"
#include "runtime/steps/service_units.h"
#include "runtime/steps/units.h"

namespace sealift::plans {

using steps::Model;
using steps::Node;
using steps::WantedUnit;

Digest inputs_of(const std::vector<steps::WantedFile>& files) { return steps::FilesStep("", "", files).inputs(); }

Result<ServiceFiles> install_node_service(PlanBuilder& plan, const Model& model, const Node& node) {
  ServiceFiles out{};
  SEALIFT_ASSIGN(auto service, steps::node_service_files(model, node));
  out.service = inputs_of(service);
  out.files = plan.add(node,
                       std::make_shared<steps::FilesStep>("files.node", "install the node service", std::move(service),
                                                          steps::unwanted_paths(model, node)),
                       {});
  plan.at(out.files).ends = {"units.node"};
  if (steps::asks_registries(model, node))
    out.registries = plan.add(node, std::make_shared<steps::RegistriesStep>(model, node), {out.files});
  auto sockets = steps::socket_files(model, node);
  out.socket_units = inputs_of(sockets);
  out.sockets = plan.add(
      node, std::make_shared<steps::FilesStep>("files.sockets", "install the mirror's sockets", std::move(sockets)),
      {});
  plan.at(out.sockets).ends = {"units.sockets"};
  return out;
}

Index make_authority(PlanBuilder& plan, const Model& model, const Node& node, const ServiceFiles& installed,
                     std::optional<Index> first) {
  std::vector<Index> before{installed.files};
  if (first) before.push_back(*first);
  return plan.add(node, std::make_shared<steps::AuthorityStep>(model, node), std::move(before));
}

Index take_ports(PlanBuilder& plan, const Model& model, const Node& node, const ServiceFiles& installed,
                 Index authority, const std::vector<Index>& ended) {
  const Index certificate =
      plan.add(node, std::make_shared<steps::CertificateStep>(model, node), {installed.files, authority});
  plan.at(certificate).ends = {"units.node"};
  std::vector<Index> files{certificate, installed.sockets};
  // Before the socket, which starts the mirror: its unit names the folder.
  if (steps::has_people_door(model, node)) {
    files.push_back(plan.add(node, std::make_shared<steps::PeopleFilesStep>(model, node), {certificate}));
  }
  std::vector<WantedUnit> sockets{{"sealift-mirror.socket"}};
  if (node.is_control_plane()) sockets.push_back({"sealift-authority.socket"});
  // Each pulls its service up, or restarts it.
  const Index listening = plan.add(node,
                                   std::make_shared<steps::UnitsStep>("units.sockets", "take the ports of its services",
                                                                      sockets, installed.socket_units),
                                   std::move(files));
  plan.at(listening).after_any = ended;
  return listening;
}

Index start_mirror(PlanBuilder& plan, const Model& model, const Node& node, const ServiceFiles& installed,
                   std::vector<Index> before, const std::vector<Index>& ended) {
  if (installed.registries) before.push_back(*installed.registries);
  std::vector<WantedUnit> units{{"sealift-mirror.service"}, {"sealift-renew.timer"}};
  if (!model.config.existing) units.insert(units.begin(), {"sealift-boot.service", WantedUnit::Want::enabled});
  const Index mirror = plan.add(
      node, std::make_shared<steps::UnitsStep>("units.node", "start the image mirror", units, installed.service),
      std::move(before));
  plan.at(mirror).after_any = ended;
  return mirror;
}

MirrorWaits waits_of_mirror(const Model& model, const Node& node, const Images& images, std::optional<Index> supplier,
                            const std::vector<Index>& mirrors) {
  MirrorWaits out;
  const auto own = images.payloads.find(node.name);
  const bool is_registry_host = model.is_registry_host(node);
  // The mirror's unit names the folders that the record comes with.
  if (steps::is_asked(model, node) && own != images.payloads.end()) out.before.push_back(own->second.recorded);
  // A node that becomes a registry host asks the others until it has all itself: its pods go on pulling meanwhile, and
  // also if the run is cut.
  if (is_registry_host && node.stands) out.before.push_back(own->second.whole);
  if (model.leaves_registry(node)) {
    out.ended = mirrors;  // until then other hosts ask it
  } else if (node.stands && !is_registry_host) {
    out.ended = images.whole;  // until then it asks those that it asked so far
    if (supplier) out.ended.push_back(*supplier);
  }
  return out;
}

}  // namespace sealift::plans
