# SPDX-License-Identifier: Apache-2.0
"""Many small helm applications, all alike: their charts, an artifact that has them, and what a cluster has of them.

Each is a Deployment of the demo's smallest image that has something to answer, a Service and a ConfigMap. The templates are YAML
documents as they stand, so that a site can merge into them."""
import json
import os
import shutil
import subprocess

from lab import KUBERNETES, OUT, ROOT

NAMESPACE = 'many'
IMAGE = 'quay.io/example/echo:1.0'
BASE = OUT / (f'kubernetes-{KUBERNETES}.run' if KUBERNETES else 'kubernetes.run')
PACKER = os.environ.get('SEALIFT_PACKER', OUT / 'sealift')
STUB = os.environ.get('SEALIFT_STUB', OUT / 'stub-x86_64')

# With `port: nobody` it never gets Ready. A worker has room for all of them, and for those that replace some.
WEB = """apiVersion: apps/v1
kind: Deployment
metadata:
  name: "{{ .Release.Name }}"
  labels: {app: "{{ .Release.Name }}"}
spec:
  replicas: REPLICAS
  selector: {matchLabels: {app: "{{ .Release.Name }}"}}
  template:
    metadata:
      labels: {app: "{{ .Release.Name }}"}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - name: web
        image: "{{ .Values.image }}"
        env:
        - {name: GREETING, value: "{{ .Values.greeting }}"}
        ports:
        - {name: http, containerPort: 8080}
        - {name: nobody, containerPort: 9}
        readinessProbe: {httpGet: {path: /, port: "{{ .Values.port }}"}, periodSeconds: 2}
        resources: {requests: {cpu: 5m, memory: 8Mi}}
"""
SERVICE = """apiVersion: v1
kind: Service
metadata:
  name: "{{ .Release.Name }}"
spec:
  selector: {app: "{{ .Release.Name }}"}
  ports:
  - {name: http, port: 80, targetPort: http}
"""
CONFIG = """apiVersion: v1
kind: ConfigMap
metadata:
  name: "{{ .Release.Name }}"
data:
  text: "{{ .Values.greeting }}"
"""


def numbered(word, count):
    return [f'{word}-{number:0{len(str(count))}}' for number in range(1, count + 1)]


def chart(folder, name, replicas):
    (folder / 'templates').mkdir(parents=True)
    (folder / 'Chart.yaml').write_text(f'apiVersion: v2\nname: {name}\nversion: 1.0.0\n')
    (folder / 'values.yaml').write_text(f'image: {IMAGE}\ngreeting: hello\nport: http\n')
    for file, text in (('web', WEB.replace('REPLICAS', str(replicas))), ('service', SERVICE), ('config', CONFIG)):
        (folder / f'templates/{file}.yaml').write_text(text)


def pack(folder, layout, replicas, needs=None, manifests=None, version='1.0', change=None):
    """An artifact of Kubernetes, flannel and these applications: each name with its number of pods. `needs`: by name, the names of
    others. `manifests`: texts of plain ones, by name. `change` is called with the folder before it is built, and returns more lines
    of the Kubefile. Its charts are in `folder`/charts afterwards."""
    shutil.copytree(ROOT / 'packer/examples/shop/charts/flannel', folder / 'charts/flannel')
    lines = [f'FROM {BASE}', 'CNI flannel local://charts/flannel']
    for name, pods in replicas.items():
        chart(folder / 'charts' / name, name, pods)
        needed = ' '.join((needs or {}).get(name, ()))
        lines.append(f'APP {name} local://charts/{name} NAMESPACE {NAMESPACE}' + (f' NEEDS {needed}' if needed else ''))
    for name, text in (manifests or {}).items():
        (folder / 'manifests' / name).mkdir(parents=True)
        (folder / f'manifests/{name}/all.yaml').write_text(text)
        lines.append(f'APP {name} local://manifests/{name} NAMESPACE {NAMESPACE}')
    lines.append('LAUNCH ' + json.dumps(['flannel', *replicas, *(manifests or ())]))
    lines += change(folder) if change else []
    (folder / 'Kubefile').write_text('\n'.join(lines) + '\n')
    out = folder / 'many.run'
    subprocess.run([PACKER, 'build', '-f', folder / 'Kubefile', '-t', f'many:{version}', '-o', out, '--stub', STUB, '--images', f'oci:{layout}', folder],
                   check=True, stdout=subprocess.DEVNULL)
    return out


def helm(lab, arguments):
    return lab.inside('cp1', f'helm --kubeconfig /etc/kubernetes/admin.conf --namespace {NAMESPACE} {arguments}')


def releases(lab):
    """By name, the state and the revision of helm's newest release."""
    return {release['name']: (release['status'], int(release['revision'])) for release in json.loads(helm(lab, 'list --all --max 1000 -o json'))}


def objects(lab, kind):
    """By name."""
    return {item['metadata']['name']: item for item in json.loads(lab.kubectl('cp1', f'--namespace {NAMESPACE} get {kind} -o json'))['items']}


def is_available(deployment):
    """As it was last changed, and nothing of before is left."""
    wanted, status = deployment['spec']['replicas'], deployment['status']
    return (status.get('observedGeneration') == deployment['metadata']['generation']
            and {status.get(key, 0) for key in ('replicas', 'updatedReplicas', 'availableReplicas')} == {wanted})


def available(lab):
    return {name for name, deployment in objects(lab, 'deployments').items() if is_available(deployment)}
