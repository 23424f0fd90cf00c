"""A tower learns further words, and what it says of what it knows stays where it was."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from click.testing import CliRunner  # noqa: E402

from motion_preprocessing.captions import inflect  # noqa: E402
from motion_preprocessing.errors import InputError  # noqa: E402
from motion_runtime.verb_forms import PAST  # noqa: E402
from motion_train import word_command, word_lessons  # noqa: E402
from motion_train.cli import main  # noqa: E402
from motion_train.text_tower import TextTower  # noqa: E402
from motion_train.word_lessons import Lesson, Lessons, in_form, understood_as  # noqa: E402
from motion_train.word_run import seen, teach, understood  # noqa: E402
from motion_train.wordnet_verbs import HEADS, is_held_out, verbs_under  # noqa: E402

CAPTIONS = ["a person walks forward", "someone sits down on a chair", "a person waves with the left hand"]
DATABASE = """\
  1 A file of this layout begins with lines of its licence.
00000100 38 v 01 walk 0 002 ~ 00000200 v 0000 ~ 00000300 v 0000 01 + 02 00 | use one's feet to advance; "go on foot"
00000200 38 v 02 zorp 0 walk_grandly 0 001 @ 00000100 v 0000 01 + 02 00 | walk as an invented verb
00000300 38 v 01 pace 0 001 @ 00000100 v 0000 01 + 02 00 | walk with slow or fast paces
00000400 42 v 01 pace 0 000 01 + 02 00 | measure by steps
00000500 42 v 01 pace 0 000 01 + 02 00 | set the speed
00000600 42 v 01 pace 0 000 01 + 02 00 | go at a speed
00000700 38 v 01 run 0 002 ~ 00000800 v 0000 ~ 00000900 v 0000 01 + 02 00 | move fast by using one's feet
00000800 38 v 01 blit 0 000 01 + 02 00 | run as an invented verb
00000900 38 v 01 walk 0 000 01 + 02 00 | a second meaning under another head
"""


OTHER_HEADS = [
    f"{90000000 + n:08d} 38 v 01 {verb.replace(' ', '_')} 0 000 01 + 02 00 | {meaning} and so on"
    for n, (_, verb, meaning) in enumerate(HEADS) if (verb, meaning[:4]) not in {("walk", "use "), ("run", "move")}
]  # fmt: skip


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "data.verb"
    path.write_text(DATABASE + "\n".join(OTHER_HEADS), encoding="latin1")
    return path


def test_what_lies_under_a_verb_and_means_little_else_is_read(database: Path) -> None:
    found = verbs_under(database)
    # 'pace' has four meanings, one of them under 'walk'; 'walk' itself lies under two heads.
    assert {phrase: found.get(phrase) for phrase in ("*blit", "*zorp", "*walk grandly", "*walk", "*pace")} == {
        "*blit": "*run", "*zorp": "*walk", "*walk grandly": "*walk", "*walk": None, "*pace": None,
    }  # fmt: skip
    assert found["*faint"] == "*faint and *fall"


@pytest.mark.parametrize("content", ["", "no WordNet\n", "00000100 38 v zz walk | use one's feet\n", DATABASE])
def test_another_file_is_no_wordnet(tmp_path: Path, content: str) -> None:
    """The last one has two of the heads."""
    path = tmp_path / "data.verb"
    path.write_text(content)
    with pytest.raises(InputError, match=r"expected WordNet's data\.verb, got no '"):
        verbs_under(path)
    with pytest.raises(InputError, match="check the path"):
        verbs_under(tmp_path / "none")


def test_verbs_are_held_out_by_their_names_alone() -> None:
    names = [f"*verb{n}" for n in range(2000)]
    held = {name for name in names if is_held_out(name, 0.2)}
    assert 0.17 < len(held) / len(names) < 0.23
    assert held <= {name for name in names if is_held_out(name, 0.5)}
    assert not any(is_held_out(name, 0.0) for name in names)
    assert all(is_held_out(name, 0.2) == is_held_out(f"{name} down", 0.2) for name in names)


def test_lessons_say_in_other_words_what_the_tower_knows() -> None:
    lessons = Lessons(CAPTIONS, {"*zorp": "*walk"})
    rng = np.random.default_rng(0)
    drawn = [lessons.draw(rng) for _ in range(4000)]
    own = [lesson for lesson in drawn if lesson.said == lesson.meant]
    assert {lesson.said for lesson in own} >= set(CAPTIONS)
    assert 0.35 < len(own) / len(drawn) < 0.55
    pairs = {(lesson.said, lesson.meant) for lesson in drawn}
    # Every form of a word that only the dictionary has, for whoever does it.
    assert {("she zorps", "a person walks"), ("he zorped", "a person walks")} <= pairs
    assert any(said.endswith("was zorping") and meant == "a person walks" for said, meant in pairs)
    assert any("they zorp" in said for said, _ in pairs)
    # Training's own words go first, and who trips falls.
    assert any("hobble" in said and "limps" in meant for said, meant in pairs)
    assert any("tripped" in said and "trips and falls" in meant for said, meant in pairs)
    assert not any("zorp" in lesson.meant for lesson in drawn)


def test_phrases_that_captions_have_stand_for_themselves() -> None:
    assert understood_as(["a person strolls away"])["*stroll"] == "*stroll"
    plainly = understood_as(["a person walks"])
    assert plainly["*stroll"] == "*walk"
    assert plainly["*stumble"] == "*trip and *fall"


@pytest.mark.parametrize(
    ("phrase", "told"),
    [
        ("*amble", {
            "she ambles", "they amble", "she is ambling", "they are ambling", "she ambled", "they ambled",
            "she was ambling", "they were ambling", "amble",
        }),
        ("*stop, *turn", {
            "she stops, turns", "they stop, turn", "she is stopping, turns", "they are stopping, turn",
            "she stopped, turned", "they stopped, turned", "she was stopping, turned", "they were stopping, turned",
            "stop, turn",
        }),
        ("*be seated", {"she is seated", "she was seated", "a person is seated", "a person was seated"}),
    ],
)  # fmt: skip
def test_what_somebody_does_is_told_in_every_form(
    phrase: str, told: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(word_lessons, "_WHO", ("she", "they"))
    rng = np.random.default_rng(2)
    lessons = Lessons(CAPTIONS, {})
    said = {lessons.sentence(rng, (phrase, phrase)).said for _ in range(3000)}
    extra = (" and ", ", then ", *word_lessons._HOW, *word_lessons._WHERE)
    assert {text for text in said if not any(word in text for word in extra)} == told


def test_what_comes_after_is_told_in_the_same_tense(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(word_lessons, "_WHO", ("she", "they"))
    monkeypatch.setattr(word_lessons, "VERBS", (("*begin",),))
    rng = np.random.default_rng(3)
    lessons = Lessons(CAPTIONS, {})
    drawn = {lessons.sentence(rng, ("*amble", "*walk")) for _ in range(6000)}
    pairs = {(lesson.said, lesson.meant) for lesson in drawn}
    for said in (
        "she ambles and begins", "they amble and begin", "she ambled and began", "they were ambling and began",
        "amble and begin", "they are ambling and begin",
    ):  # fmt: skip
        assert (said, "a person walks and begins") in pairs


@pytest.mark.parametrize(
    ("verb", "expected"),
    [("drag", "dragging dragged"), ("hold", "holding held"), ("throw", "throwing threw"), ("sip", "sipping sipped"),
     ("put", "putting put"), ("stride", "striding strode"), ("amble", "ambling ambled"), ("flop", "flopping flopped"),
     ("drink", "drinking drank"), ("lay", "laying laid"), ("begin", "beginning began")],
)  # fmt: skip
def test_forms_of_verbs(verb: str, expected: str) -> None:
    assert f"{inflect(f'*{verb}', 'gerund')} {in_form(f'*{verb}', PAST)}" == expected


@pytest.fixture(scope="module")
def tower(tiny_tower: Path) -> TextTower:
    return TextTower.load(tiny_tower)


def test_embeddings_are_compared_as_the_denoiser_reads_them(tower: TextTower) -> None:
    found = seen(tower, CAPTIONS).double()
    encode = tower.prompt_tokenizer().encode
    raw = tower.encode(torch.from_numpy(np.concatenate([encode(text) for text in CAPTIONS]))).double()
    wanted = (raw - raw.mean(1, keepdim=True)) / (raw.var(1, unbiased=False, keepdim=True) + 1e-5).sqrt()
    assert torch.allclose(found, wanted, atol=1e-5)


def test_a_taught_tower_says_of_new_words_what_it_said_of_the_plain_ones(tower: TextTower) -> None:
    lessons = Lessons(CAPTIONS, {"*zorp": "*walk", "*blit": "*sit down"})
    asked = [Lesson("a person zorps", "a person walks"), Lesson("a person blits", "a person sits down"),
             Lesson("he zorped", "a person walks")]  # fmt: skip
    new = teach(tower, lessons, steps=60, seed=3)
    before, after = understood(tower, tower, asked), understood(tower, new, asked)
    assert after.distance < 0.7 * before.distance
    assert understood(tower, tower, [Lesson(text, text) for text in CAPTIONS]).distance == 0.0
    assert not any(parameter.requires_grad for parameter in new.parameters())
    again = teach(tower, lessons, steps=60, seed=3)
    assert all(torch.equal(a, b) for a, b in zip(new.parameters(), again.parameters(), strict=True))


def test_the_command_writes_a_tower_and_what_it_understands(
    tiny_tower: Path, tmp_path: Path, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = {"train": CAPTIONS, "test": ["a person bends over", CAPTIONS[0]]}
    monkeypatch.setattr(word_command, "_captions", lambda dataset, split, threads: said[split])
    monkeypatch.setattr(word_command, "_MEASURED", 8)
    out = tmp_path / "taught"
    words = ["words", "--text", str(tiny_tower), "--data", str(tmp_path), "--wordnet", str(database), "--out", str(out)]
    done = CliRunner().invoke(main, [*words, "--steps", "2", "--threads", "1"])
    assert done.exit_code == 0, done.output
    old, new = TextTower.load(tiny_tower).config, TextTower.load(out).config
    assert new == replace(old, source=f"{old.source}; taught more words")
    told = json.loads((out / "words.json").read_text())
    assert told["verbs"] == len(verbs_under(database))
    assert told["understood"]["captions of held-out clips"]["before"] == {
        "nearest": 1.0, "distance": 0.0, "count": 1,
    }  # fmt: skip
    assert "verbs of WordNet, not taught" not in told["understood"]
    for more in ([], ["--overwrite", "--hold-out", "nan"], ["--overwrite", "--wordnet", str(tmp_path / "none")]):
        refused = CliRunner().invoke(main, [*words, "--steps", "2", *more])
        assert refused.exit_code != 0
        assert refused.stderr.splitlines()[-1].startswith("error: expected")
        assert (out / "words.json").is_file()
