"""Put the figures in sentences: by rule, and, where somebody asks for it, by the local model around the same figures.

The model is told figures and labels and no stranger's word. What it says of a topic stands only if every number in it is one of that topic's figures;
otherwise the sentence that was made by rule stands. Nothing is stored, and nothing reads it but people.
"""

import json
from dataclasses import dataclass

from crypto_api.classification.types import LanguageModel
from crypto_api.insights import model_words
from crypto_api.insights.sentences import TopicName, topics_of
from crypto_api.insights.types import Insights
from crypto_api.kit import log
from crypto_api.kit.language_model import Answer

_logger = log.get(__name__)


@dataclass(frozen=True, slots=True)
class Sentence:
    topic: TopicName
    text: str
    by_model: bool


@dataclass(frozen=True, slots=True)
class Worded:
    """`answer` None: the model was not asked, or did not answer. `dropped`: topics of which it said what cannot stand."""

    sentences: list[Sentence]
    model: str
    answer: Answer | None
    dropped: list[TopicName]


async def word_insights(found: Insights, model: LanguageModel | None) -> Worded:
    """With a model it is asked once, and waited for as long as it may take for any question. Never raises for what it does."""
    topics = topics_of(found)
    answer, said = None, {}
    if model is not None and topics:
        question = json.dumps(model_words.question_of(topics, found.currency), ensure_ascii=True)
        answer = await model.ask(system=model_words.SYSTEM, prompt=question, schema=model_words.form_of(topics))
        if answer is not None:
            said = model_words.sentences_in(answer.fields, topics, found.currency)
    sentences = [Sentence(one.name, said.get(one.name, one.text), one.name in said) for one in topics]
    dropped = [one.topic for one in sentences if not one.by_model] if answer is not None else []
    if dropped:
        _logger.info("model_sentences_dropped", topics=[one.value for one in dropped])
    return Worded(sentences, model.name if model is not None else "", answer, dropped)
