"""The files of a policy set by its version: those of the folder, or those that were live once."""

from __future__ import annotations

from collections.abc import Mapping

from pipeline.adapters.local.policy_folder import read_policy_folder
from pipeline.archive.archive import Archive
from pipeline.archive.policy_sets import policy_set
from pipeline.errors import PolicyError, UsageError
from pipeline.rules.policies.files import parse_policies
from workers.settings import Settings


def files_of_version(settings: Settings, archive: Archive | None, version: str) -> Mapping[str, bytes]:
    """The files by which decisions of that version can be made again. Raises `UsageError` where they are nowhere."""
    folder = settings.policies
    try:
        files = read_policy_folder(folder)
        there = parse_policies(files).version
    except PolicyError as error:
        files, there = {}, f"does not hold: {str(error).splitlines()[0]}"
    if there == version:
        return files
    looked = [f"{folder} (which is {there})"]
    if archive is not None:
        try:
            return policy_set(archive.store, version).files
        except FileNotFoundError:
            looked.append(f"the policy sets beside the archive {archive.store.address}")
    raise UsageError(
        f"the policy set {version} is not in {', nor in '.join(looked)}: name a folder that has it with --policies,"
        " or the archive with --archive"
    )
