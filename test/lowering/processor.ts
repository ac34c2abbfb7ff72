/** The processor that tests of lowering run on, whatever the machine has. */

/**
 * The instructions of every x86-64 server, so that a test says the same on all: sums and functions differ with AVX-512, and the
 * OpenBLAS of numpy 1.26 adds in an order of its own on Sapphire Rapids, where linear models are refused by that name.
 */
export const PLAIN_PROCESSOR = {
  OPENBLAS_CORETYPE: 'Haswell',
  NPY_DISABLE_CPU_FEATURES: 'AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL AVX512_ICL AVX512_SPR X86_V4',
}
