"""What a step on a node has of the variables there."""

import unittest

from slipway.remote.variables import inherited


class Inherited(unittest.TestCase):
    def test_keeps_what_programs_hardware_and_clouds_need(self):
        given = {
            name: name.lower()
            for name in "PATH HOME HTTPS_PROXY SSL_CERT_FILE LD_LIBRARY_PATH CUDA_VISIBLE_DEVICES NVIDIA_VISIBLE_DEVICES SLURM_JOB_ID AWS_ROLE_ARN".split()
        }
        self.assertEqual(inherited(given), given)

    def test_leaves_out_what_may_change_a_result_and_what_is_of_the_program_itself(self):
        given = (
            "OMP_NUM_THREADS MKL_CBWR PYTHONHASHSEED PYTHONPATH SLIPWAY_TOKEN SLIPWAY_NODE_TOKEN VIRTUAL_ENV LC_ALL LANGUAGE LANG TZ "
            "MALLOC_ARENA_MAX MY_PATH".split()
        )
        self.assertEqual(inherited(dict.fromkeys(given, "1")), {})


if __name__ == "__main__":
    unittest.main()
