"""The files of a policy set by its version: those of the folder, or those that were live once."""

from __future__ import annotations

from pipeline.adapters.local.policy_folder import Reading, read_policy_folder
from pipeline.archive.archive import Archive
from pipeline.archive.policy_sets import policy_set
from pipeline.errors import PolicyError, UsageError
from pipeline.rules.archive.kept_assets import assets_of
from pipeline.rules.policies.files import parse_policies
from pipeline.signals import Provenance
from workers.settings import Settings


def files_of_version(settings: Settings, archive: Archive | None, version: str, made_by: Provenance) -> Reading:
    """The files, and what lies beside them, by which decisions of that version can be made again.

    Of examples that an archive remembers these are features, as `made_by` made them. Raises `UsageError` where they
    are nowhere.
    """
    folder = settings.policies
    reading = Reading()
    try:
        reading = read_policy_folder(folder)
        there = parse_policies(reading.files, assets=reading.assets).version
    except PolicyError as error:
        there = f"does not hold: {str(error).splitlines()[0]}"
    if there == version:
        return reading
    looked = [f"{folder} (which is {there})"]
    if archive is not None:
        try:
            kept = policy_set(archive.store, version, made_by)
            return Reading(kept.files, assets=assets_of(kept.assets))
        except FileNotFoundError:
            looked.append(f"the policy sets beside the archive {archive.store.address}")
    raise UsageError(
        f"the policy set {version} is not in {', nor in '.join(looked)}: name a folder that has it with --policies,"
        " or the archive with --archive"
    )
