"""Finding and loading modules."""

import pytest

from agent.yang import modules
from agent.yang.errors import SchemaError
from agent.yang.modules import default_search_path, load_modules


def write(folder, name, revision=None, body="", file=None):
    folder.mkdir(exist_ok=True)
    dated = f"revision {revision};" if revision else ""
    text = f'module {name} {{ namespace "urn:test:{name}"; prefix {name}; {dated} {body} }}'
    (folder / (file or f"{name}.yang")).write_text(text)


def revisions(loaded):
    return {module.arg: modules.revision_of(module) for module in loaded.all}


def test_the_default_search_path_has_our_modules_before_the_standard_ones():
    path = default_search_path()
    assert all(folder.is_dir() for folder in path)
    assert path[0].name in ("yang", "models")
    assert next(path[-1].rglob("ietf-interfaces*.yang"))
    assert path.index(path[0]) < path.index(path[-1])


def test_an_installed_package_has_its_models_inside(tmp_path, monkeypatch):
    (tmp_path / "agent" / "yang").mkdir(parents=True)
    (tmp_path / "agent" / "models" / "cisco").mkdir(parents=True)
    (tmp_path / "yang").mkdir()
    monkeypatch.setattr(modules, "__file__", str(tmp_path / "agent" / "yang" / "modules.py"))
    assert default_search_path()[:2] == [tmp_path / "agent" / "models", tmp_path / "agent" / "models" / "cisco"]


def test_the_latest_revision_is_taken_unless_another_is_asked_for(tmp_path):
    write(tmp_path, "m", "2024-01-01", file="m@2024-01-01.yang")
    write(tmp_path, "m", "2025-01-01", file="m@2025-01-01.yang")
    assert revisions(load_modules(["m"], [tmp_path])) == {"m": "2025-01-01"}
    assert revisions(load_modules(["m@2024-01-01"], [tmp_path])) == {"m": "2024-01-01"}


def test_the_first_folder_that_has_a_module_wins(tmp_path):
    write(tmp_path / "ours", "m", "2024-01-01")
    write(tmp_path / "standard", "m", "2025-01-01")
    assert revisions(load_modules(["m"], [tmp_path / "ours", tmp_path / "standard"])) == {"m": "2024-01-01"}
    assert revisions(load_modules(["m"], [tmp_path / "standard", tmp_path / "ours"])) == {"m": "2025-01-01"}


def test_an_import_by_revision_does_not_replace_the_requested_revision(tmp_path):
    write(tmp_path, "t", "2024-01-01", file="t@2024-01-01.yang")
    write(tmp_path, "t", "2025-01-01", file="t@2025-01-01.yang")
    write(tmp_path, "m", body="import t { prefix t; revision-date 2024-01-01; }")
    text = (tmp_path / "m.yang").read_text().replace("  import", "import")
    (tmp_path / "m.yang").write_text(text)
    loaded = load_modules(["m", "t"], [tmp_path])
    assert modules.revision_of(loaded.by_name()["t"]) == "2025-01-01"
    assert list(loaded.by_name()) == ["m", "t"]


def test_a_module_without_revision(tmp_path):
    write(tmp_path, "m")
    loaded = load_modules(["m"], [tmp_path])
    assert revisions(loaded) == {"m": None}
    assert loaded.text(loaded.requested[0]) == (tmp_path / "m.yang").read_text()


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (["absent"], "no module 'absent'"),
        (["m@2001-01-01"], "2001-01-01"),
        (["needy"], "absent"),
        (["broken"], "broken"),
        (["garbled"], "garbled.yang:1"),
        (["misnamed"], "other"),
        (["part"], "'part' is a submodule"),
    ],
)
def test_what_cannot_be_loaded_is_named(tmp_path, names, says):
    write(tmp_path, "m", "2024-01-01")
    write(tmp_path, "needy", body="import absent { prefix a; }")
    (tmp_path / "broken.yang").write_text("module broken { nonsense")
    (tmp_path / "garbled.yang").write_text("module garbled { nonsense; }")
    write(tmp_path, "other", file="misnamed.yang")
    (tmp_path / "whole.yang").write_text('module whole { namespace "urn:w"; prefix w; include part; }')
    (tmp_path / "part.yang").write_text("submodule part { belongs-to whole { prefix w; } }")
    with pytest.raises(SchemaError, match=says):
        load_modules(names, [tmp_path])


def test_a_file_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "m.yang").write_bytes(b"module m {\xff\xfe}")
    with pytest.raises(SchemaError, match=r"m\.yang"):
        load_modules(["m"], [tmp_path])


def test_each_file_is_read_once(tmp_path, monkeypatch):
    reads = []
    read = modules.ModuleFiles.get_module_from_handle

    def counted(self, handle):
        reads.append(handle[1])
        return read(self, handle)

    monkeypatch.setattr(modules.ModuleFiles, "get_module_from_handle", counted)
    loaded = load_modules(["ietf-system", "ietf-ip", "ietf-netconf-acm", "ietf-interfaces"], default_search_path())
    assert len(reads) == len(set(reads)) == len(loaded.all)


def test_loading_does_not_look_into_the_environment(tmp_path, monkeypatch):
    write(tmp_path / "elsewhere", "m")
    (tmp_path / "here").mkdir()
    monkeypatch.setenv("YANG_MODPATH", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(SchemaError):
        load_modules(["m"], [tmp_path / "here"])
