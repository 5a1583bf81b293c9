// SPDX-License-Identifier: Apache-2.0
//
// The network as a pod of this host sees it, without any pod or image of our own: a thread enters the network namespace
// that containerd has made for a pod that is there, and asks from inside. Nothing is changed there.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "payload/base/clock.h"
#include "payload/base/error.h"
#include "payload/base/fd.h"

namespace sealift::node {

struct PodNetwork {
  base::Fd entry;       // of the namespace
  std::string address;  // that it has
};
// The network namespace that has the first of these addresses that any has. `folder`: where the namespaces of pods are
// kept by name (containerd's netns_mount_dir); those of all processes are looked at, too. Errors: not_found.
Result<PodNetwork> find_pod_network(const std::vector<std::string>& addresses, const std::string& folder);
// Runs `body` in a thread of its own in there.
Result<void> inside(const PodNetwork& network, const std::function<void()>& body);

struct Endpoint {
  std::string address;  // an IP
  uint16_t port = 0;
};
// Tries to connect to all of them at once, by TCP: 0, or an errno, for each in its order. ECONNREFUSED is a proof that
// packets travel both ways; ETIMEDOUT: nothing came within `patience`.
std::vector<int> try_to_connect(const std::vector<Endpoint>& endpoints, Duration patience);

}  // namespace sealift::node
