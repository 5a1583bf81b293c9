// SPDX-License-Identifier: Apache-2.0
//
// base.yaml (kind Base): what a Kubernetes base tells the runtime about itself, so that the code contains no version,
// path or default. Read by the packer (to check the payload against it) and by the runtime (to deliver).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "payload/format/contents.h"

namespace sealift::format {

struct BaseUnit {
  std::string name;
  bool start_now = true;  // `start: now`; false = `start: kubeadm`: enabled only, kubeadm starts it
};

struct Minimum {
  uint32_t cpus = 1;
  uint64_t memory_bytes = 0;
  uint64_t disk_bytes = 0;
};

struct BaseDocument {
  std::string name;                           // metadata.name
  std::string kubernetes_version;             // "v1.34.4"
  std::string cri_socket;                     // "unix:///run/containerd/containerd.sock"
  std::map<std::string, std::string> images;  // role → reference; always has "sandbox"
  std::map<std::string, std::string> tools;   // kubeadm, kubectl, helm, ctr → tree path, ${ARCH} not expanded
  std::vector<HostFile> files;                // source may contain ${ARCH}
  std::vector<BaseUnit> units;
  std::vector<std::string> modules;
  std::map<std::string, std::string> sysctls;
  std::map<HostRole, std::vector<uint16_t>> ports;
  std::map<HostRole, Minimum> minimum;
  std::string kubeadm;  // default kubeadm documents, YAML text
};

// The variables of templates, besides those of ENV; each host has its own values.
inline constexpr auto kTemplateVariables = std::to_array<std::string_view>(
    {"SANDBOX_IMAGE", "REGISTRY_PORT", "DATA_ROOT", "NODE_IP", "NODE_NAME", "POD_CIDR", "SERVICE_CIDR", "ARCH"});
inline constexpr size_t kMaxTemplate = size_t{1} << 20;

bool is_kubernetes_version(std::string_view text);  // "v1.34.4"

// Strict: an unknown field is invalid_input with line and column. `where` names the file in messages.
Result<BaseDocument> parse_base_document(std::string_view yaml, std::string_view where);

// "bin/${ARCH}/kubelet" → "bin/amd64/kubelet"
std::string expand_architecture(std::string_view path, Architecture architecture);

}  // namespace sealift::format
