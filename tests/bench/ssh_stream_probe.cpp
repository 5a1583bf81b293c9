// SPDX-License-Identifier: Apache-2.0
//
// ssh_stream_probe ADDRESS KEY HOST_KEY STUB MIB: sends MIB of random bytes to a host, once through one SSH channel
// into `cat`, once as a payload through the agent, and prints MiB/s of both. Called by tests/bench/ssh-stream.
#include <sys/random.h>

#include <cstdio>
#include <cstdlib>
#include <print>

#include "payload/base/file.h"
#include "payload/base/parallel.h"
#include "runtime/agent/connect.h"
#include "runtime/ssh/session.h"

using namespace sealift;

namespace {

constexpr size_t kPiece = size_t{4} << 20;

template <class T>
T need(Result<T> result) {
  if (!result) {
    std::println(stderr, "ssh_stream_probe: {}", result.error().text());
    std::exit(1);
  }
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

double mib_per_second(size_t mib, Duration took) {
  return static_cast<double>(mib) * 1000.0 / static_cast<double>(std::max<int64_t>(1, took.count()));
}

void through_a_channel(ssh::Session& session, const Bytes& piece, size_t mib) {
  const auto begin = base::system_clock().monotonic();
  auto channel = need(session.exec("cat > /var/tmp/stream"));
  for (size_t sent = 0; sent < mib << 20; sent += piece.size()) need(channel->input().write(piece));
  channel->close_input();
  const int code = need(channel->wait());
  std::println("channel {:.1f} MiB/s, cipher {}, exit code {}",
               mib_per_second(mib, base::system_clock().monotonic() - begin), session.cipher(), code);
}

void through_the_agent(host::Host& host, const Bytes& piece, size_t mib) {
  const host::Reason reason{"bench", "aa"};
  const std::string path = "/var/tmp/sealift-bench/stream.payload";
  const Digest digest = hash::sha256(piece);
  need(host.make_directory("/var/tmp/sealift-bench", {0755, 0, 0}, reason));
  const auto begin = base::system_clock().monotonic();
  need(base::try_parallel((mib << 20) / piece.size(), 3, {}, [&](size_t i, const CancelToken&) {
    return host.store_write(path, mib << 20, i * piece.size(), digest, piece, reason);
  }));
  need(host.store_finish(path, reason));
  std::println("agent {:.1f} MiB/s", mib_per_second(mib, base::system_clock().monotonic() - begin));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) {
    std::println(stderr, "usage: ssh_stream_probe ADDRESS KEY HOST_KEY STUB MIB");
    return 2;
  }
  const size_t mib = std::strtoul(argv[5], nullptr, 10);
  Bytes piece(kPiece);
  for (size_t at = 0; at < piece.size(); at += 256) (void)::getrandom(piece.data() + at, 256, 0);
  config::HostConfig config;
  config.address = argv[1];
  config.host_key = argv[3];
  config.ssh.user = "root";
  config.ssh.key_path = argv[2];
  ssh::Target target;
  target.address = argv[1];
  target.user = "root";
  target.key_path = argv[2];
  target.host_key = argv[3];
  auto& clock = base::system_clock();
  through_a_channel(*need(ssh::Session::connect(target, clock, base::no_events(), {})), piece, mib);
  const auto stub = need(base::OpenFile::open(argv[4]));
  const auto digest = need(hash::sha256(*stub, 0, stub->size()));
  agent::ConnectOptions options;
  options.agent = [&](Architecture) {
    return agent::AgentProgram{digest, stub->size(), [&](base::Sink& sink) {
                                 base::FileSource source(*stub);
                                 return base::copy(source, sink).transform([](uint64_t) {});
                               }};
  };
  options.purpose = host::Purpose::change;
  options.owner = options.run = "bench";
  auto connected = need(agent::connect_host(config, {}, options, base::no_events(), clock, {}));
  through_the_agent(*connected.host, piece, mib);
  return 0;
}
