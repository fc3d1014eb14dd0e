"""What the compiler makes of every statement: the torture module, statement by statement."""

import pytest

from agent.yang.errors import SchemaError
from agent.yang.schema import Kind
from agent.yang.types import LeafrefType
from tests.yang.torture import MORE, NAMES, TORTURE, compile_torture, node, search_path, torture_schema


def whens(schema_node):
    return [(when.text, when.context_up) for when in schema_node.whens]


def test_only_implemented_modules_have_nodes():
    schema = torture_schema()
    assert {child.path for child in schema.root.data_children.values()} == {
        "/trustconf-torture:torture",
        "/trustconf-torture:sub-top",
    }
    assert {child.path for child in schema.root.operations.values()} == {
        "/trustconf-torture:compute",
        "/trustconf-torture:nop",
        "/trustconf-torture:happened",
    }
    assert [module.name for module in schema.modules.values() if module.implemented] == list(NAMES)
    assert not schema.modules["trustconf-torture-base"].implemented


def test_modules_know_all_that_yang_library_and_get_schema_ask():
    module = torture_schema().modules["trustconf-torture"]
    assert (module.namespace, module.prefix, module.revision) == (TORTURE, "t", "2026-02-01")
    assert module.yang_version == "1.1"
    assert module.text.startswith("module trustconf-torture {")
    assert set(module.features) == {"red", "green", "light", "from-submodule"}
    assert module.deviated_by == ("trustconf-torture-more",)
    [(name, revision, text)] = module.submodules
    assert (name, revision) == ("trustconf-torture-sub", "2026-01-01")
    assert text.startswith("submodule trustconf-torture-sub {")
    assert dict(module.prefixes) == {
        "t": "trustconf-torture",
        "tb": "trustconf-torture-base",
        "yang": "ietf-yang-types",
        "nacm": "ietf-netconf-acm",
    }
    assert torture_schema().by_namespace[TORTURE] is module


def test_content_id_depends_on_what_is_loaded_and_on_nothing_else():
    assert compile_torture().content_id == torture_schema().content_id
    assert len(torture_schema().content_id) == 64
    assert compile_torture({"trustconf-torture": ["red"]}).content_id != torture_schema().content_id


def test_nodes_of_a_list_of_two_modules_with_the_same_name():
    thing = node("thing")
    assert thing.keys == (thing.child("name", "trustconf-torture"),)
    assert thing.child("name") is thing.keys[0]
    assert thing.child("name", "trustconf-torture-more").tag == f"{{{MORE}}}name"
    assert thing.keys[0].is_key
    assert not thing.child("name", "trustconf-torture-more").is_key
    assert (
        torture_schema()
        .find("/trustconf-torture:torture/thing/trustconf-torture-more:box/kind")
        .path.endswith("/thing/trustconf-torture-more:box/kind")
    )


def test_keys_are_in_the_order_of_the_key_statement():
    assert [leaf.name for leaf in node("thing/part").keys] == ["id", "side"]
    assert node("log").keys == ()
    assert [leaf.name for leaf in node("limits/with-empty-key").keys] == ["nothing", "name"]


def test_list_properties():
    thing = node("thing")
    assert (thing.user_ordered, thing.min_elements, thing.max_elements) == (True, 0, 5)
    assert [[[step.name for step in path] for path in unique] for unique in thing.unique] == [
        [["size"], ["settings", "serial"]]
    ]
    assert (node("limits/pair").min_elements, node("limits/pair").max_elements) == (2, 2)
    assert (node("limits/few").max_elements, node("texts/tag").user_ordered) == (3, True)
    assert (node("users/refined/route").min_elements, node("users/refined/route").max_elements) == (1, 3)
    assert (node("users/plain/route").min_elements, node("users/plain/route").max_elements) == (0, None)


DEFAULTS = {
    "integers/u8": ("31",),
    "integers/u16": ("15",),
    "integers/percent": ("50",),
    "integers/high": ("75",),
    "integers/mandatory-percent": ("50",),
    "integers/i8": ("-8",),
    "integers/i64": (),
    "decimals/d2": ("1.2",),
    "texts/tag": ("alpha", "beta"),
    "names/colour": ("green",),
    "names/permissions": ("read write",),
    "names/flag": (),
    "references/shape": ("trustconf-torture:circle",),
    "references/mixed": ("8",),
    "sub/corner": ("trustconf-torture:square",),
    "thing/trustconf-torture-more:box/kind": ("trustconf-torture-more:cube",),
    "users/plain/port": ("4000",),
    "users/plain/settings/verbose": ("false",),
    "users/plain/alias": (),
    "users/refined/port": ("2222",),
    "users/refined/settings/verbose": ("true",),
    "users/refined/settings/level": ("50",),
    "users/refined/alias": ("one",),
    "thing/name": (),
}


@pytest.mark.parametrize(("path", "expected"), DEFAULTS.items())
def test_defaults_in_canonical_text(path, expected):
    assert node(path).defaults == expected


def test_units_come_from_the_leaf_or_its_typedef():
    assert node("integers/percent").units == "percent"
    assert node("integers/mandatory-percent").units == "parts of a hundred"
    assert node("integers/i8").units == "octets"
    assert node("integers/i16").units is None


def test_refinements():
    refined = node("users/refined")
    assert refined.child("address").mandatory
    assert refined.child("address").description == "Refined description."
    assert [must.text for must in refined.child("address").musts] == [". != '0.0.0.0'", "string-length(.) < 100"]
    assert refined.child("settings").presence
    assert not refined.child("extra").config
    plain = node("users/plain")
    assert not plain.child("address").mandatory
    assert not plain.child("settings").presence
    assert plain.child("extra").config
    assert "level" not in [child.name for child in plain.child("settings").data_children.values()]


def test_deviations():
    torture = node("")
    assert "old" not in [child.name for child in torture.data_children.values()]
    assert node("integers/i32").type.base == "int16"
    assert node("integers/i32").type.range.describe() == "0..1000"
    [must] = node("integers/i8").musts
    assert (must.text, must.error_message, must.error_app_tag) == (". != 99", "Not 99.", "ninety-nine")
    assert dict(must.prefixes)["tt"] == TORTURE
    assert must.default_namespace == TORTURE
    assert not node("users/plain/port").config


def test_config_is_inherited_and_never_true_in_operations():
    assert node("").config
    assert not node("log/line").config
    assert not node("choices/blob").config
    assert not torture_schema().find("/trustconf-torture:sub-top/count").config
    assert not torture_schema().find("/trustconf-torture:compute/input/endpoint").config
    assert not node("thing/part/reset/input/hard").config


def test_musts_carry_messages_and_the_prefixes_of_their_module():
    [must] = node("thing").musts
    assert (must.error_message, must.error_app_tag) == ("Size must be positive.", "bad-size")
    assert dict(must.prefixes)["t"] == TORTURE
    [from_submodule] = node("sub/host").musts
    assert dict(from_submodule.prefixes)["own"] == TORTURE
    assert from_submodule.default_namespace == TORTURE
    [from_grouping] = node("users/conditional/note").musts
    assert dict(from_grouping.prefixes) == {"tb": "urn:trustconf:yang:torture-base"}
    assert from_grouping.default_namespace == TORTURE


WHENS = {
    "switch/lamp": [("../position > 0", 0)],
    "switch/voltage": [("t:position < 100", 1)],
    "switch/fast": [("t:position < 100", 1)],
    "choices/a": [("../choices/gate = 'open'", 1), ("not(gate = 'shut')", 1)],
    "choices/n2": [("../choices/gate = 'open'", 1), ("not(gate = 'shut')", 1)],
    "choices/n2/k": [],
    "choices/b": [("../choices/gate = 'open'", 1)],
    "choices/first": [],
    "thing/trustconf-torture-more:name": [("tt:size > 10", 1)],
    "thing/trustconf-torture-more:box/kind": [],
    "limits/pair": [("../gate", 0)],
    "users/refined/settings/level": [("verbose = 'true'", 1)],
    "users/conditional/note": [("t:enabled = 'true'", 1)],
    "users/conditional/left": [("t:enabled = 'true'", 1)],
    "users/conditional/plan": [("t:enabled = 'true'", 1)],
    "users/conditional/plan/step": [("../../note", 0)],
}


@pytest.mark.parametrize(("path", "expected"), WHENS.items())
def test_whens_with_the_level_of_their_context_node(path, expected):
    assert whens(node(path)) == expected


def test_a_when_of_a_grouping_means_names_of_the_using_module():
    [when] = node("users/conditional/plan/step").whens
    assert when.default_namespace == TORTURE
    [uses_when] = node("users/conditional/note").whens
    assert dict(uses_when.prefixes)["t"] == TORTURE
    [augment_when] = node("thing/trustconf-torture-more:weight").whens
    assert augment_when.default_namespace == MORE
    assert node("thing/trustconf-torture-more:force").whens == (augment_when,)


def test_choices_have_explicit_cases():
    plain = node("choices").children["trustconf-torture", "plain"]
    assert plain.kind is Kind.CHOICE
    assert [(case.kind, case.module.name, case.name) for case in plain.cases()] == [
        (Kind.CASE, "trustconf-torture", "short"),
        (Kind.CASE, "trustconf-torture", "shorts"),
        (Kind.CASE, "trustconf-torture", "short-container"),
        (Kind.CASE, "trustconf-torture", "explicit"),
        (Kind.CASE, "trustconf-torture", "featured"),
        (Kind.CASE, "trustconf-torture-more", "extra-short"),
        (Kind.CASE, "trustconf-torture-more", "extra-case"),
    ]
    assert plain.default_case == ("trustconf-torture", "explicit")
    assert node("choices/first").data_parent is node("choices")
    assert node("choices/first").parent.name == "explicit"
    must_choose = node("choices").children["trustconf-torture", "must-choose"]
    assert must_choose.mandatory
    assert whens(must_choose) == [("../choices/gate = 'open'", 1)]
    transport = node("users/refined").children["trustconf-torture", "transport"]
    assert transport.default_case == ("trustconf-torture", "udp")
    assert [case.name for case in transport.cases()] == ["tcp", "udp", "quic", "sctp"]


def test_data_children_are_in_schema_order_and_know_their_position():
    for parent in (node("choices"), node("thing"), torture_schema().root):
        assert [child.position for child in parent.data_children.values()] == list(range(len(parent.data_children)))
    assert [child.name for child in node("choices").data_children.values()][:4] == [
        "short", "shorts", "short-container", "first",
    ]  # fmt: skip


LEAFREFS = {
    "references/thing": "/trustconf-torture:torture/thing/name",
    "references/thing-size": "/trustconf-torture:torture/thing/size",
    "references/thing-part": "/trustconf-torture:torture/thing/part/id",
    "references/loose": "/trustconf-torture:torture/references/thing",
    "references/things": "/trustconf-torture:torture/thing/name",
    "thing/part/broken/sibling": "/trustconf-torture:torture/thing/part/id",
}


@pytest.mark.parametrize(("path", "target"), LEAFREFS.items())
def test_leafrefs_find_their_targets(path, target):
    assert node(path).type.target.path == target


def test_leafrefs_in_operations_and_unions():
    compute = torture_schema().find("/trustconf-torture:compute/input")
    assert compute.child("same-as-x").type.target is compute.child("x")
    assert compute.child("thing").type.target is node("thing/name")
    member = next(node("references/thing-or-shape").type.find_members())
    assert isinstance(member, LeafrefType)
    assert member.target is node("thing/name")
    assert node("references/thing").type.require_instance
    assert not node("references/loose").type.require_instance
    assert node("references/loose").type.path.text == "../thing"


def test_operations_have_input_and_output():
    nop = torture_schema().find("/trustconf-torture:nop")
    assert (nop.kind, [child.kind for child in nop.children.values()]) == (Kind.RPC, [Kind.INPUT, Kind.OUTPUT])
    ping = node("users/plain/ping")
    assert (ping.kind, [child.kind for child in ping.children.values()]) == (Kind.ACTION, [Kind.INPUT, Kind.OUTPUT])
    compute = torture_schema().find("/trustconf-torture:compute")
    assert [must.error_app_tag for must in compute.child("input").musts] == ["no-operand"]
    assert compute.child("input").child("z", "trustconf-torture-more").musts[0].error_message == "Unlucky."
    assert node("thing/part/broken").kind is Kind.NOTIFICATION
    assert "broken" not in [child.name for child in node("thing/part").data_children.values()]
    happened = torture_schema().find("/trustconf-torture:happened")
    assert [child.name for child in happened.data_children.values()] == ["what", "code", "thing", "detail", "where"]


def test_access_control_hints():
    assert node("").default_deny == "write"
    assert torture_schema().find("/trustconf-torture:compute").default_deny == "all"
    assert node("integers").default_deny is None


def test_identities_are_derived_transitively_and_across_modules():
    derived = torture_schema().derived
    assert derived["trustconf-torture", "shape"] == {
        ("trustconf-torture", "circle"),
        ("trustconf-torture", "ball"),
        ("trustconf-torture", "square"),
        ("trustconf-torture", "red-square"),
        ("trustconf-torture-more", "cube"),
    }
    assert derived["trustconf-torture-base", "solid"] == {
        ("trustconf-torture-base", "stone"),
        ("trustconf-torture", "ball"),
    }
    assert derived["trustconf-torture", "ball"] == frozenset()


SPEAKS = {
    "integers": True,
    "decimals/d1": False,
    "references/at": False,
    "thing": False,
    "switch": False,
    "choices": True,
    "choices/short-container": False,
    "limits": True,
    "limits/pair": True,
    "log": False,
    "users/conditional/plan": False,
    "users/refined/settings": False,
    "users/plain/settings": True,
    "payload": False,
}


@pytest.mark.parametrize(("path", "expected"), SPEAKS.items())
def test_what_speaks_though_it_is_absent(path, expected):
    assert node(path).speaks_when_absent is expected


def test_enumeration_and_bit_numbers():
    assert node("names/colour").type.values == {"red": 0, "green": 10, "blue": 11, "infrared": -5, "deep-blue": 12}
    assert node("names/cold").type.values == {"blue": 11, "green": 10}
    assert list(node("names/permissions").type.positions.items()) == [
        ("read", 0), ("write", 1), ("execute", 2), ("own", 3), ("paint", 9),
    ]  # fmt: skip


def names_of(schema_node):
    return {child.name for child in schema_node.data_children.values()}


def test_features_that_are_off_take_their_nodes_along():
    schema = compile_torture({"trustconf-torture": ["green"], "trustconf-torture-more": []})
    torture = schema.find("/trustconf-torture:torture")
    assert schema.modules["trustconf-torture"].features == ("green",)
    assert "dimmer" in names_of(torture.child("switch"))
    assert "glow" not in names_of(torture.child("switch"))
    assert "featured" not in names_of(torture.child("choices"))
    plain = torture.child("choices").children["trustconf-torture", "plain"]
    assert ("trustconf-torture", "featured") not in plain.children
    assert "red" not in torture.child("names").child("colour").type.values
    assert "paint" not in torture.child("names").child("permissions").type.positions
    assert "corner" not in names_of(torture.child("sub"))
    assert ("trustconf-torture", "red-square") not in schema.derived["trustconf-torture", "shape"]


def test_a_feature_that_depends_on_others():
    schema = compile_torture({"trustconf-torture": ["red", "dark-red"]})
    torture = schema.find("/trustconf-torture:torture")
    assert schema.modules["trustconf-torture"].features == ("red", "dark-red")
    assert "glow" in names_of(torture.child("switch"))
    # green is off: the augment, the uses and the rpc that need it are gone.
    assert "voltage" not in names_of(torture.child("switch"))
    assert names_of(torture.child("users").child("conditional")) == {"enabled"}
    assert "port" not in names_of(torture.child("users").child("refined"))
    assert "port" in names_of(torture.child("users").child("plain"))
    assert "compute" not in {operation.name for operation in schema.root.operations.values()}
    # dark-red was asked for but excludes light.
    assert (
        "dark-red"
        not in compile_torture({"trustconf-torture": ["dark-red", "light", "red"]})
        .modules["trustconf-torture"]
        .features
    )


def test_features_of_imported_modules_are_off():
    assert "hidden" not in names_of(node("users/conditional"))
    assert torture_schema().modules["trustconf-torture-base"].features == ()


@pytest.mark.parametrize(
    ("features", "says"),
    [({"nowhere": []}, "'nowhere'"), ({"trustconf-torture": ["purple"]}, "'purple'")],
)
def test_unknown_features_are_refused(features, says):
    with pytest.raises(SchemaError, match=says):
        compile_torture(features)


def write_module(folder, body, name="m", imports=""):
    text = f'module {name} {{ yang-version 1.1; namespace "urn:test:{name}"; prefix {name}; {imports}\n{body} }}'
    (folder / f"{name}.yang").write_text(text)


def compile_body(folder, body, imports=""):
    from agent.yang.compiler import compile_schema

    write_module(folder, body, imports=imports)
    return compile_schema(["m"], [folder, *search_path()])


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("leaf a { type nonsense; }", "nonsense"),
        ("leaf a { type string;", "unexpected|premature|end of file|EOF"),
        ("leaf a { type uint8 { range '1..300'; } }", "300"),
        ("leaf a { type uint8; default 300; }", "300"),
        ("leaf a { type leafref { path '../nowhere'; } }", "nowhere"),
        ("leaf a { type union { type leafref { path '../nowhere'; } type string; } }", "nowhere"),
        ("leaf a { type union { type leafref { path '/m:c'; } type int8; } } container c;", "/m:c"),
        ("leaf a { type leafref { path '../b'; } } leaf b { type leafref { path '../a'; } }", "CIRC|itself|circular"),
        ("list l { leaf a { type string; } }", "key"),
        ("leaf a { type string { pattern '(('; } }", "\\(\\("),
        ("leaf a { type union { type int8; type boolean; } default x; }", "x"),
        ("uses nothing;", "nothing"),
        ("leaf a { type string; } leaf a { type string; }", "already"),
    ],
)
def test_a_module_that_is_wrong_is_refused_with_the_reason(tmp_path, body, says):
    with pytest.raises(SchemaError, match=says):
        compile_body(tmp_path, body)


def test_what_a_module_augments_or_refers_to_is_implemented_too(tmp_path):
    schema = compile_body(
        tmp_path,
        "augment /if:interfaces { leaf a { type string; } }"
        "leaf s { type leafref { path '/sys:system/sys:hostname'; } }",
        "import ietf-interfaces { prefix if; } import ietf-system { prefix sys; } import ietf-ip { prefix ip; }",
    )
    assert {module.name for module in schema.modules.values() if module.implemented} == {
        "m",
        "ietf-interfaces",
        "ietf-system",
    }
    # ietf-ip is only imported: what it would add to ietf-interfaces is not there.
    interface = schema.find("/ietf-interfaces:interfaces/interface")
    assert {child.module.name for child in interface.data_children.values()} == {"ietf-interfaces"}


def test_a_deviation_module_that_is_only_imported_is_refused(tmp_path):
    write_module(
        tmp_path,
        "deviation /if:interfaces { deviate not-supported; }",
        "d",
        "import ietf-interfaces { prefix if; }",
    )
    with pytest.raises(SchemaError, match="'d' has deviations"):
        compile_body(tmp_path, "leaf a { type string; }", "import d { prefix d; }")


def test_a_leafref_whose_predicate_has_a_path_of_its_own(tmp_path):
    body = "list l { key k; leaf k { type string; } leaf v { type int8; } } leaf k { type string; }"
    path = "../l[k = current()/../k]/v"
    schema = compile_body(tmp_path, f"{body} leaf r {{ type leafref {{ path '{path}'; }} }}")
    assert schema.find("/m:r").type.target is schema.find("/m:l/v")


def test_nodes_print_as_kind_and_path():
    assert repr(node("thing/name")) == "<leaf /trustconf-torture:torture/thing/name>"
