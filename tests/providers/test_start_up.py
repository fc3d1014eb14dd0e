"""The check at start: what our modules promise has a provider."""

import pytest

from agent.northbound.registry import RegistrationError
from agent.providers import event_streams, yang_library


def test_every_rpc_and_all_state_of_our_modules_has_a_provider(bench):
    yang_library.register(bench.registry)
    event_streams.register(bench.registry)

    with pytest.raises(RegistrationError) as refusal:
        bench.registry.check()

    # Only the NETCONF server's own state is left: it needs a server.
    assert [part for part in str(refusal.value).split("; ") if "ietf-netconf-monitoring" not in part] == []


def test_all_state_together_can_be_encoded(bench):
    state = bench.state()

    assert state["trustconf-integrity:integrity"]["dossiers"].items() >= {"collected": 0, "signed": 0}.items()
    assert "trustconf-keys:keys" not in state
