// SPDX-License-Identifier: Apache-2.0
// One run tells what helm and the sources of images say, too, not only what stands in the lines.
#include <catch2/catch_test_macros.hpp>
#include <set>

#include "payload/base/format.h"
#include "payload/base/text.h"
#include "tests/support/faulty_server.h"
#include "tests/unit/packer/pack/charts.h"

using namespace sealift;
using tests::Charts;
using tests::pod;
using tests::write;

namespace {

size_t count(std::string_view text, std::string_view part) {
  size_t out = 0;
  for (size_t at = text.find(part); at != std::string_view::npos; at = text.find(part, at + 1)) ++out;
  return out;
}

// The parts stand in the text, in this order.
void check_order(const std::string& text, std::initializer_list<std::string_view> parts) {
  INFO(text);
  size_t at = 0;
  for (const auto part : parts) {
    INFO(part);
    const size_t found = text.find(part, at);
    REQUIRE(found != std::string::npos);
    at = found + part.size();
  }
}

}  // namespace

TEST_CASE("all images that can't be had are told in one run, in the order of the Kubefile's lines") {
  const Charts project;
  project.chart("crm", pod("crm", "quay.io/none/crm:1"));
  write(project.folder / "list.txt", "# one is there\ntiny:1\n\nquay.io/none/list:1\n");
  const auto error = project.refused(
      "FROM scratch\nIMAGE --from=oci:images none:1\nAPP crm local://crm\nIMAGE --from=oci:images none:2\n"
      "IMAGE --from=oci:images list.txt\nIMAGE --from=oci:images tiny:1\n",
      project.with_helm());
  CHECK(error.code == ErrorCode::not_found);
  check_order(error.text(),
              {"4 problems:", "docker.io/library/none:1 (", "Kubefile:2", "quay.io/none/crm:1 (", "Kubefile:3",
               "APP crm: Pod/crm", "docker.io/library/none:2 (", "Kubefile:4", "quay.io/none/list:1 (list.txt:4"});
  CHECK_FALSE(error.text().contains("resolving docker.io/library/tiny:1"));
}

TEST_CASE("an image that an IMAGE line brings is not told as missing because another one is") {
  const Charts project;
  const auto made = project.packed("APP erp local://erp\n");
  const auto digest = made.contents().images.at(0).root.digest.text();
  project.chart("erp", pod("erp", "tiny:1@" + digest));
  const auto error = project.refused(
      "FROM scratch\nIMAGE --from=oci:images none:1\nIMAGE --from=oci:images tiny:1\nAPP erp local://erp\n",
      project.with_helm([](pack::BuildOptions& options) { options.images.reset(); }));
  INFO(error.text());
  CHECK(error.text().contains("docker.io/library/none:1"));
  CHECK_FALSE(error.text().contains("resolving docker.io/library/tiny:1"));
}

TEST_CASE("once a registry does not answer, no further image is asked for; what was found missing is told") {
  const tests::Project project;
  const std::string nobody = [] { return tests::FaultyServer([](const auto&) { return ""; }).name(); }();
  std::string lines = "FROM scratch\nIMAGE --from=oci:images none:1\n";
  for (int i = 0; i < 40; ++i) lines += base::format("IMAGE {}/x:{}\n", nobody, i);
  const auto error =
      project.refused(lines, [](pack::BuildOptions& options) { options.registries.patience.attempts = 1; });
  INFO(error.text());
  CHECK(error.text().contains("docker.io/library/none:1"));
  CHECK(count(error.text(), "resolving " + nobody) >= 1);
  CHECK(count(error.text(), "resolving " + nobody) <= 4);
}

TEST_CASE("what helm says of charts is told with what is wrong in other lines") {
  const Charts project;
  project.chart("crm", pod("crm", "tiny:1"));
  write(project.folder / "crm/fails", "nil pointer evaluating .Values.url");
  project.chart("old",
                "---\n# Source: old/templates/x.yaml\napiVersion: policy/v1beta1\nkind: PodSecurityPolicy\n"
                "metadata: {name: x}\n");
  const auto text = project.refusal(
      "COPY nothing x\nAPP erp local://erp\nAPP crm local://crm\nAPP old local://old\nLAUNCH [\"erb\"]\n");
  check_order(text,
              {"4 problems:", "Kubefile:2:6: ", "nothing is not there", "LAUNCH names \"erb\"", "Kubefile:4: rendering",
               "nil pointer evaluating .Values.url", "Kubefile:5: APP old", "1.25 removed policy/v1beta1"});
}

TEST_CASE("what helm says of two charts is told in one run") {
  const Charts project;
  for (const auto* name : {"crm", "erp"}) {
    project.chart(name, pod(name, "tiny:1"));
    write(project.folder / (std::string(name) + "/fails"), std::string(name) + " has no value");
  }
  check_order(project.refusal("APP erp local://erp\nAPP crm local://crm\n"),
              {"2 problems:", "erp has no value", "crm has no value"});
}

TEST_CASE("a chart is not rendered without what its lines name: helm's words would follow from that") {
  const Charts project;
  write(project.folder / "erp/fails", "a value is missing");
  project.set("good.yaml", "");
  for (const auto* values : {"VALUES erp none.yaml\n", "VALUES erq good.yaml\n", "VALUES erp\n"}) {
    INFO(values);
    CHECK_FALSE(project.refusal(base::format("APP erp local://erp\n{}", values)).contains("a value is missing"));
  }
  // nor if there is no helm or no version, which another line may bring
  write(project.folder / "empty/x", "");
  const auto error = project.refused("FROM none.run\nAPP erp local://erp\n", [](pack::BuildOptions&) {});
  CHECK_FALSE(error.text().contains("a value is missing"));
  CHECK_FALSE(project
                  .refused("FROM scratch\nCOPY none x\nAPP erp local://erp\n",
                           project.with_helm([&](auto& options) { options.tools = project.folder / "empty"; }))
                  .text()
                  .contains("helm"));
  // another application's VALUES line does not count
  project.chart("crm", pod("crm", "tiny:1"));
  CHECK(project.refusal("APP erp local://erp\nAPP crm local://crm\nVALUES crm none.yaml\n")
            .contains("a value is missing"));
}

TEST_CASE("an --images source that is not there is told with the lines' problems, whether anything needs it or not") {
  const Charts project;
  const auto nowhere = [](pack::BuildOptions& options) { options.images = "oci:nope"; };
  CHECK(project.refused("FROM scratch\nCOPY app/ app/\n", nowhere).text() ==
        "--images oci:nope: nope can't be read: it does not exist");
  check_order(project.refused("FROM scratch\nCOPY nothing x\n", nowhere).text(),
              {"2 problems:", "nothing is not there", "--images oci:nope"});
}
