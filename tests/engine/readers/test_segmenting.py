"""A file becomes segments of bounded size, which say what the whole file says."""

from __future__ import annotations

import numpy as np

from athanor.engine.readers import read
from athanor.engine.readers.segmenting import write_segments
from athanor.engine.tables.dataset_files import arrays_of
from athanor.engine.tables.frames import to_dataset, to_frame
from athanor.engine.tables.schema import Storage
from athanor.engine.tables.segments import read_segments, scan_segments


def same(first, second):
    for name in first.schema.names:
        one, other = arrays_of(first.columns[name]), arrays_of(second.columns[name])
        for part in one:
            assert one[part].dtype == other[part].dtype
            np.testing.assert_array_equal(one[part], other[part])
    assert to_frame(first).equals(to_frame(second))


def a_csv(path, cells, header="a,b"):
    path.write_text("\n".join([header, *cells]) + "\n")
    return path


def test_a_file_becomes_segments_of_bounded_rows(tmp_path):
    file = a_csv(tmp_path / "t.csv", [f"{row},w{row % 3}" for row in range(25)])
    (tmp_path / "out").mkdir()
    written = write_segments(file, tmp_path / "out", largest_rows=10)
    assert [segment.n_rows for segment in written.segments] == [10, 10, 5]
    assert written.n_rows == 25
    assert written.format == "csv"
    for segment in written.segments:
        assert segment.size_bytes == segment.path.stat().st_size
    dataset = read_segments([segment.path for segment in written.segments], written.schema)
    table = read(file)
    assert written.schema == table.schema
    same(dataset, to_dataset(table.frame, table.schema))


def test_a_file_becomes_segments_of_bounded_bytes(tmp_path):
    file = a_csv(tmp_path / "t.csv", [f"{row},0.5" for row in range(1000)])
    (tmp_path / "out").mkdir()
    written = write_segments(file, tmp_path / "out", largest_bytes=4000)
    assert len(written.segments) >= 4
    assert sum(segment.n_rows for segment in written.segments) == 1000


def test_a_cell_late_in_the_file_decides_the_type_of_all_segments(tmp_path):
    cells = [f"{row},1" for row in range(200_000)]
    file = a_csv(tmp_path / "t.csv", [*cells, "200000,one"])
    (tmp_path / "out").mkdir()
    written = write_segments(file, tmp_path / "out", largest_rows=50_000)
    assert written.schema["b"].storage is Storage.STRING
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        segment.path.name for segment in written.segments
    ]
    scan = scan_segments([segment.path for segment in written.segments], written.schema)
    assert scan.collect().height == 200_001


def test_a_column_whose_values_come_late_has_their_type(tmp_path):
    file = a_csv(tmp_path / "t.csv", [f"{row}," for row in range(30)] + ["30,2.5"])
    (tmp_path / "out").mkdir()
    written = write_segments(file, tmp_path / "out", largest_rows=10)
    assert written.schema["b"].storage is Storage.FLOAT
    dataset = read_segments([segment.path for segment in written.segments], written.schema)
    assert dataset["b"].missing().tolist() == [True] * 30 + [False]
