"""Who the client is when a reverse proxy stands in between: `X-Forwarded-For` and `-Proto` are believed from a trusted peer alone.

Everything behind this reads `scope["client"]` and `scope["scheme"]`: the limits of log-ins, the audit log, the logs, `request.is_secure()`. The
headers themselves go no further, so that nothing can believe them by mistake.
"""

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from crypto_project.refusal import App, Receive, Scope, Send

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

FORWARDED = frozenset(
    {b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"x-forwarded-port", b"x-forwarded-prefix", b"x-real-ip", b"forwarded"}
)
HOPS_MAX = 20
_SECURE = {"http": "https", "ws": "wss"}
_PLAIN = {secure: plain for plain, secure in _SECURE.items()}


class TrustedProxies:
    def __init__(self, app: App, networks: Iterable[Network]) -> None:
        self._app, self._networks = app, tuple(networks)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(self._seen(scope) if scope["type"] in ("http", "websocket") else scope, receive, send)

    def _seen(self, scope: Scope) -> Scope:
        told = [(name.lower(), value.decode("latin-1")) for name, value in scope["headers"] if name.lower() in FORWARDED]
        changed = scope  # the server's own, not a copy: its log line shows the address, from which the sockets take the ticket out
        changed["headers"] = [pair for pair in scope["headers"] if pair[0].lower() not in FORWARDED]
        peer = _address(scope["client"][0]) if scope.get("client") else None
        if peer is None or not self._trusts(peer):
            return changed
        client = self._client(peer, _listed(told, b"x-forwarded-for"))
        if client != peer:
            changed["client"] = (str(client), 0)
        schemes = _listed(told, b"x-forwarded-proto")
        if schemes:  # the one that the nearest proxy wrote
            changed["scheme"] = _scheme(scope.get("scheme", "http"), schemes[-1].lower())
        return changed

    def _trusts(self, address: Address) -> bool:
        return any(address in network for network in self._networks if network.version == address.version)

    def _client(self, peer: Address, hops: Sequence[str]) -> Address:
        """The right-most address that is not a trusted proxy's: what stands left of it is what the client itself claims. The last address that
        could be read when one cannot."""
        nearest = peer
        for hop in reversed(hops[-HOPS_MAX:]):
            address = _address(hop)
            if address is None:
                return nearest
            nearest = address
            if not self._trusts(address):
                return address
        return nearest


def _listed(told: Iterable[tuple[bytes, str]], name: bytes) -> list[str]:
    """The values of all headers of that name, in their order (RFC 9110, 5.3)."""
    return [part.strip() for found, value in told if found == name for part in value.split(",") if part.strip()]


def _address(text: str) -> Address | None:
    """With a port or without. An IPv4 address that was mapped into IPv6 is that IPv4 address."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


def _scheme(own: str, told: str) -> str:
    if told in ("https", "wss"):
        return _SECURE.get(own, own)
    return _PLAIN.get(own, own) if told in ("http", "ws") else own
