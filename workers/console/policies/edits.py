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
from pipeline.errors import Problem, SluiceError
from pipeline.rules.policies.policy_set import PolicySet
from workers.console.console import Console
from workers.console.policies.files import PolicyFile, PolicyFiles
from workers.console.policies.holding import Holding, holding
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
    beside: Holding | None = None
    """What holds of the folder with the text in it, where another file of it does not."""
    trial: Trial | None = None
    why: str = ""
    """Why it was not tried."""
    asks: str = ""
    """What to say to have it saved although it flags so much, or was not tried; empty where nothing is asked."""

    @property
    def policy_set(self) -> PolicySet | None:
        """The folder's, or what holds of it; None where the text itself does not."""
        return self.checked.policy_set or (self.beside.policy_set if self.beside else None)

    @property
    def mode(self) -> str:
        """Of the policy as the text has it; empty where it does not hold, or cannot be told from the folder."""
        found = self.policy_set.policies if self.policy_set else ()
        return next((each.mode for each in found if each.id == self.file.id), "")

    @property
    def hinders(self) -> str:
        """What in the folder keeps a text that holds from being tried; empty where nothing does."""
        if self.beside is None or (self.mode and not self.beside.shared):
            return ""
        return str(next(iter([*self.beside.shared, *self.elsewhere])))

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
        edit = Edit(opened, check_folder(self._console.settings, edited))
        if edit.checked.policy_set is not None or edit.problems:
            return edit
        return replace(edit, beside=holding(look_at(self._files.folder, edited=edited)))

    def tried(self, opened: PolicyFile, text: str) -> Edit:
        """What it would do to what has just streamed by, beside what the file as it is does."""
        edit = self.checked(opened, text)
        if edit.policy_set is None:
            return edit
        if edit.hinders:
            return replace(edit, why=edit.hinders)
        from workers.console.policies.trial import alone  # noqa: PLC0415 - below torch, as the next
        from workers.console.policies.trying import tried  # noqa: PLC0415

        try:
            live = self._console.reach.judge().live
            after = look_at(self._files.folder, edited={opened.path.name: opened.with_text(text)})
            now = live.compiled(alone(edit.policy_set, opened.id), after.assets)
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
        share of what it was tried on or could not be tried. Who is sure of that very text says so.
        """
        edit, asks = self.checked(opened, text), sha256(text.encode()).hexdigest()[:16]
        if edit.problems:
            return edit
        if edit.mode in {"enforce", ""} and sure != asks:
            edit = self._tried_before(opened, text) or self.tried(opened, text)
            if edit.why or (edit.trial is not None and edit.trial.absurd):
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

        found = alone(holding(look_at(self._files.folder)).policy_set, opened.id)
        return found if found.policies else None
