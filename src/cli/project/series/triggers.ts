/** `slipway triggers`: lists what starts pipelines by itself, shows what one has noticed, makes the secret of one that others call. */
import type { Client } from '../../../client/client.ts'
import { triggersApi } from '../../../contract/pipelines/triggers.ts'
import type { Reply } from '../../../contract/route.ts'
import { UsageError } from '../../invocation/command.ts'
import type { Invocation } from '../../invocation/command.ts'
import { connect } from '../../invocation/server.ts'

type Trigger = Reply<typeof triggersApi.getTrigger>

/** Events and calls that `show` prints. */
const SHOWN = 20

const ACTS = { show, secret } as const

export async function run(invocation: Invocation): Promise<number> {
  const [act = 'list', project, name] = invocation.args
  if (act === 'list') return list((await connect(invocation)).client, invocation, project)
  if (!Object.hasOwn(ACTS, act)) throw new UsageError(`triggers ${act} is unknown; expected list, show or secret`)
  if (project === undefined || name === undefined)
    throw new UsageError(`triggers ${act} needs a pipeline and a trigger: slipway triggers ${act} PIPELINE TRIGGER`)
  const { client } = await connect(invocation)
  return ACTS[act as keyof typeof ACTS](client, invocation, { project, name })
}

interface Named {
  readonly project: string
  readonly name: string
}

async function list(client: Client, { out }: Invocation, project: string | undefined): Promise<number> {
  const { items } = await client.call(triggersApi.listTriggers, { query: project === undefined ? {} : { project } })
  out.data(items)
  if (items.length === 0) out.line('there are no triggers; pipeline.triggers of a project file declares them')
  else
    out.table(
      ['pipeline', 'trigger', 'state', 'watches', 'pending', 'last run'],
      items.map((one) => [one.project, one.name, one.state, one.watches, String(one.pending), one.last_run ?? '']),
    )
  for (const { project: of, name, trouble } of items) if (trouble !== null) out.line(`${of}/${name}: ${trouble}`)
  return 0
}

async function show(client: Client, { out }: Invocation, params: Named): Promise<number> {
  const trigger = await client.call(triggersApi.getTrigger, { params })
  const query = { limit: SHOWN }
  const { items: events } = await client.call(triggersApi.listTriggerEvents, { params, query })
  const deliveries =
    trigger.path === null ? [] : (await client.call(triggersApi.listTriggerDeliveries, { params, query })).items
  out.data({ ...trigger, events, deliveries })
  for (const line of linesOf(trigger, client.url)) out.line(line)
  if (events.length > 0)
    out.table(
      ['noticed', 'state', 'what', 'run'],
      events.map(({ at, state, what, run: started, message }) => [
        at,
        state,
        message === '' ? what : `${what}: ${message}`,
        started ?? '',
      ]),
    )
  if (deliveries.length > 0)
    out.table(
      ['called', 'outcome', 'delivery', 'why'],
      deliveries.map(({ at, outcome, delivery, reason }) => [at, outcome, delivery, reason]),
    )
  return 0
}

function linesOf({ project, name, state, watches, trouble, at_most, path }: Trigger, url: string): string[] {
  return [
    `${project}/${name} is ${state}; it watches ${watches}, and starts at most ${at_most} runs within an hour`,
    ...(trouble === null ? [] : [trouble]),
    ...(path === null ? [] : [`Its address: ${url}${path}`]),
  ]
}

async function secret(client: Client, { out }: Invocation, params: Named): Promise<number> {
  const made = await client.call(triggersApi.makeTriggerSecret, { params })
  out.data({ ...made, url: `${client.url}${made.path}` })
  out.line(`Address: ${client.url}${made.path}`)
  out.line(`Secret:  ${made.secret}`)
  out.line('The secret is told this once; the one before, where there was one, holds no more.')
  return 0
}
