"""close-session and kill-session (RFC 6241 sections 7.8 and 7.9)."""

from __future__ import annotations

from typing import NoReturn

from agent.netconf.errors import RequestError, RpcError
from agent.netconf.messages import OK, Reply
from agent.netconf.operations.request import Parameters, Request, missing


def close_session(request: Request) -> Reply:
    Parameters(request.operation, ())
    session = request.session
    session.after_reply(lambda: session.close("close-session"))
    return OK


def kill_session(request: Request) -> Reply:
    """End another session at once; what it holds is free when this is answered."""
    text = Parameters(request.operation, ("session-id",)).text("session-id")
    if text is None:
        raise missing("session-id", "kill-session")
    if not (text.isascii() and text.isdigit() and len(text) <= 10):
        _refuse("session-id must be a number from 1 to 4294967295.")
    session_id = int(text)
    if session_id == request.session.session_id:
        _refuse("This session can't kill itself; use close-session.")
    victim = request.server.find(session_id)
    if victim is None:
        _refuse(f"There is no session {session_id}.")
    victim.close(f"killed by session {request.session.session_id}")
    return OK


def _refuse(message: str) -> NoReturn:
    raise RequestError(RpcError("invalid-value", message))
