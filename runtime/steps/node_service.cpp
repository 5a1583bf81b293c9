// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/node_service.h"

#include <algorithm>

#include "payload/base/address.h"
#include "payload/base/text.h"
#include "payload/json/value.h"
#include "runtime/engine/connections.h"
#include "runtime/host/artifact_record.h"

namespace sealift::steps {
namespace {

// Once per boot, before anything that starts containers: nobody else uses these files then.
constexpr std::string_view kBootUnit = R"([Unit]
Description=Sealift: remove network plugin files that a power cut left empty
RequiresMountsFor=/var/lib/cni
Before=@RUNTIME@

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=@PROGRAM@ node boot
UnsetEnvironment=HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY http_proxy https_proxy all_proxy no_proxy

[Install]
WantedBy=multi-user.target
)";

// Each unsets the proxies of systemd's DefaultEnvironment, as the base's units do.
constexpr std::string_view kMirrorUnit = R"([Unit]
Description=Sealift image mirror
After=network-online.target
Wants=network-online.target
Before=containerd.service

[Service]
Type=notify
UnsetEnvironment=HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY http_proxy https_proxy all_proxy no_proxy
ExecStart=@PROGRAM@ node mirror --config /etc/sealift/mirror.json
ExecReload=/bin/kill -HUP $MAINPID
Restart=always
RestartSec=1
LimitNOFILE=16384

[Install]
WantedBy=multi-user.target
)";

constexpr std::string_view kBalancerUnit = R"([Unit]
Description=Sealift balancer over the Kubernetes API servers
After=network.target
Before=kubelet.service

[Service]
Type=notify
UnsetEnvironment=HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY http_proxy https_proxy all_proxy no_proxy
ExecStart=@PROGRAM@ node balancer --config /etc/sealift/balancer.json
ExecReload=/bin/kill -HUP $MAINPID
Restart=always
RestartSec=1
LimitNOFILE=16384

[Install]
WantedBy=multi-user.target
)";

const format::Stub* stub_for(const Model& model, const Node& node) {
  const auto& stubs = model.contents().stubs;
  const auto found = std::ranges::find(stubs, node.facts.architecture, &format::Stub::architecture);
  return found == stubs.end() ? nullptr : &*found;
}

std::string unit_text(std::string_view text, const std::string& program) {
  return base::replace_all(std::string(text), "@PROGRAM@", program);
}

// The base's units: the container runtime and the kubelet.
std::string boot_unit(const Model& model, const std::string& program) {
  std::vector<std::string> names;
  for (const auto& unit : model.base.units) names.push_back(unit.name);
  return base::replace_all(unit_text(kBootUnit, program), "@RUNTIME@", base::join(names, " "));
}

// "10.7.0.11:5000", "[fd00::1]:5000"
std::string endpoint(const std::string& ip, uint16_t port) { return std::format("{}:{}", base::bracketed(ip), port); }

std::string mirror_json(const Model& model, const Node& node) {
  json::Value out = json::Value::object();
  const uint16_t port = model.config.registry.port;
  json::Value hosts = json::Value::array();
  const auto registry_hosts = model.registry_hosts();
  const bool is_one = std::ranges::contains(registry_hosts, node.name, &Node::name);
  if (!is_one) {
    for (const auto* other : registry_hosts) hosts.push_back(endpoint(other->ip, port));
  }
  out.set("localListen", std::format("127.0.0.1:{}", port));
  out.set("peerListen", is_one ? endpoint(node.ip, port) : "");
  out.set("artifacts", is_one ? host::kArtifactRecords : "");
  out.set("registryHosts", std::move(hosts));
  out.set("ca", std::format("{}/ca.crt", kPkiDirectory));
  out.set("certificate", std::format("{}/node.crt", kPkiDirectory));
  out.set("key", std::format("{}/node.key", kPkiDirectory));
  out.set("artifact", model.payload.artifact_name());
  return json::to_pretty(out) + "\n";
}

std::string balancer_json(const Model& model) {
  json::Value out = json::Value::object();
  json::Value backends = json::Value::array();
  for (const auto* node : model.control_planes()) backends.push_back(endpoint(node->ip, model.config.api.port));
  out.set("listen", std::format("127.0.0.1:{}", model.config.api.local_port));
  out.set("backends", std::move(backends));
  return json::to_pretty(out) + "\n";
}

}  // namespace

Result<std::string> node_program(const Model& model, const Node& node) {
  const auto* stub = stub_for(model, node);
  if (stub == nullptr) {
    return fail(ErrorCode::not_in_artifact, "the artifact has no program for {} ({}); build it with --platform {}",
                node.name, base::platform(node.facts.architecture), base::platform(node.facts.architecture));
  }
  return std::format("{}/node-{}", kProgramDirectory, stub->object.digest.hex().substr(0, 16));
}

Result<std::vector<WantedFile>> node_service_files(const Model& model, const Node& node) {
  SEALIFT_ASSIGN(const std::string program, node_program(model, node));
  std::vector<WantedFile> out;
  out.push_back(object_file(program, model.payload, stub_for(model, node)->object, 0755));
  out.push_back(text_file(std::format("{}/mirror.json", kConfigDirectory), mirror_json(model, node), 0644));
  out.push_back(text_file(std::format("{}/balancer.json", kConfigDirectory), balancer_json(model), 0644));
  out.push_back(text_file("/etc/systemd/system/sealift-boot.service", boot_unit(model, program), 0644));
  out.push_back(text_file("/etc/systemd/system/sealift-mirror.service", unit_text(kMirrorUnit, program), 0644));
  out.push_back(text_file("/etc/systemd/system/sealift-api.service", unit_text(kBalancerUnit, program), 0644));
  // Exactly this line: with [host] entries containerd falls back to the real registry.
  out.push_back(text_file("/etc/containerd/certs.d/_default/hosts.toml",
                          std::format("server = \"http://127.0.0.1:{}\"\n", model.config.registry.port), 0644));
  return out;
}

AuthorityStep::AuthorityStep(const Model& model, const Node& node)
    : BasicStep("pki.authority", "create the certificate authority for traffic between node services",
                digest_of({"authority", model.config.name})),
      program_(node_program(model, node).value_or("")),
      cluster_(model.config.name) {}

Result<engine::StepState> AuthorityStep::check(const engine::LookContext& context) {
  for (const auto* file : {"ca.crt", "ca.key"}) {
    SEALIFT_ASSIGN(const bool there, exists(context.host, std::format("{}/{}", kPkiDirectory, file)));
    if (!there) return engine::StepState::needed;
  }
  return engine::StepState::done;
}

Result<void> AuthorityStep::apply(engine::StepContext& context) {
  SEALIFT_TRY(context.host.make_directory(std::string(kPkiDirectory), {0700, 0, 0}, reason()));
  const base::Command command{
      {program_, "node", "pki", "make-ca", "--dir", std::string(kPkiDirectory), "--name", cluster_}, {}, "/", {}};
  return base::output_of(command, context.host.run(command, {}, reason(), context.cancel))
      .transform([](const std::string&) {});
}

CertificateStep::CertificateStep(const Model& model, const Node& node)
    : BasicStep("pki.node", "create the node's key and sign its certificate", digest_of({"node", node.name, node.ip})),
      program_(node_program(model, node).value_or("")),
      authority_program_(node_program(model, model.any_control_plane()).value_or("")),
      control_plane_(model.any_control_plane().name),
      name_(node.name),
      ip_(node.ip) {}

Result<engine::StepState> CertificateStep::check(const engine::LookContext& context) {
  for (const auto* file : {"ca.crt", "node.crt", "node.key"}) {
    SEALIFT_ASSIGN(const bool there, exists(context.host, std::format("{}/{}", kPkiDirectory, file)));
    if (!there) return engine::StepState::needed;
  }
  SEALIFT_ASSIGN(const bool same, recorded(context));
  return same ? engine::StepState::done : engine::StepState::needed;
}

Result<void> CertificateStep::apply(engine::StepContext& context) {
  const std::string folder(kPkiDirectory);
  SEALIFT_TRY(context.host.make_directory(folder, {0700, 0, 0}, reason()));
  const base::Command make_key{{program_, "node", "pki", "make-key", "--dir", folder}, {}, "/", {}};
  SEALIFT_ASSIGN(const std::string public_key,
                 base::output_of(make_key, context.host.run(make_key, {}, reason(), context.cancel)));
  SEALIFT_ASSIGN(const auto authority, context.others.connection(control_plane_, nullptr, context.cancel));
  const base::Command issue{
      {authority_program_, "node", "pki", "issue", "--dir", folder, "--name", name_, "--address", ip_}, {}, "/", {}};
  base::CommandIo io;
  io.input = base::as_bytes(public_key);
  SEALIFT_ASSIGN(const std::string certificate,
                 base::output_of(issue, authority->run(issue, io, reason(), context.cancel)));
  SEALIFT_ASSIGN(const auto ca, authority->read(folder + "/ca.crt", size_t{64} << 10));
  if (!ca) return fail(ErrorCode::not_found, "{}/ca.crt is missing on {}", folder, control_plane_);
  base::MemorySource certificate_source(base::as_bytes(certificate));
  SEALIFT_TRY(context.host.write_atomic(folder + "/node.crt", {0644, 0, 0}, certificate_source, reason()));
  if (context.host_name != control_plane_) {
    base::MemorySource ca_source(*ca);
    SEALIFT_TRY(context.host.write_atomic(folder + "/ca.crt", {0644, 0, 0}, ca_source, reason()));
  }
  return context.host.record(reason());
}

}  // namespace sealift::steps
