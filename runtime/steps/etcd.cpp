// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/etcd.h"

#include <algorithm>

#include "payload/base/address.h"
#include "payload/base/format.h"
#include "payload/base/text.h"
#include "runtime/steps/kubectl.h"

namespace sealift::steps {
namespace {

// The agent is the same program as the node service.
base::Command etcd(std::string what, std::vector<std::string> arguments = {}) {
  std::vector<std::string> words{"/proc/self/exe", "node", "etcd", std::move(what)};
  std::ranges::move(arguments, std::back_inserter(words));
  return {std::move(words), {}, "/", Duration{30'000}};
}

// Its errors are sentences of ours, "etcd answers 503: …"; the command line would tell nobody more.
Result<std::string> answer_of(const base::Command& command, Result<base::ExitStatus> status) {
  if (status && !status->ok() && !base::trim(status->errors).empty())
    return fail(ErrorCode::command_failed, "{}", base::trim(status->errors));
  return base::output_of(command, std::move(status));
}

}  // namespace

bool EtcdMember::is_at(const std::string& ip) const {
  return std::ranges::contains(peer_urls, base::format("https://{}:2380", base::bracketed(ip)));
}

Result<std::vector<EtcdMember>> etcd_members(host::HostView& control_plane, const CancelToken& cancel) {
  const auto command = etcd("members");
  SEALIFT_ASSIGN(const auto text, answer_of(command, control_plane.query(command, {}, cancel)));
  const auto value = json::parse(text, kHostJson);
  if (!value) return fail_while(value.error(), "reading the members of etcd");
  const auto* list = value->find("members");
  if (list == nullptr || !list->is_array()) return fail(ErrorCode::protocol, "node etcd members: no list of members");
  std::vector<EtcdMember> out;
  for (const auto& element : *list->elements()) {
    EtcdMember member;
    SEALIFT_ASSIGN(member.id, element.text("id"));
    member.name = element.text_or("name", "");
    member.is_learner = element.boolean_or("learner", false);
    const auto* urls = element.find("peerURLs");
    if (urls == nullptr || !urls->is_array()) return fail(ErrorCode::protocol, "node etcd members: no peerURLs");
    for (const auto& url : *urls->elements()) {
      if (url.string() != nullptr) member.peer_urls.push_back(*url.string());
    }
    out.push_back(std::move(member));
  }
  return out;
}

Result<void> remove_etcd_member(host::Host& control_plane, const EtcdMember& member, const host::Reason& reason,
                                const CancelToken& cancel) {
  const auto command = etcd("remove", {"--member", member.id});
  return answer_of(command, control_plane.run(command, {}, reason, cancel)).transform([](const std::string&) {});
}

Result<void> hand_etcd_over(host::Host& control_plane, const EtcdMember& to, const host::Reason& reason,
                            const CancelToken& cancel) {
  const auto command = etcd("hand-over", {"--to", to.id});
  return answer_of(command, control_plane.run(command, {}, reason, cancel)).transform([](const std::string&) {});
}

}  // namespace sealift::steps
