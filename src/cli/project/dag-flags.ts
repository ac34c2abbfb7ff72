/** Flags of `slipway dag`. */
import { flagsOf, SERVER_FLAGS, type Flag } from '../invocation/command.ts'
import { FILE_FLAG } from '../invocation/project-flags.ts'

export const DAG_FLAGS: readonly Flag[] = [
  ...SERVER_FLAGS,
  FILE_FLAG,
  ...flagsOf({
    'out FILE':
      'Where to write it: a file, or the folder of an import (default a name after the project, in this folder).',
    'image NAME': 'Container image of the tasks; it needs python3 alone (default python:3.12-slim).',
    'tasks-url URL': 'Where tasks reach the server (default the address at which its nodes do).',
    'dag NAME': 'Of an import: which of the DAGs of the file.',
    force: 'Write over a file that is there, whatever it is.',
  }),
]
