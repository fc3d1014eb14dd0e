"""A bench whose machine has logs of IMA and of the firmware."""

import queue
from datetime import timedelta

ACT = "/Cisco-IOS-XR-remote-attestation-act:"
IMA = f"{ACT}get-platform-ima-event-logs"
BOOT = f"{ACT}get-platform-boot-integrity-event-logs"
AUDIT = f"{ACT}get-platform-ima-audit-event-logs"
RETRIEVE = "/ietf-tpm-remote-attestation:log-retrieval"
OURS = "/trustconf-integrity:integrity-failure"
CACHE = "Cisco-IOS-XR-attestation-agent-ima-oper:attestation"
JOB = "Cisco-IOS-XR-attestation-agent-cfg:attestation"


class Machine:
    """A bench with logs."""

    def __init__(self, bench):
        self.bench, self.root, self.watch = bench, bench.root, bench.services.ima
        self.ran, count = queue.Queue(), self.watch._count
        self.watch._count = lambda *given: self.ran.put(count(*given))

    def write(self, path, content):
        place = self.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)

    def ima(self, log):
        self.write("sys/kernel/security/ima/binary_runtime_measurements", log.binary())

    def firmware(self, log):
        self.write("sys/kernel/security/tpm0/binary_bios_measurements", log.content)

    def boot(self, boot_id):
        self.write("proc/sys/kernel/random/boot_id", f"{boot_id}\n".encode())

    def events(self, **request):
        [node] = self.bench.call(IMA, request)["system-ima"]["node-data"]
        return [int(event["event-number"]) for event in node.get("ima-event-log", [])]

    def cache(self):
        return self.bench.state()[CACHE]["ima-cache"]

    def evidence(self):
        return self.bench.state()["trustconf-integrity:integrity"]

    def job(self, **time):
        """Let time pass until the job has run once more."""
        self.bench.clock.advance(timedelta(**time))
        self.ran.get(timeout=60)

    def failures(self):
        return [(told["source"], told["failure"]) for told in self.bench.told(OURS)]
