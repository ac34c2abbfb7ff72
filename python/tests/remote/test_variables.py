"""What a step on a node has of the variables there."""

import unittest

from slipway.remote.variables import inherited


class Inherited(unittest.TestCase):
    def test_keeps_what_programs_hardware_and_clouds_need(self) -> None:
        given = {
            "PATH": "/usr/bin",
            "HTTPS_PROXY": "http://proxy:3128",
            "SSL_CERT_FILE": "/etc/ca.pem",
            "LD_LIBRARY_PATH": "/opt/cuda/lib",
            "CUDA_VISIBLE_DEVICES": "0",
            "NVIDIA_VISIBLE_DEVICES": "all",
            "SLURM_JOB_ID": "7",
            "AWS_ROLE_ARN": "arn:aws:iam::1:role/step",
        }
        self.assertEqual(inherited(given), given)

    def test_leaves_out_what_may_change_a_result_and_what_is_of_the_program_itself(self) -> None:
        for name in (
            "OMP_NUM_THREADS",
            "MKL_CBWR",
            "PYTHONHASHSEED",
            "PYTHONPATH",
            "SLIPWAY_TOKEN",
            "SLIPWAY_NODE_TOKEN",
            "VIRTUAL_ENV",
            "LC_ALL",
            "LANGUAGE",
            "LANG",
            "TZ",
            "MALLOC_ARENA_MAX",
            "MY_PATH",
        ):
            with self.subTest(name):
                self.assertEqual(inherited({name: "1"}), {})


if __name__ == "__main__":
    unittest.main()
