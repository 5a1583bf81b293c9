// SPDX-License-Identifier: Apache-2.0
#include "runtime/host/packet_rules.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>

#include "payload/base/file.h"
#include "payload/base/format.h"
#include "payload/base/text.h"
#include "runtime/host/netlink.h"

namespace sealift::host {
namespace {

constexpr int kMostAttempts = 20;  // to take away a chain while another program changes what leads to it

struct Family {
  uint8_t number;
  std::string_view name;
};
constexpr auto kFamilies = std::to_array<Family>({{NFPROTO_INET, "inet"},
                                                  {NFPROTO_IPV4, "ip"},
                                                  {NFPROTO_ARP, "arp"},
                                                  {NFPROTO_NETDEV, "netdev"},
                                                  {NFPROTO_BRIDGE, "bridge"},
                                                  {NFPROTO_IPV6, "ip6"}});

uint16_t type_of(int message) { return static_cast<uint16_t>((NFNL_SUBSYS_NFTABLES << 8U) | message); }

NetlinkMessage message(int what, uint8_t family, uint16_t flags) {
  return {type_of(what), flags, nfgenmsg{family, NFNETLINK_V0, 0}};
}

// A table or a chain by its words: "ip filter KUBE-FIREWALL".
struct Named {
  uint8_t family = 0;
  std::string table, chain;
};

Result<Named> parse(const std::string& name, size_t words_wanted) {
  const auto words = base::split_words(name);
  const auto family = words.empty()
                          ? kFamilies.end()
                          : std::ranges::find(kFamilies, words.front(), [](const Family& f) { return f.name; });
  if (family == kFamilies.end() || words.size() != words_wanted)
    return fail(ErrorCode::internal, "\"{}\" names nothing of nftables", base::printable(name));
  return Named{family->number, std::string(words[1]), words_wanted > 2 ? std::string(words[2]) : std::string()};
}

// One table, chain or rule, as dumped.
struct Dumped {
  uint8_t family = 0;
  Bytes bytes;  // what the attributes are views of
  std::map<uint16_t, ByteView> attributes;

  std::string_view text(uint16_t type) const {
    const auto found = attributes.find(type);
    return found == attributes.end() ? std::string_view() : netlink_text(found->second);
  }
  // "ip filter"; empty for a family that is not known.
  std::string table(uint16_t type) const {
    const auto known = std::ranges::find(kFamilies, family, [](const Family& f) { return f.number; });
    return known == kFamilies.end() ? std::string() : base::format("{} {}", known->name, text(type));
  }
};

// Neither here: a kernel without nf_tables, and a process that may not look (nor change anything there).
bool is_nothing(int error) {
  return error == ENOENT || error == EPROTONOSUPPORT || error == EAFNOSUPPORT || error == EINVAL ||
         error == EOPNOTSUPP || error == EPERM;
}

Result<std::vector<Dumped>> dump(int what, uint8_t family, const std::string& table = {}) {
  auto request = message(what, family, NLM_F_DUMP);
  if (!table.empty()) request.put(NFTA_RULE_TABLE, table);  // only rules can be asked for by table
  auto said = netlink_dump(NETLINK_NETFILTER, request);
  std::vector<Dumped> out;
  if (!said && is_nothing(said.error())) return out;
  if (!said) return fail_errno(said.error(), "read the packet rules");
  for (auto& body : *said) {
    if (body.size() < sizeof(nfgenmsg)) continue;
    Dumped one;
    one.family = static_cast<uint8_t>(body.front());
    one.bytes = std::move(body);
    one.attributes = netlink_attributes(ByteView(one.bytes).subspan(sizeof(nfgenmsg)));
    out.push_back(std::move(one));
  }
  return out;
}

// Asking the kernel would load the module: a look is not to change what is loaded.
bool is_there() {
  if (::access("/sys/module/nf_tables", F_OK) == 0 || ::access("/proc/modules", F_OK) != 0) return true;
  utsname names{};
  if (::uname(&names) != 0) return false;
  const auto built_in = base::read_text_file(base::format("/lib/modules/{}/modules.builtin", names.release), 4U << 20);
  return built_in && built_in->contains("/nf_tables.ko");
}

// Whether a rule's expression leads to this chain: an immediate verdict "jump" or "goto".
bool leads_to(ByteView expression, std::string_view chain) {
  const auto parts = netlink_attributes(expression);
  const auto into = [](const std::map<uint16_t, ByteView>& from, uint16_t type) {
    const auto found = from.find(type);
    return found == from.end() ? std::map<uint16_t, ByteView>() : netlink_attributes(found->second);
  };
  const auto verdict = into(into(into(parts, NFTA_EXPR_DATA), NFTA_IMMEDIATE_DATA), NFTA_DATA_VERDICT);
  const auto target = verdict.find(NFTA_VERDICT_CHAIN);
  return parts.contains(NFTA_EXPR_NAME) && netlink_text(parts.at(NFTA_EXPR_NAME)) == "immediate" &&
         target != verdict.end() && netlink_text(target->second) == chain;
}

bool leads_to(const Dumped& rule, std::string_view chain) {
  const auto expressions = rule.attributes.find(NFTA_RULE_EXPRESSIONS);
  return expressions != rule.attributes.end() &&
         std::ranges::any_of(netlink_attribute_list(expressions->second),
                             [&](const auto& expression) { return leads_to(expression.second, chain); });
}

// All of them or none.
int in_one_batch(std::vector<NetlinkMessage> messages) {
  const nfgenmsg subsystem{AF_UNSPEC, NFNETLINK_V0, htons(NFNL_SUBSYS_NFTABLES)};
  messages.insert(messages.begin(), NetlinkMessage(NFNL_MSG_BATCH_BEGIN, 0, subsystem));
  messages.emplace_back(uint16_t{NFNL_MSG_BATCH_END}, uint16_t{0}, subsystem);
  return netlink_request(NETLINK_NETFILTER, messages);
}

Result<bool> chain_is_there(const Named& named) {
  SEALIFT_ASSIGN(const auto chains, dump(NFT_MSG_GETCHAIN, named.family));
  return std::ranges::any_of(chains, [&](const Dumped& chain) {
    return chain.family == named.family && chain.text(NFTA_CHAIN_TABLE) == named.table &&
           chain.text(NFTA_CHAIN_NAME) == named.chain;
  });
}

// Returns an errno.
Result<int> try_to_remove(const Named& named) {
  SEALIFT_ASSIGN(const auto rules, dump(NFT_MSG_GETRULE, named.family, named.table));
  std::vector<NetlinkMessage> batch;
  bool has_rules = false;
  for (const auto& rule : rules) {
    if (rule.family != named.family || rule.text(NFTA_RULE_TABLE) != named.table) continue;
    const std::string_view chain = rule.text(NFTA_RULE_CHAIN);
    has_rules |= chain == named.chain;
    const auto handle = rule.attributes.find(NFTA_RULE_HANDLE);
    if (chain == named.chain || !leads_to(rule, named.chain) || handle == rule.attributes.end()) continue;
    batch.push_back(message(NFT_MSG_DELRULE, named.family, NLM_F_ACK));
    batch.back().put(NFTA_RULE_TABLE, named.table).put(NFTA_RULE_CHAIN, chain).put(NFTA_RULE_HANDLE, handle->second);
  }
  if (has_rules) {
    batch.push_back(message(NFT_MSG_DELRULE, named.family, NLM_F_ACK));  // without a handle: all in the chain
    batch.back().put(NFTA_RULE_TABLE, named.table).put(NFTA_RULE_CHAIN, named.chain);
  }
  batch.push_back(message(NFT_MSG_DELCHAIN, named.family, NLM_F_ACK));
  batch.back().put(NFTA_CHAIN_TABLE, named.table).put(NFTA_CHAIN_NAME, named.chain);
  return in_one_batch(std::move(batch));
}

}  // namespace

Result<PacketRules> packet_rules() {
  PacketRules out;
  if (!is_there()) return out;
  SEALIFT_ASSIGN(const auto tables, dump(NFT_MSG_GETTABLE, NFPROTO_UNSPEC));
  if (tables.empty()) return out;
  SEALIFT_ASSIGN(const auto chains, dump(NFT_MSG_GETCHAIN, NFPROTO_UNSPEC));
  SEALIFT_ASSIGN(const auto rules, dump(NFT_MSG_GETRULE, NFPROTO_UNSPEC));
  std::map<std::string, uint64_t> counts;
  for (const auto& rule : rules) ++counts[rule.table(NFTA_RULE_TABLE)];
  for (const auto& table : tables) {
    std::string name = table.table(NFTA_TABLE_NAME);
    if (name.empty()) continue;
    const uint64_t count = counts[name];
    out.tables.push_back({std::move(name), count});
  }
  for (const auto& chain : chains) {
    const std::string table = chain.table(NFTA_CHAIN_TABLE);
    if (!table.empty()) out.chains.push_back(base::format("{} {}", table, chain.text(NFTA_CHAIN_NAME)));
  }
  return out;
}

Result<void> remove_packet_table(const std::string& name) {
  SEALIFT_ASSIGN(const auto named, parse(name, 2));
  auto removal = message(NFT_MSG_DELTABLE, named.family, NLM_F_ACK);
  removal.put(NFTA_TABLE_NAME, named.table);
  const int error = in_one_batch({removal});
  if (error == 0 || error == ENOENT) return {};
  return fail_errno(error, "take away the table " + name);
}

Result<void> remove_packet_chain(const std::string& name) {
  SEALIFT_ASSIGN(const auto named, parse(name, 3));
  int error = 0;
  for (int attempt = 0; attempt < kMostAttempts; ++attempt) {
    SEALIFT_ASSIGN(const bool there, chain_is_there(named));
    if (!there) return {};
    SEALIFT_ASSIGN(error, try_to_remove(named));
    if (error == 0) return {};
    // A rule was removed or added in between.
    if (error != ENOENT && error != EBUSY) return fail_errno(error, "take away the chain " + name);
  }
  return fail(ErrorCode::busy, "the chain {} can't be taken away: something still leads to it", name);
}

}  // namespace sealift::host
