"""What this device is called, and its serial number: for certificates, state and dossiers alike."""

from __future__ import annotations

from typing import Final

from agent.host.contract import Host
from agent.host.errors import HostError
from agent.integrity.sources.identity import device_serial
from agent.northbound.contract import ConfigView

HOSTNAME: Final = "/ietf-system:system/hostname"
DOMAIN_NAME: Final = "/ietf-system:system/trustconf-system:domain-name"


def fqdn(config: ConfigView, host: Host) -> str:
    """Hostname and domain name. A hostname with a dot is an FQDN by itself; without one configured, it is the kernel's
    name of this host."""
    hostname = config.get(HOSTNAME) or _kernel_name(host)
    domain = config.get(DOMAIN_NAME)
    if domain is None or "." in hostname:
        return str(hostname)
    return f"{hostname}.{domain}"


def serial_number(host: Host) -> str:
    """The serial number of the device. Raises SourceUnavailableError."""
    return device_serial(host)


def _kernel_name(host: Host) -> str:
    try:
        return host.uname().node
    except HostError:
        return "localhost"
