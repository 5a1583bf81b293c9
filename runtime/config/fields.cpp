// SPDX-License-Identifier: Apache-2.0
#include "runtime/config/fields.h"

#include <array>

namespace sealift::config {
namespace {

using Words = std::string_view;
constexpr auto kDocumentWords = std::to_array<Words>({"apiVersion", "kind", "metadata", "spec"});
constexpr auto kNameWords = std::to_array<Words>({"name"});
constexpr auto kSpecWords = std::to_array<Words>(
    {"ssh", "hosts", "network", "api", "etcd", "existing", "registry", "files", "apps", "artifact"});
constexpr auto kSshWords =
    std::to_array<Words>({"user", "port", "keyPath", "keyPassphrase", "password", "sudoPassword"});
constexpr auto kSshLater = std::to_array<Words>({"bastion", "agent", "keyboardInteractive"});
constexpr auto kSecretWords = std::to_array<Words>({"file", "env", "prompt"});
constexpr auto kHostWords =
    std::to_array<Words>({"address", "addresses", "role", "name", "hostKey", "labels", "taints", "dataRoot", "ssh"});
constexpr auto kHostLater = std::to_array<Words>({"nodeIP"});
constexpr auto kNetworkWords = std::to_array<Words>({"pods", "services", "dnsUpstream"});
constexpr auto kApiWords = std::to_array<Words>({"port", "localPort", "certSANs", "balancer"});
constexpr auto kBalancerWords = std::to_array<Words>({"address", "port", "workers"});
constexpr auto kEtcdWords = std::to_array<Words>({"external"});
constexpr auto kExternalEtcdWords = std::to_array<Words>({"endpoints", "caFile", "certFile", "keyFile"});
constexpr auto kExistingWords = std::to_array<Words>({"kubeconfig"});
constexpr auto kRegistryWords = std::to_array<Words>({"port", "hosts", "domain", "external", "upstreams", "cache"});
constexpr auto kDomainWords = std::to_array<Words>({"name", "port", "certFile", "keyFile", "credentials"});
constexpr auto kCredentialWords = std::to_array<Words>({"user", "password"});
constexpr auto kExternalWords = std::to_array<Words>({"url", "caFile", "user", "password"});
constexpr auto kUpstreamWords = std::to_array<Words>({"match", "url", "caFile", "user", "password", "mirrors"});
constexpr auto kFileWords = std::to_array<Words>({"src", "dest", "mode", "role"});
constexpr auto kArtifactWords = std::to_array<Words>({"identity"});
constexpr auto kApplicationWords = std::to_array<Words>(
    {"enabled", "namespace", "values", "valuesFile", "valuesSet", "needs", "timeout", "wait", "files", "ignoreImages"});
constexpr auto kAppsWords = std::to_array<Words>({"names", "concurrency"});
constexpr auto kApplicationFileWords = std::to_array<Words>({"path", "strategy", "data"});
constexpr auto kPatchWords = std::to_array<Words>({"app", "target", "type", "patch"});
constexpr auto kPatchTargetWords = std::to_array<Words>({"kind", "name", "namespace"});
constexpr auto kHookWords = std::to_array<Words>(
    {"before", "after", "on", "program", "packedProgram", "arguments", "inputFile", "timeout", "everyRun"});

}  // namespace

const Fields kDocument{"Cluster", "", "the document", kDocumentWords, {}};
const Fields kMetadata{"Cluster", "metadata.", "metadata", kNameWords, {}};
const Fields kSpec{"Cluster", "spec.", "spec", kSpecWords, {}};
const Fields kSsh{"Cluster", "spec.ssh.", "ssh", kSshWords, kSshLater};
const Fields kSecret{"Secrets", "", "a secret", kSecretWords, {}};
const Fields kHost{"Cluster", "spec.hosts[].", "a host", kHostWords, kHostLater};
const Fields kNetwork{"Cluster", "spec.network.", "network", kNetworkWords, {}};
const Fields kApi{"Cluster", "spec.api.", "api", kApiWords, {}};
const Fields kBalancer{"Cluster", "spec.api.balancer.", "balancer", kBalancerWords, {}};
const Fields kEtcd{"Cluster", "spec.etcd.", "etcd", kEtcdWords, {}};
const Fields kExternalEtcd{"Cluster", "spec.etcd.external.", "external", kExternalEtcdWords, {}};
const Fields kExisting{"Cluster", "spec.existing.", "existing", kExistingWords, {}};
const Fields kRegistry{"Cluster", "spec.registry.", "registry", kRegistryWords, {}};
const Fields kDomain{"Cluster", "spec.registry.domain.", "domain", kDomainWords, {}};
const Fields kCredential{"Cluster", "spec.registry.domain.credentials[].", "credentials", kCredentialWords, {}};
const Fields kExternalRegistry{"Cluster", "spec.registry.external.", "external", kExternalWords, {}};
const Fields kUpstream{"Cluster", "spec.registry.upstreams[].", "an upstream", kUpstreamWords, {}};
const Fields kUpstreamMirror{"Cluster", "spec.registry.upstreams[].mirrors[].", "a mirror", kExternalWords, {}};
const Fields kFile{"Cluster", "spec.files[].", "a file", kFileWords, {}};
const Fields kApps{"Cluster", "spec.apps.", "apps", kAppsWords, {}};
const Fields kArtifact{"Cluster", "spec.artifact.", "artifact", kArtifactWords, {}};
const Fields kApplication{"Application", "", "the document", kDocumentWords, {}};
const Fields kApplicationMetadata{"Application", "metadata.", "metadata", kNameWords, {}};
const Fields kApplicationSpec{"Application", "spec.", "spec", kApplicationWords, {}};
const Fields kApplicationFile{"Application", "spec.files[].", "a file", kApplicationFileWords, {}};
const Fields kPatch{"Patch", "", "the document", kDocumentWords, {}};
const Fields kPatchMetadata{"Patch", "metadata.", "metadata", kNameWords, {}};
const Fields kPatchSpec{"Patch", "spec.", "spec", kPatchWords, {}};
const Fields kPatchTarget{"Patch", "spec.target.", "target", kPatchTargetWords, {}};
const Fields kHook{"Hook", "", "the document", kDocumentWords, {}};
const Fields kHookMetadata{"Hook", "metadata.", "metadata", kNameWords, {}};
const Fields kHookSpec{"Hook", "spec.", "spec", kHookWords, {}};

std::vector<KnownField> known_fields() {
  std::vector<KnownField> out;
  for (const Fields* fields : {&kDocument,
                               &kMetadata,
                               &kSpec,
                               &kSsh,
                               &kSecret,
                               &kHost,
                               &kNetwork,
                               &kApi,
                               &kBalancer,
                               &kEtcd,
                               &kExternalEtcd,
                               &kExisting,
                               &kRegistry,
                               &kDomain,
                               &kCredential,
                               &kExternalRegistry,
                               &kUpstream,
                               &kUpstreamMirror,
                               &kFile,
                               &kApps,
                               &kArtifact,
                               &kApplication,
                               &kApplicationMetadata,
                               &kApplicationSpec,
                               &kApplicationFile,
                               &kPatch,
                               &kPatchMetadata,
                               &kPatchSpec,
                               &kPatchTarget,
                               &kHook,
                               &kHookMetadata,
                               &kHookSpec}) {
    const auto add = [&](std::string_view word, bool supported) {
      out.push_back({std::string(fields->section), std::string(fields->path) + std::string(word), supported});
    };
    for (const auto word : fields->known) add(word, true);
    for (const auto word : fields->later) add(word, false);
  }
  return out;
}

}  // namespace sealift::config
