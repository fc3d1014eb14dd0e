"""The Cisco-named subsets: what collectors read and call. The same backends as our own models, under other names."""

from __future__ import annotations

from agent.northbound.registry import Registry
from agent.providers.auditing import audited
from agent.providers.cisco import certificates, filesystem, install, reboots
from agent.providers.cisco.crl_request import URL_LEAF, CrlRequest
from agent.providers.cisco.public_keys import KEY_LISTS, PublicKeyState
from agent.providers.cisco.rpc import KEY_LEAF, MODULE, TRUSTPOINT_LEAF, key_rpcs, trustpoint_rpcs, trustpool_rpcs
from agent.providers.cisco.trustpoints import UmTrustpointHandler
from agent.providers.cisco.user_keys import user_key_rpcs
from agent.providers.keys.user_keys import UserKeyOperations
from agent.providers.secrets import sealing_rewriter
from agent.providers.services import Services
from agent.providers.trustpoints.config import TrustpointHandler
from agent.providers.trustpoints.operations import TrustpointOperations
from agent.providers.trustpool.operations import TrustpoolOperations
from agent.providers.um_crypto.passwords import proprietary_password_rewriter
from agent.providers.um_crypto.records import PASSWORDS, SYSTEM_TRUSTPOINT, TRUSTPOINTS


def register(registry: Registry, services: Services) -> None:
    on_keys = key_rpcs(services.key_store)
    on_trustpoints = trustpoint_rpcs(TrustpointOperations(services), services.import_folder)
    on_trustpool = trustpool_rpcs(TrustpoolOperations(services))
    for functions, target in ((on_keys, KEY_LEAF), (on_trustpoints, TRUSTPOINT_LEAF), (on_trustpool, None)):
        for name, function in functions.items():
            call = audited(services, name, function, target=target)
            registry.rpc(f"/{MODULE}:{name}", call)
    for name, function in user_key_rpcs(UserKeyOperations(services), services.import_folder).items():
        registry.rpc(f"/{MODULE}:{name}", function)
    registry.rpc(
        f"/{MODULE}:ca-crl-request", audited(services, "ca-crl-request", CrlRequest(services), target=URL_LEAF)
    )
    handler = UmTrustpointHandler(TrustpointHandler(services))
    for path in (SYSTEM_TRUSTPOINT, TRUSTPOINTS):
        registry.config(path, handler)
    for path in PASSWORDS:
        registry.rewrite(path, proprietary_password_rewriter(sealing_rewriter(services.sealer)))
    registry.state(certificates.TRUSTPOINTS, certificates.CertificateState(services.trustpoint_store).trustpoints)
    for key_list in KEY_LISTS:
        registry.state(key_list.path, PublicKeyState(services.key_store, key_list).keys)
    registry.state(reboots.NODES, reboots.RebootState(services.host).nodes)
    registry.state(filesystem.NODES, filesystem.InventoryNodes(services.inventory).nodes)
    install.register(registry, services.fingerprints, services.host)
