"""File names of any bytes, in every command that takes files: as keys in Kafka, in data sets, as samples."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

from tests.e2e.pictures import picture
from tests.services.kafka import KafkaBroker
from tests.workers.commands.conftest import Sluice

Options = Callable[[float], list[str]]
ODD = b"caf\xe9 #?%20\n.jpg"


def write(folder: Path, name: bytes, content: bytes) -> None:
    Path(os.fsdecode(os.fsencode(folder) + b"/" + name)).write_bytes(content)


def test_a_files_name_is_its_images_key_byte_for_byte(sluice: Sluice, folder: Path, kafka: KafkaBroker) -> None:
    write(folder, ODD, picture(2))
    (folder / "half.txt").write_text("no picture")
    (folder / "gone.jpg").symlink_to("nowhere")
    topic = f"odd-names-{time.monotonic_ns()}"
    kafka.create_topic(topic, partitions=1)
    where = ["--bootstrap-servers", kafka.bootstrap_servers, "--images-topic", topic]
    done = sluice("send", "pictures", "--json", *where)
    [summary] = done.objects
    assert {record.key for record in kafka.read_all(topic)} == {b"pictures/one.jpg", b"pictures/" + ODD}
    assert (summary["sent"], summary["unread"], summary["skipped"], done.status) == (2, 1, 1, 2)
    assert "not sent: pictures/gone.jpg: cannot be read: a link that leads nowhere" in done.stderr
    assert "pictures/half.txt: starts like text" in done.stderr


def test_a_data_set_may_have_any_names(sluice: Sluice, tiny: str, tmp_path: Path) -> None:
    for label in (b"caf\xe9", b"dice", b"none"):
        place = Path(os.fsdecode(os.fsencode(tmp_path) + b"/photos\xff/" + label))
        place.mkdir(parents=True)
        for number in range(4):
            write(place, b"%d" % number + ODD, picture(number))
        write(place, b"damaged" + ODD, picture(1)[:100])
    done = sluice("evaluate", b"photos\xff", "--json", "--model", tiny, "--html", "page.html")
    [report] = done.objects
    assert done.status == 0
    assert len(report["unreadable"]) == 3  # type: ignore[arg-type]
    (tmp_path / "page.html").read_text(encoding="utf-8")


def test_a_policys_folder_and_samples_may_have_any_names(sluice: Sluice, judged_by: Options, tmp_path: Path) -> None:
    options = judged_by(0.0)
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    Path(options[-1]).rename(folder)
    (folder / "one #?%20.jpg").write_bytes(picture(1))
    with (folder / "anything.yaml").open("a") as file:
        file.write('tests:\n  must_flag: ["one #?%20.jpg"]\n')
    done = sluice("policy", "test", *options[:-1], os.fsencode(folder))
    assert (done.status, done.stderr) == (0, "")


HOSTILE = "\x1b]0;title\x07\u202egpj.\nallow\u200b [red]x[bold] .jpg"


def test_a_files_name_is_shown_and_never_obeyed(sluice: Sluice, judged_by: Options, tmp_path: Path) -> None:
    folder = tmp_path / "hostile [red]\x9b2J"
    folder.mkdir()
    (folder / HOSTILE).write_bytes(picture(1))
    (folder / ("half" + HOSTILE)).write_bytes(picture(1)[:100])
    (folder / ("note" + HOSTILE + ".txt")).write_text("no picture")
    for words in (["scan", str(folder)], ["scan", str(folder), "--json"], ["scan", str(folder / HOSTILE / "gone")]):
        done = sluice(*words, *judged_by(0.0))
        said = done.stdout.decode() + done.stderr
        assert not {"\x1b", "\x07", "\x9b", "\u202e", "\u200b"} & set(said), said
        assert "[red]x[bold]" in said
        assert not [line for line in said.splitlines() if line.startswith("allow\u200b")]


def test_policies_and_samples_may_be_called_anything(sluice: Sluice, judged_by: Options) -> None:
    options = judged_by(1.0)
    folder = Path(options[-1])
    with (folder / "anything.yaml").open("a") as file:
        file.write('tests:\n  must_flag: ["gone\\e]0;t\\a\\u202e\\n[/]ok.jpg"]\n')
    done = sluice("policy", "test", *options)
    said = done.stdout.decode() + done.stderr
    assert done.status != 0
    assert not {"\x1b", "\x07", "\u202e"} & set(said), said
    assert not [line for line in said.splitlines() if line.startswith("[/]ok.jpg")], said
