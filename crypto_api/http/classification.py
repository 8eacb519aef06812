"""/api/classification-rules/ and /api/ai/classify-transaction/: what the organisation has decided that transactions are, and what they would be."""

from django.http import HttpRequest, HttpResponse
from ninja import Router

from crypto_api.classification import service, store
from crypto_api.flows import keep_rules
from crypto_api.flows.apply_rules import ask_to_apply, preview_rules
from crypto_api.flows.classify_now import classify_now
from crypto_api.http.answers import answer, no_content
from crypto_api.http.auth import org_of, principal_of
from crypto_api.http.etag import expected_versions
from crypto_api.http.idempotency import idempotent
from crypto_api.http.permissions import requires
from crypto_api.http.schemas.classification import (
    ClassificationRuleCreate,
    ClassificationRuleDryRun,
    ClassificationRuleListRead,
    ClassificationRuleOrder,
    ClassificationRuleRead,
    ClassificationRuleUpdate,
    ClassificationRuleVersionListRead,
    ClassificationRuleVersionRead,
    DaySpan,
    RulePreviewRead,
)
from crypto_api.http.schemas.system import TaskRead
from crypto_api.http.schemas.transactions import ClassifyOne, ClassifyOneRead, TransactionRead
from crypto_api.kit.errors import NotFound
from crypto_api.ledger import store as ledger
from crypto_api.organizations.types import Permission
from crypto_api.runtime import runtime_of

router = Router(tags=["classification"])


@router.get("/classification-rules/", response=ClassificationRuleListRead, summary="List the classification rules")
@requires(Permission.TRANSACTIONS_READ)
async def list_classification_rules(request: HttpRequest) -> HttpResponse:
    """All of them, in their order: the first that matches decides. There are at most 500."""
    return answer(ClassificationRuleListRead(items=[ClassificationRuleRead.of(row) for row in await store.rules(org_of(request))]))


@router.post("/classification-rules/", response={201: ClassificationRuleRead}, summary="Add a classification rule")
@requires(Permission.TRANSACTIONS_WRITE)
@idempotent
async def create_classification_rule(request: HttpRequest, body: ClassificationRuleCreate) -> HttpResponse:
    """Last in the order. It decides what is booked from now on; what is booked already changes only when the rules are applied to it. 409
    `too_many_rules` beyond 500."""
    runtime, user_id = runtime_of(request.scope), principal_of(request).user_id
    row = await keep_rules.add_rule(runtime.uow, runtime.clock, runtime.networks, org_of(request), body.new(), user_id)
    return answer(ClassificationRuleRead.of(row), status=201, version=row.version)


@router.post("/classification-rules/order/", response=ClassificationRuleListRead, summary="Put the classification rules in order")
@requires(Permission.TRANSACTIONS_WRITE)
@idempotent
async def order_classification_rules(request: HttpRequest, body: ClassificationRuleOrder) -> HttpResponse:
    runtime, org_id = runtime_of(request.scope), org_of(request)
    rows = await runtime.uow.run(lambda session: service.order_rules(session, org_id, body.rule_ids, runtime.clock.now()))
    return answer(ClassificationRuleListRead(items=[ClassificationRuleRead.of(row) for row in rows]))


@router.post("/classification-rules/dry-run/", response=RulePreviewRead, summary="Look what rules would make of what is booked")
@requires(Permission.TRANSACTIONS_READ)
async def dry_run_classification_rules(request: HttpRequest, body: ClassificationRuleDryRun) -> HttpResponse:
    """Nothing is written. With `rule`, as if it were already there; without, what applying the rules would change. The latest 20,000 transactions
    that rules, memory, a model or nobody decided are looked at."""
    runtime, org_id, trial = runtime_of(request.scope), org_of(request), body.trial()
    if trial is not None:
        await keep_rules.check_rule(runtime.networks, org_id, trial.new.conditions, trial.new.outcome)
    return answer(RulePreviewRead.of(await preview_rules(runtime.networks, org_id, trial, body.span())))


@router.post("/classification-rules/apply/", response={202: TaskRead}, summary="Apply the classification rules to what is booked")
@requires(Permission.TRANSACTIONS_WRITE)
@idempotent
async def apply_classification_rules(request: HttpRequest, body: DaySpan) -> HttpResponse:
    """Entries of what changes are reversed and posted anew. What people decided, what is certain, and closed periods stay. Answers with the task that
    does it."""
    runtime, org_id = runtime_of(request.scope), org_of(request)
    return answer(TaskRead.of(await ask_to_apply(runtime.uow, runtime.clock, org_id, body.span())), status=202)


@router.get("/classification-rules/{rule_id}/", response=ClassificationRuleRead, summary="Get a classification rule")
@requires(Permission.TRANSACTIONS_READ)
async def get_classification_rule(request: HttpRequest, rule_id: str) -> HttpResponse:
    row = await store.rule(org_of(request), rule_id)
    if row is None:
        raise NotFound
    return answer(ClassificationRuleRead.of(row), version=row.version)


@router.put("/classification-rules/{rule_id}/", response=ClassificationRuleRead, summary="Change, enable or disable a classification rule")
@requires(Permission.TRANSACTIONS_WRITE)
async def update_classification_rule(request: HttpRequest, rule_id: str, body: ClassificationRuleUpdate) -> HttpResponse:
    """What it decided before stays and names the version that decided it."""
    runtime, org_id, user_id, versions = runtime_of(request.scope), org_of(request), principal_of(request).user_id, expected_versions(request)
    row = await keep_rules.change_rule(runtime.uow, runtime.clock, runtime.networks, org_id, rule_id, body.fields(), user_id, versions)
    return answer(ClassificationRuleRead.of(row), version=row.version)


@router.delete("/classification-rules/{rule_id}/", response={204: None}, summary="Delete a classification rule")
@requires(Permission.TRANSACTIONS_WRITE)
async def delete_classification_rule(request: HttpRequest, rule_id: str) -> HttpResponse:
    """What it decided stays, and what it said can still be read by its versions."""
    runtime, org_id, versions = runtime_of(request.scope), org_of(request), expected_versions(request)
    await runtime.uow.run(lambda session: service.delete_rule(session, org_id, rule_id, runtime.clock.now(), versions))
    return no_content()


@router.get("/classification-rules/{rule_id}/versions/", response=ClassificationRuleVersionListRead, summary="What a classification rule has said")
@requires(Permission.TRANSACTIONS_READ)
async def list_classification_rule_versions(request: HttpRequest, rule_id: str) -> HttpResponse:
    """Also of one that was deleted: decisions go on naming it."""
    rows = await store.versions(org_of(request), rule_id)
    if not rows:
        raise NotFound
    return answer(ClassificationRuleVersionListRead(items=[ClassificationRuleVersionRead.of(row) for row in rows]))


@router.post("/ai/classify-transaction/", response=ClassifyOneRead, summary="Judge one transaction now, by the model too")
@requires(Permission.TRANSACTIONS_WRITE)
@idempotent
async def ai_classify_transaction(request: HttpRequest, body: ClassifyOne) -> HttpResponse:
    """By what is certain, the rules, memory, and then the local model, if there is one, whose answer is waited for. What was decided stays. A model
    that is away or answers nonsense leaves it `unclassified`: that is an answer, no error."""
    runtime, org_id = runtime_of(request.scope), org_of(request)
    row, outcome = await classify_now(
        runtime.uow, runtime.clock, runtime.networks, runtime.llm, org_id, body.transaction_id, confidence_min=runtime.config.llm_confidence_min
    )
    provisional = await ledger.provisional_costs(org_id, row.entry_ids)
    return answer(ClassifyOneRead(outcome=outcome, transaction=TransactionRead.of(row, provisional)), version=row.version)
