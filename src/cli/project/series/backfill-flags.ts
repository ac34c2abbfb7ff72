/** The flags of `slipway backfill`. */
import { flagsOf, SERVER_FLAGS } from '../../invocation/command.ts'
import type { Flag } from '../../invocation/command.ts'
import { FILE_FLAG } from '../../invocation/project-flags.ts'

export const BACKFILL_FLAGS: readonly Flag[] = [
  ...SERVER_FLAGS,
  FILE_FLAG,
  ...flagsOf({
    'from PARTITION':
      'The first partition, or a time such as 2026-03 or 2026-03-08; default the first of the pipeline.',
    'to PARTITION': 'The last one, itself included; default the newest that has ended.',
    'only-missing': 'Only partitions of which no run has succeeded.',
    'only-failed': 'Only partitions whose newest run failed or was cancelled.',
    'at-once N': 'Runs under way at the same time (default 4).',
    'rate N/min': 'Runs that begin in a minute at most.',
    'priority N': 'Where its steps stand in line, from -10 (the default) to 0.',
    'set PARAM=VALUE ...': 'Set a param of the pipeline for each of its runs.',
    force: 'Take nothing from the cache.',
    detach: 'Start it, and do not wait for its end.',
  }),
]
