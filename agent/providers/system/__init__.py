"""ietf-system and trustconf-system: names, users, limits of the SSH server, the host and the agent."""

from __future__ import annotations

from agent.northbound.registry import Registry
from agent.providers.services import Services
from agent.providers.system.config import SSH_SERVER, SshServerHandler, UsersHandler, password_rewriter
from agent.providers.system.events import AUDIT_EVENT
from agent.providers.system.state import SystemState
from agent.providers.system.users import USERS


def register(registry: Registry, services: Services) -> None:
    state = SystemState(services.clock, services.host, services.config)
    registry.config(USERS, UsersHandler(services.user_key_store))
    registry.config(SSH_SERVER, SshServerHandler(services.ssh_limit_listeners))
    registry.rewrite(f"{USERS}/password", password_rewriter(services.hash_password))
    registry.state("/ietf-system:system-state/platform", state.platform)
    registry.state("/ietf-system:system-state/clock", state.clock)
    registry.state("/ietf-system:system-state/trustconf-system:agent", state.agent)
    registry.notification(AUDIT_EVENT)
