"""A run put together from what a person chose."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from safetensors import safe_open

from pipeline.errors import ModelError, UsageError
from pipeline.lab.scenes.emoji import FontError
from pipeline.lab.scenes.lexicon import load_lexicon
from pipeline.lab.scenes.recipes import IN_ANY_HAND
from pipeline.lab.training.batches import PairBatches, SceneBatches
from pipeline.lab.training.run import (
    EPOCHS,
    FINER_SIZES,
    FRESH_PEAK,
    INIT_PEAK,
    LEAST_SHARE,
    Choices,
    known_device,
    prepare,
    record,
)
from pipeline.lab.training.trainee import Trainee
from pipeline.lab.training.trainer import Trainer
from tests.images import encoded, flat
from tests.lab.conftest import write_pairs
from workers.assembly.training import load_trainee

SCENES = Choices(
    data=None,
    init=None,
    pretrained=None,
    freeze=(),
    samples=None,
    batch=256,
    peak=None,
    seed=0,
    held_out=0.05,
    font=None,
    cores=2,
)


@pytest.fixture
def pairs(tmp_path: Path) -> Choices:
    """Forty pictures, from the second half of which each has two captions."""
    path = write_pairs(tmp_path / "photos", 40)
    more = "".join(f"{number:03}.png,the same card again {number}\n" for number in range(20, 40))
    path.write_text(path.read_text(encoding="utf-8") + more, encoding="utf-8")
    return replace(SCENES, data=path, held_out=0.25)


def learned(choices: Choices) -> PairBatches:
    batches = prepare(choices, load_trainee).batches
    assert isinstance(batches, PairBatches)
    return batches


def test_all_captions_of_an_image_are_learned_or_held_out_together(pairs: Choices) -> None:
    run = prepare(pairs, load_trainee)
    ours, kept = learned(pairs).pairs, run.held_out
    assert len({pair.image for pair in kept}) == 10
    assert not {pair.image for pair in ours} & {pair.image for pair in kept}
    assert len(ours) + len(kept) == 60
    assert run.data == f"{len(ours)} pairs of image and caption from captions.csv"


def test_the_split_is_the_seeds(pairs: Choices) -> None:
    assert prepare(pairs, load_trainee).held_out == prepare(pairs, load_trainee).held_out
    assert prepare(pairs, load_trainee).held_out != prepare(replace(pairs, seed=1), load_trainee).held_out
    assert prepare(replace(pairs, held_out=0.0), load_trainee).held_out == ()


def test_a_run_on_pairs_is_ten_epochs_in_batches_no_larger_than_the_data(pairs: Choices) -> None:
    plan = prepare(pairs, load_trainee).plan
    count = len(learned(pairs).pairs)
    assert (plan.batch, plan.samples, plan.lanes) == (count, EPOCHS * count, 1)
    assert prepare(replace(pairs, batch=8, samples=80), load_trainee).plan.steps == 10


def test_data_is_known_again_wherever_it_lies_and_other_data_is_told_apart(pairs: Choices, tmp_path: Path) -> None:
    assert pairs.data is not None
    (tmp_path / "photos").rename(tmp_path / "moved")
    moved = replace(pairs, data=tmp_path / "moved" / "captions.csv")
    before = prepare(moved, load_trainee).plan
    (tmp_path / "moved").rename(tmp_path / "photos")
    assert prepare(pairs, load_trainee).plan.data == before.data
    pairs.data.write_text(pairs.data.read_text(encoding="utf-8").replace("number", "digit"), encoding="utf-8")
    assert prepare(pairs, load_trainee).plan.data != before.data


@pytest.mark.parametrize("count", [1, 7])
def test_too_few_pairs_are_one_line_that_counts_them(tmp_path: Path, count: int) -> None:
    path = write_pairs(tmp_path, count)
    with pytest.raises(UsageError, match=f"{count} pairs to train on are too few.*8 at least") as error:
        prepare(replace(SCENES, data=path, held_out=0.0), load_trainee)
    assert "\n" not in str(error.value)
    assert str(path) in str(error.value)


def test_holding_out_too_much_is_too_few_pairs(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="too few"):
        prepare(replace(SCENES, data=write_pairs(tmp_path, 20), held_out=0.9), load_trainee)


@pytest.mark.parametrize("given", [{"freeze": ("image",)}, {"pretrained": "laion2b"}])
def test_freezing_random_weights_is_refused(given: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="need --init"):
        prepare(replace(SCENES, **given), load_trainee)  # type: ignore[arg-type]


def test_freezing_everything_is_refused(tiny_models: dict[str, str]) -> None:
    with pytest.raises(UsageError, match="nothing to learn"):
        prepare(replace(SCENES, init=tiny_models["clip"], freeze=("image", "text")), load_trainee)


def test_mixing_styles_needs_what_is_shown_again_and_a_resnet(tiny_models: dict[str, str]) -> None:
    with pytest.raises(UsageError, match="--shown 2"):
        prepare(replace(SCENES, mix_style=0.5), load_trainee)
    with pytest.raises(UsageError, match="ResNet"):
        prepare(replace(SCENES, mix_style=0.5, shown=2, init=tiny_models["clip"]), load_trainee)
    assert prepare(replace(SCENES, mix_style=0.5, shown=2), load_trainee).plan.mix_style == 0.5


def test_a_model_that_cannot_be_had_is_one_line(tmp_path: Path) -> None:
    for init, said in (("ViT-B-23", "did you mean"), (f"local-dir:{tmp_path}", "does not exist")):
        with pytest.raises(ModelError, match=said) as error:
            prepare(replace(SCENES, init=init), load_trainee)
        assert "\n" not in str(error.value)


def test_a_missing_font_is_found_before_a_model_is_loaded(tmp_path: Path) -> None:
    with pytest.raises(FontError, match="fonts-noto-color-emoji"):
        prepare(replace(SCENES, font=tmp_path / "nothing.ttf", init="no model at all"), load_trainee)


def test_the_rate_is_high_for_random_weights_and_low_for_others_unless_one_is_given(
    pairs: Choices, tiny_models: dict[str, str]
) -> None:
    other = replace(pairs, init=tiny_models["clip"])
    assert prepare(pairs, load_trainee).plan.peak == FRESH_PEAK
    assert prepare(other, load_trainee).plan.peak == INIT_PEAK
    assert prepare(replace(other, peak=0.0), load_trainee).plan.peak == 0.0


@pytest.mark.usefixtures("drawn")
def test_only_the_bundled_architecture_sees_scenes_of_several_sizes(tiny_models: dict[str, str]) -> None:
    fresh, other = prepare(SCENES, load_trainee), prepare(replace(SCENES, init=tiny_models["clip"]), load_trainee)
    assert fresh.plan.sizes
    assert not other.plan.sizes
    assert isinstance(other.batches, SceneBatches)
    assert other.batches.size == 64
    assert (fresh.data, fresh.held_out) == ("rendered emoji scenes", ())


@pytest.fixture
def hand(tmp_path: Path) -> Path:
    """One drawing that can be used, and one that cannot."""
    folder = tmp_path / "stickers"
    folder.mkdir()
    for name in ("dog", "my-sticker"):
        (folder / f"{name}.png").write_bytes(encoded(flat((200, 30, 30))))
    return folder


@pytest.mark.usefixtures("drawn")
def test_a_hand_is_learned_beside_the_fonts_and_what_it_cannot_use_is_named(hand: Path) -> None:
    run = prepare(replace(SCENES, hands=(hand,)), load_trainee)
    assert isinstance(run.batches, SceneBatches)
    assert run.batches.recipe is IN_ANY_HAND
    assert run.batches.atlas.drawings is not None
    assert run.batches.atlas.count == len(load_lexicon())
    assert run.plan.data.startswith("stickers with 1 drawings, ")
    assert [line.split(":")[0] for line in run.left_out] == [str(hand / "my-sticker.png")]
    assert (run.names, run.plan.empty) == (None, 0), "its text tower learns"
    found = record(run, Trainer(run.plan, run.trainee, run.batches), replace(SCENES, hands=(hand,)), None)
    assert found.command == "sluice train OUT --hand stickers --batch 256 --seed 0"


@pytest.mark.usefixtures("drawn")
def test_with_a_frozen_text_tower_scenes_are_named_among_the_whole_lexicon() -> None:
    run = prepare(replace(SCENES, init="bundled", freeze=("text",), batch=64), load_trainee)
    assert run.names is not None
    assert run.names.features.shape[0] == len(load_lexicon())
    assert run.plan.empty == 4
    assert run.plan.sizes == FINER_SIZES
    trainer = Trainer(run.plan, run.trainee, run.batches, names=run.names)
    assert trainer.advance(run.batches[0]) > 0
    trainer.lanes.close()


@pytest.mark.usefixtures("drawn")
def test_a_frozen_stem_stays_as_it_was_and_the_rest_learns() -> None:
    run = prepare(replace(SCENES, init="bundled", freeze=("text", "stem"), batch=32), load_trainee)
    before = {name: value.clone() for name, value in run.trainee.model.state_dict().items()}
    trainer = Trainer(run.plan, run.trainee, run.batches, names=run.names)
    trainer.advance(run.batches[0])
    trainer.lanes.close()
    changed = {name for name, value in run.trainee.model.state_dict().items() if not torch.equal(value, before[name])}
    stems = ("visual.trunk.conv1.", "visual.trunk.bn1.", "visual.trunk.layer1.")
    assert any(name.startswith("visual.trunk.layer2.") for name in changed)
    assert not [name for name in changed if name.startswith(stems)], "nor its batch statistics"


def test_a_tower_without_first_layers_has_no_stem_to_freeze(pairs: Choices) -> None:
    bare = SimpleNamespace(visual=torch.nn.Linear(2, 2))
    with pytest.raises(UsageError, match="--freeze stem: this image tower names no first layers"):
        Trainee(bare, list, {}).freeze(("stem",))  # type: ignore[arg-type]


def test_hands_are_for_scenes_alone(pairs: Choices, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--hand is for rendered emoji scenes"):
        prepare(replace(pairs, hands=(tmp_path,)), load_trainee)


def test_only_scenes_are_shown_again(pairs: Choices) -> None:
    with pytest.raises(UsageError, match="--shown is for rendered emoji scenes"):
        prepare(replace(pairs, shown=2), load_trainee)


@pytest.mark.parametrize(("cores", "batch", "lanes"), [(1, 256, 1), (2, 256, 2), (64, 256, 8), (2, 63, 1), (4, 4, 1)])
@pytest.mark.usefixtures("drawn")
def test_each_lane_has_images_enough_for_batch_norm(cores: int, batch: int, lanes: int) -> None:
    plan = prepare(replace(SCENES, cores=cores, batch=batch), load_trainee).plan
    assert plan.lanes == lanes
    assert lanes == 1 or batch // lanes >= LEAST_SHARE


def test_a_tower_is_frozen_with_its_batch_statistics(pairs: Choices, tiny_models: dict[str, str]) -> None:
    run = prepare(replace(pairs, init=tiny_models["convolutional"], freeze=("image",)), load_trainee)
    model = run.trainee.train()
    learning = {name.split(".")[0] for name, value in model.named_parameters() if value.requires_grad}
    assert "visual" not in learning
    assert learning >= {"transformer", "token_embedding", "positional_embedding", "text_projection", "logit_scale"}
    assert not any(part.training for name, part in model.named_modules() if name.startswith("visual"))
    assert run.plan.frozen == ("image",)


@pytest.mark.parametrize("kind", ["clip", "siglip"])
def test_a_frozen_text_tower_is_all_of_it(pairs: Choices, tiny_models: dict[str, str], kind: str) -> None:
    """Also where open_clip keeps it in pieces."""
    run = prepare(replace(pairs, init=tiny_models[kind], freeze=("text",)), load_trainee)
    learning = {name.split(".")[0] for name, value in run.trainee.model.named_parameters() if value.requires_grad}
    assert learning == {"visual", "logit_scale"} | ({"logit_bias"} if kind == "siglip" else set())


def test_the_record_repeats_the_command_without_paths(pairs: Choices, tiny_models: dict[str, str]) -> None:
    choices = replace(pairs, init=tiny_models["clip"], freeze=("text",), batch=16, peak=2e-4, samples=64, seed=3)
    run = prepare(choices, load_trainee)
    trainer = Trainer(run.plan, run.trainee, run.batches)
    trainer.unreadable, trainer.seconds = {"a.png: torn": None}, 90.0
    found = record(run, trainer, choices, None)
    assert found.command == (
        "sluice train OUT --data captions.csv --init local-dir:clip --freeze text --samples 64 --batch 16 "
        "--learning-rate 0.0002 --seed 3 --held-out 0.25"
    )
    assert found.began_from == "local-dir:clip"
    assert (found.samples, found.unreadable, found.minutes) == (64, 1, 1.5)
    assert found.scale_was_fitted is False
    assert found.logit_scale == pytest.approx(float(torch.tensor(4.6).exp()), rel=1e-4)
    assert found.parameters == sum(value.numel() for value in run.trainee.model.parameters())
    assert str(choices.data.parent if choices.data else "") not in repr(found)


def test_the_weights_that_a_run_began_from_are_named_without_their_folder() -> None:
    given = replace(SCENES, init="ViT-B-32", pretrained="/data/weights/best.pt")
    assert given.init_label == "ViT-B-32 --pretrained best.pt"
    assert replace(SCENES, init="bundled").init_label == "bundled"
    assert replace(SCENES, init="hf-hub:owner/name").init_label == "hf-hub:owner/name"
    assert SCENES.init_label is None


def test_a_command_can_be_repeated_whatever_a_folder_is_called(pairs: Choices, tiny_models: dict[str, str]) -> None:
    assert pairs.data is not None
    moved = pairs.data.rename(pairs.data.with_name("my pairs.csv"))
    choices = replace(pairs, data=moved, init=tiny_models["clip"])
    run = prepare(choices, load_trainee)
    found = record(run, Trainer(run.plan, run.trainee, run.batches), choices, None)
    assert "--data 'my pairs.csv' --init local-dir:clip" in found.command


def test_a_device_that_is_not_there_is_one_line() -> None:
    for name in ("toaster", "", "cuda:99"):
        with pytest.raises(UsageError, match="try --device cpu") as error:
            known_device(name)
        assert "\n" not in str(error.value)
    assert known_device("cpu") == torch.device("cpu")
    assert known_device("auto").type in {"cpu", "cuda"}


def test_a_model_is_written_as_large_as_it_was(tmp_path: Path, tiny_models: dict[str, str]) -> None:
    for init, dtype in (("bundled", torch.float16), (tiny_models["siglip"], torch.float32)):
        trainee = load_trainee(init, None)
        folder = tmp_path / str(dtype)
        folder.mkdir()
        trainee.export(folder, trainee.model.state_dict())
        with safe_open(folder / "open_clip_model.safetensors", framework="pt") as weights:
            written = {weights.get_tensor(name).dtype for name in weights.keys()}  # noqa: SIM118 - no mapping
        assert {each for each in written if each.is_floating_point} == {dtype}
