// SPDX-License-Identifier: Apache-2.0
// Builds that end while images arrive from a registry: what has come is kept, the next build goes on from there, and
// its artifact is the one that an undisturbed build makes.
#include <catch2/catch_test_macros.hpp>

#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "payload/base/format.h"
#include "payload/writer/partial.h"
#include "tests/support/event_recorder.h"
#include "tests/support/own_namespaces.h"
#include "tests/support/registry_server.h"
#include "tests/support/tar.h"
#include "tests/unit/packer/pack/project.h"

using namespace sealift;
using tests::Project;
using tests::RegistryServer;
using tests::write;

namespace {

const std::string kConfig = R"({"architecture":"amd64","os":"linux"})";

// A layer in which every part differs from the others.
std::string layer(size_t size, size_t seed) {
  std::string text;
  for (size_t i = seed; text.size() < size; ++i) text += std::to_string(i * 7919) + ".";
  return tests::tar({{"etc/name", text}});
}

struct Pull {
  Project project;
  RegistryServer server;
  std::map<std::string, std::string> layers;  // by digest
  std::string extra;                          // lines of the Kubefile
  std::optional<tests::EventRecorder> events;

  // team/app:1.0 with these layers.
  explicit Pull(const std::vector<size_t>& sizes) {
    server.add_blob(kConfig);
    const auto fields = [](const std::string& text) {
      return base::format(R"("digest":"{}","size":{})", hash::sha256(base::as_bytes(text)).text(), text.size());
    };
    std::string list;
    for (const size_t size : sizes) {
      const auto text = layer(size, size);
      layers[server.add_blob(text).text()] = text;
      list += base::format(R"({}{{"mediaType":"application/vnd.oci.image.layer.v1.tar",{}}})", list.empty() ? "" : ",",
                           fields(text));
    }
    const auto manifest = base::format(
        R"({{"schemaVersion":2,"mediaType":"{}","config":{{"mediaType":"application/vnd.oci.image.config.v1+json",{}}},"layers":[{}]}})",
        image::kOciManifest, fields(kConfig), list);
    server.add_manifest("1.0", manifest, image::kOciManifest);
    server.habits.cut_from = 100'000;  // not the configuration, which is read for the plan
  }

  std::string kubefile() const { return base::format("FROM scratch\n{}IMAGE {}/team/app:1.0\n", extra, server.name()); }
  Result<writer::Summary> build(const CancelToken& cancel = {}, EventSink* sink = nullptr) {
    events.emplace();
    asked_before_ = server.asked().size();
    const auto once = [](pack::BuildOptions& options) { options.registries.patience.attempts = 1; };
    return project.build(kubefile(), once, sink == nullptr ? *events : *sink, cancel);
  }
  Error interrupted() {
    const auto done = build();
    REQUIRE_FALSE(done);
    return done.error();
  }
  // The build that goes on makes the same artifact as one from the beginning.
  void goes_on() {
    if (const auto done = build(); !done) FAIL(done.error().text());
    check_result();
  }
  void check_result() {
    CHECK_FALSE(std::filesystem::exists(partial()));
    CHECK_FALSE(std::filesystem::exists(list()));
    const auto bytes = base::read_file(project.output(), size_t{64} << 20).value();
    project.made(kubefile(), "undisturbed.run");
    CHECK((base::read_file(project.folder / "undisturbed.run", size_t{64} << 20).value() == bytes));
  }
  // Of the last build: where it began to ask for this blob, each time.
  std::vector<uint64_t> begins(const std::string& digest) {
    std::vector<uint64_t> out;
    const auto all = server.asked();
    for (size_t i = asked_before_; i < all.size(); ++i) {
      if (!all[i].path.contains("/blobs/" + digest)) continue;
      const auto& range = all[i].range;
      out.push_back(range.empty() ? 0 : std::stoull(range.substr(range.find('=') + 1)));
    }
    return out;
  }
  // The last build asked for each layer at most once, and only for what was missing.
  void check_begins(const std::map<Digest, writer::Remains>& left) {
    for (const auto& [digest, text] : layers) {
      const uint64_t received = left.at(Digest::parse(digest).value()).received;
      CHECK(begins(digest) == (received == text.size() ? std::vector<uint64_t>{} : std::vector{received}));
    }
  }

  std::string partial() const { return project.output() + ".partial"; }
  std::string list() const { return project.output() + ".partial.blobs"; }
  std::map<Digest, writer::Remains> left() const {
    const auto text = writer::Journal::read(list());
    REQUIRE(text);
    return text->blobs;
  }
  bool told(std::string_view text) const {
    return std::ranges::any_of(events->events(), [&](const Event& event) { return event.message.contains(text); });
  }

 private:
  size_t asked_before_ = 0;
};

Bytes content(const std::string& path) { return base::read_file(path, size_t{64} << 20).value_or(Bytes{}); }

ino_t inode(const std::string& path) {
  struct stat status{};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  return status.st_ino;
}

}  // namespace

TEST_CASE("a blob that broke off is asked for from there by the next build, and the artifact is the same") {
  Pull pull({3'000'000});
  const auto& [digest, text] = *pull.layers.begin();
  pull.server.habits.cuts = 1;
  const auto error = pull.interrupted();
  INFO(error.text());
  CHECK(error.code == ErrorCode::unreachable);
  const uint64_t half = text.size() / 2;
  CHECK(pull.left().at(Digest::parse(digest).value()).received == half);
  CHECK(pull.told(base::format("{} keeps the 1.4 MiB of images that have come: the next build of {} goes on from there",
                               pull.partial(), pull.project.output())));
  CHECK(pull.told("may be deleted at any time, with " + pull.list()));
  if (const auto done = pull.build(); !done) FAIL(done.error().text());
  CHECK(pull.begins(digest) == std::vector<uint64_t>{half});
  CHECK(pull.told("1.4 MiB that an interrupted build fetched are taken from it"));
  CHECK(pull.told("1.4 MiB of it from an interrupted build"));
  pull.check_result();
}

TEST_CASE("no whole blob is fetched twice, whatever was missing") {
  Pull pull({900'000, 800'000, 700'000, 600'000, 500'000, 400'000, 10'000});
  const std::string smallest =
      std::ranges::min_element(pull.layers, {}, [](const auto& item) { return item.second.size(); })->first;
  const auto text = pull.server.blobs.extract(smallest);
  CHECK(pull.interrupted().code == ErrorCode::not_found);
  const auto left = pull.left();
  CHECK(std::ranges::count_if(left, [](const auto& item) { return item.second.received == item.second.size; }) >= 3);
  pull.server.blobs[smallest] = text.mapped();
  if (const auto done = pull.build(); !done) FAIL(done.error().text());
  pull.check_begins(left);
  CHECK(pull.begins(hash::sha256(base::as_bytes(kConfig)).text()).size() == 1);  // the plan reads it; then it is here
  pull.check_result();
}

TEST_CASE("a build that is stopped keeps what has come of each blob; when nothing has come, nothing is left") {
  Pull pull({3'000'000});
  struct Stopper final : EventSink {
    CancelSource source;
    uint64_t from = 0;
    void on(const Event& event) override {
      if (event.kind == base::EventKind::progress && event.step == "images" && event.done >= from) source.cancel();
    }
  } stopper;
  stopper.from = 1;
  const auto stopped = pull.build(stopper.source.token(), &stopper);
  REQUIRE_FALSE(stopped);
  CHECK(stopped.error().code == ErrorCode::cancelled);
  const auto received = pull.left().begin()->second.received + pull.left().rbegin()->second.received;
  CHECK(received > 0);
  CHECK(received < 3'000'000);
  pull.goes_on();

  Pull other({5'000});
  other.server.blobs.erase(other.layers.begin()->first);
  other.interrupted();
  CHECK_FALSE(std::filesystem::exists(other.partial()));
  CHECK_FALSE(std::filesystem::exists(other.list()));
}

TEST_CASE("what lies where it belongs stays in its file; what belongs elsewhere is moved, not fetched") {
  Pull pull({3'000'000, 2'000'000});
  pull.server.habits.cuts = 2;
  pull.interrupted();
  const auto left = pull.left();
  const auto file = inode(pull.partial());
  SECTION("in place") {
    pull.extra = "LABEL a=b\n";
    if (const auto done = pull.build(); !done) FAIL(done.error().text());
    CHECK(inode(pull.project.output()) == file);
  }
  SECTION("moved") {
    write(pull.project.folder / "large", layer(2'500'000, 7));
    pull.extra = "COPY large large\n";
    if (const auto done = pull.build(); !done) FAIL(done.error().text());
    CHECK(inode(pull.project.output()) != file);
  }
  CHECK(std::ranges::any_of(left, [](const auto& item) { return item.second.received > 0; }));
  pull.check_begins(left);
  pull.check_result();
}

TEST_CASE("remains that are damaged, cut or not described are noticed, and fetched again") {
  Pull pull({3'000'000});
  const auto digest = pull.layers.begin()->first;
  pull.server.habits.cuts = 1;
  pull.interrupted();
  const auto remains = pull.left().at(Digest::parse(digest).value());
  auto bytes = std::string(base::as_text(base::read_file(pull.partial(), size_t{64} << 20).value()));
  const auto from_the_beginning = [&] {
    if (const auto done = pull.build(); !done) FAIL(done.error().text());
    const auto begins = pull.begins(digest);
    CHECK(begins.back() == 0);
    CHECK(begins.size() == (begins.front() == 0 ? 1 : 2));
    pull.check_result();
  };
  SECTION("a bit") {
    bytes[remains.offset + 1000] ^= 1;
    write(pull.partial(), bytes);
    from_the_beginning();
    CHECK(pull.told("interrupted build fetched"));
  }
  SECTION("the end is missing") {
    write(pull.partial(), bytes.substr(0, remains.offset + 1000));
    from_the_beginning();
    CHECK(pull.told("nothing in it can be used: no blob has come"));
  }
  SECTION("the list is nonsense") {
    write(pull.list(), "nonsense\n" + digest);
    from_the_beginning();
    CHECK(pull.told(pull.partial() + " is there, but nothing in it can be used: " + pull.list() +
                    " does not tell what it holds"));
  }
  SECTION("the list lies") {
    auto text = base::read_text_file(pull.list(), 10'000).value();
    const size_t at = text.find(digest) + digest.size() + 1;
    text.replace(at, 20, base::format("{:020}", remains.offset + 8));
    write(pull.list(), text);
    from_the_beginning();
  }
  SECTION("the file is somebody else's") {
    write(pull.partial(), "a novel");
    std::filesystem::remove(pull.list());
    from_the_beginning();
  }
}

TEST_CASE("a name that is no ordinary file of this user is not written to") {
  Pull pull({5'000});
  const auto refused = [&] {
    const auto error = pull.interrupted();
    CHECK(error.code == ErrorCode::already_exists);
    CHECK(error.what.contains(pull.partial()));
    CHECK(error.what.contains("delete it, or name another output"));
    std::filesystem::remove(pull.partial());
  };
  write(pull.project.folder / "mine", "mine");
  std::filesystem::create_symlink(pull.project.folder / "mine", pull.partial());
  refused();
  std::filesystem::create_hard_link(pull.project.folder / "mine", pull.partial());
  refused();
  std::filesystem::create_directory(pull.partial());
  refused();
  REQUIRE(::mkfifo(pull.partial().c_str(), 0600) == 0);
  refused();
  if (::geteuid() == 0) {
    write(pull.partial(), "theirs");
    REQUIRE(::chown(pull.partial().c_str(), 12345, 12345) == 0);
    refused();
  }
  CHECK(base::read_text_file(pull.project.folder / "mine", 100) == "mine");
}

TEST_CASE("two builds of one output do not meet in its unfinished file") {
  Pull pull({5'000});
  {
    const auto other = writer::Partial::open(pull.project.output(), base::no_events());
    REQUIRE(other);
    const auto error = pull.interrupted();
    CHECK(error.code == ErrorCode::busy);
    CHECK(error.what.contains(base::format("(process {})", ::getpid())));
    CHECK(error.what.contains(pull.project.output()));
    CHECK_FALSE(pull.told("keeps the"));
  }
  pull.goes_on();
}

TEST_CASE("a build that needs no network any more uses what was left, and leaves nothing") {
  Pull pull({3'000'000});
  pull.server.habits.cuts = 1;
  pull.interrupted();
  REQUIRE(std::filesystem::exists(pull.partial()));
  const auto done = pull.project.build("FROM scratch\nIMAGE --from=oci:images tiny:1\n");
  if (!done) FAIL(done.error().text());
  CHECK_FALSE(std::filesystem::exists(pull.partial()));
  CHECK_FALSE(std::filesystem::exists(pull.list()));
}

TEST_CASE("a disk that fills while a registry's blobs arrive ends the build, and with more room the next one goes on") {
  Pull pull({20'000'000});
  const auto& [digest, text] = *pull.layers.begin();
  const std::string small = pull.project.folder / "small";
  std::filesystem::create_directory(small);
  const auto there = [&](pack::BuildOptions& options) { options.output = small + "/out.run"; };
  Result<writer::Summary> full = fail(ErrorCode::internal, "not run"), enough = full;
  uint64_t waiting = 0;
  size_t asked = 0;
  bool left = true, equal = false;
  tests::in_own_mounts([&] {
    if (::mount("tmpfs", small.c_str(), "tmpfs", 0, "size=32m") != 0) return;
    tests::FillingUp filling(small + "/other", 25'000'000, pull.events.emplace());
    full = pull.project.build(pull.kubefile(), there, filling);
    waiting = writer::Partial::waiting_for(small + "/out.run");
    std::filesystem::remove(small + "/other");
    if (::mount("tmpfs", small.c_str(), "tmpfs", MS_REMOUNT, "size=64m") != 0) return;
    asked = pull.server.asked().size();
    enough = pull.project.build(pull.kubefile(), there);
    left = writer::Partial::waiting_for(small + "/out.run") != 0;
    static_cast<void>(pull.project.build(pull.kubefile()));
    equal = content(small + "/out.run") == content(pull.project.output());
  });
  REQUIRE_FALSE(full);
  INFO(full.error().text());
  CHECK(full.error().code == ErrorCode::no_space);
  CHECK(base::exit_code(full.error().code) == 7);
  CHECK(full.error().text().contains("team/app:1.0"));
  CHECK(waiting > 6'000'000);
  CHECK(pull.told("may be deleted at any time"));
  if (!enough) FAIL(enough.error().text());
  const auto all = pull.server.asked();
  const auto again = std::ranges::find_if(all.begin() + static_cast<std::ptrdiff_t>(asked), all.end(),
                                          [&](const auto& item) { return item.path.contains(digest); });
  REQUIRE(again != all.end());
  CHECK(again->range == base::format("bytes={}-", waiting));
  CHECK_FALSE(left);
  CHECK(equal);
}

TEST_CASE("when remains must move and there is no room for both, they stay, and the error says so") {
  Pull pull({6'000'000});
  const std::string small = pull.project.folder / "small", output = small + "/out.run";
  std::filesystem::create_directory(small);
  const auto there = [&](pack::BuildOptions& options) {
    options.output = output;
    options.registries.patience.attempts = 1;
  };
  Result<writer::Summary> moved = fail(ErrorCode::internal, "not run"), in_place = moved;
  uint64_t before = 0, after = 0;
  write(pull.project.folder / "large", layer(2'500'000, 7));
  tests::in_own_mounts([&] {
    if (::mount("tmpfs", small.c_str(), "tmpfs", 0, "size=7m") != 0) return;
    pull.server.habits.cuts = 1;
    static_cast<void>(pull.project.build(pull.kubefile(), there));
    write(small + "/other", std::string(1'200'000, 'x'));  // enough for what is to come, not for moving
    before = writer::Partial::waiting_for(output);
    moved = pull.project.build("FROM scratch\nCOPY large large\n" + pull.kubefile().substr(13), there);
    after = writer::Partial::waiting_for(output);
    if (::mount("tmpfs", small.c_str(), "tmpfs", MS_REMOUNT, "size=64m") != 0) return;
    in_place = pull.project.build(pull.kubefile(), there);
  });
  CHECK(before > 2'900'000);
  CHECK(before == after);
  REQUIRE_FALSE(moved);
  INFO(moved.error().text());
  CHECK(moved.error().code == ErrorCode::no_space);
  CHECK(moved.error().text().contains("need their room twice"));
  if (!in_place) FAIL(in_place.error().text());
  CHECK(pull.server.asked().back().range == base::format("bytes={}-", before));
}
