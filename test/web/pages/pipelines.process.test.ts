/** The pages of runs of pipelines in a real browser. */
import { pageCases } from './pages.cases.ts'

pageCases([
  ['pipelines', '/pipelines', ['refused', 'train failed', 'the oldest for 2 min 7 s']],
  [
    'pipeline-run',
    '/pipelines/run_01k2b9d?step=features',
    [
      '612,004',
      'data set flights@3',
      'Timeline',
      'The data is 2 days 18 hours old',
      'the leak gate refused',
      'params.leaky',
      'iteration 60',
      'Critical path',
    ],
  ],
  [
    'change-report',
    '/pipelines/run_01k2b9d/report',
    [
      'report of a change',
      'roc_auc is 0.7602',
      'carrier = <UA & co>',
      'no run was made of the merge base',
      'slipway reproduce flight-delay@7',
    ],
  ],
  ['pipeline-failed', '/pipelines/run_01k2a8f', ['Why train failed', 'KeyError']],
  [
    'pipeline-items',
    '/pipelines/run_01k2a5d?step=train',
    ['128 of 150 items', '150, of which 135 must succeed', '2 failed', '2013-01', 'this item has not run before'],
  ],
  [
    'pipeline-resumed',
    '/pipelines/run_01k2c41?step=train',
    [
      'Timeline',
      'critical path',
      '150 items',
      'waits for a place',
      'at step 41',
      'run 1k2a8f',
      'Time left',
      '2 steps without a lane',
    ],
  ],
])
