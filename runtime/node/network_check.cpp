// SPDX-License-Identifier: Apache-2.0
#include "runtime/node/network_check.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <set>

#include "payload/base/thread.h"
#include "payload/http/socket_address.h"

namespace sealift::node {
namespace {

namespace fs = std::filesystem;

// A node has some hundred pods; what else has namespaces on a host is not looked for without end.
constexpr size_t kMostNamespaces = 2000;

bool is_number(const std::string& name) {
  return !name.empty() && std::ranges::all_of(name, [](char c) { return c >= '0' && c <= '9'; });
}

// One path for each network namespace but our own.
std::vector<std::string> other_namespaces(const std::string& folder) {
  std::vector<std::string> out;
  std::set<std::pair<dev_t, ino_t>> seen;
  struct stat status{};
  if (::stat("/proc/thread-self/ns/net", &status) == 0) seen.emplace(status.st_dev, status.st_ino);
  const auto add = [&](const std::string& path) {
    if (::stat(path.c_str(), &status) == 0 && seen.emplace(status.st_dev, status.st_ino).second &&
        out.size() < kMostNamespaces)
      out.push_back(path);
  };
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) add(entry.path().string());
  for (const auto& entry : fs::directory_iterator("/proc", error)) {
    if (is_number(entry.path().filename().string())) add(entry.path().string() + "/ns/net");
  }
  return out;
}

std::set<std::string> addresses_here() {
  std::set<std::string> out;
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return out;
  for (const auto* one = list; one != nullptr; one = one->ifa_next) {
    if (one->ifa_addr == nullptr) continue;
    const bool is_v6 = one->ifa_addr->sa_family == AF_INET6;
    if (!is_v6 && one->ifa_addr->sa_family != AF_INET) continue;
    std::array<char, INET6_ADDRSTRLEN> text{};
    const socklen_t size = is_v6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
    if (::getnameinfo(one->ifa_addr, size, text.data(), text.size(), nullptr, 0, NI_NUMERICHOST) == 0)
      out.insert(text.data());
  }
  ::freeifaddrs(list);
  return out;
}

// The result of a connect() that is still under way.
int outcome_of(int socket) {
  int error = 0;
  socklen_t size = sizeof error;
  return ::getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
}

}  // namespace

Result<PodNetwork> find_pod_network(const std::vector<std::string>& addresses, const std::string& folder) {
  std::optional<PodNetwork> best;
  size_t rank = addresses.size();
  int failed = 0;
  // The thread's own network changes; so it ends with the search.
  auto thread = Thread::start([&] {
    for (const auto& path : other_namespaces(folder)) {
      base::Fd entry(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
      if (!entry) continue;  // its process has ended meanwhile
      if (::setns(entry.get(), CLONE_NEWNET) != 0) {
        failed = errno;
        continue;
      }
      const auto there = addresses_here();
      const auto found = static_cast<size_t>(
          std::ranges::find_if(addresses, [&](const std::string& one) { return there.contains(one); }) -
          addresses.begin());
      if (found >= rank) continue;
      rank = found;
      best = PodNetwork{std::move(entry), addresses[found]};
      if (rank == 0) return;
    }
  });
  if (!thread) return std::unexpected(std::move(thread).error());
  thread->join();
  if (best) return std::move(*best);
  if (failed != 0) return fail_errno(failed, "enter the network namespaces of pods");
  return fail(ErrorCode::not_found, "no network namespace here has the address of any of its {} pods",
              addresses.size());
}

Result<void> inside(const PodNetwork& network, const std::function<void()>& body) {
  int failed = 0;
  auto thread = Thread::start([&] {
    if (::setns(network.entry.get(), CLONE_NEWNET) == 0)
      body();
    else
      failed = errno;
  });
  if (!thread) return std::unexpected(std::move(thread).error());
  thread->join();
  if (failed != 0) return fail_errno(failed, "enter the network namespace of the pod " + network.address);
  return {};
}

std::vector<int> try_to_connect(const std::vector<Endpoint>& endpoints, Duration patience) {
  std::vector<int> out(endpoints.size(), ETIMEDOUT);
  std::vector<base::Fd> sockets(endpoints.size());
  std::vector<pollfd> waiting(endpoints.size(), pollfd{-1, POLLOUT, 0});
  size_t open = 0;
  for (size_t i = 0; i < endpoints.size(); ++i) {
    const auto address = http::socket_address(endpoints[i].address, endpoints[i].port);
    if (!address) {
      out[i] = EINVAL;
      continue;
    }
    sockets[i] = base::Fd(::socket(address->storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!sockets[i]) {
      out[i] = errno;
      continue;
    }
    const int failed = ::connect(sockets[i].get(), address->get(), address->size) == 0 ? 0 : errno;
    if (failed != EINPROGRESS) {
      out[i] = failed;
      continue;
    }
    waiting[i].fd = sockets[i].get();
    ++open;
  }
  auto& clock = base::system_clock();
  const Duration end = clock.monotonic() + patience;
  for (Duration left = patience; open > 0 && left > Duration{0}; left = end - clock.monotonic()) {
    if (::poll(waiting.data(), waiting.size(), static_cast<int>(left.count())) <= 0) continue;
    for (size_t i = 0; i < waiting.size(); ++i) {
      if (waiting[i].fd < 0 || waiting[i].revents == 0) continue;
      out[i] = outcome_of(waiting[i].fd);
      waiting[i].fd = -1;  // poll() passes over it
      --open;
    }
  }
  return out;
}

}  // namespace sealift::node
