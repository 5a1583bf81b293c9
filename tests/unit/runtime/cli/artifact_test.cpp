// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/artifact.h"

#include <fcntl.h>
#include <catch2/catch_test_macros.hpp>
#include <fstream>

#include "payload/base/fd.h"
#include "payload/console/output.h"
#include "runtime/cli/delivery_commands.h"
#include "tests/support/tiny_payload.h"

using namespace sealift;
using namespace sealift::cli;

namespace {

const Digest kOther = Digest::parse("sha256:" + std::string(64, '0')).value();

Digest identity_of(const std::string& path) {
  const auto artifact = open_artifact(path, {});
  REQUIRE(artifact);
  return artifact->reader->identity();
}

Error refused(const std::string& path, const std::vector<Demand>& demands) {
  auto artifact = open_artifact(path, demands);
  REQUIRE_FALSE(artifact);
  return artifact.error();
}

// Changes a byte of the metadata, which is parsed when a payload is opened.
void damage(const std::string& path) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(-(static_cast<std::streamoff>(format::kTrailerSize) + 100), std::ios::end);
  file.put('\x7f');
}

}  // namespace

TEST_CASE("only the demanded artifact is opened") {
  const tests::TemporaryFolder folder;
  const tests::TinyPayload tiny(folder);
  const auto own = identity_of(tiny.path);
  CHECK(open_artifact(tiny.path, std::vector<Demand>{{{own}, "--identity"}}));
  CHECK(open_artifact(tiny.path, std::vector<Demand>{{{kOther, own}, "a file"}, {{own}, "--identity"}}));

  const auto error = refused(tiny.path, {{{kOther}, "--identity"}});
  CHECK(error.code == ErrorCode::untrusted);
  CHECK(base::exit_code(error.code) == 6);
  for (const auto& text : {own.text(), kOther.text(), std::string("--identity demands"), tiny.path})
    CHECK(error.what.contains(text));
  // Each demand counts.
  CHECK(refused(tiny.path, {{{own}, "--identity"}, {{kOther}, "a file"}}).what.contains("a file demands"));
  CHECK(refused(tiny.path, {{{kOther}, "--identity"}, {{own}, "a file"}}).code == ErrorCode::untrusted);
}

TEST_CASE("another artifact is refused before more than its trailer is read") {
  const tests::TemporaryFolder folder;
  const tests::TinyPayload tiny(folder);
  const auto own = identity_of(tiny.path);
  damage(tiny.path);
  CHECK(refused(tiny.path, {}).code == ErrorCode::corrupt);
  CHECK(refused(tiny.path, {{{kOther}, "--identity"}}).code == ErrorCode::untrusted);
  CHECK(refused(tiny.path, {{{own}, "--identity"}}).code == ErrorCode::corrupt);  // a trailer alone proves nothing
}

TEST_CASE("cluster.yaml demands an artifact too") {
  const tests::TemporaryFolder folder;
  const tests::TinyPayload tiny(folder);
  const auto own = identity_of(tiny.path);
  damage(tiny.path);
  const auto null = base::open_file("/dev/null", O_WRONLY).value();
  const console::Output out(null.get());
  Arguments arguments;
  arguments.payload = tiny.path;
  arguments.config = folder / "cluster.yaml";
  const auto run = [&](Verb verb, const Digest& demanded) {
    std::ofstream(*arguments.config) << "apiVersion: sealift.dev/v1\nkind: Cluster\nmetadata: {name: x}\nspec:\n"
                                     << "  hosts: [{address: 10.7.0.11, role: control-plane}]\n"
                                     << "  artifact: {identity: \"" << demanded.text() << "\"}\n";
    arguments.verb = verb;
    auto done = run_delivery(arguments, out, out, {});
    REQUIRE_FALSE(done);
    return done.error();
  };
  for (const auto verb : {Verb::apply, Verb::plan, Verb::status, Verb::kubeconfig}) {
    const auto error = run(verb, kOther);
    CHECK(error.code == ErrorCode::untrusted);
    CHECK(error.what.contains("artifact.identity in " + *arguments.config));
  }
  CHECK(run(Verb::plan, own).code == ErrorCode::corrupt);
  arguments.identity = kOther;
  CHECK(run(Verb::plan, own).what.contains("--identity demands"));
}
