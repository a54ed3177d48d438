"""Data sets from disk: what is read, and that what is wrong is one line with its place."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.errors import UsageError
from pipeline.lab.data.dataset_files import read_labelled
from pipeline.lab.data.pairs import Pair, read_pairs


def touch(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())


def written(folder: Path, text: str | bytes, name: str = "labels.csv") -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


class TestLabelledFolder:
    def test_each_subfolder_is_a_class_and_its_images_are_found_all_the_way_down(self, tmp_path: Path) -> None:
        touch(tmp_path, "knife/one.jpg", "knife/deeper/two.PNG", "dice/three.webp", "knife/notes.txt", ".cache/x.jpg")
        dataset = read_labelled(tmp_path)
        found = {(Path(each.name).relative_to(tmp_path).as_posix(), each.labels) for each in dataset.examples}
        assert found == {
            ("dice/three.webp", ("dice",)),
            ("knife/one.jpg", ("knife",)),
            ("knife/deeper/two.PNG", ("knife",)),
        }
        assert dataset.classes == ("dice", "knife")
        assert dataset.examples[0].read() == b"dice/three.webp"

    @pytest.mark.parametrize("name", ["none", "_none", "None"])
    def test_images_of_no_class_have_no_label(self, tmp_path: Path, name: str) -> None:
        touch(tmp_path, "knife/one.jpg", f"{name}/two.jpg")
        dataset = read_labelled(tmp_path)
        assert sorted(each.labels for each in dataset.examples) == [(), ("knife",)]
        assert dataset.classes == ("knife",)

    def test_an_image_that_is_gone_is_found_only_when_it_is_read(self, tmp_path: Path) -> None:
        touch(tmp_path, "knife/one.jpg")
        dataset = read_labelled(tmp_path)
        (tmp_path / "knife" / "one.jpg").unlink()
        with pytest.raises(OSError, match=r"one\.jpg"):
            dataset.examples[0].read()


class TestLabelledCsv:
    def test_paths_are_relative_to_the_file_and_a_cell_may_hold_several_labels(self, tmp_path: Path) -> None:
        touch(tmp_path, "pictures/one.jpg")
        path = written(
            tmp_path,
            "\ufeffgroup, image ,label,ignore,by\r\n"
            "indoors,pictures/one.jpg,knife; dice ;knife,bomb,ann\r\n\r\n"
            ",two.jpg,,,bob\r\n",
        )
        dataset = read_labelled(path)
        one, two = dataset.examples
        assert (one.labels, one.group, one.ignore) == (("knife", "dice"), "indoors", ("bomb",))
        assert one.read() == b"pictures/one.jpg"
        assert (two.labels, two.group, two.ignore) == ((), None, ())
        assert dataset.classes == ("bomb", "dice", "knife")

    @pytest.mark.parametrize("known", [None, ["knife"]])
    def test_none_is_no_label_as_it_is_in_a_folder(self, tmp_path: Path, known: list[str] | None) -> None:
        path = written(tmp_path, "image,label,ignore\na.jpg,knife,none\nb.jpg,none,knife\nc.jpg,None,\nd.jpg,,\n")
        dataset = read_labelled(path, known=known)
        assert [each.labels for each in dataset.examples] == [("knife",), (), (), ()]
        assert [each.ignore for each in dataset.examples] == [(), ("knife",), (), ()]
        assert dataset.classes == ("knife",)

    def test_known_labels_are_the_classes(self, tmp_path: Path) -> None:
        path = written(tmp_path, "image,label\none.jpg,knife\n")
        assert read_labelled(path, known=["weapons", "knife"]).classes == ("weapons", "knife")


def refusal(path: Path, known: list[str] | None = None) -> str:
    with pytest.raises(UsageError) as error:
        read_labelled(path, known=known)
    assert "\n" not in str(error.value)
    return str(error.value).replace(f"{path.parent}/", "")


class TestWhatIsWrongIsOneLineWithItsPlace:
    @pytest.mark.parametrize(
        ("text", "said"),
        [
            (b"", "labels.csv: the file is empty; its first line must name the columns"),
            (b" \n\n", "labels.csv: the file is empty"),
            ("image,label\n", "labels.csv:1: no rows under the header; write one for each image"),
            ("file,label\na.jpg,knife\n", "labels.csv:1: no column 'image' among file, label; the first line"),
            ("image;label\na.jpg;knife\n", "labels.csv:1: no column 'image' and 'label' among image;label"),
            ("\n\nimage,label,image\na,b,c\n", "labels.csv:3: the column 'image' is there twice"),
            ("image,label\na.jpg,knife\n\nb.jpg\n", "labels.csv:4: 1 values under 2 columns; put quotes"),
            ("image,label\na.jpg,knife\n ,knife\n", "labels.csv:3: no path under 'image'; write one"),
            ('image,label\n"a\n.jpg",knife\n"b.jpg,knife\n', "labels.csv:4: not CSV (unexpected end of data)"),
            ("image,label\na.jpg,knife;none\n", "labels.csv:2: 'none' and 'knife' under 'label'; 'none' is for"),
            ("image,label\na.jpg,knife\na.jpg,dice\n", "labels.csv:3: the image is in line 2 already"),
            (b"image,label\na.jpg,caf\xe9\n", "labels.csv:2: not UTF-8 text; save the file as CSV in UTF-8"),
            ("image,label\na.jpg,knife\n".encode("utf-16"), "labels.csv:1: not UTF-8 text"),
            ("image,label\na.jpg,knife\n".encode("utf-16-le"), "labels.csv:1: not UTF-8 text"),
        ],
    )
    def test_of_a_csv_file(self, tmp_path: Path, text: str | bytes, said: str) -> None:
        assert refusal(written(tmp_path, text)).startswith(said)

    def test_of_a_label_that_is_not_known(self, tmp_path: Path) -> None:
        path = written(tmp_path, "image,label\na.jpg,knife\nb.jpg,wepons\n")
        assert refusal(path, ["knife", "weapons"]) == ("labels.csv:3: unknown label 'wepons'; did you mean 'weapons'")
        assert refusal(path, ["alcohol"]).endswith("labels.csv:2: unknown label 'knife'; known are alcohol")

    def test_of_a_folder(self, tmp_path: Path) -> None:
        folder = tmp_path / "photos"
        assert refusal(folder) == f"no such file or folder: {folder}".replace(f"{tmp_path}/", "")
        touch(folder, "readme.md")
        assert refusal(folder).startswith("photos: no subfolder in it; put the images of each class into one")
        touch(folder, "knife/one.jpg", "dice/notes.txt")
        assert refusal(folder).startswith("photos/dice: no images in this class's folder (.apng .avif")
        touch(folder, "dice/two.jpg", "stray.jpg")
        assert refusal(folder).startswith("photos/stray.jpg: not in a class's subfolder; move it into one")
        (folder / "stray.jpg").unlink()
        assert refusal(folder, ["dice", "knives"]) == "photos/knife: unknown label 'knife'; did you mean 'knives'"

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
    @given(st.binary(max_size=60) | st.text(max_size=60).map(lambda text: b"image,label\n" + text.encode()))
    def test_any_bytes_at_all_are_read_or_refused(self, tmp_path: Path, content: bytes) -> None:
        path = written(tmp_path, content)
        with suppress(UsageError):
            assert read_labelled(path).examples


class TestPairs:
    def test_a_csv_gives_pairs_in_order_and_an_image_may_have_several_captions(self, tmp_path: Path) -> None:
        path = written(tmp_path, 'caption,image\n"a knife, on wood",a.jpg\na blade,a.jpg\n')
        assert read_pairs(path) == [
            Pair(tmp_path / "a.jpg", "a knife, on wood"),
            Pair(tmp_path / "a.jpg", "a blade"),
        ]

    def test_in_a_folder_each_image_has_its_caption_beside_it(self, tmp_path: Path) -> None:
        touch(tmp_path, "b.jpg", "deep/a.png")
        written(tmp_path, "\ufeffa knife\n on wood\n", "b.txt")
        written(tmp_path / "deep", "dice", "a.txt")
        assert read_pairs(tmp_path) == [
            Pair(tmp_path / "b.jpg", "a knife on wood"),
            Pair(tmp_path / "deep" / "a.png", "dice"),
        ]

    def test_what_is_wrong_is_one_line_with_its_place(self, tmp_path: Path) -> None:
        def said(path: Path) -> str:
            with pytest.raises(UsageError) as error:
                read_pairs(path)
            assert "\n" not in str(error.value)
            return str(error.value).replace(f"{tmp_path}/", "")

        folder = tmp_path / "pairs"
        assert said(folder) == "no such file or folder: pairs"
        folder.mkdir()
        assert said(folder).startswith("pairs: no images in it; put each beside a .txt file")
        touch(folder, "b.jpg")
        assert said(folder) == "pairs/b.jpg: no b.txt beside it; write its caption there"
        written(folder, " \n", "b.txt")
        assert said(folder).startswith("pairs/b.txt: the file is empty")
        written(folder, b"a\nb\xff", "b.txt")
        assert said(folder).startswith("pairs/b.txt:2: not UTF-8")
        assert said(written(tmp_path, "image,text\n")).startswith(
            "labels.csv:1: no column 'caption' among image, text"
        )
        assert said(written(tmp_path, "image,caption\na.jpg, \n")).startswith("labels.csv:2: no text under 'caption'")
        assert said(written(tmp_path, "image,caption\n,a knife\n")).startswith("labels.csv:2: no path under 'image'")
