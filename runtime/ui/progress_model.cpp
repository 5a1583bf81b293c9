// SPDX-License-Identifier: Apache-2.0
#include "runtime/ui/progress_model.h"
#include "payload/base/count.h"

#include <algorithm>

#include "payload/base/format.h"
#include "payload/base/text.h"
#include "payload/console/output.h"

namespace sealift::ui {
namespace {

constexpr std::string_view kGreen = "\033[32m", kRed = "\033[31m", kYellow = "\033[33m", kBold = "\033[1m",
                           kPlain = "\033[0m";

std::string coloured(std::string text, std::string_view with, bool colour) {
  if (!colour) return text;
  return std::string(with) + text + std::string(kPlain);
}

std::string bar(uint64_t done, uint64_t total, size_t width) {
  if (width < 3) return {};
  size_t inner = width - 2;
  size_t filled = total == 0 ? 0
                             : static_cast<size_t>(static_cast<double>(std::min(done, total)) /
                                                   static_cast<double>(total) * static_cast<double>(inner));
  return "[" + std::string(filled, '#') + std::string(inner - filled, '.') + "]";
}

int rank(const HostProgress& host) {
  if (!host.active.empty()) return 0;
  if (host.failed) return 1;
  if (host.aside) return 2;
  return host.ended < host.total ? 3 : 4;
}

std::string what_it_does(const HostProgress& host, WallTime now) {
  if (host.active.empty()) {
    if (host.failed) return "failed";
    if (host.aside) return "set aside";
    return host.ended >= host.total ? "ready" : "waits";
  }
  std::string out;
  for (const ActiveStep& step : host.active) {
    if (!out.empty()) out += "; ";
    out += step.description.empty() ? step.id : step.description;
    if (step.total != 0) {
      out = base::format("{} of {} {}", base::human_bytes(step.done), base::human_bytes(step.total), out);
    } else if (auto took = (now - step.since).count(); took >= 5000) {
      out = base::format("{}, {}", out, console::human_duration(took));
    }
  }
  return out;
}

}  // namespace

void ProgressModel::on(const Event& event) {
  now = std::max(now, event.time);
  if (began == WallTime{}) began = event.time;
  if (event.kind == EventKind::phase) phase = event.message;
  if (event.host.empty()) return;
  auto find = [&](HostProgress& host) {
    return std::ranges::find_if(host.active, [&](const ActiveStep& step) { return step.id == event.step; });
  };
  auto leave = [&](HostProgress& host) {
    std::erase_if(host.active, [&](const ActiveStep& step) { return step.id == event.step; });
  };
  switch (event.kind) {
    case EventKind::step_started: {
      HostProgress& host = hosts[event.host];
      leave(host);
      host.active.push_back({event.step, event.message, 0, 0, event.time});
      break;
    }
    case EventKind::step_skipped:
    case EventKind::step_finished: leave(hosts[event.host]); break;
    case EventKind::step_failed:
      leave(hosts[event.host]);
      hosts[event.host].failed = true;
      break;
    case EventKind::host_aside: hosts[event.host].aside = true; break;
    case EventKind::progress: {
      HostProgress& host = hosts[event.host];
      if (event.step.empty()) {
        host.ended = event.done;
        host.total = event.total;
      } else if (auto step = find(host); step != host.active.end()) {
        step->done = event.done;
        step->total = event.total;
      } else {
        host.active.push_back({event.step, event.step, event.done, event.total, event.time});
      }
      break;
    }
    case EventKind::phase:
    case EventKind::message:
    case EventKind::finding: break;
  }
}

std::vector<std::string> picture(const ProgressModel& model, size_t columns, size_t rows, bool colour) {
  std::vector<std::string> out;
  if (columns < 20 || rows < 3) return out;
  uint64_t ended = 0, total = 0, bytes = 0, bytes_total = 0;
  size_t widest = 4;
  std::vector<std::pair<std::string, const HostProgress*>> hosts;
  for (const auto& [name, host] : model.hosts) {
    hosts.emplace_back(name, &host);
    widest = std::max(widest, name.size());
    ended += host.ended;
    total += host.total;
    for (const ActiveStep& step : host.active) {
      bytes += step.done;
      bytes_total += step.total;
    }
  }
  widest = std::min(widest, columns / 4);
  std::ranges::stable_sort(hosts, {}, [](const auto& entry) { return rank(*entry.second); });
  out.push_back(coloured(console::fit(base::format("{} ({})", model.phase.empty() ? "working" : model.phase,
                                                   console::human_duration((model.now - model.began).count())),
                                      columns),
                         kBold, colour));
  size_t room = rows - 2;
  size_t shown = hosts.size() <= room ? hosts.size() : room - 1;
  for (size_t i = 0; i < shown; ++i) {
    const HostProgress& host = *hosts[i].second;
    std::string count = console::pad(base::format("{}/{}", host.ended, host.total), 7);
    std::string text = console::fit(what_it_does(host, model.now), columns - widest - 10);
    std::string_view tint = host.failed                                       ? kRed
                            : host.aside                                      ? kYellow
                            : host.active.empty() && host.ended >= host.total ? kGreen
                                                                              : kPlain;
    out.push_back(console::pad(hosts[i].first, widest) + " " + count + " " + coloured(text, tint, colour));
  }
  if (shown < hosts.size())
    out.push_back(console::fit(
        base::format("... and {}", base::counted(hosts.size() - shown, "more host", "more hosts")), columns));
  std::string right = base::format(" {}/{} steps", ended, total);
  if (bytes_total != 0) right += base::format(", {} of {}", base::human_bytes(bytes), base::human_bytes(bytes_total));
  size_t width = columns > right.size() + 10 ? columns - right.size() : 0;
  out.push_back(console::fit(bar(ended, total, width) + right, columns));
  return out;
}

}  // namespace sealift::ui
