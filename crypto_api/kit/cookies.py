"""Names of cookies."""


def named(name: str, *, over_tls: bool) -> str:
    """Over TLS with `__Host-` in front (RFC 6265bis, 4.1.3.2): a browser takes such a cookie only with Secure, from this very host and for all of
    it, so that neither a host beside it nor somebody on a way without TLS can put one of theirs in its place. Without TLS it would refuse it."""
    return f"__Host-{name}" if over_tls else name
