"""A device's inventory over SSH, as the guide does it: configured, scanned on a schedule and on request, collected with
the guide's options, verified by somebody else, and after a loss of power."""

import json
import re
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from lxml import etree
from ncclient.operations import RPCError

from agent.integrity.filesystem.chain import verify_chain
from examples import journey
from tests.agent_process import AgentProcess

OURS = "urn:trustconf:yang:trustconf-integrity"
DOSSIER = "show platform security integrity dossier include filesystem-inventory"
PAGE = Path(__file__).parents[3] / "docs/filesystem-inventory.md"


class Device:
    """An agent on a small machine in a folder, with an identity, whose time the test moves."""

    def __init__(self, folder):
        self.root = folder / "root"
        for path in ("bin/tool", "etc/app.conf", "var/lib/dpkg/status"):
            (self.root / path).parent.mkdir(parents=True, exist_ok=True)
            (self.root / path).write_text("first\n" if "dpkg" not in path else "")
        (self.root / "etc/machine-id").write_text("0123456789abcdef0123456789abcdee\n")
        self.agent = AgentProcess(folder / "state", on_a_clock=True, on_a_root=self.root).start()
        self.connect()

    def connect(self):
        self.session = self.agent.connect()
        self.session.create_subscription()

    def enroll(self):
        journey.set_names(self.session, "ios", "cisco.com")
        for label in ("system-root-key", "system-enroll-key"):
            journey.generate_key(self.session, "ecdsa-nistp256", label)
        journey.configure_trustpoint(self.session, "ecdsa-nistp256")
        journey.authenticate(self.session)
        journey.enroll(self.session)
        pem = journey.read_certificates(self.session)["ca"]
        self.anchor = x509.load_pem_x509_certificate(pem.encode())

    def configure(self, leaves="", pause=0):
        journey.edit_candidate(
            self.session,
            f"<integrity xmlns='{OURS}'><filesystem-inventory>{leaves}<budget><pause>{pause}</pause></budget>"
            "</filesystem-inventory></integrity>",
        )
        self.session.commit()

    def rpc(self, name, inside=""):
        return etree.fromstring(self.session.rpc(etree.fromstring(f"<{name} xmlns='{OURS}'>{inside}</{name}>")).xml
                                .encode())  # fmt: skip

    def finished(self):
        """What is told of the end of a scan: leaf -> text."""
        while True:
            told = self.session.take_notification(timeout=60)
            found = etree.fromstring(told.notification_xml.encode()).find(f"{{{OURS}}}scan-finished")
            if found is not None:
                return {etree.QName(leaf).localname: leaf.text for leaf in found}

    def last_error(self):
        reply = self.session.get(("subtree", f"<integrity xmlns='{OURS}'><filesystem-snapshots/></integrity>"))
        return etree.fromstring(reply.data_xml.encode()).findtext(f".//{{{OURS}}}last-error")

    def section(self, options=None):
        command = DOSSIER if options is None else f"{DOSSIER} filesystem-inventory-options '{options}'"
        shown = self.agent.exec(command).stdout
        return json.loads(shown[shown.index("{") :])["filesystem-inventory"]


@pytest.fixture(scope="module")
def device(tmp_path_factory):
    device = Device(tmp_path_factory.mktemp("inventory"))
    yield device
    device.agent.kill()


def numbers(section):
    return [snapshot["snapshot-block-no"] for snapshot in section["node"][0]["snapshot"]]


def test_before_there_is_an_inventory(device):
    section = device.section()
    assert (section["result-code"], section["model-name"]) == ("Not present", "Cisco-IOS-XR-filesysinv-show-oper")
    with pytest.raises(RPCError) as refusal:
        device.rpc("start-scan")
    assert refusal.value.app_tag == "inventory-not-enabled"


def test_the_guide_from_configuration_to_verification(device):
    device.enroll()
    device.configure("<snapshot-interval>2</snapshot-interval>")
    first = device.finished()
    assert (first["result"], first["snapshot-type"], first["signature-algorithm"]) == (
        "success",
        "full",
        "ecdsa-sha256",
    )
    (device.root / "bin/tool").write_text("other\n")
    (device.root / "etc/app.conf").unlink()
    device.agent.advance(minutes=30)
    second = device.finished()
    assert (second["snapshot-type"], second["contents-modified"], second["deleted"]) == ("incremental", "1", "1")
    section = device.section()
    assert section["result-code"] == "Success"
    assert section["node"][0]["node-name"] == "0/RP0/CPU0"
    snapshots = section["node"][0]["snapshot"]
    assert verify_chain(snapshots, anchors=[device.anchor]).faults == ()
    changed = {file["name"]: file for file in snapshots[1]["files"]}
    assert changed["/bin/tool"]["change-kind"] == "change-kind-contents-modified"
    assert "meta" not in changed["/etc/app.conf"]
    assert re.fullmatch(r"\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4}", snapshots[0]["snap-time"])


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ('{"0/RP0/CPU0": {"block_start": 0, "count": 1}}', [0]),
        ('{"0/RP0/CPU0": {"block_start": 1}}', [1]),
        ('{"0/RP1/CPU0": {"block_start": 0}}', "Node not available"),
        ('{"0/RP0/CPU0": {"block_start": "x"}}', "Invalid option"),
        ('{"0/RP0/CPU0": {"block_start": 5}}', "Not present"),
    ],
)
def test_the_guide_s_options(device, options, expected):
    section = device.section(options)
    found = numbers(section) if section["result-code"] == "Success" else section["result-code"]
    assert found == expected


def test_the_page_s_commands_verify_a_snapshot_with_openssl(device, tmp_path):
    (tmp_path / "section.json").write_text(json.dumps(device.section()))
    script = re.search(r"^```sh\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)[1]
    done = subprocess.run(["bash", "-euc", script], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout.strip()) == (0, "Signature Verified Successfully"), done.stderr


CISCO = "http://cisco.com/ns/yang/Cisco-IOS-XR-filesysinv-show-oper"


def cisco(device, inside):
    """What a filter below `snapshot` selects."""
    text = (
        f"<file-system-inventory xmlns='{CISCO}'><nodes><node><node-name>0/RP0/CPU0</node-name>"
        f"<snapshot>{inside}</snapshot></node></nodes></file-system-inventory>"
    )
    return etree.fromstring(device.session.get(("subtree", text)).data_xml.encode())


def texts(element, name):
    return [found.text for found in element.iter(f"{{{CISCO}}}{name}")]


def test_cisco_s_model_has_the_same_snapshots(device):
    snapshots = device.section()["node"][0]["snapshot"]
    wanted = "<snapshot-info><snapshot-block-no/></snapshot-info>"
    numbers = cisco(device, f"<all><xr><snapshot-id>{wanted}</snapshot-id></xr></all>")
    assert texts(numbers, "snapshot-block-no") == ["0", "1"]
    assert texts(numbers, "name") == []
    first = cisco(device, "<all><xr><snapshot-id><snapshot-id>0</snapshot-id></snapshot-id></xr></all>")
    assert texts(first, "name") == [file["name"] for file in snapshots[0]["files"]]
    assert texts(first, "digest-value") == [
        file["digest"]["digest-value"] for file in snapshots[0]["files"] if "digest" in file
    ]
    assert texts(first, "snap-time") == [snapshots[0]["snap-time"]]
    current = cisco(device, "<current/>")
    assert texts(current, "signature-type") == ["ecdsa"]
    assert texts(current, "change-kind") == [file["change-kind"] for file in snapshots[1]["files"]]


def test_what_no_package_has(device):
    (device.root / "bin/backdoor").touch()
    (device.root / "bin/backdoor").chmod(0o4755)
    device.rpc("start-scan")
    assert device.finished()["unowned-privileged"] == "1"
    reply = device.rpc("list-unowned-files", "<privileged>true</privileged>")
    assert [name.text for name in reply.iter(f"{{{OURS}}}name")] == ["/bin/backdoor"]
    assert reply.findtext(f".//{{{OURS}}}privilege") == "setuid"


def test_a_scan_is_stopped(device):
    for number in range(600):
        (device.root / "var" / str(number)).touch()
    device.configure(pause=1000)
    device.rpc("start-scan")
    device.rpc("stop-scan")
    assert device.finished()["result"] == "stopped"
    assert device.last_error() == "the scan was stopped before its end"
    assert numbers(device.section()) == [0, 1, 2]


def test_power_is_lost_while_a_scan_goes_on(device):
    # As slow as in the test before.
    device.rpc("start-scan")
    device.agent.kill()
    device.agent.start()
    device.connect()
    assert numbers(device.section()) == [0, 1, 2]
    # The new process has the machine's time again: its clock was set back, so it does not wait.
    device.configure()
    assert device.finished()["created"] == "600"
    snapshots = device.section()["node"][0]["snapshot"]
    assert [each["snapshot-block-no"] for each in snapshots] == [0, 1, 2, 3]
    assert verify_chain(snapshots, anchors=[device.anchor]).faults == ()
