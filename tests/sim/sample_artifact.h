// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "payload/base/bytes.h"

namespace sealift::sim {

// The artifact's images: those that nodes need to start, the network's, and those of applications, which are not among
// the first bytes delivered.
std::vector<std::string> base_image_names();
inline constexpr std::string_view kFlannelImage = "docker.io/flannel/flannel:v0.27",
                                  kHelloImage = "docker.io/library/hello:1.0",
                                  kRedisImage = "docker.io/library/redis:7.2";

// "erp 1.0": an artifact without a base, with manifests (erp), a chart (desk) that needs them and a file for hosts; it
// requires Kubernetes 1.34. `image` is what the name kErpImage stands for in it.
inline constexpr std::string_view kErpImage = "docker.io/library/erp:1.0", kDeskImage = "docker.io/library/desk:1.0";
struct Erp {
  std::string name = "erp", version = "1.0", requires_kubernetes = ">=1.34 <1.35", image = "erp";
  bool with_desk = true;
  std::string file = "/etc/erp.conf", text = "erp=yes\n";  // for hosts; none without a path
};
Bytes erp_payload(const Erp& erp = {});

// "shop 3.4": a base, a network, manifests (hello) that need a chart (redis).
// `charts`: so many more of them, "app000", "app001" …; each tenth needs the one before it. With `next` each
// seventh of them (is_changed_chart) is of version 1.1.0 instead of 1.0.0.
Bytes sample_payload(const std::string& name = "shop", const std::string& version = "3.4", size_t charts = 0,
                     bool next = false);
std::string sample_chart(size_t number);
bool is_changed_chart(size_t number);

}  // namespace sealift::sim
