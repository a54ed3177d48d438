"""An edit of a policy: what is wrong with it, what it would do, and how it becomes the file."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from threading import Lock
from typing import TYPE_CHECKING

from pipeline.adapters.local.policy_folder import look_at
from pipeline.errors import PolicyError, Problem, SluiceError
from pipeline.rules.policies.files import parse_policies
from pipeline.rules.policies.policy_set import PolicySet
from workers.console.console import Console
from workers.console.policies.files import PolicyFile, PolicyFiles
from workers.policies.check import Checked, check_folder

if TYPE_CHECKING:
    from workers.console.policies.trial import Trial

FRESH, KEPT = 60.0, 16
"""Seconds for which what an edit came to is believed when it is saved, and how many are remembered."""


@dataclass(frozen=True)
class Edit:
    """A text in the place of a policy file."""

    file: PolicyFile
    checked: Checked
    trial: Trial | None = None
    why: str = ""
    """Why it was not tried."""
    asks: str = ""
    """What to say to have it saved although it flags so much; empty where nothing is asked."""

    @property
    def mode(self) -> str:
        """Of the policy as the text has it; empty where it does not hold."""
        found = self.checked.policy_set.policies if self.checked.policy_set else ()
        return next((each.mode for each in found if each.id == self.file.id), "")

    @property
    def problems(self) -> Sequence[Problem]:
        """Those of this file; what is wrong elsewhere in the folder is said after them."""
        return [each for each in self.checked.problems if each.file == self.file.path.as_posix()]

    @property
    def elsewhere(self) -> Sequence[Problem]:
        return [each for each in self.checked.problems if each.file != self.file.path.as_posix()]

    @property
    def notes(self) -> Sequence[Problem]:
        return [each for each in self.checked.notes if each.file == self.file.path.as_posix()]


@dataclass(frozen=True)
class Saved:
    file: PolicyFile


class Edits:
    """Safe to call from many threads; every call may block, for seconds where a model looks at pictures."""

    def __init__(self, console: Console, files: PolicyFiles) -> None:
        self._console = console
        self._files = files
        self._lock = Lock()
        self._last: OrderedDict[tuple[str, str], tuple[Edit, float]] = OrderedDict()

    def checked(self, opened: PolicyFile, text: str) -> Edit:
        """By the functions of `sluice policy check`, so that lines and words are its."""
        edited = {opened.path.name: opened.with_text(text)}
        return Edit(opened, check_folder(self._console.settings, edited))

    def tried(self, opened: PolicyFile, text: str) -> Edit:
        """What it would do to what has just streamed by, beside what the file as it is does."""
        edit = self.checked(opened, text)
        if edit.checked.policy_set is None:
            return edit
        from workers.console.policies.trial import alone  # noqa: PLC0415 - below torch, as the next
        from workers.console.policies.trying import tried  # noqa: PLC0415

        try:
            live = self._console.reach.judge().live
            after = look_at(self._files.folder, edited={opened.path.name: opened.with_text(text)})
            now = live.compiled(alone(edit.checked.policy_set, opened.id), after.assets)
            was = self._before(opened)
            before = live.compiled(was, look_at(self._files.folder).assets) if was is not None else None
            edit = replace(edit, trial=tried(self._console, now, before))
        except SluiceError as error:
            return replace(edit, why=str(error))
        with self._lock:
            self._last[opened.digest, text] = edit, time.monotonic() + FRESH
            while len(self._last) > KEPT:
                self._last.popitem(last=False)
        return edit

    def saved(self, opened: PolicyFile, text: str, base: str, sure: str = "") -> Saved | Edit:
        """The file as it then is. Raises what `save` raises.

        The edit, with what is wrong, where it does not hold; and with what it `asks`, where it would act on an absurd
        share of what it was tried on. Who is sure of that very text says so.
        """
        edit, asks = self.checked(opened, text), sha256(text.encode()).hexdigest()[:16]
        if edit.problems:
            return edit
        if edit.mode == "enforce" and sure != asks:
            edit = self._tried_before(opened, text) or self.tried(opened, text)
            if edit.trial is not None and edit.trial.absurd:
                return replace(edit, asks=asks)
        return Saved(self._files.save(opened, text, base))

    def _tried_before(self, opened: PolicyFile, text: str) -> Edit | None:
        """What the page has just tried as they typed."""
        with self._lock:
            edit, until = self._last.get((opened.digest, text), (None, 0.0))
        return edit if time.monotonic() < until else None

    def _before(self, opened: PolicyFile) -> PolicySet | None:
        """The policy as its file is; None where that does not hold, or it is off."""
        from workers.console.policies.trial import alone  # noqa: PLC0415

        reading = look_at(self._files.folder)
        try:
            found = parse_policies(reading.files, assets=reading.assets)
        except PolicyError:
            return None
        return alone(found, opened.id)
