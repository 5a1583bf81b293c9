// SPDX-License-Identifier: Apache-2.0
// FROM a name of the local store, INCLUDE and REMOVE.
#include <catch2/catch_test_macros.hpp>

#include <algorithm>

#include "packer/store/store.h"
#include "tests/support/event_recorder.h"
#include "tests/unit/packer/pack/project.h"

using namespace sealift;
using tests::Artifact;
using tests::Project;
using tests::write;

namespace {

constexpr std::string_view kMap = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n";

// Two packs on one base, and what differs between them unless told otherwise.
struct Packs : Project {
  Packs() {
    made("FROM scratch\nENV ZONE=a\nIMAGE --from=oci:images tiny:1\nCOPY app/ data/\nFILE app/a.yaml /etc/a\n",
         "base.run");
    write(folder / "redis/r.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: r}\n");
    write(folder / "kafka/k.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: k}\n");
    made("FROM base.run\nAPP redis local://redis\nENV REDIS=1\nLABEL pack=redis\nIGNORE-IMAGE win/* windows\n",
         "redis.run");
    made("FROM base.run\nAPP kafka local://kafka\nENV KAFKA=1\nLABEL pack=kafka\n", "kafka.run");
  }
  std::vector<std::string> apps_of(const Artifact& artifact) const {
    std::vector<std::string> out;
    for (const auto& app : artifact.contents().apps) out.push_back(app.name);
    return out;
  }
};

void check_whole(const Artifact& artifact) {
  const auto damage = artifact.reader->verify(1, {}, {});
  REQUIRE(damage);
  CHECK(damage->empty());
  std::vector<Digest> all;
  for (const auto& object : artifact.reader->objects()) all.push_back(object.digest);
  CHECK(artifact.reader->verify_objects(all, 1, {}).value().empty());
}

}  // namespace

TEST_CASE("two packs side by side bring what both have, what they share once") {
  const Packs packs;
  const auto own = packs.made("FROM redis.run AS redis\nINCLUDE kafka.run\nAPP shop local://app NEEDS redis kafka\n");
  CHECK(packs.apps_of(own) == std::vector<std::string>{"kafka", "redis", "shop"});
  const auto& contents = own.contents();
  CHECK(contents.environment == std::map<std::string, std::string>{{"KAFKA", "1"}, {"REDIS", "1"}, {"ZONE", "a"}});
  CHECK(contents.labels.at("pack") == "redis");
  CHECK(contents.images.size() == 1);
  CHECK(contents.host_files.size() == 1);
  CHECK(contents.ignored_images.size() == 1);
  CHECK(own.tree("apps/redis/r.yaml").contains("name: r"));
  CHECK(own.tree("apps/kafka/k.yaml").contains("name: k"));
  CHECK(own.tree("data/a.yaml") == kMap);
  // both, each followed by its own
  CHECK(contents.bases.size() == 4);
  check_whole(own);
  // the order of the lines changes nothing but labels and whose names come first
  const auto other =
      packs.made("FROM kafka.run\nINCLUDE redis.run\nAPP shop local://app NEEDS redis kafka\n", "other.run");
  CHECK(other.contents().tree.size() == contents.tree.size());
  CHECK(other.contents().labels.at("pack") == "kafka");
}

TEST_CASE("INCLUDE stands after FROM scratch too, and brings nothing twice") {
  const Packs packs;
  const auto own = packs.made("FROM scratch\nINCLUDE redis.run\nINCLUDE kafka.run\n");
  CHECK(packs.apps_of(own) == std::vector<std::string>{"kafka", "redis"});
  CHECK(
      packs.refused("FROM redis.run\nINCLUDE redis.run\n").text().contains("Kubefile:2:9: redis.run is taken already"));
  CHECK(packs.refused("FROM redis.run\nINCLUDE none.run\n")
            .text()
            .contains("Kubefile:2:9: the base none.run can't be read"));
  CHECK(packs.refused("FROM redis.run\nINCLUDE scratch\n").code == ErrorCode::invalid_input);
  CHECK(packs.refused("FROM redis.run\nFROM kafka.run\n").text().contains("write INCLUDE"));
  CHECK(packs.refused("FROM redis.run AS\n").code == ErrorCode::invalid_input);
}

TEST_CASE("what two of them have differently is named, each with the way out, all in one run") {
  const Packs packs;
  write(packs.folder / "app/a.yaml", "kind: Other\n");
  write(packs.folder / "redis/r.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: other}\n");
  packs.made("FROM scratch\nENV ZONE=b\nCOPY app/ data/\nAPP redis local://redis\nFILE --mode=0600 app/a.yaml /etc/a\n",
             "odd.run", [](auto&) {});
  const auto error = packs.refused("FROM redis.run\nINCLUDE odd.run\n");
  CHECK(error.code == ErrorCode::invalid_input);
  const auto text = error.text();
  INFO(text);
  for (const auto* part : {"INCLUDE odd.run has an application redis and so has FROM redis.run, but they differ",
                           "INCLUDE odd.run has another data/a.yaml in its tree than FROM redis.run",
                           "sets ZONE to \"b\", and a line before has \"a\"", "on hosts at /etc/a"})
    CHECK(text.contains(part));
  CHECK_FALSE(text.contains("apps/redis/r.yaml"));
}

TEST_CASE("lines decide conflicts: an own file, a variable, REMOVE before and after") {
  const Packs packs;
  write(packs.folder / "app/a.yaml", "kind: Other\n");
  write(packs.folder / "redis/r.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: other}\n");
  packs.made("FROM scratch\nENV ZONE=b\nCOPY app/ data/\nAPP redis local://redis\n", "odd.run");
  // the other one's application, files decided by copying
  const auto own =
      packs.made("FROM redis.run\nREMOVE app redis\nINCLUDE odd.run\nENV ZONE=c\nCOPY redis/r.yaml data/a.yaml\n");
  CHECK(own.tree("apps/redis/r.yaml").contains("name: other"));
  CHECK(own.tree("data/a.yaml").contains("name: other"));
  CHECK(own.contents().environment.at("ZONE") == "c");
  check_whole(own);
  // the other one's file
  const auto second = packs.made("FROM redis.run\nREMOVE app redis\nREMOVE file data/\nINCLUDE odd.run\nENV ZONE=c\n");
  CHECK(second.tree("data/a.yaml") == "kind: Other\n");
  // nobody's
  const auto third =
      packs.made("FROM redis.run\nINCLUDE odd.run\nENV ZONE=c\nREMOVE app redis\nREMOVE file data/a.yaml\n");
  CHECK_FALSE(third.contents().tree.contains("data/a.yaml"));
  CHECK(third.contents().apps.empty());
}

TEST_CASE("what is removed is not in the artifact, nor are its bytes") {
  const Packs packs;
  const auto base = packs.made("FROM base.run\nAPP redis local://redis\n", "all.run");
  const auto layer = base.contents().images.at(0).platforms.at(0).layers.at(0).digest;
  const auto file = base.contents().tree.at("apps/redis/r.yaml").object.digest;
  const auto own = packs.made("FROM all.run\nREMOVE image tiny:1\nREMOVE app redis\n");
  CHECK(own.contents().images.empty());
  CHECK(own.contents().apps.empty());
  CHECK_FALSE(own.reader->find(layer));
  CHECK_FALSE(own.reader->find(file));
  CHECK(own.tree("data/a.yaml") == kMap);
  check_whole(own);
  // a file takes what FILE lines put on hosts from there with it
  const auto source = base.contents().host_files.at(0).source;
  const auto without = packs.made("FROM all.run\nREMOVE file " + source + "\n");
  CHECK(without.contents().host_files.empty());
  // removed, and brought anew
  write(packs.folder / "redis/r.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: newer}\n");
  const auto anew = packs.made("FROM all.run\nREMOVE app redis\nAPP redis local://redis\n");
  CHECK(anew.tree("apps/redis/r.yaml").contains("newer"));
  CHECK_FALSE(anew.reader->find(file));
}

TEST_CASE("a file that another one replaces takes no room") {
  const Packs packs;
  const auto old = hash::sha256(base::as_bytes(kMap));
  write(packs.folder / "app/a.yaml", "kind: Other\n");
  const auto own = packs.made("FROM scratch\nCOPY redis/r.yaml d/r.yaml\nCOPY app/a.yaml d/a.yaml\n", "one.run");
  write(packs.folder / "new", "new");
  const auto next = packs.made("FROM one.run\nCOPY new d/a.yaml\n");
  CHECK(own.reader->find(hash::sha256(base::as_bytes("kind: Other\n"))));
  CHECK_FALSE(next.reader->find(hash::sha256(base::as_bytes("kind: Other\n"))));
  CHECK_FALSE(next.reader->find(old));
  CHECK(next.tree("d/a.yaml") == "new");
  check_whole(next);
}

TEST_CASE("REMOVE of what nothing inherited has is told with what was meant") {
  const Packs packs;
  const auto error = packs.refused(
      "FROM redis.run\nREMOVE app rediss\nREMOVE image tiny:2 busybox\nREMOVE file data/b.yaml nodata/\nREMOVE thing x\nREMOVE app\n");
  const auto text = error.text();
  INFO(text);
  for (const auto* part :
       {"Kubefile:2:12: nothing inherited has an application rediss; did you mean redis?",
        "nothing inherited has an image docker.io/library/tiny:2; did you mean docker.io/library/tiny:1?",
        "nothing inherited has a file data/b.yaml; did you mean data/a.yaml?", "nothing inherited has a folder nodata/",
        "REMOVE takes image|app|file name"})
    CHECK(text.contains(part));
}

TEST_CASE("an image that an inherited application uses can't be removed without another one") {
  const Project project;
  write(project.folder / "web/w.yaml",
        "apiVersion: v1\nkind: Pod\nmetadata: {name: w}\nspec: {containers: [{name: w, image: 'tiny:1'}]}\n");
  project.made("FROM scratch\nAPP web local://web\n", "web.run",
               [](pack::BuildOptions& options) { options.images = "oci:" + options.context + "/images"; });
  const auto error = project.refused("FROM web.run\nREMOVE image tiny:1\n");
  CHECK(error.text().contains("the inherited application web uses it (Pod/w)"));
  const auto own = project.made("FROM web.run\nREMOVE image tiny:1\nIMAGE --from=oci:images tiny:1\n");
  CHECK(own.contents().images.size() == 1);
  // with the application, the image that only it uses goes
  CHECK(project.made("FROM web.run\nREMOVE app web\n").contents().images.empty());
}

TEST_CASE("FROM and INCLUDE take names of the local store; a file of that name comes first") {
  const Packs packs;
  const auto folder = packs.folder / "store";
  const auto with_store = [&](pack::BuildOptions& options) { options.store = folder; };
  const store::Store store(folder);
  REQUIRE(store.load(packs.folder / "redis.run", {"packs/redis:7"}, {}));
  REQUIRE(store.load(packs.folder / "kafka.run", {"queue"}, {}));
  const auto own = packs.made("FROM packs/redis:7\nINCLUDE queue\n", "out.run", with_store);
  CHECK(packs.apps_of(own) == std::vector<std::string>{"kafka", "redis"});
  CHECK(own.tree(std::string(lock::kTreePath)).contains("redis:7"));
  const auto error = packs.refused("FROM packs/redis:8\n", with_store);
  CHECK(error.code == ErrorCode::invalid_input);
  CHECK(error.text().contains("no such file, and the local store has no artifact of this name"));
  CHECK_FALSE(packs.build("FROM packs/redis:7\n"));
  std::filesystem::copy_file(packs.folder / "redis.run", packs.folder / "queue");
  CHECK(packs.apps_of(packs.made("FROM queue\n", "out.run", with_store)) == std::vector<std::string>{"redis"});
}

namespace {

std::vector<std::string> required(const Artifact& artifact) {
  std::vector<std::string> out;
  for (const auto& requirement : artifact.contents().requirements) out.push_back(requirement.text());
  return out;
}

}  // namespace

TEST_CASE("requirements are handed down, joined, and met by what FROM and INCLUDE bring") {
  const Packs packs;
  const auto named = [](const char* name, const char* version) {
    return [=](pack::BuildOptions& options) {
      options.name = name;
      options.version = version;
    };
  };
  packs.made("FROM scratch\nREQUIRES kubernetes >=1.31\nREQUIRES redis >=7\nREQUIRES dns\nAPP erp local://app\n",
             "erp.run");
  const auto on = packs.made("FROM erp.run\nREQUIRES kubernetes <1.36\n", "on.run");
  CHECK(required(on) == std::vector<std::string>{"dns", "kubernetes >=1.31 <1.36", "redis >=7"});
  packs.made("FROM scratch\nAPP cache local://redis\n", "seven.run", named("redis", "7.2"));
  CHECK(required(packs.made("FROM erp.run\nINCLUDE seven.run\n", "both.run")) ==
        std::vector<std::string>{"dns", "kubernetes >=1.31"});
  packs.made("FROM scratch\nAPP cache local://redis\n", "six.run", named("redis", "6.2"));
  CHECK(packs.refused("FROM six.run\nINCLUDE erp.run\n")
            .text()
            .contains("Kubefile:2: redis >=7 is required, and FROM six.run brings 6.2"));
  CHECK(packs.refused("FROM six.run\nREQUIRES redis >6.2\n")
            .text()
            .contains("Kubefile:2:10: redis >6.2 is required, and FROM six.run brings 6.2"));
  CHECK(packs.refused("FROM scratch\nREQUIRES redis >7\nREQUIRES redis <8\n")
            .text()
            .contains("Kubefile:3:10: redis is required already, by a line before"));
}
