"""How policy files become a `PolicySet`, or a list of every problem found, each with its file and line.

They come as bytes by path: reading folders is an adapter's work (``adapters/local/policy_folder.py``).
"""

from __future__ import annotations

import codecs
import difflib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TypeVar

from pydantic import ValidationError

from pipeline.errors import PolicyError, Problem, SluiceError
from pipeline.rules.policies.assets import NO_ASSETS, Assets, Taking
from pipeline.rules.policies.backgrounds import LEAST_BACKGROUND, background_lines, different, thin
from pipeline.rules.policies.bounds import too_many_lines, too_many_policies, too_much_in_all
from pipeline.rules.policies.consistency import inconsistent
from pipeline.rules.policies.forms import DefaultsForm, FileForm, PolicyForm, reason
from pipeline.rules.policies.lengths import TokenCounter, wrong_lines
from pipeline.rules.policies.lists import taken, wrong_with
from pipeline.rules.policies.names import BACKGROUND_SUFFIX, DEFAULTS_FILE, SUFFIXES, is_document, wrong_with_id
from pipeline.rules.policies.policy_set import (
    CalibratedFor,
    Defaults,
    Limits,
    Location,
    Policy,
    PolicySet,
    policy_version,
)
from pipeline.rules.policies.shadow_of import shadow_of, shadow_problems
from pipeline.rules.policies.yaml_lines import Located, YamlError, load

BUILT_IN = "<built in>/_background.txt"
"""The path, among a folder's files, of the background that is used where the folder names none."""
FILE_LIMIT = 1 << 20
"""Bytes of one policy file: a thousand times what a careful one needs, and small enough to parse at once."""

FormT = TypeVar("FormT", bound=FileForm)


def parse_policies(
    files: Mapping[str, bytes],
    counter: TokenCounter | None = None,
    assets: Assets = NO_ASSETS,
    folder: str = "policies",
) -> PolicySet:
    """Build the policy set of one folder from its files' bytes, by path, and from the assets that they name.

    The paths end in the file names. ``_defaults.yaml``, the background file that it names and the `BUILT_IN` one may
    be among them; without the last, a folder that names no background has none. With a `counter`, sentences past the
    model's context length are problems too. `folder` is what a folder without any file is called.
    Raises `PolicyError` with every problem.
    """
    problems: list[Problem] = []
    named = {_name(path): path for path in files if path != BUILT_IN}
    if said := too_many_policies([len(files[path]) for path in named.values() if path.endswith(SUFFIXES)]):
        raise PolicyError([Problem(_folder(named), 0, said)])
    defaults = Defaults()
    with _refusing(named.get(DEFAULTS_FILE, _folder(named, folder)), problems):
        defaults = _defaults(files, named, counter, problems)
    policies = []
    stems: dict[str, str] = {}
    for path in sorted(named.values()):
        if not path.endswith(SUFFIXES):
            continue
        if _name(path).startswith("_"):
            problems.extend(_misnamed_defaults(path))
            continue
        stem = _name(path).rsplit(".", 1)[0]
        if stem in stems:
            problems.append(Problem(path, 0, f"the policy id {stem!r} is taken by {stems[stem]}; rename one"))
        stems[stem] = path
        with _refusing(path, problems):
            if policy := _policy(path, stem, files[path], defaults, counter, assets, problems):
                policies.append(policy)
    problems.extend(shadow_problems(policies, stems))
    if not stems and not problems:
        said = "no policy in it; a policy is a file such as weapons.yaml"
        problems.append(Problem(_folder(named, folder), 0, said))
    policy_set = PolicySet(tuple(policies), defaults)
    if said := too_much_in_all(len(list(policy_set.sentences())), len(defaults.templates)):
        problems.append(Problem(_folder(named), 0, said))
    if problems:
        raise PolicyError(problems)
    return policy_set


@contextmanager
def _refusing(path: str, problems: list[Problem]) -> Iterator[None]:
    """Refuse a file that the code cannot take: whatever it holds, a worker must keep its last good policies."""
    try:
        yield
    except SluiceError:  # what counts tokens is away, which is not the file's fault
        raise
    except Exception as error:  # noqa: BLE001 - nobody foresaw it, or there would be words for it
        said = f"cannot be taken ({type(error).__name__}: {error}); undo the last change of it, and report this"
        problems.append(Problem(path, 0, said))


def files_of(policy_set: PolicySet, files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files that the set was made of, which are enough to make it again."""
    made_of = {policy.where.file for policy in policy_set.policies if policy.where}
    made_of.add(policy_set.defaults.background_file)
    return {path: content for path, content in files.items() if path in made_of or _name(path) == DEFAULTS_FILE}


def _policy(
    path: str,
    stem: str,
    content: bytes,
    defaults: Defaults,
    counter: TokenCounter | None,
    assets: Assets,
    problems: list[Problem],
) -> Policy | None:
    if wrong := wrong_with_id(stem):
        problems.append(Problem(path, 0, f"{wrong}; rename the file"))
    read = _read(path, content, PolicyForm, problems)
    if read is None:
        return None
    form, located = read
    beside = Taking(path, located, assets)
    examples = form.examples.taken(beside)
    listed = Taking(path, located, assets)
    lists = taken(listed, form.lists.block, form.lists.allow, form.lists.alike, assets, problems)
    found = [*beside.problems, *listed.problems, *inconsistent(form, located, defaults, counter)]
    problems.extend(Problem(path, line, said) for line, said in found)
    policy = Policy(
        id=stem,
        title=form.title,
        description=form.description,
        owner=form.owner,
        mode=form.mode,
        prompts=tuple(form.prompts),
        unless=tuple(form.unless),
        actions={action: float(least) for action, least in form.actions.items()},
        must_flag=tuple(form.tests.must_flag),
        must_pass=tuple(form.tests.must_pass),
        examples=examples,
        calibrated=CalibratedFor(**form.calibrated.model_dump()) if form.calibrated else None,
        limits=Limits(form.limits.rate, form.limits.per) if form.limits else None,
        shadow_of=shadow_of(form.shadow_of, path, located),
        lists=lists,
        where=Location(path, located.line(("prompts",))),
        samples=_samples(form, path, located),
    )
    problems.extend(wrong_with(policy))
    return replace(policy, version=policy_version(policy, defaults))


def _samples(form: PolicyForm, path: str, located: Located) -> dict[tuple[str, str], Location]:
    return {
        (key, sample): Location(path, located.line(("tests", key, index)))
        for key in ("must_flag", "must_pass")
        for index, sample in enumerate(getattr(form.tests, key))
    }


def _defaults(
    files: Mapping[str, bytes], named: Mapping[str, str], counter: TokenCounter | None, problems: list[Problem]
) -> Defaults:
    path = named.get(DEFAULTS_FILE)
    read = _read(path, files[path], DefaultsForm, problems) if path else (DefaultsForm(), Located({}))
    if read is None:
        return Defaults()
    form, located = read
    for index, template in enumerate(form.templates):
        if template.count("{}") != 1:
            said = f"the template {template!r} needs {{}} once, where the prompt goes"
            problems.append(Problem(str(path), located.line(("templates", index)), said))
    where = Location(path or _folder(named), located.line(("background",)) if path else 0)
    file = _background_file(form, named, where, problems)
    if file is None:
        return Defaults()
    text = _text(file, files[file], problems) if file in files else ""
    background = background_lines(text or "")
    if file in files and text is not None and thin(background) and not form.allow_thin_background:
        problems.append(where.problem(_thin(background, file)))
    shipped = background == background_lines(files.get(BUILT_IN, b"").decode(errors="replace"))
    if too_many := too_many_lines(background):
        problems.append(Problem(file, 0, too_many))
    elif not shipped:
        problems.extend(Problem(file, *found) for found in wrong_lines(text or "", form.templates, counter))
    return Defaults(
        templates=tuple(form.templates),
        background=background,
        too_close=form.too_close,
        thin=form.allow_thin_background,
        shipped=shipped,
        where=where,
        background_file=file,
    )


def _background_file(
    form: DefaultsForm, named: Mapping[str, str], where: Location, problems: list[Problem]
) -> str | None:
    """The path of the background: `BUILT_IN` where none is named, None where the named one is missing."""
    if form.background is None:
        return BUILT_IN
    if (file := named.get(form.background)) is not None and file.endswith(BACKGROUND_SUFFIX):
        return file
    if is_document(form.background):
        problems.append(where.problem(f"{form.background!r} is a README, which is never read; rename the background"))
        return None
    do = "put it there, or delete this line: then the built-in one is used"
    if not form.background.endswith(BACKGROUND_SUFFIX):
        do = f"its name must end in {BACKGROUND_SUFFIX}"
    problems.append(where.problem(f"the background file {form.background!r} is not beside it; {do}"))
    return None


def _thin(background: tuple[str, ...], file: str) -> str:
    what = "the built-in background" if file == BUILT_IN else _name(file)
    return (
        f"{what} has {different(background)} different lines; with fewer than {LEAST_BACKGROUND}, what none of them "
        "describes is flagged by chance: add lines, or delete 'background:' to use the built-in one, or write "
        f"'allow_thin_background: true' into {DEFAULTS_FILE}"
    )


def _misnamed_defaults(path: str) -> Iterable[Problem]:
    """A file that can only be meant as `DEFAULTS_FILE`; without it the folder would have other templates."""
    stem = _name(path).rsplit(".", 1)[0].casefold()
    if _name(path) != DEFAULTS_FILE and difflib.get_close_matches(stem, ["_defaults"], cutoff=0.8):
        yield Problem(path, 0, f"not read under this name; rename it to {DEFAULTS_FILE}")


def _text(path: str, content: bytes, problems: list[Problem]) -> str | None:
    if len(content) > FILE_LIMIT:
        problems.append(Problem(path, 0, f"more than {FILE_LIMIT:,} bytes; no policy needs that: split it"))
        return None
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        problems.append(Problem(path, 1, "saved as UTF-16 ('Unicode'); save the file as UTF-8"))
        return None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        start = content[: error.start].rpartition(b"\n")[2].decode("utf-8", "replace")[-12:]
        said = f"not UTF-8 behind {start!r}; save the file as UTF-8, or type the character anew"
        problems.append(Problem(path, line, said))
        return None


def _read(path: str, content: bytes, form: type[FormT], problems: list[Problem]) -> tuple[FormT, Located] | None:
    text = _text(path, content, problems)
    if text is None:
        return None
    try:
        located = load(text)
        return form.model_validate(located.value), located
    except YamlError as error:
        problems.append(Problem(path, error.line, error.reason))
    except ValidationError as error:
        for each in error.errors():
            place = tuple(part for part in each["loc"] if part != "[key]")
            said = reason(dict(each), form, located.written.get(place))
            problems.append(Problem(path, located.line(place), said))
    return None


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def _folder(named: Mapping[str, str], otherwise: str = "policies") -> str:
    return next(iter(named.values()), "").rpartition("/")[0] or otherwise
