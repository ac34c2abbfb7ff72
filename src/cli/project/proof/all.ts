/** `slipway reproduce --all`: every model that an alias names a version of, one after the other; with `--dry-run` only what has rotted. */
import { CallError } from '../../../client/client.ts'
import type { Client } from '../../../client/client.ts'
import { pipelinesApi } from '../../../contract/pipelines.ts'
import { reproductionsApi, type Reproducible } from '../../../contract/pipelines/reproductions.ts'
import { PRODUCTION } from '../../../contract/registry.ts'
import type { Reproduction } from '../../../contract/runs/reproduction.ts'
import { text, UsageError } from '../../invocation/command.ts'
import type { Invocation } from '../../invocation/command.ts'
import { connect } from '../../invocation/server.ts'
import { follow } from '../follow.ts'
import type { z } from 'zod'

/** What is printed of one model as JSON. `reproduction` is null where nothing was run, `failed` says why it could not be. */
interface Told extends Reproducible {
  readonly reproduced_by: string | null
  readonly reproduction: z.output<typeof Reproduction> | null
  readonly failed: string | null
}

/** Models of one request. */
const PAGE = 20

export async function reproduceAll(invocation: Invocation): Promise<number> {
  const alias = text(invocation, 'alias') ?? PRODUCTION
  if (alias === '') throw new UsageError('--alias got "", expected the name of an alias, such as production')
  const times = timesOf(invocation)
  const { client } = await connect(invocation)
  if (times !== undefined) return reschedule(client, invocation, { ...times, alias })
  const { out, flags } = invocation
  const told: Told[] = []
  for await (const model of reproducible(client, alias)) {
    const one = flags['dry-run'] === true ? unrun(model) : await reproduceOne(client, model, invocation)
    told.push(one)
    out.line(lineOf(one))
  }
  out.data({ alias, items: told })
  if (told.length === 0) out.line(`no model has a version with the alias ${alias}: nothing was looked at`)
  return told.length > 0 && told.every(isWell) ? 0 : 1
}

interface Times {
  readonly cron: string
  readonly timezone?: string
}

/** The schedule that is asked for; undefined where none is. */
function timesOf(invocation: Invocation): Times | undefined {
  const [cron, timezone] = [text(invocation, 'schedule'), text(invocation, 'timezone')]
  if (cron === undefined) {
    if (timezone !== undefined) throw new UsageError('--timezone goes with --schedule')
    return undefined
  }
  if (invocation.flags['dry-run'] === true) throw new UsageError('--dry-run and --schedule: leave out one of the two')
  return { cron, ...(timezone !== undefined && { timezone }) }
}

/** Sets when the server makes all again by itself, or ends that. */
async function reschedule(client: Client, { out }: Invocation, body: Times & { alias: string }): Promise<number> {
  if (body.cron === 'none') {
    await client.call(reproductionsApi.removeSchedule)
    out.data({ schedule: null })
    out.line('nothing is made again by itself any more')
    return 0
  }
  const { schedule } = await client.call(reproductionsApi.setSchedule, { body })
  out.data({ schedule })
  const { cron, timezone, alias, next_at } = schedule ?? {}
  out.line(`all models in ${alias} are made again by ${cron} (${timezone}), next ${next_at ?? 'never'}`)
  return 0
}

async function* reproducible(client: Client, alias: string): AsyncGenerator<Reproducible> {
  let token: string | undefined
  do {
    const query = { alias, limit: PAGE, ...(token !== undefined && { page_token: token }) }
    const page = await client.call(reproductionsApi.listReproducible, { query })
    yield* page.items
    token = page.next_page_token
  } while (token !== undefined)
}

function unrun(model: Reproducible): Told {
  return { ...model, reproduced_by: null, reproduction: null, failed: null }
}

/** Runs one again to its end. What the server refuses is said of this model, and the others go on. */
async function reproduceOne(client: Client, model: Reproducible, { out }: Invocation): Promise<Told> {
  const { run: id, rot } = model
  // what else has rotted is for the server to say: a file that was edited may not have mattered
  if (id === null || rot.some(({ kind }) => kind === 'lineage')) return unrun(model)
  out.line(`${model.model}@${model.version}: run ${id} again`)
  try {
    const body = { dry_run: false }
    const started = await client.call(pipelinesApi.reproducePipelineRun, { params: { id }, body })
    const finished = started.run === null ? null : await follow(client, started.run.id, out)
    const reproduction = finished?.reproduction ?? started.reproduction
    return { ...model, reproduced_by: finished?.id ?? null, reproduction, failed: null }
  } catch (error) {
    const refused = error instanceof CallError && error.status >= 400 && error.status < 500
    if (!refused) throw error
    return { ...unrun(model), failed: error.message }
  }
}

function lineOf({ model, version, rot, reproduction, failed }: Told): string {
  const name = `${model}@${version}`
  if (failed !== null) return `${name}: not run again: ${failed}`
  if (reproduction !== null) {
    const { grade, detail } = reproduction
    return `${name}: ${grade === null ? detail : `grade ${grade}: ${detail}`}`
  }
  if (rot.length === 0) return `${name}: can be reproduced`
  return [`${name}: rot`, ...rot.map(({ kind, what }) => `  ${kind}: ${what}`)].join('\n')
}

function isWell({ verdict, reproduction, failed }: Told): boolean {
  if (failed !== null) return false
  if (reproduction === null) return verdict === 'ready'
  return reproduction.grade === 'A' || reproduction.grade === 'B'
}
