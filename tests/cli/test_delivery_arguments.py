# SPDX-License-Identifier: Apache-2.0
"""Everything about a delivery that can be told before a host is met."""
import json
import pathlib
import signal
import socket
import subprocess

import pytest

CLUSTER = """apiVersion: sealift.dev/v1
kind: Cluster
metadata: {{name: plant7}}
spec:
  ssh: {{user: ops, keyPath: {key}{more}}}
  hosts:
  - {{address: {address}, role: control-plane, hostKey: "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}}
"""

TEN_MISTAKES = """apiVersion: sealift.dev/v1
kind: Cluster
metadata: {name: Plant_7}
spec:
  ssh: {usr: ops, port: 99999}
  hosts:
  - {address: "10.7.0.300", role: master}
  - {address: 10.7.0.21, role: worker, lables: {a: b}}
  - {addresses: "10.7.0.[30-20]", role: worker}
  network: {pods: 10.244.0.0/33, services: elsewhere}
  api: {port: abc}
  registry: {prt: 5000}
"""


@pytest.fixture
def cluster(tmp_path):
    def write(text=None, address="127.0.0.1", more=""):
        (tmp_path / "key").write_text("no key")
        path = tmp_path / "cluster.yaml"
        path.write_text(text or CLUSTER.format(key=tmp_path / "key", address=address, more=more))
        return path
    return write


def test_config_init_prints_a_template_that_parses(run, tmp_path):
    done = run("config", "init")
    assert done.returncode == 0
    assert "kind: Cluster" in done.stdout
    path = tmp_path / "cluster.yaml"
    path.write_text(done.stdout)
    again = run("plan", "--offline", "--config", path)
    # this artifact brings no Kubernetes: whatever is said about that, it is not about the template
    assert again.returncode != 3 or "cluster.yaml:" not in again.stderr, again.stderr


def test_all_mistakes_in_one_run_with_their_places(run, cluster):
    path = cluster(TEN_MISTAKES)
    done = run("--config", path)
    assert done.returncode == 3
    problems = [line for line in done.stderr.splitlines() if line.startswith(str(path) + ":")]
    assert len(problems) >= 10, done.stderr
    for line in problems:
        row, column = line[len(str(path)) + 1:].split(":")[:2]
        assert row.isdigit() and column.isdigit()
    assert "nothing was touched" in done.stderr
    assert "did you mean" in done.stderr or "user" in done.stderr


def test_mistakes_as_json(run, cluster):
    done = run("--config", cluster(TEN_MISTAKES), "--log-format", "json")
    assert done.returncode == 3
    for line in done.stdout.splitlines():
        assert json.loads(line)["event"] == "error"


def test_missing_config(run):
    done = run("--config", "/nowhere/cluster.yaml")
    assert done.returncode == 7
    assert "/nowhere/cluster.yaml" in done.stderr


def test_a_secret_from_nowhere(run, cluster):
    done = run("plan", "--config", cluster(more=", password: {env: NOT_SET_ANYWHERE}"))
    assert done.returncode == 7
    assert "NOT_SET_ANYWHERE" in done.stderr


def test_a_prompt_needs_a_terminal(artifact, cluster, tmp_path):
    path = cluster(more=', password: {prompt: "Password of ops"}')
    done = subprocess.run([artifact, "plan", "--config", path], capture_output=True, text=True, start_new_session=True, timeout=60,
                          stdin=subprocess.DEVNULL, env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"})
    assert done.returncode == 2
    assert "no terminal" in done.stderr


def test_what_is_typed_at_a_prompt_is_not_shown(run_pty, cluster):
    path = cluster(more=', password: {prompt: "Password of ops"}')
    screen = run_pty("plan", "--config", path, "--state", path.parent / "state", answers=[("Password of ops", "geheim-77\n")])
    assert "Password of ops" in screen.text
    assert "geheim-77" not in screen.text
    assert screen.code != 0


def test_stopped_at_the_prompt(run_pty, cluster):
    path = cluster(more=', password: {prompt: "Password of ops"}')
    screen = run_pty("plan", "--config", path, answers=[("Password of ops", "\x03")])
    assert screen.code in (130, -signal.SIGINT)


def test_a_secret_does_not_stay_in_the_environment(artifact, cluster, tmp_path):
    """While it works, /proc/<pid>/environ no longer shows the password."""
    listener = socket.create_server(("127.0.0.1", 0))  # takes the connection and says nothing
    text = CLUSTER.format(key=tmp_path / "key", address="127.0.0.1", more=f", port: {listener.getsockname()[1]}, password: {{env: PW}}")
    process = subprocess.Popen([artifact, "plan", "--config", cluster(text)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "PW": "geheim-78"})
    try:
        listener.settimeout(20)
        listener.accept()
        environ = pathlib.Path(f"/proc/{process.pid}/environ").read_bytes()
        assert b"geheim-78" not in environ
        assert b"geheim-78" not in pathlib.Path(f"/proc/{process.pid}/cmdline").read_bytes()
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=30)
        assert process.returncode in (130, 8, -signal.SIGTERM)
        assert b"geheim-78" not in out + err
    finally:
        process.kill()
        process.wait()
        listener.close()


def test_a_dead_control_plane_ends_with_unreachable(run, cluster, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    path = cluster(CLUSTER.format(key=tmp_path / "key", address="127.0.0.1", more=f", port: {port}"))
    done = run("--config", path, "--state", tmp_path / "state")
    assert done.returncode in (8, 12), done.stderr
    assert "127.0.0.1" in done.stdout + done.stderr


def test_state_folder_that_can_not_be_made(run, cluster):
    done = run("--config", cluster(), "--state", "/proc/no")
    assert done.returncode == 7
    assert "--state DIR" in done.stderr


def test_plan_leaves_no_state(run, cluster, tmp_path):
    run("plan", "--offline", "--config", cluster(), "--state", tmp_path / "state")
    assert not (tmp_path / "state").exists()


def test_state_of_a_newer_version_is_refused(run, cluster, tmp_path):
    (tmp_path / "state").mkdir(mode=0o700)
    (tmp_path / "state/journal.jsonl").write_text('{"format":9,"record":"run"}\n')
    done = run("--config", cluster(), "--state", tmp_path / "state")
    assert done.returncode == 5
    assert "format 9" in done.stderr
