"""The wheel: what is in it, and that an agent installed from it finds its YANG modules."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from agent import __version__

TOP = Path(__file__).parent.parent


def run(*command, **options):
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=110, check=False, **options)
    assert done.returncode == 0, done
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built with what is installed here: nothing is downloaded."""
    folder = tmp_path_factory.mktemp("wheel")
    build = ("--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check", "-q", "-w", folder)
    run(sys.executable, "-m", "pip", "wheel", *build, TOP)
    (file,) = folder.glob("*.whl")
    return file


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """The bin folder of an environment of its own with the wheel; the dependencies are those of this one."""
    folder = tmp_path_factory.mktemp("environment")
    run(sys.executable, "-m", "venv", "--without-pip", folder)
    install = ("install", "--no-deps", "--no-index", "--disable-pip-version-check", "-q")
    run(sys.executable, "-m", "pip", "--python", folder / "bin" / "python", *install, wheel)
    (packages,) = folder.glob("lib/python*/site-packages")
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "bin"


def test_the_wheel_has_the_package_and_the_models_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    own = {name for name in names if not name.startswith(f"trustconf-{__version__}.dist-info/")}
    models = {f"agent/models/{file.relative_to(TOP / 'yang')}" for file in (TOP / "yang").rglob("*.yang")}
    code = {str(file.relative_to(TOP)) for file in (TOP / "agent").rglob("*") if file.suffix in (".py", ".typed")}
    assert models <= own
    assert own == models | code
    assert f"trustconf-{__version__}.dist-info/licenses/LICENSE" in names


def test_the_version_is_that_of_the_package(wheel):
    assert wheel.name == f"trustconf-{__version__}-py3-none-any.whl"


def test_an_installed_agent_compiles_its_schema_from_the_wheel(installed, tmp_path):
    script = (
        "from agent.modules_implemented import FEATURES, IMPLEMENTED_MODULES\n"
        "from agent.yang.compiler import compile_schema\n"
        "from agent.yang.modules import default_search_path\n"
        "path = default_search_path()\n"
        "print(path[0])\n"
        "schema = compile_schema(IMPLEMENTED_MODULES, path, FEATURES)\n"
        "print(*sorted(set(IMPLEMENTED_MODULES) - set(schema.modules)))\n"
    )
    models, missing = run(installed / "python", "-c", script, cwd=tmp_path).splitlines()
    assert Path(models).is_relative_to(installed.parent)
    assert models.endswith("agent/models")
    assert missing == ""


def test_an_installed_agent_does_its_work(installed, tmp_path):
    key = tmp_path / "id"
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key)
    state = ("--state-dir", tmp_path / "state")
    user = ("user", "add", "alice", "--group", "administrators", "--public-key", f"{key}.pub")
    assert "alice" in run(installed / "trustconf", *user, *state, cwd=tmp_path)
    shown = run(installed / "trustconf", "show", "version", *state, cwd=tmp_path)
    assert f"trustconf, Version {__version__}" in shown
