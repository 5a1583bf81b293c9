# SPDX-License-Identifier: Apache-2.0
"""The acceptance report: as the program writes it when no host answers, and, as tests/golden/report has it, in a real browser: on a
screen and printed on A4."""
import html.parser
import json
import re
import shutil
import socket
import subprocess
import xml.etree.ElementTree as ElementTree

import pytest

from conftest import ROOT, needs

GOLDEN = ROOT / "tests" / "golden" / "report"
CLUSTER = """apiVersion: sealift.dev/v1
kind: Cluster
metadata: {{name: plant7}}
spec:
  ssh: {{user: ops, port: {port}, keyPath: {folder}/key}}
  hosts:
  - {{address: 127.0.0.1, role: control-plane, name: cp1, hostKey: "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}}
"""


@pytest.fixture
def config(tmp_path):
    """Of a host on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    (tmp_path / "key").write_text("no key")
    (tmp_path / "key").chmod(0o600)
    path = tmp_path / "cluster.yaml"
    path.write_text(CLUSTER.format(port=port, folder=tmp_path))
    return path


def test_a_report_is_written_although_nobody_answers(run, config, tmp_path):
    for name in ("a.html", "a.json", "a.xml"):
        (tmp_path / name).write_text("an earlier one")
        done = run("report", "--config", config, "-o", tmp_path / name)
        assert done.returncode == 15, done.stdout + done.stderr
        assert f"{tmp_path / name}: The cluster is not as it should be" in done.stdout
    report = json.loads((tmp_path / "a.json").read_text())
    assert [(check["id"], check["subject"]) for check in report["checks"] if check["standing"] == "fail"][0] == ("host.answers", "cp1")
    assert "no journal" in report["journal"]["trouble"]
    assert "cp1" in (tmp_path / "a.html").read_text()
    assert int(ElementTree.parse(tmp_path / "a.xml").getroot().get("failures")) == report["sums"]["fail"]
    assert not list(tmp_path.glob("*.tmp*"))


def test_what_is_waived_is_no_failure(run, config, tmp_path):
    run("report", "--config", config, "-o", tmp_path / "a.json")
    failing = {check["id"] for check in json.loads((tmp_path / "a.json").read_text())["checks"] if check["standing"] in ("fail", "warn")}
    waivers = [word for id in sorted(failing) for word in ("--waive", f"{id}=the host comes <in spring> & not before")]
    done = run("report", "--config", config, "-o", tmp_path / "b.json", *waivers, "--title", "Übergabe Werk 7")
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads((tmp_path / "b.json").read_text())
    assert report["sums"]["fail"] == report["sums"]["warn"] == 0 and report["sums"]["waived"] >= 1
    assert report["title"] == "Übergabe Werk 7"
    assert all(check["reason"].startswith("the host comes <in spring>") for check in report["checks"] if check["standing"] == "waived")


def test_an_earlier_report_stays_if_the_new_one_can_not_be_written(run, config, tmp_path):
    done = run("report", "--config", config, "-o", tmp_path / "nowhere" / "a.html")
    assert done.returncode == 7 and "nowhere" in done.stderr


class Reader(html.parser.HTMLParser):
    """Its elements, what they refer to, and whether each that is opened is closed."""
    VOID = {"meta", "br"}

    def __init__(self, text):
        super().__init__()
        self.open, self.elements, self.ids, self.references, self.words = [], set(), set(), [], []
        self.feed(text)
        assert not self.open, self.open

    def handle_starttag(self, tag, attributes):
        self.elements.add(tag)
        if tag not in self.VOID:
            self.open.append(tag)
        for name, value in attributes:
            assert not name.startswith("on") and name not in ("src", "style"), (tag, name)
            if name == "id":
                self.ids.add(value)
            if name == "href":
                self.references.append(value)

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, tag

    def handle_data(self, data):
        if not self.open or self.open[-1] != "style":
            self.words.append(data)


def test_the_file_stands_alone():
    text = (GOLDEN / "acceptance.html").read_text()
    page = Reader(text)
    assert not page.elements & {"script", "link", "img", "iframe", "object", "form", "base"}
    assert page.references and all(reference.startswith("#") and reference[1:] in page.ids for reference in page.references)
    assert not re.search(r"url\(|@import|https?://", text)
    assert "default-src 'none'" in text
    words = " ".join(page.words)
    for wanted in ("For the supplier", "For the customer", "Signature", "FAIL", "WARN", "WAIVED", "erp 3.4.1", "plant7"):
        assert wanted in words, wanted


@pytest.fixture(scope="module")
def browser():
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    needs(program, "chromium (apt-get install chromium)")

    def call(*arguments):
        done = subprocess.run([program, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", *map(str, arguments)], capture_output=True,
                              text=True, timeout=180)
        assert done.returncode == 0, done.stderr
        return done
    return call


def test_in_a_browser_on_a_screen(browser, tmp_path):
    picture = tmp_path / "screen.png"
    browser("--window-size=1280,1600", f"--screenshot={picture}", GOLDEN.joinpath("acceptance.html").as_uri())
    assert picture.read_bytes().startswith(b"\x89PNG") and picture.stat().st_size > 20_000


def test_printed_on_a4(browser, tmp_path):
    needs(shutil.which("pdftotext") and shutil.which("pdfinfo"), "pdftotext (apt-get install poppler-utils)")
    pdf = tmp_path / "report.pdf"
    browser("--no-pdf-header-footer", f"--print-to-pdf={pdf}", GOLDEN.joinpath("acceptance.html").as_uri())
    info = subprocess.run(["pdfinfo", pdf], capture_output=True, text=True, check=True).stdout
    pages = int(re.search(r"Pages:\s+(\d+)", info)[1])
    assert 5 <= pages <= 20 and "A4" in info, info
    first = subprocess.run(["pdftotext", "-l", "1", "-layout", pdf, "-"], capture_output=True, text=True, check=True).stdout
    for wanted in ("plant7", "erp 3.4.1", "Open points", "For the supplier", "For the customer", "Signature"):
        assert wanted in first, f"{wanted} is not on the first page:\n{first}"
    # nothing is cut off at the edge: every digest is there as a whole, on one line or on several
    everything = subprocess.run(["pdftotext", "-raw", pdf, "-"], capture_output=True, text=True, check=True).stdout
    together = re.sub(r"\s", "", everything)
    report = json.loads((GOLDEN / "acceptance.json").read_text())
    for image in report["images"]:
        assert image["digest"] in together, image
    for check in report["checks"]:
        assert re.sub(r"\s", "", check["evidence"])[:100] in together, check
