"""Files that come with a word on how to read them, and what is said of the rows that could not be read."""

SEMICOLONS = b"a;b\n1,5;x\n2,5;y\n"
DATASETS = "/api/v1/automl/datasets"


def columns_of(world, answer):
    assert answer.status_code == 201, answer.text
    listed = world.call("GET", f"{DATASETS}/{answer.json()['id']}/columns").json()["columns"]
    return [(column["name"], column["storage"]) for column in listed]


def test_a_form_may_say_how_its_file_is_read(world):
    files = {"file": ("c.csv", SEMICOLONS)}
    plain = world.call("POST", DATASETS, files=files)
    assert columns_of(world, plain) == [("a", "float"), ("b", "string")]
    told = world.call("POST", DATASETS, files=files, data={"delimiter": "|", "has_header": "false"})
    assert [storage for _, storage in columns_of(world, told)] == ["string"]
    assert told.json()["rows"] == 3


def test_the_query_of_an_upload_may_say_how_its_file_is_read(world):
    opened = world.call("POST", f"{DATASETS}/upload-url", json={"filename": "c.csv"}).json()
    told = world.call("PUT", f"{opened['uploadUrl']}?delimiter=%7C&has_header=false", content=SEMICOLONS)
    assert [storage for _, storage in columns_of(world, told)] == ["string"]


def test_an_option_that_cannot_be_is_refused_by_its_name(world):
    answer = world.call("POST", DATASETS, files={"file": ("c.csv", SEMICOLONS)}, data={"delimiter": "::"})
    assert answer.status_code == 400
    assert answer.json()["error"]["details"][0]["field"] == "delimiter"


def test_rows_that_could_not_be_read_are_counted(world):
    lines = [b"%d,x" % number for number in range(200)]
    lines[50] = b"50,x,y"
    content = b"a,b\n" + b"\n".join(lines) + b"\n"
    answer = world.call("POST", DATASETS, files={"file": ("c.csv", content)}).json()
    assert (answer["rows"], answer["rejected"]) == (199, 1)
    assert any("52" in warning for warning in answer["warnings"])
