"""edit-config, copy-config and delete-config (RFC 6241 sections 7.2 to 7.4)."""

from __future__ import annotations

from typing import Final

from agent.netconf.errors import RequestError, RpcError
from agent.netconf.messages import OK, Reply
from agent.netconf.operations.datastore_names import read_source, read_target
from agent.netconf.operations.request import Parameters, Request, missing, not_supported

DEFAULT_OPERATIONS: Final = ("merge", "replace", "none")
TEST_OPTIONS: Final = ("test-then-set", "set", "test-only")
ERROR_OPTIONS: Final = ("stop-on-error", "continue-on-error", "rollback-on-error")


def edit_config(request: Request) -> Reply:
    """Edits are all-or-nothing, which is what rollback-on-error asks for and what the other error-options allow."""
    parameters = Parameters(
        request.operation, ("target", "default-operation", "test-option", "error-option", "config", "url")
    )
    target = read_target(parameters)
    default_operation = parameters.choice("default-operation", DEFAULT_OPERATIONS)
    test_option = parameters.choice("test-option", TEST_OPTIONS)
    parameters.choice("error-option", ERROR_OPTIONS)
    if "url" in parameters:
        raise not_supported("url is not supported in edit-config; send the configuration in config.")
    config = parameters.element("config")
    if config is None:
        raise missing("config", "edit-config")
    request.services.datastores.edit(
        target,
        config,
        caller=request.caller,
        default_operation=default_operation or "merge",
        test_option=test_option,
    )
    return OK


def copy_config(request: Request) -> Reply:
    parameters = Parameters(request.operation, ("target", "source"))
    target = read_target(parameters)
    source = read_source(parameters)
    if source == target:
        raise RequestError(RpcError("invalid-value", f"Source and target are both {target}; name two datastores."))
    request.services.datastores.copy(source, target, caller=request.caller)
    return OK


def delete_config(request: Request) -> Reply:
    parameters = Parameters(request.operation, ("target",))
    request.services.datastores.delete(read_target(parameters))
    return OK
