// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/service_units.h"

#include <algorithm>

#include "payload/base/address.h"
#include "payload/base/format.h"
#include "payload/base/text.h"
#include "runtime/config/authority_port.h"
#include "runtime/host/artifact_record.h"
#include "runtime/steps/people_files.h"
#include "runtime/steps/registries.h"

namespace sealift::steps {

std::string endpoint(const std::string& ip, uint16_t port) { return base::format("{}:{}", base::bracketed(ip), port); }

bool is_asked(const Model& model, const Node& node) {
  return std::ranges::contains(model.asked_hosts(), node.name, &Node::name);
}

std::vector<std::string> mirror_endpoints(const Model& model, const Node& node) {
  const uint16_t port = model.config.registry.port;
  std::vector<std::string> out{base::format("127.0.0.1:{}", port)};
  if (is_asked(model, node)) out.push_back(endpoint(node.ip, port));
  return out;
}

std::string balancer_endpoint(const Model& model) { return base::format("127.0.0.1:{}", model.config.api.local_port); }

std::string authority_endpoint(const Model& model, const Node& node) {
  return endpoint(node.ip, config::authority_port(model.config.registry));
}

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

// What the services may do; runtime/SECURITY.md explains it. A root of their own shows them the files of
// BindReadOnlyPaths and nothing else of the host. Options that an old systemd does not know, it ignores.
constexpr std::string_view kConfinement =
    R"(UnsetEnvironment=HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY http_proxy https_proxy all_proxy no_proxy
LimitNOFILE=16384
LimitCORE=0
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
// it could be used for. Of the keys it is shown the folder, since a file's mount would not follow when it is replaced.
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
ExecReload=@PROGRAM@ node reload --pid $MAINPID
TimeoutStopSec=90
MemoryMax=1G
TasksMax=2048
RootDirectory=/var/lib/sealift/roots/mirror
BindReadOnlyPaths=/etc/sealift/mirror.json @PKI@/node
@PAYLOADS@CapabilityBoundingSet=CAP_DAC_READ_SEARCH
AmbientCapabilities=CAP_DAC_READ_SEARCH
Restart=always
RestartSec=1
DynamicUser=yes
@CONFINEMENT@
[Install]
WantedBy=multi-user.target
)";

// For registries of others, which have names. A host need not have all of these.
constexpr std::string_view kNames = "-/etc/resolv.conf -/etc/hosts";
// The bundles that http::system_authorities() looks for, with what they lead to.
constexpr std::string_view kHostAuthorities =
    "-/etc/ssl/certs -/etc/ssl/ca-bundle.pem -/etc/ssl/cert.pem -/etc/pki/tls/certs -/etc/pki/ca-trust/extracted "
    "-/var/lib/ca-certificates";

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
Restart=always
RestartSec=1
DynamicUser=yes
@CONFINEMENT@
[Install]
WantedBy=multi-user.target
)";

// The authority's key is root's alone, too, and its root holds nothing else. Whoever asks starts it, and it ends by
// itself; so it is not started at boot.
constexpr std::string_view kAuthorityUnit = R"([Unit]
Description=Sealift certificate authority: renews the certificates of the nodes
Requires=sealift-authority.socket
After=sealift-authority.socket
StartLimitIntervalSec=0

[Service]
Type=notify
ExecStart=@PROGRAM@ node authority --listen @AUTHORITY@ --dir @PKI@
MemoryMax=128M
TasksMax=64
RootDirectory=/var/lib/sealift/roots/authority
BindReadOnlyPaths=@PKI@/ca.crt @PKI@/ca.key
CapabilityBoundingSet=CAP_DAC_READ_SEARCH
AmbientCapabilities=CAP_DAC_READ_SEARCH
Restart=on-failure
RestartSec=1
DynamicUser=yes
@CONFINEMENT@)";

// It replaces files of root, so it is root, but without any capability, and sees nothing but these files.
constexpr std::string_view kRenewUnit = R"([Unit]
Description=Sealift: renew this node's certificates when less than a third of their life is left
After=network-online.target
Wants=network-online.target

[Service]
Type=oneshot
ExecStart=@PROGRAM@ node renew --dir @PKI@ --config /etc/sealift/renew.json
TimeoutStartSec=300
MemoryMax=128M
TasksMax=16
RootDirectory=/var/lib/sealift/roots/renew
BindPaths=@PKI@/node
BindReadOnlyPaths=@PKI@/ca.crt /etc/sealift/renew.json
CapabilityBoundingSet=
@CONFINEMENT@)";

// The nodes of a cluster do not all come at once, and one that was off at the time comes when it is on again.
constexpr std::string_view kRenewTimer = R"([Unit]
Description=Sealift: look at this node's certificates once a day

[Timer]
OnCalendar=daily
RandomizedDelaySec=6h
Persistent=true

[Install]
WantedBy=timers.target
)";

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

std::string mirror_unit(const Model& model, const Node& node, const std::string& program) {
  std::string folders;
  if (is_asked(model, node))
    folders = base::format("BindReadOnlyPaths={} {}\n", host::kArtifactRecords, Model::payload_folder(node.config));
  if (asks_registries(model, node)) folders += base::format("BindReadOnlyPaths={} {}\n", kRegistriesFolder, kNames);
  if (asks_registries(model, node) && trusts_host_authorities(model))
    folders += base::format("BindReadOnlyPaths={}\n", kHostAuthorities);
  if (const auto cache = cache_of(model, node)) folders += base::format("BindPaths={}\n", *cache);
  if (has_people_door(model, node)) folders += base::format("BindReadOnlyPaths={}\n", kPeopleFolder);
  return unit_text(base::replace_all(std::string(kMirrorUnit), "@PAYLOADS@", folders), program);
}

}  // namespace

std::vector<UnitFile> service_units(const Model& model, const Node& node, const std::string& program) {
  std::vector<UnitFile> out{{"sealift-mirror.service", mirror_unit(model, node, program)},
                            {"sealift-api.service", unit_text(kBalancerUnit, program)},
                            {"sealift-renew.service", unit_text(kRenewUnit, program)},
                            {"sealift-renew.timer", std::string(kRenewTimer)}};
  // The networks of a cluster that is there are its owner's.
  if (!model.config.existing) out.insert(out.begin(), {"sealift-boot.service", boot_unit(model, program)});
  if (node.is_control_plane()) {
    const auto text = base::replace_all(std::string(kAuthorityUnit), "@AUTHORITY@", authority_endpoint(model, node));
    out.push_back({"sealift-authority.service", unit_text(text, program)});
  }
  return out;
}

UnitFile balancer_socket_unit(const Model& model) {
  return {"sealift-api.socket", socket_unit("the balancer", {balancer_endpoint(model)})};
}

std::vector<UnitFile> socket_units(const Model& model, const Node& node) {
  auto mirror = mirror_endpoints(model, node);
  if (has_people_door(model, node)) mirror.push_back(people_endpoint(model, node));
  std::vector<UnitFile> out{{"sealift-mirror.socket", socket_unit("the image mirror", mirror)}};
  if (node.is_control_plane()) {
    out.push_back(
        {"sealift-authority.socket", socket_unit("the certificate authority", {authority_endpoint(model, node)})});
  }
  return out;
}

}  // namespace sealift::steps
