// SPDX-License-Identifier: Apache-2.0
//
// systemd starts a job's unit, and its DefaultEnvironment may contain anything; the job's command gets only the
// promised variables.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cstdlib>

#include "payload/base/file.h"
#include "payload/base/format.h"
#include "payload/base/text.h"
#include "runtime/host/json_values.h"
#include "runtime/host/local_host.h"
#include "tests/support/temporary_folder.h"

using namespace sealift;

TEST_CASE("a job's command gets PATH, LC_ALL, HOME and what it names, nothing of the unit around it") {
  const tests::TemporaryFolder folder;
  const base::Command command{{"/usr/bin/env"}, {"KUBECONFIG=/etc/kubernetes/admin.conf"}, "/", {}};
  REQUIRE(
      base::write_file_atomic(folder / "spec.json", base::as_bytes(json::to_canonical(host::to_json(command))), 0600));
  // NOLINTBEGIN(concurrency-mt-unsafe): no other thread
  ::setenv("HTTPS_PROXY", "http://10.0.0.1:3128", 1);
  ::setenv("LC_ALL", "de_DE.UTF-8", 1);
  const int code = host::job_main(folder.path());
  ::unsetenv("HTTPS_PROXY");
  ::unsetenv("LC_ALL");
  // NOLINTEND(concurrency-mt-unsafe)
  CHECK(code == 0);
  const auto output = base::read_text_file(folder / "stdout", 1 << 16);
  REQUIRE(output);
  auto lines = base::split(*output, '\n');
  std::ranges::sort(lines);
  const std::string path = base::format("PATH={}", base::kChildPath);
  CHECK(lines ==
        std::vector<std::string_view>{"", "HOME=/root", "KUBECONFIG=/etc/kubernetes/admin.conf", "LC_ALL=C", path});
}
