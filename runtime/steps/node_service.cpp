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

// The ports belong to systemd: a service that restarts or crashes loses neither them nor the connections that wait. So
// no other program can take a port, and a service that keeps failing does not end its socket.
constexpr std::string_view kSocketUnit = R"([Unit]
Description=Sealift: the ports of @SERVICE@

[Socket]
@LISTEN@
FreeBind=yes
Backlog=1024
NoDelay=yes
TriggerLimitIntervalSec=0

[Install]
WantedBy=sockets.target
)";

// What both services may do; runtime/SECURITY.md explains it. A root of their own shows them the files of
// BindReadOnlyPaths and nothing else of the host. Options that an old systemd does not know, it ignores.
constexpr std::string_view kConfinement =
    R"(UnsetEnvironment=HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY http_proxy https_proxy all_proxy no_proxy
Restart=always
RestartSec=1
LimitNOFILE=16384
LimitCORE=0
DynamicUser=yes
NoNewPrivileges=yes
MountAPIVFS=yes
BindReadOnlyPaths=@PROGRAM@ /run/systemd/notify
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
ProcSubset=pid
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
RemoveIPC=yes
UMask=0077
KeyringMode=private
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources open_by_handle_at name_to_handle_at
SystemCallErrorNumber=EPERM
)";

// Keys and payloads are root's alone, so the mirror has the capability to read them; its root holds no other files that
// it could be used for.
constexpr std::string_view kMirrorUnit = R"([Unit]
Description=Sealift image mirror
Requires=sealift-mirror.socket
After=sealift-mirror.socket network-online.target
Wants=network-online.target
Before=containerd.service
StartLimitIntervalSec=0

[Service]
Type=notify
ExecStart=@PROGRAM@ node mirror --config /etc/sealift/mirror.json
TimeoutStopSec=90
MemoryMax=1G
TasksMax=2048
RootDirectory=/var/lib/sealift/roots/mirror
BindReadOnlyPaths=/etc/sealift/mirror.json @PKI@/ca.crt @PKI@/server.crt @PKI@/server.key @PKI@/client.crt @PKI@/client.key
@PAYLOADS@CapabilityBoundingSet=CAP_DAC_READ_SEARCH
AmbientCapabilities=CAP_DAC_READ_SEARCH
@CONFINEMENT@
[Install]
WantedBy=multi-user.target
)";

constexpr std::string_view kBalancerUnit = R"([Unit]
Description=Sealift balancer over the Kubernetes API servers
Requires=sealift-api.socket
After=sealift-api.socket network.target
Before=kubelet.service
StartLimitIntervalSec=0

[Service]
Type=notify
ExecStart=@PROGRAM@ node balancer --config /etc/sealift/balancer.json
ExecReload=@PROGRAM@ node reload --pid $MAINPID
MemoryMax=512M
TasksMax=16
RootDirectory=/var/lib/sealift/roots/api
BindReadOnlyPaths=/etc/sealift
CapabilityBoundingSet=
@CONFINEMENT@
[Install]
WantedBy=multi-user.target
)";

constexpr std::string_view kRootNote =
    "systemd shows the service this folder as its root, with what its unit names in BindReadOnlyPaths.\n"
    "The files here are empty: they only mark the places.\n";

const format::Stub* stub_for(const Model& model, const Node& node) {
  const auto& stubs = model.contents().stubs;
  const auto found = std::ranges::find(stubs, node.facts.architecture, &format::Stub::architecture);
  return found == stubs.end() ? nullptr : &*found;
}

std::string unit_text(std::string_view text, const std::string& program) {
  auto out = base::replace_all(std::string(text), "@CONFINEMENT@", kConfinement);
  out = base::replace_all(std::move(out), "@PKI@", kPkiDirectory);
  return base::replace_all(std::move(out), "@PROGRAM@", program);
}

std::string socket_unit(std::string_view service, const std::vector<std::string>& endpoints) {
  std::vector<std::string> lines;
  for (const auto& endpoint : endpoints) lines.push_back("ListenStream=" + endpoint);
  return base::replace_all(base::replace_all(std::string(kSocketUnit), "@SERVICE@", service), "@LISTEN@",
                           base::join(lines, "\n"));
}

// The base's units: the container runtime and the kubelet.
std::string boot_unit(const Model& model, const std::string& program) {
  std::vector<std::string> names;
  for (const auto& unit : model.base.units) names.push_back(unit.name);
  return base::replace_all(unit_text(kBootUnit, program), "@RUNTIME@", base::join(names, " "));
}

// "10.7.0.11:5000", "[fd00::1]:5000"
std::string endpoint(const std::string& ip, uint16_t port) { return std::format("{}:{}", base::bracketed(ip), port); }

bool is_registry_host(const Model& model, const Node& node) {
  return std::ranges::contains(model.registry_hosts(), node.name, &Node::name);
}

// The mirror's addresses: this host's own, and on a registry host the one for others.
std::vector<std::string> mirror_endpoints(const Model& model, const Node& node) {
  const uint16_t port = model.config.registry.port;
  std::vector<std::string> out{std::format("127.0.0.1:{}", port)};
  if (is_registry_host(model, node)) out.push_back(endpoint(node.ip, port));
  return out;
}

std::string balancer_endpoint(const Model& model) { return std::format("127.0.0.1:{}", model.config.api.local_port); }

std::string mirror_unit(const Model& model, const Node& node, const std::string& program) {
  std::string folders;
  if (is_registry_host(model, node)) {
    folders = std::format("BindReadOnlyPaths={} {}\n", host::kArtifactRecords, Model::payload_folder(node.config));
  }
  return unit_text(base::replace_all(std::string(kMirrorUnit), "@PAYLOADS@", folders), program);
}

std::string mirror_json(const Model& model, const Node& node) {
  json::Value out = json::Value::object();
  json::Value hosts = json::Value::array();
  const bool is_one = is_registry_host(model, node);
  if (!is_one) {
    for (const auto* other : model.registry_hosts()) hosts.push_back(endpoint(other->ip, model.config.registry.port));
  }
  const auto endpoints = mirror_endpoints(model, node);
  out.set("localListen", endpoints.front());
  out.set("peerListen", is_one ? endpoints.back() : "");
  out.set("artifacts", is_one ? host::kArtifactRecords : "");
  out.set("registryHosts", std::move(hosts));
  out.set("ca", std::format("{}/ca.crt", kPkiDirectory));
  for (const auto* usage : {"server", "client"}) {
    json::Value identity = json::Value::object();
    identity.set("certificate", std::format("{}/{}.crt", kPkiDirectory, usage));
    identity.set("key", std::format("{}/{}.key", kPkiDirectory, usage));
    out.set(usage, std::move(identity));
  }
  out.set("artifact", model.payload.artifact_name());
  return json::to_pretty(out) + "\n";
}

std::string balancer_json(const Model& model) {
  json::Value out = json::Value::object();
  json::Value backends = json::Value::array();
  for (const auto* node : model.control_planes()) backends.push_back(endpoint(node->ip, model.config.api.port));
  out.set("listen", balancer_endpoint(model));
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
  out.push_back(text_file("/etc/systemd/system/sealift-mirror.service", mirror_unit(model, node, program), 0644));
  out.push_back(text_file("/etc/systemd/system/sealift-api.service", unit_text(kBalancerUnit, program), 0644));
  for (const auto* service : {"mirror", "api"})
    out.push_back(text_file(std::format("/var/lib/sealift/roots/{}/README", service), std::string(kRootNote), 0644));
  // Exactly these lines: with [host] entries containerd falls back to the real registry. Only who has a certificate of
  // this delivery's authority is believed to be the mirror.
  out.push_back(text_file(
      "/etc/containerd/certs.d/_default/hosts.toml",
      std::format("server = \"https://127.0.0.1:{}\"\nca = \"{}/ca.crt\"\n", model.config.registry.port, kPkiDirectory),
      0644));
  return out;
}

std::vector<WantedFile> socket_files(const Model& model, const Node& node) {
  return {text_file("/etc/systemd/system/sealift-mirror.socket",
                    socket_unit("the image mirror", mirror_endpoints(model, node)), 0644),
          text_file("/etc/systemd/system/sealift-api.socket", socket_unit("the balancer", {balancer_endpoint(model)}),
                    0644)};
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
    : BasicStep("pki.node", "create the node's keys and sign its certificates",
                digest_of({"server and client", node.name, node.ip})),
      program_(node_program(model, node).value_or("")),
      authority_program_(node_program(model, model.any_control_plane()).value_or("")),
      control_plane_(model.any_control_plane().name),
      name_(node.name),
      ip_(node.ip) {}

Result<engine::StepState> CertificateStep::check(const engine::LookContext& context) {
  for (const auto* file : {"ca.crt", "server.crt", "server.key", "client.crt", "client.key"}) {
    SEALIFT_ASSIGN(const bool there, exists(context.host, std::format("{}/{}", kPkiDirectory, file)));
    if (!there) return engine::StepState::needed;
  }
  SEALIFT_ASSIGN(const bool same, recorded(context));
  return same ? engine::StepState::done : engine::StepState::needed;
}

Result<void> CertificateStep::issue(engine::StepContext& context, host::Host& authority, const std::string& usage,
                                    const std::string& addresses) {
  const std::string folder(kPkiDirectory);
  const base::Command make_key{{program_, "node", "pki", "make-key", "--dir", folder, "--usage", usage}, {}, "/", {}};
  SEALIFT_ASSIGN(const std::string public_key,
                 base::output_of(make_key, context.host.run(make_key, {}, reason(), context.cancel)));
  const base::Command issue{{authority_program_, "node", "pki", "issue", "--dir", folder, "--usage", usage, "--name",
                             name_, "--addresses", addresses},
                            {},
                            "/",
                            {}};
  base::CommandIo io;
  io.input = base::as_bytes(public_key);
  SEALIFT_ASSIGN(const std::string certificate,
                 base::output_of(issue, authority.run(issue, io, reason(), context.cancel)));
  base::MemorySource source(base::as_bytes(certificate));
  return context.host.write_atomic(std::format("{}/{}.crt", folder, usage), {0644, 0, 0}, source, reason());
}

Result<void> CertificateStep::apply(engine::StepContext& context) {
  const std::string folder(kPkiDirectory);
  SEALIFT_TRY(context.host.make_directory(folder, {0700, 0, 0}, reason()));
  SEALIFT_ASSIGN(const auto authority, context.others.connection(control_plane_, nullptr, context.cancel));
  SEALIFT_TRY(issue(context, *authority, "server", ip_ + ",127.0.0.1"));
  SEALIFT_TRY(issue(context, *authority, "client", ""));
  SEALIFT_ASSIGN(const auto ca, authority->read(folder + "/ca.crt", size_t{64} << 10));
  if (!ca) return fail(ErrorCode::not_found, "{}/ca.crt is missing on {}", folder, control_plane_);
  if (context.host_name != control_plane_) {
    base::MemorySource ca_source(*ca);
    SEALIFT_TRY(context.host.write_atomic(folder + "/ca.crt", {0644, 0, 0}, ca_source, reason()));
  }
  return context.host.record(reason());
}

}  // namespace sealift::steps
