// SPDX-License-Identifier: Apache-2.0
//
// What one host of a cluster can tell about itself and about what it reaches, asked for in one call: the hidden command
// "node check" reads a HostQuestion from stdin and prints a HostAnswer. It changes nothing and judges nothing
// (runtime/inspection does). Every part is asked side by side and has an end of its own, so that the whole takes as
// long as its slowest part, some seconds at most.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "payload/base/error.h"
#include "payload/hash/digest.h"
#include "runtime/host/json_values.h"

namespace sealift::node {

struct HostQuestion {
  struct Image {
    std::string name;    // in full, as in an artifact's record: "docker.io/library/redis:7"
    std::string digest;  // "sha256:…"
  };
  std::string mirror;                 // "127.0.0.1:5000"; empty: not asked
  std::vector<Image> images;          // that the mirror must have
  std::string balancer;               // "127.0.0.1:7443"; empty: not asked
  std::vector<std::string> files;     // whose digests are wanted
  std::vector<std::string> disks;     // folders
  bool etcd = false;                  // it runs beside the API server here
  std::string name_server, name;      // of the cluster, and what it must know; empty: not asked
  std::string service;                // "10.96.0.1:443"
  std::vector<std::string> own_pods;  // addresses of pods here that have a network of their own; the best first
  struct Target {
    std::string node, address;  // of a pod there
  };
  std::vector<Target> targets;
};

// An `error` is empty if all is well.
struct HostAnswer {
  struct Mirror {
    uint64_t answered = 0;  // images
    struct Missing {
      std::string name, error;
    };
    std::vector<Missing> missing;
    std::string error;  // it does not answer at all
  };
  struct File {
    std::string path;
    std::optional<Digest> digest;  // none: there is no file
    std::string error;
  };
  struct Disk {
    std::string path;                                                             // as asked
    std::string mount_point;                                                      // which several may share
    uint64_t free_bytes = 0, total_bytes = 0, free_inodes = 0, total_inodes = 0;  // 0 inodes: they are not counted
    bool read_only = false;
  };
  struct Certificate {
    std::string path;                    // of the file that holds it
    int64_t begins_ms = 0, ends_ms = 0;  // since 1970
    std::string fingerprint = {};        // SHA-256 of its DER, in hex
  };
  struct Etcd {
    std::string member, leader, version;  // numbers, as etcd names its members; leader "0": there is none
    uint64_t size = 0, size_in_use = 0, quota = 0, raft_index = 0;  // bytes; quota 0: unknown
    std::vector<std::string> alarms;                                // "NOSPACE"
    uint64_t fsync_us = 0;  // 99 % of the writes of its log were on the disk in that time; 0: unknown
    std::string error;
  };
  // As a pod of this host sees the network.
  struct PodView {
    std::string address;  // of the pod
    std::string names, service;
    struct Target {
      std::string node, address, error;
    };
    std::vector<Target> targets;
    std::string error;  // no pod's network could be entered
  };
  std::string boot_id;
  std::optional<Mirror> mirror;
  std::optional<std::string> balancer;  // what is wrong with it
  std::optional<std::string> people;    // what is wrong with the people's door, where there is one (people_door.h)
  std::vector<File> files;
  std::vector<Disk> disks;
  std::vector<Certificate> certificates;
  std::optional<Etcd> etcd;
  std::optional<std::string> names;  // what is wrong with the cluster's name service, as the host sees it
  std::optional<PodView> pod;
};

std::string to_text(const HostQuestion& question);
std::string to_text(const HostAnswer& answer);
// Errors: protocol.
Result<HostQuestion> parse_host_question(std::string_view json);
Result<HostAnswer> parse_host_answer(std::string_view json);

HostAnswer check_host(const HostQuestion& question);

// --- its parts, each in its own file ---

struct LocalMirror {
  std::string host = "127.0.0.1";
  uint16_t port = 0;
  std::string authority;  // PEM
};
// Gets the manifest of each image by its digest, as containerd would: the mirror reads and checks its bytes.
HostAnswer::Mirror check_mirror(const LocalMirror& mirror, const std::vector<HostQuestion::Image>& images);
// Whether an API server answers behind the local balancer.
std::string check_balancer(const std::string& endpoint, const std::string& authority);
// Whether the people's door answers by TLS. Whether its certificate is trusted is not asked: the site's own may be of
// an authority that this host does not know.
std::string check_people_door(const std::string& host, uint16_t port, const std::string& authority);
// Every certificate of the cluster that this host has: kubeadm's, those in kubeconfigs, the kubelet's, the node
// service's. `root` is "/", but in tests. What can't be read is left out.
std::vector<HostAnswer::Certificate> find_certificates(const std::string& root);

}  // namespace sealift::node
