"""Asks one address of this installation over TLS, for a supervisor: `python -I crypto_project/health_probe.py https://localhost:9464/live`.

It shows the certificate of this process (METRICS_CERTIFICATE) and believes the authority of the installation alone (METRICS_CLIENT_CA). Nothing but
the standard library is loaded, since it runs every few seconds. Ends with 1 where the answer is not 200.
"""

import os
import ssl
import sys
import urllib.request

TIMEOUT_S = 5


def main(url: str) -> int:
    context = ssl.create_default_context(cafile=os.environ["METRICS_CLIENT_CA"])
    context.load_cert_chain(os.environ["METRICS_CERTIFICATE"])
    if not url.startswith("https://"):
        raise SystemExit("https alone")
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_S, context=context) as answer:  # noqa: S310  # nosec B310  https alone
            return 0 if answer.status == 200 else 1
    except OSError as error:
        raise SystemExit(str(error)) from None  # which is 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1]))
