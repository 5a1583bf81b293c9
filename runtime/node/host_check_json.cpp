// SPDX-License-Identifier: Apache-2.0
//
// Questions and answers as JSON, by one description for both directions.
#include "runtime/node/host_check.h"

namespace sealift::node {
namespace {

// A hundred nodes ask for hundreds of images of long names.
constexpr json::Limits kLimits{.bytes = size_t{8} << 20, .depth = 16};

}  // namespace

using host::Like;

template <class Visit>
void describe(Visit& visit, Like<HostQuestion::Image> auto& value) {
  visit("name", value.name);
  visit("digest", value.digest);
}

template <class Visit>
void describe(Visit& visit, Like<HostQuestion::Target> auto& value) {
  visit("node", value.node);
  visit("address", value.address);
}

template <class Visit>
void describe(Visit& visit, Like<HostQuestion> auto& value) {
  visit("mirror", value.mirror);
  visit("images", value.images);
  visit("balancer", value.balancer);
  visit("files", value.files);
  visit("disks", value.disks);
  visit("etcd", value.etcd);
  visit("nameServer", value.name_server);
  visit("name", value.name);
  visit("service", value.service);
  visit("ownPods", value.own_pods);
  visit("targets", value.targets);
}

template <class Visit>
void describe(Visit& visit, Like<HostAnswer::Mirror::Missing> auto& value) {
  visit("name", value.name);
  visit("error", value.error);
}

template <class Visit>
void describe(Visit& visit, Like<HostAnswer::Mirror> auto& value) {
  visit("answered", value.answered);
  visit("missing", value.missing);
  visit("error", value.error);
}

template <class Visit>
void describe(Visit& visit, Like<HostAnswer::File> auto& value) {
  visit("path", value.path);
  visit("digest", value.digest);
  visit("error", value.error);
}

template <class Visit>
void describe(Visit& visit, Like<HostAnswer::Disk> auto& value) {
  visit("path", value.path);
  visit("mountPoint", value.mount_point);
  visit("freeBytes", value.free_bytes);
  visit("totalBytes", value.total_bytes);
  visit("freeInodes", value.free_inodes);
  visit("totalInodes", value.total_inodes);
  visit("readOnly", value.read_only);
}

template <class Visit>
void describe(Visit& visit, Like<HostAnswer::Certificate> auto& value) {
  visit("path", value.path);
  visit("begins", value.begins_ms);
  visit("ends", value.ends_ms);
  visit("fingerprint", value.fingerprint);
}

template <class Visit>
void describe(Visit& visit, Like<HostAnswer::Etcd> auto& value) {
  visit("member", value.member);
  visit("leader", value.leader);
  visit("version", value.version);
  visit("size", value.size);
  visit("sizeInUse", value.size_in_use);
  visit("quota", value.quota);
  visit("raftIndex", value.raft_index);
  visit("alarms", value.alarms);
  visit("fsync", value.fsync_us);
  visit("error", value.error);
}

template <class Visit>
void describe(Visit& visit, Like<HostAnswer::PodView::Target> auto& value) {
  visit("node", value.node);
  visit("address", value.address);
  visit("error", value.error);
}

template <class Visit>
void describe(Visit& visit, Like<HostAnswer::PodView> auto& value) {
  visit("address", value.address);
  visit("names", value.names);
  visit("service", value.service);
  visit("targets", value.targets);
  visit("error", value.error);
}

template <class Visit>
void describe(Visit& visit, Like<HostAnswer> auto& value) {
  visit("bootId", value.boot_id);
  visit("mirror", value.mirror);
  visit("balancer", value.balancer);
  visit("people", value.people);
  visit("files", value.files);
  visit("disks", value.disks);
  visit("certificates", value.certificates);
  visit("etcd", value.etcd);
  visit("names", value.names);
  visit("pod", value.pod);
}

std::string to_text(const HostQuestion& question) { return json::to_canonical(host::to_json(question)); }
std::string to_text(const HostAnswer& answer) { return json::to_canonical(host::to_json(answer)) + "\n"; }

Result<HostQuestion> parse_host_question(std::string_view json) {
  SEALIFT_ASSIGN(const auto value, json::parse(json, kLimits));
  return host::from_json<HostQuestion>(value);
}

Result<HostAnswer> parse_host_answer(std::string_view json) {
  SEALIFT_ASSIGN(const auto value, json::parse(json, kLimits));
  return host::from_json<HostAnswer>(value);
}

}  // namespace sealift::node
