"""Calls a gateway with the tritonclient package over TLS: `triton_tls.py HTTP GRPC CERTIFICATE`. Prints one JSON line a check."""

import json
import ssl
import sys

import gevent.ssl
import numpy as np
import tritonclient.grpc as tg
import tritonclient.http as th

HTTP, GRPC, CERTIFICATE = sys.argv[1:4]
VALUES = np.array([0.5, -1e300, np.pi], dtype="float64")


def check(name, module, client):
    """One prediction, which must come back as it was sent."""
    tensor = module.InferInput("x", [3], "FP64")
    tensor.set_data_from_numpy(VALUES)
    got = client.infer("floats", [tensor]).as_numpy("predictions")
    print(json.dumps({"check": name, "ok": bool(np.array_equal(got, VALUES)), "detail": str(got)}), flush=True)


def trusting():
    """A context that trusts the one certificate."""
    return gevent.ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=CERTIFICATE)


check("https", th, th.InferenceServerClient(HTTP, ssl=True, ssl_context_factory=trusting))
check("grpc over TLS", tg, tg.InferenceServerClient(GRPC, ssl=True, root_certificates=CERTIFICATE))
