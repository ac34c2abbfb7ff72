/** `slipway retention`: rules about runs that may go, what one would remove, and applying it now. */
import type { z } from 'zod'
import type { Client } from '../../client/client.ts'
import { retentionApi } from '../../contract/tracking/retention.ts'
import type { Removal } from '../../contract/tracking/retention.ts'
import { number, text, UsageError } from '../invocation/command.ts'
import type { Invocation } from '../invocation/command.ts'
import { connect } from '../invocation/server.ts'

export async function run(invocation: Invocation): Promise<number> {
  const [act = 'list', name] = invocation.args
  const { client } = await connect(invocation)
  if (act === 'list') return list(client, invocation)
  if (name === undefined) throw new UsageError(`retention ${act} needs the name of a rule`)
  if (act === 'add') return add(client, invocation, name)
  const params = { id: name }
  if (act === 'preview') return show(invocation, await client.call(retentionApi.preview, { params }), 'would go')
  if (act === 'apply') return show(invocation, await client.call(retentionApi.apply, { params }), 'went')
  if (act !== 'remove') throw new UsageError(`"${act}" is not known; expected list, add, preview, apply or remove`)
  await client.call(retentionApi.remove, { params })
  invocation.out.data({ forgotten: name })
  invocation.out.line(`The rule ${name} is forgotten.`)
  return 0
}

async function list(client: Client, { out }: Invocation): Promise<number> {
  const { items } = await client.call(retentionApi.list)
  out.data(items)
  out.table(
    ['rule', 'project', 'experiment', 'runs', 'days', 'filter', 'keeps'],
    items.map((rule) => [
      rule.name,
      rule.project,
      rule.experiment_id ?? 'all',
      rule.stage === 'active' ? 'to the bin' : 'purged from the bin',
      String(rule.older_than_days),
      rule.filter,
      rule.keep_order === null ? '' : `${rule.keep_best} by ${rule.keep_order}`,
    ]),
  )
  return 0
}

async function add(client: Client, invocation: Invocation, name: string): Promise<number> {
  const project = text(invocation, 'project')
  const rule = await client.call(retentionApi.create, {
    body: {
      name,
      ...(project !== undefined && { project }),
      experiment_id: text(invocation, 'experiment') ?? null,
      stage: invocation.flags['bin'] === true ? 'deleted' : 'active',
      older_than_days: number(invocation, 'older-than-days', { min: 0, max: 36_500, default: 30 }),
      filter: text(invocation, 'filter') ?? '',
      keep_best: number(invocation, 'keep-best', { min: 0, max: 100_000, default: 0 }),
      keep_order: text(invocation, 'by') ?? null,
    },
  })
  invocation.out.data(rule)
  invocation.out.line(`The rule ${name} is applied each day. Look first: slipway retention preview ${name}`)
  return 0
}

function show({ out }: Invocation, removal: z.output<typeof Removal>, verb: string): number {
  out.data(removal)
  const where = removal.stage === 'active' ? 'to the bin' : 'for good'
  out.line(
    `${removal.total} runs ${verb} ${where}; ${removal.freed.blobs} blobs, ${removal.freed.bytes} bytes with them`,
  )
  for (const { reason, runs } of removal.kept) out.line(`${runs} stay: ${reason}`)
  out.table(
    ['run', 'name', 'experiment'],
    removal.runs.map((run) => [run.id, run.name, run.experiment_id]),
  )
  return 0
}
