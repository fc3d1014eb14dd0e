"""A NETCONF server on the example schema, and clients that speak raw bytes to it without any transport."""

from collections import deque
from datetime import UTC, datetime

from lxml import etree

from agent.caller import Caller
from agent.clock import ManualClock
from agent.datastore.datastores import Datastores
from agent.events import Event, EventBus
from agent.netconf.framing import ChunkedDecoder, EndOfMessageDecoder, encode_chunked, encode_end_of_message
from agent.netconf.limits import Limits
from agent.netconf.namespaces import BASE, NOTIFICATION, base
from agent.netconf.server import Server, Services
from agent.northbound.errors import ProviderError
from agent.northbound.registry import Registry
from agent.northbound.state import StateCollector
from agent.northbound.transaction import ProviderParticipants
from agent.providers import event_streams, netconf_monitoring, yang_library
from agent.storage.commit_log import CommitLog
from agent.storage.database import Database
from agent.yang.validation import Validator
from agent.yang.xpath import XPathEvaluator
from tests.netconf.models import EX, schema

MEGABYTE = 1024 * 1024
HELLO = (
    f'<hello xmlns="{BASE}"><capabilities><capability>urn:ietf:params:netconf:base:1.%d</capability>'
    "</capabilities></hello>"
)
ADMINISTRATOR = Caller("ada", source="192.0.2.7", groups=("administrators",))


class Rig:
    """A server with everything real behind it, in `folder`. Background work waits until `run_background`."""

    def __init__(self, folder, limits=None):
        self.clock = ManualClock(datetime(2026, 1, 31, 12, tzinfo=UTC))
        self.bus = EventBus()
        self.background = deque()
        self.asked = []
        registry = Registry(schema())
        self.database = Database.open(folder / "state.db")
        validator = Validator(schema())
        self.datastores = Datastores(
            schema(), validator, ProviderParticipants(registry), self.database, CommitLog(self.database), self.clock
        )
        self.server = Server(
            Services(
                schema=schema(),
                datastores=self.datastores,
                registry=registry,
                state=StateCollector(schema(), registry),
                validator=validator,
                xpath=XPathEvaluator(schema()),
                bus=self.bus,
                clock=self.clock,
                background=self.background.append,
                limits=limits or Limits(),
            )
        )
        registry.rpc("/example-config:add", self.add)
        registry.rpc("/example-config:reset", lambda record, context: None)
        registry.rpc("/example-config:top/users/user/greet", self.greet)
        registry.state("/example-config:clock", self.ticks)
        netconf_monitoring.register(registry, self.server, self.datastores)
        yang_library.register(registry)
        event_streams.register(registry)
        registry.check()

    def close(self):
        self.server.close()
        self.datastores.close()
        self.database.close()

    def client(self, version=1, caller=ADMINISTRATOR):
        """A client whose hello has been exchanged."""
        client = Client(self.server, caller)
        client.hello(version)
        return client

    def publish(self, name, severity):
        self.bus.publish(Event(self.clock.now(), "/example-config:alarm", {"name": name, "severity": severity}))

    def add(self, record, context):
        self.asked.append((record, context))
        if record["a"] == 13:
            raise ProviderError("invalid-value", "13 is unlucky; use 14.", path="a", app_tag="luck")
        if record["a"] == 666:
            raise ZeroDivisionError("secret /etc/shadow")
        output = {"sum": record["a"] + record["b"]}
        return output | ({"colour": record["colour"]} if "colour" in record else {})

    def greet(self, record, context):
        self.asked.append((record, context))
        return {"greeting": f"{record['word']} {context.instance_keys[0]['name']}"}

    def ticks(self, query):
        self.asked.append(query)
        return {"ticks": 5, "beat": [{"at": 1, "loud": True}, {"at": 1, "loud": True}, {"at": 2, "loud": False}]}


class Client:
    """The other side of one session."""

    def __init__(self, server, caller=ADMINISTRATOR):
        self.sent = bytearray()
        self.disconnected = False
        self._decoder = EndOfMessageDecoder(100 * MEGABYTE)
        self._encode = encode_end_of_message
        self._number = 0
        self.session = server.open_session(caller, self._take, self._disconnect)
        self.greeting = self.read()

    def _take(self, data):
        assert not self.disconnected
        for piece in [data] if isinstance(data, bytes) else data:
            self._decoder.feed(piece)

    def _disconnect(self):
        self.disconnected = True

    def hello(self, version):
        self.session.receive(encode_end_of_message((HELLO % version).encode()))
        self.switch(version)

    def switch(self, version):
        if version == 1:
            self._decoder, self._encode = ChunkedDecoder(100 * MEGABYTE, 100 * MEGABYTE), encode_chunked

    def read(self):
        """The next message of the server, None when there is none."""
        message = self._decoder.next_message()
        return None if message is None else etree.fromstring(message)

    def read_all(self):
        return list(iter(self.read, None))

    def write(self, message):
        self.session.receive(self._encode(message if isinstance(message, bytes) else message.encode()))

    def rpc(self, operation, **attributes):
        """Send an operation, return the rpc-reply."""
        self._number += 1
        extra = "".join(f' {name}="{value}"' for name, value in attributes.items())
        self.write(f'<rpc xmlns="{BASE}" message-id="{self._number}"{extra}>{operation}</rpc>')
        reply = self.read()
        assert reply.tag == base("rpc-reply")
        assert reply.get("message-id") == str(self._number)
        return reply

    def ok(self, operation):
        reply = self.rpc(operation)
        assert [child.tag for child in reply] == [base("ok")], etree.tostring(reply)

    def data(self, operation):
        """The content of <data> as comparable XML."""
        reply = self.rpc(operation)
        assert [child.tag for child in reply] == [base("data")], etree.tostring(reply)
        return reply[0]

    def errors(self, operation):
        reply = self.rpc(operation)
        assert len(reply), "no error"
        return [Error(child) for child in reply]

    def error(self, operation):
        (error,) = self.errors(operation)
        return error

    def notifications(self):
        return [message for message in self.read_all() if message.tag == f"{{{NOTIFICATION}}}notification"]


class Error:
    """One rpc-error."""

    def __init__(self, element):
        assert element.tag == base("rpc-error"), etree.tostring(element)
        self.element = element
        self.type, self.tag, self.severity, self.app_tag, self.path, self.message = (
            element.findtext(base(f"error-{name}"))
            for name in ("type", "tag", "severity", "app-tag", "path", "message")
        )
        self.nsmap = element.find(base("error-path")).nsmap if self.path is not None else {}
        info = element.find(base("error-info"))
        self.info = {} if info is None else {child.tag: child.text for child in info}


def edit(config, target="candidate", options=""):
    return (
        f'<edit-config><target><{target}/></target>{options}<config xmlns:nc="{BASE}">{config}</config></edit-config>'
    )


def users(*names, attributes=""):
    entries = "".join(f"<user{attributes}><name>{name}</name></user>" for name in names)
    return f'<top xmlns="{EX}"><users>{entries}</users></top>'


def get_config(datastore="running", inside=""):
    return f"<get-config><source><{datastore}/></source>{inside}</get-config>"


def subtree(content):
    return f'<filter type="subtree">{content}</filter>'
