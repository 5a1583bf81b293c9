// SPDX-License-Identifier: Apache-2.0
#include "runtime/inspection/judge.h"

#include "payload/base/format.h"
#include "payload/base/text.h"

namespace sealift::inspection {

std::vector<const HostLook*> telling(const Look& look) {
  std::vector<const HostLook*> out;
  for (const auto& host : look.hosts) {
    if (host.is_there() && host.worked_on) out.push_back(&host);
  }
  return out;
}

std::string some_of(const std::vector<std::string>& names, size_t most) {
  if (names.size() <= most) return base::join(names, ", ");
  return base::format("{} and {} more", base::join(std::span(names).first(most), ", "), names.size() - most);
}

std::vector<Observation> judge(const Look& look, const Wishes& wishes) {
  Observations out;
  judge_hosts(look, wishes, out);
  judge_disks(look, wishes, out);
  judge_nodes(look, wishes, out);
  judge_control_planes(look, wishes, out);
  judge_etcd(look, wishes, out);
  judge_certificates(look, out);
  judge_services(look, out);
  judge_networks(look, out);
  judge_applications(look, wishes, out);
  judge_drift(look, wishes, out);
  return out.take();
}

}  // namespace sealift::inspection
