// SPDX-License-Identifier: Apache-2.0
#include "runtime/steps/external_etcd.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "payload/base/count.h"
#include "payload/base/format.h"
#include "payload/base/text.h"
#include "runtime/kube/kubeadm.h"
#include "runtime/kube/static_pod.h"
#include "runtime/steps/kubeadm_step.h"
#include "runtime/steps/kubectl.h"

namespace sealift::steps {
namespace {

constexpr std::string_view kApiServer = "/etc/kubernetes/manifests/kube-apiserver.yaml";
constexpr uint32_t kSecret = 0600;  // the mode
constexpr size_t kMaxManifest = size_t{1} << 20;
// Each endpoint may take ten seconds to say nothing.
constexpr Duration kPatience{200'000};

base::Command etcd(std::string what, const std::string& prefix, std::vector<std::string> arguments = {}) {
  std::vector<std::string> words{"/proc/self/exe", "node", "etcd", std::move(what), "--prefix", prefix};
  std::ranges::move(arguments, std::back_inserter(words));
  return {std::move(words), {}, "/", kPatience};
}

// For the program's input: in no argument, and in no file.
Secret access_to(const config::ExternalEtcd& etcd) {
  json::Value endpoints = json::Value::array(), out = json::Value::object();
  for (const auto& endpoint : etcd.endpoints) endpoints.push_back(endpoint);
  out.set("endpoints", std::move(endpoints));
  out.set("ca", etcd.authority);
  out.set("certificate", etcd.certificate);
  out.set("key", std::string(etcd.key.reveal()));
  return Secret(json::to_canonical(out));
}

Result<EtcdState> state_of(std::string_view text) {
  SEALIFT_ASSIGN(const auto value, json::parse(text, kHostJson));
  const auto* list = value.find("endpoints");
  if (list == nullptr || !list->is_array()) return fail(ErrorCode::protocol, "node etcd look: no endpoints");
  EtcdState out;
  for (const auto& element : *list->elements())
    out.endpoints.push_back({element.text_or("endpoint", ""), element.text_or("error", "")});
  out.objects = value.natural_or("objects", 0);
  return out;
}

}  // namespace

bool EtcdState::answers() const {
  return std::ranges::any_of(endpoints, [](const Endpoint& endpoint) { return endpoint.error.empty(); });
}

Result<EtcdState> look_at_etcd(host::HostView& host, const config::ExternalEtcd& external, const std::string& prefix,
                               const CancelToken& cancel) {
  const auto command = etcd("look", prefix);
  const Secret input = access_to(external);
  base::CommandIo io;
  io.input = base::as_bytes(input.reveal());
  SEALIFT_ASSIGN(const auto text, base::output_of(command, host.query(command, io, cancel)));
  return state_of(text);
}

std::string holds_a_cluster(const EtcdState& state, const std::string& prefix) {
  return base::format("finds {} of a cluster in the site's etcd below {}",
                      base::counted(state.objects, "object", "objects"), prefix);
}

std::string empty_it(const std::string& prefix) {
  return base::format("name another etcd, or delete them if that cluster is gone: `etcdctl del --prefix {}`", prefix);
}

Result<void> check_etcd_is_empty(host::HostView& host, const Model& model, const CancelToken& cancel) {
  const auto prefix = kube::etcd_prefix_of(kubeadm_input(model));
  SEALIFT_ASSIGN(const auto state, look_at_etcd(host, *model.config.external_etcd, prefix, cancel));
  if (!state.answers()) {
    std::string why;
    for (const auto& one : state.endpoints) why += base::format("\n  {}: {}", one.endpoint, one.error);
    return fail(ErrorCode::preflight, "no endpoint of the site's etcd answers:{}", base::printable(why, 2000));
  }
  if (state.objects == 0) return {};
  return fail(ErrorCode::preflight, "this control plane {}; {}", holds_a_cluster(state, prefix), empty_it(prefix));
}

Result<std::optional<EtcdInUse>> etcd_in_use(host::HostView& host) {
  using Out = std::optional<EtcdInUse>;
  SEALIFT_ASSIGN(const auto text, host.read(std::string(kApiServer), kMaxManifest));
  if (!text) return Out{};
  const auto documents = yaml::parse(base::as_text(*text), kApiServer);
  if (!documents || documents->empty()) return Out{};
  const auto servers = kube::argument(documents->front(), "etcd-servers");
  const auto key = kube::argument(documents->front(), "etcd-keyfile");
  if (!servers || !key || !key->starts_with(kube::kExternalEtcdFolder)) return Out{};
  EtcdInUse out;
  for (const auto endpoint : base::split(*servers, ',')) out.endpoints.emplace_back(endpoint);
  out.prefix = kube::etcd_prefix(kube::argument(documents->front(), "etcd-prefix"));
  return Out{std::move(out)};
}

Result<void> clear_etcd(host::Host& host, const EtcdInUse& in_use, const host::Reason& reason,
                        const CancelToken& cancel) {
  const auto command =
      etcd("clear", in_use.prefix,
           {"--folder", std::string(kube::kExternalEtcdFolder), "--endpoints", base::join(in_use.endpoints, ",")});
  return base::output_of(command, host.run(command, {}, reason, cancel)).transform([](const std::string&) {});
}

// The key is known by its certificate: nothing of it, however digested, gets into a ledger.
EtcdFilesStep::EtcdFilesStep(const config::ExternalEtcd& etcd)
    : BasicStep("files.etcd", "put the keys for the site's etcd", digest_of({etcd.authority, etcd.certificate})),
      etcd_(etcd) {}

std::vector<EtcdFilesStep::File> EtcdFilesStep::files() const {
  return {{"ca.crt", 0644, etcd_.authority},
          {"client.crt", 0644, etcd_.certificate},
          {"client.key", kSecret, etcd_.key.reveal()}};
}

Result<bool> EtcdFilesStep::is_there(host::HostView& host, const File& file) const {
  const auto path = base::format("{}/{}", kube::kExternalEtcdFolder, file.name);
  SEALIFT_ASSIGN(const auto status, host.stat(path));
  if (!status || status->type != host::FileType::regular || status->spec != host::FileSpec{file.mode, 0, 0})
    return false;
  SEALIFT_ASSIGN(const auto digest, host.digest(path));
  return digest == hash::sha256(base::as_bytes(file.content));
}

Result<engine::StepState> EtcdFilesStep::check(const engine::LookContext& context) {
  for (const auto& file : files()) {
    SEALIFT_ASSIGN(const bool there, is_there(context.host, file));
    if (!there) return engine::StepState::needed;
  }
  return engine::StepState::done;
}

Result<void> EtcdFilesStep::apply(engine::StepContext& context) {
  SEALIFT_TRY(context.host.make_directory(std::string(kube::kExternalEtcdFolder), {0755, 0, 0}, reason()));
  for (const auto& file : files()) {
    SEALIFT_ASSIGN(const bool there, is_there(context.host, file));
    if (there) continue;
    const auto path = base::format("{}/{}", kube::kExternalEtcdFolder, file.name);
    // The ledger would keep a key that is replaced.
    const base::Command removal{{"rm", "-f", "--", path}, {}, "/", Duration{30'000}};
    if (file.mode == kSecret)
      SEALIFT_TRY(base::output_of(removal, context.host.run(removal, {}, reason(), context.cancel)));
    base::MemorySource source(base::as_bytes(file.content));
    SEALIFT_TRY(context.host.write_atomic(path, {file.mode, 0, 0}, source, reason()));
  }
  return {};
}

ClearEtcdStep::ClearEtcdStep()
    : BasicStep("reset.etcd", "delete what the cluster keeps in the site's etcd", digest_of({"reset", "etcd"})) {}

// By the manifest of the API server, which goes after this.
Result<engine::StepState> ClearEtcdStep::check(const engine::LookContext& context) {
  SEALIFT_ASSIGN(const auto in_use, etcd_in_use(context.host));
  return in_use ? engine::StepState::needed : engine::StepState::done;
}

Result<void> ClearEtcdStep::apply(engine::StepContext& context) {
  SEALIFT_ASSIGN(const auto in_use, etcd_in_use(context.host));
  if (!in_use) return {};
  const auto cleared = clear_etcd(context.host, *in_use, reason(), context.cancel);
  if (cleared || cleared.error().code != ErrorCode::command_failed) return cleared;
  base::tell(context.events, Level::warning,
             base::format("the site's etcd keeps what the cluster had there, and the next cluster will be refused: {}; "
                          "delete it with `etcdctl del --prefix {}`",
                          cleared.error().text(), in_use->prefix),
             context.host_name);
  return {};
}

}  // namespace sealift::steps
