// SPDX-License-Identifier: Apache-2.0
// Images in the stores of Docker and containerd: exported when they are asked for, and what is said if they can't be.
#include "packer/sources/image_store.h"
#include "payload/base/format.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>

#include "tests/support/environment.h"
#include "tests/support/hand_server.h"
#include "tests/support/stored_image.h"
#include "tests/support/temporary_folder.h"

using namespace sealift;
using tests::StoredImage;

namespace {

// A server on a Unix socket, of which the test writes each answer; every connection is closed after one.
class SocketServer {
 public:
  SocketServer(const std::string& path, std::function<std::string(const std::string& target)> answer)
      : socket_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    REQUIRE(path.size() < sizeof address.sun_path);
    std::ranges::copy(path, address.sun_path);
    REQUIRE(::bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) ==
            0);  // NOLINT(*-reinterpret-cast)
    REQUIRE(::listen(socket_.get(), 16) == 0);
    thread_ = std::thread([this, answer = std::move(answer)] {
      for (;;) {
        base::Fd accepted(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC));
        if (!accepted) return;
        tests::Connection connection(std::move(accepted));
        const auto head = connection.request();
        if (head.empty()) continue;
        asked.push_back(head.substr(4, head.find(' ', 4) - 4));
        connection.send(answer(asked.back()));
      }
    });
  }
  ~SocketServer() {
    ::shutdown(socket_.get(), SHUT_RDWR);
    thread_.join();
  }
  std::vector<std::string> asked;  // read after the answers have arrived

 private:
  base::Fd socket_;
  std::thread thread_;
};

std::string answer(int status, std::string_view body, size_t sent = SIZE_MAX) {
  return base::format("HTTP/1.1 {} X\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{}", status, body.size(),
                      body.substr(0, sent));
}

// What `docker save` makes of an image with one layer.
std::string saved(const std::string& name, const std::string& layer) {
  StoredImage image;
  image.files["aa/layer.tar"] = layer;
  image.files["c.json"] = StoredImage::config_of("amd64", {layer});
  image.files["manifest.json"] =
      base::format(R"([{{"Config":"c.json","RepoTags":["{}"],"Layers":["aa/layer.tar"]}}])", name);
  return tests::tar(image.entries());
}

struct Place {
  tests::TemporaryFolder folder;
  tests::Variable temporary{"TMPDIR", folder.path()};
  const std::string layer = tests::tar({{"etc/name", "x"}});

  Result<sources::ImagePlan> plan(const std::string& spec, const std::string& name = "tiny:1") {
    SEALIFT_ASSIGN(source, sources::open_source(spec, folder.path(), sources::Names::full, folder / "tools"));
    reference = image::parse_reference(name).value();
    return sources::plan_image(*source, reference, {Architecture::amd64}, {});
  }
  // The image's only layer, as it is packed.
  std::string packed(const sources::ImagePlan& plan) {
    REQUIRE(plan.blobs.size() == 2);
    base::MemorySink sink(1 << 20);
    const auto done = source->blob(reference, plan.blobs[1].descriptor, 0, sink, {});
    if (!done) FAIL(done.error().text());
    return std::string(base::as_text(sink.data()));
  }
  Error refused(const std::string& spec, const std::string& name = "tiny:1") {
    const auto done = plan(spec, name);
    REQUIRE_FALSE(done);
    UNSCOPED_INFO(done.error().text());
    return done.error();
  }
  // A program in the place of ctr. It is called as: ctr --address SOCKET --namespace NAME images …
  void ctr(const std::string& script) {
    StoredImage::write(folder / "tools/ctr", "#!/bin/sh\necho \"$*\" >> " + folder.path() + "/called\n" + script);
    REQUIRE(::chmod((folder / "tools/ctr").c_str(), 0755) == 0);
  }
  std::string called() const { return base::read_text_file(folder / "called", 10'000).value_or(""); }

  std::unique_ptr<sources::ImageSource> source;
  image::Reference reference;
};

}  // namespace

TEST_CASE("an image of the Docker daemon is exported once, under its full name, and packed as docker save writes it") {
  Place place;
  const auto archive = saved("tiny:1", place.layer);
  const auto socket = place.folder / "docker.sock";
  SocketServer daemon(
      socket, [&](const std::string& target) { return answer(200, target.ends_with("/get") ? archive : "{}"); });
  const tests::Variable host("DOCKER_HOST", "unix://" + socket);
  const auto plan = place.plan("docker-daemon:");
  if (!plan) FAIL(plan.error().text());
  CHECK(place.packed(*plan) == place.layer);
  CHECK(daemon.asked ==
        std::vector<std::string>{"/images/docker.io/library/tiny:1/json", "/images/docker.io/library/tiny:1/get"});
  CHECK(place.source->place_of(place.reference) == "the Docker daemon at " + socket);
  CHECK_FALSE(place.source->is_remote());
  CHECK(std::distance(std::filesystem::directory_iterator(place.folder.path()), {}) == 1);  // the socket
}

TEST_CASE("what the Docker daemon does not have is answered with the names that it has") {
  Place place;
  const auto socket = place.folder / "docker.sock";
  SocketServer daemon(socket, [&](const std::string& target) {
    if (target == "/images/json")
      return answer(200, R"([{"RepoTags":["redis:7","quay.io/a/b:1"]},{"RepoTags":null},{"RepoTags":["tinny:1"]}])");
    return answer(404, R"({"message":"No such image"})");
  });
  const tests::Variable host("DOCKER_HOST", "unix://" + socket);
  const auto error = place.refused("docker-daemon:");
  CHECK(error.code == ErrorCode::not_found);
  CHECK(error.what == base::format("the Docker daemon at {} has no docker.io/library/tiny:1; it has "
                                   "docker.io/library/tinny:1, docker.io/library/redis:7, quay.io/a/b:1",
                                   socket));
}

TEST_CASE("a Docker daemon that is not there, refuses or breaks off ends the build with its reason") {
  Place place;
  const auto socket = place.folder / "docker.sock";
  const tests::Variable host("DOCKER_HOST", "unix://" + socket);
  const auto nobody = place.refused("docker-daemon:");
  CHECK(nobody.code == ErrorCode::unreachable);
  CHECK(nobody.what.contains("no such socket; start it, or name its socket in the environment: DOCKER_HOST=unix://"));
  const auto archive = saved("tiny:1", place.layer);
  {
    SocketServer daemon(socket, [&](const std::string& target) {
      return target.ends_with("/get") ? answer(200, archive, archive.size() / 2) : answer(200, "{}");
    });
    CHECK(place.refused("docker-daemon:").code == ErrorCode::unreachable);
  }
  const auto left = place.refused("docker-daemon:");  // a socket on which nobody listens
  CHECK(left.code == ErrorCode::unreachable);
  CHECK(left.what.contains("is it running?"));
  ::unlink(socket.c_str());
  {
    SocketServer daemon(socket, [&](const std::string&) { return answer(500, R"({"message":"out of memory"})"); });
    const auto broken = place.refused("docker-daemon:");
    CHECK(broken.code == ErrorCode::protocol);
    CHECK(broken.what.contains("answers 500: out of memory"));
  }
  const tests::Variable remote("DOCKER_HOST", "tcp://10.0.0.1:2376");
  const auto other = place.refused("docker-daemon:");
  CHECK(other.code == ErrorCode::unsupported);
  CHECK(other.what.contains("DOCKER_HOST=tcp://10.0.0.1:2376: only daemons on this machine"));
}

TEST_CASE("containerd's images are exported by ctr, in their namespace, for the hosts' platforms") {
  Place place;
  StoredImage::write(place.folder / "archive.tar", saved("tiny:1", place.layer));
  StoredImage::write(place.folder / "c.sock", "");
  const tests::Variable address("CONTAINERD_ADDRESS", place.folder / "c.sock");
  // Of version 1, and of version 2, which would print its progress into the archive.
  const bool progress = GENERATE(false, true);
  place.ctr(base::format(
      "case \"$6 $7\" in ls*) echo docker.io/library/tiny:1; echo quay.io/a/b:1;;\n"
      "'export --help') echo '{}';; 'export --local') cat {}/archive.tar;; export*) {} cat {}/archive.tar;; esac\n",
      progress ? "   --local   Run export locally" : "   --platform value", place.folder.path(),
      progress ? "echo exporting;" : "", place.folder.path()));
  for (const auto& [spec, name_space] : {std::pair{"containerd:", "k8s.io"}, std::pair{"containerd:moby", "moby"}}) {
    std::filesystem::remove(place.folder / "called");
    const auto plan = place.plan(spec);
    if (!plan) FAIL(plan.error().text());
    CHECK(place.packed(*plan) == place.layer);
    const auto call = base::format("--address {}/c.sock --namespace {} images ", place.folder.path(), name_space);
    CHECK(place.called() == call + "ls --quiet\n" + call + "export --help\n" + call + "export " +
                                (progress ? "--local " : "") + "--platform linux/amd64 - docker.io/library/tiny:1\n");
  }
  const auto error = place.refused("containerd:", "tiny:2");
  CHECK(error.code == ErrorCode::not_found);
  CHECK(error.what == base::format("containerd at {}/c.sock, namespace k8s.io has no docker.io/library/tiny:2; it has "
                                   "docker.io/library/tiny:1, quay.io/a/b:1",
                                   place.folder.path()));
}

TEST_CASE("without ctr, without containerd, and when ctr fails, the build ends with what to do") {
  Place place;
  const tests::Variable address("CONTAINERD_ADDRESS", place.folder / "c.sock");
  {
    const tests::Variable path("PATH", place.folder.path());
    const auto missing = place.refused("containerd:");
    CHECK(missing.code == ErrorCode::not_found);
    CHECK(missing.what.contains(
        "needs ctr, which comes with containerd; it is neither in the folder of --tools nor in PATH"));
  }
  place.ctr(
      "case \"$6 $7\" in ls*) echo docker.io/library/tiny:1;; 'export --help') ;; export*) echo half; echo 'no content' "
      ">&2; exit 1;; esac\n");
  const auto nobody = place.refused("containerd:");
  CHECK(nobody.code == ErrorCode::unreachable);
  CHECK(nobody.what.contains("no such socket; start it, or name its socket in the environment: CONTAINERD_ADDRESS="));
  StoredImage::write(place.folder / "c.sock", "");
  const auto failed = place.refused("containerd:");
  CHECK(failed.code == ErrorCode::command_failed);
  CHECK(failed.text().contains("no content"));
  CHECK(failed.text().contains("exporting docker.io/library/tiny:1 from containerd at "));
  place.ctr("echo 'context deadline exceeded' >&2; exit 1\n");
  CHECK(place.refused("containerd:").text().contains("context deadline exceeded"));
  // ctr on PATH will do as well
  std::filesystem::rename(place.folder / "tools", place.folder / "elsewhere");
  const tests::Variable path("PATH", "relative:" + place.folder / "elsewhere");
  CHECK(place.refused("containerd:").text().contains("context deadline exceeded"));
}
