/** The flags of `slipway search`. */
import { flagsOf, SERVER_FLAGS } from '../../invocation/command.ts'
import type { Flag } from '../../invocation/command.ts'
import { FILE_FLAG } from '../../invocation/project-flags.ts'

export const SEARCH_FLAGS: readonly Flag[] = [
  ...SERVER_FLAGS,
  FILE_FLAG,
  ...flagsOf({
    'method NAME': 'gp, tpe, random or grid, in place of the project file’s.',
    'trials N': 'Trials at most, in place of the project file’s; with `resume`: in all.',
    'at-once N': 'Trials under way at the same time, in place of the project file’s.',
    'seed N': 'Seed of the search, in place of the project file’s.',
  }),
]
