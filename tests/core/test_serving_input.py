"""What the model server reads: every form of the same rows is the same rows, and every mistake has a name."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jupyter_mlplat.errors import Malformed
from jupyter_mlplat.serving.data import Data
from jupyter_mlplat.serving.inference import read_request, render_outputs
from jupyter_mlplat.serving.invocations import Reader
from jupyter_mlplat.serving.render import predictions
from jupyter_mlplat.serving.schema import Column, Signature, Tensor

NUMBERS = Signature(columns=(Column("alpha", "double"), Column("beta gamma", "long")))
FLOATS = Signature(columns=(Column("alpha", "float"), Column("beta", "float")))
MIXED = Signature(
    columns=(
        Column("age", "integer"),
        Column("city", "string"),
        Column("member", "boolean"),
        Column("since", "datetime"),
        Column("note", "string", required=False),
        Column("picture", "binary", required=False),
    ),
    parameters={"threshold": "double"},
)
IMAGE = Signature(tensors=(Tensor("input", "float64", (-1, 3)),))
PAIR = Signature(tensors=(Tensor("left", "float32", (-1, 2)), Tensor("right", "int64", (-1,))))

ROWS = [[1.5, 2], [-3.25, 40]]


def body(value: object) -> bytes:
    return json.dumps(value).encode()


def split(columns: list[str], rows: list[list[Any]]) -> bytes:
    return body({"dataframe_split": {"columns": columns, "data": rows}})


SAME_ROWS = {
    "split": {"dataframe_split": {"columns": ["alpha", "beta gamma"], "data": ROWS}},
    "split with index": {"dataframe_split": {"index": [7, 8], "columns": ["alpha", "beta gamma"], "data": ROWS}},
    "split in another order": {
        "dataframe_split": {"columns": ["beta gamma", "alpha"], "data": [[2, 1.5], [40, -3.25]]}
    },
    "split with a column more": {
        "dataframe_split": {"columns": ["alpha", "x", "beta gamma"], "data": [[1.5, "?", 2], [-3.25, None, 40]]}
    },
    "records": {"dataframe_records": [{"alpha": 1.5, "beta gamma": 2}, {"beta gamma": 40, "alpha": -3.25}]},
    "instances": {"instances": [{"alpha": 1.5, "beta gamma": 2}, {"alpha": -3.25, "beta gamma": 40}]},
    "inputs by column": {"inputs": {"alpha": [1.5, -3.25], "beta gamma": [2, 40]}},
    "inputs by row": {"inputs": [{"alpha": 1.5, "beta gamma": 2}, {"alpha": -3.25, "beta gamma": 40.0}]},
}


@pytest.mark.parametrize("form", SAME_ROWS)
@pytest.mark.parametrize("quick", [True, False])
def test_every_form_of_a_table_gives_the_same_rows(form: str, quick: bool) -> None:
    read = Reader(NUMBERS, quick=quick).json(body(SAME_ROWS[form]))
    assert read.matrix is not None
    assert read.matrix.dtype == np.float64
    np.testing.assert_array_equal(read.matrix, ROWS)


def test_csv_gives_the_same_rows() -> None:
    read = Reader(NUMBERS).csv(b"beta gamma,alpha\r\n2,1.5\r\n40,-3.25\r\n")
    assert read.matrix is not None
    np.testing.assert_array_equal(read.matrix, ROWS)


def test_columns_of_single_precision_stay_so() -> None:
    read = Reader(FLOATS).json(split(["alpha", "beta"], [[0.1, None]]))
    assert read.matrix is not None
    assert read.matrix.dtype == np.float32
    assert np.isnan(read.matrix[0, 1])


def test_each_type_of_column_arrives_as_what_mlflow_wants() -> None:
    row = {"age": 3, "city": "Köln", "member": True, "since": "2026-03-01T10:00:00+01:00", "picture": "AAEC"}
    read = Reader(MIXED).json(body({"dataframe_records": [row], "params": {"threshold": 0.5}}))
    frame = read.for_mlflow(MIXED)
    found = {name: str(kind) for name, kind in frame.dtypes.items()}
    assert found.pop("city") in ("str", "object")  # pandas 3 and 2
    assert found == {
        "age": "int32",
        "member": "bool",
        "since": "datetime64[ns]",
        "picture": "object",
    }
    assert frame["since"][0].isoformat() == "2026-03-01T09:00:00"
    assert frame["picture"][0] == b"\x00\x01\x02"
    assert read.parameters == {"threshold": 0.5}


WRONG = {
    "nothing": (NUMBERS, b"", "the body is empty"),
    "blanks": (NUMBERS, b"  \n", "the body is empty"),
    "no JSON": (NUMBERS, b"{", "the body is not JSON"),
    "NaN": (NUMBERS, b'{"inputs": {"alpha": [NaN], "beta gamma": [1]}}', "the body is not JSON"),
    "Infinity": (NUMBERS, b'{"inputs": {"alpha": [-Infinity], "beta gamma": [1]}}', "the body is not JSON"),
    "two documents": (NUMBERS, b'{"inputs": []} {}', "the body is not JSON"),
    "broken UTF-8": (NUMBERS, b'{"inputs": "\xff"}', "the body is not JSON"),
    "too deep": (NUMBERS, b"[" * 100_000, "nested too deeply"),
    "a list": (NUMBERS, b"[]", "must be a JSON object"),
    "no form": (NUMBERS, body({"rows": []}), "exactly one of"),
    "two forms": (NUMBERS, body({"inputs": {}, "instances": []}), "exactly one of"),
    "a field more": (NUMBERS, body({"inputs": {}, "parms": {}}), "unknown field 'parms'"),
    "unknown parameter": (MIXED, body({"inputs": {}, "params": {"treshold": 1}}), "no parameter 'treshold'"),
    "parameters for none": (NUMBERS, body({"inputs": {}, "params": {"x": 1}}), "no parameter 'x'"),
    "params a list": (MIXED, body({"inputs": {}, "params": [1]}), "params must be an object"),
    "split a list": (NUMBERS, body({"dataframe_split": []}), "must be an object"),
    "split without columns": (NUMBERS, body({"dataframe_split": {"data": [[1, 2]]}}), "needs columns"),
    "split without data": (NUMBERS, body({"dataframe_split": {"columns": ["alpha"]}}), "needs data"),
    "split with more": (NUMBERS, body({"dataframe_split": {"columns": [], "data": [], "rows": 1}}), "'rows'"),
    "no rows": (NUMBERS, split(["alpha", "beta gamma"], []), "there are no rows"),
    "no records": (NUMBERS, body({"dataframe_records": []}), "there are no rows"),
    "missing column": (NUMBERS, split(["alpha"], [[1]]), "missing columns: 'beta gamma'"),
    "column twice": (NUMBERS, split(["alpha", "alpha", "beta gamma"], [[1, 1, 1]]), "'alpha' is named twice"),
    "ragged": (NUMBERS, split(["alpha", "beta gamma"], [[1, 2], [1]]), "row 1 has 1 values, there are 2 columns"),
    "row no list": (NUMBERS, split(["alpha", "beta gamma"], [5]), "row 0 must be a list"),  # type: ignore[list-item]
    "record no object": (NUMBERS, body({"dataframe_records": [5]}), "row 0 must be an object"),
    "record lacks": (
        NUMBERS,
        body({"dataframe_records": [{"alpha": 1, "beta gamma": 1}, {"alpha": 1}]}),
        "column 'beta gamma', row 1: missing",
    ),
    "lists without names": (NUMBERS, body({"instances": [[1, 2]]}), "must name the columns"),
    "lengths differ": (NUMBERS, body({"inputs": {"alpha": [1], "beta gamma": [1, 2]}}), "different lengths: 1 to 2"),
    "text": (NUMBERS, split(["alpha", "beta gamma"], [["1", 1]]), "column 'alpha', row 0: a number is needed, not '1'"),
    "true": (
        NUMBERS,
        split(["alpha", "beta gamma"], [[True, 1]]),
        "column 'alpha', row 0: a number is needed, not true",
    ),
    "object": (NUMBERS, split(["alpha", "beta gamma"], [[{}, 1]]), "column 'alpha', row 0"),
    "fraction": (NUMBERS, split(["alpha", "beta gamma"], [[1, 1.5]]), "column 'beta gamma', row 0: a whole number"),
    "null in whole": (NUMBERS, split(["alpha", "beta gamma"], [[1, None]]), "column 'beta gamma', row 0"),
    "over 64 bits": (NUMBERS, split(["alpha", "beta gamma"], [[1, 2**63]]), "does not fit into 64 bits"),
    "over double": (NUMBERS, split(["alpha", "beta gamma"], [[10**400, 1]]), "the number is too large"),
    "1e999": (NUMBERS, b'{"inputs": {"alpha": [1e999], "beta gamma": [1]}}', "the body is not JSON"),
    "over 32 bits": (
        MIXED,
        body({"inputs": [{"age": 2**31, "city": "", "member": True, "since": "2026-01-01"}]}),
        "32",
    ),
    "no boolean": (MIXED, body({"inputs": [{"age": 1, "city": "", "member": 1, "since": "2026-01-01"}]}), "'member'"),
    "no time": (MIXED, body({"inputs": [{"age": 1, "city": "", "member": True, "since": "soon"}]}), "'since', row 0"),
    "time as number": (MIXED, body({"inputs": [{"age": 1, "city": "", "member": True, "since": 5}]}), "'since', row 0"),
    "no string": (MIXED, body({"inputs": [{"age": 1, "city": 5, "member": True, "since": "2026-01-01"}]}), "'city'"),
    "no base64": (
        MIXED,
        body({"inputs": [{"age": 1, "city": "", "member": True, "since": "2026-01-01", "picture": "%"}]}),
        "'picture'",
    ),
    "tensor ragged": (IMAGE, body({"inputs": [[1, 2, 3], [1]]}), "different lengths"),
    "tensor narrow": (IMAGE, body({"inputs": [[1, 2]]}), "the shape must be [-1, 3], not [1, 2]"),
    "tensor text": (IMAGE, body({"inputs": [["1", "2", "3"]]}), "a number is needed"),
    "tensor null": (IMAGE, body({"inputs": [[None, 2, 3]]}), "a number is needed"),
    "tensor empty": (IMAGE, body({"inputs": []}), "the shape must be"),
    "tensor missing": (PAIR, body({"inputs": {"left": [[1, 2]]}}), "column 'right': missing"),
    "tensor unknown": (PAIR, body({"inputs": {"left": [[1, 2]], "right": [1], "x": []}}), "no such input"),
    "tensor unnamed": (PAIR, body({"inputs": [[1, 2]]}), "must be named"),
    "tensor fraction": (PAIR, body({"inputs": {"left": [[1, 2]], "right": [1.5]}}), "a whole number is needed"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_body_is_refused_with_one_line_that_names_the_place(case: str) -> None:
    signature, sent, expected = WRONG[case]
    with pytest.raises(Malformed) as caught:
        Reader(signature).json(sent)
    assert expected in caught.value.message
    assert "\n" not in caught.value.message
    assert len(caught.value.message) < 400


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (b"", "empty"),
        (b"alpha,beta gamma\n", "no rows"),
        (b"alpha,beta gamma\n1,x\n", "column 'beta gamma', row 0"),
        (b"alpha,beta gamma\n1\n", "row 0 has 1 values"),
        (b"alpha,beta gamma\n1,2,3\n", "row 0 has 3 values"),
        (b"alpha\n1\n", "missing columns"),
        (b"alpha,beta gamma\nnan,2\n", "column 'alpha', row 0"),
        (b"\xff\xfe", "not CSV"),
        (b'alpha,"beta\n1,2\n', "not CSV"),
    ],
)
def test_wrong_csv_is_refused(sent: bytes, expected: str) -> None:
    with pytest.raises(Malformed) as caught:
        Reader(NUMBERS).csv(sent)
    assert expected in caught.value.message


# --- properties -------------------------------------------------------------------------------------

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=3),
    st.lists(st.integers(), max_size=2),
)


def outcome(reader: Reader, sent: bytes) -> object:
    try:
        read = reader.json(sent)
    except Malformed as error:
        return error.message
    assert read.matrix is not None
    return read.matrix.dtype.str, read.matrix.shape, read.matrix.tobytes()


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    rows=st.lists(st.lists(SCALARS, min_size=2, max_size=2), max_size=4),
    form=st.sampled_from(["split", "records", "inputs"]),
)
def test_the_quick_way_and_the_careful_way_read_the_same(rows: list[list[Any]], form: str) -> None:
    names = ["alpha", "beta gamma"]
    if form == "split":
        sent = split(names, rows)
    elif form == "records":
        sent = body({"dataframe_records": [dict(zip(names, row, strict=True)) for row in rows]})
    else:
        sent = body({"inputs": {name: [row[index] for row in rows] for index, name in enumerate(names)}})
    assert outcome(Reader(NUMBERS), sent) == outcome(Reader(NUMBERS, quick=False), sent)


JSON_VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    value=JSON_VALUES,
    form=st.sampled_from(["dataframe_split", "dataframe_records", "inputs", "instances", "params", "x"]),
    signature=st.sampled_from([NUMBERS, MIXED, IMAGE, PAIR]),
)
def test_whatever_json_arrives_it_is_read_or_refused(value: object, form: str, signature: Signature) -> None:
    try:
        assert isinstance(Reader(signature).json(body({form: value})), Data)
    except Malformed:
        pass
    try:
        read_request(signature, body({"inputs": [value], "id": "1"}))
    except Malformed:
        pass


@settings(max_examples=200, deadline=None, derandomize=True)
@given(sent=st.binary(max_size=60))
def test_whatever_bytes_arrive_they_are_read_or_refused(sent: bytes) -> None:
    for read in (Reader(NUMBERS).json, Reader(NUMBERS).csv, lambda data: read_request(NUMBERS, data)):
        try:
            read(sent)
        except Malformed:
            pass


# --- the Open Inference Protocol --------------------------------------------------------------------


def tensor(name: str, datatype: str, shape: list[int], data: list[Any], **more: Any) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": shape, "data": data, **more}


@pytest.mark.parametrize(
    "inputs",
    [
        [tensor("alpha", "FP64", [2], [1.5, -3.25]), tensor("beta gamma", "INT64", [2], [2, 40])],
        [tensor("beta gamma", "INT32", [2, 1], [2, 40]), tensor("alpha", "FP32", [2, 1], [[1.5], [-3.25]])],
    ],
)
def test_columns_are_tensors_by_name(inputs: list[dict[str, Any]]) -> None:
    request = read_request(NUMBERS, body({"id": "7", "inputs": inputs, "outputs": [{"name": "predictions"}]}))
    assert (request.id, request.outputs) == ("7", ("predictions",))
    assert request.data.matrix is not None
    np.testing.assert_array_equal(request.data.matrix, ROWS)


@pytest.mark.parametrize("data", [[1, 2, 3, 4, 5, 6], [[1, 2, 3], [4, 5, 6]]])
def test_tensor_data_is_flat_or_nested(data: list[Any]) -> None:
    request = read_request(IMAGE, body({"inputs": [tensor("input", "FP64", [2, 3], data)]}))
    assert request.data.matrix is not None
    np.testing.assert_array_equal(request.data.matrix, [[1, 2, 3], [4, 5, 6]])


GOOD = [tensor("alpha", "FP64", [1], [1]), tensor("beta gamma", "INT64", [1], [2])]


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ({"inputs": []}, "must be a list of tensors"),
        ({"inputs": {}}, "must be a list of tensors"),
        ({"inputs": GOOD, "id": 5}, "id must be a string"),
        ({"inputs": GOOD, "output": []}, "unknown field 'output'"),
        ({"inputs": GOOD, "outputs": [{}]}, "needs a name"),
        ({"inputs": GOOD[:1]}, "missing columns: 'beta gamma'"),
        ({"inputs": [*GOOD, GOOD[0]]}, "column 'alpha': given twice"),
        ({"inputs": [*GOOD, tensor("x", "FP64", [1], [1])]}, "no input 'x'"),
        ({"inputs": [{"datatype": "FP64"}]}, "inputs[0] needs a name"),
        ({"inputs": [tensor("alpha", "DOUBLE", [1], [1]), GOOD[1]]}, "no datatype 'DOUBLE'"),
        ({"inputs": [tensor("alpha", "BYTES", [1], ["1"]), GOOD[1]]}, "datatype FP64 is needed, not BYTES"),
        ({"inputs": [GOOD[0], tensor("beta gamma", "FP64", [1], [1])]}, "datatype INT64 is needed, not FP64"),
        ({"inputs": [tensor("alpha", "FP64", [2], [1]), GOOD[1]]}, "needs 2 values, not 1"),
        ({"inputs": [tensor("alpha", "FP64", [-1], [1]), GOOD[1]]}, "shape must be a list of whole numbers"),
        ({"inputs": [tensor("alpha", "FP64", [1, 1, 1], [1]), GOOD[1]]}, "the shape must be [rows] or [rows, 1]"),
        ({"inputs": [tensor("alpha", "FP64", [2], [1, 2]), GOOD[1]]}, "has 1 rows, the columns before it have 2"),
        ({"inputs": [tensor("alpha", "FP64", [1], ["x"]), GOOD[1]]}, "column 'alpha', row 0: a number is needed"),
        ({"inputs": [{**GOOD[0], "date": 1}, GOOD[1]]}, "unknown field 'date'"),
        ({"inputs": [{"name": "alpha", "shape": [1], "datatype": "FP64"}, GOOD[1]]}, "data must be a list"),
        ({"inputs": [tensor("alpha", "FP64", [0], []), tensor("beta gamma", "INT64", [0], [])]}, "there are no rows"),
    ],
)
def test_a_wrong_inference_request_is_refused(sent: dict[str, Any], expected: str) -> None:
    with pytest.raises(Malformed) as caught:
        read_request(NUMBERS, body(sent))
    assert expected in caught.value.message


def test_outputs_have_names_types_and_shapes() -> None:
    signature = Signature(output_tensors=(Tensor("predictions", "float64", (-1, 2)),))
    assert render_outputs(signature, np.array([[0.25, np.nan]]), ()) == [
        {"name": "predictions", "datatype": "FP64", "shape": [1, 2], "data": [0.25, None]}
    ]
    assert render_outputs(Signature(), np.array(["a", "b"], dtype=object), ())[0]["datatype"] == "BYTES"
    with pytest.raises(Malformed, match="no output 'x'"):
        render_outputs(signature, np.array([1.0]), ("x",))


def test_predictions_are_strict_json() -> None:
    import pandas as pd

    frame = pd.DataFrame(
        {"score": [0.5, float("inf")], "label": ["a", None], "at": pd.to_datetime(["2026-01-01", None])}
    )
    for raw, expected in [
        (np.array([1, 2]), [1, 2]),
        (np.array([np.nan, 1.5]), [None, 1.5]),
        (
            frame,
            [{"score": 0.5, "label": "a", "at": "2026-01-01T00:00:00"}, {"score": None, "label": None, "at": None}],
        ),
        (pd.Series([True, False]), [True, False]),
        ({"a": np.float32(0.5), "b": [np.int64(3)]}, {"a": 0.5, "b": [3]}),
        ("text", "text"),
        ([b"\x00"], ["AA=="]),
    ]:
        sent = predictions(raw)
        assert json.loads(sent, parse_constant=pytest.fail) == {"predictions": expected}
