"""What the short labels of motion indices mean, as verb phrases: the vocabulary of `captions`.

A phrase is written in the base form with a star before each verb, so that one entry gives 'walks forward', 'is walking
forward' and 'walk forward'. Keys are label pieces in lower case; several phrases a key are paraphrases of one another.
"""

from __future__ import annotations

from typing import Final

PIECES: Final[dict[str, tuple[str, ...]]] = {
    # Walking
    "walk": ("*walk", "*walk forward", "*walk at a normal pace", "*stroll forward"),
    "brisk walk": ("*walk briskly", "*walk fast", "*stride along quickly"),
    "slow walk": ("*walk slowly", "*stroll slowly forward", "*walk at a slow pace"),
    "walk/stride": ("*stride forward", "*walk with long steps", "*walk forward"),
    "slow walk/stride": ("*stride slowly forward", "*walk slowly with long steps"),
    "exaggerated stride": ("*take exaggerated long strides", "*walk with huge steps"),
    "walk, exaggerated stride": ("*walk with exaggerated long strides", "*walk with huge steps", "*stride widely"),
    "walk stealthily": ("*sneak forward", "*walk stealthily", "*creep along on tiptoe", "*tiptoe forward quietly"),
    "walk forward": ("*walk forward", "*walk straight ahead"),
    "walk back": ("*walk back", "*return"),
    "walk on uneven terrain": (
        "*walk on uneven ground", "*walk carefully over rough terrain", "*step over uneven terrain", "*walk over bumps",
    ),
    "start walk stop": (
        "*start from standing, *walk and *stop", "*walk a few steps and *stop", "*begin to walk and then *halt",
    ),
    "walk to run": ("*walk and then *break into a run", "*speed up from a walk to a run", "*start walking, then *run"),
    "navigate": ("*move around",),
    "backward": ("*walk backward", "*step backwards"),
    "sideways": ("*walk sideways", "*sidestep"),
    "veer left": ("*veer left", "*curve to the left", "*bear left", "*drift to the left"),
    "veer right": ("*veer right", "*curve to the right", "*bear right", "*drift to the right"),
    "90-degree left turn": ("*turn left", "*turn 90 degrees to the left", "*make a sharp left turn"),
    "90-degree right turn": ("*turn right", "*turn 90 degrees to the right", "*make a sharp right turn"),
    "90-degree left turns": ("*turn left several times", "*make sharp left turns"),
    "90-degree right turns": ("*turn right several times", "*make sharp right turns"),
    "turn around": ("*turn around", "*make a half turn"),
    "turn": ("*turn", "*turn around"),
    "stop": ("*stop", "*come to a halt", "*stand still"),
    "sudden stop": ("*stop suddenly", "*come to an abrupt halt"),
    "climb 3 steps": ("*climb three steps", "*walk up three steps", "*go up a few stairs", "*step up the stairs"),
    # Running and jumping
    "run": ("*run", "*run forward", "*run straight ahead", "*sprint forward"),
    "run/jog": ("*jog", "*jog forward", "*run at an easy pace", "*run forward"),
    "jog": ("*jog", "*jog on the spot"),
    "run left": ("*run to the left", "*run and *bear left", "*run and *turn left"),
    "run right": ("*run to the right", "*run and *bear right", "*run and *turn right"),
    "run turn left": ("*run and *turn left", "*run around a corner to the left"),
    "run turn right": ("*run and *turn right", "*run around a corner to the right"),
    "run side step left": ("*run and *sidestep to the left", "*run and *dodge left"),
    "run side step right": ("*run and *sidestep to the right", "*run and *dodge right"),
    "run over": ("*run over an obstacle", "*run and *step over something", "*run across something low"),
    "run jump over": ("*run and *jump over an obstacle", "*run and *leap over something", "*hurdle over an obstacle"),
    "run jump stop run": ("*run, *jump, *stop and *run on", "*run, *jump up, *halt and *run again"),
    "run duck underneath": ("*run and *duck under something", "*run, *crouch under an obstacle and *run on"),
    "run dive over roll run": (
        "*run, *dive over something, *roll and *run on", "*run, *dive forward, *roll on the floor and *run again",
    ),
    "run quick stop run": ("*run, *stop quickly and *run on", "*run, suddenly *halt and *run again"),
    "run stop run": ("*run, *stop and *run on", "*run, *halt for a moment and *run again"),
    "run to quick stop": ("*run and *stop quickly", "*run and *come to an abrupt halt"),
    "start hop stop": ("*start hopping and *stop", "*hop forward and *stop", "*make a few hops and *come to a halt"),
    "leap": ("*leap", "*leap through the air"),
    "jump": ("*jump", "*jump up", "*jump into the air"),
    "forward jump": ("*jump forward", "*leap forward", "*make a jump forward with both feet"),
    "forward jumps": ("*jump forward several times", "*make several leaps forward"),
    "high jump": ("*jump high", "*jump up as high as possible", "*leap high into the air"),
    "jump down": ("*jump down", "*leap down to the ground"),
    "jump up and down": ("*jump up and down", "*bounce up and down"),
    "hop on one foot": ("*hop on one foot", "*hop on one leg"),
    "jump up to grab": ("*jump up to grab something", "*jump up and *reach for something overhead"),
    "jumping jacks": ("*do jumping jacks", "*do star jumps"),
    "cartwheel": ("*do a cartwheel", "*turn a cartwheel", "*perform a cartwheel"),
    "cartwheels": ("*do cartwheels", "*turn several cartwheels"),
    "acrobatics": ("*do acrobatics",),
    # Exercise
    "squats": ("*do squats", "*squat down and up"),
    "side twists": ("*twist the torso from side to side", "*do side twists"),
    "stretches": ("*stretch", "*do stretches"),
    "reach up": ("*reach up", "*stretch the arms overhead"),
    "reach for": ("*reach for something",),
    "tiptoe": ("*stand on tiptoe", "*rise onto the toes"),
    "bend over": ("*bend over", "*bend down", "*lean forward to the floor"),
    "scoop up": ("*scoop something up", "*pick something up from the floor"),
    "rise": ("*rise again", "*straighten up"),
    "lift arm": ("*lift an arm", "*raise an arm"),
    "balance": ("*balance", "*keep the balance"),
    "balance on one leg": ("*balance on one leg", "*stand on one leg"),
    "outstretched arms": ("*hold the arms outstretched", "*spread the arms"),
    "range of motion": ("*move every joint through its range of motion", "*stretch and *circle arms, legs and trunk"),
    "deep squat": ("*squat down deeply and *stand up", "*do a deep squat", "*squat down low", "*bend the knees deeply"),
    "hurdle step": ("*step over a low hurdle", "*lift a leg over a hurdle and back", "*do a hurdle step"),
    "inline lunge": ("*do a lunge", "*lunge forward in line", "*sink into a lunge and *rise again"),
    "side lunge": ("*do a side lunge", "*lunge to the side", "*step sideways into a lunge and *return"),
    "sit to stand": ("*stand up from a chair", "*rise from sitting to standing", "*get up from a seat"),
    "standing active straight leg raise": ("*raise a straight leg while standing", "*lift one leg straight forward"),
    "standing shoulder abduction": ("*raise an arm sideways", "*lift one arm out to the side"),
    "standing shoulder extension": ("*move an arm straight backward", "*stretch one arm behind the body"),
    "standing shoulder internal-external rotation": ("*turn the forearm in and out", "*rotate the shoulder in and out"),
    "standing shoulder scaption": ("*raise an arm diagonally forward", "*lift one arm between front and side"),
    # Sitting and everyday actions
    "sit": ("*sit", "*sit down"),
    "sit on high stool": ("*sit on a high stool", "*sit down on a tall stool"),
    "sit on stepstool": ("*sit on a low stool", "*sit down on a step stool", "*sit on a stool"),
    "stand up": ("*stand up", "*get up", "*rise to standing"),
    "swing legs": ("*swing the legs", "*dangle the legs to and fro"),
    "dangle legs": ("*dangle the legs", "*let the legs hang"),
    "dangle": ("*dangle", "*hang"),
    "ankle on other knee": ("*put an ankle on the other knee", "*cross the legs"),
    "hand on chin": ("*put a hand on the chin", "*rest the chin on a hand"),
    "drink soda": ("*drink", "*drink from a bottle", "*take a drink"),
    "screw on bottlecap": ("*screw the cap on a bottle",),
    "unscrew bottlecap": ("*unscrew a bottle cap", "*open a bottle"),
    "mop floor": ("*mop the floor", "*clean the floor with a mop", "*wipe the floor"),
    "wash self": ("*wash the body", "*wash the whole body", "*scrub arms and body"),
    "wash windows": ("*wash a window", "*clean windows", "*wipe a window with one hand", "*wipe a pane in circles"),
    "laugh": ("*laugh", "*shake with laughter", "*laugh out loud"),
    # Gestures and pantomime
    "direct traffic": ("*direct traffic", "*make the arm signals of a traffic officer"),
    "wave": ("*wave", "*wave a hand"),
    "point": ("*point", "*point at something"),
    "basketball signals": ("*make a referee's hand signals", "*signal with the arms like a basketball referee"),
    'nursery rhyme - "i\'m a little teapot..."': (
        "*act out a nursery rhyme", "*gesture like a little teapot", "*perform a children's song with gestures",
    ),
    "alaskan vacation": ("*act out a holiday with gestures", "*tell a story with the hands", "*gesture in pantomime"),
    "motorcycle": ("*pretend to ride a motorcycle", "*mime riding a motorbike"),
    # Sport
    "punch/strike": ("*punch", "*throw punches", "*strike with the fists"),
    "boxing": ("*box", "*throw boxing punches", "*shadow-box", "*punch and *dodge like a boxer"),
    "swordplay": ("*fence with a sword", "*swing a sword", "*practise sword strokes"),
    "soccer - kick ball": ("*kick a ball", "*kick a soccer ball", "*run up and *kick a football", "*shoot a ball"),
    "basketball - dribble": ("*dribble a basketball", "*bounce a ball"),
    "basketball - forward dribble": ("*dribble a basketball forward", "*walk forward while dribbling a ball"),
    "basketball - backward dribble": ("*dribble a basketball backward", "*walk backward while dribbling a ball"),
    "basketball - sideways dribble": ("*dribble a basketball sideways", "*sidestep while dribbling a ball"),
    "basketball - crossover dribble": ("*dribble a basketball from hand to hand", "*do a crossover dribble"),
    "basketball - low": ("*dribble a basketball low and fast",),
    "crossover dribble": ("*dribble from hand to hand", "*do a crossover dribble"),
    "fast free style dribble": ("*dribble freestyle",),
    "dribble through legs": ("*dribble through the legs",),
    "shoot": ("*shoot at the basket", "*throw the ball at the basket"),
    "front kick": ("*do a front kick", "*kick forward", "*perform a karate kick to the front"),
    "yokogeri": ("*do a karate side kick", "*kick sideways"),
    "mawashigeri": ("*do a karate roundhouse kick", "*swing a leg around in a kick"),
    "gedanbarai": ("*do a karate low block", "*sweep an arm down to block"),
    "oiduki": ("*do a karate lunge punch", "*step forward and *punch"),
    "syutouuke": ("*do karate knife-hand blocks", "*step and *block with an open hand"),
    "empi": ("*perform a karate form", "*do a karate kata", "*show a sequence of karate moves"),
    "heiansyodan": ("*perform a karate form", "*do a karate kata", "*show a sequence of karate blocks and punches"),
    # Climbing
    "climb ladder": ("*climb a ladder", "*climb up and down a ladder", "*go up a ladder", "*ascend a ladder"),
    "climb": ("*climb", "*climb up"),
    "go under": ("*duck under a bar", "*crouch and *go underneath"),
    "hang": ("*hang by the hands",),
    "swing": ("*swing to and fro",),
    "drop": ("*drop to the ground",),
    "descend": ("*climb down",),
    "lean over": ("*lean over",),
    "lean back": ("*lean back",),
    "rock back": ("*rock back",),
    "pull up": ("*pull the body up", "*do a pull-up"),
    "lower self to ground": ("*lower the body to the ground", "*let the body down"),
    "legs push off against": ("*push off with the legs",),
    "hold self up with arms straight": ("*hold the body up on straight arms",),
    "hang on ropes": ("*hang on ropes",),
    "spin/twirl": ("*spin around", "*twirl"),
}  # fmt: skip
"""Phrases by label piece. A whole label is looked up before it is cut at its commas."""

CONTEXTS: Final[dict[str, tuple[str, ...]]] = {"playground": (" at a playground", "", " on the climbing frame")}
"""What 'context - piece, piece' adds to the end of the sentence, by turns."""

DANCE: Final[tuple[tuple[str, str], ...]] = (
    ("pirouette", "*spin in a pirouette"),
    ("jete", "*leap in a jete"),
    ("arabesque", "*balance in an arabesque with one leg stretched back"),
    ("raised leg", "*raise a leg high"),
    ("rond de jambe", "*circle one leg"),
    ("retire", "*lift a knee"),
    ("pointe", "*point one foot"),
    ("glissade", "*glide sideways"),
    ("cartwheel", "*start like a cartwheel"),
    ("bending back", "*bend back"),
    ("lean back", "*lean back"),
    ("lean forward", "*lean forward"),
    ("curl inwards", "*curl inwards"),
    ("folded in", "*hold a folded pose with the head lowered"),
    ("folding arms", "*fold the arms"),
    ("sideways steps", "*step sideways"),
    ("arms held high", "*hold the arms high"),
    ("arching arms", "*arch the arms"),
    ("expressive arms", "*move the arms expressively"),
    ("turn", "*turn around"),
)
"""Ballet terms; the first two that a label names are taken up."""

ANIMAL_MANNERS: Final[dict[str, str]] = {
    "bear": "*lumber on all fours like a bear",
    "chicken": "*flap the elbows like a chicken",
    "dinosaur": "*stomp like a dinosaur",
    "dog": "*move on hands and knees like a dog",
    "elephant": "*sway an arm like an elephant's trunk",
    "fish": "*wriggle like a fish",
    "monkey": "*hop and *scratch like a monkey",
    "mouse": "*scurry like a mouse",
    "prairie dog": "*sit up and *look around like a prairie dog",
    "snake": "*slither like a snake",
    "whale": "*swim like a whale",
}
"""How the animals of 'X (human subject)' are mimed."""

SALSA: Final[tuple[str, ...]] = (
    "two people dance salsa together",
    "a couple is dancing salsa",
    "a person dances salsa with a partner",
    "someone is dancing salsa with a partner",
    "two people dance closely together, stepping and turning",
    "a person steps and turns in a partner dance",
    "salsa dancing in a pair",
)
"""For the takes of two dancers; every dancer's clip may be used alone too."""

CATEGORY: Final[dict[str, tuple[str, ...]]] = {
    "walk": ("*walk around", "*walk", "*take some steps", "*move around on foot"),
    "run_jump": ("*run and *jump", "*move fast", "*run", "*move around quickly"),
    "sit_stand": ("*sit and *stand up", "*sit down or *get up", "*use a seat", "*sit"),
    "two_person": ("*move together with a partner", "*interact with another person", "*act with somebody else"),
}
"""For labels whose words say nothing but whose category does."""

FALLS: Final[dict[str, tuple[str, ...]]] = {
    "push_l": (
        "*be pushed to the left and *fall", "*get a push from the right side and *fall to the left",
        "*lose balance sideways and *fall to the left", "*be shoved, *stumble to the left and *fall down",
    ),
    "push_r": (
        "*be pushed to the right and *fall", "*get a push from the left side and *fall to the right",
        "*lose balance sideways and *fall to the right", "*be shoved, *stumble to the right and *fall down",
    ),
    "push_f": (
        "*be pushed from behind and *fall forward", "*get a push in the back and *fall forward",
        "*stumble forward after a push and *fall", "*be shoved forward and *fall down",
    ),
    "push_b": (
        "*be pushed backward and *fall", "*get a push on the chest and *fall backward",
        "*stagger backward after a push and *fall", "*be shoved back and *fall over backward",
    ),
    "trip": (
        "*trip and *fall", "*trip over something while walking and *fall", "*stumble over an obstacle and *fall down",
        "*catch a foot while walking and *fall forward",
    ),
    "slip": (
        "*slip and *fall", "*slip on a wet floor and *fall", "*lose footing on slippery ground and *fall down",
        "*slide with one foot and *fall to the floor",
    ),
    "faint": (
        "*faint and *fall", "*collapse", "*lose consciousness and *fall to the floor", "*pass out and *drop limply",
    ),
    "shift": (
        "*lose balance and *fall", "*shift the weight wrongly and *fall", "*sway, *lose balance and *fall down",
        "*topple over slowly",
    ),
    "bed": (
        "*fall out of bed", "*roll out of bed onto the floor", "*slide over the edge of the bed and *fall",
        "*roll over in bed and *drop to the floor",
    ),
    "sts_weak_fwd": (
        "*try to stand up from a chair and *fall forward", "*start to get up, *buckle and *fall forward",
        "*fail to stand up and *fall onto the hands", "*rise from a seat too weakly and *fall forward",
    ),
    "sts_weak_side": (
        "*try to stand up from a chair and *fall sideways", "*start to get up, *buckle and *fall to the side",
        "*fail to stand up and *fall sideways", "*rise from a seat too weakly and *tip over to the side",
    ),
    "sts_weak_back": (
        "*try to stand up from a chair and *fall back", "*start to get up, *buckle and *fall backward",
        "*fail to stand up and *fall backward over the seat", "*rise from a seat too weakly and *drop back",
    ),
}  # fmt: skip
"""Phrases by kind of simulated fall; sides are the faller's own."""

RESTS: Final[dict[str, tuple[str, ...]]] = {
    "prone": ("*end up lying face down", "*remain lying on the stomach", "*lie prone on the floor"),
    "side": ("*end up lying on one side", "*remain lying on the side", "*lie on the floor on one side"),
    "supine": ("*end up lying on the back", "*remain lying face up", "*lie supine on the floor"),
}
"""Phrases by how a faller comes to rest."""
