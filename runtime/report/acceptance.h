// SPDX-License-Identifier: Apache-2.0
//
// The acceptance report: what was delivered, to which hosts, how it went and how the cluster is. One document that both
// sides sign. Here as plain values; acceptance_html.cpp and acceptance_json.cpp show them, check_report.h as JUnit. It
// is given out and kept, so nothing goes in that may hold a secret: no values but those that the cluster keeps too
// (config::kept_text), and nothing that programs of the site or of applications have printed.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "payload/format/contents.h"
#include "runtime/config/cluster_config.h"
#include "runtime/engine/journal.h"
#include "runtime/inspection/look.h"
#include "runtime/report/check_report.h"
#include "runtime/steps/history.h"

namespace sealift::report {

// What it is made of. `look`: none if there is no cluster yet.
struct AcceptanceInput {
  const format::Contents& contents;
  std::string identity;  // "sha256:…"
  uint64_t payload_bytes = 0;
  const config::ClusterConfig& config;
  const inspection::Look* look = nullptr;
  Observations found;
  Waivers waivers;
  Result<engine::JournalContents> journal;           // of the launch machine
  Result<std::vector<steps::HistoryEntry>> history;  // of the cluster, newest first
  std::string title, by;                             // the heading; "ops@laptop"
  WallTime now;
  Duration took{};  // of the look
};

struct Acceptance {
  std::string title, cluster;
  std::string at, by, with;  // ISO 8601; "ops@laptop"; "sealift 0.1.0"
  uint64_t took_ms = 0;      // of the look
  bool is_delivered = true;  // else no cluster is there yet, and it was the preflight

  struct Artifact {
    std::string name, version, identity, made_by, kubernetes;  // kubernetes: of the cluster, if it is recorded there
    uint64_t payload_bytes = 0;
  } artifact;
  struct Image {
    std::string name, digest, platforms;  // "amd64, arm64"
  };
  std::vector<Image> images;

  // How something came out: fail, warn, waived, ok; "" if nothing was found of it.
  enum class Standing { unknown, ok, waived, warn, fail };
  struct Check {
    std::string id, subject, evidence, remedy;
    Standing standing = Standing::unknown;
    std::string reason;  // of waived
    bool operator==(const Check&) const = default;
  };
  std::vector<Check> checks;  // fail, warn, waived, ok; within these as they were found
  struct Waiver {
    std::string id, reason;  // id: the key of Waivers
    size_t findings = 0;
  };
  std::vector<Waiver> waivers;

  struct Step {
    std::string host, step, status, error;  // status: engine::name(StepStatus), or "begun"
    uint64_t took_ms = 0;
    bool is_done() const { return status == "done" || status == "skipped"; }
  };
  struct Run {
    uint64_t number = 0;
    std::string at, command, artifact, identity, config;  // config: digest of cluster.yaml's bytes
    std::string result;                                   // "complete", an error's code, or empty: it did not end
    std::optional<uint64_t> took_ms;
  };
  struct Journal {
    std::string digest, trouble;  // `trouble`: why there is none, or none that can be read
    std::vector<Run> runs;        // oldest first
    std::optional<Run> delivery;  // the last apply or join
    std::vector<Step> steps;      // of that
  } journal;

  struct Host {
    std::string name, address, role;
    std::string architecture, system, kernel, runtime, kubelet;
    uint32_t cpus = 0;
    uint64_t memory_bytes = 0;
    std::string away;                            // why nothing was seen of it
    size_t done = 0, skipped = 0, not_done = 0;  // steps of the last delivery
    uint64_t took_ms = 0;                        // the sum of theirs
    Standing standing = Standing::unknown;       // the worst that was found of it
    size_t planned() const { return done + skipped + not_done; }
  };
  std::vector<Host> hosts;

  struct Application {
    std::string name, kind, version, target_namespace, release;
    bool is_network = false;
    bool is_wanted = false;  // cluster.yaml, or else the artifact's LAUNCH, names it
    std::string status;      // of its step in the last delivery; empty: it had none
    uint64_t took_ms = 0;
    Standing standing = Standing::unknown;
  };
  std::vector<Application> applications;

  std::vector<steps::HistoryEntry> history;
  std::string no_history;  // why it is not known
  std::string config;      // config::ClusterConfig::kept

  size_t count(Standing standing) const;  // of the checks
};
std::string_view name(Acceptance::Standing standing);  // "fail", "warn", "waived", "ok", ""

// Errors: those of steps::select_apps.
Result<Acceptance> make_acceptance(const AcceptanceInput& input);

// Whether this cluster can be accepted, as one sentence.
std::string verdict_sentence(const Acceptance& report);

// One file without scripts and without anything from elsewhere; for a screen, and for A4.
std::string to_html(const Acceptance& report);
// {"event":"report", …}: what the struct has, under the same names in camel case.
std::string to_json(const Acceptance& report);

// As `check --junit`.
std::string to_junit(const Acceptance& report);

// By the file's ending. Errors: usage.
enum class AcceptanceFormat { html, json, junit };
Result<AcceptanceFormat> acceptance_format(std::string_view path);

// "ID=REASON" or "ID@SUBJECT=REASON", as a key and a value of Waivers; the id is one of runtime/INSPECTION.md or
// CHECKS.md. Errors: usage, with the nearest known id.
Result<std::pair<std::string, std::string>> parse_waiver(std::string_view text);

}  // namespace sealift::report
