"""The verbs of understanding: who is known, and what a model makes of what no rule decides."""

from datetime import datetime

from crypto_api.classification import rules, store
from crypto_api.classification.documents import Counterparty
from crypto_api.classification.types import CounterpartyKind, Decision, Facts, LanguageModel
from crypto_api.kit.ethereum import parse_address
from crypto_api.kit.ids import new_id
from mongodb_config.unit_of_work import Session


async def add_counterparty(session: Session, org_id: str, *, address: str, name: str, kind: CounterpartyKind, now: datetime) -> Counterparty:
    """Makes an address known; one that already is stays as it is. ValueError when it is no address."""
    checked = parse_address(address)
    if (row := await store.by_address(org_id, checked, session)) is not None:
        return row
    row = Counterparty(id=new_id("cpt"), created_at=now, org_id=org_id, address=checked, name=name, kind=kind)
    await store.insert(session, row)
    return row


async def suggest(model: LanguageModel, facts: Facts) -> Decision | None:
    """What the model would call it; None when it has no usable answer. It never sees more than the facts and can only name a label."""
    question = rules.question(facts)
    answer = await model.answer(system=rules.SYSTEM, prompt=question.prompt, schema=question.schema)
    return None if answer is None else rules.read_answer(answer, question, model.name)
