# SPDX-License-Identifier: Apache-2.0
"""Everything about a delivery that can be checked before a host is contacted."""
import json
import os
import pathlib
import signal
import socket
import subprocess

import pytest

from conftest import needs

CLUSTER = """apiVersion: sealift.dev/v1
kind: Cluster
metadata: {{name: plant7}}
spec:
  ssh: {{user: ops, keyPath: {key}{more}}}
  hosts:
  - {{address: {address}, role: control-plane, hostKey: "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}}
"""

GOLDEN = pathlib.Path(__file__).resolve().parents[1] / "golden" / "config"

# The text at the place of each of the ten mistakes: found by eye, not by the program.
TEN_PLACES = {(3, 12): "name: Plant_7", (5, 20): "prot: 22", (5, 30): "password: geheim", (9, 6): "address: 10.7.0.22", (9, 26): "role: master",
              (10, 5): "address: 10.7.0.256", (12, 14): '"db=only:NoShedule"', (13, 34): "services: 10.244.128.0/17", (14, 9): "port: 64430000",
              (16, 6): "src: missing.conf"}


@pytest.fixture
def cluster(tmp_path):
    def write(text=None, address="127.0.0.1", more=""):
        (tmp_path / "key").write_text("no key")
        (tmp_path / "key").chmod(0o600)
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
    assert (again.returncode, again.stderr) == (0, ""), again
    assert again.stdout.splitlines()[-1].endswith("; nothing was changed")


@pytest.fixture
def ten_mistakes(tmp_path):
    """The configuration with ten mistakes, and the expected messages."""
    path = tmp_path / "ten-mistakes.yaml"
    path.write_text((GOLDEN / path.name).read_text())
    return path, (GOLDEN / "ten-mistakes.problems").read_text().replace(path.name, str(path)).replace("missing.conf", str(tmp_path / "missing.conf")).splitlines()


def test_all_mistakes_in_one_run_with_their_places(run, ten_mistakes):
    path, problems = ten_mistakes
    done = run("--config", path)
    assert done.returncode == 3
    assert done.stdout == ""
    assert done.stderr.splitlines() == [*problems, f"error: {path}: 10 problems to solve; nothing was touched"]
    text = path.read_text().splitlines()
    places = [tuple(map(int, line.removeprefix(f"{path}:").split(":")[:2])) for line in problems]
    assert places == list(TEN_PLACES)
    for (row, column), words in TEN_PLACES.items():
        assert text[row - 1][column - 1:].startswith(words), (row, column)


def test_mistakes_as_json(run, ten_mistakes):
    path, problems = ten_mistakes
    done = run("--config", path, "--log-format", "json")
    assert (done.returncode, done.stderr) == (3, "")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    message = "\n".join(["10 problems in the configuration:", *problems])
    assert events == [{"event": "error", "code": "invalid_config", "exit": 3, "message": message}]


def test_missing_config(run):
    done = run("--config", "/nowhere/cluster.yaml")
    assert done.returncode == 7
    assert "/nowhere/cluster.yaml" in done.stderr


def test_a_secret_from_nowhere(run, cluster):
    done = run("plan", "--config", cluster(more=", password: {env: NOT_SET_ANYWHERE}"))
    assert done.returncode == 7
    assert "NOT_SET_ANYWHERE" in done.stderr


def test_all_secrets_that_are_missing_are_told_at_once(run, cluster):
    done = run("plan", "--config", cluster(more=", password: {env: NOT_SET}, sudoPassword: {env: NOT_SET_EITHER}"))
    assert done.returncode == 7
    assert "2 secrets can't be had" in done.stderr
    assert "NOT_SET " in done.stderr and "NOT_SET_EITHER " in done.stderr and done.stderr.count("(line ") == 2


def test_a_file_with_a_secret_that_others_may_read(run, cluster, tmp_path):
    (tmp_path / "password").write_text("geheim\n")
    path = cluster(more=f", password: {{file: {tmp_path}/password}}")
    for secret in ("password", "key"):
        (tmp_path / secret).chmod(0o644)
        done = run("plan", "--config", path)
        assert done.returncode == 7 and f"the file {tmp_path}/{secret} may be read by other users (mode 0644)" in done.stderr
        assert "chmod 600" in done.stderr and "--allow-readable-secrets" in done.stderr and "geheim" not in done.stderr
        allowed = run("plan", "--config", path, "--allow-readable-secrets")
        assert f"the file {tmp_path}/{secret} may be read by other users (mode 0644), and holds a secret" in allowed.stderr
        assert allowed.returncode == 8, allowed.stderr    # nobody answers there
        (tmp_path / secret).chmod(0o600)


def test_a_prompt_needs_a_terminal(artifact, cluster, tmp_path):
    path = cluster(more=', password: {prompt: "Password of ops"}')
    done = subprocess.run([artifact, "plan", "--config", path], capture_output=True, text=True, start_new_session=True, timeout=60,
                          stdin=subprocess.DEVNULL, env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"})
    assert done.returncode == 2
    assert "no terminal" in done.stderr


@pytest.fixture
def dead_port():
    """A port of this machine on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def test_what_is_typed_at_a_prompt_is_not_shown(run_pty, cluster, dead_port):
    path = cluster(more=f', port: {dead_port}, password: {{prompt: "Password of ops"}}')
    screen = run_pty("plan", "--config", path, "--state", path.parent / "state", answers=[("Password of ops", "geheim-77\n")])
    assert "Password of ops" in screen.text
    assert "geheim-77" not in screen.text
    assert screen.code == 8  # no host responds there


def test_stopped_at_the_prompt(run_pty, cluster):
    path = cluster(more=', password: {prompt: "Password of ops"}')
    screen = run_pty("plan", "--config", path, answers=[("Password of ops", "\x03")])
    assert screen.code == 130
    assert "stopped at the prompt for a secret" in screen.text


def test_a_secret_does_not_stay_in_the_environment(artifact, cluster, tmp_path):
    """While it works, /proc/<pid>/environ no longer shows the password."""
    listener = socket.create_server(("127.0.0.1", 0))  # accepts the connection and sends nothing
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
        assert process.returncode == 130, err
        assert b"geheim-78" not in out + err
    finally:
        process.kill()
        process.wait()
        listener.close()


def test_a_dead_control_plane_ends_with_unreachable(run, cluster, tmp_path, dead_port):
    path = cluster(more=f", port: {dead_port}")
    done = run("--config", path, "--state", tmp_path / "state")
    assert done.returncode == 8, done.stderr
    assert done.stderr.startswith("error: ") and "127.0.0.1" in done.stderr


def test_state_folder_that_can_not_be_made(run, cluster):
    done = run("--config", cluster(), "--state", "/proc/no")
    assert done.returncode == 7
    assert "--state DIR" in done.stderr


def test_plan_leaves_no_state(run, cluster, tmp_path):
    done = run("plan", "--offline", "--config", cluster(), "--state", tmp_path / "state")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1].endswith("; nothing was changed")
    assert not (tmp_path / "state").exists()


def test_a_plan_that_connects_nowhere_needs_no_home(artifact, cluster):
    done = subprocess.run([artifact, "plan", "--offline", "--config", cluster()], capture_output=True, text=True, env={"PATH": "/usr/bin:/bin"},
                          timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert not any(line == ":" for line in done.stdout.splitlines())


@pytest.mark.parametrize("form", [[], ["--log-format", "json"]])
def test_a_plan_that_can_not_be_written_is_an_error(artifact, cluster, tmp_path, form):
    with open("/dev/full", "w", encoding="ascii") as full:
        done = subprocess.run([artifact, "plan", "--offline", "--config", cluster(), *form], stdout=full, stderr=subprocess.PIPE, text=True,
                              env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}, timeout=60)
    assert done.returncode == 7
    assert done.stderr == ("error: standard output is not complete: write: No space left on device; send it to where there is room and start the "
                           "same command again\n")


def test_state_on_a_full_disk_names_the_file_and_the_way_out(artifact, cluster, tmp_path):
    needs(os.geteuid() == 0, "root, to mount a small disk")
    (tmp_path / "state").mkdir(mode=0o700)
    script = 'mount -t tmpfs -o size=16k,mode=700 none "$1/state" && ! head -c 100000 /dev/zero > "$1/state/filler" && exec "$2" --config "$3" --state "$1/state"'
    done = subprocess.run(["unshare", "--mount", "/bin/sh", "-c", script, "sh", tmp_path, artifact, cluster()], capture_output=True, text=True,
                          env={"HOME": str(tmp_path), "PATH": "/usr/sbin:/sbin:/usr/bin:/bin"}, timeout=60)
    assert done.returncode == 7
    assert done.stderr.endswith(f"error: the journal {tmp_path}/state/journal.jsonl: write: No space left on device; make room there or name another "
                                "folder with --state DIR\n")


def test_state_of_a_newer_version_is_refused(run, cluster, tmp_path):
    (tmp_path / "state").mkdir(mode=0o700)
    (tmp_path / "state/journal.jsonl").write_text('{"format":9,"record":"run"}\n')
    done = run("--config", cluster(), "--state", tmp_path / "state")
    assert done.returncode == 5
    assert "format 9" in done.stderr


@pytest.mark.parametrize("command", (["remove", "cp1"], ["reset"], ["reset", "cp1"]))
def test_what_takes_away_asks_for_the_name(artifact, cluster, tmp_path, command):
    """Without a terminal it is refused; nothing is contacted and nothing kept."""
    words = [artifact, *command, "--config", cluster(), "--state", tmp_path / "state"]
    done = subprocess.run(words, capture_output=True, text=True, stdin=subprocess.DEVNULL, start_new_session=True, timeout=30)
    assert done.returncode == 2 and "--yes" in done.stderr, done
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize("answer, code", (("plant8", 130), ("", 130), ("plant7", 8)))
def test_only_the_name_goes_on(run_pty, cluster, tmp_path, dead_port, answer, code):
    path = cluster(more=f", port: {dead_port}")
    screen = run_pty("reset", "--config", path, "--state", tmp_path / "state", answers=[("Type the cluster", answer + "\n")])
    assert screen.code == code, screen.text
    assert ("nothing was changed" in screen.text) == (code == 130)
