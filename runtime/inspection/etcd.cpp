// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <map>
#include <set>

#include "payload/base/format.h"
#include "payload/base/text.h"
#include "runtime/inspection/judge.h"

namespace sealift::inspection {
namespace {

constexpr uint64_t kDefaultQuota = uint64_t{2} << 30;  // bytes; etcd's own default
constexpr uint64_t kWarnSizePercent = 70, kFailSizePercent = 90;
// etcd, "Tuning" and "Hardware": 99 % of the writes should be on the disk within 10 ms; leaders change from 100 ms on.
constexpr uint64_t kSlowFsyncUs = 25'000;

class Judge {
 public:
  Judge(const Look& look, Observations& out) : out_(out) {
    for (const auto* host : telling(look)) {
      if (!host->is_control_plane()) continue;
      planes_.push_back(host);
      if (host->answer && host->answer->etcd) asked_.push_back(host);
    }
    for (const auto* host : asked_) {
      if (const auto& member = etcd(*host); member.error.empty()) names_[member.member] = host->name;
    }
  }

  void run(const Look& look) {
    for (const auto* host : asked_) judge_member(*host);
    judge_leaders();
    if (look.cluster && look.cluster->members) judge_members(*look.cluster->members, look);
  }

 private:
  static const node::HostAnswer::Etcd& etcd(const HostLook& host) { return *host.answer->etcd; }

  void judge_member(const HostLook& host) {
    const auto& member = etcd(host);
    if (!member.error.empty()) {
      out_.fail("etcd.answers", host.name, "does not answer: " + member.error);
      return;
    }
    out_.ok("etcd.answers", host.name, base::format("etcd {} answers", member.version));
    if (member.alarms.empty())
      out_.ok("etcd.alarms", host.name, "no alarm");
    else
      out_.fail("etcd.alarms", host.name, "etcd has raised " + base::join(member.alarms, ", "));
    const uint64_t quota = member.quota == 0 ? kDefaultQuota : member.quota;
    const uint64_t percent = member.size * 100 / quota;
    const auto size = base::format("its data take {} of {} ({} %), {} of them in use", base::human_bytes(member.size),
                                   base::human_bytes(quota), percent, base::human_bytes(member.size_in_use));
    out_.add(percent >= kFailSizePercent   ? Verdict::fail
             : percent >= kWarnSizePercent ? Verdict::warn
                                           : Verdict::ok,
             "etcd.size", host.name, size);
    if (member.fsync_us == 0) return;  // it does not say
    const auto fsync = base::format("99 % of the writes of its log took at most {:.1f} ms",
                                    static_cast<double>(member.fsync_us) / 1000);
    out_.add(member.fsync_us > kSlowFsyncUs ? Verdict::warn : Verdict::ok, "etcd.fsync", host.name, fsync);
  }

  void judge_leaders() {
    std::map<std::string, std::vector<std::string>> followers;  // by leader
    for (const auto* host : asked_) {
      const auto& member = etcd(*host);
      if (!member.error.empty()) continue;
      if (member.leader == "0" || member.leader.empty())
        out_.fail("etcd.leader", host->name, "its member of etcd has no leader");
      else
        followers[member.leader].push_back(host->name);
    }
    if (followers.size() == 1) {
      const auto& [leader, whom] = *followers.begin();
      const auto name = names_.find(leader);
      out_.ok("etcd.leader", "etcd",
              base::format("{} leads", name == names_.end() ? "a member that was not asked" : name->second));
    }
    if (followers.size() < 2) return;
    std::vector<std::string> parts;
    for (const auto& [leader, whom] : followers)
      parts.push_back(
          base::format("{} by {}", names_.contains(leader) ? names_.at(leader) : leader, base::join(whom, ", ")));
    out_.fail("etcd.leader", "etcd", "its members follow different leaders: " + base::join(parts, "; "));
  }

  void judge_members(const Result<std::vector<steps::EtcdMember>>& members, const Look& look) {
    if (!members) {
      out_.fail("etcd.members", "etcd", "does not tell its members: " + members.error().text());
      return;
    }
    bool all_well = true;
    const auto bad = [&](Verdict verdict, const std::string& subject, std::string evidence) {
      all_well = false;
      out_.add(verdict, "etcd.members", subject, std::move(evidence));
    };
    std::set<std::string> known;
    for (const auto& host : look.hosts) {
      if (!host.is_control_plane()) continue;
      const auto found = std::ranges::find_if(
          *members, [&](const steps::EtcdMember& member) { return member.name == host.name || member.is_at(host.ip); });
      if (found != members->end()) known.insert(found->id);
      if (found == members->end()) {
        if (host.is_there() && host.worked_on) bad(Verdict::fail, host.name, "is no member of etcd");
      } else if (found->name.empty()) {
        bad(Verdict::fail, host.name, "its member of etcd was added and has never started");
      } else if (found->is_learner) {
        bad(Verdict::warn, host.name, "its member of etcd still learns and has no vote");
      }
    }
    for (const auto& member : *members) {
      if (!known.contains(member.id))
        bad(Verdict::warn, "etcd",
            base::format("has the member {} ({}), which is no control plane of cluster.yaml",
                         member.name.empty() ? member.id : member.name, base::join(member.peer_urls, ", ")));
    }
    if (all_well)
      out_.ok("etcd.members", "etcd", base::format("has the control planes as its {} members", members->size()));
  }

  Observations& out_;
  std::vector<const HostLook*> planes_, asked_;
  std::map<std::string, std::string> names_;  // of nodes, by etcd's number
};

void judge_site_etcd(const Result<steps::EtcdState>& state, Observations& out) {
  if (!state) {
    out.fail("etcd.answers", "etcd", "the site's etcd could not be asked: " + state.error().text());
    return;
  }
  for (const auto& endpoint : state->endpoints) {
    if (endpoint.error.empty())
      out.ok("etcd.answers", endpoint.endpoint, "answers");
    else
      out.fail("etcd.answers", endpoint.endpoint, "does not answer: " + endpoint.error);
  }
}

}  // namespace

void judge_etcd(const Look& look, const Wishes&, Observations& out) {
  Judge(look, out).run(look);
  if (look.cluster && look.cluster->site_etcd) judge_site_etcd(*look.cluster->site_etcd, out);
}

}  // namespace sealift::inspection
