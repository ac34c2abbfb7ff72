/** The pages of models, versions and data sets in a real browser. */
import { pageCases } from './pages.cases.ts'

pageCases([
  ['models', '/models', ['flight-delay', 'production 2']],
  [
    'model',
    '/models/flight-delay',
    [
      '3 of 5 passed',
      'the rollout passed every gate',
      'one image digest passes all of them',
      'no image yet',
      'stands, signed by a revoked key',
      'which is revoked',
      'p95 doubled after the promotion',
    ],
  ],
  [
    'version',
    '/models/flight-delay/versions/4',
    [
      'may not go to production',
      'Its gates refuse it. Malicious: os.system at byte 1204',
      'not believable',
      'not enough data: 120 of 500',
      '2,000 rows replayed',
      'flights@3',
      'dep_hour',
      'os.system',
      'approved by grace',
      'signed with a trusted key',
      'No proof',
      'Signing is off',
    ],
  ],
  [
    'version-proof-of-other-code',
    '/models/flight-delay/versions/2',
    [
      'Proof of the notebook',
      'not of this code',
      'explore/train.py',
      'Prove it again',
      'verified',
      'different results',
      'not verified',
      'Its content was changed after it was signed',
    ],
  ],
  [
    'version-onnx',
    '/models/flight-delay/versions/3',
    [
      'by ONNX Runtime in the gateway',
      'exported from the model',
      '2.2 MiB',
      '2.4e-7 of the answer',
      'probabilities',
      'explore_v3_FINAL.ipynb',
      'the function log_charge of the notebook',
      'No attestations yet',
    ],
  ],
  ['data-sets', '/data', ['flights', 'all removed', 'profiling']],
  [
    'data-set',
    '/data/flights?project=flight-delay&version=3&against=2',
    ['dep_delay', 'tail_number', 'model flight-delay@production (version 3)', 'yes: it is not removed'],
  ],
])
