"""The documentation tells the truth: links lead somewhere, examples are accepted, numbers are those of the source.

Fenced blocks are marked by what they are, and each kind is tried:

    ```xml config    content of <config>, which an empty datastore accepts and validates
    ```xml edit      content of <config> that changes what is there: `remove` needs nothing to be there
    ```xml rpc       the operation of a request, whose input is accepted
    ```xml action    an <action>, whose input is accepted
    ```xml filter    a subtree filter that can select something
    ```toml          a settings file
    ```python        Python
    ```sh openssl    commands of somebody with openssl: tests/interop/test_documented_enrollment.py runs them
"""

import ast
import contextlib
import re
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from lxml import etree

from agent.collector import archive, archive_tables, collecting, errors, ssh, targets
from agent.commands import collect, connecting
from agent.integrity import (
    content,
    dossier,
    envelope,
    nonce,
    sections,
    signed_text,
    turns,
    verdict,
)
from agent.integrity.filesystem import budget, scan
from agent.integrity.forms import envelope_text
from agent.integrity.judging import findings, judge, long_json, reading, report
from agent.integrity.sources import dpkg, inventory, reboots, rpm
from agent.modules_implemented import FEATURES, IMPLEMENTED_MODULES
from agent.netconf import framing
from agent.netconf.filters import compile_filter
from agent.netconf.limits import Limits
from agent.netconf.namespaces import BASE, local_name
from agent.netconf.operations import OPERATIONS
from agent.pki import ca_bundles, chains, http, key_store, keys, names, pkcs12, trustpoint, user_key_store, user_keys
from agent.pki.enrollment import enrolling, states
from agent.providers import waiting
from agent.providers.cisco import filesystem as cisco_filesystem
from agent.providers.pki_errors import PKI_REFUSALS
from agent.settings import LOG_FORMATS, LOG_LEVELS, MAX_FILE_SIZE, MAX_MESSAGE_SIZE_RANGE, Settings, load_settings
from agent.shell import dossier_arguments, pipes, shell
from agent.shell.commands import COMMANDS
from agent.shell.words import read_command
from agent.storage import dossier_log, sealing
from agent.storage.commit_log import KEPT_COMMITS
from agent.transport import authentication, host_keys
from agent.transport.limits import TransportLimits
from agent.yang import xpath_parser
from agent.yang.compiler import compile_schema
from agent.yang.edit import apply_edit
from agent.yang.modules import default_search_path
from agent.yang.schema import Kind
from agent.yang.tree import empty_root
from agent.yang.validation import Validator
from agent.yang.validation.report import MAX_ERRORS
from agent.yang.xml_codec import decode

TOP = Path(__file__).resolve().parents[1]
PAGES = (TOP / "README.md", *sorted((TOP / "docs").glob("*.md")))
MIB = 1024 * 1024

_FENCE = re.compile(r"^```([^\n`]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")


def page(name):
    return (TOP / name if name == "README.md" else TOP / "docs" / name).read_text()


def blocks(kind):
    """Each fenced block of a kind as a pytest parameter."""
    return [
        pytest.param(match[2], id=f"{file.name}:{file.read_text()[: match.start()].count(chr(10)) + 2}")
        for file in PAGES
        for match in _FENCE.finditer(file.read_text())
        if match[1].strip() == kind
    ]


def rows(text):
    """The rows of all tables in `text`, as lists of cells."""
    for line in text.splitlines():
        if line.startswith("|") and not set(line) <= set("|- "):
            yield [cell.strip().replace(r"\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def section(text, heading):
    """The part of a page under a heading of the second level."""
    return re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)[1]


@pytest.fixture(scope="module")
def schema():
    return compile_schema(IMPLEMENTED_MODULES, default_search_path(), FEATURES)


# Links and examples --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("file", PAGES, ids=lambda file: file.name)
def test_every_relative_link_leads_to_a_file(file):
    links = [link for link in _LINK.findall(_FENCE.sub("", file.read_text())) if "://" not in link]
    missing = [link for link in links if not (file.parent / link.partition("#")[0]).exists()]
    assert missing == []


def test_the_readme_leads_to_every_page():
    assert {f"docs/{file.name}" for file in PAGES[1:]} <= set(_LINK.findall(page("README.md")))


@pytest.mark.parametrize("text", blocks("xml config"))
def test_configuration_examples_are_valid(schema, text):
    config = etree.fromstring(f'<config xmlns="{BASE}">{text}</config>')
    result = apply_edit(empty_root(schema.root), config)
    Validator(schema).validate(result.root)
    assert result.touched


@pytest.mark.parametrize("text", blocks("xml edit"))
def test_edit_examples_are_understood(schema, text):
    apply_edit(empty_root(schema.root), etree.fromstring(f'<config xmlns="{BASE}">{text}</config>'))


@pytest.mark.parametrize("text", blocks("xml rpc"))
def test_rpc_examples_are_accepted(schema, text):
    operation = etree.fromstring(text)
    node = schema.root.operations[operation.tag]
    Validator(schema).validate_operation(decode(operation, node.child("input")), empty_root(schema.root))


@pytest.mark.parametrize("text", blocks("xml action"))
def test_action_examples_are_accepted(schema, text):
    node, element = schema.root, etree.fromstring(text)
    while node.kind is not Kind.ACTION:
        keys = {leaf.tag for leaf in node.keys}
        (element,) = [child for child in element if child.tag not in keys]
        node = node.operations.get(element.tag) or node.data_children[element.tag]
    Validator(schema).validate_operation(decode(element, node.child("input")), empty_root(schema.root))


@pytest.mark.parametrize("text", blocks("xml filter"))
def test_filter_examples_can_select_something(schema, text):
    names_asked = {element.tag for element in etree.fromstring(text).iter()}
    selections = compile_filter(etree.fromstring(f"<filter>{text}</filter>"), schema, Limits().filter_nodes)
    assert names_asked <= selected_tags(selections)


def selected_tags(selections):
    found = set()
    for selection in selections:
        found.add(selection.schema.tag)
        found |= {leaf.tag for leaf, _ in selection.matches}
        found |= selected_tags(selection.children)
    return found


@pytest.mark.parametrize("text", blocks("toml"))
def test_the_settings_file_shows_every_setting_with_its_default(tmp_path, text):
    (tmp_path / "settings.toml").write_text(text)
    assert load_settings(tmp_path / "settings.toml") == Settings()
    shown = set(re.findall(r"^[a-z-]+(?= =)", text, re.MULTILINE))
    assert shown == {"listen", "log-format", "log-level", "max-message-size", "tpm"}
    assert ", ".join(LOG_LEVELS) in text
    assert all(form in text for form in LOG_FORMATS)
    assert f"{MAX_MESSAGE_SIZE_RANGE[0]} to {MAX_MESSAGE_SIZE_RANGE[-1]}" in text


@pytest.mark.parametrize("text", blocks("python"))
def test_python_examples_are_python(text):
    ast.parse(text)


def test_the_trees_are_those_of_the_modules(tmp_path):
    subprocess.run([TOP / "scripts/update-trees", tmp_path], check=True, timeout=100)
    drawn = {file.name: file.read_text() for file in tmp_path.iterdir()}
    kept = {file.name: file.read_text() for file in (TOP / "docs/yang").iterdir()}
    assert drawn.keys() == kept.keys()
    changed = [name for name in drawn if drawn[name] != kept[name]]
    assert changed == [], "run scripts/update-trees"


# The command line ----------------------------------------------------------------------------------------------------

_COMMAND = re.compile(r"\btrustconf (serve|user add|show|verify|collect|trust|kgv build)\b([^`\n|]*)")
_OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")


def mentioned_options():
    for file in (*PAGES, TOP / "docs/trustconf.service"):
        for command, rest in _COMMAND.findall(file.read_text()):
            for option in _OPTION.findall(rest):
                yield command, option


@pytest.mark.parametrize("command", ["serve", "user add", "show", "verify", "collect", "trust", "kgv build"])
def test_every_option_that_is_mentioned_exists(command):
    mentioned = {option for name, option in mentioned_options() if name == command}
    help_text = subprocess.run(
        [sys.executable, "-m", "agent.cli", *command.split(), "--help"],
        capture_output=True, text=True, check=True, timeout=60,
    ).stdout  # fmt: skip
    assert mentioned
    assert mentioned <= set(_OPTION.findall(help_text))


def test_the_table_of_commands_is_the_shell_s():
    spellings = [
        spelling
        for row in rows(section(page("shell.md"), "Commands"))
        for spelling in re.findall(r"`([a-z][^`]*)`", row[0])
    ]
    targets = []
    for spelling in spellings:
        line = " ".join(word.split("|")[0] for word in spelling.replace("...", "nonce 1").split() if word[0] != "[")
        targets.append(COMMANDS.match(read_command(line).parts[0].words, line).target)
    assert len(set(map(id, targets))) == len(spellings) == len(COMMANDS._commands)


def test_the_selectors_of_the_dossier_are_all_there():
    arguments = section(page("shell.md"), "The dossier")
    assert tuple(re.findall(r"`([a-z-]+)`", next(rows_with(arguments, "include SELECTOR"))[1])) == (
        dossier_arguments.SELECTORS
    )
    documented = re.findall(r"^### (.*)$", page("dossier.md"), re.MULTILINE)
    assert sorted(re.findall(r"`([a-z-]+)`", " ".join(documented))) == sorted(sections.SECTIONS)


def rows_with(text, start):
    return (row for row in rows(text) if row[0].strip("`").startswith(start))


# NETCONF and models --------------------------------------------------------------------------------------------------


def test_the_table_of_operations_is_the_server_s():
    table = section(page("netconf.md"), "Capabilities")
    documented = {name for row in rows(table) for name in row[0].split(", ") if name}
    assert documented - {"operation"} == {local_name(tag) for tag in OPERATIONS} - {"action"}


def operations(node):
    """Those of a node and of all nodes below it."""
    yield from node.operations.values()
    for child in node.data_children.values():
        yield from operations(child)


def test_the_table_of_notifications_is_the_schema_s(schema):
    documented = {row[0] for row in rows(section(page("netconf.md"), "Notifications")) if row[0].startswith("`")}
    ours = {
        f"`{node.name}` ({node.module.name})"
        for node in operations(schema.root)
        # There is no replay, and modules change with the software only.
        if node.kind is Kind.NOTIFICATION and node.module.name not in ("nc-notifications", "ietf-yang-library")
    }
    assert documented == ours


def test_the_cisco_named_modules_are_those_that_are_listed(schema):
    documented = {row[0].split(" ")[0]: row[1] for row in rows_with(page("cisco-models.md"), "Cisco-IOS-XR-")}
    ours = {module.name: module.revision for module in schema.modules.values() if module.name.startswith("Cisco-")}
    assert documented == ours


def documented_tags():
    """The error-app-tags in the tables of errors of all pages."""
    return {
        tag
        for file in PAGES[1:]
        for heading in ("Troubleshoot", "What can go wrong")
        if f"\n## {heading}\n" in file.read_text()
        for row in rows(section(file.read_text(), heading))
        for tag in re.findall(r"`([a-z0-9-]+)`", row[0])[1:]
    }


def test_every_error_app_tag_exists():
    files = [*(TOP / "agent").rglob("*.py"), *(TOP / "yang").rglob("*.yang")]
    source = "".join(file.read_text() for file in files)
    assert [tag for tag in sorted(documented_tags()) if f'"{tag}"' not in source] == []


def test_every_error_app_tag_of_keys_and_trustpoints_says_what_to_do():
    raised = {refusal.app_tag for refusal in PKI_REFUSALS.values()} - {None}
    for module in ("keys", "trustpoints"):
        raised |= set(re.findall(r'error-app-tag "([^"]+)"', (TOP / f"yang/trustconf-{module}.yang").read_text()))
    assert sorted(raised - documented_tags()) == []


def test_the_states_of_a_trustpoint_are_those_of_the_table():
    documented = [(row[0].strip("`"), row[2]) for row in rows(section(page("trustpoints.md"), "States"))][1:]
    assert documented == [(row.state.value, row.next_step) for row in states._TABLE]


def test_every_leaf_of_a_trustpoint_is_in_the_table_with_its_default(schema):
    def leaves(node, path=""):
        for child in node.data_children.values():
            if child.config and child.kind in (Kind.LEAF, Kind.LEAF_LIST):
                yield f"{path}{child.name}", child
            elif child.config:
                yield from leaves(child, f"{path}{child.name}/")

    entry = schema.root.child("trustpoints", "trustconf-trustpoints").child("trustpoint")
    ours = dict(leaves(entry))
    documented = {row[0]: row[1] for row in rows(section(page("trustpoints.md"), "Configure"))}
    assert documented.pop("leaf") == "default"
    assert documented.keys() == ours.keys() - {"name"}
    assert documented == {name: "".join(ours[name].defaults).rpartition(":")[2] for name in documented}


def test_the_failures_of_verification_have_the_exit_statuses_of_the_page():
    documented = {row[0]: row[1] for row in rows(section(page("envelope.md"), "What a verifier checks"))}
    for failure in verdict.Failure:
        assert documented.pop(f"`{failure.code}`") == str(failure.exit_status)
    assert documented.pop("(verified)") == str(verdict.EXIT_VERIFIED)
    assert len(documented) == 1  # the table's head


def test_the_findings_are_those_of_the_page():
    documented = {
        name: row[1] if row[1].isdigit() else "0"
        for row in rows(section(page("verify.md"), "What is found"))
        for name in re.findall(r"`([a-z-]+)`", row[0])
    }
    assert documented == {kind.code: str(kind.exit_status) for kind in findings.Kind}


def test_the_tables_of_the_archive_are_those_of_the_page(tmp_path):
    with contextlib.closing(archive.Archive.open(tmp_path / "archive", create=True)):
        connection = sqlite3.connect(tmp_path / "archive")
    with contextlib.closing(connection):
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        ours = {name: [row[1] for row in connection.execute(f"PRAGMA table_info({name})")] for name in tables}
    documented, name = {}, ""
    for row in rows(section(page("collect.md"), "The archive")):
        name = row[0].strip("`") or name
        if name in ours:
            documented.setdefault(name, []).extend(re.findall(r"`([a-z0-9_]+)`", row[1]))
    assert documented == ours


def test_the_obstacles_of_the_collector_are_those_of_the_page():
    table = rows(section(page("collect.md"), "The report"))
    documented = [row[0].strip("`") for row in table if row[0].startswith("`")]
    assert documented == [obstacle.value for obstacle in errors.Obstacle]


@pytest.mark.parametrize(
    "folder", ["agent/collector", "agent/pki", "agent/pki/enrollment", "agent/pki/est", "agent/pki/scep"]
)
def test_the_list_of_modules_of_a_room_is_complete(folder):
    text = (TOP / folder / "__init__.py").read_text()
    modules = {file.name for file in (TOP / folder).glob("*.py")} - {"__init__.py"}
    rooms = {f"{file.parent.name}/" for file in (TOP / folder).glob("*/__init__.py")}
    assert [name for name in sorted(modules | rooms) if name not in text] == []


# Numbers -------------------------------------------------------------------------------------------------------------

NETCONF, SSH = Limits(), TransportLimits()


def span(numbers):
    return f"{numbers[0]}..{numbers[-1]}"


#: page -> row of the table under "Limits" -> how its value begins.
TABLES = {
    "netconf.md": {
        "size of a message to the agent": f"{NETCONF.message // MIB} MiB",
        "depth of elements in a message": NETCONF.depth,
        "attributes of an element, namespace declarations in scope": NETCONF.attributes,
        "elements of a subtree filter": NETCONF.filter_nodes,
        "characters of an XPath expression": xpath_parser.MAX_LENGTH,
        "waiting notifications of a session": NETCONF.queued_notifications,
        "errors in the answer to one request": MAX_ERRORS,
        "channels on one SSH connection": SSH.max_channels,
        "SSH connections": SSH.max_connections,
        "SSH connections not logged in": SSH.max_unauthenticated,
        "time in which a client must take some of an answer": f"{SSH.send_timeout:.0f} seconds",
    },
    "keys.md": {
        "key pairs": key_store.MAX_KEY_PAIRS,
        "characters of a label": keys.LABEL_MAX_LENGTH,
        "imported keys of a user": len(user_key_store.KEY_NUMBERS),
        "bytes of a key that is imported": user_keys.MAX_KEY_BYTES,
    },
    "shell.md": {
        "characters of a line": shell.MAX_LINE_LENGTH,
        "commands in a line": shell.MAX_COMMANDS,
        "characters of an option in braces": dossier_arguments.MAX_OPTION_LENGTH,
        "characters of a nonce": nonce.MAX_NONCE_LENGTH,
        "MiB of an output of which lines are chosen": pipes.MAX_FILTERED // MIB,
    },
}

#: page -> what its text must say.
PHRASES = {
    "users.md": (
        f"SHA-512 hash of {authentication.PASSWORD_ROUNDS} rounds",
        f"at most {authentication.MAX_PASSWORD_BYTES} bytes",
        f"Fixed: {SSH.login_attempts} failed logins",
        f"after {SSH.failed_logins_per_minute} failed password logins in a minute",
        f"RSA ({host_keys.RSA_BITS} bits",
        f"with the numbers {user_key_store.KEY_NUMBERS[0]} to {user_key_store.KEY_NUMBERS[-1]};",
        f"At most {user_keys.MAX_KEY_BYTES // 1024} KiB",
        f"RSA of {user_keys.RSA_BITS[0]} to {user_keys.RSA_BITS[-1]} bits",
    ),
    "keys.md": (f"1 to {keys.LABEL_MAX_LENGTH} printable ASCII", keys.DEFAULT_LABEL, *keys.PREDEFINED_LABELS),
    "trustpoints.md": (
        f"at most {names.SUBJECT_MAX_LENGTH} characters",
        f"lifetime/certificate | {trustpoint.LIFETIME_DEFAULT} | days, {span(trustpoint.LIFETIME_DAYS)};",
        f"lifetime/ca-certificate | {trustpoint.CA_LIFETIME_DEFAULT} | days, {span(trustpoint.CA_LIFETIME_DAYS)} |",
        f"{span(trustpoint.RETRY_COUNTS)}: how often a server that has not decided is asked again",
        f"minutes between two polls, {span(trustpoint.RETRY_PERIODS)} |",
    ),
    "scep.md": (
        f"a chain of up to {chains.MAX_TIERS} tiers",
        f"after {waiting.PATIENCE:.0f} seconds with the state reached so far",
    ),
    "trustpool.md": (
        f"At most {ca_bundles.BUNDLE_MAX_CERTIFICATES} certificates and {ca_bundles.BUNDLE_MAX_BYTES // MIB} MiB",
        f"longer than {waiting.PATIENCE:.0f} seconds goes on being asked",
        f"for {http.TIMEOUT_DEFAULT:.0f} seconds in all",
    ),
    "filesystem-inventory.md": (
        f"up to {cisco_filesystem.MAX_FILES:,} files an answer",
        f"one file in {scan.ROTATION} in each scan",
        f"milliseconds of rest after {budget.BATCH} files",
    ),
    "est.md": (f"`Retry-After`, {enrolling._PATIENCE[0] / 60:.0f} to {enrolling._PATIENCE[1] / 60:.0f} minutes",),
    "cut-and-paste.md": (f"Up to {chains.MAX_TIERS} tiers",),
    "pkcs12.md": (
        f"at most {pkcs12.PKCS12_MAX_BYTES // MIB} MiB, {pkcs12.PKCS12_MAX_CERTIFICATES} certificates and"
        f" {pkcs12.MAX_ITERATIONS:,} iterations",
        f"{span(pkcs12.EXPORT_PASSWORD_LENGTH).replace('..', ' to ')} printable ASCII characters",
    ),
    "shell.md": (f"1 to {nonce.MAX_NONCE_LENGTH} printable ASCII characters", shell.AGENT_FAULT.strip()),
    "operating.md": (
        f"`master.key` | {sealing.MASTER_KEY_BYTES} bytes",
        f"exactly {sealing.MASTER_KEY_BYTES} bytes",
        f"`{sealing.CREDENTIAL_NAME}`",
        f"the newest {KEPT_COMMITS} commits",
        f"at most {MAX_FILE_SIZE // 1024} KiB",
    ),
    "envelope.md": (
        f"A nonce is 1 to {nonce.MAX_NONCE_LENGTH} printable ASCII characters",
        f"up to {signed_text.MAX_PREAMBLE_BYTES} characters in lines before the first",
        f"{envelope.MAX_PAYLOAD_BYTES // MIB} MiB of payload, compressed and unpacked",
        f"{signed_text.MAX_TEXT_BYTES // MIB // 1024} GiB of envelope",
        f"{signed_text.MAX_CERTIFICATES} certificates of {signed_text.MAX_CERTIFICATE_BYTES // 1024} KiB",
        f"{envelope_text.MAX_QUOTE_BYTES // 1024} KiB of `tpm-quote`",
        f"{signed_text.MAX_SIGNATURE_BYTES // 1024} KiB of signature",
    ),
    "verify.md": (
        f"{reading.MAX_DOSSIER // MIB} MiB of dossier",
        f"{long_json.MAX_ITEM // MIB} MiB of JSON for one package, file or event; {long_json.MAX_VALUE // MIB} MiB for",
        f"{long_json.MAX_VALUES // MIB} MiB for all of that together",
        f"At most {judge.MAX_OF_A_KIND} findings of a kind are told one by one; lists have at most {report.MAX_LISTED}"
        f" items, texts {report.MAX_TEXT} characters",
    ),
    "collect.md": (
        f"`--at-once {collect.DEFAULT_AT_ONCE}`",
        f"`--time-limit {collect.DEFAULT_TIME_LIMIT}` seconds, and {ssh.MAX_BYTES // 1024 // MIB} GiB",
        f"{targets.MAX_DEVICES:,} devices in a run; {collect.AT_ONCE[-1]} at once; {collect.TIME_LIMITS[-1]:,} seconds",
        f"an inventory of {targets.MAX_INVENTORY // MIB} MiB",
        f"The nonce is {collecting.NONCE_BYTES} random bytes",
        f"port {targets.DEFAULT_PORT}, user {targets.DEFAULT_USER}",
        f"0x{archive_tables.APPLICATION_ID:08X}",
        f"`{connecting.DEFAULT_ARCHIVE}`",
    ),
    "dossier.md": (
        f"{dossier.MAX_SELECTORS} selectors",
        f"{dossier.MAX_SECTION_BYTES // MIB} MiB a section and {dossier.MAX_DOSSIER_BYTES // MIB} MiB a dossier",
        f"the last {content.RESERVED_BYTES // MIB} MiB of the disk",
        f"in chunks (RFC 6242) of at most {framing.SENT_CHUNK // MIB} MiB",
        f"the last {dossier_log.KEPT_DOSSIERS} dossiers",
        f"for their turn, {turns.WAITING_SECONDS:.0f} seconds each",
        f"wtmp files of {reboots.MAX_WTMP_BYTES // MIB} MiB",
        f"{dpkg.MAX_STATUS_BYTES // MIB} MiB of dpkg status",
        f"rpm databases of {rpm.MAX_DATABASE_BYTES // MIB} MiB",
        f"{dpkg.MAX_PACKAGES:,} packages of dpkg, {rpm.MAX_PACKAGES:,} of rpm",
        f"{inventory.MAX_DEVICES:,} disks, {inventory.MAX_DEVICES:,} interfaces",
        f"the newest {reboots.MAX_REBOOTS}.",
        f"the newest {sections.MAX_COMMITS} commits",
    ),
}


@pytest.mark.parametrize("name", TABLES)
def test_tables_of_limits_have_the_values_of_the_source(name):
    documented = {row[0]: row[1] for row in rows(section(page(name), "Limits"))}
    assert documented.pop("limit") == "value"
    assert documented.keys() == TABLES[name].keys()
    wrong = {row: found for row, found in documented.items() if found.partition(" (")[0] != str(TABLES[name][row])}
    assert wrong == {}


@pytest.mark.parametrize("name", PHRASES)
def test_numbers_in_the_text_are_those_of_the_source(name):
    text = " ".join(page(name).split())
    assert [phrase for phrase in PHRASES[name] if phrase not in text] == []


def test_the_table_of_key_sizes_is_that_of_the_source():
    documented = {row[0]: row[1:] for row in rows(page("keys.md").partition("\n## ")[0])}
    for key_type in (keys.KeyType.RSA, keys.KeyType.DSA):
        making = keys._MAKING[key_type]
        assert documented[f"`{key_type.value}`"] == [making.allowed, str(making.default)]


def test_the_limits_of_the_ssh_server_are_those_of_the_module():
    source = (TOP / "yang/trustconf-system.yang").read_text()
    container = re.search(r"container ssh-server \{(.*?)\n    \}", source, re.DOTALL)[1]
    leaves = re.findall(r'leaf ([a-z-]+) \{.*?range "([^"]+)";.*?default "(\d+)";', container, re.DOTALL)
    documented = [tuple(row[:3]) for row in rows(section(page("users.md"), "Limits of the SSH server"))][1:]
    assert documented == [(name, default, allowed) for name, allowed, default in leaves]
    assert documented


def test_the_state_folder_has_the_files_of_the_page(shared_agent):
    table = section(page("operating.md"), "The state folder")
    documented = {name.rstrip("/") for row in rows(table) for name in re.findall(r"`([^`]+)`", row[0])}
    folder = shared_agent.state
    assert {file.name for file in folder.iterdir()} == documented
    described = next(rows_with(table, "host_keys/"))[1]
    assert {file.name for file in (folder / "host_keys").iterdir()} == set(re.findall(r"`([^`]+)`", described))
