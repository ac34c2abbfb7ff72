/** The flags of `slipway data`. */
import { flagsOf, SERVER_FLAGS } from '../invocation/command.ts'
import type { Flag } from '../invocation/command.ts'

export const DATA_FLAGS: readonly Flag[] = [
  ...SERVER_FLAGS,
  ...flagsOf({
    'project NAME': 'The project of the data set; needed where two projects have one of that name.',
    'run RUN': 'With `add`: take an output of this pipeline run instead of files.',
    'output STEP.OUT': 'With `add --run`: the output.',
    'note TEXT': 'With `add`: what people should know of the version.',
    'tag NAME=VALUE ...': 'With `add`: a tag of the version.',
    'out PATH': 'With `get`: where to write (default the name of the data set, here).',
    force: 'With `get`: write over files that are there. With `remove`: although it is cited; for maintainers.',
    'key COLUMN ...': 'With `diff`: rows with the same values in these columns are the same row.',
    'fail-on-drift': 'With `diff`: end with 1 where a column drifted.',
  }),
]
