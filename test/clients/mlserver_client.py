"""Calls a gateway with the client parts of the mlserver package: its codecs over HTTP, its gRPC stubs, and `mlserver infer`.

`mlserver_client.py HTTP GRPC` prints one JSON line a check. The gateway serves echo models: floats, wholes, flags, texts.
Each answers with its one input `x`.
"""

import json
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from pathlib import Path

import grpc
import numpy as np
import pandas as pd
from mlserver.codecs import NumpyCodec, NumpyRequestCodec, PandasCodec, StringCodec
from mlserver.grpc import converters, dataplane_pb2, dataplane_pb2_grpc, model_repository_pb2, model_repository_pb2_grpc
from mlserver.types import InferenceRequest, InferenceResponse, MetadataModelResponse, RepositoryIndexResponse
from checks import FAILED, attempt

HTTP, GRPC = sys.argv[1:3]

VALUES = {
    "floats": [0.5, -1e300, 3.141592653589793],
    "wholes": [2**53 + 1, -(2**63), 2**63 - 1],
    "flags": [True, False, True],
    "texts": ["a", "ünï🙂", ""],
}


def http(path, body=None):
    """The text that a path answers; a body is posted."""
    data = None if body is None else body.encode()
    headers = {"content-type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(f"http://{HTTP}{path}", data, headers), timeout=240) as reply:
        return reply.read().decode()


def sent(model):
    """The model's rows, encoded by the package."""
    values = VALUES[model]
    if model == "texts":
        return InferenceRequest(id="id-7", inputs=[StringCodec.encode_input("x", values)])
    return InferenceRequest(id="id-7", inputs=[NumpyCodec.encode_input("x", np.array(values))])


def got(model, response):
    """The values of a response, decoded by the package."""
    codec = StringCodec if model == "texts" else NumpyCodec
    decoded = codec.decode_output(response.outputs[0])
    return (decoded if model == "texts" else decoded.reshape(-1).tolist()), response.id


def over_http(model):
    """One inference by the package's types."""
    reply = http(f"/v2/models/{model}/infer", sent(model).model_dump_json(exclude_none=True))
    decoded = got(model, InferenceResponse.model_validate_json(reply))
    return decoded == (VALUES[model], "id-7"), decoded


def over_grpc(stub, model):
    """One inference by the package's protobuf."""
    reply = stub.ModelInfer(converters.ModelInferRequestConverter.from_types(sent(model), model_name=model))
    decoded = got(model, converters.ModelInferResponseConverter.to_types(reply))
    return decoded == (VALUES[model], "id-7"), decoded


def frame():
    """A data frame of one column, as the pandas codec sends it."""
    request = PandasCodec.encode_request(pd.DataFrame({"x": VALUES["floats"]}))
    reply = http("/v2/models/floats/infer", request.model_dump_json(exclude_none=True))
    response = InferenceResponse.model_validate_json(reply)
    decoded = NumpyRequestCodec.decode_response(response).reshape(-1).tolist()
    return decoded == VALUES["floats"], decoded


def metadata():
    """The metadata of a model, held against the package's type."""
    told = MetadataModelResponse.model_validate_json(http("/v2/models/wholes"))
    return told.name == "wholes" and [it.datatype for it in told.inputs] == ["INT64"], told


def index():
    """The repository index, held against the package's type."""
    told = RepositoryIndexResponse.model_validate_json(http("/v2/repository/index", "{}"))
    return sorted({item.name for item in told.root}) == sorted(VALUES), told


def error_body():
    """An unknown model is a 404 with an `error` text, which the package's own client looks for."""
    try:
        http("/v2/models/nothing/infer", sent("floats").model_dump_json(exclude_none=True))
    except urllib.error.HTTPError as error:
        body = json.loads(error.read())
        return error.code == 404 and isinstance(body["error"], str), body
    return False, "no error"


def batch(binary):
    """`mlserver infer`: forty requests of one row, merged by five; the answers lie in a file."""
    rows = [index / 8 for index in range(40)]
    with tempfile.TemporaryDirectory() as folder:
        inputs, outputs = Path(folder, "in.jsonl"), Path(folder, "out.jsonl")
        requests = (InferenceRequest(inputs=[NumpyCodec.encode_input("x", np.array([[row]]))]) for row in rows)
        inputs.write_text("".join(it.model_dump_json(exclude_none=True) + "\n" for it in requests))
        program = Path(sys.executable).with_name("mlserver")
        command = [program, "infer", "-u", HTTP, "-m", "floats", "-i", inputs, "-o", outputs, "-s", "5"]
        ended = subprocess.run(command + (["-b"] if binary else []), capture_output=True, text=True, timeout=240)
        said = outputs.read_text() if outputs.exists() else ended.stderr[-300:]
    lines = [json.loads(line) for line in said.splitlines()]
    answers = {line["parameters"]["batch_index"]: line["outputs"][0]["data"][0] for line in lines}
    return [answers.get(index) for index in range(40)] == rows, said


def repository(stub):
    """The repository index over the package's own gRPC service."""
    told = stub.RepositoryIndex(model_repository_pb2.RepositoryIndexRequest())
    return sorted({model.name for model in told.models}) == sorted(VALUES), told


def main():
    """All of them."""
    for model in VALUES:
        attempt(f"http {model}", lambda model=model: over_http(model))
    attempt("http pandas codec", frame)
    attempt("http model metadata", metadata)
    attempt("http repository index", index)
    attempt("http unknown model", error_body)
    with grpc.insecure_channel(GRPC) as channel:
        stub = dataplane_pb2_grpc.GRPCInferenceServiceStub(channel)
        attempt("grpc live", lambda: (stub.ServerLive(dataplane_pb2.ServerLiveRequest()).live, ""))
        for model in VALUES:
            attempt(f"grpc {model}", lambda model=model: over_grpc(stub, model))
        attempt("grpc repository", lambda: repository(model_repository_pb2_grpc.ModelRepositoryServiceStub(channel)))
    for binary in (False, True):
        attempt(f"mlserver infer binary={binary}", lambda binary=binary: batch(binary))


main()
sys.exit(1 if FAILED else 0)
