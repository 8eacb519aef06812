"""Jobs of the slice."""

from typing import ClassVar

from crypto_api.kit.jobs import Job


class TrueUpPrices(Job):
    """Value anew what stands in an organisation's books without a price, as far as there is one now."""

    name: ClassVar[str] = "true_up_prices"

    org_id: str
    task_id: str = ""  # what people follow it by, where somebody asked for it
