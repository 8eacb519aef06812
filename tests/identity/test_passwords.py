"""Which passwords are taken: by how hard they are to guess, never by which kinds of signs they hold."""

import asyncio
import time
from typing import Any

import pytest
from zxcvbn import matching
from zxcvbn.frequency_lists import FREQUENCY_LISTS

from crypto_api.identity import passwords
from crypto_api.kit.errors import InvalidInput

COMMON_MIN = 3_000
EVERY = 9  # of the common ones: all of them take the estimator five seconds


async def test_the_three_thousand_commonest_that_are_long_enough_are_refused() -> None:
    """Every ninth of them (OWASP ASVS 5.0, 6.2.4)."""
    common = [word for word in FREQUENCY_LISTS["passwords"] if len(word) >= passwords.LENGTH_MIN][:COMMON_MIN]
    assert len(common) == COMMON_MIN
    taken = []
    for word in common[::EVERY]:
        try:
            await passwords.judge("password", word, [])
        except InvalidInput as refused:
            assert refused.errors[0].code == "too_weak"
        else:
            taken.append(word)
    assert taken == []


async def test_no_password_of_the_breached_ones_is_taken() -> None:
    """Every two hundredth of the 30,000 that the estimator has out of breaches, the rarest too, and with what people do to them."""
    breached = [word for word in FREQUENCY_LISTS["passwords"] if len(word) >= passwords.LENGTH_MIN]
    assert len(FREQUENCY_LISTS["passwords"]) == 30_000
    for word in [*breached[::200], breached[-1]]:
        for tried in (word, word.upper(), word[::-1]):
            with pytest.raises(InvalidInput) as refused:
                await passwords.judge("password", tried, [])
            assert refused.value.errors[0].code == "too_weak", tried


@pytest.mark.parametrize(
    "password",
    [
        "veldrinquopatzumbrix",
        "829104756382916",
        "VELDRINQUOPATZUMBRIX",
        "~!*^%$}{?>;=",
        "  spaces before & behind  ",
        "ключ от сейфа",
        "🔑🪶🛶🧮🪁🪗🥁🎏",
    ],
)
async def test_no_kind_of_sign_is_asked_for(password: str) -> None:
    await passwords.judge("password", password, [])


async def test_sixty_four_characters_are_taken_and_compared_to_the_last() -> None:
    long = "qv7-harbour-" * 5 + "end."
    assert len(long) == 64
    await passwords.judge("password", long, [])
    known = await passwords.hash_password(long, 4)
    assert await passwords.matches(long, known, 4)
    for altered in (long[:-1], long[:-1] + ",", long.upper(), f" {long}"):
        assert not await passwords.matches(altered, known, 4)


async def test_words_of_the_person_make_a_password_weak() -> None:
    await passwords.judge("password", "kwillibrand7", [])
    with pytest.raises(InvalidInput) as refused:
        await passwords.judge("password", "kwillibrand7", ["kwillibrand"])
    assert refused.value.errors[0].code == "too_weak"


async def test_each_is_judged_by_the_words_of_their_own_though_many_ask_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    match = matching.omnimatch

    def slowly(*asked: Any) -> Any:
        time.sleep(0.01)  # long enough for another thread to bring its own words, where one may
        return match(*asked)

    monkeypatch.setattr(matching, "omnimatch", slowly)
    names = ["ottokarsternwarte", "lovelacebyronhall", "quietharbourlantern", "turingbombepark", "hopperflowmatic", "noetherringideal"]
    await passwords.judge("password", names[0], [])  # none of them is weak by itself
    refused = await asyncio.gather(*(passwords.judge("password", name, [name]) for name in names), return_exceptions=True)
    assert [error.errors[0].code for error in refused if isinstance(error, InvalidInput)] == ["too_weak"] * len(names)
