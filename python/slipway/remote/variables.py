"""What a step on a node has of the variables there: those of a step beside the server, and what hardware, scheduler and cloud need."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

#: As ``inherited`` of the local driver has them.
NAMES = frozenset(
    {
        "PATH",
        "HOME",
        "USER",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "REQUESTS_CA_BUNDLE",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "NO_PROXY",
        "http_proxy",
        "https_proxy",
        "no_proxy",
        "LD_LIBRARY_PATH",
    }
)
#: Accelerators and their network, the scheduler that holds the node, and who the node is for its cloud.
PREFIXES = (
    "CUDA_",
    "NVIDIA_",
    "ROCR_",
    "HIP_",
    "NCCL_",
    "SLURM_",
    "KUBERNETES_",
    "AWS_",
    "AZURE_",
    "GOOGLE_",
)


def inherited(variables: Mapping[str, str]) -> dict[str, str]:
    """The variables that a step keeps. Whatever else a node sets, as numbers of threads, may change a result, and no cache key holds it."""
    return {name: value for name, value in variables.items() if name in NAMES or name.startswith(PREFIXES)}
