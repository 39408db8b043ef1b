"""Odd and hostile files, each with what has to come of it: the right table, or a refusal that says where and why."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import struct
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
import polars as pl

Cells = Sequence[Sequence[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class OddFile:
    """A file and its fate.

    columns, rows  the table; None where the file is refused
    said           regular expressions, each found in one of the warnings
    rejected       line numbers of the rows that are kept aside
    refused        a regular expression that the refusal's words fit
    """

    name: str
    content: bytes
    filename: str = "table.csv"
    options: Mapping[str, Any] = field(default_factory=dict)
    columns: Sequence[str] | None = None
    rows: Cells | None = None
    said: Sequence[str] = ()
    rejected: Sequence[int] = ()
    refused: str | None = None


def day(year: int, month: int, number: int, *clock: int) -> datetime:
    return datetime(year, month, number, *clock)  # noqa: DTZ001 - a table keeps times in UTC, without saying so


def zipped(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def parquet(frame: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    return buffer.getvalue()


def arrow(frame: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.write_ipc(buffer)
    return buffer.getvalue()


def npy(matrix: np.ndarray[Any, Any]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, matrix, allow_pickle=False)
    return buffer.getvalue()


PLAIN = b"a,b\n1,x\n2,y\n"
AB: dict[str, Any] = {"columns": ["a", "b"], "rows": [(1, "x"), (2, "y")]}
FRAME = pl.DataFrame({"a": [1, 2], "b": ["x", "y"]})
MANY = b"a,b\n" + b"".join(b"%d,x\n" % number for number in range(100))

ENCODINGS = [
    OddFile(name="UTF-8 with a mark", content="a,b\n1,ä\n".encode("utf-8-sig"), columns=["a", "b"], rows=[(1, "ä")]),
    OddFile(name="UTF-16 with a mark", content="a,b\n1,ä\n".encode("utf-16"), columns=["a", "b"], rows=[(1, "ä")]),
    OddFile(
        name="UTF-16, big end first",
        content=b"\xfe\xff" + "a,b\n1,ä\n".encode("utf-16-be"),
        columns=["a", "b"],
        rows=[(1, "ä")],
    ),
    OddFile(
        name="UTF-16, cut in the middle of a letter",
        content="a,b\n1,ä\n".encode("utf-16")[:-1],
        refused="(?i)utf-16",
    ),
    OddFile(name="UTF-32", content="a,b\n1,ä\n".encode("utf-32"), columns=["a", "b"], rows=[(1, "ä")]),
    OddFile(
        name="Windows-1252",
        content="a,b\n1,ok\n2,€ é\n".encode("cp1252"),
        columns=["a", "b"],
        rows=[(1, "ok"), (2, "€ é")],
        said=["Line 3 is not UTF-8.*1252"],
    ),
    OddFile(
        name="neither UTF-8 nor Windows-1252",
        content=b"a,b\n1,\x81\x8d\n",
        refused="(?i)line 2.*encoding",
    ),
    OddFile(
        name="Cyrillic, as its owner says",
        content="a,b\n1,Ж\n".encode("koi8-r"),
        options={"encoding": "koi8-r"},
        columns=["a", "b"],
        rows=[(1, "Ж")],
    ),
    OddFile(
        name="an encoding that it has not", content=PLAIN + b"3,\xff\n", options={"encoding": "ascii"}, refused="ascii"
    ),
    OddFile(
        name="letters of four bytes",
        content="a,b\n1,😀\n2,漢字\n".encode(),
        columns=["a", "b"],
        rows=[(1, "😀"), (2, "漢字")],
    ),
]

LAYOUTS = [
    OddFile(name="semicolons", content=b"a;b\n1;x\n2;y\n", **AB),
    OddFile(name="tabs", content=b"a\tb\n1\tx\n2\ty\n", filename="table.tsv", **AB),
    OddFile(name="bars", content=b"a|b\n1|x\n2|y\n", **AB),
    OddFile(name="a delimiter that its owner names", content=b"a~b\n1~x\n2~y\n", options={"delimiter": "~"}, **AB),
    OddFile(name="line ends of Windows", content=PLAIN.replace(b"\n", b"\r\n"), **AB),
    OddFile(name="line ends of the first Macintosh", content=PLAIN.replace(b"\n", b"\r"), **AB),
    OddFile(
        name="mixed line ends",
        content=b"a,b\r\n1,x\n2,y\r\n3,z\n",
        columns=["a", "b"],
        rows=[(1, "x"), (2, "y"), (3, "z")],
    ),
    OddFile(name="no line end at the end", content=PLAIN[:-1], **AB),
    OddFile(name="blank lines at both ends", content=b"\n\n" + PLAIN + b"\n\n\n", **AB),
    OddFile(name="blank lines between", content=b"a,b\n1,x\n\n\n2,y\n", said=["(?i)blank lines.*2"], **AB),
    OddFile(name="one column", content=b"a\n1\n2\n", columns=["a"], rows=[(1,), (2,)]),
    OddFile(name="one column with gaps", content=b"a\n1\n\n3\n", columns=["a"], rows=[(1,), (None,), (3,)]),
    OddFile(
        name="a delimiter inside quotes",
        content=b'a,b\n1,"x,y"\n2,"z"\n',
        columns=["a", "b"],
        rows=[(1, "x,y"), (2, "z")],
    ),
    OddFile(
        name="a line end inside quotes",
        content=b'a,b\n1,"x\ny"\n2,z\n',
        columns=["a", "b"],
        rows=[(1, "x\ny"), (2, "z")],
    ),
    OddFile(
        name="doubled quotes", content=b'a,b\n1,"say ""x"""\n2,y\n', columns=["a", "b"], rows=[(1, 'say "x"'), (2, "y")]
    ),
    OddFile(name="single quotes", content=b"a,b\n1,'x,y'\n2,'z'\n", columns=["a", "b"], rows=[(1, "x,y"), (2, "z")]),
    OddFile(
        name="a quote that is a letter",
        content=b'a,b\n1,5" disk\n2,y\n',
        columns=["a", "b"],
        rows=[(1, '5" disk'), (2, "y")],
    ),
    OddFile(
        name="a backslash before a quote",
        content=b'a,b\n1,"say \\"x\\""\n2,"y"\n',
        columns=["a", "b"],
        rows=[(1, 'say "x"'), (2, "y")],
        said=["(?i)backslash"],
    ),
    OddFile(
        name="an unclosed quote",
        content=b'a,b\n1,"x\n2,y\n',
        columns=["a", "b"],
        rows=[(1, '"x'), (2, "y")],
        said=["(?i)quote"],
    ),
    OddFile(name="a first line for Excel", content=b"sep=;\na;b\n1;x\n2;y\n", **AB),
    OddFile(name="comments above", content=b"# made by hand\n# in 2024\n" + PLAIN, said=["(?i)comment"], **AB),
    OddFile(name="a delimiter at each end of line", content=b"a,b,\n1,x,\n2,y,\n", **AB),
    OddFile(
        name="10,000 columns",
        content=b"\n".join(
            [
                ",".join(f"c{n}" for n in range(10_000)).encode(),
                *(b",".join([b"%d" % row] * 10_000) for row in range(3)),
            ]
        ),
        columns=[f"c{n}" for n in range(10_000)],
        rows=[[row] * 10_000 for row in range(3)],
    ),
    OddFile(
        name="a very long cell",
        content=b"a,b\n1," + b"x" * 3_000_000 + b"\n2,y\n",
        columns=["a", "b"],
        rows=[(1, "x" * 3_000_000), (2, "y")],
    ),
]

HEADERS = [
    OddFile(
        name="the same name twice",
        content=b"a,a\n1,x\n2,y\n",
        columns=["a", "a_2"],
        rows=AB["rows"],
        said=["second column 'a'"],
    ),
    OddFile(
        name="a name that is blank",
        content=b"a,\n1,x\n2,y\n",
        columns=["a", "column_2"],
        rows=AB["rows"],
        said=["without a name"],
    ),
    OddFile(
        name="no names", content=b"1,x\n2,y\n", columns=["column_1", "column_2"], rows=AB["rows"], said=["column_1"]
    ),
    OddFile(name="names and nothing below", content=b"a,b\n", refused="(?i)no row"),
    OddFile(name="nothing", content=b"", refused="(?i)empty"),
    OddFile(name="blanks", content=b" \n\t\n  \n", refused="(?i)blank|empty|no row"),
    OddFile(name="a mark and nothing else", content=b"\xef\xbb\xbf", refused="(?i)empty|blank|no row"),
    OddFile(
        name="names that are patterns",
        content=b"*,^b$\n1,x\n2,y\n",
        columns=["column_1", "column_2"],
        rows=AB["rows"],
        said=["'\\*'.*'column_1'", "'\\^b\\$'.*'column_2'"],
    ),
    OddFile(
        name="names of markup",
        content=b"<script>alert(1)</script>,=1+1\n1,x\n2,y\n",
        columns=["<script>alert(1)</script>", "=1+1"],
        rows=AB["rows"],
    ),
]

RAGGED = [
    OddFile(
        name="a row that is too short",
        content=MANY + b"100\n101,y\n",
        columns=["a", "b"],
        rows=[*((number, "x") for number in range(100)), (101, "y")],
        rejected=[102],
        said=["(?i)line 102"],
    ),
    OddFile(
        name="a row that is too long",
        content=b"a,b\n0,x,surplus\n" + MANY[4:],
        columns=["a", "b"],
        rows=[(number, "x") for number in range(100)],
        rejected=[2],
        said=["(?i)line 2\\b"],
    ),
    OddFile(name="half of the rows ragged", content=b"a,b\n" + b"1,x\n1,x,y\n" * 50, refused="(?i)line 3 "),
    OddFile(
        name="a ragged row among line ends in quotes",
        content=b'a,b\n1,"x\ny"\n2\n' + b"3,z\n" * 50,
        columns=["a", "b"],
        rows=[(1, "x\ny"), *[(3, "z")] * 50],
        rejected=[4],
    ),
    OddFile(
        name="NUL among the text",
        content=MANY + b"100,\0\n",
        columns=["a", "b"],
        rows=[(number, "x") for number in range(100)],
        rejected=[102],
        said=["(?i)NUL"],
    ),
]

VALUES = [
    OddFile(
        name="words for nothing",
        content=b"a,b\n1,NA\n?,x\n,y\nnull,N/A\n",
        columns=["a", "b"],
        rows=[(1, None), (None, "x"), (None, "y"), (None, None)],
    ),
    OddFile(
        name="codes with leading zeros", content=b"zip\n01234\n98765\n", columns=["zip"], rows=[("01234",), ("98765",)]
    ),
    OddFile(
        name="whole numbers too large for a float",
        content=b"id\n9007199254740993\n9007199254740995\n",
        columns=["id"],
        rows=[("9007199254740993",), ("9007199254740995",)],
    ),
    OddFile(
        name="infinite numbers",
        content=b"a,b\n1.5,x\ninf,y\n-Infinity,z\n",
        columns=["a", "b"],
        rows=[(1.5, "x"), (None, "y"), (None, "z")],
        said=["2 infinite"],
    ),
    OddFile(
        name="decimal commas",
        content=b"a;b\n1,5;x\n2,25;y\n",
        columns=["a", "b"],
        rows=[(1.5, "x"), (2.25, "y")],
        said=["(?i)'a'.*comma.*decimal"],
    ),
    OddFile(
        name="decimal commas and points for thousands",
        content=b"a;b\n1.234,5;x\n12.345.678,25;y\n",
        columns=["a", "b"],
        rows=[(1234.5, "x"), (12345678.25, "y")],
        said=["'a'"],
    ),
    OddFile(
        name="commas for thousands",
        content=b'a,b\n"1,234.5",x\n"12,345,678",y\n',
        columns=["a", "b"],
        rows=[(1234.5, "x"), (12345678.0, "y")],
        said=["'a'"],
    ),
    OddFile(
        name="days first",
        content=b"when,b\n31/01/2024,x\n05/02/2024,y\n",
        columns=["when", "b"],
        rows=[(day(2024, 1, 31), "x"), (day(2024, 2, 5), "y")],
    ),
    OddFile(
        name="months first",
        content=b"when,b\n01/31/2024,x\n02/05/2024,y\n",
        columns=["when", "b"],
        rows=[(day(2024, 1, 31), "x"), (day(2024, 2, 5), "y")],
    ),
    OddFile(
        name="days or months first, who knows",
        content=b"when,b\n01/02/2024,x\n03/04/2024,y\n",
        columns=["when", "b"],
        rows=[(day(2024, 1, 2), "x"), (day(2024, 3, 4), "y")],
        said=["(?i)'when'.*month"],
    ),
    OddFile(
        name="days with points",
        content=b"when,b\n1.2.2024 10:30,x\n28.12.2023 9:05,y\n",
        columns=["when", "b"],
        rows=[(day(2024, 2, 1, 10, 30), "x"), (day(2023, 12, 28, 9, 5), "y")],
    ),
    OddFile(
        name="dates spelled in two ways",
        content=b"when,b\n2024-01-31,x\n31/01/2024,y\n",
        columns=["when", "b"],
        rows=[("2024-01-31", "x"), ("31/01/2024", "y")],
    ),
    OddFile(
        name="days that are not in the calendar",
        content=b"when,b\n2024-02-30,x\n2024-02-28,y\n",
        columns=["when", "b"],
        rows=[("2024-02-30", "x"), ("2024-02-28", "y")],
    ),
    OddFile(
        name="times of several zones",
        content=b"when,b\n2024-03-01T12:00:00+02:00,x\n2024-03-01T12:00:00Z,y\n",
        columns=["when", "b"],
        rows=[(day(2024, 3, 1, 10), "x"), (day(2024, 3, 1, 12), "y")],
    ),
    OddFile(
        name="formulas",
        content=b"a,b\n1,=cmd|' /C calc'!A0\n2,@SUM(A1)\n",
        columns=["a", "b"],
        rows=[(1, "=cmd|' /C calc'!A0"), (2, "@SUM(A1)")],
    ),
    OddFile(
        name="numbers, but for one word far down",
        content=b"a\n" + b"1\n" * 200_000 + b"call us\n",
        columns=["a"],
        rows=[*[("1",)] * 200_000, ("call us",)],
        said=["(?i)'a'.*call us"],
    ),
    OddFile(
        name="whole numbers, but for one fraction far down",
        content=b"a\n" + b"1\n" * 200_000 + b"1.5\n",
        columns=["a"],
        rows=[*[(1.0,)] * 200_000, (1.5,)],
    ),
    OddFile(
        name="truth values and numbers",
        content=b"a,b\ntrue,1\nfalse,0\n",
        columns=["a", "b"],
        rows=[(True, 1), (False, 0)],
    ),
]

BOMB = gzip.compress(b"a,b\n" + b"0,0\n" * 3_000_000)
CAPPED = {"max_inflated_bytes": 1_000_000}

CONTAINERS = [
    OddFile(name="gzip", content=gzip.compress(PLAIN), filename="table.csv.gz", **AB),
    OddFile(name="gzip in two members", content=gzip.compress(PLAIN[:5]) + gzip.compress(PLAIN[5:]), **AB),
    OddFile(name="gzip under a plain name", content=gzip.compress(PLAIN), **AB),
    OddFile(name="a gzip file cut off", content=gzip.compress(MANY)[:-12], refused="(?i)damaged|cut off|truncated"),
    OddFile(
        name="a gzip file with a broken middle",
        content=gzip.compress(MANY)[:20] + b"\0" * 20,
        refused="(?i)damaged|cut off|truncated",
    ),
    OddFile(name="a gzip bomb", content=BOMB, options=CAPPED, refused="1,000,000 bytes"),
    OddFile(name="gzip in gzip", content=gzip.compress(gzip.compress(PLAIN)), refused="(?i)inside"),
    OddFile(name="zip", content=zipped(**{"table.csv": PLAIN}), filename="table.zip", **AB),
    OddFile(
        name="zip with what a Macintosh adds",
        content=zipped(**{"table.csv": PLAIN, "__MACOSX/._table.csv": b"\0\1"}),
        **AB,
    ),
    OddFile(
        name="zip of two tables", content=zipped(**{"one.csv": PLAIN, "two.csv": PLAIN}), refused="(?s)one.csv.*two.csv"
    ),
    OddFile(
        name="one of two tables, as its owner says",
        content=zipped(**{"one.csv": MANY, "two.csv": PLAIN}),
        options={"member": "two.csv"},
        **AB,
    ),
    OddFile(name="zip of nothing", content=zipped(), refused="(?i)no (file|table|member)|empty|holds no"),
    OddFile(
        name="a zip bomb",
        content=zipped(**{"table.csv": b"0,0\n" * 3_000_000}),
        options=CAPPED,
        refused="1,000,000 bytes",
    ),
    OddFile(
        name="a zip of too many members",
        content=zipped(**{f"{n}.csv": b"a\n1\n" for n in range(1_200)}),
        refused="1,000",
    ),
    OddFile(name="a zip file cut off", content=zipped(**{"table.csv": MANY})[:60], refused="(?i)zip"),
    OddFile(name="a path in a zip", content=zipped(**{"../../etc/table.csv": PLAIN}), **AB),
    OddFile(name="bzip2", content=bz2.compress(PLAIN), **AB),
    OddFile(name="xz", content=lzma.compress(PLAIN), **AB),
]

FORMATS = [
    OddFile(name="Parquet under the name of a text", content=parquet(FRAME), **AB),
    OddFile(name="a text under the name of Parquet", content=PLAIN, filename="table.parquet", **AB),
    OddFile(name="Parquet cut off", content=parquet(FRAME)[:-20], filename="t.parquet", refused="(?i)parquet"),
    OddFile(
        name="Parquet with a broken middle",
        content=parquet(FRAME)[:8] + b"\xff" * 40 + parquet(FRAME)[48:],
        filename="t.parquet",
        refused="(?i)parquet",
    ),
    OddFile(
        name="the first bytes of Parquet and no more", content=b"PAR1", filename="t.parquet", refused="(?i)parquet"
    ),
    OddFile(name="Parquet in gzip", content=gzip.compress(parquet(FRAME)), filename="t.parquet.gz", **AB),
    OddFile(name="Parquet without rows", content=parquet(FRAME.clear()), refused="(?i)0 rows|no row"),
    OddFile(name="Arrow", content=arrow(FRAME), filename="t.arrow", **AB),
    OddFile(name="Arrow cut off", content=arrow(FRAME)[:-30], filename="t.arrow", refused="(?i)arrow"),
    OddFile(
        name="JSON", content=json.dumps([{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]).encode(), filename="t.json", **AB
    ),
    OddFile(
        name="JSON whose objects have other keys",
        content=b'[{"a": 1}, {"b": "y"}]',
        filename="t.json",
        columns=["a", "b"],
        rows=[(1, None), (None, "y")],
    ),
    OddFile(name="JSON that breaks off", content=b'[{"a": 1},\n {"a": ', filename="t.json", refused="(?i)line 2"),
    OddFile(name="JSON as deep as a well", content=b"[" * 100_000, filename="t.json", refused="(?i)json|deep"),
    OddFile(
        name="JSON of one number", content=b"42", filename="t.json", options={"format": "json"}, refused="(?i)json"
    ),
    OddFile(name="JSON lines", content=b'{"a": 1, "b": "x"}\n{"a": 2, "b": "y"}\n', filename="t.jsonl", **AB),
    OddFile(
        name="JSON lines with a broken one",
        content=b'{"a": 1, "b": "x"}\n' * 50 + b'{"a": \n' + b'{"a": 2, "b": "y"}\n' * 50,
        filename="t.jsonl",
        columns=["a", "b"],
        rows=[*[(1, "x")] * 50, *[(2, "y")] * 50],
        rejected=[51],
    ),
    OddFile(
        name="ARFF",
        content=b"% old\n@RELATION r\n@attribute a numeric\n@ATTRIBUTE 'b c' {x, y, 'z z'}\n@data\n1,x\n?,'z z'\n",
        filename="t.arff",
        columns=["a", "b c"],
        rows=[(1, "x"), (None, "z z")],
    ),
    OddFile(
        name="ARFF with texts",
        content=b"@relation r\n@attribute a string\n@attribute b real\n@data\n'it\\'s, here',1.5\nplain,2\n",
        filename="t.arff",
        columns=["a", "b"],
        rows=[("it's, here", 1.5), ("plain", 2.0)],
    ),
    OddFile(
        name="ARFF without data",
        content=b"@relation r\n@attribute a numeric\n@data\n",
        filename="t.arff",
        refused="(?i)no row|0 rows",
    ),
    OddFile(name="numbers as a matrix", content=npy(np.ones((3, 4), np.float32)), filename="m.npy"),
    OddFile(
        name="raw numbers that do not fill the last row",
        content=struct.pack("<5f", *range(5)),
        filename="m.f32",
        options={"format": "float32", "dim": 2},
        refused="(?i)2 |multiple|20 bytes",
    ),
    OddFile(
        name="raw numbers of nobody knows what width",
        content=struct.pack("<4f", *range(4)),
        options={"format": "float32"},
        refused="dim",
    ),
    OddFile(
        name="a matrix of Python objects",
        content=b"\x93NUMPY\x01\x00v\x00{'descr': '|O', 'fortran_order': False, 'shape': (1,), }".ljust(128)
        + b"\x80\x04.",
        filename="m.npy",
        refused="(?i)object",
    ),
    OddFile(
        name="libsvm with a broken index",
        content=b"1 1:0.5 3:1\n" * 50 + b"0 x:1\n" + b"0 2:1\n" * 50,
        filename="t.svm",
        rejected=[51],
    ),
    OddFile(name="a PDF document", content=b"%PDF-1.7\n%\xe2\xe3", filename="t.pdf", refused="PDF"),
    OddFile(name="a picture", content=b"\x89PNG\r\n\x1a\n" + b"\0" * 100, filename="t.png", refused="(?i)picture"),
    OddFile(name="a database", content=b"SQLite format 3\0" + b"\0" * 100, filename="t.db", refused="SQLite"),
    OddFile(
        name="a pickle",
        content=b"\x80\x04\x95\x10\0\0\0\0\0\0\0]\x94(K\x01K\x02e.",
        filename="t.pkl",
        refused="(?i)neither|known|pickle",
    ),
    OddFile(name="noise", content=bytes(range(256)) * 40, filename="t.dat", refused="(?i)neither|known|encoding|NUL"),
    OddFile(
        name="a damaged workbook",
        content=zipped(**{"[Content_Types].xml": b"<Types/>", "xl/workbook.xml": b"<oops"}),
        filename="t.xlsx",
        refused="(?i)workbook|xlsx",
    ),
]

ODD_FILES = [*ENCODINGS, *LAYOUTS, *HEADERS, *RAGGED, *VALUES, *CONTAINERS, *FORMATS]
