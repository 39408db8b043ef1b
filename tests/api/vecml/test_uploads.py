"""Files of vectors, as base64 and as forms; inputs and labels that come apart."""

import base64
import gzip
import json
import struct

import pytest

CSV = "name,x,y,label\nr1,1,2,a\nr2,3,4.5,b\n"
ENCODED = base64.b64encode(CSV.encode()).decode()


@pytest.fixture
def uploaded(ask, project, b64):
    """Upload a file into a new collection; what the collection then is."""

    def upload(content, file_format, *, operation="upload", field="file_data", **fields):
        named = {**project, "collection_name": "files"}
        answer = ask(operation, **named, **{field: b64(content)}, file_format=file_format, **fields)
        assert answer.status_code == 200, answer.text
        assert answer.json()["job_id"].endswith("_UploadJob")
        return ask("get_collection_info", **named).json()

    return upload


@pytest.fixture
def vectors_of(ask, project):
    def vectors(*ids):
        answer = ask("get_data", **project, collection_name="files", string_ids=list(ids))
        assert answer.status_code == 200, answer.text
        return [(vector["data"], vector["attributes"]) for vector in answer.json()["vectors"]]

    return vectors


def told(answer, status):
    assert answer.status_code == status, answer.text
    assert answer.json()["success"] is False
    return answer.json()["error_message"]


def test_a_csv_becomes_a_collection(uploaded, vectors_of):
    info = uploaded(CSV, "csv", has_field_names=True, attribute_names=["label"], id_column="name")
    assert (info["vector_type"], info["vector_dim"], info["num_vectors"]) == ("dense", 2, 2)
    assert info["attributes"] == ["label"]
    assert vectors_of("r2") == [([3.0, 4.5], {"label": "b"})]


@pytest.mark.parametrize("names", ["attribute_names", "attributes", "categorical_features"])
def test_attributes_of_a_csv_have_three_names(uploaded, vectors_of, names):
    info = uploaded("x,y\n1,2\n3,4\n", "csv", **{names: ["y"]})
    assert (info["vector_dim"], info["attributes"]) == (1, ["y"])
    assert vectors_of("0") == [([1.0], {"y": "2"})]


def test_a_csv_without_names_counts_its_columns(uploaded, vectors_of):
    info = uploaded("r1,1,a\nr2,2,b\n", "csv", has_field_names=False, attribute_names=["2"], string_id_column="0")
    assert (info["vector_dim"], info["attributes"]) == (1, ["2"])
    assert vectors_of("r1") == [([1.0], {"2": "a"})]


def test_a_compressed_csv_is_inflated(uploaded):
    assert uploaded(gzip.compress(CSV.encode()), "csv", compression_type="gzip")["num_vectors"] == 2


def test_a_libsvm_file_is_sparse_and_its_label_an_attribute(uploaded, vectors_of):
    info = uploaded("1 1:0.5 3:2 # comment\n-1 2:1\n", "libsvm")
    assert (info["vector_type"], info["vector_dim"], info["attributes"]) == ("sparse", 3, ["label"])
    assert vectors_of("0") == [({"0": 0.5, "2": 2.0}, {"label": "1"})]


def test_a_binary_file_is_rows_of_float32(uploaded, vectors_of):
    content = struct.pack("<6f", 1, 2, 3, 4, 5, 6)
    info = uploaded(
        content, "binary", vector_type="dense", vector_dim=3, string_ids=["a", "b"], attributes=[{"n": 1}, {"n": 2}]
    )
    assert (info["vector_type"], info["vector_dim"], info["num_vectors"]) == ("dense", 3, 2)
    assert vectors_of("b") == [([4.0, 5.0, 6.0], {"n": "2"})]


RECORDS = [{"string_id": "a", "data": [1, 2], "attributes": {"label": 1}}, {"id": "b", "vector": [3, 4]}]


@pytest.mark.parametrize(
    "text", [json.dumps(RECORDS), json.dumps({"data": RECORDS}), "\n".join(map(json.dumps, RECORDS))]
)
def test_records_of_vectors_come_as_a_list_under_data_or_in_lines(uploaded, vectors_of, text):
    info = uploaded(text, "json")
    assert (info["vector_type"], info["vector_dim"], info["attributes"]) == ("dense", 2, ["label"])
    assert vectors_of("a", "b") == [([1.0, 2.0], {"label": "1"}), ([3.0, 4.0], {})]


@pytest.mark.parametrize("wrap", [lambda rows: rows, lambda rows: {"data": rows}])
def test_flat_records_are_read_as_a_csv_is(uploaded, vectors_of, wrap):
    rows = [{"x": 1, "y": 2.5, "label": "a"}, {"x": 3, "y": None, "label": "b"}]
    info = uploaded(json.dumps(wrap(rows)), "json")
    assert (info["vector_dim"], info["attributes"]) == (2, ["label"])
    assert vectors_of("1") == [([3.0, None], {"label": "b"})]


def test_a_file_comes_as_a_form_too(world, ask, project):
    answer = ask.form(
        "upload",
        CSV.encode(),
        **project,
        collection_name="files",
        file_format="csv",
        has_field_names="true",
        attribute_names='["label"]',
        id_column="name",
    )
    assert answer.status_code == 200, answer.text
    assert ask("get_collection_info", **project, collection_name="files").json()["attributes"] == ["label"]
    assert list(world.scratch.iterdir()) == []


def test_what_a_form_says_as_text_is_read_as_what_it_means(ask, project):
    fields = {**project, "collection_name": "files", "file_format": "csv", "string_id_column": "0"}
    answer = ask.form(
        "upload", b"r1,1,a\nr2,2,b\n", **fields, has_field_names="False", attribute_names="2", vector_dim="1"
    )
    assert answer.status_code == 200, answer.text
    info = ask("get_collection_info", **project, collection_name="files").json()
    assert (info["vector_dim"], info["attributes"]) == (1, ["2"])
    assert "`has_field_names`" in told(ask.form("upload", b"a", **fields, has_field_names="maybe"), 400)


def test_a_form_needs_its_key_and_its_file(world, ask, project):
    fields = {**project, "collection_name": "files", "file_format": "csv"}
    assert "user_api_key" in told(ask.form("upload", b"a", user_api_key="", **fields), 401)
    form = {name: (None, value) for name, value in ask.with_key(fields).items()}
    assert "file" in told(world.call("POST", "/api/upload", key=None, files=form), 400)


def test_more_rows_go_behind_those_that_are_there(ask, uploaded, project):
    uploaded("x,y\n1,2\n", "csv")
    answer = ask("upload", **project, collection_name="files", file_data="eCx5CjMsNAo", file_format="csv")
    assert answer.json()["job_id"] == "admin_demo_files_UploadJob_2"
    assert ask("get_collection_info", **project, collection_name="files").json()["num_vectors"] == 2


@pytest.mark.parametrize(
    ("fields", "status", "message"),
    [
        ({"file_data": None}, 400, "`file_data` is required"),
        ({"file_data": "§"}, 400, "`file_data` must be a file in base64"),
        ({"file_data": 5}, 400, "`file_data` must be a file in base64"),
        ({"file_format": "xlsx"}, 400, "`file_format`"),
        ({"file_format": None}, 400, "`file_format`"),
        ({"compression_type": "zip"}, 400, "`compression_type`"),
        ({"compression_type": "gzip"}, 400, "not compressed so"),
        ({"vector_type": "dense8Bit"}, 400, "init"),
        ({"vector_type": "dense2Bit"}, 400, "vector_type"),
        ({"vector_dim": 0}, 400, "`vector_dim`"),
        ({"has_field_names": "maybe"}, 400, "`has_field_names`"),
        ({"project_name": "nowhere"}, 404, "does not exist"),
        ({"id_column": "nothing"}, 400, "nothing"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_is_left(ask, project, fields, status, message):
    sent = {**project, "collection_name": "files", "file_data": ENCODED, "file_format": "csv", **fields}
    assert message in told(ask("upload", **sent), status)
    assert ask("get_collection_info", **project, collection_name="files").status_code == 404
    assert list(ask.world.scratch.iterdir()) == []


def test_inputs_and_labels_come_apart(ask, project, b64):
    named = {**project, "collection_name": "iris"}
    inputs = ask(
        "upload_automl_X",
        **named,
        X=b64("width,kind\n1,a\n2,b\n3,a\n"),
        file_format="csv",
        has_field_names=True,
        vector_type="dense",
        categorical_features=["kind"],
    )
    assert inputs.json() == {"success": True, "job_id": "admin_demo_iris_UploadJob"}
    labels = ask(
        "attach_automl_label",
        **named,
        file_data=b64("y\n1\n0\n1\n"),
        file_format="csv",
        has_field_names=True,
        attribute_name="species",
    )
    assert labels.json() == {"success": True, "job_id": "admin_demo_iris_LabelJob"}
    for operation in ("get_automl_training_status", "get_upload_data_status"):
        assert ask(operation, job_id="admin_demo_iris_LabelJob").json()["status"] == "finished"
    assert ask("get_collection_info", **named).json()["attributes"] == ["kind", "species"]
    assert ask("get_data", **named, string_id="2").json()["vectors"] == [
        {"string_id": "2", "data": [3.0], "attributes": {"kind": "a", "species": "1"}}
    ]


def test_labels_must_be_as_many_as_rows(ask, project, b64):
    named = {**project, "collection_name": "iris"}
    ask("upload_automl_X", **named, X=b64("width\n1\n2\n"), file_format="csv", has_field_names=True)
    answer = ask("attach_automl_label", **named, file_data=b64("y\n1\n"), file_format="csv", attribute_name="species")
    assert told(answer, 400)
    assert ask("get_collection_info", **named).json()["attributes"] == []


PACKED = gzip.compress(json.dumps(RECORDS).encode())


@pytest.mark.parametrize("said", [{}, {"compression_type": "gzip"}])
def test_compressed_records_are_records_whether_or_not_it_is_said(uploaded, vectors_of, said):
    info = uploaded(PACKED, "json", **said)
    assert (info["vector_dim"], info["attributes"]) == (2, ["label"])
    assert vectors_of("a") == [([1.0, 2.0], {"label": "1"})]


def test_a_vector_that_begins_late_is_a_vector(uploaded):
    late = [{"string_id": "a", "note": "x" * 2**21, "data": [1, 2], "attributes": {"label": "x"}}]
    assert uploaded(json.dumps(late), "json")["attributes"] == ["label"]


def test_lines_may_begin_with_a_byte_order_mark(uploaded):
    lines = "\n".join(map(json.dumps, RECORDS)).encode("utf-8-sig")
    assert uploaded(lines, "json")["num_vectors"] == 2


def test_what_comes_beside_records_is_used(uploaded, vectors_of):
    records = json.dumps([{"data": {"1": 5}}, {"data": {}}])
    beside = {"string_ids": ["a", "b"], "attributes": [{"n": 1}, {}], "attribute_names": ["n"]}
    info = uploaded(records, "json", vector_type="sparse", vector_dim=9, **beside)
    assert (info["vector_type"], info["vector_dim"], info["attributes"]) == ("sparse", 9, ["n"])
    assert vectors_of("a", "b") == [({"1": 5.0}, {"n": "1"}), ({}, {})]


def test_the_column_of_ids_may_be_another_key(uploaded, vectors_of):
    uploaded(json.dumps([{"key": "a", "data": [1]}]), "json", id_column="key")
    assert vectors_of("a") == [([1.0], {})]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"string_ids": ["x", "y"]}, "ids stand in the file and came beside it"),
        ({"attributes": [{}, {"n": 1}]}, "attributes stand in the file and came beside it"),
        ({"attribute_names": ["nothing"]}, "No row of the file has the attribute 'nothing'"),
        ({"vector_dim": 3}, "row 1 has 2 numbers; vectors have 3 here"),
        ({"id_column": "nothing"}, "No record has the id column 'nothing'"),
        ({"compression_type": "gzip"}, "not compressed so"),
    ],
)
def test_what_does_not_go_with_records_is_refused(ask, project, b64, fields, message):
    records = [{"string_id": "a", "data": [1, 2], "attributes": {"label": 1}}, {"string_id": "b", "data": [3, 4]}]
    sent = {**project, "collection_name": "files", "file_format": "json", "file_data": b64(json.dumps(records))}
    assert message in told(ask("upload", **sent, **fields), 400)
    assert ask("get_collection_info", **project, collection_name="files").status_code == 404


def test_vectors_of_bytes_take_no_others_from_files(ask, project, b64):
    named = {**project, "collection_name": "bytes"}
    ask("init", **named, vector_type="dense8Bit", vector_dim=2)
    for content, file_format in (("x,y\n1,1.5\n", "csv"), (json.dumps([{"data": [0, -999]}]), "json")):
        assert "from 0 to 255" in told(ask("upload", **named, file_data=b64(content), file_format=file_format), 400)
    assert ask("get_collection_info", **named).json()["vector_type"] == "dense8Bit"


def test_one_value_has_one_spelling_however_it_comes(ask, project, b64):
    values = [1.0, 1, 1e20, 1.5, True, "1.0"]
    named = {**project, "collection_name": "spelled"}
    ask("init", **named, vector_type="dense", vector_dim=1)
    attributes = [{"by_batch": value} for value in values]
    ids = [str(row) for row in range(len(values))]
    ask("add_data_batch", **named, string_ids=ids, data=[[0]] * len(values), attributes=attributes)
    answer = ask(
        "attach_automl_label",
        **named,
        file_data=b64(gzip.compress(json.dumps(values).encode())),
        file_format="json",
        attribute_name="by_file",
    )
    assert answer.status_code == 200, answer.text
    found = ask("get_data", **named, string_ids=ids).json()["vectors"]
    for name in ("by_batch", "by_file"):
        assert [row["attributes"][name] for row in found] == ["1", "1", "1e+20", "1.5", "true", "1.0"]


def test_a_column_of_labels_is_bounded_and_read_in_the_scratch_folder(ask, collection, b64, monkeypatch):
    monkeypatch.setattr("athanor.services.collections.single_rows.LARGEST_BYTES", 1000)
    ask("add_data", **collection, data=[1, 2, 3])
    packed = b64(gzip.compress(b"y\n" + b"1\n" * 1000))
    answer = ask("attach_automl_label", **collection, file_data=packed, file_format="csv", attribute_name="y")
    assert "1,000 bytes" in told(answer, 413)
