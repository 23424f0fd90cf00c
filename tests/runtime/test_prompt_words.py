"""What is warned about because the model was not taught its words."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

from motion_preprocessing.captions import sentences_for_label
from motion_runtime.bundle import Bundle
from motion_runtime.prompt_words import is_understood, shortened
from motion_runtime.tokenizer import PromptTokenizer

DOCS = Path(__file__).parents[2] / "docs"
MOST_FALSE = 0.005
OTHER_LANGUAGES = (
    "Ein alter Mann stolpert und stürzt",
    "Die Patientin steht vom Stuhl auf",
    "Jemand winkt mit der rechten Hand",
    "Der Arzt bückt sich",
    "Person fällt hin",
    "Mann joggt",
    "rennen",
    "hinsetzen",
    "il cammine",
    "La paciente cae de la cama",
    "Un niño corre rápido",
    "saluda con la mano derecha",
    "se levanta de la silla",
    "une vieille dame trébuche",
    "il tombe",
    "le docteur tourne à gauche",
    "La persona corre in avanti",
    "il dottore si gira a sinistra",
    "de verpleegster helpt de patiënt",
    "iemand zwaait met de hand",
    "De man rent snel",
    "personen sätter sig på en stol",
    "en gammel dame snubler",
    "pasientin kaatuu",
    "hasta yataktan düşüyor",
    "um homem idoso tropeça",
    "a mulher salta",
    "Osoba siada na krześle",
    "staruszek się przewraca",
    "omul merge înainte",
    "az ember elesik",
    "бабушка падает",
    "男性が倒れる",
    "他跌倒了",
    "🧎‍♂️➡️🧍",
    "👋👋👋",
    "idzie",
    "Person springt",
    "Patient sitzt auf Bett",
)
"""None of which the rule was chosen by."""


@pytest.fixture(scope="module")
def tokenizer() -> PromptTokenizer:
    bundle = Bundle.open(None)
    return PromptTokenizer.load(bundle.path(bundle.manifest.text.tokenizer), bundle.manifest.text.context_length)


@pytest.mark.parametrize(
    "prompt",
    [
        "Ein alter Mann stolpert und stürzt",
        "Eine Person hebt die Hand und winkt",  # 'Person', 'die' and 'Hand' are English words
        "Patient sitzt auf Bett",
        "il paziente si siede",
        "el paciente se sienta en la silla",  # whole in the vocabulary: el, se, en, la
        "la personne court vers la porte",
        "de patient staat op van het bed",
        "en person går framåt",
        "osoba idzie do przodu",
        "человек идет вперед",
        "患者が転ぶ",
        "شخص يمشي",
        "👋👋👋",
        "123 ???",
        "xyzzy plugh",
        "someone",
    ],
)
def test_what_the_model_cannot_know_is_told(tokenizer: PromptTokenizer, prompt: str) -> None:
    assert not tokenizer.understands(prompt)


@pytest.mark.parametrize(
    "prompt",
    [
        "walks",
        "A nurse jogs.",
        "an elderly patient is wheeled along",
        "the person's left arm is raised",
        "someone topples & lies still 😀",
        "Person goes down, 2 times",
        "she's waving",
        "he doesn't move",
        "they don’t walk",
        "he bends over; then gets up",
        "cartwheels",
    ],
)
def test_plain_english_is_not(tokenizer: PromptTokenizer, prompt: str) -> None:
    assert tokenizer.understands(prompt)


def test_half_the_words_have_to_be_known_and_one_to_say_something() -> None:
    def nothing(_word: str) -> bool:
        return False

    assert is_understood("zzz walks", nothing)
    assert not is_understood("zzz yyy walks", nothing)
    assert not is_understood("the person is in it", nothing)
    assert not is_understood("person zzzing", nothing)
    assert is_understood("person zzzing", lambda word: word in ("zzzing", "zzz"))
    assert is_understood("person groks", lambda word: word == "grok"), "of its ending"
    assert not is_understood("person zzz", lambda word: word == "zzz"), "short words are whole in other languages too"


def test_other_languages_are_told_apart_nearly_always(tokenizer: PromptTokenizer) -> None:
    missed = [prompt for prompt in OTHER_LANGUAGES if tokenizer.understands(prompt)]
    assert missed == ["De man rent snel"], "'man' and 'rent' are English words"


def test_captions_of_recordings_raise_no_false_alarm(tokenizer: PromptTokenizer, shared_data: Path) -> None:
    with (shared_data / "motion" / "manifest.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    captions = {text for row in rows for text in sentences_for_label(row["label"], row["category"])}
    told = [text for text in captions if not tokenizer.understands(text)]
    assert len(captions) > 500
    assert len(told) < MOST_FALSE * len(captions), told


def test_prompts_of_the_documentation_raise_none(tokenizer: PromptTokenizer) -> None:
    text = "\n".join(path.read_text(encoding="utf-8") for path in sorted(DOCS.glob("*.md")))
    prompts = {part.partition("s: ")[2] or part for prompt in re.findall(r'--prompt "([^"]+)"', text)
               for part in re.split(r" *\\?\| *", prompt)}  # fmt: skip
    table = [line for line in (DOCS / "prompts.md").read_text(encoding="utf-8").splitlines() if line.startswith("| a ")]
    prompts |= {cell.partition("(")[0].strip() for line in table for cell in line.split("|") if cell.strip()}
    assert len(prompts) >= 15
    assert not [prompt for prompt in prompts if not tokenizer.understands(prompt)]


def test_a_long_prompt_is_shown_by_its_start() -> None:
    assert shortened("geht") == "'geht'"
    assert shortened("ab " * 30) == f"'{'ab ' * 13}a...'"
