// SPDX-License-Identifier: Apache-2.0
//
// Tables, chains and network interfaces, made by hand in a network of their own.
#include "runtime/host/packet_rules.h"
#include "payload/base/format.h"

#include <arpa/inet.h>
#include <linux/if_link.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <map>

#include "runtime/host/netlink.h"
#include "tests/support/own_namespaces.h"

using namespace sealift;
using namespace sealift::host;

namespace {

constexpr uint16_t kMake = NLM_F_CREATE | NLM_F_ACK;

NetlinkMessage of_tables(int what, uint8_t family, uint16_t flags = kMake) {
  return {static_cast<uint16_t>((NFNL_SUBSYS_NFTABLES << 8U) | what), flags, nfgenmsg{family, NFNETLINK_V0, 0}};
}

int batch(std::vector<NetlinkMessage> messages) {
  const nfgenmsg subsystem{AF_UNSPEC, NFNETLINK_V0, htons(NFNL_SUBSYS_NFTABLES)};
  messages.insert(messages.begin(), NetlinkMessage(NFNL_MSG_BATCH_BEGIN, 0, subsystem));
  messages.emplace_back(uint16_t{NFNL_MSG_BATCH_END}, uint16_t{0}, subsystem);
  return netlink_request(NETLINK_NETFILTER, messages);
}

NetlinkMessage table(uint8_t family, std::string_view name) {
  auto out = of_tables(NFT_MSG_NEWTABLE, family);
  out.put(NFTA_TABLE_NAME, name);
  return out;
}

NetlinkMessage chain(uint8_t family, std::string_view in, std::string_view name) {
  auto out = of_tables(NFT_MSG_NEWCHAIN, family);
  out.put(NFTA_CHAIN_TABLE, in).put(NFTA_CHAIN_NAME, name);
  return out;
}

// A rule "jump", "goto" or "accept".
NetlinkMessage rule(uint8_t family, std::string_view in, std::string_view chain, int32_t code,
                    std::string_view target) {
  const uint32_t number = htonl(static_cast<uint32_t>(code)), verdict_register = htonl(NFT_REG_VERDICT);
  const auto bytes = [](const uint32_t& value) { return std::as_bytes(std::span(&value, 1)); };
  Bytes verdict, data, immediate, expression, expressions;
  put_attribute(verdict, NFTA_VERDICT_CODE, bytes(number));
  if (!target.empty()) put_attribute(verdict, NFTA_VERDICT_CHAIN, target);
  put_attribute(data, NFTA_DATA_VERDICT | NLA_F_NESTED, ByteView(verdict));
  put_attribute(immediate, NFTA_IMMEDIATE_DREG, bytes(verdict_register));
  put_attribute(immediate, NFTA_IMMEDIATE_DATA | NLA_F_NESTED, ByteView(data));
  put_attribute(expression, NFTA_EXPR_NAME, "immediate");
  put_attribute(expression, NFTA_EXPR_DATA | NLA_F_NESTED, ByteView(immediate));
  put_attribute(expressions, NFTA_LIST_ELEM | NLA_F_NESTED, ByteView(expression));
  auto out = of_tables(NFT_MSG_NEWRULE, family, kMake | NLM_F_APPEND);
  out.put(NFTA_RULE_TABLE, in)
      .put(NFTA_RULE_CHAIN, chain)
      .put(NFTA_RULE_EXPRESSIONS | NLA_F_NESTED, ByteView(expressions));
  return out;
}

// "ip filter 3, …; ip filter INPUT, …"
std::string seen() {
  const auto rules = packet_rules();
  if (!rules) return rules.error().text();
  std::vector<std::string> lines, chains = rules->chains;
  for (const auto& one : rules->tables) lines.push_back(base::format("{} {}", one.name, one.rules));
  std::ranges::sort(lines);
  std::ranges::sort(chains);
  std::string out;
  for (const auto* part : {&lines, &chains}) {
    for (const auto& line : *part) out += line + ", ";
    out += "; ";
  }
  return out;
}

std::string said(const Result<void>& result) { return result ? "done" : result.error().text(); }

}  // namespace

TEST_CASE("tables and chains: seen, and taken away with the rules that lead to them") {
  std::map<std::string, std::string> is;
  int made = -1;
  tests::in_own_network([&] {
    is["nothing"] = seen();
    made = batch({table(NFPROTO_IPV4, "filter"), table(NFPROTO_IPV4, "kube-proxy"), table(NFPROTO_INET, "mine"),
                  chain(NFPROTO_IPV4, "filter", "INPUT"), chain(NFPROTO_IPV4, "filter", "KUBE-FIREWALL"),
                  chain(NFPROTO_IPV4, "filter", "KUBE-MORE"), chain(NFPROTO_IPV4, "kube-proxy", "services"),
                  chain(NFPROTO_INET, "mine", "KUBE-FIREWALL"), rule(NFPROTO_IPV4, "filter", "INPUT", NF_ACCEPT, ""),
                  rule(NFPROTO_IPV4, "filter", "INPUT", NFT_JUMP, "KUBE-FIREWALL"),
                  rule(NFPROTO_IPV4, "filter", "INPUT", NFT_GOTO, "KUBE-FIREWALL"),
                  rule(NFPROTO_IPV4, "filter", "INPUT", NFT_JUMP, "KUBE-MORE"),
                  rule(NFPROTO_IPV4, "filter", "KUBE-FIREWALL", NF_ACCEPT, ""),
                  rule(NFPROTO_IPV4, "filter", "KUBE-FIREWALL", NFT_JUMP, "KUBE-MORE"),
                  rule(NFPROTO_IPV4, "kube-proxy", "services", NF_ACCEPT, "")});
    is["all"] = seen();
    is["chain"] = said(remove_packet_chain("ip filter KUBE-FIREWALL"));
    is["without the chain"] = seen();
    is["chain again"] = said(remove_packet_chain("ip filter KUBE-FIREWALL"));
    is["chain of no table"] = said(remove_packet_chain("ip no-such KUBE-FIREWALL"));
    is["more"] = said(remove_packet_chain("ip filter KUBE-MORE"));
    is["table"] = said(remove_packet_table("ip kube-proxy"));
    is["table again"] = said(remove_packet_table("ip kube-proxy"));
    is["same name, other family"] = said(remove_packet_table("inet filter"));
    is["at last"] = seen();
    for (const char* wrong : {"", "filter", "ipx filter", "ip filter x"}) is[wrong] = said(remove_packet_table(wrong));
    is["words"] = said(remove_packet_chain("ip filter"));
  });
  if (made == EPROTONOSUPPORT || made == EINVAL) tests::require_or_skip(false, "nf_tables");
  REQUIRE(made == 0);
  CHECK(is["nothing"] == "; ; ");
  CHECK(
      is["all"] ==
      "inet mine 0, ip filter 6, ip kube-proxy 1, ; inet mine KUBE-FIREWALL, ip filter INPUT, ip filter KUBE-FIREWALL, "
      "ip filter KUBE-MORE, ip kube-proxy services, ; ");
  CHECK(is["chain"] == "done");
  CHECK(
      is["without the chain"] ==
      "inet mine 0, ip filter 2, ip kube-proxy 1, ; inet mine KUBE-FIREWALL, ip filter INPUT, ip filter KUBE-MORE, ip "
      "kube-proxy services, ; ");
  CHECK(is["chain again"] == "done");
  CHECK(is["chain of no table"] == "done");
  CHECK(is["more"] == "done");
  CHECK(is["table"] == "done");
  CHECK(is["table again"] == "done");
  CHECK(is["same name, other family"] == "done");
  CHECK(is["at last"] == "inet mine 0, ip filter 1, ; inet mine KUBE-FIREWALL, ip filter INPUT, ; ");
  for (const char* wrong : {"", "filter", "ipx filter", "ip filter x", "words"}) {
    INFO(wrong);
    CHECK(is[wrong].contains("names nothing of nftables"));
  }
}

TEST_CASE("a list of more rules than an answer of the kernel holds is read whole") {
  std::string is;
  int made = -1;
  tests::in_own_network([&] {
    made = batch({table(NFPROTO_IPV4, "filter"), chain(NFPROTO_IPV4, "filter", "a")});
    for (int i = 0; made == 0 && i < 40; ++i) {
      std::vector<NetlinkMessage> rules;
      for (int j = 0; j < 50; ++j) rules.push_back(rule(NFPROTO_IPV4, "filter", "a", NF_ACCEPT, ""));
      made = batch(std::move(rules));
    }
    is = seen();
  });
  if (made == EPROTONOSUPPORT || made == EINVAL) tests::require_or_skip(false, "nf_tables");
  REQUIRE(made == 0);
  CHECK(is == "ip filter 2000, ; ip filter a, ; ");
}
