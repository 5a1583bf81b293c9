// SPDX-License-Identifier: Apache-2.0
// The result of reading a Kubefile, and what is rejected before anything is packed.
#include "packer/resolve/inputs.h"
#include "payload/base/format.h"

#include <catch2/catch_test_macros.hpp>

#include <filesystem>

#include "tests/support/stored_image.h"
#include "tests/unit/packer/resolve/context.h"

using namespace sealift;

using tests::Context;

TEST_CASE("every input says why it is there and which line wants it") {
  const Context context;
  const auto inputs = context.resolved("COPY one two data/\n\nFILE --role=worker one /etc/one\nCNI net local://app\n");
  const auto& copied = inputs.files.at("data/two");
  CHECK(copied.source == context.folder / "two");
  CHECK(copied.origin.reason == "COPY one data/");
  CHECK(copied.origin.place.text() == context.folder / "Kubefile:2");
  CHECK(inputs.files.at("files-worker/etc/one").origin.reason == "FILE one /etc/one");
  CHECK(inputs.files.at("files-worker/etc/one").origin.place.line == 4);
  CHECK(inputs.files.at("apps/net/a.yaml").origin.reason == "CNI net");
  REQUIRE(inputs.apps.size() == 1);
  CHECK(inputs.apps[0].origin.place.line == 5);
  REQUIRE(inputs.programs.size() == 1);
  CHECK(inputs.programs[0].source == context.folder / "stub");
}

TEST_CASE("a place in the tree belongs to one line") {
  const Context context;
  context.write("folder/one", "1");
  context.write("program", "1", 0755);
  CHECK(
      context.refused("COPY one etc/x\nCOPY two etc/x\n") ==
      "Kubefile:3: COPY two etc/x puts two at etc/x of the payload's tree, where COPY one etc/x (Kubefile:2) has put one, which differs; give one of them another destination");
  CHECK(context.refused("COPY two files/etc/x\nFILE one /etc/x\n")
            .starts_with("Kubefile:3: FILE one /etc/x puts one at files/etc/x"));
  CHECK(context.refused("FILE one /etc/x\nCOPY two files/etc/x\n")
            .starts_with("Kubefile:3: COPY two files/etc/x puts two at files/etc/x"));
  // one is /etc/x as a template, the other a file with that name
  CHECK(context.refused("FILE --template one /etc/x\nFILE two /etc/x.tmpl\n")
            .starts_with("Kubefile:3: FILE two /etc/x.tmpl puts two at files/etc/x.tmpl"));
  CHECK(context.refused("APP erp local://app\nCOPY one apps/erp/a.yaml\n").starts_with("Kubefile:3: COPY"));
  CHECK(context.refused("COPY one x\nCOPY program x\n").contains("which differs"));
  // the same bytes are no conflict, and a FILE may replace a FILE
  CHECK(context.resolved("COPY one x\nCOPY folder/one x\n").files.size() == 1);
  CHECK(context.resolved("COPY one files/etc/x\nFILE one /etc/x\n").files.size() == 1);
  CHECK(context.resolved("FILE one /etc/x\nFILE two /etc/x\n").files.at("files/etc/x").source ==
        context.folder / "two");
}

TEST_CASE("a name that no application has is told with its place and the nearest one") {
  const Context context;
  CHECK(context.refused("APP redis local://app\nAPP erp local://app NEEDS redis \\\n  redsi\n") ==
        "Kubefile:4:3: the application \"erp\" NEEDS \"redsi\", which is not packed; did you mean \"redis\"?");
  CHECK(context.refused("APP redis local://app\nLAUNCH [\"redis\", \"rediss\"]\n") ==
        "Kubefile:3:18: LAUNCH names \"rediss\", which is not packed; did you mean \"redis\"?");
  CHECK(context.refused("APP redis local://app\nLAUNCH [\"quite-another\"]\n").ends_with("which is not packed"));
}

TEST_CASE("applications that wait for each other are refused with their circle") {
  const Context context;
  const auto app = [](std::string_view name, std::string_view needs) {
    return base::format("APP {} local://app{}{}\n", name, needs.empty() ? "" : " NEEDS ", needs);
  };
  CHECK(
      context.refused(app("c", "d") + app("d", "x e") + app("x", "") + app("e", "c")) ==
      "Kubefile:5:25: applications that wait for each other would never start: c NEEDS d NEEDS e NEEDS c; remove one of these NEEDS");
  CHECK(context.refused(app("a", "b") + app("b", "b")).contains("start: b NEEDS b;"));
  CHECK(context.refused(app("z", "a") + app("a", "b") + app("b", "a")).contains("start: a NEEDS b NEEDS a;"));
  // several paths to one application are not circular
  CHECK(context.resolved(app("a", "b c") + app("b", "d") + app("c", "d") + app("d", "")).apps.size() == 4);
}

TEST_CASE(
    "IMAGE --from passes its whole text on, relative to the context; what is wrong with it is told with the line") {
  const Context context;
  tests::StoredImage image;
  image.layout(image.entry(image.manifest("amd64", std::string(1024, '\0')), image::kOciManifest,
                           tests::StoredImage::names("quay.io/team/a:1")));
  image.write_folder(context.folder / "images/layout");
  context.write("images/a.tar", tests::tar(image.entries()));
  const auto inputs = context.resolved(
      "IMAGE --from=oci:images/layout quay.io/team/a:1\nIMAGE --from=oci-archive:images/a.tar quay.io/team/a:1\n");
  REQUIRE(inputs.images.size() == 2);
  CHECK(inputs.images[0].plan.image.root == inputs.images[1].plan.image.root);
  for (const auto& [from, why] :
       {std::pair{"docker-archive:images/b.tar", "does not exist"}, {"zip:x", "is expected"}, {"", ""}}) {
    const auto refused = context.resolve(base::format("LABEL a=b\nIMAGE --from={} quay.io/team/a:1\n", from));
    REQUIRE_FALSE(refused);
    INFO(refused.error().text());
    CHECK(refused.error().text().contains(why));
    CHECK(refused.error().text().contains("Kubefile:3"));
  }
}

TEST_CASE("two lines that take one name from two sources are refused with both, unless it is the same image") {
  const Context context;
  for (const auto* folder : {"a", "b"}) {
    tests::StoredImage image;
    image.layout(image.entry(image.manifest("amd64", std::string(1024, folder[0])), image::kOciManifest,
                             tests::StoredImage::names("quay.io/team/a:1")));
    image.write_folder(context.folder / folder);
  }
  std::filesystem::copy(context.folder / "a", context.folder / "c", std::filesystem::copy_options::recursive);
  const auto text = context.refused("IMAGE --from=oci:a quay.io/team/a:1\nIMAGE --from=oci:b quay.io/team/a:1\n");
  CHECK(text.starts_with("Kubefile:3: quay.io/team/a:1 is another image here (sha256:"));
  CHECK(text.contains(") than in Kubefile:2 (sha256:"));
  context.resolved("IMAGE --from=oci:a quay.io/team/a:1\nIMAGE --from=oci:c quay.io/team/a:1\n");
}

TEST_CASE("a template with a variable that no host knows is refused with its line, whoever names the template") {
  const Context context;
  context.write("a.tmpl", "ip ${NODE_IP} ${ARCH}\n$ $${NOT} ${ZONE} ${LATER}\n");
  context.resolved("ENV ZONE=a\nFILE a.tmpl /etc/a\nENV LATER=b\n");
  CHECK(context.refused("FILE a.tmpl /etc/a\nENV ZONE=a\n") ==
        "Kubefile:2: a.tmpl:2: no host knows the variable LATER; set it with ENV, or write $${ for ${ itself");
  context.write("plain", "${UNKNOWN}\n${ALSO}\n${OPEN\n");
  context.resolved("FILE plain /etc/a\n");
  const auto text = context.refused("FILE --template plain /etc/a\n");
  CHECK(text.contains("plain:1: no host knows the variable UNKNOWN"));
  CHECK(text.contains("plain:2: no host knows the variable ALSO"));
  CHECK(text.contains("plain:3: \"${\" without \"}\""));
  context.write("plain", std::string((size_t{1} << 20) + 1, 'x'));
  CHECK(context.refused("FILE --template plain /etc/a\n").contains("plain is larger than 1.0 MiB"));
}

TEST_CASE("a path that can't be reached is told with the reason, not as missing") {
  const Context context;
  CHECK(context.refused("COPY one/more x\n") == "Kubefile:2:6: one/more: Not a directory");
  CHECK(context.refused("COPY none x\n") == "Kubefile:2:6: none is not there; paths count from the build's context");
}
