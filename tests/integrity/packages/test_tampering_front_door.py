"""Everything that can be done to an installed package, told over SSH and judged beside `rpm -V`."""

import pytest

from tests.integrity.packages.conftest import copied
from tests.integrity.packages.rpm_workshop import run
from tests.integrity.packages.test_front_door import OURS, Device
from tests.integrity.packages.test_rpm_fingerprints import FORGERIES, LETTERS, TAMPERING

NAMES = {"o": OURS}


@pytest.fixture(scope="module")
def shared(pristine, signing_key, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tampered")
    made = Device(copied(pristine, folder / "root"), signing_key, folder)
    yield made
    made.agent.kill()


@pytest.fixture
def device(shared, pristine):
    """A device on which the package is as it was installed."""
    run("cp", "-a", "--remove-destination", f"{pristine.root}/.", shared.root)
    assert told(shared, drift={}).findtext("o:header-status", namespaces=NAMES) == "ok"
    return shared


def told(device, *, drift):
    """What the device says of the package, when it has this drift (path -> letters of rpm).

    The kernel tells the agent of changes, too: the values that are made first may be of the time before the last one.
    """
    for _ in range(3):
        device.regenerate()
        reply = device.get(f"<integrity xmlns='{OURS}'><packages><fingerprints/></packages></integrity>")
        (package,) = reply.xpath("//o:package", namespaces=NAMES)
        found = {each.findtext("o:path", namespaces=NAMES): letters(each) for each in package.findall("o:drift", NAMES)}
        if found == drift:
            break
    assert found == drift
    return package


def letters(drift):
    changes = [change.text for change in drift.findall("o:change", NAMES)]
    return "missing" if changes == ["missing"] else "".join(sorted({LETTERS[change] for change in changes}))


#: What becomes another kind of file is compared by rpm in more ways (tests of the library).
SAME_KIND = [name for name in TAMPERING if "place" not in name]


@pytest.mark.parametrize("name", SAME_KIND)
def test_every_tampering_that_rpm_sees_is_told(device, name):
    TAMPERING[name](device.root)
    theirs = device.installed.verify("tool")
    assert theirs
    package = told(device, drift=theirs)
    values = [package.findtext(f"o:{leaf}", namespaces=NAMES) for leaf in ("install-time", "run-time")]
    assert values[0] != values[1]
    assert "0" not in values


@pytest.mark.parametrize("forge", FORGERIES, ids=lambda forge: forge.__name__)
def test_every_forgery_of_the_database_is_told(device, forge):
    forge(device.installed)
    for _ in range(3):
        device.regenerate()
        reply = device.get(f"<integrity xmlns='{OURS}'><packages><fingerprints/></packages></integrity>")
        (status,) = reply.xpath("//o:package[o:name='tool']/o:header-status/text()", namespaces=NAMES)
        if status == FORGERIES[forge].value:
            break
    assert status == FORGERIES[forge].value
