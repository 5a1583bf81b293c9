// SPDX-License-Identifier: Apache-2.0
#include "runtime/ui/progress_model.h"

#include <catch2/catch_test_macros.hpp>

#include "runtime/ui/event_lines.h"

using namespace sealift;
using namespace sealift::ui;

namespace {

Event event(EventKind kind, std::string host, std::string step, std::string message, int64_t second = 0) {
  Event out;
  out.kind = kind;
  out.host = std::move(host);
  out.step = std::move(step);
  out.message = std::move(message);
  out.time = WallTime{Duration{1'000'000 + second * 1000}};
  return out;
}

Event progress(std::string host, std::string step, uint64_t done, uint64_t total) {
  Event out = event(EventKind::progress, std::move(host), std::move(step), {});
  out.done = done;
  out.total = total;
  return out;
}

}  // namespace

TEST_CASE("the picture shows hosts, steps and bytes") {
  ProgressModel model;
  model.on(event(EventKind::phase, "", "", "deliver"));
  model.on(progress("cp1", "", 3, 10));
  model.on(progress("w1", "", 10, 10));
  model.on(event(EventKind::step_started, "cp1", "payload.store", "store the payload"));
  model.on(progress("cp1", "payload.store", 512 << 20, 1 << 30));
  auto lines = picture(model, 79, 24, false);
  REQUIRE(lines.size() == 4);
  CHECK(lines[0] == "deliver (0 s)");
  CHECK(lines[1].starts_with("cp1  3/10    512 MiB of 1.0 GiB store the payload"));
  CHECK(lines[2] == "w1   10/10   ready");
  CHECK(lines[3].starts_with("[###"));
  CHECK(lines[3].ends_with("13/20 steps, 512 MiB of 1.0 GiB"));
}

TEST_CASE("a long step shows how long it takes, a finished one goes away") {
  ProgressModel model;
  model.on(progress("cp1", "", 3, 10));
  model.on(event(EventKind::step_started, "cp1", "kubeadm.init", "start the control plane", 0));
  model.now = WallTime{Duration{1'000'000 + 65'000}};
  CHECK(picture(model, 79, 24, false)[1].contains("start the control plane, 1:05 min"));
  model.on(event(EventKind::step_finished, "cp1", "kubeadm.init", ""));
  CHECK(picture(model, 79, 24, false)[1].contains("waits"));
}

TEST_CASE("never wider or longer than the terminal, whatever the hosts are called") {
  ProgressModel model;
  for (int i = 0; i < 100; ++i) {
    std::string name = "host-" + std::string(40, 'x') + std::to_string(i);
    model.on(progress(name, "", 1, 20));
    model.on(event(EventKind::step_started, name, "s",
                   "do something that has a very long description indeed, longer than a line"));
  }
  for (size_t columns : std::initializer_list<size_t>{20, 40, 79, 200}) {
    for (size_t rows : std::initializer_list<size_t>{3, 10, 24}) {
      auto lines = picture(model, columns, rows, false);
      CHECK(lines.size() <= rows);
      for (const auto& line : lines) CHECK(line.size() <= columns);
    }
  }
  auto lines = picture(model, 79, 10, false);
  CHECK(lines[8] == "... and 93 more hosts");
}

TEST_CASE("colour only when asked for") {
  ProgressModel model;
  model.on(progress("w1", "", 10, 10));
  for (const auto& line : picture(model, 79, 24, false)) CHECK_FALSE(line.contains('\033'));
  bool any = false;
  for (const auto& line : picture(model, 79, 24, true)) any = any || line.contains('\033');
  CHECK(any);
}

TEST_CASE("plain lines say what a log needs") {
  CHECK(event_line(event(EventKind::step_started, "w1", "kubeadm.join", "join the cluster"), Verbosity::normal) ==
        "w1: join the cluster");
  CHECK(event_line(event(EventKind::step_skipped, "w1", "x", ""), Verbosity::normal).empty());
  CHECK(event_line(event(EventKind::step_skipped, "w1", "x", ""), Verbosity::verbose) == "w1: x: nothing to do");
  CHECK(event_line(event(EventKind::step_failed, "w1", "x", "no space"), Verbosity::normal) ==
        "w1: error: x: no space");
  CHECK(event_line(event(EventKind::host_aside, "w1", "", "no answer"), Verbosity::normal) ==
        "w1: set aside: no answer");
}
