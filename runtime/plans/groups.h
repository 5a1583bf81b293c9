// SPDX-License-Identifier: Apache-2.0
//
// The groups of steps that plans are composed of. Each returns the steps that others wait for.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "runtime/plans/plan_builder.h"
#include "runtime/steps/authority_change.h"
#include "runtime/steps/cluster_apps.h"
#include "runtime/steps/files.h"
#include "runtime/steps/hook_step.h"

namespace sealift::plans {

// --- bring_images.cpp: what registry hosts serve, or the site's registry ---

// The artifact's record, then its payload.
struct Payload {
  Index recorded;
  Index first;  // the base's images, or the list of contents; of a control plane that is no registry host: the charts
  Index whole;  // all that is needed
};

// Where the hosts' images come from.
struct Images {
  // Of all hosts that have the record (Model::keepers), by node name. The first registry host gets its own before the
  // others: there is one way out of the launch machine.
  std::map<std::string, Payload, std::less<>> payloads;
  const steps::Node* supplier = nullptr;  // the first registry host; null: they lie in the site's registry
  Index first = 0;                        // the base's images are there, or the list of contents
  std::vector<Index> whole;               // all images are there, on each registry host; there is one at least
};
Result<Images> bring_images(PlanBuilder& plan, const steps::Model& model);
// What applications wait for: `essential` must be done, `settled` have ended, since a worker that fails is set aside
// while another registry host has all.
void wait_for_images(const Images& images, const steps::Model& model, std::vector<Index>& essential,
                     std::vector<Index>& settled);
// Once all of `after` has been done: each registry host lets go of what only an earlier version needed, and a host that
// is none any more of what it kept as one. Returns the last step of each of these hosts, by node name; nothing where
// there was no earlier version.
Result<std::map<std::string, Index, std::less<>>> settle_payloads(PlanBuilder& plan, const steps::Model& model,
                                                                  const std::vector<Index>& after);

// --- node_service.cpp: what answers containerd on each host ---

Digest inputs_of(const std::vector<steps::WantedFile>& files);  // of the units that read them

// The node service's files on a host, before anything of it is started.
struct ServiceFiles {
  Index files, sockets;
  std::optional<Index> registries;  // of others: what the mirror is told of them
  Digest service, socket_units;     // of the files that the units read
};
Result<ServiceFiles> install_node_service(PlanBuilder& plan, const steps::Model& model, const steps::Node& node);
// On a control plane. `first`: the same step of the first control plane, for the others.
Index make_authority(PlanBuilder& plan, const steps::Model& model, const steps::Node& node,
                     const ServiceFiles& installed, std::optional<Index> first = {});
// What a mirror waits for before it is started, or becomes another one: `before` must be done, `ended` must have ended.
struct MirrorWaits {
  std::vector<Index> before, ended;
};
// `supplier`: the supplier's mirror; `mirrors`: of the hosts before this one.
MirrorWaits waits_of_mirror(const steps::Model& model, const steps::Node& node, const Images& images,
                            std::optional<Index> supplier, const std::vector<Index>& mirrors);
// The host's own certificates, then its services' ports; then the mirror. `authority`: where certificates are signed.
Index take_ports(PlanBuilder& plan, const steps::Model& model, const steps::Node& node, const ServiceFiles& installed,
                 Index authority, const std::vector<Index>& ended);
Index start_mirror(PlanBuilder& plan, const steps::Model& model, const steps::Node& node, const ServiceFiles& installed,
                   std::vector<Index> before, const std::vector<Index>& ended);

// --- prepare_host.cpp: makes a machine fit to be a node ---

// The site's own files; nothing if this host gets none.
std::optional<Index> put_site_files(PlanBuilder& plan, const steps::Model& model, const steps::Node& node);

// The files of a host that are there before anything is started (prepare_host.cpp).
struct Installed;

// What serves the other hosts.
struct Supply {
  Index authority = 0;  // the step that makes the cluster's certificate authority, where certificates are signed
  std::optional<Index> mirror;  // of the supplier, if there is one
  // Everything waits for the first control plane's `kubeadm init`, so the others let it go first: on the one way out of
  // the launch machine until the supplier has the payload's first part, and at its mirror until the first control plane
  // has its own images.
  std::optional<Index> first_payload, first_images;
  std::shared_ptr<const Installed> first_installed;  // of the first control plane, if it is not prepared yet
  std::optional<Index> supplier_ready;               // of the supplier: its images are there
};

// Makes the certificate authority on the first control plane, and prepares the supplier, often the same host.
Result<Supply> prepare_supplier(PlanBuilder& plan, const steps::Model& model, const steps::Node& first,
                                const Images& images);

struct Prepared {
  Index ready;   // what kubeadm waits for: files, kernel, node service, container runtime and the base's images
  Index mirror;  // the host asks for images where cluster.yaml says
};
// Any other host. `mirrors`: of the hosts before it; one that leaves the registry hosts waits for them.
Result<Prepared> prepare_host(PlanBuilder& plan, const steps::Model& model, const steps::Node& node,
                              const Images& images, const Supply& supply, const std::vector<Index>& mirrors);

// --- list_control_planes.cpp: which ones a host's balancer and renewal know ---

// "files.backends", which ends the record of the other step (PlannedStep::ends); and "reload.balancer".
inline constexpr std::string_view kReloadBalancer = "reload.balancer";
std::shared_ptr<engine::Step> list_control_planes(const steps::Model& model, const steps::Node& node);
std::shared_ptr<engine::Step> reload_balancer(const steps::Model& model, const steps::Node& node);

// --- make_cluster.cpp: turns machines into a cluster ---

// By the application's name: what those that need it wait for.
using AppIndexes = std::map<std::string, std::vector<Index>, std::less<>>;

struct Cluster {
  Index api;      // the API answers
  Index network;  // name resolution and the pod network are set up
  AppIndexes network_apps;
  std::shared_ptr<steps::ClusterApps> apps = std::make_shared<steps::ClusterApps>();
};

// The first control plane, by kubeadm init, once each of `settled` has ended. One that joined a cluster whose first one
// is gone takes its place.
Result<Cluster> make_cluster(PlanBuilder& plan, const steps::Model& model, const steps::Node& node, Index ready,
                             const std::vector<Index>& settled);

// A worker, by kubeadm join. Returns the step its further steps wait for.
Index join_worker(PlanBuilder& plan, const steps::Model& model, const steps::Node& node, Index ready,
                  const Cluster& cluster);

// A further control plane. `before`: what the one before it returned: each joins a whole cluster, whose etcd has a
// quorum with it. Returns the step at which it is whole, too.
Index join_control_plane(PlanBuilder& plan, const steps::Model& model, const steps::Node& node, Index ready,
                         Index before);

// A control plane's certificate names what cluster.yaml wants, if that is anything. `joined`: its API server answers.
// Returns `joined` if there is nothing to do.
Index name_api_server(PlanBuilder& plan, const steps::Model& model, const steps::Node& node, Index joined);

// Labels, and the wait until the node is Ready. `joined`: the node is part of the cluster.
Index finish_node(PlanBuilder& plan, const steps::Model& model, const steps::Node& node, Index joined,
                  const Cluster& cluster);

// --- applications.cpp ---

// All applications but the network's, on the control plane `node`, side by side: after `after` (and after each other,
// according to their needs), once each of `settled` has ended, in whatever way. One that fails stops those that need
// it.
AppIndexes install_applications(PlanBuilder& plan, const steps::Model& model, const steps::Node& node,
                                const Cluster& cluster, const std::vector<Index>& after,
                                const std::vector<Index>& settled);

// --- hooks.cpp: the site's programs at their moments; without any of them nothing of this adds a step ---

// A host, and the last of its steps so far.
struct Reached {
  const steps::Node* node;
  Index last;
};

// Of a host, before everything else there.
void hooks_before_host(PlanBuilder& plan, const steps::Model& model, const steps::Node& node);
// Of a host that is prepared. Returns what its kubeadm waits for.
Index hooks_after_host(PlanBuilder& plan, const steps::Model& model, const steps::Node& node, Index ready);

// Of all hosts of a delivery, the control planes among them first. A hook begins once every control plane has come as
// far as `hosts` says, and the others have or never will; and after the hooks before it, on whichever host. Each `last`
// becomes the host's last hook. Returns all of the hooks' steps.
std::vector<Index> hooks_before_cluster(PlanBuilder& plan, const steps::Model& model, std::vector<Reached>& hosts);
std::vector<Index> hooks_after_cluster(PlanBuilder& plan, const steps::Model& model, std::vector<Reached>& hosts);

// Around an application. Return what the application waits for, and what those wait for that need it: at least `after`,
// or `installed`. A hook that fails stops these alone.
std::vector<Index> hooks_before_app(PlanBuilder& plan, const steps::Model& model, const std::string& app,
                                    std::vector<Index> after, const std::vector<Index>& settled);
std::vector<Index> hooks_after_app(PlanBuilder& plan, const steps::Model& model, const std::string& app,
                                   Index installed);

// The steps of this host's hooks at its removal and its reset. A host that becomes a node (again) has them before it; a
// reset that is begun again does not run them again.
std::vector<engine::StepId> hooks_of_the_end(const config::ClusterConfig& config, const steps::Node& node);
// Before and after a reset of this host. Return the last of them, if there are any.
std::optional<Index> hooks_of_reset(PlanBuilder& plan, const steps::HookSource& source, const steps::Node& node,
                                    bool before, std::optional<Index> after);

// Before a node leaves: on itself, unless it is dead, or on the control plane that is `asked`; after it has left:
// there. As steps of the leaving host, or of the asked one if that is dead. Sets `last` to the last of them.
struct LeavingNode {
  const steps::Node& node;
  const steps::Node& asked;
  bool is_dead;
};
void hooks_of_removal(PlanBuilder& plan, const steps::Model& model, const LeavingNode& leaving, bool before,
                      std::optional<Index>& last);

// --- change_authority.cpp ---

// A second authority for the node services (steps/authority_change.h), once each host has come as far as `hosts` says,
// the first control plane first. Each `last` becomes the host's last step of it.
void change_authority(PlanBuilder& plan, const steps::Model& model, const steps::AuthorityChange& change,
                      std::vector<Reached>& hosts);

// --- note_history.cpp ---

// Notes in the cluster what a delivery has changed: after `after`, and before any host's ledger is synced.
Index note_history(PlanBuilder& plan, const steps::Model& model, const steps::Node& node, const Cluster& cluster,
                   std::vector<Index> after);

}  // namespace sealift::plans
