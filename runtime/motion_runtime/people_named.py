"""The people that one sentence names: 'a nurse helps a patient stand up' is about two, 'three people walk' about three.

Who gives one prompt and says nothing of how many people there are means those that it names. Each of them gets a
sentence of their own where it can be told what they do, and their class where a noun says it:

    three people walk                              a person walks, three times
    two people walk and one of them falls          a person walks and falls / a person walks
    a nurse and a patient walk                     a nurse walks / a patient walks
    two nurses and a patient walk                  a nurse walks, twice / a patient walks
    a man walks while another person sits down     a man walks / another person sits down
    a nurse walks with a patient                   a nurse walks / a patient walks
    a nurse helps a patient stand up               that sentence for both, as helping was learned
    two nurses help a patient stand up             that of one nurse for all three
    a patient stands up with the help of a nurse   a nurse helps a patient stand up, for both
    a nurse pushes a patient in a wheelchair       a nurse pushes a wheelchair / a patient sits in a wheelchair ...
    two people walk | 3s: they sit down            a person walks | 3s: a person sits down, twice

In parts the first one names them; a later one says what they or some of them do, or names the same people in the same
order. This is a grammar of a dozen rules (`people_grammar`) and no parser: what it does not find stays one person's
sentence.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from motion_preprocessing.captions import third_person
from motion_runtime import people_grammar as grammar
from motion_runtime.person_classes import class_named
from motion_runtime.said import GETS_UP
from motion_runtime.timeline import LENGTH
from motion_runtime.who_holds import who_holds, who_wheels


def people_named(prompts: Sequence[str], person_classes: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Prompts and classes of the people whom a prompt names, or several do; as they are where a class is given.

    Args:
        prompts: What was asked for.
        person_classes: Who they are, as far as that was said.

    Returns:
        A prompt and a class for each person.
    """
    if person_classes:
        return tuple(prompts), tuple(person_classes)
    found = _in_parts(prompts[0].split("|")) if len(prompts) == 1 else []
    if len(found) < 2:
        return tuple(prompts), tuple(map(_class_of, prompts))
    told, who = zip(*found, strict=True)
    # Who is told alone is nobody's other: 'another person walks' would be done with somebody.
    alone = [words if told.count(words) > 1 else grammar.OTHER.sub(_plain_one, words) for words in told]
    return tuple(alone), tuple(map(class_named, who))


def _class_of(prompt: str) -> str:
    """The class of whoever a prompt begins with."""
    sentence = _sentence(prompt.split("|")[0])[1].lower()
    match = grammar.FIRST.match(grammar.ONE_OF_MANY.sub(lambda many: _a(_one_of_many(many)), sentence))
    return class_named(match[1]) if match else "person"


def as_named(prompts: Sequence[str], person_classes: Sequence[str]) -> str:
    """How `motion-run` says whom it found in a prompt."""
    people = Counter(zip(person_classes, prompts, strict=True))
    each = "; ".join(f"{f'{count} x ' * (count > 1)}{who}: {told}" for (who, told), count in people.items())
    return f"{len(prompts)} people, as the prompt names them ({each}); give --person person to make one alone"


def somebody_else(prompts: Sequence[str]) -> str:
    """Whom a single prompt names beside the one who does it, although there is one person alone; '' = nobody."""
    if len(prompts) != 1:
        return ""
    return _two_named(prompts[0].lower())[1]


def not_made(prompts: Sequence[str], persons: int) -> list[str]:
    """A line where a prompt is about others, or more people, than are made."""
    together = next(filter(None, map(grammar.NOT_TOLD_APART.search, map(str.lower, prompts))), None)
    if persons > 1 and together:
        return [f"'{together[0]}' is read as all of them, who are told the same; give a prompt for each"]
    crowd = next(filter(None, (grammar.CROWD.match(_sentence(prompt)[1]) for prompt in prompts)), None)
    if persons == 1 and crowd:
        return [f"'{crowd[0]}' is made as one person; write how many and what they do, as in 'three people walk'"]
    other = somebody_else(prompts) if persons == 1 else ""
    if persons == 1 and len(prompts) == 1 and "|" in prompts[0]:
        sentences = [_sentence(part)[1] for part in prompts[0].split("|")]
        several = next((sentence for sentence in sentences if len(_people(sentence)) > 1), "")
        if several:
            return [f"'{several:.60}' is about several people, of whom one is made; give a prompt for each"]
        # 'A person walks | a person waves' is about one who is named in every part.
        again = other and class_named(other) == class_named(_two_named(prompts[0].lower())[0])
        if again and not grammar.OTHER.match(other):
            other = next((found for sentence in sentences if (found := _two_named(sentence.lower())[1])), "")
    are = "is" if len(_each(other)) == 1 else "are"
    return [f"the prompt names '{other}' too, who {are} not made; give a prompt for each"] if other else []


def _in_parts(parts: Sequence[str]) -> list[tuple[str, str]]:
    """(what they do, who they are) of everybody whom the first part names, in all parts.

    Later ones tell what 'they' or some of them do, or name as many; [] where one does not.
    """
    told: list[str] = []
    does: list[str] = []
    who: list[str] = []
    for part in parts:
        length, sentence = _sentence(part)
        if who and (match := grammar.THEY.fullmatch(sentence)):
            if match[1].split()[0] in grammar.MODAL or (match[0].split()[0] in ("both", "all") and not _acts(match[1])):
                return []
            all_do = f"{grammar.COUNTS[len(who)]} people {match[1]}" if len(who) in grammar.COUNTS else sentence
            some = _some_of_them(who, match[1], all_do)
            does = [one for one, _ in some] or [_of_each(one, match[1], all_do) for one in who]
        else:
            named = _people(sentence)
            all_do, apart = _told_apart(who, sentence)
            classes = [class_named(one) for _, one in named]
            # Who is who is told by their classes: where these are others, or come in another order, by nothing.
            if len(named) >= 2 and (not who or classes == [class_named(one) for one in who]):
                does = [does for does, _ in named]
                who = who or [one for _, one in named]
            elif apart and not all_do:
                # Who is not named goes on.
                does = [f"{one} {more}" if more else on for one, more, on in zip(who, apart, does, strict=True)]
            else:
                return []
        each = [f"{length}{one}" for one in does]
        told = each if not told else [f"{before} | {one}" for before, one in zip(told, each, strict=True)]
    return list(zip(told, who, strict=True))


def _sentence(part: str) -> tuple[str, str]:
    """The length that a part begins with ('3s: '), '' where there is none, and its sentence, begun in lower case."""
    words = " ".join(part.split()).rstrip(" .")
    length = LENGTH.match(words)
    begin = length.end() if length else 0
    return words[:begin], words[begin : begin + 1].lower() + words[begin + 1 :]


def _acts(does: str) -> bool:
    """Whether words begin with what people do: 'both sit down', but not 'both hands up'."""
    word = does.split()[0]
    return word in grammar.VERBS or word in grammar.BE or word.endswith("ly")


def _people(sentence: str) -> list[tuple[str, str]]:
    """(what they do, who they are) of everybody in a sentence; [] or one where it is about one."""
    sentence = grammar.ONE_OF_SO_MANY.sub(r"\1, one of them", sentence.removeprefix("there are "))
    if (match := grammar.NAMELY.match(sentence)) and len(_each(match[1])) == len(_each(match[2])):
        sentence = f"{match[2]} {sentence[match.end() :]}"
    if match := grammar.HELPED.fullmatch(sentence):
        rises, does, helps, more = match.groups()
        return _helped(_each(rises), does, _each(helps), more)
    subject = grammar.SUBJECT.fullmatch(sentence)
    who = _each(subject[1]) if subject else []
    if subject and (found := _some_of_them(who, subject[2], sentence)):
        return found
    sentence = grammar.ONE_OF_MANY.sub(lambda match: _a(_one_of_many(match)), sentence)
    if len(who) < 2 and grammar.ONE_OF_THINGS.search(sentence):
        return []
    match = grammar.CLAUSES.fullmatch(sentence)
    if match and not grammar.NOT_THERE.search(match[1]) and not _same(*match.groups()):
        first, rest = (_people(clause) or [(clause, _who_does(clause))] for clause in match.groups())
        # 'A nurse helps a patient stand up and the patient walks'.
        _, apart = _told_apart([one for _, one in first], match[2])
        if apart:
            return [(f"{one} {more}" if more else told, one) for (told, one), more in zip(first, apart, strict=True)]
        return [*first, *rest]
    if match := grammar.IN_WHEELCHAIR.fullmatch(sentence):
        pushes, sits, where = match.groups()
        push = [(f"{one} pushes a wheelchair{where}", one) for one in _each(pushes)]
        return [*push, (f"{sits} sits in a wheelchair that is pushed", sits)]
    if not subject:
        return []
    does = subject[2]
    if len(who) < 2 and grammar.NOT_THERE.search(sentence):
        return []
    other = _two_named(sentence)[1]
    others = _each(other)
    told = [_of_each(one, does, sentence) if len(who) > 1 else sentence for one in who]
    if others:
        told = [words.replace(other, others[0]) for words in told]
        if any(holds((told[0], told[0]), ("staff", "patient"))[0] for holds in (who_holds, who_wheels)):
            return [*zip(told, who, strict=True), *((told[0], one) for one in others)]
    if match := grammar.WITH.fullmatch(does):
        do, along, second, more = match.groups()
        others = _each(second)
        pairs = {(class_named(first), class_named(other)) for first in who for other in others}
        do = _does(do) if len(who) > 1 else do
        if along == "with" and pairs == {("patient", "staff")} and GETS_UP.match(do):
            return _helped(who, do, others, more)
        together = grammar.SHARED.search(do)
        return [(sentence if together else f"{one} {do}{more}", one) for one in (*who, *others)]
    return list(zip(told, who, strict=True)) if len(who) > 1 else []


def _each(several: str) -> list[str]:
    """Everybody of a list: 'two nurses and a patient' -> 'a nurse', 'a nurse', 'a patient'."""
    found = []
    for match in grammar.ONE_BY_ONE.finditer(several):
        counted = grammar.COUNTED.fullmatch(match[0])
        if counted is None:
            found.append(match[0])
        else:
            number = counted["number"]
            found += [_a(_one_of_many(counted))] * (grammar.NUMBERS.get(number) or int(number))
    return found


def _one_of_many(many: re.Match[str]) -> str:
    """'old men' -> 'old man'."""
    return many["like"] + _singular(many["many"])


def _singular(many: str) -> str:
    return grammar.SINGULAR.get(many, many.removesuffix("s"))


def _some_of_them(who: Sequence[str], does: str, sentence: str) -> list[tuple[str, str]]:
    """What each of several does where some of them do something else: 'walk and one of them falls'; else []."""
    all_do, each = _told_apart(who, does)
    if not each:
        return []
    told = []
    for one, more in zip(who, each, strict=True):
        first = _alone(one, all_do, sentence) if all_do else one
        told.append((f"{first}{' and' * bool(all_do)} {more}" if more else first if all_do else f"{one} stands", one))
    return told


def _told_apart(who: Sequence[str], does: str) -> tuple[str, list[str]]:
    """What all of them do, and what each of them does beside, '' = nothing; no list where nobody is told apart."""
    clauses = list(grammar.EACH_OF_THEM.finditer(does))
    if len(who) < 2 or not clauses:
        return "", []
    told = [""] * len(who)
    ends = [*(clause.start() for clause in clauses[1:]), len(does)]
    for clause, end in zip(clauses, ends, strict=True):
        they_do, left = does[clause.end() : end].strip(), [place for place, words in enumerate(told) if not words]
        found = _members(clause, who, left)
        if not found or not they_do or grammar.NO_VERB_FIRST.match(they_do):
            return "", []
        for place in found:
            told[place] = they_do if re.match(grammar.FINITE, they_do) else _does(they_do)
    return does[: clauses[0].start()].strip(), told


def _members(clause: re.Match[str], who: Sequence[str], left: Sequence[int]) -> list[int]:
    """Which of several a clause is about, of those about whom none was yet."""
    if clause["rest"]:
        return list(left) if len(left) < len(who) else []
    if clause["place"]:
        return [place for place in left if place == grammar.PLACES.index(clause["place"])]
    noun = _singular(clause["who"] or clause["of"] or "")
    meant = [place for place in left if noun in ("", "person", who[place].split()[-1])]
    if clause["who"]:
        return meant if clause["who"] != noun else meant[:1]
    return meant[: grammar.NUMBERS.get(clause["some"], 1)]


def _helped(rise: Sequence[str], does: str, help_them: Sequence[str], more: str) -> list[tuple[str, str]]:
    """Who is helped to do something and who helps, as helping was learned."""
    told = [f"{one} helps {rise[0]} {_base_of(does)}{more}" for one in help_them]
    return [*zip(told, help_them, strict=True), *((told[0], one) for one in rise)]


def _who_does(sentence: str) -> str:
    """Whom a sentence begins with; '' = nobody."""
    match = re.match(grammar.SEVERAL, sentence)
    return match[0] if match else ""


def _two_named(sentence: str) -> tuple[str, str]:
    """Who does something in a sentence, and somebody else whom it names; '' = nobody."""
    first = _who_does(sentence)
    if not first or grammar.ONE_OF_THINGS.search(sentence):
        return "", ""
    others = (match[0] for match in re.finditer(rf"\b(?<!like ){grammar.SEVERAL}", sentence[len(first) :]))
    return first, next((other for other in others if not _same(first, other)), "")


def _same(first: str, second: str) -> bool:
    """Whether two that begin with somebody begin with the same one: 'a man walks', 'the man sits down'."""
    one, other = (match[0] if (match := re.match(grammar.SOME, who)) else "" for who in (first, second))
    if not other.startswith("the ") or re.search(r"\b(?:other|second|third)\b", other):
        return False
    noun, again = one.removesuffix(" else").split()[-1], other.split()[-1]
    if noun == again or class_named(one) == "staff":
        return noun == again
    return again in grammar.ANYBODY or (noun in grammar.ANYBODY and again in grammar.MAN_OR_WOMAN)


def _of_each(one: str, does: str, sentence: str) -> str:
    """What one of several does, or the sentence of them all where they do it with each other or no verb begins it."""
    if grammar.SHARED.search(does) or grammar.NO_VERB_FIRST.match(does):
        return sentence
    if grammar.DOING.match(does):
        does = f"are {does}"
    return f"{one} {_does(does)}"


def _alone(one: str, does: str, sentence: str) -> str:
    """What one does of whom it may be said in either number."""
    return f"{one} {does}" if re.match(grammar.FINITE, does) else _of_each(one, does, sentence)


def _plain_one(match: re.Match[str]) -> str:
    return "someone" if match[2] else "a person" if match[1] else "a "


def _a(noun: str) -> str:
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"


def _does(many_do: str) -> str:
    """What many do, of one: 'walk and sit down together' -> 'walks and sits down'."""
    words, first = grammar.TOGETHER.sub("", f" {many_do}").split(), True
    for place, word in enumerate(words):
        before = words[place - 1].strip(",") if place else ""
        follows = before in ("and", "then", "or") or (place > 0 and words[place - 1].endswith(","))
        if first and word.endswith("ly"):
            continue
        if first or (follows and word.strip(",") in grammar.VERBS):
            words[place], first = _third(word), False
    return " ".join(words)


def _third(word: str) -> str:
    verb = word.rstrip(",")
    if verb in grammar.PASTS or verb.endswith("ed"):
        return word
    return grammar.BE.get(verb, third_person(verb)) + word[len(verb) :]


def _base_of(does: str) -> str:
    """'stands up' -> 'stand up'."""
    verb, _, more = does.partition(" ")
    candidates = (verb[:-1], verb[:-2], f"{verb[:-3]}y")
    base = next((one for one in candidates if one and third_person(one) == verb), verb)
    return f"{base} {more}".rstrip()
