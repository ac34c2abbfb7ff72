/** Route of how the parts of language models go that nobody waits for, on the server that answers: what fails there is told here. */
import { z } from 'zod'
import { may } from '../access.ts'
import { id, name, time } from '../fields.ts'
import { route } from '../route.ts'
import { LlmServer } from './servers.ts'

/** ok; failing: the last round failed; old: none has ended for too long; off: there is nothing to do, or it is not to be done. */
const PartState = z.enum(['ok', 'failing', 'old', 'off'])

const Fault = z
  .object({
    since: time.describe('the first round that failed'),
    at: time.describe('the last one'),
    words: z.string().describe('what it failed with; a caller of one project is only told where to look'),
  })
  .nullable()
  .describe('null = the last round went well, or none has ended yet')

const done = time.nullable().describe('the last round that went well; null = none since this server started')
const n = z.number().int()
const ms = n.nullable().describe('ms; null = for ever')

/** How hard budgets are divided among the servers of the database. */
const Division = z.object({
  state: PartState,
  off: z
    .enum(['one_server', 'no_hard_budget'])
    .nullable()
    .describe('why nothing is divided; one_server: on SQLite budgets are those of the one server'),
  divided_at: done,
  fault: Fault,
  server: id.nullable().describe('the id of the server that answers; null = it has divided nothing yet'),
  servers: z.array(LlmServer).describe('all that hold shares; none is named to a caller of one project'),
  without: z
    .array(
      z.object({
        budget: id,
        project: name,
        why: z
          .enum(['not_yet', 'gone', 'others'])
          .describe(
            'not_yet: the next round gives it a share; gone: servers that are gone hold what is left; others: servers that live do, and even it out',
          ),
      }),
    )
    .describe('budgets of which there is something left and of which the server that answers may spend nothing'),
  more_without: n.describe('such budgets that are not listed, for they are too many'),
})

/** How settings come to the gateways of the server that answers. */
const Settings = z.object({
  state: PartState.describe('off: it runs without a gateway'),
  published_at: time.nullable().describe('when all gateways that run last took new ones; null = not since it started'),
  checked_at: done.describe('when it was last seen that they have the newest; null = not since it started'),
  gateways: n,
  fault: Fault,
})

/** How calls go that are older than they are to be kept. */
const Retention = z.object({
  state: PartState.describe('off: calls and their contents are kept for ever'),
  calls_ms: ms,
  content_ms: ms,
  ended_at: done,
  removed: z
    .object({ calls: n, contents: n.describe('requests and answers of calls that stay') })
    .nullable()
    .describe('by that round'),
  oldest: time.nullable().describe('the beginning of the oldest call that is kept; null = none is'),
  fault: Fault,
})

/** How calls come from the log of the gateways of this server into its tables. */
const Log = z.object({
  state: PartState.describe('old: calls wait for more than a minute'),
  read_at: done,
  bytes: n.describe('bytes that wait'),
  behind_ms: n.describe('for how long the oldest call that waits is over, ms; 0 = none waits'),
  unreadable: n.describe('bytes and records of the logs of the last day that could not be read: calls that are lost'),
  fault: Fault,
})

export const LlmState = z.object({ division: Division, settings: Settings, retention: Retention, log: Log })
export type LlmState = z.output<typeof LlmState>

export const llmStateApi = {
  llmState: route({
    method: 'GET',
    path: '/v1/llm/state',
    summary:
      'How budgets are divided, settings come to gateways, old calls go and new ones are taken in, on this server',
    access: may('read', 'cost'),
    reply: LlmState,
  }),
}
