"""A device with logs, asked over SSH: the log grows meanwhile, is edited, and the device is started anew."""

import json

import pytest
from lxml import etree
from ncclient.operations import RPCError

from agent.integrity.ima.checking import check_section, section_end
from tests.agent_process import AgentProcess
from tests.integrity.attestation_data import FOLDER, real_log
from tests.integrity.boot_log.writer import usual as usual_boot
from tests.integrity.ima.writer import Log, usual

ACT = "http://cisco.com/ns/yang/Cisco-IOS-XR-remote-attestation-act"
CACHE = "http://cisco.com/ns/yang/Cisco-IOS-XR-attestation-agent-ima-oper"
RFC = "urn:ietf:params:xml:ns:yang:ietf-tpm-remote-attestation"
OURS = "urn:trustconf:yang:trustconf-integrity"
COMMAND = "show platform security integrity dossier"


class Device:
    """An agent on a folder, with a session that is told of failures."""

    def __init__(self, folder):
        self.root = folder / "root"
        self.boot("2f0c1e6a-first", 1613466917)
        self.write("proc/uptime", b"3600.5 1.0\n")
        self.write("etc/machine-id", b"0123456789abcdef0123456789abcdef\n")
        self.agent = AgentProcess(folder / "state", on_a_root=self.root).start()
        self.session = self.agent.connect()
        self.session.create_subscription()

    def write(self, path, content):
        place = self.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)

    def boot(self, boot_id, start):
        self.write("proc/sys/kernel/random/boot_id", f"{boot_id}\n".encode())
        self.write("proc/stat", f"cpu 1 2 3\nbtime {start}\n".encode())

    def ima(self, content):
        self.write("sys/kernel/security/ima/binary_runtime_measurements", content)

    def firmware(self, content):
        self.write("sys/kernel/security/tpm0/binary_bios_measurements", content)

    def rpc(self, text):
        return etree.fromstring(self.session.rpc(etree.fromstring(text)).xml.encode())

    def events(self, more=""):
        reply = self.rpc(f"<get-platform-ima-event-logs xmlns='{ACT}'>{more}</get-platform-ima-event-logs>")
        return reply.findall(f".//{{{ACT}}}ima-event-log")

    def get(self, text):
        return etree.fromstring(self.session.get(("subtree", text)).data_xml.encode())

    def failure(self):
        """The next failure that is told: which, and what kind it is (ours only)."""
        told = etree.fromstring(self.session.take_notification(timeout=60).notification_xml.encode())[-1]
        if told.tag == "{urn:trustconf:yang:trustconf-system}audit-event":
            return self.failure()
        return etree.QName(told).localname, told.findtext(f"{{{OURS}}}failure")

    def dossier(self, arguments):
        answer = self.agent.exec(f"{COMMAND} {arguments}")
        assert answer.returncode == 0, answer.stdout + answer.stderr
        return json.loads(answer.stdout[answer.stdout.index("{") :])


@pytest.fixture(scope="module")
def device(tmp_path_factory):
    made = Device(tmp_path_factory.mktemp("device"))
    yield made
    made.agent.kill()


def numbers(events):
    return [int(event.findtext(f"{{{ACT}}}event-number")) for event in events]


def test_first_there_is_nothing_and_that_is_said_everywhere(device):
    for rpc in ("ima-event", "boot-integrity-event", "ima-audit-event"):
        with pytest.raises(RPCError) as caught:
            device.rpc(f"<get-platform-{rpc}-logs xmlns='{ACT}'/>")
        assert (caught.value.tag, caught.value.app_tag) == ("operation-failed", "evidence-not-present")
    reply = device.get(f"<integrity xmlns='{OURS}'><ima/><boot-log/></integrity>")
    assert {each.text for each in reply.iter(f"{{{OURS}}}result-code")} == {"Not present"}
    found = device.dossier("include ima system-integrity-snapshot")
    assert found["ima"]["result-code"] == "Not present"
    assert found["system-integrity-snapshot"]["node"][0]["boot-event-log"]["result-code"] == "Not present"


def test_a_log_that_grows_is_collected_piece_by_piece(device):
    boot = usual_boot("sha1", "sha256")
    device.firmware(boot.content)
    log = Log().measure("boot_aggregate")
    log.entries[0][2][0] = b"sha256:\0" + boot.aggregate()
    for number in range(30):
        log.measure(f"/usr/bin/tool {number}", bytes([number]))
    device.ima(log.binary())
    whole = device.dossier("include ima system-integrity-snapshot")
    [node] = whole["ima"]["node"]
    assert node["pcr-replay"]["sha256"] == log.pcr().hex()
    assert check_section(whole["ima"]) == []
    assert whole["system-integrity-snapshot"]["node"][0]["boot-aggregate"] == "match"

    log.measure("/later", b"x").measure("/open", violation=True)
    device.ima(log.binary())
    start = f"{{'ima_start': [{{'0/RP0/CPU0': {{'start_event': 31, 'start_time': '{node['start-time']}'}}}}]}}"
    later = device.dossier(f'incremental-ima "{start}"')["incremental-ima"]
    assert later["result-code"] == "Success"
    assert [event["filename-hint"] for event in later["node"][0]["ima-event-log"]] == ["/later", "/open"]
    assert later["node"][0]["violations"] == 1
    assert check_section(later, section_end(whole["ima"])) == []

    assert numbers(device.events("<start-event-number>31</start-event-number>")) == [32, 33]
    between = "<start-event-number>1</start-event-number><end-event-number>3</end-event-number>"
    assert numbers(device.events(between)) == [2, 3]
    reply = device.rpc(f"<get-platform-boot-integrity-event-logs xmlns='{ACT}'/>")
    assert len(reply.findall(f".//{{{ACT}}}event_log")) == boot.count
    for log_type, number in (("ima", 32), ("bios", boot.count)):
        reply = device.rpc(
            f"<log-retrieval xmlns='{RFC}'><log-type>{log_type}</log-type><log-selector><last-index-number>{number - 1}"
            "</last-index-number><log-entry-quantity>1</log-entry-quantity></log-selector></log-retrieval>"
        )
        entries = reply.findall(f".//{{{RFC}}}{log_type}-event-entry")
        assert [int(each.findtext(f"{{{RFC}}}event-number")) for each in entries] == [number]
    reply = device.get(f"<attestation xmlns='{CACHE}'><ima-cache><node-cache-summary/></ima-cache></attestation>")
    assert reply.findtext(f".//{{{CACHE}}}total-events") == "33"


def test_what_makes_no_sense_is_refused(device):
    for wrong, code in (
        ("{'ima_start': [{'0/RP7/CPU0': {'start_event': 1}}]}", "Node not available"),
        ("{'ima_start': [{'0/RP0/CPU0': {'start_event': -1}}]}", "Invalid option"),
    ):
        assert device.dossier(f'incremental-ima "{wrong}"')["incremental-ima"]["result-code"] == code
    with pytest.raises(RPCError) as caught:
        device.events("<start-event-number>5</start-event-number><end-event-number>3</end-event-number>")
    assert caught.value.app_tag == "invalid-event-range"
    with pytest.raises(RPCError) as caught:
        device.events("<location>0/RP7/CPU0</location>")
    assert caught.value.app_tag == "unknown-node"


def test_an_edited_log_is_told(device):
    device.ima(usual(40).binary().replace(b"tool20", b"toolXX"))
    assert len(device.events()) == 40
    assert device.failure() == ("integrity-failure", "log-changed")
    assert device.failure() == ("runtime-integrity-failure", None)
    assert device.failure() == ("integrity-failure", "template-hash-mismatch")
    assert device.failure() == ("runtime-integrity-failure", None)


def test_the_device_is_started_anew(device):
    device.boot("2f0c1e6a-second", 1613500000)
    device.ima(usual(4).binary())
    start = "{'ima_start': [{'0/RP0/CPU0': {'start_event': 1000, 'start_time': 'Tue Feb 16 09:15:17 2021'}}]}"
    found = device.dossier(f'incremental-ima "{start}"')["incremental-ima"]
    assert found["result-code"] == "Boot changed"
    assert "Tue Feb 16 18:26:40 2021" in found["reason"]
    [node] = found["node"]
    assert (node["first-event"], node["last-event"], len(node["ima-event-log"])) == (1, 4, 4)
    assert node["boot-id"] == "2f0c1e6a-second"


@pytest.mark.skipif(FOLDER is None, reason="the real logs are not on this machine: shared/data/attestation")
def test_the_real_logs(device):
    device.boot("2f0c1e6a-third", 1613600000)
    device.firmware(real_log("binary_bios_measurements"))
    device.ima(real_log("binary_runtime_measurements"))
    found = device.dossier("include ima system-integrity-snapshot")
    assert check_section(found["ima"]) == []
    [node] = found["ima"]["node"]
    assert (node["total-events"], node["template-hash-mismatches"]) == (1650, 0)
    assert node["pcr-replay"]["sha1"] == "b9d6433e7b6f9d17ee6ae6bf42df902984df2dcd"
    assert len(device.events("<start-event-number>1000</start-event-number>")) == 650
    reply = device.rpc(f"<get-platform-boot-integrity-event-logs xmlns='{ACT}'/>")
    assert len(reply.findall(f".//{{{ACT}}}event_log")) == 108


def test_this_machine_as_it_is(shared_agent):
    """Most have no IMA, or none that may be read: that is said in words, at every front."""
    answer = shared_agent.exec(f"{COMMAND} include ima system-integrity-snapshot")
    found = json.loads(answer.stdout[answer.stdout.index("{") :])
    code = found["ima"]["result-code"]
    assert code in ("Success", "Not present", "Permission denied")
    snapshot = found["system-integrity-snapshot"]["node"][0]
    assert snapshot["boot-event-log"]["result-code"] in ("Success", "Not present", "Permission denied")
    with shared_agent.connect() as session:
        request = etree.fromstring(f"<get-platform-ima-event-logs xmlns='{ACT}'/>")
        if code == "Success":
            pytest.skip("this machine has an IMA log")
        with pytest.raises(RPCError) as caught:
            session.rpc(request)
    assert (
        caught.value.app_tag
        == {
            "Not present": "evidence-not-present",
            "Permission denied": "evidence-permission-denied",
        }[code]
    )
