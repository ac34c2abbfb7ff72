"""Calls a gateway with the tritonclient package over HTTP and gRPC: `triton_client.py HTTP GRPC`. Prints one JSON line a check.

The gateway serves echo models: floats, wholes, flags, texts. Each answers with its one input `x`.
"""

import asyncio
import queue
import sys

import numpy as np
import tritonclient.grpc as tg
import tritonclient.grpc.aio as tga
import tritonclient.http as th
import tritonclient.http.aio as tha
from tritonclient.utils import InferenceServerException
from checks import FAILED, attempt, check
from echo_models import VALUES

HTTP, GRPC = sys.argv[1:3]

OUTPUT = {"floats": "FP64", "wholes": "INT64", "flags": "BOOL", "texts": "BYTES"}


def refused(name, call, word):
    """A check that a call is refused with a message that holds a word."""
    try:
        call()
        check(name, False, "no error")
    except InferenceServerException as error:
        check(name, word in error.message(), error.message())


def tensor(module, model, binary=None):
    """The model's input in a client's own form."""
    datatype, values = VALUES[model]
    made = module.InferInput("x", list(values.shape), datatype)
    if binary is None:
        made.set_data_from_numpy(values)
    else:
        made.set_data_from_numpy(values, binary_data=binary)
    return made


def same(result, model):
    """Whether an answer is the model's input again."""
    got, want = result.as_numpy("predictions"), VALUES[model][1]
    if model == "texts":
        got = np.array([item.decode() if isinstance(item, bytes) else item for item in got], dtype=object)
    return got is not None and got.dtype == want.dtype and np.array_equal(got, want), got


def over_http():
    """HTTP: metadata, repository, JSON and binary tensors, compression, asynchronous calls, errors."""
    client = th.InferenceServerClient(HTTP, network_timeout=240, concurrency=4)
    attempt("http live", lambda: (client.is_server_live(),))
    attempt("http ready", lambda: (client.is_server_ready(),))
    attempt("http model ready", lambda: (client.is_model_ready("floats", "1"),))
    attempt("http server metadata", lambda: ("binary_tensor_data" in client.get_server_metadata()["extensions"],))
    attempt("http model metadata", lambda: (client.get_model_metadata("wholes")["inputs"][0]["datatype"] == "INT64",))
    attempt("http config", lambda: (client.get_model_config("texts")["input"][0]["data_type"] == "TYPE_STRING",))
    attempt("http repository index", lambda: (len(client.get_model_repository_index()) == len(VALUES),))
    refused("http load is refused", lambda: client.load_model("floats"), "deploys")
    refused("http unload is refused", lambda: client.unload_model("floats"), "deploys")
    for model in VALUES:
        for binary in (True, False):
            if not binary and model == "texts":
                continue  # the client wants str for JSON and bytes for numpy; covered by the binary form
            for binary_out in (True, False):
                wanted = [th.InferRequestedOutput("predictions", binary_data=binary_out)]
                name = f"http {model} {'binary' if binary else 'JSON'} in, {'binary' if binary_out else 'JSON'} out"
                if model == "wholes" and not binary_out:
                    # the client reads JSON numbers with Python's json, which keeps every digit
                    name += ", exact"
                attempt(name, lambda: same(client.infer(model, [tensor(th, model, binary)], outputs=wanted), model))
        attempt(f"http {model} default outputs", lambda: same(client.infer(model, [tensor(th, model, True)]), model))
        for packing in ("gzip", "deflate"):
            keys = {"request_compression_algorithm": packing, "response_compression_algorithm": packing}
            attempt(f"http {model} {packing}", lambda: same(client.infer(model, [tensor(th, model, True)], **keys), model))
    big = np.random.default_rng(1).normal(size=5000)
    large = th.InferInput("x", [5000], "FP64")
    large.set_data_from_numpy(big, binary_data=True)
    packed = {"request_compression_algorithm": "gzip", "response_compression_algorithm": "gzip"}
    attempt("http 5,000 rows, gzip", lambda: (np.array_equal(client.infer("floats", [large], **packed).as_numpy("predictions"), big),))
    attempt("http request id", lambda: (client.infer("floats", [tensor(th, "floats", True)], request_id="r7").get_response()["id"] == "r7",))
    jobs = [client.async_infer("floats", [tensor(th, "floats", True)]) for _ in range(16)]
    attempt("http 16 asynchronous calls", lambda: (all(same(job.get_result(), "floats")[0] for job in jobs),))
    refused("http unknown model", lambda: client.infer("none", [tensor(th, "floats", True)]), "does not exist")
    refused("http unknown version", lambda: client.infer("floats", [tensor(th, "floats", True)], model_version="9"), "does not exist")
    refused("http wrong datatype", lambda: client.infer("floats", [tensor(th, "texts", True)]), "expected FP64")
    attempt("http statistics", lambda: (client.get_inference_statistics("floats")["model_stats"][0]["inference_count"] > 0,))


async def over_http_aio():
    """The asyncio client over HTTP."""
    async with tha.InferenceServerClient(HTTP) as client:
        check("http aio live", await client.is_server_live())
        results = await asyncio.gather(*[client.infer("wholes", [tensor(tha, "wholes", True)]) for _ in range(16)])
        check("http aio 16 calls", all(same(result, "wholes")[0] for result in results))


def over_grpc():
    """gRPC: metadata, repository, raw and typed contents, compression, deadlines, errors, the stream."""
    client = tg.InferenceServerClient(GRPC)
    attempt("grpc live", lambda: (client.is_server_live(),))
    attempt("grpc ready", lambda: (client.is_server_ready(),))
    attempt("grpc model ready", lambda: (client.is_model_ready("floats", "1"),))
    attempt("grpc server metadata", lambda: ("statistics" in client.get_server_metadata().extensions,))
    attempt("grpc model metadata", lambda: (client.get_model_metadata("flags").inputs[0].datatype == "BOOL",))
    attempt("grpc config", lambda: (client.get_model_config("texts").config.input[0].data_type == 13,))
    attempt("grpc repository index", lambda: (len(client.get_model_repository_index().models) == len(VALUES),))
    refused("grpc load is refused", lambda: client.load_model("floats"), "deploys")
    for model in VALUES:
        attempt(f"grpc {model}", lambda: same(client.infer(model, [tensor(tg, model)]), model))
        attempt(f"grpc {model} gzip", lambda: same(client.infer(model, [tensor(tg, model)], compression_algorithm="gzip"), model))
    attempt("grpc typed contents", lambda: typed(client))
    attempt("grpc request id", lambda: (client.infer("floats", [tensor(tg, "floats")], request_id="r7").get_response().id == "r7",))
    attempt("grpc deadline", lambda: same(client.infer("floats", [tensor(tg, "floats")], client_timeout=240), "floats"))
    refused("grpc unknown model", lambda: client.infer("none", [tensor(tg, "floats")]), "does not exist")
    refused("grpc wrong datatype", lambda: client.infer("floats", [tensor(tg, "texts")]), "expected FP64")
    attempt("grpc statistics", lambda: (client.get_inference_statistics("floats").model_stats[0].inference_count > 0,))
    answers = queue.Queue()
    client.start_stream(lambda result, error: answers.put((result, error)))
    for i in range(8):
        client.async_stream_infer("floats", [tensor(tg, "floats")], request_id=str(i))
    client.async_stream_infer("none", [tensor(tg, "floats")])
    got = [answers.get(timeout=240) for _ in range(9)]
    client.stop_stream()
    attempt("grpc stream, in order", lambda: ([result.get_response().id for result, _ in got[:8]] == [str(i) for i in range(8)],))
    attempt("grpc stream tells an error and goes on", lambda: (got[8][1] is not None and "does not exist" in str(got[8][1]), got[8][1]))


def typed(client):
    """ModelInfer with every kind of typed contents that a float input takes."""
    from tritonclient.grpc import service_pb2

    forms = {"FP64": "fp64_contents", "FP32": "fp32_contents", "INT32": "int_contents", "INT64": "int64_contents"}
    forms |= {"UINT8": "uint_contents", "UINT64": "uint64_contents"}
    for datatype, field in forms.items():
        request = service_pb2.ModelInferRequest(model_name="floats")
        made = request.inputs.add()
        made.name, made.datatype = "x", datatype
        made.shape.extend([3])
        getattr(made.contents, field).extend([1, 2, 3])
        answer = client._client_stub.ModelInfer(request)
        got = np.frombuffer(answer.raw_output_contents[0], dtype="float64")
        if got.tolist() != [1.0, 2.0, 3.0]:
            return False, f"{datatype}: {got}"
    return True, ""


async def over_grpc_aio():
    """The asyncio client over gRPC."""
    async with tga.InferenceServerClient(GRPC) as client:
        check("grpc aio live", await client.is_server_live())
        results = await asyncio.gather(*[client.infer("texts", [tensor(tga, "texts")]) for _ in range(16)])
        check("grpc aio 16 calls", all(same(result, "texts")[0] for result in results))


over_http()
asyncio.run(over_http_aio())
over_grpc()
asyncio.run(over_grpc_aio())
sys.exit(1 if FAILED else 0)
