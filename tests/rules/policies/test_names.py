"""Which files of a folder are policies, by their names, and what is said of the others."""

from __future__ import annotations

import pytest

from pipeline.rules.policies.names import is_slip, is_taken, why_not


@pytest.mark.parametrize("name", ["weapons.yaml", "weapons.yml", "_defaults.yaml", "_background.txt", "Weapons.yaml"])
def test_policies_defaults_and_backgrounds_are_taken(name: str) -> None:
    assert is_taken(name)
    assert not is_slip(name)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("Weapons.YAML", "weapons.yaml"),
        ("weapons.yaml.txt", "weapons.yaml"),
        ("weapons.yml.txt", "weapons.yaml"),
        ("Guns.Yml", "guns.yaml"),
        ("_Defaults.YAML", "_Defaults.yaml"),
    ],
)
def test_a_name_that_can_only_be_meant_as_a_policys_is_a_slip_and_told_its_right_name(name: str, meant: str) -> None:
    assert is_slip(name)
    assert not is_taken(name)
    assert why_not(name, folder=False) == f"not read under this name; rename it to {meant}"


@pytest.mark.parametrize(
    ("name", "says"),
    [
        (".weapons.yaml", "a hidden file, whose name starts with a dot"),
        (".weapons.YAML", "a hidden file, whose name starts with a dot"),
        ("weapons.yaml~", "an editor's copy"),
        ("weapons.yaml.BAK", "an editor's copy"),
        ("weapons.yaml.orig", "an editor's copy"),
        ("#weapons.yaml#", "an editor's copy"),
        ("README.md", "no policy, by its name; a policy's ends in .yaml"),
        ("yaml", "no policy, by its name"),
    ],
)
def test_what_else_lies_there_is_not_taken_and_why_is_said(name: str, says: str) -> None:
    assert not is_taken(name)
    assert not is_slip(name)
    assert why_not(name, folder=False).startswith(says)


def test_why_a_folder_is_not_looked_into_depends_on_what_it_holds() -> None:
    assert why_not("old.yaml", folder=True) == "a folder, and policies are looked for in no subfolder"
    advice = "; move its policies up, or give it with --policies"
    assert why_not("old", folder=True, holds_policies=True).endswith(advice)


def test_a_file_that_starts_as_the_defaults_do_and_is_another_is_told_so() -> None:
    assert why_not("_weapons.yaml", folder=False).startswith("starts with _, as _defaults.yaml alone may")
    assert why_not("_weapons.doc", folder=False).startswith("no policy")
