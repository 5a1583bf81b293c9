// SPDX-License-Identifier: Apache-2.0
#include "runtime/delivery/check.h"

#include <algorithm>
#include <array>
#include <optional>
#include <set>

#include "payload/base/count.h"
#include "payload/base/thread.h"
#include "runtime/checks/all_checks.h"
#include "runtime/delivery/outcome.h"
#include "runtime/delivery/survey.h"
#include "runtime/inspection/judge.h"
#include "runtime/steps/basic_step.h"
#include "runtime/steps/health_step.h"

namespace sealift::delivery {
namespace {

// kubeadm leaves it on every node, whatever its role.
constexpr const char* kNodeKubeconfig = "/etc/kubernetes/kubelet.conf";

// Of the hosts as they are, and not of what is to be delivered to them.
bool is_of_the_hosts(ErrorCode code) {
  constexpr auto kCodes =
      std::to_array<ErrorCode>({ErrorCode::preflight, ErrorCode::auth_failed, ErrorCode::host_key_unknown,
                                ErrorCode::host_key_changed, ErrorCode::sudo_refused, ErrorCode::busy,
                                ErrorCode::permission_denied, ErrorCode::no_space, ErrorCode::command_failed});
  return may_be_set_aside(code) || std::ranges::contains(kCodes, code);
}

// What a survey finds is part of the result; it need not be told twice.
class WithoutFindings final : public EventSink {
 public:
  explicit WithoutFindings(EventSink& to) : to_(to) {}
  void on(const Event& event) override {
    if (event.kind != base::EventKind::finding && event.kind != base::EventKind::host_aside) to_.on(event);
  }

 private:
  EventSink& to_;
};

void add(const checks::Finding& finding, inspection::Observations& out) {
  out.add(finding.blocks() ? inspection::Verdict::fail : inspection::Verdict::warn,
          finding.id.empty() ? "site" : finding.id, finding.host.empty() ? "the site" : finding.host, finding.evidence,
          finding.remedy);
}

}  // namespace

struct Check::Applications {
  steps::Model model;
  std::optional<steps::DeliveredWorkloads> workloads;
  inspection::Artifact artifact;

  static Result<std::unique_ptr<Applications>> of(const Input& input) {
    const auto& contents = input.payload.contents();
    SEALIFT_ASSIGN(auto apps, steps::select_apps(contents, input.config, [](const std::string&) { return true; }));
    SEALIFT_TRY(steps::change_files(input.payload, input.config, apps));
    std::unique_ptr<Applications> out(new Applications{{input.payload, input.config, {}, std::move(apps), {}}, {}, {}});
    out->workloads.emplace(out->model);
    auto& artifact = out->artifact;
    artifact = {contents.name,
                input.payload.artifact_name(),
                input.payload.identity(),
                contents.base_document.has_value(),
                {},
                {},
                {}};
    for (const auto& app : out->model.apps) {
      if (app.app->kind == format::AppKind::helm) artifact.charts.insert(app.app->name);
    }
    artifact.app_of = [&all = *out](const json::Value& workload) { return all.workloads->app_of(workload); };
    artifact.has_image = [&all = *out](const auto& image) { return all.model.has_image(image); };
    return out;
  }
};

Check::Check(Input& input, inspection::DiskHistory disks) : input_(input), disks_(std::move(disks)) {}
Check::~Check() = default;

void Check::connect() {
  std::vector<config::HostConfig> wanted;
  std::vector<size_t> places;
  if (hosts_.empty()) {
    for (const auto& config : input_.config.hosts) hosts_.push_back({config, nullptr, {}});
  }
  for (size_t i = 0; i < hosts_.size(); ++i) {
    if (hosts_[i].host) continue;
    wanted.push_back(hosts_[i].config);
    places.push_back(i);
  }
  if (wanted.empty()) return;
  if (!is_told_) tell_phase(input_, "Connecting to " + base::counted(wanted.size(), "host", "hosts"));
  auto connections = input_.connector.connect(wanted, host::Purpose::look);
  for (size_t i = 0; i < connections.size(); ++i) {
    auto& host = hosts_[places[i]];
    host.away.reset();
    if (connections[i].host)
      host.host = std::move(*connections[i].host);
    else
      host.away = connections[i].host.error();
  }
}

// If no host lets this machine in, that says nothing about the cluster: the first one's reason.
std::optional<Error> Check::nobody_let_in() const {
  const auto refuses = [](const auto& host) { return host.away && inspection::refuses_login(*host.away); };
  return !hosts_.empty() && std::ranges::all_of(hosts_, refuses) ? hosts_.front().away : std::nullopt;
}

// A host that can't say counts as one that is a node: it will be among those that do not answer.
Result<bool> Check::is_cluster_there() {
  std::vector<char> is_node(hosts_.size());
  base::parallel_for(hosts_.size(), 32, [&](size_t i) {
    if (!hosts_[i].host) return;
    auto& host = *hosts_[i].host;
    const auto there = steps::exists(host, kNodeKubeconfig);
    // Somebody else's cluster is for the preflight to find.
    const auto ours = there && *there ? host.worked_on() : Result<bool>(false);
    is_node[i] = !there || !ours || *ours ? 1 : 0;
  });
  SEALIFT_TRY(input_.cancel.check());
  const bool is_any_there = std::ranges::any_of(hosts_, [](const auto& host) { return host.host != nullptr; });
  return !is_any_there || std::ranges::contains(is_node, 1);
}

Result<std::vector<inspection::Observation>> Check::preflight() {
  hosts_.clear();  // the survey makes connections of its own
  look_.reset();
  WithoutFindings events(input_.events);
  Input quiet{.payload = input_.payload,
              .config = input_.config,
              .connector = input_.connector,
              .journal = input_.journal,
              .events = events,
              .clock = input_.clock,
              .cancel = input_.cancel,
              .charts = input_.charts,
              .offline = input_.offline,
              .allowed = input_.allowed,
              .some_hosts = input_.some_hosts,
              .who = input_.who};
  inspection::Observations out;
  auto found = survey(quiet, host::Purpose::look);
  SEALIFT_TRY(input_.cancel.check());
  if (!found) {
    if (!is_of_the_hosts(found.error().code)) return fail(std::move(found).error());
    out.fail("site", "the site", found.error().text(), "solve that first: nothing more can be looked at before");
    return out.take();
  }
  std::set<std::string> found_ids;
  for (const auto& [address, why] : found->aside) out.fail("host.answers", address, "does not answer: " + why.text());
  for (const auto& finding : found->findings) {
    add(finding, out);
    found_ids.insert(finding.id);
  }
  for (const auto& theme : checks::catalog()) {
    for (const auto& check : theme.checks) {
      if (!checks::is_for(check, input_.config)) continue;
      if (!found_ids.contains(std::string(check.id))) out.ok(check.id, "every host", std::string(check.wants));
    }
  }
  return out.take();
}

Result<std::vector<inspection::Observation>> Check::inspect() {
  if (!is_told_) tell_phase(input_, "Looking at the cluster");
  SEALIFT_ASSIGN(look_, inspection::gather(hosts_, input_.config, input_.clock, input_.cancel));
  const auto& look = *look_;
  for (size_t i = 0; i < hosts_.size(); ++i) {
    if (look.hosts[i].away) hosts_[i].host.reset();  // the next call connects anew
  }
  auto out = inspection::judge(look, {input_.config, applications_->artifact, disks_});
  for (const auto& host : look.hosts) {
    if (!host.answer) continue;
    std::set<std::string> seen;
    for (const auto& disk : host.answer->disks) {
      if (seen.insert(disk.mount_point).second) disks_.add(host.name, disk.mount_point, look.now_ms, disk.free_bytes);
    }
  }
  return out;
}

Result<std::vector<inspection::Observation>> Check::run() {
  if (!applications_) {
    SEALIFT_ASSIGN(applications_, Applications::of(input_));
  }
  connect();
  SEALIFT_TRY(input_.cancel.check());
  if (const auto none = nobody_let_in()) return fail(*none);
  SEALIFT_ASSIGN(const bool is_there, is_cluster_there());
  // What a cluster is made of is judged only where Sealift made it.
  auto out = is_there && !input_.config.existing ? inspect() : preflight();
  is_told_ = true;
  return out;
}

}  // namespace sealift::delivery
