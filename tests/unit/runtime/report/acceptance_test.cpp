// SPDX-License-Identifier: Apache-2.0
#include "runtime/report/acceptance.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cstdlib>

#include "payload/base/file.h"
#include "payload/base/format.h"
#include "payload/json/value.h"
#include "tests/support/source_tree.h"
#include "tests/unit/runtime/report/acceptance_example.h"

using namespace sealift;
using Standing = report::Acceptance::Standing;

namespace {

// SEALIFT_ACCEPT=1 writes it.
void check_golden(const std::string& name, const std::string& text) {
  const std::string path = tests::source_path("tests/golden/report/" + name);
  if (std::getenv("SEALIFT_ACCEPT") != nullptr) REQUIRE(base::write_file_atomic(path, base::as_bytes(text), 0644));
  CHECK(base::read_text_file(path, size_t{1} << 22) == text);
}

size_t count_of(std::string_view text, std::string_view word) {
  size_t out = 0;
  for (size_t at = text.find(word); at != std::string_view::npos; at = text.find(word, at + word.size())) ++out;
  return out;
}

const report::Acceptance::Host& host_named(const report::Acceptance& report, std::string_view name) {
  return *std::ranges::find(report.hosts, name, &report::Acceptance::Host::name);
}
const report::Acceptance::Application& app_named(const report::Acceptance& report, std::string_view name) {
  return *std::ranges::find(report.applications, name, &report::Acceptance::Application::name);
}

}  // namespace

TEST_CASE("acceptance: the three formats") {
  const auto acceptance = tests::AnAcceptance().acceptance();
  check_golden("acceptance.html", report::to_html(acceptance));
  check_golden("acceptance.json", report::to_json(acceptance));
  check_golden("acceptance.xml", report::to_junit(acceptance));
}

TEST_CASE("acceptance: what fails first, then warnings, what is waived, what is in order") {
  const auto acceptance = tests::AnAcceptance().acceptance();
  CHECK(acceptance.count(Standing::fail) == 2);
  CHECK(acceptance.count(Standing::warn) == 1);
  CHECK(acceptance.count(Standing::waived) == 1);
  CHECK(acceptance.checks[0].id == "host.answers");
  CHECK(acceptance.checks[2].standing == Standing::warn);
  CHECK(acceptance.checks[3].standing == Standing::waived);
  CHECK(acceptance.checks[3].reason.contains("order 4711"));
  CHECK(acceptance.checks[4].standing == Standing::ok);
  REQUIRE(acceptance.waivers.size() == 2);
  CHECK(acceptance.waivers[0].id == "disk.forecast");
  CHECK(acceptance.waivers[0].findings == 0);
  CHECK(acceptance.waivers[1].findings == 1);  // what is well needs no waiver
}

TEST_CASE("acceptance: a failure that is waived is none any more") {
  tests::AnAcceptance example;
  example.waivers = {{"host.answers", "w5 is delivered in spring"}, {"app.healthy", "known"}};
  const auto acceptance = example.acceptance();
  CHECK(acceptance.count(Standing::fail) == 0);
  CHECK(acceptance.count(Standing::waived) == 2);
  CHECK(report::verdict_sentence(acceptance).starts_with("The cluster is as it should be: none of "));
  CHECK(report::verdict_sentence(acceptance).ends_with(", 2 warnings, 2 findings waived."));
  const auto junit = report::to_junit(acceptance);
  CHECK(junit.contains("failures=\"0\" skipped=\"2\""));
  CHECK(junit.contains("<skipped message=\"waived: w5 is delivered in spring; does not answer"));
  CHECK_FALSE(junit.contains("<failure"));
}

TEST_CASE("acceptance: hosts are what they say, and have what was done on them") {
  const auto acceptance = tests::AnAcceptance().acceptance();
  const auto& cp1 = host_named(acceptance, "cp1");
  CHECK(cp1.system == "Debian GNU/Linux 12 (bookworm)");
  CHECK(cp1.kernel == "6.1.0-28-amd64");
  CHECK(cp1.cpus == 4);
  CHECK(cp1.skipped == 2);
  CHECK(cp1.done == 3 + 38);
  CHECK(cp1.not_done == 1);
  CHECK(host_named(acceptance, "w1").not_done == 1);
  CHECK(host_named(acceptance, "w2").standing == Standing::warn);
  const auto& w5 = host_named(acceptance, "w5");
  CHECK(w5.standing == Standing::fail);
  CHECK(w5.away.contains("no route"));
  CHECK(w5.cpus == 0);
  CHECK(w5.planned() == 0);
}

TEST_CASE("acceptance: applications, wanted or not") {
  const auto acceptance = tests::AnAcceptance().acceptance();
  CHECK(app_named(acceptance, "app-13").standing == Standing::fail);
  CHECK(app_named(acceptance, "app-13").status == "failed");
  CHECK(app_named(acceptance, "app-01").standing == Standing::ok);
  CHECK(app_named(acceptance, "app-01").took_ms == 1'700);
  CHECK(app_named(acceptance, "app-01").release == "app-01");
  CHECK(app_named(acceptance, "app-04").release.empty());  // manifests
  CHECK_FALSE(app_named(acceptance, "app-40").is_wanted);
  CHECK(app_named(acceptance, "calico").is_network);
  CHECK(app_named(acceptance, "calico").is_wanted);
}

TEST_CASE("acceptance: the last delivery is the last apply or join") {
  tests::AnAcceptance example;
  example.journal.runs.push_back({.number = 3, .command = "remove", .finish = "complete"});
  const auto acceptance = example.acceptance();
  REQUIRE(acceptance.journal.delivery);
  CHECK(acceptance.journal.delivery->number == 2);
  CHECK(acceptance.journal.delivery->took_ms == (40 * 60 + 11) * 1000 + 250);
  CHECK(acceptance.journal.runs.size() == 3);
  CHECK_FALSE(acceptance.journal.runs.back().took_ms);  // it has no times
}

TEST_CASE("acceptance: without a journal, without a history, without a cluster") {
  tests::AnAcceptance example;
  example.journal = {};
  auto input = example.input();
  input.history = fail(ErrorCode::not_found, "no control plane answers");
  auto acceptance = report::make_acceptance(input).value();
  CHECK_FALSE(acceptance.journal.delivery);
  auto html = report::to_html(acceptance);
  CHECK(html.contains("this machine has no journal of the cluster"));
  CHECK(html.contains("Not known: no control plane answers"));
  input.journal = fail(ErrorCode::unsupported_version, "written by another version");
  CHECK(report::to_html(report::make_acceptance(input).value()).contains("written by another version"));
  input.look = nullptr;
  acceptance = report::make_acceptance(input).value();
  CHECK(report::verdict_sentence(acceptance) ==
        "No cluster is there yet; 2 of 64 checks stand in the way of its delivery, 1 warning, 1 finding waived.");
  CHECK(acceptance.hosts.empty() == example.config.hosts.empty());
  CHECK(json::parse(report::to_json(acceptance))->boolean_or("delivered", true) == false);
}

TEST_CASE("acceptance: an application that cluster.yaml names wrongly is an error") {
  tests::AnAcceptance example;
  example.contents.apps.erase(example.contents.apps.begin() + 1);
  example.config.applications.push_back({.name = "app-02", .values_set = "none-such.yaml"});
  CHECK_FALSE(report::make_acceptance(example.input()));
}

TEST_CASE("acceptance: hostile names stay text") {
  tests::AnAcceptance example;
  const std::string hostile = "<script>alert('1')</script>\"&\x1b[31m\xe2\x80\xae\xff";
  example.config.name = hostile;
  example.config.kept = "a: " + hostile + "\nb: 1\n";
  example.contents.name = hostile;
  example.contents.apps[1].name = hostile;
  example.contents.images[0].name = hostile;
  example.look.hosts[0].name = hostile;
  example.look.hosts[1].away = Error{ErrorCode::unreachable, hostile, {}};
  example.found[0] = {hostile, hostile, inspection::Verdict::fail, hostile, hostile};
  example.found[1] = {hostile, hostile, inspection::Verdict::ok, hostile, ""};
  example.waivers["etcd.fsync"] = hostile;
  example.history[0].by = example.history[0].when = example.history[0].apps[0].change = hostile;
  for (auto& step : example.journal.runs[1].steps) step.error = step.status = step.host = hostile;
  example.journal.runs[1].time = example.journal.runs[1].artifact_name = hostile;
  auto input = example.input();
  input.title = input.by = hostile;
  const auto acceptance = report::make_acceptance(input).value();
  for (const auto& text : {report::to_html(acceptance), report::to_json(acceptance), report::to_junit(acceptance)}) {
    CHECK_FALSE(text.contains('\x1b'));
    CHECK_FALSE(text.contains("\xe2\x80\xae"));
    CHECK_FALSE(text.contains('\xff'));
  }
  const auto html = report::to_html(acceptance);
  CHECK_FALSE(html.contains("<script"));
  CHECK(count_of(html, "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&quot;&amp;") > 20);
  CHECK(json::parse(report::to_json(acceptance)).has_value());
  CHECK_FALSE(report::to_junit(acceptance).contains("<script"));
}

TEST_CASE("acceptance: the HTML needs nothing from elsewhere, and its elements are closed") {
  const auto html = report::to_html(tests::AnAcceptance().acceptance());
  for (const auto* word :
       {"<script", "src=", "<link", "@import", "url(", "http://", "https://", "<img", "javascript:"}) {
    INFO(word);
    CHECK_FALSE(html.contains(word));
  }
  for (const std::string_view element : {"table", "tr", "td", "th", "dl", "dt", "dd", "div", "section", "span", "p",
                                         "h2", "h3", "main", "pre", "b", "nav", "header"}) {
    INFO(element);
    CHECK(count_of(html, base::format("<{}>", element)) + count_of(html, base::format("<{} ", element)) ==
          count_of(html, base::format("</{}>", element)));
  }
}

TEST_CASE("acceptance: each printed page says which report it is of, in CSS that no name can end") {
  tests::AnAcceptance example;
  const auto foot = [](const tests::AnAcceptance& of) {
    const auto html = report::to_html(of.acceptance());
    const size_t begin = html.rfind("@page { @bottom-left"), end = html.find('\n', begin);
    return html.substr(begin, end - begin);
  };
  CHECK(foot(example) == base::format("@page {{ @bottom-left {{ content: \"Acceptance report · plant7 · {} · "
                                      "2026-11-28T17:30:00.000Z\"; }} }}",
                                      tests::AnAcceptance::identity().substr(0, 19)));
  example.config.name = "\"; } body { display: none";
  CHECK_FALSE(foot(example).contains("display"));
}

TEST_CASE("acceptance: three hundred applications on a hundred hosts stay a document that a browser likes") {
  tests::AnAcceptance example;
  auto& run = example.journal.runs[1];
  const auto few = run.steps;
  for (int i = 0; i < 100; ++i) {
    auto& host = example.look.hosts.emplace_back(example.look.hosts[4]);
    host.name = base::format("worker-{:03}", i);
    for (size_t k = 0; k < 40; ++k)
      run.steps.push_back(
          {.host = host.name, .step = base::format("step-{}", k), .status = "done", .took_ms = 900 + k});
    for (const auto* id : {"host.answers", "host.units", "mirror.images", "names.hosts", "drift.files"})
      example.found.push_back({id, host.name, inspection::Verdict::ok, "as it should be", ""});
  }
  for (int i = 100; i < 400; ++i) {
    auto& app = example.contents.apps.emplace_back(example.contents.apps[1]);
    app.name = base::format("app-{}", i);
    example.config.apps->push_back(app.name);
    run.steps.push_back({.host = "cp1", .step = "app." + app.name, .status = "done", .took_ms = 9'000});
    example.found.push_back({"app.healthy", app.name, inspection::Verdict::ok, "3 objects are as they should be", ""});
  }
  for (int i = 0; i < 20; ++i)
    example.found.push_back({"certificates.kubernetes", base::format("a-worker-with-a-long-name-{}.plant7.lan", i),
                             inspection::Verdict::fail,
                             "the certificate of the kubelet has ended " + std::string(300, 'x'), "deliver again"});
  const auto html = report::to_html(example.acceptance());
  CHECK(html.contains("And 18 more, in section 3."));
  CHECK(html.contains("left 2 steps undone"));
  CHECK(html.size() < 500'000);
  CHECK(count_of(html, "<tr>") < 1'200);
  if (const auto* file = std::getenv("SEALIFT_LARGE_REPORT"))  // to be looked at
    REQUIRE(base::write_file_atomic(file, base::as_bytes(html), 0644));
}

TEST_CASE("acceptance: the format is told by the ending") {
  CHECK(report::acceptance_format("a.html") == report::AcceptanceFormat::html);
  CHECK(report::acceptance_format("x/A.JSON") == report::AcceptanceFormat::json);
  CHECK(report::acceptance_format("a.xml") == report::AcceptanceFormat::junit);
  for (const auto* bad : {"a.pdf", "html", "a.html.gz", ""})
    CHECK(report::acceptance_format(bad).error().code == ErrorCode::usage);
}

TEST_CASE("acceptance: a waiver for one host leaves the same finding of others alone, and its own reason wins") {
  tests::AnAcceptance example;
  const auto failing = example.acceptance().checks[0];
  REQUIRE(failing.id == "host.answers");
  example.waivers = {{"host.answers@elsewhere", "not this one"}};
  CHECK(example.acceptance().checks[0].standing == Standing::fail);
  example.waivers["host.answers@" + failing.subject] = "in spring";
  example.waivers["host.answers"] = "all of them";
  const auto acceptance = example.acceptance();
  CHECK(std::ranges::any_of(acceptance.checks, [&](const auto& one) {
    return one.id == failing.id && one.subject == failing.subject && one.reason == "in spring";
  }));
  for (const auto& waiver : acceptance.waivers)
    CHECK(waiver.findings == (waiver.id == "host.answers@" + failing.subject ? 1 : 0));
  CHECK(report::to_junit(acceptance).contains("waived: in spring;"));
}

TEST_CASE("acceptance: only what checks find can be waived") {
  CHECK(report::parse_waiver("disk.space= a larger one = ordered ").value() ==
        std::pair<std::string, std::string>("disk.space", "a larger one = ordered"));
  CHECK(report::parse_waiver("network.route=x").has_value() == report::parse_waiver("network.route=y").has_value());
  CHECK(report::parse_waiver("site=x").has_value());
  CHECK(report::parse_waiver("disk.space@w1 = ordered")->first == "disk.space@w1");
  CHECK(report::parse_waiver("disk.spaces=x").error().what.contains("did you mean disk.space?"));
  for (const auto* bad :
       {"disk.space", "disk.space=", "disk.space=  ", "=x", "nonsense=x", "disk.space@=x", "@w1=x", "nonsense@w1=x"}) {
    INFO(bad);
    CHECK(report::parse_waiver(bad).error().code == ErrorCode::usage);
  }
}
