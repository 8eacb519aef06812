"""Jobs of the slice."""

from typing import ClassVar

from crypto_api.kit.jobs import Job


class VerifyContract(Job):
    """Compile a source and compare it with the code at its address."""

    name: ClassVar[str] = "verify_contract"

    org_id: str
    verification_id: str
