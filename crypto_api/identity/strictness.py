"""What an installation asks of everybody who comes in, beyond what an organisation asks of its members. A process is told once, by its settings."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Strictness:
    second_factor: bool = False
    """Whoever has shown no second factor may do nothing but set one up (OWASP ASVS 5.0, 6.3.3)."""
    code_steps_around: int = 1
    """Codes of an authenticator app that count beside the present one, before and after it: none means 30 seconds (6.5.5), and clocks that agree."""


_asked = Strictness()


def ask(strictness: Strictness) -> None:
    global _asked  # noqa: PLW0603  one of each process
    _asked = strictness


def asked() -> Strictness:
    return _asked
