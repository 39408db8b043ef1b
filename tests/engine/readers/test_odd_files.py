"""Odd and hostile files: each gives the right table, or is refused in words; no row is lost on the way."""

from __future__ import annotations

import re

import pytest

from athanor.engine.readers import ReaderOptions, read
from athanor.errors import AthanorError
from support.odd_files import ODD_FILES, OddFile


def test_there_are_many_of_them_and_each_has_a_name_of_its_own():
    names = [odd.name for odd in ODD_FILES]
    assert len(names) == len(set(names)) >= 60


@pytest.fixture(params=ODD_FILES, ids=lambda odd: odd.name)
def odd(request) -> OddFile:
    return request.param


def test_an_odd_file_gives_the_right_table_or_a_refusal_in_words(odd, tmp_path):
    path = tmp_path / "upload"
    path.write_bytes(odd.content)
    options = ReaderOptions(**odd.options)
    if odd.refused is not None:
        with pytest.raises(AthanorError) as refusal:
            read(path, filename=odd.filename, options=options)
        assert re.search(odd.refused, str(refusal.value)), str(refusal.value)
        return
    table = read(path, filename=odd.filename, options=options)
    if odd.rows is not None:
        assert table.frame.columns == list(odd.columns)
        assert table.frame.rows() == [tuple(row) for row in odd.rows]
    for wanted in odd.said:
        assert any(re.search(wanted, warning) for warning in table.warnings), table.warnings
    assert [reject.line for reject in table.rejects] == list(odd.rejected)
    assert table.n_rejected == len(odd.rejected)
    assert table.n_rejected == 0 or any(
        re.search(r"reject|set aside|left out|kept aside", said) for said in table.warnings
    )
