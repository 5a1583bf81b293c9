// SPDX-License-Identifier: Apache-2.0
#include "runtime/delivery/survey.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <set>

#include "payload/base/format.h"
#include "payload/base/text.h"
#include "runtime/delivery/artifacts.h"
#include "runtime/delivery/etcd_findings.h"
#include "runtime/delivery/existing_site.h"
#include "runtime/delivery/fixed_fields.h"
#include "runtime/delivery/images_meanwhile.h"
#include "runtime/delivery/known_nodes.h"
#include "runtime/delivery/outcome.h"
#include "runtime/delivery/reached_hosts.h"
#include "runtime/delivery/site_findings.h"
#include "runtime/steps/apps.h"
#include "runtime/steps/before_step.h"
#include "runtime/steps/config_step.h"
#include "runtime/steps/external_registry.h"
#include "runtime/steps/hook_step.h"
#include "runtime/steps/init_step.h"
#include "runtime/steps/join_step.h"
#include "runtime/steps/payload_step.h"

namespace sealift::delivery {
namespace {

void tell_finding(Input& input, const checks::Finding& finding) {
  Event event;
  event.kind = base::EventKind::finding;
  event.level = finding.blocks() ? Level::error : Level::warning;
  event.host = finding.host;
  event.message = finding.text();
  event.time = input.clock.now();
  input.events.on(event);
}

class Surveyor {
 public:
  Surveyor(Input& input, host::Purpose purpose) : input_(input), hosts_(input, purpose) {}

  Result<Survey> run() {
    SEALIFT_TRY(check_existing(input_.payload.contents(), input_.config));
    format::BaseDocument base;
    if (input_.payload.contents().base_document) {
      SEALIFT_ASSIGN(base, steps::read_base(input_.payload));
    }
    // What no site could make right is told before any host is asked; what other artifacts brought is not known yet.
    SEALIFT_ASSIGN(auto apps, select([](const std::string&) { return true; }));
    out_.model.reset(new steps::Model{input_.payload, input_.config, std::move(base), std::move(apps), {}});
    out_.model->applied_by = input_.who;
    hosts_.connect();
    if (!out_.model->makes_cluster() && hosts_.refused()) return fail(*hosts_.refused());
    SEALIFT_TRY(hosts_.order_control_planes());
    SEALIFT_TRY(check_version());
    SEALIFT_TRY(look_at_artifacts());
    if (!charts_are_installed()) {
      if (!out_.model->makes_cluster()) use_cluster_tools();
      images_.emplace(*out_.model, input_.charts, input_.cancel);
    }
    const auto looked = look();
    // The other hosts' findings have been reported, so the operator can fix everything at once.
    if (hosts_.refused()) return fail(*hosts_.refused());
    SEALIFT_TRY(looked);
    out_.aside = hosts_.aside();
    out_.connections = hosts_.connections(out_.model->nodes);
    return std::move(out_);
  }

 private:
  Result<std::vector<steps::SelectedApp>> select(const steps::IsElsewhere& elsewhere) const {
    SEALIFT_ASSIGN(auto apps, steps::select_apps(input_.payload.contents(), input_.config, elsewhere));
    SEALIFT_TRY(steps::change_files(input_.payload, input_.config, apps));
    SEALIFT_TRY(steps::check_hooks(input_.payload.contents(), input_.config, apps, elsewhere));
    return apps;
  }

  // A cluster that Sealift did not make is asked what it is.
  Result<void> look_at_cluster_that_is_there() {
    auto* first = hosts_.first_control_plane();
    SEALIFT_ASSIGN(existing_, hosts_.look(*first, [&](host::HostView& host) {
      return look_at_existing(host, first->config, input_.config, input_.cancel);
    }));
    out_.model->base.kubernetes_version = existing_.version;
    return {};
  }

  // Another Kubernetes version must not touch a host that runs one; applications alone need one.
  Result<void> check_version() {
    if (input_.config.existing) return look_at_cluster_that_is_there();
    for (auto* reached : hosts_.control_planes()) {
      SEALIFT_ASSIGN(const auto version, hosts_.look(*reached, [](host::HostView& host) {
        return host.recorded(std::string(steps::kVersionRecord));
      }));
      if (!out_.model->makes_cluster()) {
        if (!version)
          return fail(ErrorCode::preflight,
                      "{} runs no cluster that Sealift delivered, and the artifact {} has no Kubernetes base to make "
                      "one; deliver an artifact with a base first, or say in cluster.yaml that the cluster is there "
                      "(`existing`)",
                      reached->config.address, input_.payload.artifact_name());
        out_.model->base.kubernetes_version = *version;
        continue;
      }
      if (version && *version != out_.model->base.kubernetes_version) {
        return fail(
            ErrorCode::upgrade_unsupported,
            "{} runs Kubernetes {} and the artifact brings {}; this version of Sealift can't upgrade a cluster, use an artifact with {}",
            reached->config.address, *version, out_.model->base.kubernetes_version, *version);
      }
    }
    return {};
  }

  // What the cluster has already, as the first control plane recorded it; with it, which applications are selected.
  Result<void> look_at_artifacts() {
    auto& model = *out_.model;
    if (auto* first = hosts_.first_control_plane(); first != nullptr) {
      SEALIFT_ASSIGN(auto records,
                     hosts_.look(*first, [](host::HostView& host) { return host::read_artifact_records(host); }));
      if (!model.makes_cluster() && !input_.config.existing) {
        if (records.empty() || !records.front().is_base)
          return fail(ErrorCode::preflight,
                      "{} has no record of the artifact that made its cluster; deliver that once more, then {}",
                      first->config.address, input_.payload.artifact_name());
      }
      take_records(std::move(records), model);
    }
    SEALIFT_ASSIGN(model.apps, select([&](const std::string& name) {
                     return std::ranges::any_of(model.others, [&](const host::ArtifactRecord& other) {
                       return std::ranges::contains(other.apps, name, &host::ArtifactRecord::App::name);
                     });
                   }));
    return {};
  }

  // To render charts here, with an artifact that brings no helm. Where it does not run on this machine, they are
  // installed unchecked, which is reported.
  void use_cluster_tools() {
    for (auto* reached : hosts_.control_planes()) {
      const auto facts = hosts_.look(*reached, [](host::HostView& host) { return host.facts(); });
      if (!facts || facts->architecture != base::own_architecture()) continue;
      if (!use_cluster_tool(*reached, images::Tool::helm, "helm")) continue;
      const bool patches = std::ranges::any_of(out_.model->apps, [](const auto& app) { return !app.patches.empty(); });
      if (patches) use_cluster_tool(*reached, images::Tool::kubectl, "kubectl");
      return;
    }
  }

  bool use_cluster_tool(Reached& reached, images::Tool tool, const std::string& name) {
    constexpr size_t kMaxProgram = size_t{256} << 20;
    for (const auto* folder : {"/usr/local/bin/", "/usr/bin/"}) {
      auto program = hosts_.look(reached, [&](host::HostView& host) { return host.read(folder + name, kMaxProgram); });
      if (!program || !*program) continue;
      input_.charts.use(tool, std::move(**program));
      return true;
    }
    return false;
  }

  // All of them, with just these values: then they have been checked before, and a run that finds nothing to do must
  // not take the time that 300 charts need.
  bool charts_are_installed() {
    auto* first = hosts_.first_control_plane();
    if (first == nullptr) return false;
    const auto records =
        hosts_.look(*first, [&](host::HostView& host) { return host.records(std::string(steps::kAppSteps)); });
    if (!records) return false;
    std::map<std::string, std::string> inputs;
    for (const auto& record : *records) inputs[record.step] = record.inputs;
    return std::ranges::all_of(out_.model->apps, [&](const steps::SelectedApp& app) {
      return !images::is_checked(app) || inputs[steps::app_step(app)] == steps::app_inputs(*out_.model, app).hex();
    });
  }

  Result<void> look() {
    tell_phase(input_, "Checking the hosts");
    SEALIFT_ASSIGN(payload_bytes_, steps::needed_bytes(*out_.model));
    look_at_payloads();
    hosts_.for_each([&](Reached& reached) {
      const auto looked = hosts_.look(reached, [&](host::HostView& host) -> Result<void> {
        SEALIFT_ASSIGN(auto facts, host.facts());
        reached.view = {reached.config.name.value_or(facts.hostname),  reached.config,       &host, std::move(facts),
                        input_.clock.now().time_since_epoch().count(), reached.keeps_payload};
        SEALIFT_ASSIGN(reached.findings, checks::check_host(preflight(reached.needs_no_payload), reached.view));
        if (input_.config.existing) {
          SEALIFT_ASSIGN(reached.standing, read_served_node(host, reached.config.role));
          return refuse_node_of_ours(reached, host);
        }
        SEALIFT_ASSIGN(reached.standing, read_standing_node(host, reached.view.facts));
        SEALIFT_TRY(refuse_node_of_others(reached, host));
        return look_at_etcd(reached);
      });
      if (!looked) reached.error = looked.error();
    });
    std::vector<checks::CheckedHost> views;
    hosts_.set_lost_aside();
    const auto broken =
        std::ranges::find_if(hosts_.all(), [](const Reached& reached) { return reached.error.has_value(); });
    for (auto& reached : hosts_.all()) {
      if (reached.error) continue;
      views.push_back(reached.view);
      for (auto& finding : reached.findings) out_.findings.push_back(std::move(finding));
    }
    for (auto& finding : checks::check_facts(preflight(true), views)) out_.findings.push_back(std::move(finding));
    auto images = images_ ? images_->findings() : std::vector<checks::Finding>();
    if (images) std::ranges::move(*images, std::back_inserter(out_.findings));
    auto artifacts = compare_artifacts(*out_.model, input_.allowed);
    if (artifacts) std::ranges::move(*artifacts, std::back_inserter(out_.findings));
    const auto network = hosts_.refused() ? Result<void>{} : look_for_network();
    if (!out_.model->makes_cluster()) look_for_nodes();
    if (auto even = even_control_planes(*out_.model)) out_.findings.push_back(std::move(*even));
    const auto made = make_nodes();
    if (made && !out_.model->makes_cluster() && !input_.config.existing)
      std::ranges::move(unmoved_registry(*out_.model), std::back_inserter(out_.findings));
    look_for_other_nodes();
    tell_what_differs();
    // Findings are reported even if this ends with an error.
    for (const auto& finding : out_.findings) tell_finding(input_, finding);
    if (broken != hosts_.all().end()) return fail_while(*broken->error, "checking " + broken->config.address);
    SEALIFT_TRY(images);
    SEALIFT_TRY(artifacts);
    SEALIFT_TRY(network);
    SEALIFT_TRY(made);
    SEALIFT_TRY(look_at_registry());
    return hosts_.refused() ? Result<void>{} : refuse_changed_fields();
  }

  // Somebody must have the images: the site's registry, or one of those that cluster.yaml names.
  Result<void> look_at_registry() {
    const auto& registry = input_.config.registry;
    if (registry.external) {
      SEALIFT_ASSIGN(const auto external, steps::ExternalRegistry::open(*registry.external, input_.clock));
      return external->check(input_.cancel);
    }
    if (!out_.model->registry_hosts().empty()) return {};
    const auto& place = input_.config.places.registry_hosts;
    return fail(ErrorCode::unreachable,
                "{}:{}:{}: none of the hosts that are to keep the images can be reached; mend one, or write others",
                input_.config.path, place.line, place.column);
  }

  Result<void> look_at_etcd(Reached& reached) {
    if (!input_.config.external_etcd || !reached.is_control_plane()) return {};
    const bool is_first = &reached == hosts_.first_control_plane() && !reached.is_member();
    SEALIFT_ASSIGN(auto findings,
                   etcd_findings(*reached.host, reached.view.name, *out_.model, is_first, input_.cancel));
    std::ranges::move(findings, std::back_inserter(reached.findings));
    return {};
  }

  Result<void> refuse_node_of_ours(Reached& reached, host::HostView& host) {
    SEALIFT_ASSIGN(const auto made, host.recorded(std::string(steps::kInitStep)));
    SEALIFT_ASSIGN(const auto joined, host.recorded(std::string(steps::kJoinStep)));
    if (made || joined)
      reached.findings.push_back({"site.nodes", reached.view.name, checks::Severity::blocks,
                                  "is a node of a cluster that Sealift made",
                                  "take `existing` out of cluster.yaml: it is for other clusters"});
    return {};
  }

  // What an earlier delivery noted there: a cluster must not be made on top of another one.
  Result<void> refuse_node_of_others(Reached& reached, host::HostView& host) {
    SEALIFT_ASSIGN(const auto noted, host.recorded(std::string(steps::kBeforeStepOfExisting)));
    if (noted)
      reached.findings.push_back({"site.nodes", reached.view.name, checks::Severity::blocks,
                                  "is a node of a cluster that Sealift did not make",
                                  "write `existing` in cluster.yaml, or `reset` the host with it first"});
    return {};
  }

  // Without a pod network no node becomes Ready: better to say so now than after minutes of waiting.
  Result<void> look_for_network() {
    if (!out_.model->makes_cluster() || out_.model->brings_network()) return {};
    for (auto* reached : hosts_.control_planes()) {
      SEALIFT_ASSIGN(const auto networks,
                     hosts_.look(*reached, [](host::HostView& host) { return host.list("/etc/cni/net.d"); }));
      if (!networks.empty()) return {};  // the existing cluster has one
    }
    out_.findings.push_back(no_network(*out_.model));
    return {};
  }

  // Pods of the applications may come to run on them, and there nobody has their images.
  void look_for_nodes_without_images(const std::set<std::string>& known) {
    for (const auto& node : existing_.nodes) {
      if (known.contains(node.name)) continue;
      out_.findings.push_back({"site.other-nodes", base::printable(node.name, 253), checks::Severity::warns,
                               "is a node of the cluster and not in cluster.yaml; it gets no images through Sealift",
                               "write it there, or keep the applications' pods off it"});
    }
  }

  // Nodes that cluster.yaml does not name are nobody's business here; only that must be known.
  void look_for_other_nodes() {
    auto* asked = hosts_.member();
    if (input_.some_hosts || (asked == nullptr && !input_.config.existing)) return;
    std::set<std::string> known;
    for (const auto& node : out_.model->nodes) known.insert(node.name);
    for (const auto& config : input_.config.hosts) {
      if (config.name) known.insert(base::to_lower(*config.name));
      if (!config.name && hosts_.aside().contains(config.address)) return;  // any of them may be this one
    }
    if (input_.config.existing) return look_for_nodes_without_images(known);
    const auto nodes = hosts_.look(*asked, [&](host::HostView& host) { return ask_for_nodes(host, input_.cancel); });
    if (!nodes) return;  // its API server is down, which others tell
    for (const auto& node : *nodes) {
      if (known.contains(node.name)) continue;
      out_.findings.push_back({"site.other-nodes", base::printable(node.name, 253), checks::Severity::warns,
                               "is a node of the cluster and not in cluster.yaml; it stays as it is",
                               "write it there, or write it there and `remove` it"});
    }
  }

  // Whoever delivers sees first what will be different, also from what somebody else wrote.
  void tell_what_differs() {
    auto* asked = hosts_.member();
    if (asked == nullptr || input_.some_hosts) return;
    const auto kept =
        hosts_.look(*asked, [&](host::HostView& host) { return steps::read_kept_config(host, input_.cancel); });
    if (!kept || !*kept) return;
    std::string text;
    for (const auto& line : config::kept_differences((*kept)->text, input_.config.kept)) text += "\n  " + line;
    if (text.empty()) return;
    base::tell(input_.events, Level::info,
               base::format("{} differs from what {} applied at {}:{}", input_.config.path,
                            base::printable((*kept)->applied_by, 200), base::printable((*kept)->applied_at, 40), text));
  }

  // Applications go onto nodes; only a base makes a host one.
  void look_for_nodes() {
    if (input_.config.existing) {
      for (const auto& reached : hosts_.all()) {
        if (!reached.error)
          std::ranges::move(judge_node(existing_.find(reached.config, reached.view.facts), reached.view.name),
                            std::back_inserter(out_.findings));
      }
      return;
    }
    for (const auto& reached : hosts_.all()) {
      if (reached.error || reached.standing) continue;
      out_.findings.push_back({"site.nodes", reached.view.name, checks::Severity::blocks,
                               "is not a node of the cluster yet, and this artifact has no base to make it one",
                               "deliver the artifact that made the cluster again with this cluster.yaml"});
    }
  }

  // Fixed fields of an existing cluster: otherwise the plan would promise what apply can't do.
  Result<void> refuse_changed_fields() {
    std::map<std::string, StandingNode> standing;
    for (auto& reached : hosts_.all()) {
      if (reached.standing) standing.emplace(reached.config.address, std::move(*reached.standing));
    }
    SEALIFT_ASSIGN(const auto problems, changed_fixed_fields(*out_.model, standing));
    if (!problems.empty()) return fail(config::to_error(problems));
    return {};
  }

  // Whose disk need not hold more of the payload than it does.
  void look_at_payloads() {
    size_t planes = 0;
    for (auto& reached : hosts_.all()) {
      reached.keeps_payload = steps::wants_payload(input_.config.registry, reached.config, planes);
      planes += reached.is_control_plane() ? 1 : 0;
      reached.needs_no_payload = !reached.keeps_payload;
      if (reached.needs_no_payload) continue;
      const auto path = out_.model->payload_path(reached.config);
      const auto state = hosts_.look(reached, [&](host::HostView& host) { return host.store_state(path); });
      // What is left of one that was cut: how much of it is missing is not known here.
      reached.needs_no_payload = state && (state->complete || !state->frames.empty());
    }
  }

  checks::PreflightInput preflight(bool needs_no_payload) const {
    const auto& model = *out_.model;
    return {model.base, model.contents(), input_.config, payload_bytes_, needs_no_payload, model.selected_images()};
  }

  Result<void> make_nodes() {
    auto& nodes = out_.model->nodes;
    std::vector<std::string> problems;
    for (auto& reached : hosts_.all()) {
      if (reached.error) continue;
      const auto* known = existing_.find(reached.config, reached.view.facts);
      auto node = known != nullptr ? node_of(*known, reached.config, reached.view.facts)
                                   : steps::make_node(reached.config, reached.view.facts);
      if (node) {
        node->has_joined = reached.membership.joined;
        node->stands = reached.standing.has_value();
        if (reached.standing) node->served = reached.standing->served;
        nodes.push_back(std::move(*node));
      } else {
        problems.push_back(node.error().what);
      }
    }
    for (const auto& problem : problems)
      out_.findings.push_back({"site.nodes", "", checks::Severity::blocks, problem, {}});
    // Nor can two nodes of the same name (a finding of check_facts) be planned for.
    std::set<std::string> names;
    const bool clash =
        !std::ranges::all_of(nodes, [&](const steps::Node& node) { return names.insert(node.name).second; });
    if (clash && input_.config.existing)
      out_.findings.push_back({"site.nodes", "", checks::Severity::blocks,
                               "two hosts of cluster.yaml are the same node of the cluster", "take one of them out"});
    if (!problems.empty() || clash) {
      if (auto error = blocking(out_.findings)) return fail(std::move(*error));
    }
    std::ranges::stable_partition(nodes, [](const steps::Node& node) { return node.is_control_plane(); });
    return {};
  }

  Input& input_;
  ReachedHosts hosts_;
  Survey out_;
  ExistingSite existing_;                  // empty if Sealift made the cluster
  std::optional<ImagesMeanwhile> images_;  // goes before the model
  uint64_t payload_bytes_ = 0;
};

}  // namespace

Result<Survey> survey(Input& input, host::Purpose purpose) { return Surveyor(input, purpose).run(); }

std::optional<Error> blocking(const std::vector<checks::Finding>& findings) {
  std::string text;
  size_t count = 0;
  for (const auto& finding : findings) {
    if (!finding.blocks()) continue;
    ++count;
    text += base::format("\n  {}{}", finding.host.empty() ? "" : finding.host + " ", finding.text());
  }
  if (count == 0) return std::nullopt;
  return Error{
      ErrorCode::preflight,
      base::format("{} {} to solve before anything is changed:{}", count, count == 1 ? "finding" : "findings", text),
      {}};
}

}  // namespace sealift::delivery
