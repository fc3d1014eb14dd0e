"""The operations: one module a family, and one table that finds them by name.

Operations of the protocol itself are in `OPERATIONS`; every other rpc, and every action, is found in the schema. An
operation is a function from a Request to a Reply. It raises RequestError, or any exception that errors.TABLE knows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from agent.netconf.errors import Info, RequestError, RpcError, bad_element
from agent.netconf.messages import Reply
from agent.netconf.namespaces import BASE, BASE_1_1, MONITORING, NOTIFICATION, YANG, base, local_name, namespace_of
from agent.netconf.operations import (
    committing,
    editing,
    locking,
    model,
    monitoring,
    retrieval,
    sessions,
    subscription,
)
from agent.netconf.operations.request import Request, not_supported
from agent.yang.schema import Kind

Operation = Callable[[Request], Reply]

OPERATIONS: Final[dict[str, Operation]] = {
    base("get"): retrieval.get,
    base("get-config"): retrieval.get_config,
    base("edit-config"): editing.edit_config,
    base("copy-config"): editing.copy_config,
    base("delete-config"): editing.delete_config,
    base("lock"): locking.lock,
    base("unlock"): locking.unlock,
    base("commit"): committing.commit,
    base("discard-changes"): committing.discard_changes,
    base("validate"): committing.validate,
    base("close-session"): sessions.close_session,
    base("kill-session"): sessions.kill_session,
    f"{{{MONITORING}}}get-schema": monitoring.get_schema,
    f"{{{NOTIFICATION}}}create-subscription": subscription.create_subscription,
    f"{{{YANG}}}action": model.call_action,
}


def perform(request: Request) -> Reply:
    """Find the operation and run it. Raises RequestError and whatever the operation raises."""
    tag = request.operation.tag
    namespace, name = namespace_of(tag), local_name(tag)
    if namespace == BASE_1_1:
        tag = base(name)
    operation = OPERATIONS.get(tag)
    if operation is not None:
        return operation(request)
    schema = request.services.schema
    node = schema.root.operations.get(tag)
    if node is not None and node.kind is Kind.RPC:
        return model.call_rpc(request, node)
    if namespace not in (BASE, BASE_1_1) and namespace not in schema.by_namespace:
        raise RequestError(
            RpcError(
                "unknown-namespace",
                f"No module here has the namespace of {name}; see the capabilities in the hello.",
                info=(bad_element(name), Info("bad-namespace", namespace)),
            )
        )
    raise not_supported(f"There is no operation {name} here.")
