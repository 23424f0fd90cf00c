"""What people call things that the model does under a plainer name: the table of `plain_words`.

What was measured to be followed as it is does not stand here (docs/prompts.md). In a phrase a star stands before its
verb, which is found in every form; `_self` is any of himself, herself ..., `_his` any of his, her ...; the rest is a
regular expression. What is read is worded likewise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Rule:
    """Phrases that are read as another one."""

    reads: str
    """The plain phrase."""
    says: tuple[str, ...]
    """What stands for it."""
    placed: str = ""
    """What is read where it goes on with where or which way ('keels over backwards'); empty = the same."""
    strict: bool = False
    """Whether it is only read so straight after who does it: the verb is a noun too, or things do it as well."""
    ends: bool = False
    """Whether only at the end of a clause: what follows would change what it means."""
    takes: bool = False
    """Whether what it is done to, or on, follows ('scales a wall'): else it takes no object."""
    falls: bool = False
    """Whether it tells a fall, so that a sentence that goes on to tell of the fall, or of its being averted, stays."""


_FLOOR: Final = r"the (?:floor|ground|deck)"
_SEATS: Final = "chair|armchair|wheelchair|recliner|seat|sofa|couch|stool|bench"
_SEAT: Final = rf"(?:the|a|an|his|her|their) (?:\w+ )?(?:{_SEATS})\b"
_SAT_ON: Final = (
    rf"(?:the|a|an|his|her|their) (?:\w+ ){{0,2}}(?:{_SEATS}|bed|edge|toilet|commode|floor|ground|mat|cushion|box"
    r"|steps?)\b"
)
_UPRIGHT: Final = rf"(?! (?:in|on|onto|into) (?:\w+ )*?(?:bed|{_SEATS})\b)"
"""Who faints there falls to no floor."""
_WET: Final = (
    r"(?:an? |the |some |_his )?(?:\w+ ){0,2}(?:floor|ground|ice|water|tiles?|rug|carpet|mat|puddle|stairs?|steps?|soap"
    r"|spill|skin|peel|grass|oil|mud|snow|path|surface|leaves|something|patch)"
)
"""What people slip on, rather than put on."""
_HARD: Final = (
    r"(?= (?:heavily|hard|suddenly|like an?|in an? heap|in the (?!lift|elevator)\w+|on the (?!lift)\w+"
    r"|backwards?|sideways|forwards?|with an? (?:bump|thud|crash))\b)"
)
"""How people go down who fall: others go down the stairs, or over to somebody."""
_ABED: Final = r"(?=$| ?[.,;!]| (?:and|then|while|again|until|for)\b| (?:in|on) (?:\w+ )?(?:\w+ )?(?:bed|sofa|couch)\b)"
"""People sleep in chairs too, but those are left alone."""
_ASLEEP: Final = r"(?:(?:fast|sound|back|right) )?asleep"
_WITH_SOMEBODY: Final = r"(?: (?:with|beside|behind) (?:an?|the|_his|another) \w+)?"
_AT_AN_END: Final = (
    r"(?=$| ?[.,;!]| (?:and|then|while|before|after|on the spot|in place|clockwise|counter|anti)\b"
    r"| (?:to|towards) (?:the|his|her|their) (?:left|right)\b)"
)
"""Handles, cards and chairs are turned too."""

RULES: Final = (
    # Falls. What has a cause keeps it: the model falls otherwise who trips than who faints.
    Rule("*trip and *fall", ("*trip up", "*trip"), strict=True, falls=True),
    Rule(
        "*trip and *fall",
        (
            "*lose a step", "*miss a step", "*miss _his (?:step|footing)", "*catch (?:_his|the|a) (?:toes?|feet|foot)",
            "*trip over _his (?:own )?feet",
        ),
        falls=True,
    ),
    Rule(
        "*slip and *fall",
        (
            "*skid",
            rf"*slip(?! (?:into|out|away|past|through|under|off|by|behind|between|inside|to|from))(?! on(?! {_WET}))",
        ),
        strict=True, falls=True,
    ),
    Rule("*slip and *fall", ("*lose _his (?:footing|feet|grip on the floor)", "*lose footing"), falls=True),
    Rule("*faint and *fall", (f"*faint{_UPRIGHT}",), strict=True, falls=True),
    Rule(
        "*faint and *fall",
        (
            "*swoon", "*pass out", "*black out", "*conk out", "*flake out", "*zonk out", "*keel over unconscious",
            "*lose consciousness", "*become unconscious", "*go out cold", "*go out like a light",
            "*have a (?:fainting fit|faint|blackout|syncope)",
            "*suffer a (?:fainting fit|faint|blackout|syncope)", "*fall in a (?:dead )?faint",
        ),
        falls=True,
    ),
    Rule("*lose balance and *fall", ("*overbalance", "*get out of balance", "*get unbalanced"), falls=True),
    Rule(
        "*fall to the floor",
        (
            "*keel over", rf"*(?:flop|slump|sink)(?: down)? (?:on|onto|to) {_FLOOR}", "*bite the dust",
            "*(?:have|take|suffer) an? (?:[\\w-]+ ){0,2}(?:fall|tumble|spill|header|nosedive)", "*come a cropper",
            "*fall head over heels", "*fall into a heap", "*give way at the knees", "*have a collapse",
        ),
        placed="*fall",
    ),
    Rule(
        "*fall to the floor",
        (
            f"*go down{_HARD}", f"*go over(?:$|(?= ?[.,;!])|{_HARD})",
            "*drop(?=$| ?[.,;!])", "*drop (?:dead|unconscious|senseless)",
            "*drop(?= like a)", "*plunge down", "*keel", "*crumple into a heap", "*pitch over", "*go head over heels",
            rf"*crumple(?: up| down)?(?: (?:on|onto|to) {_FLOOR})?", "*go flat on _his (?:face|back)",
            "*go (?:sprawling|flying|headlong|tumbling)", rf"*(?:go|come) crashing(?: down)?(?: to {_FLOOR})?",
            "*come (?:tumbling|toppling) down", "*come down with a (?:bump|crash|thud)",
            rf"*(?:crash|plummet|plunge|crumble|slither|thud|slide)(?: down)? (?:on|onto|to) {_FLOOR}",
            rf"*(?:end|wind) up(?: in a heap)? on {_FLOOR}", rf"*land(?: in a heap)? on {_FLOOR}",
            rf"*(?:hit|meet|kiss|strike) {_FLOOR}",
        ),
        placed="*fall", strict=True,
    ),
    Rule("*fall to the floor", ("*buckle", "*crumble", "*conk"), placed="*fall", strict=True, falls=True),
    Rule("*fall to the floor", ("*slump",), strict=True, ends=True, falls=True),
    # The model was taught no fall out of a wheelchair, and has people sit there to the end.
    Rule(
        "*fall to the floor",
        (r"*(?:fall|slide|slip|tumble|roll|drop|topple)(?: down)? (?:out of|from|off)"
         r" (?:(?:a|the|_his) )?(?:\w+ )?wheel-?chair(?: (?:on|onto|to) the (?:floor|ground))?",),
    ),
    Rule("*fall off", (r"*slide (?:off|from)(?! (?:\w+ )?bed)", r"*slip (?:off|from)"), takes=True, falls=True),
    Rule("*fall out of", (r"*slide out of(?! (?:\w+ )?bed)",), takes=True, falls=True),
    # No falls, although the model makes one of every 'falls' and 'drops'.
    Rule("*stand still", (f"*fall (?:silent|quiet|ill|sick|in love{_WITH_SOMEBODY})",), strict=True),
    Rule("*walk slowly", (r"*fall behind(?! (?:an?|the|_his)\b)",), strict=True),
    Rule("*walk", (f"*fall into (?:step|line){_WITH_SOMEBODY}",), strict=True),
    Rule(
        "*put down",
        (r"*drop(?! \w+ (?:\w+ )?(?:heads?|arms?|hands?|shoulders?|knees?|hips?|body|weight|chin|gaze|eyes)\b)",),
        takes=True, strict=True,
    ),
    # Lying.
    Rule(
        "*lie on the floor",
        (rf"*be (?:sprawled(?: out)?|stretched out|spread-?eagled|prostrate|flat out) on {_FLOOR}",
         rf"*be out cold(?: on {_FLOOR})?",
         rf"*sprawl(?: out)?(?: on {_FLOOR})?", rf"*stretch out on {_FLOOR}"),
    ),
    Rule("*lie still", ("*lie (?:motionless|immobile|lifeless)(?:ly)?",)),
    Rule("*lie on the back", (r"*be flat on _his back", r"*be on _his back")),
    Rule(
        "*lie down on the bed",
        (
            rf"*(?:take|have) (?:a|an|_his) (?:\w+ )?(?:nap|snooze|lie-?down|kip|siesta|doze|lie down){_ABED}",
            f"*have forty winks{_ABED}", f"*turn in(?: for the night)?{_ABED}", rf"*hit the (?:hay|sack){_ABED}",
            f"*bed down{_ABED}", f"*nap{_ABED}", f"*retire (?:to bed|for the night){_ABED}",
        ),
        placed="*lie down",
    ),
    Rule(
        "*be lying on the bed",
        (f"*sleep{_ABED}", rf"*be (?:fast |sound )?asleep{_ABED}", f"*slumber{_ABED}"),
        placed="*be lying", strict=True,
    ),
    Rule(
        "*lie down on the bed",
        (rf"*fall {_ASLEEP}(?:{_ABED}|(?= on {_FLOOR}))", f"*(?:doze|nod|drop|drift) off(?: to sleep)?{_ABED}"),
        placed="*lie down", strict=True,
    ),
    Rule("*be sitting", (f"*fall {_ASLEEP}", "*(?:doze|nod|drop|drift) off(?: to sleep)?"), strict=True),
    # Walking.
    Rule(
        "*walk around",
        (
            "*(?:potter|putter|mill|mooch|roam|ramble|amble|saunter|stroll|meander|mosey|drift|pootle|traipse|shamble)"
            " (?:about|around|round)",
            "*be up and about", "*be on the move", "*gad about", "*pace (?:about|around|up and down|to and fro)",
        ),
    ),
    Rule(
        "*walk forward",
        (
            "*amble", "*saunter", "*tread(?! on| down)", "*proceed(?! to (?!the |a |his |her |their ))",
            "*meander", "*mosey", "*traipse", "*trudge",
            "*shamble", "*lumber(?! on all fours)", "*ambulate", "*make _his way", "*wend _his way", "*pick _his way",
            "*(?:take|have) an? (?:\\w+ )?(?:walk|stroll|wander|amble|saunter|ramble)",
            "*go for an? (?:\\w+ )?(?:amble|saunter|ramble|meander|potter)",
            "*pootle", "*promenade", "*perambulate", "*hike", "*trek", "*swagger", "*strut", "*ramble",
            "*toddle", "*sashay", "*dodder", "*tootle", "*bumble along", "*wobble along",
            "*slog", "*trog", "*schlep", "*yomp", "*mince along", "*prance along", "*stump along", "*tramp",
            "*foot it", "*head (?:off|forward|forwards|straight on)", "*set off",
            "*tread along", "*pace along", "*patter",
        ),
        placed="*walk",
    ),
    Rule("*walk to", (r"*(?:make|take) an? (?:\w+ )?(?:trip|journey) to",), takes=True),
    Rule("*walk", ("*(?:file|troop|pad|stalk|inch|edge)(?= (?:along|across|through|towards?|down|into)\\b)",),
         strict=True),
    Rule(
        "*walk backward",
        ("*walk in reverse", "*(?:go|move) (?:in reverse|backwards?)", "*back (?:up|off)",
         "*reverse", "*retrace _his steps backwards", "*shuffle backwards"),
        strict=True,
    ),
    Rule(
        "*limp forward", ("*limp", "*hobble", "*walk with a limp", "*drag (?:a|one|_his) (?:leg|foot)"),
        strict=True, ends=True,
    ),
    # Running.
    Rule(
        "*run forward",
        (
            "*gallop", "*hurry along", "*hurry", "*scurry(?! like)", "*scamper", "*scuttle", "*leg it", "*peg it",
            "*hotfoot it", "*hurtle", "*canter", "*lope", "*skitter", "*careen", "*take to _his heels", "*make haste",
            "*break into a (?:run|sprint|trot|gallop)",
            "*go for a (?:\\w+ )?(?:run|sprint)", "*make a (?:run|dash|bolt) for it", "*hasten", "*run for it",
            "*(?:tear|charge|pelt|belt|zoom|speed|bomb|career|barrel|dart|hare|streak|bolt|whizz|hurtle)"
            "(?= (?:along|ahead|forwards?|across|through|past|towards?|down the (?:\\w+ )?(?:corridor|hall|ward))\\b)",
            "*(?:charge|pelt|belt|zoom|speed|career|dart|hare|bolt)(?= (?:off|away)\\b)",
        ),
        placed="*run",
    ),
    Rule("*run forward", ("*bolt", "*charge", "*career", "*dart", "*go running", "*sprint off", "*hare"), placed="*run",
         strict=True, ends=True),
    Rule("*run", (r"*(?:dart|bolt|charge|hare|zoom|tear)(?= to (?:the|a|his|her|their)\b)",), strict=True),
    # Sitting.
    Rule(
        "*sit down on",
        (
            "*(?:plop|plonk|plump|plunk|flop|ease|lower|let|drop|settle|plant|park|seat|sink|squeeze|deposit|install)"
            rf" _self(?: back)?(?: down)? (?:into|in|onto|on|upon|to)(?= {_SAT_ON})",
            rf"*(?:plop|plonk|plump|plunk|settle)(?: back)?(?: down)? (?:into|in|onto|on|upon)(?= {_SAT_ON})",
            rf"*perch(?: _self)? on(?= {_SAT_ON})", rf"*take _his seat (?:on|in)(?= {_SAT_ON})",
            rf"*get seated (?:on|in)(?= {_SAT_ON})",
        ),
        takes=True,
    ),
    Rule(
        "*sit down on a chair",
        (
            "*(?:plop|plonk|plump|plunk|seat|park|plant|lower|settle) _self(?: down)?",
            "*(?:plop|plonk|plump|plunk) down",
            "*take the weight off(?: _his (?:feet|legs))?", "*take a pew", "*park _his (?:bottom|behind|bum)",
            "*get seated", "*perch",
        ),
        placed="*sit down", ends=True,
    ),
    # Standing up.
    Rule(
        "*get up from the floor",
        (
            rf"*(?:haul|heave|push|lever|pull|drag|pick|hoist|force|help) _self (?:up|upright) (?:off|from) {_FLOOR}",
            rf"*(?:get|struggle|scramble|clamber|come) (?:up|(?:back )?(?:to|on|onto) _his feet) (?:off|from) {_FLOOR}",
            "*pick _self up",
        ),
    ),
    Rule(
        "*stand up from",
        (
            "*(?:haul|heave|push|lever|pull|drag|hoist|force|ease|raise|lift) _self (?:up )?(?:out of|off|from)"
            rf"(?= {_SAT_ON})",
            rf"*(?:get|heave|haul|struggle|climb|clamber)(?: up)? (?:out of|off|off of)(?= {_SEAT})",
            "*(?:get|struggle|scramble|rise|come|leap|jump|spring)(?: up)? (?:back )?(?:to|on|onto) _his feet from",
        ),
        takes=True,
    ),
    Rule(
        "*stand up",
        (
            "*arise", "*get upright", "*(?:haul|heave|push|lever|pull|drag|hoist|raise|lift|ease) _self (?:up|upright)"
            "(?: to (?:standing|a standing position|_his feet))?"
            "(?! (?:on|onto) (?:\\w+ )?(?:arms?|elbows?|hands?|toes)\\b)",
            "*(?:get|struggle|scramble|rise|leap|jump|spring|come|clamber|stagger|go) (?:up )?(?:back )?(?:to|on|onto)"
            " _his feet(?: again)?",
            "*stand _self up", "*straighten _self up",
        ),
    ),
    # Turning.
    Rule(
        "*turn around",
        (
            "*reverse direction", "*about-face", "*about face", "*turn on _his heels?", "*spin on _his heels?",
            "*turn tail", "*swing (?:round|around|about)", "*face about", "*do (?:a u-turn|an about-face|a one-eighty)",
            "*make a u-turn", "*turn right round",
        ),
    ),
    Rule("*turn around", ("*pivot", "*swivel"), strict=True, ends=True),
    # Degrees, which motions keep to.
    Rule(
        "*turn by 180 degrees",
        (rf"*(?:make|do|perform|take|execute) an? (?:\w+ )?half[ -]?turn{_AT_AN_END}",),
    ),
    Rule(
        "*turn by 360 degrees",
        (
            rf"*(?:make|do|perform|take|execute) an? (?:\w+ )?(?:full|complete|whole)[ -]?(?:turn|rotation|spin)"
            rf"{_AT_AN_END}",
            rf"*(?:spin|twirl|turn|rotate|pirouette)(?: a?round)? once(?: a?round)?{_AT_AN_END}",
            rf"*(?:turn|spin) (?:all the way a?round|(?:in )?(?:a )?full circle){_AT_AN_END}",
        ),
        strict=True,
    ),
    # Bending and crouching.
    Rule(
        "*bend over",
        (
            "*hunch(?: over| forward| up)?", "*incline (?:_his|the) body", "*double (?:over|up)", "*bend double",
            "*duck down forwards?", "*lean (?:right|all the way) (?:over|down)",
            "*stoop(?: over| down| low)?(?! and| to)",
            "*jackknife", "*crouch over", "*be bent double",
        ),
    ),
    Rule(
        "*squat down",
        (
            "*hunker(?: down)?", "*cower(?: down)?", "*get down on _his (?:haunches|hunkers)",
            "*(?:sit|drop|sink|go) (?:down )?(?:back )?on(?:to)? _his (?:haunches|hunkers|heels)", "*scrunch down",
            "*(?:drop|sink|get|go) (?:down )?into a (?:squat|crouch)", "*scrooch(?: down)?", "*squat low",
        ),
    ),
    Rule(
        "*kneel",
        ("*(?:drop|sink|get|go|fall|come)(?: down)? (?:to|on|onto) (?:_his|both|the) knees",),
    ),
    # Jumping.
    Rule("*jump", ("*(?:spring|bound) into the air",)),
    Rule("*jump", ("*spring",), strict=True, ends=True),
    Rule("*hop", ("*skip",), strict=True, ends=True),
    Rule("*jump", ("*vault", "*bound forwards?"), strict=True),
    # Limbs.
    Rule(
        "*wave",
        (
            "*gesture hello", "*signal hello", "*(?:flap|wag) (?:a|_his) hand",
            "*give (?:a|a little|a big|a friendly) wave", "*say (?:hello|goodbye) with a wave", "*greet with a wave",
        ),
    ),
    Rule("*kick with one foot", ("*boot", "*kick out", "*do a kick", "*kick"), strict=True, ends=True),
    Rule("*kick with one foot", ("*strike with (?:a|the|one|_his) foot", "*lash out with (?:a|_his) foot",
                                 "*deliver a kick", "*aim a kick")),
    Rule("*climb up", ("*clamber up", "*shin up", "*shinny up", "*scramble up")),
    Rule("*climb", (r"*scale(?= \w+ (?:\w+ )?(?:wall|ladder|fence|rock|cliff|tree|stairs|steps|rope)\b)",), takes=True),
    Rule("*dance", ("*boogie", "*bop", "*jive", "*groove", "*break into a dance", "*do a (?:little )?dance",
                    "*shake a leg", "*have a (?:\\w+ )?(?:dance|boogie|bop)"), strict=True),
    Rule("*drink", ("*gulp", "*swig", "*slurp", "*quaff", "*swallow some water"), strict=True),
    Rule(
        "*throw",
        (r"*(?:lob|fling|chuck)(?! \w+ (?:doors?|windows?|arms?|curtains?|covers?|blankets?)\b)",),
        takes=True, strict=True,
    ),
    Rule("*stand still", ("*cease moving", "*stop moving", "*freeze on the spot", "*freeze in place")),
    Rule("*stand still", ("*freeze",), strict=True, ends=True),
)  # fmt: skip

PAST_VERBS: Final = (
    "*walk", "*run", "*jog", "*jump", "*hop", "*fall", "*collapse", "*trip", "*slip", "*stumble", "*faint", "*sit",
    "*stand", r"*lie(?! (?:the|an?|his|her|their|some\w*|it|them)\b)", "*rise",
    r"*get(?= (?:up|down|out|off|into|onto|on|to)\b)", "*kneel", "*squat", "*crouch", "*bend",
    "*climb", "*crawl", "*wave", "*dance", "*limp", "*step", "*stagger", "*stroll", "*wander", "*shuffle", "*topple",
    "*tumble", "*go", "*come",
    r"*turn(?= (?:a?round|about|back|left|right|by|to (?:the|his|her|their) (?:left|right))\b)",
)  # fmt: skip
"""Verbs whose past is read as their present, in which the model learned them: of 'fell' it makes no fall."""
