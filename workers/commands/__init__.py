"""The commands of ``sluice``: a module for each, which bears its name and imports what the command needs.

To list them takes none of those modules, so their lines of help stand here. They are the first paragraphs of the
commands' docstrings, and a test compares them.
"""

from __future__ import annotations

from collections.abc import Mapping
from keyword import iskeyword
from typing import NamedTuple


class Group(NamedTuple):
    """Commands of a common first word, in a package of that name."""

    help: str
    commands: Mapping[str, str]
    usual: str | None = None
    """The one that is meant where none is named."""


def called(command: str) -> str:
    """The module of a command, and its function: an underscore is a hyphen, or ends what is a word of Python."""
    name = command.replace("-", "_")
    return f"{name}_" if iskeyword(name) else name


COMMANDS: Mapping[str, str | Group] = {
    "demo": "Stream the sample images through two workers on in-memory twins of Kafka and Redis, and sum up.",
    "scan": "Judge pictures on disk: a line for each, and an exit status.",
    "explain": ("Say why a picture is flagged, or why not: the sentences for and against, and where in the picture."),
    "bench": Group(
        "Measure how fast it is here, beside what this machine allows.",
        {
            "pipeline": (
                "Measure what this machine allows and what the pipeline makes of it, over the same images in one run."
            ),
            "archive": "Measure how fast an archive is asked, by backtests and searches, beside copying its bytes.",
            "lists": "Measure what lists of known pictures cost: to read them, and to look for an image in them.",
            "remembering": (
                "Measure what an image costs more where it is remembered, beside the model and decoding, by rounds in"
                " turn."
            ),
            "api": "Measure what HTTP costs beside the path that it stands on: for one client, and for 16.",
        },
        usual="pipeline",
    ),
    "worker": "Consume images from Kafka and publish a decision for every one, until SIGTERM.",
    "serve": "Judge images that are posted over HTTP, and give features of images and sentences, until SIGTERM.",
    "encoder": "Serve a model to the workers of this machine over shared memory, until SIGTERM.",
    "canary": (
        "Send known images through Kafka and see that they come back right; watch the group's lag; until SIGTERM."
    ),
    "console": "Serve pages to look at what is decided, and how the workers are, until SIGTERM.",
    "archive": Group(
        "Keep what was decided, and ask the past.",
        {
            "run": "Keep features records, policy sets and reviews in an archive, until SIGTERM.",
            "list": "List an archive's segments, a line each: their records, events, rows and bytes.",
            "status": "Say what an archive holds: by model and day, its reviews, policy sets, and what is erased.",
            "report": "Say how much is decided, and how policies and images drift: a day beside the month before.",
            "radar": "Find what is new: clusters of images of a day that the month before did not have.",
            "compact": "Merge the small segments of days that are over, and drop repeats of an event.",
            "erase": "Erase images from an archive: hidden at once, gone when it returns, with a receipt.",
            "verify-erased": "See that an erasure holds: the whole archive is searched again by its receipt.",
        },
    ),
    "send": "Publish pictures to the images topic, the path as image id; returns once the broker has them all.",
    "tail": "Show decisions as they come, until Ctrl-C. Reads without a group, so it takes nothing from anybody.",
    "decision": "Show decisions by id: of a decision, an event or an image, the newest first, and why each was made.",
    "replay": (
        "Make a decision again, from its event and by the policies that it names, and say whether it is identical."
    ),
    "redecide": "Decide archived events anew by the policies of the folder, where that changes their verdict.",
    "backtest": "Judge what the archive remembers by other policies: what would be flagged, new, and let go.",
    "search": "Find the images of an archive that are nearest to words, to a picture, or to one of its own images.",
    "embed": (
        "Write the features of pictures and sentences: a row for each view of a picture, and for each sentence."
    ),
    "evaluate": (
        "Name every image's class zero-shot, and report accuracy, calibration, groups and what templates gain."
    ),
    "train": "Fit a CLIP model, test it on what it has not seen, and write its folder with a model card.",
    "card": "Measure a model of rendered emoji scenes again, every table of its card, and write the card.",
    "doctor": "Look whether everything is there that a worker needs: a line for each thing, with what to do.",
    "policy": Group(
        "Work on policies.",
        {
            "calibrate": (
                "Set thresholds from labelled images: the lowest that reach a precision, or a budget of false"
                " positives."
            ),
            "check": (
                "Validate every policy file; each problem is a line with file, line and reason, and the exit status"
                " is 2."
            ),
            "compare": (
                "Hold two policies against each other: what both flag, only one of them, and what reviewers get of"
                " each."
            ),
            "diff": (
                "Say what differs between two folders of policies, and what it would do, as a comment for a pull"
                " request."
            ),
            "drill": "Play tricks with every must_flag sample, and see what is still flagged.",
            "examples": (
                "Make examples of a policy's reviewed images: those that show it, and those that it flagged wrongly."
            ),
            "lint": (
                "Say what a careful colleague would: words that the model does not know, lines in the way, and more."
            ),
            "new": "Write a policy in shadow mode, and say what the model makes of its words.",
            "release": "Let a policy block again that is held over its limit; workers hear of it through Redis.",
            "suggest": (
                "Propose prompts and unless lines for a policy, by reviews of what the archive remembers, each tried"
                " on both."
            ),
            "test": "Judge every policy's must_flag and must_pass samples.",
            "try": (
                "Hold wordings against each other on pictures or an archive: what each would flag, sorted by score."
            ),
        },
    ),
    "review": Group(
        "What people say of decided images, and what that says of policies.",
        {
            "record": "Publish the reviews of a CSV file to the reviews topic; returns once the broker has them all.",
            "report": "Say how much of what each policy flags is right, and how much it misses, by people's reviews.",
        },
    ),
    "topics": Group(
        "Topics in Kafka.",
        {"create": "Make the topics with sane settings; those that exist are left as they are."},
    ),
    "dlq": Group(
        "See, save, replay and purge dead letters.",
        {
            "list": "List dead letters, a line each, and count them by reason.",
            "show": "Show all there is to know of a dead letter: the error, the headers, and the first of its bytes.",
            "save": "Write the value of a dead letter to a file, byte for byte.",
            "replay": "Send dead letters' events to the images topic again: the same key, value and headers.",
            "purge": "Delete the oldest dead letters, for good.",
        },
    ),
    "config": Group(
        "Look at the settings.",
        {"show": "Print the resolved settings, secrets redacted, as a config file would say them."},
    ),
}
"""In the order of ``sluice --help``."""
