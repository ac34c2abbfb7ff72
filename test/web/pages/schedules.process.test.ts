/** The pages of the queue, partitions, triggers, reproductions and searches in a real browser. */
import { pageCases } from './pages.cases.ts'

pageCases([
  [
    'queue',
    '/queue',
    ['pool full', 'pool missing', '11,204 more behind them', '26 min', 'this machine', 'attempt 2', 'Change priority'],
  ],
  ['pools', '/pools', ['5 of 2 places', 'at most 4', 'closed', 'and 1 not listed', 'Make a pool']],
  [
    'clusters',
    '/clusters',
    [
      'answers and takes steps',
      'v1.36.1',
      'takes no steps',
      'its token has expired',
      'no longer configured',
      'Add another cluster',
    ],
  ],
  ['partitioned', '/partitions', ['day, America/New_York', '2 failed']],
  ['partitions', '/partitions/flights', ['2026-03', 'Run what failed', 'Show older', 'Backfills']],
  ['backfill', '/backfills/backfill_01k2s', ['2026-03 to 2026-04, missing ones', 'KeyError', '30 runs in a minute']],
  ['triggers', '/triggers', ['flights/called', 'the server does not answer']],
  ['trigger', '/triggers/flights/called', ['Replace the secret', 'its signature is not one', 'call b of its address']],
  [
    'reproductions',
    '/reproductions',
    [
      'fell from A to C',
      'is gone',
      'the same bytes',
      '0 3 * * 0 Europe/Berlin',
      'its proof ended as cancelled',
      'none yet',
    ],
  ],
  ['studies', '/studies', ['maximize train.auc', '22 of 24']],
  [
    'study',
    '/studies/study_01k2s',
    [
      'Which params matter',
      'Parallel axes',
      'mode: 0 is full, 1 is quick',
      'On the hold-out',
      'pruned',
      'is expected to lie',
    ],
  ],
])
