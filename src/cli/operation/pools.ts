/** `slipway pools`: the pools of the server; `pools set NAME PLACES`, `pools remove NAME`: an admin changes them. */
import type { Client } from '../../client/client.ts'
import { poolsApi, type Pool } from '../../contract/pipelines/pools.ts'
import { text, UsageError } from '../invocation/command.ts'
import type { Invocation } from '../invocation/command.ts'
import { connect } from '../invocation/server.ts'

export async function run(invocation: Invocation): Promise<number> {
  const [act = 'list', name, places] = invocation.args
  if (act !== 'list' && act !== 'set' && act !== 'remove')
    throw new UsageError(`pools knows no "${act}"; expected list, set or remove`)
  if (act !== 'list' && name === undefined) throw new UsageError(`pools ${act} needs a name: slipway pools ${act} gpu`)
  const body = act === 'set' ? asked(invocation, places) : undefined
  const { client } = await connect(invocation)
  if (name === undefined || act === 'list') return list(client, invocation)
  const params = { name }
  const pool =
    body === undefined
      ? await client.call(poolsApi.removePool, { params })
      : await client.call(poolsApi.setPool, { params, body })
  invocation.out.data(pool)
  invocation.out.line(body === undefined ? `pool ${name} is gone` : `pool ${name} has ${placesOf(pool)}`)
  return 0
}

function asked(invocation: Invocation, places: string | undefined) {
  const share = text(invocation, 'per-project')
  return {
    places: whole('PLACES', places),
    per_project: share === undefined ? null : whole('--per-project', share),
    note: text(invocation, 'note') ?? '',
  }
}

function whole(what: string, given: string | undefined): number {
  if (given !== undefined && /^\d{1,6}$/.test(given)) return Number(given)
  throw new UsageError(
    `${what} is ${given === undefined ? 'missing' : `"${given}"`}; expected a whole number: slipway pools set gpu 2`,
  )
}

async function list(client: Client, { out }: Invocation): Promise<number> {
  const { items } = await client.call(poolsApi.listPools)
  out.data(items)
  if (items.length === 0) out.line('no pools; an admin makes one: slipway pools set gpu 2')
  else
    out.table(
      ['pool', 'places', 'held', 'waiting', 'held by', 'note'],
      items.map((pool) => [
        pool.name,
        placesOf(pool),
        String(pool.held),
        String(pool.waiting),
        pool.holders.map(({ run, step }) => `${run} ${step}`).join(', '),
        pool.note,
      ]),
    )
  return 0
}

function placesOf({ places, per_project: share }: Pool): string {
  return `${places} ${places === 1 ? 'place' : 'places'}${share === null ? '' : `, ${share} a project`}`
}
