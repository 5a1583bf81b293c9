// SPDX-License-Identifier: Apache-2.0
//
// The acceptance report as one HTML file. Whatever a text holds, it gets there through escaped().
#include <algorithm>
#include <map>

#include "payload/base/count.h"
#include "payload/base/format.h"
#include "payload/base/printable.h"
#include "payload/base/text.h"
#include "payload/console/output.h"
#include "runtime/report/acceptance.h"
#include "runtime/report/acceptance_style.h"

namespace sealift::report {
namespace {

using Standing = Acceptance::Standing;

constexpr size_t kOpenPoints = 6;  // as many as the first page has room for beside the signatures

std::string marked_up(std::string_view printable) {
  std::string out;
  for (const char c : printable) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      case '\'': out += "&#39;"; break;
      default: out += c;
    }
  }
  return out;
}

std::string escaped(std::string_view text) { return marked_up(base::printable(text, SIZE_MAX)); }
std::string code(std::string_view text) { return base::format("<span class=\"code\">{}</span>", escaped(text)); }
std::string small(std::string_view text) { return base::format("<span class=\"small\">{}</span>", escaped(text)); }
std::string or_dash(const std::string& text) { return text.empty() ? "–" : escaped(text); }

// "2026-01-31 12:00:00 UTC"; what is no time as it is.
std::string time(const std::string& iso) {
  if (iso.size() < 20 || iso[10] != 'T' || iso.back() != 'Z') return or_dash(iso);
  return escaped(iso.substr(0, 10) + " " + iso.substr(11, 8) + " UTC");
}

std::string duration(uint64_t ms) {
  if (ms < 1'000) return base::format("{} ms", ms);
  if (ms < 10'000) return base::format("{}.{} s", ms / 1'000, ms % 1'000 / 100);
  return console::human_duration(static_cast<long long>(ms));
}

std::string state(Standing standing) {
  if (standing == Standing::unknown) return "–";
  const auto word = name(standing);
  auto shown = std::string(word);
  if (standing != Standing::ok) std::ranges::transform(shown, shown.begin(), [](char c) { return c - 'a' + 'A'; });
  return base::format("<span class=\"state {}\">{}</span>", word, shown);
}

// The words for what became of a step, or of a run.
std::string in_words(const std::string& status) {
  if (status.empty()) return "did not end";
  if (status == "skipped") return "was so already";
  if (status == "begun") return "begun, did not end";
  return base::replace_all(status, "_", " ");
}

std::string titled(const std::string& name, const std::string& version, const std::string& identity) {
  if (name.empty()) return identity.substr(0, 19);
  return version.empty() ? name : name + " " + version;
}

// Of the given parts those that are not empty.
std::string joined(const std::vector<std::string>& parts, std::string_view separator = ", ") {
  std::vector<std::string> there;
  std::ranges::copy_if(parts, std::back_inserter(there), [](const auto& part) { return !part.empty(); });
  return base::join(there, separator);
}

class Page {
 public:
  explicit Page(const Acceptance& report) : report_(report) {}

  std::string text() {
    out_ = base::format(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        "<title>{}: {}</title>\n<style>{}{}</style>\n</head>\n<body>\n<main>\n",
        escaped(report_.title), escaped(report_.cluster), kAcceptanceStyle, foot());
    first_page();
    hosts();
    applications();
    checks();
    delivery();
    images();
    configuration();
    steps();
    out_ += "</main>\n</body>\n</html>\n";
    return std::move(out_);
  }

 private:
  // Of each printed page, so that none gets into another report. It is CSS: only what needs no escape there.
  std::string foot() const {
    constexpr size_t kEnough = 19;  // "sha256:" and twelve digits
    const auto safe = [](std::string_view text) {
      return !text.empty() && std::ranges::all_of(text, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
               c == ':';
      });
    };
    std::string text = "Acceptance report";
    for (const auto& part : {report_.cluster, report_.artifact.identity.substr(0, kEnough), report_.at}) {
      if (safe(part)) text += " · " + part;
    }
    return base::format("@page {{ @bottom-left {{ content: \"{}\"; }} }}\n", text);
  }
  void line(std::string_view html) { out_ += std::string(html) + "\n"; }
  void paragraph(const std::string& text) { line(base::format("<p>{}</p>", escaped(text))); }
  void section(std::string_view id, std::string_view heading, bool new_page = false) {
    line(base::format("<h2 id=\"{}\"{}>{}</h2>", id, new_page ? " class=\"page\"" : "", heading));
  }
  // `heads`: "|Role" is a column as narrow as its text, "20%Host" one of about that part of the table's width
  // (acceptance_style.h has the classes).
  void begin_table(std::initializer_list<std::string_view> heads) {
    columns_.clear();
    out_ += "<table>\n<thead><tr>";
    for (auto head : heads) {
      const size_t percent = head.find('%');
      if (head.starts_with('|')) {
        columns_.emplace_back(" class=\"narrow\"");
        head.remove_prefix(1);
      } else if (percent != std::string_view::npos) {
        columns_.push_back(base::format(" class=\"w{}\"", head.substr(0, percent)));
        head.remove_prefix(percent + 1);
      } else {
        columns_.emplace_back();
      }
      out_ += base::format("<th scope=\"col\"{}>{}</th>", columns_.back(), head);
    }
    line("</tr></thead>\n<tbody>");
  }
  void row(const std::vector<std::string>& cells) {
    out_ += "<tr>";
    for (size_t i = 0; i < cells.size(); ++i) out_ += base::format("<td{}>{}</td>", columns_[i], cells[i]);
    line("</tr>");
  }
  void end_table() { line("</tbody>\n</table>"); }
  void term(std::string_view name, const std::string& html) {
    line(base::format("<dt>{}</dt><dd>{}</dd>", name, html));
  }

  void first_page() {
    const auto& artifact = report_.artifact;
    line("<header>");
    line(base::format("<p class=\"heading\">{}</p>\n<h1>Cluster {}</h1>", escaped(report_.title),
                      escaped(report_.cluster)));
    line(base::format("<p class=\"subtitle\">{}</p>\n</header>",
                      escaped(titled(artifact.name, artifact.version, artifact.identity))));
    const auto worst = report_.count(Standing::fail) != 0   ? Standing::fail
                       : report_.count(Standing::warn) != 0 ? Standing::warn
                                                            : Standing::ok;
    line(base::format("<div class=\"verdict {}\">{}<span>{}</span></div>", name(worst), state(worst),
                      escaped(verdict_sentence(report_))));
    out_ += "<div class=\"sums\">";
    for (const auto& [standing, word] : {std::pair(Standing::fail, "failed"), std::pair(Standing::warn, "warnings"),
                                         std::pair(Standing::waived, "waived"), std::pair(Standing::ok, "in order")})
      out_ += base::format("<div><b>{}</b><span>{}</span></div>", report_.count(standing), word);
    line("</div>");
    summary();
    open_points();
    signatures();
    line(
        "<nav><a href=\"#hosts\">1 Hosts</a><a href=\"#applications\">2 Applications</a><a href=\"#checks\">3 Checks</a>"
        "<a href=\"#delivery\">4 Delivery</a><a href=\"#images\">A Images</a><a href=\"#configuration\">B "
        "Configuration</a><a href=\"#steps\">C Steps</a></nav>");
  }

  void summary() {
    const auto& artifact = report_.artifact;
    const auto roles = [&](std::string_view role) {
      return static_cast<size_t>(std::ranges::count(report_.hosts, role, &Acceptance::Host::role));
    };
    const auto wanted = std::ranges::count(report_.applications, true, &Acceptance::Application::is_wanted);
    line("<dl>");
    term("Artifact", joined({escaped(titled(artifact.name, artifact.version, artifact.identity)),
                             escaped(base::human_bytes(artifact.payload_bytes)),
                             artifact.made_by.empty() ? "" : "packed by " + escaped(artifact.made_by)}));
    term("Identity", code(artifact.identity));
    if (!artifact.kubernetes.empty()) term("Kubernetes", escaped(artifact.kubernetes));
    term("Hosts", escaped(base::format("{}: {}, {}", report_.hosts.size(),
                                       base::counted(roles("control-plane"), "control plane", "control planes"),
                                       base::counted(roles("worker"), "worker", "workers"))));
    term("Contents", escaped(base::format("{} applications, {} of them wanted here; {}", report_.applications.size(),
                                          wanted, base::counted(report_.images.size(), "image", "images"))));
    if (!report_.history.empty()) {
      const auto& last = report_.history.front();
      term("Delivered",
           base::format("{} by {}, {}", time(last.when), or_dash(last.by), escaped(in_words(last.result))));
    }
    if (const auto& run = report_.journal.delivery)
      term("Last run here", base::format("{}, {}{}", time(run->at), escaped(in_words(run->result)),
                                         run->took_ms ? ", took " + duration(*run->took_ms) : ""));
    term("Journal", report_.journal.digest.empty() ? escaped(report_.journal.trouble) : code(report_.journal.digest));
    term("Report", base::format("{} by {}, with {}", time(report_.at), or_dash(report_.by), escaped(report_.with)));
    line("</dl>");
  }

  // So that nobody signs without having seen them.
  void open_points() {
    std::vector<const Acceptance::Check*> open;
    for (const auto& check : report_.checks) {
      if (check.standing != Standing::ok) open.push_back(&check);
    }
    const auto& steps = report_.journal.steps;
    const auto not_done = steps.size() - static_cast<size_t>(std::ranges::count_if(steps, &Acceptance::Step::is_done));
    if (open.empty() && not_done == 0) return;
    line("<h3>Open points</h3>");
    if (!open.empty()) begin_table({"|", "|Check", "20%About", "What was seen"});
    for (size_t i = 0; i < std::min(open.size(), kOpenPoints); ++i)
      row({state(open[i]->standing), escaped(open[i]->id), escaped(base::printable(open[i]->subject, 40)),
           escaped(base::printable(open[i]->evidence, 80))});
    if (!open.empty()) end_table();
    if (open.size() > kOpenPoints) paragraph(base::format("And {} more, in section 3.", open.size() - kOpenPoints));
    if (not_done != 0)
      paragraph(base::format("The last delivery from this machine left {} undone: section 4.",
                             base::counted(not_done, "step", "steps")));
  }

  void signatures() {
    line("<div class=\"remarks\"><div class=\"line\">Remarks</div><div class=\"line\"></div></div>");
    line("<div class=\"sign\">");
    for (const auto* side : {"For the supplier", "For the customer"}) {
      line(
          base::format("<section><h3>{}</h3><div class=\"line\">Name</div><div class=\"line\">Place, date</div>"
                       "<div class=\"line signature\">Signature</div></section>",
                       side));
    }
    line("</div>");
  }

  void hosts() {
    section("hosts", "1 Hosts", true);
    begin_table({"16%Host", "|Role", "16%Machine", "System", "20%Last delivery", "|State"});
    for (const auto& host : report_.hosts) {
      const auto machine = host.cpus == 0
                               ? host.architecture
                               : base::format("{}, {}, {}", host.architecture, base::counted(host.cpus, "CPU", "CPUs"),
                                              base::human_bytes(host.memory_bytes));
      auto steps = host.planned() == 0 ? std::string("–")
                                       : base::format("{} of {} steps", host.done + host.skipped, host.planned());
      if (host.skipped != 0) steps += base::format(" ({} were so already)", host.skipped);
      if (host.planned() != 0) steps += ", " + duration(host.took_ms);
      auto system = joined({escaped(host.system), host.kernel.empty() ? "" : "Linux " + escaped(host.kernel)});
      const auto parts = joined({host.kubelet.empty() ? "" : "kubelet " + host.kubelet, host.runtime});
      if (!parts.empty()) system += "<br>" + small(parts);
      if (!host.away.empty()) system = "not seen: " + escaped(base::printable(host.away, 300));
      row({base::format("<b>{}</b>{}", escaped(host.name),
                        host.address == host.name ? "" : "<br>" + small(host.address)),
           escaped(host.role), or_dash(machine), system.empty() ? "–" : system, steps, state(host.standing)});
    }
    end_table();
    line(
        "<p class=\"small\">Last delivery: what was planned for the host and done, and the sum of the steps' times; steps of "
        "several hosts run at the same time.</p>");
  }

  void applications() {
    section("applications", "2 Applications");
    std::vector<std::string> others;
    begin_table({"30%Application", "16%Kind", "24%Namespace", "Last delivery", "|State"});
    for (const auto& app : report_.applications) {
      if (!app.is_wanted) {
        others.push_back(app.name);
        continue;
      }
      const auto last = app.status.empty() ? std::string("–") : in_words(app.status) + ", " + duration(app.took_ms);
      row({base::format("<b>{}</b>{}", escaped(app.name), app.is_network ? " " + small("pod network") : ""),
           escaped(joined({app.kind, app.version}, " ")),
           escaped(app.target_namespace) +
               (app.release.empty() || app.release == app.name ? "" : "<br>" + small("release " + app.release)),
           escaped(last), state(app.standing)});
    }
    end_table();
    if (!others.empty()) paragraph("In the artifact, and not wanted here: " + base::join(others, ", ") + ".");
  }

  void checks() {
    section("checks", "3 Checks", true);
    paragraph(base::format("Looked at {} things in {}, on {}.", report_.checks.size(), duration(report_.took_ms),
                           time(report_.at)));
    ill("Failed", Standing::fail);
    ill("Warnings", Standing::warn);
    waived();
    well();
  }

  void ill(std::string_view heading, Standing standing) {
    line(base::format("<h3>{} ({})</h3>", heading, report_.count(standing)));
    if (report_.count(standing) == 0) return paragraph("None.");
    begin_table({"|", "|Check", "20%About", "What was seen"});
    for (const auto& check : report_.checks) {
      if (check.standing != standing) continue;
      row({state(standing), escaped(check.id), escaped(check.subject),
           escaped(check.evidence) + (check.remedy.empty() ? ""
                                                           : base::format("<br><span class=\"small remedy\">{}</span>",
                                                                          escaped(check.remedy)))});
    }
    end_table();
  }

  void waived() {
    if (report_.waivers.empty()) return;
    line(base::format("<h3>Waived ({})</h3>", report_.count(Standing::waived)));
    begin_table({"|", "|Check", "16%About", "30%What was seen", "Why it is waived"});
    for (const auto& check : report_.checks) {
      if (check.standing == Standing::waived)
        row({state(check.standing), escaped(check.id), escaped(check.subject), escaped(check.evidence),
             escaped(check.reason)});
    }
    for (const auto& waiver : report_.waivers) {
      if (waiver.findings == 0) row({"", escaped(waiver.id), "–", "nothing was found", escaped(waiver.reason)});
    }
    end_table();
  }

  // Those that say the same of several things are one row.
  void well() {
    line(base::format("<h3>In order ({})</h3>", report_.count(Standing::ok)));
    std::vector<std::pair<const Acceptance::Check*, std::vector<std::string>>> rows;
    std::map<std::pair<std::string, std::string>, size_t> where;
    for (const auto& check : report_.checks) {
      if (check.standing != Standing::ok) continue;
      const auto [slot, added] = where.try_emplace({check.id, check.evidence}, rows.size());
      if (added) rows.push_back({&check, {}});
      rows[slot->second].second.push_back(check.subject);
    }
    begin_table({"|Check", "40%About", "What was seen"});
    for (const auto& [check, subjects] : rows)
      row({escaped(check->id), escaped(base::join(subjects, ", ")), escaped(check->evidence)});
    end_table();
  }

  void delivery() {
    section("delivery", "4 Delivery");
    const auto& journal = report_.journal;
    if (!journal.trouble.empty()) paragraph("No delivery from this machine: " + journal.trouble + ".");
    if (journal.delivery) last_run(*journal.delivery);
    recorded();
    if (journal.runs.empty()) return;
    line("<h3>Runs in the journal of this machine</h3>");
    begin_table({"|Run", "|When", "|Command", "Artifact", "Result", "|Took"});
    for (const auto& run : journal.runs)
      row({std::to_string(run.number), time(run.at), escaped(run.command), or_dash(run.artifact),
           escaped(in_words(run.result)), run.took_ms ? duration(*run.took_ms) : "–"});
    end_table();
    if (!journal.digest.empty()) line("<p>The journal's SHA-256: " + code(journal.digest) + "</p>");
  }

  void last_run(const Acceptance::Run& run) {
    const auto& steps = report_.journal.steps;
    const auto done = std::ranges::count(steps, "done", &Acceptance::Step::status),
               skipped = std::ranges::count(steps, "skipped", &Acceptance::Step::status);
    line("<h3>The last delivery from this machine</h3>\n<dl>");
    term("Run", base::format("{}, {}, {}", run.number, escaped(run.command), time(run.at)));
    term("Artifact", or_dash(run.artifact) + "<br>" + code(run.identity));
    term("cluster.yaml", code(run.config));
    term("Result", escaped(in_words(run.result)) + (run.took_ms ? ", in " + duration(*run.took_ms) : ""));
    term("Plan and done", base::format("{} steps: {} done, {} were so already, {} not done", steps.size(), done,
                                       skipped, static_cast<long>(steps.size()) - done - skipped));
    line("</dl>");
    std::vector<std::string> without;
    for (const auto& host : report_.hosts) {
      if (host.planned() == 0) without.push_back(host.name);
    }
    if (!without.empty()) paragraph("Had no part in it, or were set aside: " + base::join(without, ", ") + ".");
    if (std::ranges::all_of(steps, &Acceptance::Step::is_done)) return;
    line("<h3>Not done, or set aside</h3>");
    begin_table({"20%Step", "16%Host", "|Result", "Why"});
    for (const auto& step : steps) {
      if (!step.is_done())
        row({escaped(step.step), or_dash(step.host), escaped(in_words(step.status)),
             or_dash(base::printable(step.error, 400))});
    }
    end_table();
  }

  void recorded() {
    line("<h3>Deliveries that the cluster has recorded</h3>");
    if (!report_.no_history.empty()) return paragraph("Not known: " + report_.no_history);
    if (report_.history.empty()) return paragraph("None.");
    begin_table({"|When", "16%By", "16%Artifact", "|Result", "What changed"});
    for (const auto& entry : report_.history) {
      std::map<std::string, std::vector<std::string>> changes;
      for (const auto& app : entry.apps) changes[app.change].push_back(app.name);
      if (!entry.joined.empty()) changes["joined"] = entry.joined;
      if (!entry.removed.empty()) changes["nodes removed"] = entry.removed;
      std::vector<std::string> parts;
      for (const auto& [change, names] : changes)
        parts.push_back(base::format("<b>{}</b> {}", escaped(change), escaped(base::join(names, ", "))));
      row({time(entry.when), or_dash(entry.by),
           escaped(titled(entry.name, entry.version, entry.identity)) + "<br>" + small(entry.identity.substr(0, 19)),
           escaped(in_words(entry.result)), parts.empty() ? "–" : base::join(parts, "<br>")});
    }
    end_table();
  }

  void images() {
    section("images", "A Images", true);
    begin_table({"Image", "|Platforms", "60%Digest"});
    for (const auto& image : report_.images) row({escaped(image.name), escaped(image.platforms), code(image.digest)});
    end_table();
  }

  void configuration() {
    section("configuration", "B Configuration", true);
    paragraph(
        "cluster.yaml as the cluster keeps it: without values whose names speak of secrets, and with variables as they "
        "are written.");
    line("<pre class=\"code\">" + marked_up(base::printable_lines(report_.config)) + "</pre>");
  }

  // A row for each step and result, with the hosts and how long each took.
  void steps() {
    section("steps", "C Steps of the last delivery", true);
    const auto& steps = report_.journal.steps;
    if (steps.empty()) return paragraph("None are known on this machine.");
    std::vector<std::pair<const Acceptance::Step*, std::vector<std::string>>> rows;
    std::map<std::pair<std::string, std::string>, size_t> where;
    for (const auto& step : steps) {
      const auto [slot, added] = where.try_emplace({step.step, step.status}, rows.size());
      if (added) rows.push_back({&step, {}});
      rows[slot->second].second.push_back(step.host + " " + duration(step.took_ms));
    }
    begin_table({"24%Step", "|Result", "Host, and how long it took"});
    for (const auto& [step, hosts] : rows)
      row({escaped(step->step),
           step->is_done() ? escaped(in_words(step->status)) : "<b>" + escaped(in_words(step->status)) + "</b>",
           escaped(base::join(hosts, ", "))});
    end_table();
  }

  const Acceptance& report_;
  std::string out_;
  std::vector<std::string> columns_;  // of the table that is being written: their classes
};

}  // namespace

std::string to_html(const Acceptance& report) { return Page(report).text(); }

}  // namespace sealift::report
