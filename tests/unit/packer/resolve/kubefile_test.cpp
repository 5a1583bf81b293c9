// SPDX-License-Identifier: Apache-2.0
#include "packer/resolve/kubefile.h"
#include "payload/base/format.h"

#include <catch2/catch_test_macros.hpp>

using namespace sealift;
using resolve::AddApp;
using resolve::AddImage;
using resolve::Copy;
using resolve::From;
using resolve::Launch;
using resolve::parse_kubefile;
using resolve::PutFile;
using resolve::SetLabels;

namespace {

std::vector<resolve::Instruction> must(std::string_view text,
                                       const std::map<std::string, std::string>& arguments = {}) {
  auto parsed = parse_kubefile(text, "Kubefile", arguments);
  if (const auto good = parsed.problems.joined(); !good) FAIL(good.error().text());
  CHECK(parsed.is_complete);
  return std::move(parsed.instructions);
}

template <class T>
const T& as(const resolve::Instruction& instruction) {
  const auto* out = std::get_if<T>(&instruction.what);
  REQUIRE(out != nullptr);
  return *out;
}

std::vector<std::string> texts(const std::vector<resolve::Word>& words) {
  std::vector<std::string> out;
  for (const auto& word : words) out.push_back(word.text);
  return out;
}

// Sources, then the destination.
std::vector<std::string> words_of(const resolve::Instruction& instruction) {
  auto out = texts(as<Copy>(instruction).sources);
  out.push_back(as<Copy>(instruction).destination.text);
  return out;
}

// The error's text; fails if there is none or if its code differs.
std::string refused(std::string_view text, ErrorCode code = ErrorCode::invalid_input,
                    const std::map<std::string, std::string>& arguments = {}) {
  const auto parsed = parse_kubefile(text, "some/Kubefile", arguments).problems.joined();
  INFO(text);
  REQUIRE_FALSE(parsed);
  CHECK(parsed.error().code == code);
  return parsed.error().text();
}

}  // namespace

TEST_CASE("a byte order mark before the first line is skipped, and only there") {
  const auto given = must(
      "\xef\xbb\xbf"
      "FROM scratch\r\nLABEL a=b\r\n");
  REQUIRE(given.size() == 2);
  CHECK(given[0].place.text() == must("FROM scratch\n")[0].place.text());
  CHECK(must("\xef\xbb\xbf# note\nFROM scratch\n").size() == 1);
  refused("FROM scratch\n\xef\xbb\xbfLABEL a=b\n");
}

TEST_CASE("errors name file and line, also below joined lines and comments") {
  CHECK(refused("FROM scratch\n# a note\n\nBREW tea\n").contains("some/Kubefile:4"));
  CHECK(refused("FROM scratch\nCOPY a \\\n  b \\\n  c/\nBREW tea\n").contains("some/Kubefile:5"));
  CHECK(refused("FROM scratch\nFILE \\\n  only-one\n").contains("some/Kubefile:2"));
}

TEST_CASE("comments between joined lines are left out of them") {
  const auto given = must("FROM scratch\nCOPY a \\\n# why b is needed\n  b \\\n  c/\n# the end\n");
  REQUIRE(given.size() == 2);
  CHECK(words_of(given[1]) == std::vector<std::string>{"a", "b", "c/"});
}

TEST_CASE("a word that is nearly right gets a suggestion") {
  CHECK(refused("FROM scratch\nCOPPY a b\n").contains("did you mean COPY?"));
  CHECK(refused("FROM scratch\nFILE --rol=all a /b\n").contains("did you mean --role?"));
  CHECK_FALSE(refused("FROM scratch\nXYZZYPLUGH a b\n").contains("did you mean"));
}

TEST_CASE("FROM comes first, once") {
  CHECK(refused("").contains("some/Kubefile:1"));
  CHECK(refused("COPY a b\nFROM scratch\n").contains("FROM"));
  CHECK(refused("FROM scratch\nFROM scratch\n").contains("some/Kubefile:2: a second FROM"));
  CHECK(must("ARG A=1\nFROM scratch\n").size() == 1);
}

TEST_CASE("REQUIRES takes a name and bounds, with or without blanks between them") {
  const auto lines = must("FROM scratch\nREQUIRES kubernetes >= 1.31, <1.36\nREQUIRES redis-pack\n");
  CHECK(as<resolve::Require>(lines[1]).name.text == "kubernetes");
  CHECK(as<resolve::Require>(lines[1]).versions == ">=1.31 <1.36");
  CHECK(as<resolve::Require>(lines[2]).versions.empty());
  CHECK(refused("FROM scratch\nREQUIRES Kubernets >=1.31\n") ==
        "some/Kubefile:2:10: Kubernets: did you mean kubernetes?");
  CHECK(refused("FROM scratch\nREQUIRES\n").starts_with("some/Kubefile:2: REQUIRES takes"));
  CHECK(refused("FROM scratch\nREQUIRES kubernetes latest\n")
            .starts_with("some/Kubefile:2:21: \"latest\" is no version; write bounds like >=1.31 <1.36"));
}

TEST_CASE("variables come from ARG, --build-arg and ENV") {
  const auto given = must("ARG A=one\nARG B=${A}-two\nFROM ${B}\nENV C=three\nCOPY ${C} ${D:-four}/\n", {{"A", "1"}});
  CHECK(as<From>(given[0]).base.text == "1-two");
  CHECK(words_of(given[2]) == std::vector<std::string>{"three", "four/"});
  CHECK(as<From>(must("ARG A=\nFROM ${A:-x}\n")[0]).base.text == "x");
  CHECK(words_of(must("FROM scratch\nCOPY bin/${ARCH} b\n")[1])[0] == "bin/${ARCH}");
  CHECK(words_of(must("FROM scratch\nCOPY a$${X} $$b\n")[1]) == std::vector<std::string>{"a${X}", "$b"});
  CHECK(refused("FROM ${NOPE}\n").contains("NOPE"));
  CHECK(refused("FROM scratch\nCOPY a$b c\n").contains("some/Kubefile:2:6: \"$\" must begin"));
  CHECK(refused("FROM $A\n").contains("${NAME}"));
  CHECK(refused("FROM ${A\n").contains("some/Kubefile:1"));
  CHECK(refused("ARG A\nFROM ${A}\n", ErrorCode::usage).contains("--build-arg A="));
  CHECK(refused("FROM scratch\n", ErrorCode::usage, {{"TYPO", "1"}}).contains("TYPO"));
}

TEST_CASE("quotes keep blanks together") {
  const auto given = must("FROM scratch\nCOPY 'a b' \"c d\"/ \nLABEL x='1 2' y=\"\"\n");
  CHECK(words_of(given[1]) == std::vector<std::string>{"a b", "c d/"});
  CHECK(as<SetLabels>(given[2]).values == std::map<std::string, std::string>{{"x", "1 2"}, {"y", ""}});
  CHECK(refused("FROM scratch\nCOPY 'a b\n").contains("quote"));
}

TEST_CASE("FILE takes mode, owner, role and template") {
  const auto given = must(
      "FROM scratch\nFILE --role worker --mode=0750 --owner=1:2 --template a /etc/a\nFILE --owner=7 b.tmpl /b\nFILE c /c\n");
  const auto &first = as<PutFile>(given[1]), &second = as<PutFile>(given[2]), &third = as<PutFile>(given[3]);
  CHECK(first.role == format::HostRole::worker);
  CHECK(first.mode == 0750);
  CHECK((first.uid == 1 && first.gid == 2));
  CHECK(first.is_template);
  CHECK((second.uid == 7 && second.gid == 7));
  CHECK(second.is_template);
  CHECK((third.mode == 0644 && third.role == format::HostRole::all && !third.is_template));
  CHECK(refused("FROM scratch\nFILE a relative\n").contains("some/Kubefile:2"));
  CHECK(refused("FROM scratch\nFILE a /../etc/passwd\n").contains("some/Kubefile:2"));
  CHECK(refused("FROM scratch\nFILE a /etc/sealift/pki/ca.crt\n").contains("belongs to Sealift itself"));
  CHECK(refused("FROM scratch\nFILE a /proc/sys/x\n").contains("some/Kubefile:2"));
  CHECK(refused("FROM scratch\nFILE --mode=0688 a /a\n").contains("octal"));
  CHECK(refused("FROM scratch\nFILE --mode=17777 a /a\n").contains("octal"));
  CHECK(refused("FROM scratch\nFILE --owner=root a /a\n").contains("uid:gid"));
  CHECK(as<PutFile>(must("FROM scratch\nFILE --owner=4294967294:4294967294 a /a\n")[1]).gid == 4294967294U);
  for (const char* owner :
       {"4294967295:0", "0:4294967295", "0:4294967296", "1:2:3", "1:", ":1"}) {  // 4294967295: chown changes nothing
    CHECK(refused(base::format("FROM scratch\nFILE --owner={} a /a\n", owner)).contains("uid:gid"));
  }
  CHECK(refused("FROM scratch\nFILE --role=leader a /a\n").contains("control-plane"));
}

TEST_CASE("APP takes a name, sources and NEEDS") {
  const auto given = must("FROM scratch\nCNI net local://n\nAPP erp local://a local://b NEEDS net db\n");
  CHECK(as<AddApp>(given[1]).is_network);
  const auto& erp = as<AddApp>(given[2]);
  CHECK((erp.name.text == "erp" && !erp.is_network));
  CHECK(texts(erp.sources) == std::vector<std::string>{"a", "b"});
  CHECK(texts(erp.needs) == std::vector<std::string>{"net", "db"});
  CHECK(refused("FROM scratch\nAPP Erp local://a\n").contains("Erp"));
  CHECK(refused("FROM scratch\nAPP erp local://a NEEDS\n").contains("NEEDS"));
  CHECK(refused("FROM scratch\nAPP erp\n").contains("local://"));
  CHECK(refused("FROM scratch\nAPP erp charts/erp\n")
            .contains("\"charts/erp\" is no source; for a path write local://charts/erp"));
}

TEST_CASE("APP takes a chart on another machine, alone") {
  for (const std::string address : {"https://h.example/erp-1.2.3.tgz", "oci://r.example/charts/erp:1.2.3",
                                    "repo:https://h.example/charts/erp@1.2.3"}) {
    INFO(address);
    const auto given = must("FROM scratch\nAPP erp " + address + " NEEDS db\n");
    const auto& erp = as<AddApp>(given[1]);
    REQUIRE(erp.remote);
    CHECK(erp.remote->text == address);
    CHECK(refused("FROM scratch\nAPP erp local://a " + address + "\n", ErrorCode::unsupported)
              .contains("beside other sources"));
  }
  CHECK(refused("FROM scratch\nAPP erp oci://r.example/erp\n")
            .contains("Kubefile:2:9: \"oci://r.example/erp\" names no version"));
}

TEST_CASE("ADD takes URLs, COPY does not") {
  const auto given = must("FROM scratch\nADD https://h.example/a.bin local http://127.0.0.1/b bin/\n");
  CHECK(as<Copy>(given[1]).sources.size() == 3);
  CHECK(refused("FROM scratch\nCOPY https://h.example/a bin/\n")
            .contains("Kubefile:2:6: COPY takes files of this machine"));
  CHECK(refused("FROM scratch\nADD ftp://h.example/a bin/\n")
            .contains("Kubefile:2:5: \"ftp://h.example/a\" is not an http"));
}

TEST_CASE("APP takes settings for rendering, a namespace and a release, VALUES its sets") {
  const auto given = must(
      "FROM scratch\nAPP --set a=b --set=c.d=e=f erp local://a RELEASE r-1 NEEDS net NAMESPACE prod\n"
      "VALUES erp one.yaml two.yaml\n");
  const auto& erp = as<AddApp>(given[1]);
  CHECK(texts(erp.settings) == std::vector<std::string>{"a=b", "c.d=e=f"});
  CHECK(erp.target_namespace->text == "prod");
  CHECK(erp.release->text == "r-1");
  CHECK(texts(erp.needs) == std::vector<std::string>{"net"});
  CHECK(texts(erp.sources) == std::vector<std::string>{"a"});
  CHECK(as<resolve::AddValues>(given[2]).app.text == "erp");
  CHECK(texts(as<resolve::AddValues>(given[2]).files) == std::vector<std::string>{"one.yaml", "two.yaml"});
  CHECK(refused("FROM scratch\nAPP --set ab erp local://a\n").contains("Kubefile:2:11: \"ab\" is not key=value"));
  CHECK(refused("FROM scratch\nAPP --sett a=b erp local://a\n").contains("--sett is not known"));
  CHECK(refused("FROM scratch\nAPP erp local://a NAMESPACE\n").contains("must be followed by a namespace"));
  CHECK(refused("FROM scratch\nAPP erp local://a RELEASE -x\n").contains("\"-x\" can't be"));
  CHECK(refused("FROM scratch\nVALUES erp\n").contains("VALUES takes"));
}

TEST_CASE("IGNORE-IMAGE has a pattern and a reason, IMAGE-RULES files") {
  const auto given = must("FROM scratch\nIGNORE-IMAGE quay.io/x/* only for Windows\nimage-rules a.yaml b.yaml\n");
  CHECK(as<resolve::IgnoreImages>(given[1]).pattern.text == "quay.io/x/*");
  CHECK(as<resolve::IgnoreImages>(given[1]).reason == "only for Windows");
  CHECK(texts(as<resolve::AddRules>(given[2]).files) == std::vector<std::string>{"a.yaml", "b.yaml"});
  CHECK(refused("FROM scratch\nIGNORE-IMAGE quay.io/x/*\n").contains("reason"));
}

TEST_CASE("COPY, ADD and IMAGE refuse what they can't do") {
  const auto given = must("FROM scratch\nIMAGE --from=oci:layout redis:7\n");
  CHECK(as<AddImage>(given[1]).from == "oci:layout");
  CHECK(refused("FROM scratch\nCOPY a\n").contains("destination"));
  CHECK(refused("FROM scratch\nCOPY --from=x a b\n").contains("--from"));
  CHECK(refused("FROM scratch\nADD --checksum=md5:00 a b\n").contains("sha256"));
  CHECK(as<AddImage>(must("FROM scratch\nIMAGE list.txt\n")[1]).is_list);
  CHECK_FALSE(as<AddImage>(given[1]).is_list);
}

TEST_CASE("LAUNCH takes one JSON list of texts") {
  CHECK(texts(as<Launch>(must("FROM scratch\nLAUNCH [\"a\", \"b\"]\n")[1]).apps) == std::vector<std::string>{"a", "b"});
  CHECK(refused("FROM scratch\nLAUNCH a b\n").contains("JSON list"));
  CHECK(refused("FROM scratch\nLAUNCH [1]\n").contains("texts"));
  CHECK(refused("FROM scratch\nLAUNCH []\nLAUNCH []\n").contains("some/Kubefile:3"));
}

TEST_CASE("every word knows its line and column, also in joined lines, behind quotes and variables") {
  const auto given = must(
      "ARG A=a-long-value\nFROM scratch\n  APP ${A} local://x \\\n# why\n\t local://'ü b'  NEEDS \\\n db  net\nlaunch [ \"a\\\"b\", \\\n  \"c\" ]\n");
  const auto& app = as<AddApp>(given[1]);
  CHECK(app.name.place.text() == "Kubefile:3:7");
  CHECK(app.sources[0].place.text() == "Kubefile:3:12");
  CHECK(app.sources[1].place.text() == "Kubefile:5:3");
  CHECK(app.needs[0].place.text() == "Kubefile:6:2");
  CHECK(app.needs[1].place.text() == "Kubefile:6:6");
  const auto& launch = as<Launch>(given[2]);
  CHECK(launch.apps[0].text == "a\"b");
  CHECK(launch.apps[0].place.text() == "Kubefile:7:10");
  CHECK(launch.apps[1].place.text() == "Kubefile:8:3");
  CHECK(refused("FROM scratch\nCOPY a 'üü' --x=${NO} b\n").contains("some/Kubefile:2:13: the variable NO"));
  CHECK(refused("FROM scratch\nFILE --mode=0644 --role boss a /a\n").contains("some/Kubefile:2:25: --role"));
  CHECK(refused("FROM scratch\nCOPY a 'b\n").contains("some/Kubefile:2:8: a quote"));
}

TEST_CASE("the table of instructions says which words there are and how each is written") {
  size_t taken = 0;
  for (const auto& verb : resolve::verbs()) {
    INFO(verb.word);
    CHECK(verb.usage.empty() != verb.refused.empty());
    taken += verb.refused.empty() ? 1 : 0;
    const auto text = base::format("FROM scratch\n{}\n", verb.word);
    CHECK_FALSE(refused(text, verb.refused.empty() ? ErrorCode::invalid_input : ErrorCode::unsupported)
                    .contains("is not known"));
  }
  CHECK(taken == 17);
}

TEST_CASE("the options of ADD say how a file is checked, unpacked and for whom it is") {
  const auto given = must(
      "FROM scratch\nADD --checksum=https://e.example/x.sha256 --chmod=755 --platform=linux/arm64 https://e.example/x bin/\n"
      "ADD --unpack --strip=1 --only=a,b* --only c x.tgz bin/\nADD --unpack=false x y\n");
  const auto& download = as<Copy>(given[1]);
  REQUIRE(download.checksums);
  CHECK(download.checksums->text == "https://e.example/x.sha256");
  CHECK_FALSE(download.checksum);
  CHECK(download.mode == 0755U);
  CHECK(download.platform == Architecture::arm64);
  CHECK_FALSE(download.unpack);
  const auto& archive = as<Copy>(given[2]);
  REQUIRE(archive.unpack);
  CHECK(archive.unpack->strip == 1);
  CHECK(texts(archive.unpack->only) == std::vector<std::string>{"a", "b*", "c"});
  CHECK_FALSE(as<Copy>(given[3]).unpack);
}

TEST_CASE("an option of ADD that can't be meant is refused with its place") {
  const auto add = [](const std::string& options) { return refused("FROM scratch\nADD " + options + " x y\n"); };
  CHECK(add("--chmod=0640").starts_with("some/Kubefile:2:5: --chmod must be 0755 or 0644"));
  CHECK(add("--chmod=4755").contains("--chmod must be"));
  CHECK(add("--platform=linux/s390x").contains("--platform must be linux/amd64 or linux/arm64"));
  CHECK(add("--strip=1").contains("--strip is for --unpack"));
  CHECK(add("--only=a").contains("--only is for --unpack"));
  CHECK(add("--unpack --strip=-1").contains("--strip must be a number up to 32"));
  CHECK(add("--unpack --only=a,,b").contains("--only wants names"));
  CHECK(add("--unpack=maybe").contains("--unpack takes no value"));
  CHECK(add("--checksum=https://e.example/sums").contains("is for what is downloaded; write --checksum=sha256:HEX"));
  CHECK(add("--checksum=http:///x").contains("some/Kubefile:2:5: "));
  CHECK(add("--unpak").contains("did you mean --unpack?"));
  CHECK(refused("FROM scratch\nCOPY --unpack x y\n").contains("--unpack is not known here"));
}

TEST_CASE("a URL with a login is refused with its line, and the password is not shown") {
  for (const auto* line :
       {"ADD https://me:secret@h.example/a bin/", "ADD --checksum=https://me:secret@h.example/s https://h.example/a b/",
        "ADD --checksum https://me:secret@h.example/s https://h.example/a b/",
        "APP a https://me:secret@h.example/a.tgz", "APP a repo:https://me:secret@h.example/c/a@1.0.0",
        "APP a oci://me:secret@h.example/c/a:1.0.0", "COPY https://me:secret@h.example/a b",
        "ADD HTTPS://me:secret@h.example/a b", "ADD ftp://secret@h.example/a b",
        "IMAGE https://me:secret@h.example/a:1"}) {
    INFO(line);
    const auto text = refused(base::format("ARG X=1\nFROM scratch\n{}\n", line));
    CHECK(text.contains("Kubefile:3:"));
    CHECK(text.contains("docker login"));
    CHECK_FALSE(text.contains("secret"));
  }
  // what is no login
  must(
      "FROM scratch\nADD https://h.example/a@1?x=b@c bin/\nENV PROXY=http://me:pw@proxy.example\n"
      "APP --set url=https://me:pw@h.example erp local://a@b\nAPP e repo:https://h.example/c/erp@1.0.0\n");
}

TEST_CASE("the first line of another tool's Kubefile names the command that rewrites it") {
  const auto text = refused("FROM scratch\nRUN a\nCMD b\n", ErrorCode::unsupported);
  const size_t first = text.find("sealift convert");
  REQUIRE(first != std::string::npos);
  CHECK(first < text.find("CMD"));
  CHECK(text.find("sealift convert", first + 1) == std::string::npos);
}
