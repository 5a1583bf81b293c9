// SPDX-License-Identifier: Apache-2.0
//
// The hosts of a Clusterfile, whichever of its forms they have. Only for this library.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "packer/convert/report.h"
#include "payload/yaml/node.h"

namespace sealift::convert {

struct HostGroup {
  std::vector<std::string> addresses;
  std::string role;  // ours
  std::string name;  // of a single one
  std::map<std::string, std::string> labels;
  std::vector<std::string> taints;
  yaml::Node ssh;  // null: the cluster's
};

class Hosts {
 public:
  Hosts(std::string file, Report& report) : file_(std::move(file)), report_(&report) {}

  // hosts: [{ips, roles, ssh, …}] of sealer v2 and sealos
  void read_list(const yaml::Node& hosts);
  // masters and nodes: {ipList, …} of sealer v1
  void read_group(std::string_view field, const yaml::Node& group);
  // Plugins of type LABEL, TAINT and HOSTNAME: lines of an address and what it gets.
  void label(std::string_view lines, int line);
  void taint(std::string_view lines, int line);
  void name(std::string_view lines, int line);

  // `data_root`: of all hosts; empty: the default.
  yaml::Node to_yaml(const std::string& data_root) const;

 private:
  HostGroup* at(const std::string& address);
  void read_host(const yaml::Node& host);
  void read_roles(const yaml::Node& roles, HostGroup& group);
  void add_taint(std::string_view taint, HostGroup& group, int line);
  void note(Outcome outcome, int line, std::string what, std::string text);

  std::string file_;
  Report* report_;
  std::vector<HostGroup> groups_;
};

// ssh: {user, passwd, pk, pkPasswd, port} as ours. `whose` stands in the prompts.
yaml::Node convert_ssh(const yaml::Node& ssh, const std::string& whose, const std::string& file, Report& report);

}  // namespace sealift::convert
