"""Serves one model version to the gateway: reads frames from a socket, scores rows, answers frames.

A frame is: length of the payload (u32 little-endian), id (u32), op (u8), codec (u8), payload.
Ops: 1 HELLO, 2 LOAD, 3 PREDICT, 4 RESULT, 5 ERROR, 6 DRAIN, 7 STATS. Codecs: 0 rows (below), 2 JSON.
Rows: number of rows (u32), length of a JSON text (u32), the JSON text, then columns of float64 one after another.
A result of a DataFrame has NAMED for its width, then the length of a JSON text (u32) with the names of its columns, that text, and the result.
The process ends when the socket does, so it never outlives its gateway.
"""

import argparse
import base64
import binascii
import json
import os
import resource
import signal
import socket
import struct
import sys
import threading
import time
import traceback
from pathlib import Path

from slipway.lower.mlmodel import load_object, read_yaml

HELLO, LOAD, PREDICT, RESULT, ERROR, DRAIN, STATS = 1, 2, 3, 4, 5, 6, 7
ROWS, JSON = 0, 2
HEAD = struct.Struct("<IIBB")
COUNTS = struct.Struct("<II")
JSON_WIDTH = 0xFFFFFFFF
NAMED = 0xFFFFFFFE
MAX_FRAME = 256 * 1024 * 1024
WARM_CALLS = 3
MAX_EXAMPLE = 100


class Gone(Exception):
    """The gateway closed the socket."""


class Refused(Exception):
    """The rows or params of a call do not fit the model, which has not seen them."""


class Channel:
    """Frames over a connected stream socket."""

    def __init__(self, stream: socket.socket):
        self._stream = stream

    def receive(self) -> "tuple[int, int, int, bytes]":
        """The next frame as (id, op, codec, payload). Raises Gone at the end of the stream."""
        length, number, op, codec = HEAD.unpack(self._read(HEAD.size))
        if length > MAX_FRAME:
            raise Gone(f"a frame of {length} bytes")
        return number, op, codec, self._read(length)

    def send(self, number: int, op: int, codec: int, payload: bytes) -> None:
        """Sends one frame."""
        self._stream.sendall(HEAD.pack(len(payload), number, op, codec) + payload)

    def send_json(self, number: int, op: int, value) -> None:
        """Sends one frame with a JSON payload."""
        self.send(number, op, JSON, json.dumps(value).encode("utf-8"))

    def _read(self, count: int) -> bytes:
        data = bytearray(count)
        view = memoryview(data)
        while view:
            got = self._stream.recv_into(view)
            if got == 0:
                raise Gone("end of stream")
            view = view[got:]
        return bytes(data)


class Model:
    """A loaded MLflow model folder: `call(frame, params)` gives what its predict function gives. `pyfunc` is MLflow's wrapper, where it made one."""

    pyfunc = None

    def __init__(self, folder: Path):
        meta = read_yaml(folder / "MLmodel")
        flavors = meta.get("flavors") or {}
        sklearn = flavors.get("sklearn") or {}
        if sklearn.get("pickled_model"):
            self.flavor = "sklearn"
            self.call = self._open_sklearn(folder, flavors)
        else:
            self.flavor = "pyfunc"
            self.call = self._open_pyfunc(folder)

    def _open_sklearn(self, folder: Path, flavors: dict):
        pyfunc = flavors.get("python_function") or {}
        sklearn = flavors["sklearn"]
        for code in (pyfunc.get("code"), sklearn.get("code")):
            if code:
                sys.path.insert(0, str(folder / code))
        estimator = load_object(folder / sklearn["pickled_model"], sklearn)
        predict = getattr(estimator, pyfunc.get("predict_fn") or "predict")
        return lambda frame, params: predict(frame)  # like MLflow's own wrapper, it hands no params on

    def _open_pyfunc(self, folder: Path):
        import mlflow.pyfunc

        model = self.pyfunc = mlflow.pyfunc.load_model(str(folder))
        return lambda frame, params: model.predict(frame, params=params) if params else model.predict(frame)


class Frames:
    """Builds what the model is fed: a DataFrame by the signature's types, or an array for a tensor signature."""

    def __init__(self, inputs: list, tensor: "str | None", dims: "list | None" = None, listed: bool = False):
        self.inputs = inputs
        self._listed = listed  # the model takes a list of the values of its only input
        self._tensor = tensor
        self._dims = [len(inputs)] if dims is None else dims
        self._texts = {i for i, column in enumerate(inputs) if column["kind"] == "string"}

    def build(self, payload: bytes):
        """(data, params) of one PREDICT payload."""
        import numpy as np

        count, size = COUNTS.unpack_from(payload)
        start = COUNTS.size
        extra = json.loads(payload[start : start + size]) if size else {}
        numbers = np.frombuffer(payload, dtype="<f8", offset=start + size)
        texts = iter(extra.get("texts", ()))
        whole = extra.get("whole", {})
        columns, at = [], 0
        for i in range(len(self.inputs)):
            if i in self._texts:
                columns.append(next(texts))
            else:
                columns.append(exact(whole.get(str(i)), numbers[at : at + count]))
                at += count
        params = extra.get("params")
        if self._tensor is not None:
            return self._array(columns, count), params
        if self._listed:
            return list(columns[0]) if self._texts else self._frame(columns).iloc[:, 0].tolist(), params
        return self._frame(columns), params

    def _array(self, columns, count: int):
        """The tensor [rows, …]. Only numbers with a fraction can be missing in one."""
        import numpy as np

        array = np.empty((count, len(columns)), dtype=object if self._texts else self._tensor)
        for i, values in enumerate(columns):
            missing = None in values if self._texts else array.dtype.kind in "iub" and values.dtype.kind == "f" and np.isnan(values).any()
            if missing:
                raise Refused(f"{self.inputs[i]['name']}: a value is missing, and a tensor of {self._tensor} has no way to say so")
            array[:, i] = values
        return array.astype(self._tensor, copy=False).reshape([count, *self._dims])

    def _frame(self, columns):
        import pandas as pd

        data = {}
        for column, values in zip(self.inputs, columns):
            try:
                data[column["name"]] = self._series(column["dtype"], values)
            except (ValueError, OverflowError) as error:
                raise Refused(f"{column['name']}: {error}") from error
        return pd.DataFrame(data, copy=False)

    def _series(self, dtype: str, values):
        """Missing values: NaN in numbers, texts and whole numbers (which then are floats), None in booleans, NaT in times."""
        import numpy as np
        import pandas as pd

        if dtype == "string":
            series = np.array(values, dtype=object)
            series[[value is None for value in values]] = np.nan
            return series
        if dtype == "binary":
            return pd.Series([None if value is None else from_base64(value) for value in values], dtype=object)
        if dtype == "datetime":
            mixed = {"format": "mixed"} if int(pd.__version__.split(".")[0]) >= 2 else {}
            return pd.to_datetime(pd.Series(values, dtype=object), utc=True, **mixed).dt.tz_localize(None)
        if dtype == "double":
            return values
        if dtype == "float":
            return values.astype("float32")
        if dtype == "boolean":
            if not np.isnan(values).any():
                return values.astype(bool)
            return np.array([None if value != value else bool(value) for value in values], dtype=object)
        if np.isnan(values).any():
            return values
        return values.astype("int32" if dtype == "integer" else "int64")


def encode_example(inputs: list, rows: list) -> bytes:
    """Rows by column name as a PREDICT payload; what is absent is an empty text or zero."""
    texts = [[row.get(c["name"], "") for row in rows] for c in inputs if c["kind"] == "string"]
    extra = json.dumps({"texts": texts}).encode("utf-8")
    numbers = b""
    for column in inputs:
        if column["kind"] != "string":
            values = [row.get(column["name"], 0) for row in rows]
            values = [float("nan") if value is None else float(value) for value in values]
            numbers += struct.pack(f"<{len(values)}d", *values)
    return COUNTS.pack(len(rows), len(extra)) + extra + numbers


def exact(whole: "list | None", numbers):
    """A column of whole numbers that float64 cannot hold, unless one is missing: then the column is float64 anyway."""
    import numpy as np

    if whole is None or None in whole:
        return numbers
    return np.array(whole, dtype="int64")


def from_base64(text: str) -> bytes:
    """The bytes that JSON carries in base64, as MLflow's scoring has them. Raises ValueError."""
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except binascii.Error as error:
        raise ValueError(f"got {text[:80]!r}, expected base64 ({error})") from error


def encode_result(output, count: int) -> bytes:
    """The output of a model as a payload, with the names of its columns where it is a DataFrame, a Series or a dict of columns."""
    if isinstance(output, dict):
        output = frame_of(output, count)
    if not hasattr(output, "to_numpy"):
        return encode_values(output, count)
    width = output.shape[1] if output.ndim == 2 else 0
    if width > 1 and not all(kind.kind in "fiu" for kind in output.dtypes):
        return encode_json(output.to_dict(orient="records"), count)
    names = [str(name) for name in output.columns] if output.ndim == 2 else ["0" if output.name is None else str(output.name)]
    if width == 1:
        output = output.iloc[:, 0]
    text = json.dumps(names).encode("utf-8")
    values = output if output.ndim == 1 and output.dtype.kind not in "biuf" else output.to_numpy()
    return COUNTS.pack(count, NAMED) + struct.pack("<I", len(text)) + text + encode_values(values, count)


def split_names(payload: bytes) -> "tuple[list | None, bytes]":
    """The names of the columns of a result, where it has some, and the result without them."""
    if COUNTS.unpack_from(payload)[1] != NAMED:
        return None, payload
    start = COUNTS.size + 4
    end = start + struct.unpack_from("<I", payload, COUNTS.size)[0]
    return json.loads(payload[start:end]), payload[end:]


def frame_of(columns: dict, count: int):
    """A dict of columns, as models of several outputs answer, as a DataFrame."""
    import pandas as pd

    plain_columns = {}
    for name, values in columns.items():
        values = values.tolist() if hasattr(values, "tolist") else values
        if not isinstance(values, (list, tuple)) or len(values) != count:
            raise ValueError(f"the model answered a dict whose item {name!r} is not one value for each of {count} rows")
        plain_columns[name] = list(values)
    return pd.DataFrame(plain_columns)


def encode_values(values, count: int) -> bytes:
    """Values as a payload: float64 scalars or rows where they are numeric, else JSON. Checks the number of rows."""
    import numpy as np

    if not hasattr(values, "__len__") or isinstance(values, (str, bytes)):
        raise ValueError(f"the model answered one {type(values).__name__} for {count} rows")
    array = values if isinstance(values, np.ndarray) else np.asarray(values)
    if array.ndim > 2 or isinstance(values, np.ndarray) and array.ndim == 0:
        raise ValueError(f"the model answered an array of shape {array.shape} for {count} rows; one value or one list a row is served")
    if array.ndim in (1, 2) and array.dtype.kind in "fiu":
        if array.dtype.kind in "iu" and array.size and outgrows_float(array):
            return encode_json(array.tolist(), count)
        if array.shape[0] != count:
            raise ValueError(f"the model answered {array.shape[0]} rows for {count}")
        width = array.shape[1] if array.ndim == 2 else 0
        return COUNTS.pack(count, width) + np.ascontiguousarray(array, dtype="<f8").tobytes()
    if isinstance(values, np.ndarray):
        values = np.datetime_as_string(values) if array.dtype.kind == "M" else values
        return encode_json(values.tolist(), count)
    return encode_json(list(values), count)


def outgrows_float(array) -> bool:
    """True when a whole number of the array lies beyond 2^53, where float64 has gaps."""
    return int(array.max()) > 2**53 or int(array.min()) < -(2**53)


def encode_json(values: list, count: int) -> bytes:
    """A list of any JSON values as a payload; NaN becomes null."""
    if len(values) != count:
        raise ValueError(f"the model answered {len(values)} rows for {count}")
    return COUNTS.pack(count, JSON_WIDTH) + json.dumps(plain(values), allow_nan=False).encode("utf-8")


def plain(value):
    """A value as JSON can carry it."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, (bytes, bytearray)):
        return base64.encodebytes(value).decode("ascii")
    if hasattr(value, "isoformat"):
        return value.isoformat() if value == value else None
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else None
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if value is None or isinstance(value, (str, int, bool)):
        return value
    return None if type(value).__name__ in ("NAType", "NaTType") else str(value)


class Scorer:
    """Answers the frames of one gateway until it is told to end or the gateway goes."""

    def __init__(self, channel: Channel, folder: Path):
        self._channel = channel
        self._folder = folder
        self._model: "Model | None" = None
        self._frames: "Frames | None" = None
        self._calls = 0
        self._rows = 0
        self._told = 0.0

    def serve(self) -> None:
        """Reads and answers frames; returns after DRAIN."""
        self._channel.send_json(0, HELLO, {"pid": os.getpid(), "python": sys.version.split()[0]})
        while True:
            number, op, _, payload = self._channel.receive()
            if op == DRAIN:
                self._channel.send_json(number, RESULT, {"ok": True})
                return
            try:
                self._answer(number, op, payload)
            except Gone:
                raise
            except Exception as error:  # whatever the model raises is the caller's to know, and never ends the process
                refusal = refusal_of(error)
                if refusal is not None:
                    self._channel.send_json(number, ERROR, {"message": refusal[:2000], "refused": True})
                    continue
                self._tell()
                self._channel.send_json(number, ERROR, {"message": f"{type(error).__name__}: {error}"[:2000]})

    def _tell(self) -> None:
        """Prints a traceback, at most one a second: a model that fails all the time must not fill the disk."""
        now = time.monotonic()
        if now - self._told >= 1:
            self._told = now
            traceback.print_exc()

    def _answer(self, number: int, op: int, payload: bytes) -> None:
        if op == LOAD:
            self._channel.send_json(number, RESULT, self._load(json.loads(payload)))
        elif op == PREDICT:
            self._channel.send(number, RESULT, ROWS, self._predict(payload))
        elif op == STATS:
            self._channel.send_json(number, RESULT, {"calls": self._calls, "rows": self._rows, **usage()})
        else:
            raise ValueError(f"op {op} is not known")

    def _load(self, wanted: dict) -> dict:
        started = time.monotonic()
        self._frames = Frames(wanted["inputs"], wanted.get("tensor"), wanted.get("dims"), wanted.get("list", False))
        self._model = Model(self._folder)
        warm = self._warm_up()
        return {"flavor": self._model.flavor, "seconds": time.monotonic() - started, "warm": warm, **usage()}

    def _warm_up(self) -> "str | None":
        """Scores the model's input example, else one row without values, until lazy imports and thread pools are paid for.

        What it raised, or None: a model may refuse such a row, and that is no fault.
        """
        try:
            payload = self._example()
        except Exception:  # an example that cannot be read is no reason not to serve
            payload = None
        try:
            for _ in range(WARM_CALLS):
                self._predict(payload or self._zeros())
        except Exception as error:
            return f"{type(error).__name__}: {error}"[:500]
        finally:
            self._calls = self._rows = 0
        return None

    def _zeros(self) -> bytes:
        """A row of zeros and empty texts."""
        return encode_example(self._frames.inputs, [{}])

    def _example(self) -> "bytes | None":
        """The rows of the folder's input example, where it is a table with the model's columns."""
        info = read_yaml(self._folder / "MLmodel").get("saved_input_example_info") or {}
        if info.get("type") != "dataframe":
            return None
        table = json.loads((self._folder / info["artifact_path"]).read_text("utf-8"))
        rows = [dict(zip(table["columns"], row)) for row in table["data"][:MAX_EXAMPLE]]
        return encode_example(self._frames.inputs, rows) if rows else None

    def _predict(self, payload: bytes) -> bytes:
        data, params = self._frames.build(payload)
        process = os.getpid()
        try:
            answer = self._model.call(data, params)
        finally:
            if os.getpid() != process:  # a fork that came back from the model must not answer a second time
                os._exit(0)
        result = encode_result(answer, len(data))
        self._calls += 1
        self._rows += len(data)
        return result


def refusal_of(error: Exception) -> "str | None":
    """What is wrong with a caller's rows or params, where MLflow or this process found it before the model saw them; else None."""
    if isinstance(error, Refused):
        return str(error)
    text = str(error)
    if type(error).__name__ != "MlflowException" or not text.startswith(("Failed to enforce schema", "Invalid parameters found")):
        return None
    return text.split("Error: ", 1)[-1]


def usage() -> dict:
    """CPU seconds and peak resident megabytes of this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    peak = used.ru_maxrss / (1024 * 1024 if sys.platform == "darwin" else 1024)
    return {"cpu_seconds": used.ru_utime + used.ru_stime, "peak_mb": peak}


def limit_memory(megabytes: "int | None") -> None:
    """Lets allocations beyond so many megabytes fail in the model, where one caller sees it, instead of in the machine."""
    if megabytes is not None and sys.platform == "linux":
        size = megabytes * 1024 * 1024
        resource.setrlimit(resource.RLIMIT_DATA, (size, size))


def die_with_parent() -> None:
    """Ends this process when the gateway dies, even in the middle of a long call."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        if os.getpgrp() == os.getpid():
            os.killpg(0, signal.SIGKILL)
        os._exit(3)

    threading.Thread(target=watch, daemon=True).start()


def end_forks() -> None:
    """Ends what the model has forked and not ended, where the gateway has given this process a group of its own."""
    if os.getpgrp() == os.getpid():
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.killpg(0, signal.SIGTERM)


def connect(arguments: argparse.Namespace) -> socket.socket:
    """The socket to the gateway: inherited by number, or connected by path."""
    if arguments.fd is not None:
        stream = socket.socket(fileno=arguments.fd)
    else:
        stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        stream.connect(arguments.socket)
    stream.setblocking(True)
    return stream


def main(argv: "list[str] | None" = None) -> int:
    """`python -m slipway.scorer (--fd N | --socket PATH) --model DIR [--cap-mb N]`"""
    parser = argparse.ArgumentParser(prog="slipway.scorer", description="Serve one model version to a gateway.")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--fd", type=int, help="number of an inherited, connected socket")
    where.add_argument("--socket", help="path of a unix socket to connect to")
    parser.add_argument("--model", type=Path, required=True, help="MLflow model folder")
    parser.add_argument("--cap-mb", type=int, help="megabytes beyond which allocations fail")
    arguments = parser.parse_args(argv)
    limit_memory(arguments.cap_mb)
    die_with_parent()
    try:
        Scorer(Channel(connect(arguments)), arguments.model).serve()
    except (Gone, ConnectionError):
        pass
    end_forks()
    return 0
