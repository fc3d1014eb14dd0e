"""license-udi, show version and show platform, from machines of several kinds."""

import re

import pytest

from agent.host.real import RealHost
from agent.integrity.errors import ResultCode, SourceUnavailableError
from agent.integrity.sources.description import Product, platform_text, uptime_text, version_text
from agent.integrity.sources.identity import device_identity, device_serial, license_udi

from .machines import MACHINE_ID, machine

DMI = "/sys/class/dmi/id"
PRINTABLE_STRING = re.compile(r"[A-Za-z0-9 '()+,./:=?-]{4,64}")


def test_dmi_names_the_device(tmp_path):
    host = machine(tmp_path, {f"{DMI}/product_name": "NCS-5501-SE\n", f"{DMI}/product_serial": "FOC2107R0ZB\n"})
    assert license_udi(host) == "UDI: PID:NCS-5501-SE,SN:FOC2107R0ZB\n"
    assert device_identity(host).basis == "dmi"


def test_blanks_and_commas_do_not_break_the_text_apart(tmp_path):
    host = machine(
        tmp_path, {f"{DMI}/product_name": "Standard PC (Q35 + ICH9, 2009)", f"{DMI}/product_serial": "A 1,SN:2\x07é_9"}
    )
    assert license_udi(host) == "UDI: PID:Standard-PC-(Q35-+-ICH9-2009),SN:A-1-SN-2-9\n"


def test_the_device_tree_names_the_device(tmp_path):
    host = machine(
        tmp_path,
        {"/proc/device-tree/model": "Raspberry Pi 4\0", "/proc/device-tree/serial-number": "10000000abcdef01\0"},
    )
    assert license_udi(host) == "UDI: PID:Raspberry-Pi-4,SN:10000000abcdef01\n"


@pytest.mark.parametrize("junk", ["To Be Filled By O.E.M.", "0", "00000000", "Default string", "", "   ", "None", "x"])
def test_placeholders_are_no_serial_numbers(tmp_path, junk):
    host = machine(tmp_path, {f"{DMI}/product_serial": junk, "/etc/machine-id": MACHINE_ID + "\n"})
    assert device_identity(host).basis == "machine-id"


def test_the_derived_serial_is_stable_hex_and_does_not_tell_the_machine_id(tmp_path):
    serial = device_serial(machine(tmp_path / "a", {"/etc/machine-id": MACHINE_ID + "\n"}))
    assert serial == device_serial(machine(tmp_path / "b", {"/var/lib/dbus/machine-id": MACHINE_ID}))
    assert re.fullmatch("[0-9A-F]{16}", serial)
    assert serial.lower() not in MACHINE_ID
    assert serial != device_serial(machine(tmp_path / "c", {"/etc/machine-id": MACHINE_ID[::-1]}))


@pytest.mark.parametrize("machine_id", ["", "uninitialized\n", "zz"])
def test_a_host_without_identity_says_so(tmp_path, machine_id):
    with pytest.raises(SourceUnavailableError) as caught:
        license_udi(machine(tmp_path, {"/etc/machine-id": machine_id}))
    assert caught.value.code is ResultCode.NOT_PRESENT
    assert "machine-id" in caught.value.reason


def test_this_machine_has_a_serial_number_that_a_certificate_can_hold():
    assert PRINTABLE_STRING.fullmatch(device_serial(RealHost()))
    assert device_serial(RealHost()) == device_serial(RealHost())


def test_version_text(tmp_path):
    host = machine(
        tmp_path,
        {
            f"{DMI}/product_name": "NCS-5501-SE",
            "/usr/lib/os-release": 'NAME="x"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n',
            "/proc/uptime": "382345.10 1.00\n",
        },
    )
    text = version_text(host, Product("trustconf", "0.1.0"))
    assert re.fullmatch(
        r"trustconf, Version 0\.1\.0\n\nBuild Information:\n Version      : 0\.1\.0\n Python       : 3\.\d+\.\d+\n"
        r" System       : Debian GNU/Linux 12 \(bookworm\)\n Kernel       : Linux 6\.1\.0-18-amd64\n"
        r" Kernel Build : #1 SMP Debian 6\.1\.76-1\n\nNCS-5501-SE \(x86_64\) processor\n"
        r"System uptime is 4 days 10 hours 12 minutes\n\n",
        text,
    )


@pytest.mark.parametrize("content", ["", "soon", "-5 1", "nan 1", "inf 1", "1e300 1"])
def test_a_strange_uptime_is_said(tmp_path, content):
    with pytest.raises(SourceUnavailableError):
        version_text(machine(tmp_path, {"/proc/uptime": content}), Product("trustconf", "0.1.0"))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 minutes"),
        (61, "1 minute"),
        (3600, "1 hour 0 minutes"),
        (8 * 3600 + 7 * 60, "8 hours 7 minutes"),
        (86400 + 3660, "1 day 1 hour 1 minute"),
        (4 * 86400, "4 days 0 hours 0 minutes"),
    ],
)
def test_uptime_text(seconds, text):
    assert uptime_text(seconds) == text


@pytest.mark.parametrize("product", ["NCS-5501-SE", "A-product-name-that-is-longer-than-its-column"])
def test_platform_text(tmp_path, product):
    header, line, row, end = platform_text(machine(tmp_path, {f"{DMI}/product_name": product})).split("\n")
    assert re.split("  +", header) == ["Node", "Type", "State", "Config state"]
    assert set(line) == {"-"}
    assert row.split() == ["0/RP0/CPU0", f"{product}(Active)", "UP", "NSHUT"]
    assert end == ""
