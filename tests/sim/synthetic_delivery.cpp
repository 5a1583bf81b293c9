// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/synthetic_delivery.h"

#include <algorithm>
#include <cstdlib>

namespace sealift::sim {

using engine::Lane;
using engine::OnFailure;
using engine::PlannedStep;
using engine::StepContext;
using engine::StepState;
using tests::FakeMachine;

namespace {

Result<base::ExitStatus> kubeadm(Site& site, std::map<std::string, int>& runs, FakeMachine& machine,
                                 const base::Command& command) {
  ++runs[machine.name()];
  if (machine.world.files.contains("/etc/kubernetes/kubelet.conf")) return base::ExitStatus{1, "", "already a node"};
  if (!machine.world.units["containerd.service"].active) return base::ExitStatus{1, "", "no containerd"};
  if (command.argv[1] == "join" && !site.joined("h0")) return base::ExitStatus{1, "", "no control plane"};
  machine.world.files["/etc/kubernetes/kubelet.conf"] = {};
  site.join(machine.name());
  return base::ExitStatus{};
}

}  // namespace

Site::Site(size_t hosts) {
  for (size_t i = 0; i < hosts; ++i) {
    auto& machine = *machines_.emplace_back(std::make_unique<FakeMachine>("h" + std::to_string(i)));
    by_name_[machine.name()] = &machine;
    machine.programs["kubeadm"] = [this](FakeMachine& self, const base::Command& command, const base::CommandIo&) {
      std::map<std::string, int> runs;
      auto out = kubeadm(*this, runs, self, command);
      std::lock_guard guard(mutex_);
      for (auto [name, n] : runs) kubeadm_runs_[name] += n;
      return out;
    };
  }
}

tests::FakeMachine* Site::find(const std::string& name) {
  auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : found->second;
}

void Site::all_reachable(bool reachable) {
  for (auto& machine : machines_) machine->set_reachable(reachable);
}

bool Site::joined(const std::string& host) {
  std::lock_guard guard(mutex_);
  return joined_.contains(host);
}

void Site::join(const std::string& host) {
  std::lock_guard guard(mutex_);
  joined_.insert(host);
}

std::map<std::string, int> Site::kubeadm_runs() {
  std::lock_guard guard(mutex_);
  return kubeadm_runs_;
}

std::map<std::string, FakeMachine::World> Site::worlds() {
  std::map<std::string, FakeMachine::World> out;
  for (auto& machine : machines_) {
    std::lock_guard guard(machine->lock());
    out[machine->name()] = machine->world;
  }
  return out;
}

std::vector<std::string> Site::faults() {
  std::lock_guard guard(mutex_);
  return faults_;
}

void Site::fault(std::string text) {
  std::lock_guard guard(mutex_);
  faults_.push_back(std::move(text));
}

class SiteStep : public engine::Step {
 public:
  SiteStep(Site& site, std::string id, Lane lane) : site_(site), id_(std::move(id)), lane_(lane) {}
  engine::StepId id() const override { return id_; }
  std::string describe() const override { return "do " + id_; }
  Digest inputs() const override { return hash::sha256(base::as_bytes(id_)); }

  Result<void> apply(StepContext& context) override {
    enter(context.host_name);
    auto out = change(context);
    leave(context.host_name);
    return out;
  }

 protected:
  virtual Result<void> change(StepContext& context) = 0;
  host::Reason reason() const { return {id_, inputs().hex()}; }
  Site& site_;

 private:
  void enter(const std::string& host) {
    int now = ++site_.running;
    int most = site_.most_running;
    while (now > most && !site_.most_running.compare_exchange_weak(most, now)) {
    }
    if (lane_ == Lane::bytes) return;
    std::lock_guard guard(site_.mutex_);
    if (++site_.busy_[host] > 1) site_.faults_.push_back("two steps at once on " + host);
  }
  void leave(const std::string& host) {
    --site_.running;
    if (lane_ == Lane::bytes) return;
    std::lock_guard guard(site_.mutex_);
    --site_.busy_[host];
  }
  std::string id_;
  Lane lane_;
};

namespace {

class Prepare final : public SiteStep {
 public:
  explicit Prepare(Site& site) : SiteStep(site, "prepare", Lane::main) {}
  Result<StepState> check(const engine::LookContext& context) override {
    SEALIFT_ASSIGN(auto recorded, context.host.recorded(id()));
    SEALIFT_ASSIGN(auto file, context.host.stat("/etc/containerd/config.toml"));
    return recorded == inputs().hex() && file ? StepState::done : StepState::needed;
  }
  Result<void> change(StepContext& context) override {
    SEALIFT_TRY(context.host.make_directory("/etc/containerd", {0755, 0, 0}, reason()));
    base::MemorySource source(base::as_bytes("version = 3"));
    SEALIFT_TRY(context.host.write_atomic("/etc/containerd/config.toml", {}, source, reason()));
    SEALIFT_TRY(context.host.load_module("overlay", reason()));
    SEALIFT_TRY(context.host.unit_action("containerd.service", host::UnitAction::enable, reason()));
    SEALIFT_TRY(context.host.unit_action("containerd.service", host::UnitAction::start, reason()));
    return context.host.record(reason());
  }
};

class Store final : public SiteStep {
 public:
  explicit Store(Site& site) : SiteStep(site, "payload.store", Lane::bytes) {}
  static constexpr auto kPath = "/var/lib/sealift/payloads/p.payload";
  Result<StepState> check(const engine::LookContext& context) override {
    SEALIFT_ASSIGN(auto state, context.host.store_state(kPath));
    return state.complete ? StepState::done : StepState::needed;
  }
  Result<void> change(StepContext& context) override {
    SEALIFT_ASSIGN(auto state, context.host.store_state(kPath));
    for (uint64_t offset = 0; offset < 4; ++offset) {
      SEALIFT_TRY(context.cancel.check());
      if (std::ranges::find(state.frames, offset) != state.frames.end()) continue;
      Bytes frame(1, static_cast<std::byte>(offset));
      SEALIFT_TRY(context.host.store_write(kPath, 4, offset, hash::sha256(frame), frame, reason()));
      context.progress(offset + 1, 4);
    }
    return context.host.store_finish(kPath, reason());
  }
};

class Kubeadm final : public SiteStep {
 public:
  Kubeadm(Site& site, std::string verb) : SiteStep(site, "kubeadm." + verb, Lane::main), verb_(std::move(verb)) {}
  Result<StepState> check(const engine::LookContext& context) override {
    SEALIFT_ASSIGN(auto file, context.host.stat("/etc/kubernetes/kubelet.conf"));
    return file ? StepState::done : StepState::needed;
  }
  Result<void> change(StepContext& context) override {
    base::Command command;
    command.argv = {"kubeadm", verb_};
    SEALIFT_ASSIGN(auto status, context.host.run_job("sealift-kubeadm-" + verb_, command, reason(), context.cancel));
    if (!status.ok()) return fail(base::command_error(command, status));
    return {};
  }

 private:
  std::string verb_;
};

class Apps final : public SiteStep {
 public:
  explicit Apps(Site& site) : SiteStep(site, "apps", Lane::main) {}
  Result<StepState> check(const engine::LookContext& context) override {
    SEALIFT_ASSIGN(auto file, context.host.stat("/etc/apps"));
    return file ? StepState::done : StepState::needed;
  }
  Result<void> change(StepContext& context) override {
    if (!site_.joined("h0")) return fail(ErrorCode::command_failed, "no cluster");
    base::MemorySource source(base::as_bytes("apps"));
    return context.host.write_atomic("/etc/apps", {}, source, reason());
  }
};

}  // namespace

engine::Plan make_plan(Site& site) {
  engine::Plan plan;
  auto add = [&](size_t host, std::shared_ptr<engine::Step> step, std::vector<size_t> after,
                 OnFailure on_failure) -> PlannedStep& {
    PlannedStep planned;
    planned.step = std::move(step);
    planned.host = site.machine(host).name();
    planned.after = std::move(after);
    planned.on_failure = on_failure;
    return plan.steps.emplace_back(std::move(planned));
  };
  add(0, std::make_shared<Store>(site), {}, OnFailure::end_run).lane = Lane::bytes;
  std::vector<size_t> prepared(site.size());
  for (size_t i = 0; i < site.size(); ++i) {
    prepared[i] = plan.steps.size();
    add(i, std::make_shared<Prepare>(site), {}, i == 0 ? OnFailure::end_run : OnFailure::set_aside);
  }
  size_t init = plan.steps.size();
  add(0, std::make_shared<Kubeadm>(site, "init"), {prepared[0]}, OnFailure::end_run).changes_cluster = true;
  std::vector<size_t> joins;
  for (size_t i = 1; i < site.size(); ++i) {
    joins.push_back(plan.steps.size());
    add(i, std::make_shared<Kubeadm>(site, "join"), {prepared[i], init}, OnFailure::set_aside).changes_cluster = true;
  }
  add(0, std::make_shared<Apps>(site), {init, 0}, OnFailure::end_run).after_any = joins;
  return plan;
}

engine::RunSummary deliver(Site& site, engine::Journal& journal, EventSink& events, const CancelToken& cancel,
                           const engine::RunOptions& options) {
  tests::FakeClock clock;
  engine::ConnectionPool pool([&](const std::string& host, const CancelToken&) -> Result<std::shared_ptr<host::Host>> {
    SEALIFT_ASSIGN(auto made, tests::connect_fake(*site.find(host)));
    return std::shared_ptr<host::Host>(std::move(made));
  });
  engine::Plan plan = make_plan(site);
  auto out = engine::run(plan, pool, events, clock, journal, cancel, options);
  if (!out) std::abort();
  return std::move(*out);
}

}  // namespace sealift::sim
