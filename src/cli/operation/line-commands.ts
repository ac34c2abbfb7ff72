/** Commands about the line of steps that wait for a place. */
import { flagsOf, SERVER_FLAGS, type Command } from '../invocation/command.ts'

export const LINE_COMMANDS: readonly Command[] = [
  {
    name: 'queue',
    summary: 'List the steps that wait for a place, the next one first, and why; or move a run in the line',
    usage: '[RUN]',
    example: 'slipway queue pr_01m2 --priority 2',
    flags: [
      ...SERVER_FLAGS,
      ...flagsOf({
        'priority N': 'With a run: its priority, from -10 to 10; above 0 a maintainer has to ask.',
      }),
    ],
    load: () => import('./queue.ts'),
  },
  {
    name: 'pools',
    summary: 'List the pools that steps name, with who holds their places; make, change and remove them',
    usage: '[list | set NAME PLACES | remove NAME]',
    example: 'slipway pools set licences 3 --per-project 2',
    flags: [
      ...SERVER_FLAGS,
      ...flagsOf({
        'per-project N': 'With `set`: places of one project at most (default all).',
        'note TEXT': 'With `set`: what it is for.',
      }),
    ],
    load: () => import('./pools.ts'),
  },
]
