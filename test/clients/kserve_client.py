"""Calls a gateway with the client of the kserve package: `kserve_client.py HTTP GRPC`. Prints one JSON line a check.

The gateway serves echo models: floats, wholes, flags, texts. Each answers with its one input `x`.
"""

import asyncio
import sys

import grpc
import httpx
import numpy as np
from kserve import InferenceGRPCClient, InferenceRESTClient, InferInput, InferRequest
from kserve.inference_client import RESTConfig
from kserve.protocol.infer_type import RequestedOutput
from checks import FAILED, check
from echo_models import VALUES

HTTP, GRPC = sys.argv[1:3]
URL = f"http://{HTTP}"


async def attempt(name, call):
    """A check whose exception is a failure."""
    try:
        check(name, *await call)
    except Exception as error:
        check(name, False, f"{type(error).__name__}: {error}")


async def refused(name, call, word):
    """A check that a call is refused with a message that holds a word."""
    try:
        await call
        check(name, False, "no error")
    except (httpx.HTTPStatusError, grpc.RpcError) as error:
        check(name, word in str(error), error)


def request(model, binary):
    """The model's rows as the client sends them."""
    datatype, values = VALUES[model]
    sent = InferInput("x", list(values.shape), datatype)
    sent.set_data_from_numpy(values, binary_data=binary)
    outputs = [RequestedOutput("output-1", parameters={"binary_data": binary})]
    return InferRequest(model_name=model, request_id="id-7", infer_inputs=[sent], request_outputs=outputs)


def same(model, reply):
    """Whether the first output of a reply is what was sent, and the id is ours."""
    got = reply.outputs[0].as_numpy()
    want = VALUES[model][1]
    if model == "texts":
        got = np.array([text.decode() if isinstance(text, bytes) else text for text in got], dtype=object)
    return np.array_equal(got, want) and reply.id == "id-7", f"{got} {reply.id}"


async def over(client, call, model, binary):
    """One inference and its comparison."""
    return same(model, await call(client, request(model, binary), model))


async def rest():
    """The V2 protocol over HTTP, with JSON and binary tensors."""
    config = RESTConfig(protocol="v2", retries=0)
    async with InferenceRESTClient(config) as client:
        infer = lambda it, sent, model: it.infer(URL, sent, model_name=model)  # noqa: E731
        for model in VALUES:
            for binary in (False, True):
                await attempt(f"rest v2 {model} binary={binary}", over(client, infer, model, binary))
            await attempt(f"rest v2 ready {model}", told(client.is_model_ready(URL, model), True))
        await attempt("rest v2 server live", told(client.is_server_live(URL), True))
        await attempt("rest v2 server ready", told(client.is_server_ready(URL), True))
        await attempt("rest v2 unknown model is not ready", told(client.is_model_ready(URL, "nothing"), False))
        await refused("rest v2 unknown model", client.infer(URL, request("floats", False), model_name="nothing"), "404")


async def told(call, want):
    """Whether a call answers what is wanted."""
    got = await call
    return got == want, got


async def first():
    """The V1 protocol over HTTP."""
    async with InferenceRESTClient(RESTConfig(protocol="v1", retries=0)) as client:
        for model, (_, values) in VALUES.items():
            rows = [[value] for value in values.tolist()]
            await attempt(f"rest v1 {model}", predicted(client, model, rows))
            await attempt(f"rest v1 ready {model}", told(client.is_model_ready(URL, model), True))
        await attempt("rest v1 server live", told(client.is_server_live(URL), True))
        await refused("rest v1 bad rows", client.infer(URL, {"instances": 7}, model_name="floats"), "400")


async def predicted(client, model, rows):
    """A V1 prediction and its comparison."""
    reply = await client.infer(URL, {"instances": rows}, model_name=model)
    return reply["predictions"] == [row[0] for row in rows], reply


async def rpc():
    """The V2 protocol over gRPC."""
    async with InferenceGRPCClient(GRPC, retries=0) as client:
        infer = lambda it, sent, _model: it.infer(sent)  # noqa: E731
        for model in VALUES:
            for binary in (False, True):
                await attempt(f"grpc {model} raw={binary}", over(client, infer, model, binary))
            await attempt(f"grpc ready {model}", told(client.is_model_ready(model), True))
        await attempt("grpc server live", told(client.is_server_live(), True))
        await attempt("grpc server ready", told(client.is_server_ready(), True))
        unknown = request("floats", True)
        unknown.model_name = "nothing"
        await refused("grpc unknown model", client.infer(unknown), "NOT_FOUND")


async def main():
    """All of them."""
    await rest()
    await first()
    await rpc()


asyncio.run(main())
sys.exit(1 if FAILED else 0)
