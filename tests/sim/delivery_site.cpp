// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/delivery_site.h"

#include <algorithm>
#include <array>
#include <cstdlib>

#include "payload/base/format.h"
#include "runtime/host/artifact_record.h"
#include "runtime/steps/apps.h"
#include "runtime/steps/payload_step.h"
#include "tests/sim/played_pki.h"
#include "tests/sim/sample_artifact.h"
#include "tests/support/played_adopt.h"
#include "tests/support/played_stage.h"

namespace sealift::sim {

using base::Command;
using base::CommandIo;
using base::ExitStatus;
using tests::FakeMachine;

namespace {

constexpr std::string_view kMirrorJson = "/etc/sealift/mirror.json", kBalancerJson = "/etc/sealift/balancer.json";

// The configuration with which the running mirror was started; nothing if none runs.
std::optional<json::Value> running_mirror(const FakeMachine& machine) {
  const auto unit = machine.world.units.find("sealift-mirror.service");
  if (unit == machine.world.units.end() || !unit->second.active) return std::nullopt;
  const auto text = unit->second.runs_with.find(std::string(kMirrorJson));
  if (text == unit->second.runs_with.end()) return std::nullopt;
  auto value = json::parse(base::as_text(text->second));
  if (!value) return std::nullopt;
  return std::move(*value);
}

std::vector<std::string> texts(const json::Value& value, std::string_view key) {
  std::vector<std::string> out;
  for (const auto& element : *value.find(key)->elements()) out.push_back(*element.string());
  return out;
}

}  // namespace

DeliverySite::DeliverySite(size_t hosts, size_t control_planes)
    : cluster([this](const std::string& image) {
        auto& machine = *machines_[pods_on];
        const std::lock_guard lock(machine.lock());
        return refusal(machine, image).empty();
      }) {
  take(sample_payload());
  config.name = "plant7";
  config.path = "cluster.yaml";
  for (size_t i = 0; i < hosts; ++i) {
    config::HostConfig host;
    host.address = base::format("10.7.{}.{}", i / 250, i % 250 + 1);
    host.role = i < control_planes ? format::HostRole::control_plane : format::HostRole::worker;
    if (i == 1) host.labels["zone"] = "a";
    config.hosts.push_back(host);
    auto& machine = machines_.emplace_back(std::make_unique<FakeMachine>(base::format("h{}", i)));
    equip(*machine, host.address);
    by_address_[host.address] = machine.get();
  }
  cluster.control_plane = machines_.front().get();
  cluster.machines = by_address_;
  config::ApplicationConfig redis;
  redis.name = "redis";
  redis.target_namespace = "store";
  redis.values_yaml = "replicas: 1\n";
  config.applications.push_back(std::move(redis));
  config.files.push_back({"own.toml", "/etc/containerd/own.toml", 0644, format::HostRole::all, "version = 3\n"});
}

void DeliverySite::take(Bytes payload) {
  auto file = std::make_unique<base::MemoryFile>(std::move(payload));
  auto reader = format::PayloadReader::open(*file);
  if (!reader) std::abort();
  artifacts_.push_back({std::move(file), std::move(*reader)});
}

void DeliverySite::equip(FakeMachine& machine, const std::string& address) {
  pulled_[machine.name()];  // from here on the map itself is not changed
  machine.facts.addresses = {{"eth0", address, 24}};
  machine.facts.nameservers = {};  // no DNS at all
  machine.unit_reads = {{"sealift-mirror.service", {std::string(kMirrorJson)}},
                        {"sealift-api.service", {std::string(kBalancerJson)}},
                        {"containerd.service", {"/etc/containerd/own.toml"}}};
  machine.programs["kubeadm"] = [this](FakeMachine& self, const Command& command, const CommandIo&) {
    const bool has_images = std::ranges::includes(
        pulled_.at(self.name()),
        std::set<std::string>{"registry.k8s.io/kube-proxy:v1.34.4", "registry.k8s.io/pause:3.10.1"});
    return cluster.kubeadm(self, command, has_images);
  };
  machine.programs["kubectl"] = [this](FakeMachine& self, const Command& command, const CommandIo& io) {
    return cluster.kubectl(self, command, io);
  };
  machine.programs["helm"] = [this](FakeMachine& self, const Command& command, const CommandIo&) {
    return cluster.helm(self, command);
  };
  machine.programs["ctr"] = [this](FakeMachine& self, const Command& command, const CommandIo&) {
    return ctr(self, command);
  };
  machine.programs["rm"] = [](FakeMachine& self, const Command& command, const CommandIo&) -> Result<ExitStatus> {
    constexpr std::array kPlayed{"/var/lib/etcd/member", "/etc/sealift/etcd/client.key"};
    if (!std::ranges::contains(kPlayed, command.argv.back())) return bad("not played: " + command.text());
    self.world.files.erase(command.argv.back());
    return good();
  };
  const std::string node_program = "node-" + payload().contents().stubs.front().object.digest.hex().substr(0, 16);
  machine.programs[node_program] = [](FakeMachine& self, const Command& command, const CommandIo& io) {
    return node_pki(self, command, io);
  };
  machine.programs["exe"] = [this](FakeMachine& self, const Command& command,
                                   const CommandIo& io) -> Result<ExitStatus> {  // the agent itself
    if (has(command, "adopt")) return tests::play_adopt(self, payload(), command);
    if (has(command, "releases")) return good(cluster.objects_of_releases());
    if (has(command, "stage")) return tests::play_stage(self, payload(), command, io);
    return has(command, "etcd") ? cluster.etcd(self, command) : look_at_pairs(self, command);
  };
}

Result<ExitStatus> DeliverySite::ctr(FakeMachine& self, const Command& command) {
  if (!self.world.units["containerd.service"].active) return bad("containerd does not run");
  auto& pulled = pulled_.at(self.name());
  if (has(command, "pull")) {
    const auto& image = command.argv.back();
    if (const auto why = refusal(self, image); !why.empty())
      return bad(base::format("failed to resolve {}: {}", image, why));
    pulled.insert(image);
    return good();
  }
  std::string out;
  for (const auto& image : pulled) out += image + "\n";
  return good(out);
}

bool DeliverySite::has_bytes(FakeMachine& machine, const std::string& path, const std::string& image) {
  const auto store = machine.world.stores.find(path);
  if (store == machine.world.stores.end()) return false;
  const auto artifact = std::ranges::find_if(
      artifacts_, [&](const Artifact& one) { return path.contains(one.payload->identity().hex()); });
  if (artifact == artifacts_.end()) return false;
  const auto& payload = *artifact->payload;
  const auto objects = steps::image_objects(payload.contents(), {image});
  const auto frames = payload.frames_of(objects);
  if (objects.empty() || !frames) return false;
  return std::ranges::all_of(
             payload.skeleton(),
             [&](const format::ByteRange& range) { return store->second.frames.contains(range.offset); }) &&
         std::ranges::all_of(*frames,
                             [&](const format::Frame& frame) { return store->second.frames.contains(frame.offset); });
}

bool DeliverySite::serves(FakeMachine& machine, const json::Value& mirror, const std::string& image) {
  const auto folder = mirror.text_or("artifacts", "");
  if (folder.empty()) return false;
  for (const auto& [path, file] : machine.world.files) {
    if (!path.starts_with(folder + "/")) continue;
    const auto record = host::parse_artifact_record(base::as_text(file.content));
    if (record && record->is_served && std::ranges::any_of(record->payloads, [&](const std::string& payload) {
          return has_bytes(machine, payload, image);
        }))
      return true;
  }
  return false;
}

// Called under this machine's lock; a registry host's lock is taken after it, never the other way round.
std::string DeliverySite::refusal(FakeMachine& self, const std::string& image) {
  const auto mirror = running_mirror(self);
  if (!mirror) return "nobody answers on 127.0.0.1:5000";
  if (!believes(self, self, "ca.crt", "server")) return "the runtime does not believe the mirror of its own host";
  if (serves(self, *mirror, image)) return {};
  std::string why = "not in the artifact's bytes here";
  for (const auto& endpoint : texts(*mirror, "registryHosts")) {
    const auto host = by_address_.find(endpoint.substr(0, endpoint.rfind(':')));
    if (host == by_address_.end()) return endpoint + ": no route";
    const std::lock_guard lock(host->second->lock());
    const auto other = host->second->reachable() ? running_mirror(*host->second) : std::nullopt;
    if (!other || *other->find("peerListen")->string() != endpoint) {
      why = endpoint + ": connection refused";
      continue;
    }
    if (!believes(self, *host->second, "node/ca.crt", "server") ||
        !believes(*host->second, self, "node/ca.crt", "client")) {
      why = endpoint + ": the mirrors don't believe each other";
      continue;
    }
    if (serves(*host->second, *other, image)) return {};
    why = endpoint + ": not all of its bytes are there";
  }
  return why;
}

std::string DeliverySite::why_not_pulled(size_t host, std::string_view image) {
  const std::lock_guard lock(machine(host).lock());
  return refusal(machine(host), std::string(image));
}

std::vector<delivery::Connection> DeliverySite::connect(const std::vector<config::HostConfig>& hosts, host::Purpose) {
  std::vector<delivery::Connection> out;
  for (const auto& host : hosts) out.push_back({host.address, tests::connect_fake(*by_address_.at(host.address))});
  return out;
}

Result<std::unique_ptr<host::Host>> DeliverySite::reconnect(const config::HostConfig& host, host::Purpose) {
  return tests::connect_fake(*by_address_.at(host.address));
}

Result<std::string> DeliverySite::patch(const std::string& manifests, const std::string& target_namespace,
                                        const std::vector<kube::Patch>& patches, const CancelToken&) {
  return kube::patch_objects(manifests, target_namespace, patches,
                             [](size_t, const std::string& object) { return Result<std::string>(object); });
}

Result<std::string> DeliverySite::render(const images::ChartRequest& request, const CancelToken&) {
  std::string out;
  for (const auto& [path, file] : steps::app_files(payload().contents(), *request.app)) {
    if (!path.starts_with("templates/")) continue;
    SEALIFT_ASSIGN(const auto text, payload().read_all(file.object.digest, steps::kMaxAppFile));
    out += base::format("---\n{}", base::as_text(text));
  }
  return out;
}

delivery::Input DeliverySite::input(engine::Journal& journal, EventSink& events, Clock& clock,
                                    const CancelToken& cancel) {
  return {payload(), config, *this,   journal, events,          clock,       cancel,
          *this,     false,  allowed, false,   renew_authority, "ops@laptop"};
}

Result<delivery::Outcome> DeliverySite::apply(engine::Journal& journal, EventSink& events, const CancelToken& cancel) {
  tests::FakeClock clock;
  auto now = input(journal, events, clock, cancel);
  return delivery::apply(now);
}

Result<delivery::Outcome> DeliverySite::join(engine::Journal& journal, EventSink& events, const CancelToken& cancel) {
  tests::FakeClock clock;
  auto now = input(journal, events, clock, cancel);
  return delivery::join(now);
}

Result<delivery::PlanOutcome> DeliverySite::plan_join() {
  tests::FakeClock clock;
  engine::NoJournal journal;
  auto now = input(journal, base::no_events(), clock, {});
  return delivery::plan_join(now);
}

Result<delivery::Outcome> DeliverySite::reset(engine::Journal& journal, const delivery::ResetOptions& options,
                                              EventSink& events, const CancelToken& cancel) {
  tests::FakeClock clock;
  auto now = input(journal, events, clock, cancel);
  return delivery::reset(now, options);
}

Result<delivery::Outcome> DeliverySite::remove(engine::Journal& journal, const delivery::RemoveOptions& options,
                                               EventSink& events, const CancelToken& cancel) {
  tests::FakeClock clock;
  auto now = input(journal, events, clock, cancel);
  return delivery::remove(now, options);
}

Result<delivery::Outcome> DeliverySite::remove_apps(engine::Journal& journal,
                                                    const delivery::RemoveAppsOptions& options, EventSink& events,
                                                    const CancelToken& cancel) {
  tests::FakeClock clock;
  auto now = input(journal, events, clock, cancel);
  return delivery::remove_apps(now, options);
}

Result<delivery::Outcome> DeliverySite::rollback(engine::Journal& journal, const delivery::RollbackOptions& options,
                                                 EventSink& events, const CancelToken& cancel) {
  tests::FakeClock clock;
  auto now = input(journal, events, clock, cancel);
  return delivery::rollback_app(now, options);
}

Result<std::vector<host::ArtifactRecord>> DeliverySite::artifacts() {
  tests::FakeClock clock;
  engine::NoJournal journal;
  auto now = input(journal, base::no_events(), clock, {});
  return delivery::delivered_artifacts(now);
}

Result<std::vector<steps::HistoryEntry>> DeliverySite::history() {
  tests::FakeClock clock;
  engine::NoJournal journal;
  auto now = input(journal, base::no_events(), clock, {});
  return delivery::history(now);
}

Result<std::string> DeliverySite::current_config() {
  tests::FakeClock clock;
  engine::NoJournal journal;
  auto now = input(journal, base::no_events(), clock, {});
  return delivery::current_config(now);
}

Result<delivery::PlanOutcome> DeliverySite::plan() {
  tests::FakeClock clock;
  engine::NoJournal journal;
  auto now = input(journal, base::no_events(), clock, {});
  return delivery::plan(now);
}

Result<std::vector<delivery::StatusLine>> DeliverySite::status(Clock& clock) {
  engine::NoJournal journal;
  auto now = input(journal, base::no_events(), clock, {});
  return delivery::status(now);
}

size_t DeliverySite::control_planes() const {
  return static_cast<size_t>(
      std::ranges::count(config.hosts, format::HostRole::control_plane, &config::HostConfig::role));
}

void DeliverySite::all_reachable(bool reachable) {
  for (auto& machine : machines_) machine->set_reachable(reachable);
}

std::map<std::string, FakeMachine::World> DeliverySite::worlds() {
  std::map<std::string, FakeMachine::World> out;
  for (auto& machine : machines_) {
    const std::lock_guard guard(machine->lock());
    out[machine->name()] = machine->world;
  }
  return out;
}

size_t DeliverySite::changes() {
  size_t out = 0;
  for (auto& machine : machines_) out += machine->changes.size();
  return out;
}

uint64_t DeliverySite::calls() const {
  uint64_t out = 0;
  for (const auto& machine : machines_) out += machine->calls();
  return out;
}

}  // namespace sealift::sim
