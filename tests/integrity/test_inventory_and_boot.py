"""The hardware and the trust of the boot, from folders that look like machines, and from this one."""

import os

import pytest

from agent.host.errors import DeniedError
from agent.host.real import RealHost
from agent.integrity.errors import ResultCode, SourceUnavailableError
from agent.integrity.sources import inventory
from agent.integrity.sources.boot_integrity import BootIntegrity, boot_integrity
from agent.integrity.sources.inventory import Chassis, Disk, Interface, Processor, system_inventory

from .machines import machine

EFI = "/sys/firmware/efi/efivars/{}-8be4df61-93ca-11d2-aa0d-00e098032b8c"


def test_a_server(tmp_path):
    host = machine(
        tmp_path,
        {
            "/sys/class/dmi/id/sys_vendor": "Dell Inc.\n",
            "/sys/class/dmi/id/product_name": "PowerEdge R640\n",
            "/sys/class/dmi/id/bios_version": "2.1.8\n",
            "/proc/cpuinfo": "processor\t: 0\nmodel name\t: Xeon Gold\n\nprocessor\t: 1\nmodel name\t: Xeon Gold\n",
            "/proc/meminfo": "MemTotal:       1024 kB\nMemFree: 1 kB\n",
            "/sys/block/sda/size": "2048\n",
            "/sys/block/sda/removable": "0\n",
            "/sys/block/sda/device/model": "PERC H740P   \n",
            "/sys/block/loop0/size": "8\n",
            "/sys/class/net/eno1/address": "00:11:22:33:44:55\n",
            "/sys/class/net/eno1/operstate": "up\n",
            "/sys/class/net/eno1/device/vendor": "0x8086\n",
            "/sys/class/net/lo/address": "00:00:00:00:00:00\n",
        },
    )
    (tmp_path / "sys/class/net/eno1/device/driver").symlink_to("../../../../bus/pci/drivers/igb")
    found = system_inventory(host)
    assert found.chassis == Chassis("Dell Inc.", "PowerEdge R640", None, None, None, "2.1.8")
    assert found.processor == Processor("Xeon Gold", 2)
    assert found.memory == 1024 * 1024
    assert found.disks == (Disk("sda", 2048 * 512, "PERC H740P", None, removable=False),)
    assert found.interfaces == (
        Interface("eno1", "00:11:22:33:44:55", "up", "igb", physical=True),
        Interface("lo", "00:00:00:00:00:00", None, None, physical=False),
    )


@pytest.mark.parametrize(
    ("cpuinfo", "expected"),
    [
        ("processor\t: 0\nBogoMIPS\t: 1\nprocessor\t: 1\n\nModel\t: Raspberry Pi 4\n", Processor("Raspberry Pi 4", 2)),
        ("vendor_id : IBM/S390\nprocessor 0: version = FF\nprocessor 1: version = FF\n", Processor(None, 2)),
        ("\xff\0nothing", None),
    ],
)
def test_processors_of_other_architectures(tmp_path, cpuinfo, expected):
    host = machine(tmp_path, {"/proc/cpuinfo": cpuinfo.encode("latin-1"), "/proc/meminfo": "MemTotal: 1 kB"})
    assert system_inventory(host).processor == expected


def test_a_host_that_tells_nothing(tmp_path):
    with pytest.raises(SourceUnavailableError):
        system_inventory(machine(tmp_path))


def test_more_interfaces_than_the_limit_are_not_cut(tmp_path, monkeypatch):
    monkeypatch.setattr(inventory, "MAX_DEVICES", 1)
    host = machine(tmp_path, {"/sys/class/net/a/mtu": "1", "/sys/class/net/b/mtu": "1"})
    with pytest.raises(SourceUnavailableError) as caught:
        system_inventory(host)
    assert caught.value.code is ResultCode.LIMIT_EXCEEDED


def test_this_machine():
    found = system_inventory(RealHost())
    assert found.processor.count == os.sysconf("SC_NPROCESSORS_CONF")
    assert found.memory == os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert {interface.name for interface in found.interfaces} == set(os.listdir("/sys/class/net"))


def test_a_host_without_any_of_it(tmp_path):
    assert boot_integrity(machine(tmp_path)) == BootIntegrity(*["not-present"] * 11)


def test_a_host_with_all_of_it(tmp_path):
    host = machine(
        tmp_path,
        {
            EFI.format("SecureBoot"): b"\x06\0\0\0\x01",
            "/sys/kernel/security/lockdown": "none [integrity] confidentiality\n",
            "/sys/module/module/parameters/sig_enforce": "Y\n",
            "/sys/kernel/security/ima/runtime_measurements_count": "1650\n",
            "/sys/kernel/security/ima/violations": "2\n",
            "/sys/kernel/security/ima/policy": "measure func=BPRM_CHECK\nappraise\n",
            "/sys/class/tpm/tpm0/tpm_version_major": "2\n",
            "/proc/sys/kernel/tainted": "4096\n",
            "/proc/sys/kernel/random/boot_id": "3c6d\n",
            "/proc/cmdline": "BOOT_IMAGE=/vmlinuz ro quiet\n",
        },
    )
    assert boot_integrity(host) == BootIntegrity(
        secure_boot="enabled",
        lockdown="integrity",
        module_signatures="enabled",
        ima="present",
        ima_measurements="1650",
        ima_violations="2",
        ima_policy="measure func=BPRM_CHECK\nappraise",
        tpm="2.0",
        kernel_tainted="4096",
        boot_id="3c6d",
        command_line="BOOT_IMAGE=/vmlinuz ro quiet",
    )


@pytest.mark.parametrize(
    ("parameter", "lockdown", "expected"),
    [
        ("Y", "[none] integrity", "enabled"),
        ("N", "[none] integrity", "disabled"),
        ("N", "none [integrity]", "enabled"),
        ("N", None, "disabled"),
        (None, "none [integrity]", "not-present"),
    ],
)
def test_unsigned_modules_are_refused_by_a_locked_kernel_too(tmp_path, parameter, lockdown, expected):
    files = {"/sys/module/module/parameters/sig_enforce": parameter, "/sys/kernel/security/lockdown": lockdown}
    host = machine(tmp_path, {path: f"{content}\n" for path, content in files.items() if content})
    assert boot_integrity(host).module_signatures == expected


@pytest.mark.parametrize(
    ("secure_boot", "setup_mode", "expected"),
    [
        (b"\x06\0\0\0\0", None, "disabled"),
        (b"\x06\0\0\0\0", b"\x06\0\0\0\0", "disabled"),
        (b"\x06\0\0\0\0", b"\x06\0\0\0\x01", "setup-mode"),
        (b"\x06", None, "unreadable"),
        (b"", None, "unreadable"),
        (b"x" * 100, None, "unreadable"),
    ],
)
def test_secure_boot(tmp_path, secure_boot, setup_mode, expected):
    files = {EFI.format("SecureBoot"): secure_boot}
    if setup_mode is not None:
        files[EFI.format("SetupMode")] = setup_mode
    assert boot_integrity(machine(tmp_path, files)).secure_boot == expected


def test_refusal_is_not_absence(tmp_path):
    class Closed:
        """A host whose IMA folder is closed to us."""

        def __init__(self, host):
            self.host = host

        def read_file(self, path, *rest):
            if "/ima/" in path:
                raise DeniedError(path, "permission denied")
            return self.host.read_file(path, *rest)

        def list_dir(self, path):
            if path.endswith("/ima"):
                raise DeniedError(path, "permission denied")
            return self.host.list_dir(path)

    found = boot_integrity(Closed(machine(tmp_path)))
    assert (found.ima, found.ima_measurements, found.tpm) == ("permission-denied", "permission-denied", "not-present")


@pytest.mark.parametrize(("files", "tpm"), [({"tpm0/tpm_version_major": "1"}, "1.2"), ({"tpm0/x": ""}, "present")])
def test_tpm_versions(tmp_path, files, tpm):
    host = machine(tmp_path, {f"/sys/class/tpm/{name}": content for name, content in files.items()})
    assert boot_integrity(host).tpm == tpm
