"""Features that are mapped are those that pyarrow reads; what is not plain is left to it."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.adapters.local.store import FolderStore
from pipeline.archive.archive import FEATURES, Archive
from pipeline.archive.mapped import Mapped
from pipeline.archive.thrift import ThriftError, struct_at
from tests.archive.made import keep, records

DIMENSION = 8


def _file(path: Path, rows: int, *, nulls: bool = False, nullable: bool = True, **how: object) -> np.ndarray:
    features = np.random.default_rng(rows).normal(size=(rows, DIMENSION)).astype("<f2")
    values = [row.tobytes() for row in features]
    if nulls:
        values[rows // 2] = None
    field = pa.field("features", pa.binary(2 * DIMENSION), nullable=nullable)
    other = pa.field("other", pa.int64())
    columns = [pa.array(range(rows)), pa.array(values, field.type)]
    with pq.ParquetWriter(path, pa.schema([other, field]), **how) as writer:  # type: ignore[arg-type]
        writer.write_table(pa.table(columns, schema=pa.schema([other, field])), row_group_size=700)
    return features


@pytest.mark.parametrize("nullable", [True, False])
@pytest.mark.parametrize("rows", [1, 63, 700, 2000])
def test_pages_of_every_size_are_found(tmp_path: Path, rows: int, nullable: bool) -> None:
    how = {"compression": "none", "use_dictionary": False, "data_page_size": 1024, "write_batch_size": 64}
    wanted = _file(tmp_path / "plain", rows, nullable=nullable, **how)
    file = pq.ParquetFile(tmp_path / "plain")
    found = Mapped(str(tmp_path / "plain")).rows(file, range(file.num_row_groups), DIMENSION, coarse=False).features
    assert found is not None
    assert rows < 100 or len(found) > 1
    assert np.concatenate(found).tobytes() == wanted.tobytes()


@pytest.mark.parametrize(
    "how",
    [
        {"compression": "zstd", "use_dictionary": False},
        {"compression": "none", "use_dictionary": True},
        {"compression": "none", "use_dictionary": False, "nulls": True},
        {"compression": "none", "use_dictionary": False, "data_page_version": "2.0"},
        {"compression": "none", "use_dictionary": False, "column_encoding": {"features": "BYTE_STREAM_SPLIT"}},
    ],
)
def test_what_is_not_plain_is_left_to_pyarrow(tmp_path: Path, how: dict[str, object]) -> None:
    _file(tmp_path / "other", 900, **how)  # type: ignore[arg-type]
    file = pq.ParquetFile(tmp_path / "other")
    lying = Mapped(str(tmp_path / "other")).rows(file, range(file.num_row_groups), DIMENSION, coarse=False)
    assert lying.features is None
    assert not lying.are_all(900)


def test_an_archive_in_a_folder_gives_blocks_whose_features_were_not_copied(tmp_path: Path) -> None:
    store, made = FolderStore(tmp_path), records(50)
    keep(store, made)
    archive = Archive(store)
    (mapped,) = archive.blocks(archive.segments(), FEATURES, mapped=4)
    (read,) = archive.blocks(archive.segments(), FEATURES)
    assert mapped.mapped is not None
    assert read.mapped is None
    assert np.concatenate(mapped.pieces).tobytes() == read.features.tobytes()
    assert mapped.features.tobytes() == read.features.tobytes()
    rows = np.array([3, 0, 17])
    assert mapped.views(rows).tobytes() == read.features[rows].tobytes() == read.views(rows).tobytes()
    assert mapped.offsets.tolist() == read.offsets.tolist()


@given(st.binary(max_size=60))
def test_bytes_of_any_kind_are_a_struct_or_an_error(data: bytes) -> None:
    try:
        fields, end = struct_at(data, 0)
    except ThriftError:
        return
    assert isinstance(fields, dict)
    assert end > 0


def test_a_page_header_that_parquet_wrote_is_read() -> None:
    sink = io.BytesIO()
    pq.write_table(pa.table({"a": pa.array(range(10))}), sink, compression="none", use_dictionary=False)
    header, _ = struct_at(sink.getvalue(), 4)
    assert header[1] == 0
    assert header[5][1] == 10
