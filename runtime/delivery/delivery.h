// SPDX-License-Identifier: Apache-2.0
//
// The whole delivery: from an artifact and a cluster.yaml to a cluster. Connects the hosts, inspects all of them
// (preflight), makes the plan and runs it. It knows no terminals; hosts come from a HostConnector, so tests/sim runs
// whole deliveries on fake hosts.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "payload/base/cancel.h"
#include "payload/base/clock.h"
#include "payload/base/event.h"
#include "payload/format/reader.h"
#include "runtime/config/cluster_config.h"
#include "runtime/engine/journal.h"
#include "runtime/host/host.h"
#include "runtime/images/chart_renderer.h"

namespace sealift::delivery {

// One host's connection, or why there is none.
struct Connection {
  std::string address;  // HostConfig::address
  Result<std::unique_ptr<host::Host>> host;
};

class HostConnector {
 public:
  virtual ~HostConnector() = default;
  // All at once (ramped up gently); one result for each host, in their order.
  virtual std::vector<Connection> connect(const std::vector<config::HostConfig>& hosts, host::Purpose purpose) = 0;
  // Reconnects after a lost connection, for the runner's retry.
  virtual Result<std::unique_ptr<host::Host>> reconnect(const config::HostConfig& host, host::Purpose purpose) = 0;
};

// What a person must have decided; --yes is no answer to it.
struct Allowed {
  bool replace_product = false;  // the cluster was made by an artifact of another name
  bool downgrade = false;        // the cluster has a newer version of this artifact
};

struct Input {
  const format::PayloadReader& payload;
  const config::ClusterConfig& config;
  HostConnector& connector;
  engine::Journal& journal;  // of this run; write-only
  EventSink& events;
  Clock& clock;
  CancelToken cancel;
  images::ChartRenderer& charts;
  bool offline = false;  // plan --offline: connects nowhere
  Allowed allowed = {};
  bool some_hosts = false;       // the configuration lacks hosts that cluster.yaml has: they are not concerned
  bool renew_authority = false;  // of the node services, although it is not due
  std::string who = {};          // works with the cluster: "ops@laptop"
};

struct HostOutcome {
  std::string address, name;
  format::HostRole role = format::HostRole::worker;
  enum class State { done, aside, unfinished, failed } state = State::done;
  std::string reason;  // of anything but done
  size_t applied = 0, skipped = 0;
};

struct ApplicationOutcome {
  std::string name;
  // applied: installed, and whether it is healthy was not asked or not found out; not_tried: what it needs failed, or
  // the run ended first; removed: it was to be.
  enum class State { healthy, applied, failed, not_tried, removed } state = State::healthy;
  bool changed = false;  // by this run
  std::string reason;    // of failed and not_tried
};

struct Outcome {
  std::vector<HostOutcome> hosts;
  std::vector<ApplicationOutcome> applications;  // without the pod network; in the order of their needs
  size_t applied = 0, skipped = 0;               // steps
  std::vector<std::string> notes;                // for the summary: "CoreDNS answers for the cluster only (…)"
  std::optional<Error> error;  // set = the exit code comes from it; partial success has ErrorCode::partial
  enum class Kind { delivery, removal, reset, app_removal, app_rollback } kind = Kind::delivery;  // for its words
};

// Brings the cluster to the wanted state, whatever state the hosts are in. An Error only if the run ended before
// anything was changed (configuration against artifact, control plane not reached, preflight findings); everything else
// is in Outcome.
Result<Outcome> apply(Input& input);

struct PlanLine {
  std::string host, step, description;
  enum class State {
    done,
    needed,
    unknown
  } state = State::unknown;  // unknown: can't be checked before earlier steps are done
};

// The same plan with check() instead of apply(), which it cannot reach. Preflight findings are in `notes`.
struct PlanOutcome {
  std::vector<PlanLine> lines;
  std::vector<std::string> notes;
  size_t blocking = 0;  // preflight findings that would stop an apply before anything is changed
};
Result<PlanOutcome> plan(Input& input);

// --- status.cpp, kubeconfig.cpp, registry_authority.cpp: questions about an existing cluster; they look at one control
// plane only ---

struct StatusLine {
  std::string subject, state, detail;  // "node w1", "Ready", "v1.34.4 10.7.0.21"
  bool healthy = true;
  bool warns = false;  // healthy so far
};
Result<std::vector<StatusLine>> status(Input& input);

// The cluster.yaml that was applied last, as the cluster keeps it, after a comment that says by whom and with what.
// Errors: not_found if it keeps none.
Result<std::string> current_config(Input& input);

// The authority (PEM) that the certificate of registry.domain is from: the cluster's own. Errors: invalid_config if
// there is no such domain, or its certificate is the site's; not_found.
Result<std::string> registry_authority(Input& input);

// Admin kubeconfig with a reachable server address instead of 127.0.0.1. A secret.
Result<Secret> kubeconfig(Input& input);

}  // namespace sealift::delivery
