// SPDX-License-Identifier: Apache-2.0
#include "runtime/config/cluster_config.h"

namespace sealift::config {

std::string_view config_template() {
  return R"(# cluster.yaml: what this site wants. Unknown fields are errors. runtime/CLUSTER.md describes every field.
apiVersion: sealift.dev/v1
kind: Cluster
metadata:
  name: site1
spec:
  # How to reach the hosts; each host may have an own `ssh` with other values.
  ssh:
    user: root
    port: 22
    keyPath: ~/.ssh/id_ed25519
    # Secrets never stand in this file: {file: PATH}, {env: VARIABLE} or {prompt: TEXT}.
    # password: {prompt: "SSH password"}
    # sudoPassword: {file: /root/sudo-password}
  hosts:
  # hostKey: as printed on the host by `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub`. Without it the host must
  # be in known_hosts, or the run be started with --accept-new-host-keys.
  - {address: 10.7.0.11, role: control-plane, name: cp1}
  - {addresses: "10.7.0.[21-23]", role: worker}
  # - {address: 10.7.0.31, role: worker, labels: {zone: a}, taints: ["db=only:NoSchedule"], dataRoot: /data/sealift}
  network:
    pods: 10.244.0.0/16
    services: 10.96.0.0/12
    dnsUpstream: host        # host | none | a list of addresses
  api:
    port: 6443
    localPort: 7443          # the balancer on every host listens here, on 127.0.0.1
    # certSANs: [k8s.site1.lan]
    # balancer: {address: api.site1.lan}   # the site's, for people: every host has its own in any case
  # An etcd of the site instead of one on each control plane:
  # etcd: {external: {endpoints: ["https://10.7.0.51:2379"], caFile: ca.crt, certFile: client.crt, keyFile: client.key}}
  registry:
    port: 5000
    # hosts: [w1, w2]        # who keeps the images: control-planes (default), all, or a list of hosts
    # The images for people, with a login; or a registry of the site that keeps them instead of the hosts:
    # domain: {name: images.site1.lan, credentials: [{user: reader, password: {file: reader.password}}]}
    # external: {url: "https://harbor.site1.lan/site1", caFile: harbor.crt, user: robot, password: {file: robot.password}}
  # Files of the site onto the hosts, before anything is started:
  # files:
  # - {src: ntp.conf, dest: /etc/ntp.conf, mode: "0644", role: all}
  # Applications of the artifact (`list` shows them); default: the artifact's LAUNCH.
  # apps: [redis, erp]
# ---
# apiVersion: sealift.dev/v1
# kind: Application
# metadata: {name: erp}
# spec:
#   namespace: erp
#   values: {replicas: 3}
#   timeout: 20m
)";
}

}  // namespace sealift::config
