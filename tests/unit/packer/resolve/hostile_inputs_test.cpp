// SPDX-License-Identifier: Apache-2.0
// Kubefiles, charts and manifests that somebody has made to harm: each is refused with the error that it must give (its
// exit code is 3 if nothing else is said), in reasonable time, and nothing is written outside of the build's own
// folder.
#include <sys/stat.h>

#include <algorithm>

#include "packer/resolve/render.h"
#include "payload/base/format.h"
#include "payload/base/text.h"
#include "tests/support/tar.h"
#include "tests/unit/packer/resolve/context.h"

using namespace sealift;
using tests::Context;
using tests::gzip;
using tests::tar;
using tests::TarEntry;

namespace {

struct Case {
  const char* what;
  // Returns the Kubefile.
  std::function<std::string(const Context&)> make;
  const char* why;
  ErrorCode code = ErrorCode::invalid_input;
};

std::function<std::string(const Context&)> text(std::string kubefile) {
  return [kubefile](const Context&) { return kubefile; };
}
std::function<std::string(const Context&)> manifest(std::string text) {
  return [text](const Context& context) {
    context.write("m/a.yaml", text);
    return std::string("FROM scratch\nAPP erp local://m\n");
  };
}
std::string packed(const Context& context, const std::string& bytes) {
  context.write("erp.tgz", bytes);
  return "FROM scratch\nAPP erp local://erp.tgz\n";
}
constexpr auto* kChart = "apiVersion: v2\nname: erp\nversion: 1.0.0\n";
std::function<std::string(const Context&)> archive(std::vector<TarEntry> more) {
  return [more](const Context& context) {
    std::vector<TarEntry> entries{{"erp/Chart.yaml", kChart}};
    entries.insert(entries.end(), more.begin(), more.end());
    return packed(context, gzip(tar(entries)));
  };
}
std::function<std::string(const Context&)> chart(std::string document) {
  return [document](const Context& context) {
    context.write("erp/Chart.yaml", document);
    return std::string("FROM scratch\nAPP erp local://erp\n");
  };
}

std::string repeated(std::string_view part, size_t times) {
  std::string out;
  out.reserve(part.size() * times);
  for (size_t i = 0; i < times; ++i) out += part;
  return out;
}

// Nine levels of ten aliases each.
std::string alias_bomb() {
  std::string out = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\na0: &a0 [x,x,x,x,x,x,x,x,x,x]\n";
  for (int i = 1; i < 9; ++i)
    out += base::format("a{}: &a{} [{}*a{}]\n", i, i, repeated(base::format("*a{},", i - 1), 9), i - 1);
  return out;
}

void check(const std::vector<Case>& cases) {
  for (const auto& hostile : cases) {
    INFO(hostile.what);
    const Context context;
    const auto kubefile = hostile.make(context);
    const auto done = context.resolve_text(kubefile, [](auto& request) { request.kubernetes_version = "v1.34.4"; });
    if (done) FAIL("taken");
    const auto told = done.error().text();
    INFO(told.substr(0, 2'000));
    CHECK(base::name(done.error().code) == base::name(hostile.code));
    CHECK(told.contains(hostile.why));
    // nothing that would steer a terminal, and no endless texts
    CHECK(std::ranges::none_of(told, [](char c) { return static_cast<unsigned char>(c) < 0x20 && c != '\n'; }));
    CHECK(told.size() < 20'000);
    CHECK_FALSE(std::filesystem::exists(context.folder / "escaped"));
    CHECK_FALSE(std::filesystem::exists("/tmp/sealift-escaped"));
  }
}

}  // namespace

TEST_CASE("hostile Kubefiles: what is no text, or no Kubefile") {
  check({
      {"nothing at all", text(""), "Kubefile:1: the first instruction must be FROM"},
      {"comments only", text("# FROM scratch\n\n# x\n"), "the first instruction must be FROM"},
      {"a byte of zero", text(std::string("FROM scratch\nCOPY a\0b x\n", 24)), "Kubefile:2: a byte of zero"},
      {"UTF-16",
       text(std::string("\xff\xfe"
                        "F\0R\0O\0M\0",
                        10)),
       "Kubefile:1: the text is not UTF-8"},
      {"Latin-1 in the third line", text("FROM scratch\n# a\nLABEL a=\xe4\n"), "Kubefile:3: the text is not UTF-8"},
      {"larger than any", text("FROM scratch\n" + repeated("# xxxxxxxxxxxxxx\n", 260'000)), "is larger than 4.0 MiB"},
      {"a file that is a folder",
       [](const Context& context) {
         std::filesystem::remove(context.folder / "one");
         std::filesystem::create_directory(context.folder / "one");
         return std::string("FROM one\n");
       },
       "Kubefile:1:6: the base one can't be read"},
      {"a base that is this Kubefile", text("FROM Kubefile\n"), "opening the base Kubefile", ErrorCode::not_a_payload},
  });
}

TEST_CASE("hostile Kubefiles: very many, very long, very deep") {
  check({
      {"a line of 4 MiB without a blank", text("FROM scratch\nCOPY " + repeated("x", size_t{4'000'000}) + " y\n"),
       "Kubefile:2:6:"},
      {"a hundred thousand words in one line", text("FROM scratch\nCOPY" + repeated(" x", 100'000) + "\n"),
       "/x is not there"},
      {"a hundred thousand joined lines", text("FROM scratch\nCOPY" + repeated(" x\\\n", 100'000) + " y\n"),
       "Kubefile:2:6: "},
      {"twenty thousand applications in LAUNCH",
       text("FROM scratch\nLAUNCH [" + repeated("\"x\",", 20'000) + "\"x\"]\n"), "20001 problems"},
      {"a hundred thousand lines that nobody knows", text("FROM scratch\n" + repeated("XYZZY a\n", 100'000)),
       "… and 99950 more"},
      {"a hundred thousand good lines and a bad one",
       text("FROM scratch\n" + repeated("LABEL a=b\n", 100'000) + "LABEL a\n"), "Kubefile:100002:7:"},
      {"a list in a list in a list …", text("FROM scratch\nLAUNCH " + repeated("[", 1'000'000) + "\n"),
       "LAUNCH takes a JSON list"},
      {"a quote that is never closed", text("FROM scratch\nLABEL a='b\nLABEL c=d\n"),
       "Kubefile:2:9: a quote is not closed"},
      {"five hundred applications in a circle",
       [](const Context&) {
         std::string out = "FROM scratch\n";
         for (int i = 0; i < 500; ++i) out += base::format("APP a{} local://app NEEDS a{}\n", i, (i + 1) % 500);
         return out;
       },
       "would never start: a0 NEEDS a1 NEEDS a2"},
      {"an application that needs itself, often",
       text("FROM scratch\nAPP a local://app NEEDS" + repeated(" a", 10'000) + "\n"), "a NEEDS a;"},
  });
}

TEST_CASE("hostile Kubefiles: variables, names and paths") {
  check({
      {"a variable in itself", text("ARG A=${A}\nFROM ${A}\n"), "the variable A is not set"},
      {"a variable that is never closed", text("FROM scratch\nCOPY ${A x\n"), "\"${\" without \"}\""},
      {"a variable in a variable's default", text("FROM scratch\nCOPY ${A:-${B}} x\n"), "is not there"},
      {"what would steer a terminal", text("FROM scratch\n\x1b[31mCOPY a b\n"), "\\x1b[31MCOPY"},
      {"the same in a path", text("FROM scratch\nCOPY \x1b[2J x\n"), "\\x1b[2J is not there"},
      {"a destination outside", text("FROM scratch\nCOPY one ../escaped\n"), "must be relative"},
      {"a destination that is absolute", text("FROM scratch\nCOPY one /tmp/sealift-escaped\n"), "must be relative"},
      {"a host file that climbs", text("FROM scratch\nFILE one /etc/../../escaped\n"), "\"..\""},
      {"a source in a source", text("FROM scratch\nIMAGE --from=oci:oci:docker-archive:x a/b:1\n"), "Kubefile:2"},
      {"an option in an option", text("FROM scratch\nIMAGE --from=--from=oci:x a/b:1\n"), "Kubefile:2"},
      {"a device", text("FROM scratch\nCOPY /dev/zero x\n"), "is a character device"},
      {"a pipe that nobody writes",
       [](const Context& context) {
         REQUIRE(::mkfifo((context.folder / "pipe").c_str(), 0600) == 0);
         return std::string("FROM scratch\nCOPY pipe x\n");
       },
       "pipe is a named pipe"},
      {"a link to itself",
       [](const Context& context) {
         std::filesystem::create_symlink("loop", context.folder / "loop");
         return std::string("FROM scratch\nCOPY loop x\n");
       },
       "Kubefile:2:6:"},
      {"a folder that holds itself",
       [](const Context& context) {
         std::filesystem::create_directory(context.folder / "d");
         std::filesystem::create_directory_symlink(".", context.folder / "d/d");
         return std::string("FROM scratch\nCOPY d x\n");
       },
       "Kubefile:2:6:"},
      {"a file whose name is not UTF-8",
       [](const Context& context) {
         context.write("d/\xff.yaml", "x");
         return std::string("FROM scratch\nCOPY d x\n");
       },
       "d/\\xff.yaml is not UTF-8"},
      {"a file with a line end in its name",
       [](const Context& context) {
         context.write("d/a\nb", "x");
         return std::string("FROM scratch\nCOPY d x\n");
       },
       "holds a control character"},
  });
}

TEST_CASE("hostile charts: archives") {
  check({
      {"a path that climbs", archive({{"erp/../../escaped", "x"}}), "erp/../../escaped is no name of a file"},
      {"an absolute path", archive({{"/tmp/sealift-escaped", "x"}}), "is no name of a file in a chart's folder"},
      {"a symbolic link out", archive({{"erp/templates", "", '2', "/tmp"}, {"erp/templates/sealift-escaped", "x"}}),
       "erp/templates is not a regular file"},
      {"a hard link out", archive({{"erp/passwd", "", '1', "/etc/passwd"}}), "erp/passwd is not a regular file"},
      {"a named pipe", archive({{"erp/pipe", "", '6'}}), "erp/pipe is not a regular file"},
      {"a file that claims 1 TiB", archive({{.name = "erp/values.yaml", .data = "x", .claimed = uint64_t{1} << 40}}),
       "can't be read as a packed chart"},
      {"more files than any chart has", archive(std::vector<TarEntry>(10'001, TarEntry{"erp/", "", '5'})),
       "it holds more than 10000 files"},
      {"a file where a folder was", archive({{"erp/a/b", "x"}, {"erp/a", "x"}}), "a can't be written"},
      {"a folder where a file was", archive({{"erp/a", "x"}, {"erp/a/b", "x"}}), "a/b can't be written"},
      {"a name with a control character", archive({{"erp/a\x1b[31m", "x"}}), "erp/a\\x1b[31m is no name of a file"},
      {"a name that is not UTF-8", archive({{"erp/a\xff", "x"}}), "erp.tgz"},
      {"no Chart.yaml", [](const Context& context) { return packed(context, gzip(tar({{"erp/values.yaml", "x"}}))); },
       "it holds no Chart.yaml"},
      {"no archive", [](const Context& context) { return packed(context, repeated("x", 10'000)); },
       "can't be read as a packed chart"},
      {"an archive that is cut off",
       [](const Context& context) {
         return packed(
             context,
             gzip(tar({{"erp/Chart.yaml", kChart}, {"erp/values.yaml", repeated("x", 5'000)}})).substr(0, 3'000));
       },
       "can't be read as a packed chart"},
      {"more than any archive",
       [](const Context& context) { return packed(context, std::string(size_t{65} << 20, 'x')); },
       "it is larger than 64 MiB"},
      {"an archive of a megabyte for Chart.yaml",
       [](const Context& context) {
         return packed(context, gzip(tar({{"erp/Chart.yaml", kChart + repeated("# xxxxxxxxxxxxx\n", 70'000)}})));
       },
       "erp.tgz/Chart.yaml is larger than 1.0 MiB"},
  });
}

TEST_CASE("hostile charts: documents") {
  check({
      {"aliases that grow without end", chart(alias_bomb()), "Kubefile:2"},
      {"a Chart.yaml of 100 MB", chart(std::string(100'000'000, 'x')), "erp/Chart.yaml is larger than 1.0 MiB"},
      {"a hundred thousand levels", chart("a: " + repeated("[", 100'000) + "\n"), "nested deeper than 64 levels"},
      {"a document that is a list", chart("- name: erp\n"), "names no version"},
      {"a byte of zero", chart(std::string("name: erp\nversion: 1\0\n", 22)), "Chart.yaml"},
      {"a dependency with a line end in its name",
       chart("name: erp\nversion: 1.0.0\ndependencies: [{name: \"a\\nb\", version: \"\\e[31m\"}]\n"),
       "a\\x0ab \\x1b[31m"},
      {"an archive in charts/ that is none",
       [](const Context& context) {
         context.write("erp/charts/a.tgz", "x");
         return chart("name: erp\nversion: 1.0.0\ndependencies: [{name: a}]\n")(context);
       },
       "a.tgz can't be read as a packed chart"},
  });
}

TEST_CASE("hostile manifests") {
  check({
      {"aliases that grow without end", manifest(alias_bomb()), "m/a.yaml:"},
      {"more than 4 MiB", manifest("# " + std::string(size_t{4} << 20, 'x') + "\n"),
       "m/a.yaml is larger than 4.0 MiB, which is the most for such a file; split it"},
      {"a hundred thousand levels",
       manifest("apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nx: " + repeated("{a: ", 100'000) + "\n"),
       "nested deeper than 256 levels"},
      {"an alias to itself", manifest("apiVersion: v1\nkind: Secret\nmetadata: &a {name: a, b: *a}\n"),
       "an alias inside its own anchor"},
      {"a byte of zero", manifest(std::string("apiVersion: v1\nkind: S\0\n", 24)), "m/a.yaml:2"},
      {"a kind with a line end in it", manifest("apiVersion: v1\nkind: \"a\\nb\"\nmetadata: {}\n"),
       "the a\\x0ab has no metadata.name"},
      {"an image with a line end in it",
       manifest("apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, image: \"a\\nb\"}]}\n"),
       "Pod/p .spec.containers[0].image: \"a\\x0ab\""},
      {"a name that moves the cursor", manifest("apiVersion: v1\nkind: Secret\nmetadata: {name: \"p\\e\"}\n"),
       "Secret/p\\x1b: the API server refuses this name"},
      {"a tag that would run code", manifest("apiVersion: v1\nkind: !!python/object/apply:os.system [id]\n"),
       "m/a.yaml:2"},
  });
}

TEST_CASE("hostile charts: a template that never ends, prints without end, or ends helm") {
  const Context context;
  resolve::AppInput app;
  app.app.name = "erp";
  app.folder = "charts/erp";
  app.origin = {"APP erp", {"Kubefile", 2}};
  const resolve::RenderJob job{&app, "values.yaml", {}};
  const workloads::Rules rules;
  const auto refusal = [&](const char* script, std::chrono::milliseconds timeout) {
    const base::Command command{.argv = {"/bin/sh", "-c", script}, .timeout = timeout};
    const auto done = resolve::render(command, job, rules, workloads::TestHooks::omit, {});
    REQUIRE_FALSE(done);
    CHECK(done.error().code == ErrorCode::invalid_input);
    CHECK(done.error().text().starts_with("Kubefile:2: rendering charts/erp with values.yaml"));
    return done.error().text();
  };
  CHECK(refusal("exec sleep 100", std::chrono::milliseconds(200)).contains("is there a template without end?"));
  const auto endless = refusal("exec cat /dev/zero", std::chrono::seconds(60));
  INFO(endless);
  CHECK(endless.contains("helm makes more than 32 MiB"));
  CHECK(refusal("kill -9 $$", std::chrono::seconds(60)).contains("helm says"));
}
