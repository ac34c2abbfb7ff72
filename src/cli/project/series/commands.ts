/** Commands about what starts many runs of a pipeline: searches, backfills, triggers. */
import { SERVER_FLAGS, type Command } from '../../invocation/command.ts'
import { BACKFILL_FLAGS } from './backfill-flags.ts'
import { SEARCH_FLAGS } from './search-flags.ts'

export const SERIES_COMMANDS: readonly Command[] = [
  {
    name: 'search',
    summary: 'Search over the params of a pipeline, each trial a run of it; list, show, stop and resume studies',
    usage: '[[start] [FOLDER] | list | show|stop|resume STUDY]',
    example: 'slipway search my-model --trials 60',
    flags: SEARCH_FLAGS,
    load: () => import('./search.ts'),
  },
  {
    name: 'backfill',
    summary: 'Run a pipeline for each partition of a range; list, show, cancel and retry backfills',
    usage: '[[start] [FOLDER|PIPELINE] | list | show|cancel|retry BACKFILL]',
    example: 'slipway backfill my-model --from 2026-01 --to 2026-03 --only-missing',
    flags: BACKFILL_FLAGS,
    load: () => import('./backfill.ts'),
  },
  {
    name: 'triggers',
    summary: 'List what starts pipelines by itself, show what one has noticed, make the secret of one that others call',
    usage: '[list [PIPELINE] | show PIPELINE TRIGGER | secret PIPELINE TRIGGER]',
    example: 'slipway triggers show my-model arrived',
    flags: SERVER_FLAGS,
    load: () => import('./triggers.ts'),
  },
]
