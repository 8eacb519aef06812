"""Whether nobody on the way reads what is said to a server: over TLS with a certificate that is looked at, or on this machine."""

from ipaddress import ip_address
from urllib.parse import parse_qsl, urlsplit

_TRUE, _FALSE = ("true", "1"), ("false", "0")
_UNCHECKED = ("tlsinsecure", "tlsallowinvalidcertificates", "tlsallowinvalidhostnames")  # of MongoDB's connection string
_TLS = ("https", "wss")


def is_private(address: str) -> bool:
    """Of an address such as https://name:port/path."""
    parts = urlsplit(address)
    return parts.scheme in _TLS or is_here(parts.hostname or "")


def is_here(host: str) -> bool:
    try:
        return host == "localhost" or host.endswith(".localhost") or ip_address(host).is_loopback
    except ValueError:
        return False


def is_private_mongodb(uri: str) -> bool:
    """Of a connection string (MongoDB manual, "Connection Strings"): `mongodb+srv` is TLS unless it says otherwise; %2F begins a socket."""
    scheme, _, rest = uri.partition("://")
    place, _, options = rest.partition("?")
    said = {name.lower(): value.lower() for name, value in parse_qsl(options.replace(";", "&"))}
    hosts = place.partition("/")[0].rpartition("@")[2].split(",")
    tls = said.get("tls", said.get("ssl", "true" if scheme == "mongodb+srv" else "false")) in _TRUE
    unchecked = any(said.get(name) in _TRUE for name in _UNCHECKED)
    return (tls and not unchecked) or all(host.lower().startswith("%2f") or is_here(_without_port(host)) for host in hosts)


def is_private_redis(url: str) -> bool:
    """Of an address as redis-py takes it: `rediss` looks at certificates unless it says otherwise."""
    parts = urlsplit(url)
    said = {name.lower(): value.lower() for name, value in parse_qsl(parts.query)}
    checked = said.get("ssl_cert_reqs", "required") == "required" and said.get("ssl_check_hostname", "true") not in _FALSE
    return (parts.scheme == "rediss" and checked) or parts.scheme == "unix" or is_here(parts.hostname or "")


def _without_port(host: str) -> str:
    return host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
