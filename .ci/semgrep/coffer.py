# Samples for the rules beside this file: the line after "ruleid" must be found, the one after "ok" must not. Nothing runs this.
import asyncio
import defusedxml.ElementTree
import hashlib
import jwt
import os
import pickle
import random
import re
import subprocess
import xml.etree.ElementTree
import aiohttp
import httpx


# ruleid: operation-open-by-accident
@router.get("/wallets/", auth=None)
async def open_by_accident(request): ...


# ok: operation-open-by-accident
@router.get("/health/", auth=None)
@open_to_all
async def open_on_purpose(request): ...


# ruleid: loose-field-of-a-request
class Loose(StrictSchema):
    where: Any


# ok: loose-field-of-a-request
class Strict(StrictSchema):
    where: str


async def samples(request):
    # ruleid: document-in-an-edge
    await Wallet.find_one({"org_id": org_id})
    # ok: document-in-an-edge
    await wallets.get(org_id, wallet_id)
    # ruleid: whole-document-saved
    await wallet.save()
    # ruleid: whole-document-saved
    await wallet.save_changes(session=session)
    # ok: whole-document-saved
    await store.change(session, wallet, changes)
    # ruleid: upsert-of-a-document
    await wallet.upsert(wallet)
    # ok: upsert-of-a-document
    await wallet.insert(session=session)
    # ruleid: regex-from-a-reader
    query = {"name": {"$regex": typed}}
    # ruleid: regex-from-a-reader
    query = {"name": {"$regex": f"^{typed}", "$options": "i"}}
    # ok: regex-from-a-reader
    query = {"name": {"$regex": f"^{re.escape(typed)}"}}
    # ok: regex-from-a-reader
    query = {"name": {"$regex": "^[0-9]+$"}}
    # ruleid: where-in-a-query
    query = {"org_id": org_id, "$where": text}
    # ok: where-in-a-query
    query = {"org_id": org_id}
    # ruleid: join-over-organisations
    stage = {"$lookup": {"from": "payees", "localField": "a", "foreignField": "b", "as": "c"}}
    # ok: join-over-organisations
    stage = {"$lookup": {"from": "payees", "pipeline": [{"$match": {"org_id": org_id}}], "as": "c"}}
    # ruleid: write-in-parallel-in-a-unit-of-work
    await asyncio.gather(store.insert(session, one), store.insert(session, two))
    # ok: write-in-parallel-in-a-unit-of-work
    await store.insert(session, one)
    # ruleid: write-concern-weakened
    concern = WriteConcern(1)
    # ruleid: write-concern-weakened
    concern = WriteConcern("majority", j=False)
    # ok: write-concern-weakened
    concern = WriteConcern("majority", j=True)
    # ruleid: client-beside-the-one
    client = AsyncMongoClient(uri)
    # ok: client-beside-the-one
    client = connect(uri)
    # ruleid: link-in-a-document
    wallet: Link[Wallet]
    # ok: link-in-a-document
    wallet_id: str
    # ruleid: amount-by-float
    shown = float(payment.amount)
    # ruleid: amount-by-float
    shown = float(amount)
    # ok: amount-by-float
    waited_s = float(text)
    # ruleid: decimal-of-float
    rate = Decimal(float(text))
    # ruleid: decimal-of-float
    rate = Decimal(0.1)
    # ok: decimal-of-float
    rate = Decimal("0.1")
    # ruleid: wei-by-division
    ether = units / 10**18
    # ruleid: wei-by-division
    units = int(ether * 10**18)
    # ok: wei-by-division
    whole, rest = divmod(units, 10**18)
    # ruleid: amount-rounded-by-round
    shown = round(invoice.total, 2)
    # ok: amount-rounded-by-round
    shown = round(took_s, 1)
    # ruleid: nonce-from-the-node
    nonce = await eth.get_transaction_count(address, "pending")
    # ruleid: nonce-from-the-node
    nonce = await call("eth_getTransactionCount", [address, "pending"])
    # ok: nonce-from-the-node
    seen = await call("eth_getTransactionCount", [address, "latest"])
    # ruleid: signing-outside-the-signer
    raw = account.sign_transaction(fields)
    # ok: signing-outside-the-signer
    raw = await signer.sign(payment_id)
    # ruleid: account-from-a-key
    account = Account.from_key(key)
    # ok: account-from-a-key
    address = Account.recover_message(message, signature=signature)
    # ruleid: keystore-in-the-loop
    key = Account.decrypt(keystore, password)
    # ok: keystore-in-the-loop
    key = await vault.open(parcel)
    # ruleid: logs-by-range-of-another
    asked = {"address": address, "fromBlock": "latest"}
    # ok: logs-by-range-of-another
    asked = {"address": address, "blockHash": block_hash}
    # ruleid: latest-where-a-block-is-meant
    held = await call("eth_getBalance", [address, "latest"])
    # ok: latest-where-a-block-is-meant
    held = await call("eth_getBalance", [address, {"blockHash": block_hash}])
    # ruleid: secret-in-a-log
    logger.info("logged_in", password=given)
    # ruleid: secret-in-a-log
    _logger.warning("refused", token=given)
    # ruleid: secret-in-a-log
    logger.info("started", key=config.secret_key.get_secret_value())
    # ok: secret-in-a-log
    logger.info("logged_in", user_id=user.id)
    # ruleid: secret-compared-by-equality
    known = config.secret_key.get_secret_value() == given
    # ruleid: secret-compared-by-equality
    known = signature == given
    # ok: secret-compared-by-equality
    known = hmac.compare_digest(expected, given)
    # ruleid: random-for-a-secret
    token = random.choices(LETTERS, k=32)
    # ruleid: random-for-a-secret
    token = random.randbytes(32)
    # ok: random-for-a-secret
    token = secrets.token_urlsafe(32)
    # ruleid: weak-digest
    found = hashlib.md5(content)
    # ruleid: weak-digest
    found = hashlib.sha1(content)
    # ok: weak-digest
    found = hashlib.sha256(content)
    # ruleid: cipher-without-authentication
    mode = modes.CBC(iv)
    # ok: cipher-without-authentication
    sealed = AESGCM(key).encrypt(iv, secret, bound)
    # ruleid: gcm-with-a-fixed-iv
    sealed = AESGCM(key).encrypt(b"0123456789ab", secret, bound)
    # ok: gcm-with-a-fixed-iv
    sealed = AESGCM(key).encrypt(secrets.token_bytes(12), secret, bound)
    # ruleid: token-without-an-algorithm
    claims = jwt.decode(token, key)
    # ok: token-without-an-algorithm
    claims = jwt.decode(token, key, algorithms=["EdDSA"])
    # ruleid: token-not-verified
    claims = jwt.decode(token, algorithms=["EdDSA"], options={"verify_signature": False})
    # ok: token-not-verified
    claims = jwt.decode(token, key, algorithms=["EdDSA"], options={"require": ["exp"]})
    # ruleid: csrf-switched-off
    view = csrf_exempt(view)
    # ok: csrf-switched-off
    view = csrf_protect(view)
    # ruleid: markup-declared-safe
    shown = mark_safe(name)
    # ok: markup-declared-safe
    shown = format_html("<b>{}</b>", name)
    # ruleid: redirect-to-what-was-sent
    return HttpResponseRedirect(request.GET["next"])
    # ok: redirect-to-what-was-sent
    return HttpResponseRedirect(own_path(request))
    # ruleid: thread-for-async
    found = async_to_sync(read)(org_id)
    # ok: thread-for-async
    found = await read(org_id)
    # ruleid: run-of-another-loop
    asyncio.run(read(org_id))
    # ok: run-of-another-loop
    await read(org_id)
    # ruleid: request-past-the-guard
    answer = httpx.get(url)
    # ruleid: request-past-the-guard
    opened = aiohttp.ClientSession()
    # ok: request-past-the-guard
    answer = await outside.get(url)
    # ruleid: tls-not-checked
    answer = opened.get(url, verify=False)
    # ruleid: tls-not-checked
    context.check_hostname = False
    # ok: tls-not-checked
    answer = opened.get(url, verify=context)
    # ruleid: shell
    subprocess.run(command, shell=True)
    # ruleid: shell
    os.system(command)
    # ok: shell
    subprocess.run([program, argument])
    # ruleid: code-from-text
    found = pickle.loads(content)
    # ruleid: code-from-text
    found = eval(text)
    # ok: code-from-text
    found = orjson.loads(content)
    # ruleid: xml-with-entities
    found = xml.etree.ElementTree.fromstring(content)
    # ok: xml-with-entities
    found = defusedxml.ElementTree.fromstring(content)
    # ruleid: archive-unpacked-whole
    archive.extractall(folder)
    # ok: archive-unpacked-whole
    content = archive.read(name)
    # ruleid: model-that-decides
    answer = await runtime.llm.ask(question)
    # ok: model-that-decides
    answer = await runtime.signer.sign(payment_id)
    # ruleid: time-without-a-zone
    now = datetime.utcnow()
    # ruleid: time-without-a-zone
    now = datetime.now()
    # ok: time-without-a-zone
    now = datetime.now(UTC)
