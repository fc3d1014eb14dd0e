"""The collector against real agents and false ones: trust, collect, be told, accept."""

import base64
import gzip
import json
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from lxml import etree

from examples import journey
from tests.agent_process import ADMIN, AgentProcess
from tests.collector.fake_device import FakeDevice
from tests.integrity.ima.writer import Log
from tests.integrity.packages.deb_workshop import DpkgRoot
from tests.integrity.packages.deb_workshop import build as build_deb
from tests.test_cli import refusal, trustconf

TOP = Path(__file__).parents[2]
OURS = "urn:trustconf:yang:trustconf-integrity"


class Device:
    """An agent on a folder in which dpkg has installed a package, with an identity of its own."""

    def __init__(self, folder):
        folder.mkdir()
        self.deb = build_deb(folder, "tool", {"/usr/bin/tool": "#!/bin/sh\n", "/usr/share/tool": "x\n"})
        self.root = folder / "root"
        DpkgRoot(self.root).install(self.deb)
        # Of which the agent derives a serial number.
        self.write("etc/machine-id", f"{secrets.token_hex(16)}\n".encode())
        self.boot("first", 1613466917)
        self.agent = AgentProcess(folder / "state", on_a_root=self.root).start()
        with journey.connect("127.0.0.1", self.agent.port, ADMIN, self.agent.key_file) as m:
            for label in ("system-root-key", "system-enroll-key"):
                journey.generate_key(m, "ed25519", label)
            journey.configure_trustpoint(m, "ed25519")
            journey.authenticate(m)
            journey.enroll(m)
            self.root_pem = journey.read_certificates(m)["ca"]
        self.regenerate()

    def write(self, path, content):
        place = self.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)

    def boot(self, boot_id, start):
        self.write("proc/sys/kernel/random/boot_id", f"{boot_id}\n".encode())
        self.write("proc/stat", f"cpu 1 2 3\nbtime {start}\n".encode())
        self.write("proc/uptime", b"3600.5 1.0\n")

    def ima(self, log):
        self.write("sys/kernel/security/ima/binary_runtime_measurements", log.binary())

    def regenerate(self):
        """Have the fingerprints made anew, and wait for that."""
        request = etree.fromstring(f"<regenerate-fingerprints xmlns='{OURS}'/>")
        self._until("fingerprints-generated", lambda m: m.dispatch(request))

    def scan(self):
        """Have a snapshot of the files made, and wait for that."""
        self._until("scan-finished", lambda m: m.dispatch(etree.fromstring(f"<start-scan xmlns='{OURS}'/>")))

    def take_inventory(self):
        """Configure it, which makes the first snapshot, and wait for that."""

        def configure(m):
            journey.edit_candidate(m, f"<integrity xmlns='{OURS}'><filesystem-inventory/></integrity>")
            m.commit()

        self._until("scan-finished", configure)

    def _until(self, end, act):
        with self.agent.connect() as m:
            m.create_subscription()
            act(m)
            while f"<{end}" not in m.take_notification(timeout=60).notification_xml:
                pass

    @property
    def fingerprint(self):
        """As openssl shows it to whoever enrolls the device."""
        command = ["openssl", "x509", "-noout", "-fingerprint", "-sha256"]
        done = subprocess.run(command, input=self.root_pem, capture_output=True, text=True, check=True, timeout=60)
        return done.stdout.partition("=")[2].strip()


@pytest.fixture(scope="module")
def devices(tmp_path_factory):
    made = [Device(tmp_path_factory.mktemp("device") / name) for name in ("one", "two")]
    yield made
    for device in made:
        device.agent.kill()


class Desk:
    """Where somebody collects: an archive, known hosts and an inventory in a folder."""

    def __init__(self, folder, devices):
        self.folder = folder
        self.archive = folder / "archive.sqlite"
        self.known_hosts = folder / "known_hosts"
        self.addresses = {name: device.agent.port for name, device in zip(("pe1", "pe2"), devices, strict=True)}
        self.key = devices[0].agent.key_file
        self.keys = {"pe2": devices[1].agent.key_file}
        for port in self.addresses.values():
            scanned = subprocess.run(
                ["ssh-keyscan", "-p", str(port), "127.0.0.1"], capture_output=True, text=True, check=True, timeout=60
            )
            self.know(scanned.stdout)

    def know(self, lines):
        with self.known_hosts.open("a") as file:
            file.write(lines)

    def add(self, name, port):
        self.addresses[name] = port

    def command(self, *words):
        """The words with the options that all commands have here, except those that read the archive only."""
        if words[0] == "archive":
            return [*words, "--archive", self.archive]
        lines = [f'user = "{ADMIN}"', f'key = "{self.key}"']
        for name, port in self.addresses.items():
            lines += [f"[device.{name}]", 'host = "127.0.0.1"', f"port = {port}"]
            lines += [f'key = "{self.keys[name]}"'] if name in self.keys else []
        (self.folder / "devices.toml").write_text("\n".join(lines))
        options = ["--inventory", self.folder / "devices.toml", "--known-hosts", self.known_hosts]
        return [*words, *options, "--archive", self.archive]

    def run(self, *words):
        return trustconf(*self.command(*words))

    def collect(self, *words):
        """Exit status, and what is told of each device."""
        done = self.run("collect", "--json", *words)
        return done.returncode, {record["device"]: record for record in json.loads(done.stdout)}

    def trust(self, name, device):
        done = self.run("trust", name, "--fingerprint", device.fingerprint)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture
def desk(tmp_path, devices):
    made = Desk(tmp_path, devices)
    for name, device in zip(("pe1", "pe2"), devices, strict=True):
        made.trust(name, device)
    return made


def names(record, severity=None):
    return [each["name"] for each in record["findings"] if severity in (None, each["severity"])]


def test_a_file_that_somebody_changes(desk, devices):
    """Collect, tamper, collect: an alarm until somebody has accepted it, and evidence that OpenSSL verifies too."""
    status, told = desk.collect()
    assert status == 0
    assert {record["accepted"] for record in told.values()} == {True}
    assert {name for record in told.values() for name in names(record)} == {"section-unavailable"}

    (devices[0].root / "usr/bin/tool").write_text("backdoor\n")
    devices[0].regenerate()
    for method in ("--ssh", "--full", "--ssh"):
        status, told = desk.collect(method)
        assert status == 31
        assert names(told["pe1"], "alarm") == ["drift"]
        (drift,) = (each for each in told["pe1"]["findings"] if each["name"] == "drift")
        assert drift["facts"]["files"] == [{"path": "/usr/bin/tool", "class": "software", "change": ["contents"]}]
        assert (told["pe2"]["exit-status"], names(told["pe2"], "change")) == (0, [])

    done = desk.run("collect")
    assert done.returncode == 31
    assert done.stdout.startswith("pe1: ALARM (dossier ")
    assert "tool-2:1.0-3.all is not on the disk what was packaged: /usr/bin/tool (contents)." in done.stdout
    assert "[2/2] pe" in done.stderr

    number = told["pe1"]["dossier"]
    assert desk.run("archive", "accept", number).returncode == 0
    status, told = desk.collect()
    assert status == 0
    assert "known-drift" in names(told["pe1"], "note")

    listed = desk.run("archive", "list", "pe1").stdout.splitlines()
    nonce = next(line for line in listed if line.startswith(f"{number} ")).split()[-1]
    assert desk.run("archive", "export", number, "-o", desk.folder / "envelope.json").returncode == 0
    (desk.folder / "root.pem").write_text(devices[0].root_pem)
    subprocess.run(
        [TOP / "scripts/verify-with-openssl", desk.folder / "envelope.json", desk.folder / "root.pem", nonce],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    assert json.loads(desk.run("archive", "show", number).stdout)["nonce"] == nonce


def known_good(desk, device):
    """The options that name known good values of the device's package."""
    key = desk.folder / "kgv.key"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", key], check=True, timeout=60)
    subprocess.run(["openssl", "pkey", "-in", key, "-pubout", "-out", desk.folder / "kgv.pem"], check=True, timeout=60)
    values = desk.folder / "KGV.json"
    assert trustconf("kgv", "build", device.deb, "--sign-key", key, "-o", values).returncode == 0
    return "--kgv", values, "--kgv-key", desk.folder / "kgv.pem"


def test_the_same_offline(desk, devices):
    """What was collected, judged by `trustconf verify`: beside known good values and an earlier dossier."""
    kgv = known_good(desk, devices[1])
    first = desk.collect("pe2", *kgv)[1]["pe2"]
    (devices[1].root / "usr/share/tool").write_text("edited\n")
    devices[1].regenerate()
    status, told = desk.collect("pe2", *kgv)
    assert status == 30
    second = told["pe2"]
    assert names(first, "alarm") == []
    assert names(second, "alarm") == ["known-good-mismatch", "drift"]

    files = {record["dossier"]: desk.folder / f"{record['dossier']}.json" for record in (first, second)}
    for number, file in files.items():
        desk.run("archive", "export", number, "-o", file)
    (desk.folder / "root.pem").write_text(devices[1].root_pem)
    anchor = ("--trust-anchor", desk.folder / "root.pem")
    judged = [files[second["dossier"]], *anchor, "--nonce", second["nonce"], "--previous", files[first["dossier"]]]
    done = trustconf("verify", *judged, *kgv, "--json")
    assert done.returncode == 30
    assert json.loads(done.stdout)["findings"] == second["findings"]
    done = trustconf("verify", *judged)
    assert done.returncode == 31
    assert "Needs an explanation:\n  drift: tool-" in done.stdout
    again = [files[first["dossier"]], *anchor, "--any-nonce", "--previous", files[second["dossier"]]]
    assert trustconf("verify", *again).returncode == 22
    edited = files[second["dossier"]].read_bytes().replace(b'"payload": "ey', b'"payload": "ez', 1)
    (desk.folder / "edited.json").write_bytes(edited)
    assert trustconf("verify", desk.folder / "edited.json", *judged[1:]).returncode == 14

    (devices[1].root / "usr/share/tool").write_text("x\n")
    devices[1].regenerate()


def test_a_commit_and_an_old_answer(desk, devices):
    """What has changed is told once; an answer of yesterday is never believed, wherever it comes from."""
    desk.collect("pe2")
    with devices[1].agent.connect() as m:
        journey.set_names(m, "pe2", "example.com")
    status, told = desk.collect("pe2")
    assert status == 40
    assert set(names(told["pe2"], "change")) == {"committed"}
    assert desk.collect("pe2")[0] == 0

    desk.run("archive", "export", told["pe2"]["dossier"], "-o", desk.folder / "envelope.json")
    liar = FakeDevice(((desk.folder / "envelope.json").read_bytes(), 0))
    try:
        desk.add("pe2", liar.port)
        desk.know(liar.known_hosts_line)
        status, told = desk.collect("--ssh", "pe2")
    finally:
        liar.close()
    assert status == 17
    assert [failure["name"] for failure in told["pe2"]["failures"]] == ["wrong-nonce"]
    assert names(told["pe2"]) == ["replayed"]
    (asked,) = liar.commands
    assert re.fullmatch(
        r"show platform security integrity dossier include [a-z -]+ nonce ([0-9a-f]{32}) \|"
        r" utility sign nonce \1 include-certificate",
        asked,
    )
    # The false answer is kept, but nothing is compared with it.
    assert desk.run("archive", "list").stdout.splitlines()[2].split()[-2:] == ["answered", "17"]
    desk.add("pe2", devices[1].agent.port)
    assert desk.collect("pe2")[0] == 0


def test_only_what_is_new_is_asked_for(desk, devices):
    """Snapshots of the files and the log of IMA: each dossier goes on from the last one, by both methods."""
    device = devices[1]
    log = Log().measure("boot_aggregate").measure("/usr/bin/tool")
    device.ima(log)
    device.take_inventory()
    status, told = desk.collect("pe2", "--require", "ima")
    assert (status, told["pe2"]["accepted"]) == (0, True)

    for count, method in enumerate(("--full", "--ssh", "--compress=gzip"), 1):
        log.measure(f"/usr/bin/new{count}")
        device.ima(log)
        device.write(f"usr/bin/new{count}", b"new\n")
        device.scan()
        status, told = desk.collect("pe2", method)
        found = {each["name"]: each for each in told["pe2"]["findings"]}
        assert (status, told["pe2"]["failures"]) == (40, [])
        assert found["ima-grew"]["facts"] == {"events": 1, "last-event": 2 + count}
        assert f"/usr/bin/new{count}" in found["files-changed"]["facts"]["files"]["created"]
        assert not {"ima-gap", "inventory-gap", "broken-ima-log", "broken-inventory"} & found.keys()
        if method != "--full":
            node = payload(desk, told["pe2"]["dossier"])["incremental-ima"]["node"][0]
            assert (node["first-event"], len(node["ima-event-log"])) == (2 + count, 1)
            blocks = payload(desk, told["pe2"]["dossier"])["filesystem-inventory"]["node"][0]["snapshot"]
            assert [block["snapshot-block-no"] for block in blocks] == [count - 1, count]

    device.boot("second", 1613467000)
    device.ima(Log().measure("boot_aggregate"))
    status, told = desk.collect("pe2")
    assert status == 40
    assert {"rebooted", "section-incomplete"} <= set(names(told["pe2"]))
    device.ima(Log().measure("another"))
    status, told = desk.collect("pe2")
    assert status == 35
    assert names(told["pe2"], "alarm") == ["broken-ima-log"]


def payload(desk, number):
    exported = desk.folder / "envelope.json"
    desk.run("archive", "export", number, "-o", exported)
    text = exported.read_text()
    content = base64.b64decode(json.loads(text[text.index("{") :])["payload"])
    return json.loads(gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content)


@pytest.fixture
def fakes():
    made = {
        "silent": FakeDevice(),
        "changed": FakeDevice((b"", 0)),
        "refusing": FakeDevice((b"Thu Nov 26 17:04:06.580 UTC\nshow platform\n ^\n% Invalid \x1b[31minput.\n", 1)),
        "closed": FakeDevice((b"", 0), refuses_logins=True),
        "cut": FakeDevice((b"{", None)),
        "babbling": FakeDevice((b"no envelope\n", 0)),
    }
    yield made
    for fake in made.values():
        fake.close()


def test_devices_that_give_no_evidence(desk, devices, fakes):
    free = socket.create_server(("127.0.0.1", 0))
    desk.add("dead", free.getsockname()[1])
    free.close()
    desk.add("new", devices[0].agent.port)
    for name, fake in fakes.items():
        desk.add(name, fake.port)
        desk.know(fake.known_hosts_line)
    fakes["changed"].host_key = FakeDevice().host_key
    for name in ("dead", *fakes):
        (desk.folder / "root.pem").write_text(devices[0].root_pem)
        arguments = ("--root", desk.folder / "root.pem", "--fingerprint", devices[0].fingerprint)
        assert desk.run("trust", name, *arguments).returncode == 0

    status, late = desk.collect("--ssh", "--time-limit", "1", "silent")
    assert (status, late["silent"]["error"]) == (41, "time-limit")
    del desk.addresses["silent"]
    status, told = desk.collect("--ssh")
    assert status == 10
    errors = {name: record.get("error") for name, record in told.items()}
    assert errors == {
        "pe1": None,
        "pe2": None,
        "dead": "unreachable",
        "new": "no-trust-anchor",
        "changed": "other-host-key",
        "refusing": "refused",
        "closed": "login-refused",
        "cut": "bad-answer",
        "babbling": None,
    }
    assert [failure["name"] for failure in told["babbling"]["failures"]] == ["malformed"]
    assert "% Invalid ?[31minput." in told["refusing"]["detail"]
    listed = desk.run("archive", "list").stdout
    assert re.search(r"^silent +0 +\S+ +time-limit +-$", listed, re.MULTILINE)
    # Nobody but the babbler, who is named, is worse than a device that gave nothing.
    assert desk.collect("dead", "pe2")[0] == 41


HELLO = (
    b"<hello xmlns='urn:ietf:params:xml:ns:netconf:base:1.0'><capabilities><capability>"
    b"urn:ietf:params:netconf:base:1.0</capability></capabilities><session-id>1</session-id></hello>"
)
BOMB = "<!DOCTYPE x [<!ENTITY a 'aaaaaaaaaa'>" + "".join(
    f"<!ENTITY {name} '{f'&{before};' * 10}'>" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


def reply_with(content, doctype=""):
    def reply(request):
        number = re.search(r'message-id="([^"]*)"', request)[1]
        netconf = "urn:ietf:params:xml:ns:netconf:base:1.0"
        return f"{doctype}<rpc-reply xmlns='{netconf}' message-id='{number}'>{content}</rpc-reply>".encode()

    return reply


@pytest.mark.parametrize(
    ("hello", "reply", "obstacles"),
    [
        (b"<hello", None, {"bad-answer", "failed"}),
        (b"\xff", None, {"bad-answer", "failed"}),
        (HELLO, reply_with("<ok/>"), {"bad-answer"}),
        (HELLO, reply_with(f"<envelope xmlns='{OURS}'>&i;</envelope>", f"{BOMB}]>"), {"bad-answer"}),
        (HELLO, lambda request: b"<rpc-reply", {"bad-answer", "time-limit"}),
        (HELLO, reply_with("<rpc-error><error-message>no</error-message></rpc-error>"), {"refused"}),
    ],
    ids=["no hello", "no text", "no envelope", "bomb", "cut", "refusal"],
)
def test_netconf_from_somebody_hostile(desk, devices, hello, reply, obstacles):
    fake = FakeDevice((hello, reply))
    try:
        desk.add("fake", fake.port)
        desk.know(fake.known_hosts_line)
        (desk.folder / "root.pem").write_text(devices[0].root_pem)
        desk.run("trust", "fake", "--root", desk.folder / "root.pem", "--fingerprint", devices[0].fingerprint)
        status, told = desk.collect("fake", "--time-limit", "2")
    finally:
        fake.close()
    assert (status, told["fake"]["error"] in obstacles) == (41, True), told


def test_ctrl_c_keeps_what_is_there(desk, fakes):
    desk.add("silent", fakes["silent"].port)
    desk.know(fakes["silent"].known_hosts_line)
    (desk.folder / "root.pem").write_text(_root(desk))
    shown = subprocess.run(
        ["openssl", "x509", "-in", desk.folder / "root.pem", "-noout", "-fingerprint", "-sha256"],
        capture_output=True, text=True, check=True, timeout=60,
    ).stdout.partition("=")[2].strip()  # fmt: skip
    desk.run("trust", "silent", "--root", desk.folder / "root.pem", "--fingerprint", shown)
    command = [sys.executable, "-m", "agent.cli", *map(str, desk.command("collect", "pe2", "silent"))]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=TOP,
        # Whoever runs the tests in the background has it ignored, and so would have what they start.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    assert process.stderr.readline().startswith("[1/2] pe2: ")
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=30)
    assert (process.returncode, output) == (130, "")
    assert "Traceback" not in errors
    rows = {line.split()[0]: line.split() for line in desk.run("archive", "list").stdout.splitlines()}
    assert (rows["pe2"][1], rows["silent"][3]) == ("1", "stopped")


def _root(desk):
    import sqlite3

    with sqlite3.connect(desk.archive) as connection:
        return connection.execute("SELECT certificate FROM anchors").fetchone()[0]


def test_trust_is_given_to_fingerprints_that_somebody_compared(tmp_path, devices):
    desk = Desk(tmp_path, devices)
    known = desk.known_hosts.read_text()
    wrong = ":".join(["00"] * 32)
    assert "another one" in _refused(desk.run("trust", "pe1", "--fingerprint", wrong))
    assert "--fingerprint" in _refused(desk.run("trust", "pe1"))
    assert not desk.archive.exists()
    assert desk.collect("pe1")[1]["pe1"]["error"] == "no-trust-anchor"

    desk.known_hosts.write_text("")
    unknown = _refused(desk.run("trust", "pe1", "--fingerprint", devices[0].fingerprint))
    (key,) = set(re.findall(r"SHA256:\S+(?=\.)", unknown))
    assert f"trustconf trust 127.0.0.1:{devices[0].agent.port} --host-key {key}" in unknown
    assert "not the one that you named" in _refused(desk.run("trust", "pe1", "--host-key", "SHA256:x"))
    assert desk.known_hosts.read_text() == ""
    desk.known_hosts = tmp_path / "new" / "ssh" / "known_hosts"
    done = desk.run("trust", "pe1", "--host-key", key, "--fingerprint", devices[0].fingerprint.lower())
    assert (done.returncode, done.stderr) == (0, "")
    assert desk.known_hosts.read_text() in known
    assert desk.collect("pe1")[1]["pe1"]["accepted"]
    assert oct(os.stat(desk.archive).st_mode & 0o777) == "0o600"


def _refused(done):
    done.stdout = ""
    return refusal(done)
