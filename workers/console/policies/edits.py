"""An edit of a policy: what is wrong with it, what it would do, and how it becomes the file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
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


@dataclass(frozen=True)
class Edit:
    """A text in the place of a policy file."""

    file: PolicyFile
    checked: Checked
    trial: Trial | None = None
    why: str = ""
    """Why it was not tried."""

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
            return replace(edit, trial=tried(self._console, now, before))
        except SluiceError as error:
            return replace(edit, why=str(error))

    def saved(self, opened: PolicyFile, text: str, base: str) -> Saved | Edit:
        """The file as it then is; the edit, with what is wrong, where it does not hold. Raises what `save` raises."""
        edit = self.checked(opened, text)
        if edit.problems:
            return edit
        return Saved(self._files.save(opened, text, base))

    def _before(self, opened: PolicyFile) -> PolicySet | None:
        """The policy as its file is; None where that does not hold, or it is off."""
        from workers.console.policies.trial import alone  # noqa: PLC0415

        reading = look_at(self._files.folder)
        try:
            found = parse_policies(reading.files, assets=reading.assets)
        except PolicyError:
            return None
        return alone(found, opened.id)
