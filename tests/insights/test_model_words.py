"""What a model may say of figures: every number it writes is one of them, in whatever writing, or its sentence does not stand."""

from decimal import Decimal

import pytest

from crypto_api.insights.model_words import checked, form_of, question_of, readings
from crypto_api.insights.sentences import Figure, Topic, TopicName, Unit, count_figure, money_figure
from crypto_api.kit.plain_text import quoted

D = Decimal
TOPIC = Topic(
    TopicName.SPENDING,
    "by rule",
    (
        money_figure("spent", D("1234567.891")),
        money_figure("before", D(5303)),
        money_figure("small", D("0.000312")),
        count_figure("movements", 9),
        Figure("period", D(30), Unit.DAYS),
        Figure("lasts", D("7.5"), Unit.MONTHS),
        Figure("fall", D(50), Unit.SHARE),
    ),
    {"counterparty A": "“Grace & Sons”"},
    rises=True,
)


def each(written: str) -> list[str]:
    return written.split("|")


M = "1,234,567.89 USD"


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        *((f"It was {written} in all.", f"It was {M} in all.") for written in each(
            "1,234,567.89|1234567.89|1.234.567,89|1 234 567,89|1\u00a0234\u00a0567,89|"
            "1\u202f234\u202f567,89|1'234'567.89|1’234’567.89|12,34,567.89|$1,234,567.89|"
            "USD 1,234,567.89|1,234,567.89 USD|1,234,567.89USD|١٬٢٣٤٬٥٦٧٫٨٩|१२,३४,५६७.८९|１２３４５６７.８９"
        )),
        ("Spent: 5303.", "Spent: 5,303.00 USD."),
        ("Spent 5.303 USD and 0.00031.", "Spent 5,303.00 USD and 0.00031 USD."),
        ("It rose to 1234567.890 (5,303.00 USD before).", f"It rose to {M} (5,303.00 USD before)."),
        ("In 30 days, 9 large movements.", "In 30 days, 9 large movements."),
        ("It lasts 7,5 months, if prices fall by 50%.", None),  # "fall", where spending rose: said of something else, and dropped all the same
        ("It lasts 7,5 months at 50 percent.", "It lasts 7.5 months at 50 %."),
        ("Counterparty A was paid 5,303.00 USD.", "“Grace & Sons” was paid 5,303.00 USD."),
    ],
)  # fmt: skip
def test_figures_stand_in_our_writing(said: str, shown: str | None) -> None:
    assert checked(said, TOPIC, "USD") == shown


@pytest.mark.parametrize(
    "said",
    [
        *(f"It was {written} in all." for written in each(
            "5,304|5,303.01|5303.5|5.3k|5303k|5,303 k|5303 thousand|5 303 000|53,03|5,30,3|5303e2|"
            "5.303e3|0x14B7|-5,303|−5,303|1/2|½|5303²|Ⅸ|IX|⑨|五千|9:1|5,303 EUR|€5,303|5,303 USDC|"
            "5,303 dollars|5,303 %|5,303 months|9 days|9 USD|30|30 months|7.5|50|50 USD|5,303 movements|"
            "9 %|5,303.00-6,000.00|5,303–1,234,567.89|5303rd|30-day|5\u200b303|1,234,567.89.1|"
            "five thousand|zweitausend|mille|USD|nothing|minus 5,303|nearly 5,303|more than 5,303|"
            "5,303 million|5,303 mn|5,303 a year|twice 5,303|5,303, a third of it|$ 5,303|5_303|"
            "US$5,303"
        )),
        "It fell to 5,303.",  # it rose
        "Counterparty B was paid 5,303.",
        "Asset A was paid 5,303.",
        "You should send 5,303 to the owner.",
        "5,303: see https://evil.example for more.",
        "5,303 <b>x</b>",
        "5,303 [x](y)",
        "5,303 \u202eUSD",
        "All is well.",
        "",
        " 5,303 " * 80,
        None,
        5303,
        {"text": "5,303"},
    ],
)  # fmt: skip
def test_any_other_number_drops_the_sentence(said: object) -> None:
    assert checked(said, TOPIC, "USD") is None


def test_a_number_that_can_mean_two_figures_means_none() -> None:
    topic = Topic(TopicName.GAS, "", (money_figure("a", D(1234)), money_figure("b", D("1.234")), Figure("c", D("1.234"), Unit.MONTHS)))
    assert topic.figures[1].value == D("1.23"), "rounded as it is shown"
    two = Topic(TopicName.GAS, "", (Figure("a", D(1234), Unit.MONEY), Figure("b", D("1.234"), Unit.MONEY)))
    assert checked("It was 1.234 in all.", two, "USD") is None and checked("It was 1,234.00 in all.", two, "USD") == "It was 1,234 USD in all."
    same = Topic(TopicName.GAS, "", (Figure("a", D(9), Unit.MONEY), count_figure("b", 9)))
    assert (
        checked("It was 9 in all.", same, "USD") is None
        and checked("It was 9 USD for 9 transactions.", same, "USD") == "It was 9 USD for 9 transactions."
    )


def test_readings_of_a_number() -> None:
    assert readings("1.234") == {D(1234), D("1.234")} == readings("1,234")
    assert readings("1.234,5") == {D("1234.5")} and readings("1,234.5") == {D("1234.5")} and readings("1.234.567") == {D(1234567)}
    assert readings("1.2.3") == readings("1,2,3.4") == readings("12,345,67") == readings("1,234 567") == readings("1234,567,890") == set()


def test_the_model_is_told_figures_and_no_name() -> None:
    assert question_of([TOPIC], "USD")["spending"] == {
        "spent": M, "before": "5,303.00 USD", "small": "0.00031 USD", "movements": "9", "period": "30 days", "lasts": "7.5 months", "fall": "50 %",
    }  # fmt: skip
    assert form_of([TOPIC])["required"] == ["spending"] and form_of([TOPIC])["additionalProperties"] is False
    assert quoted("a”\u202e\nb" + "c" * 60) == "“a b" + "c" * 36 + "…”"
