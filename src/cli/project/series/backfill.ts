/** `slipway backfill`: runs a pipeline for each partition of a range and follows it; lists, shows, cancels and retries backfills. */
import { stat } from 'node:fs/promises'
import type { Client } from '../../../client/client.ts'
import { ifMissing } from '../../../contract/absence/absent.ts'
import { backfillsApi } from '../../../contract/pipelines/backfills.ts'
import { pipelinesApi } from '../../../contract/pipelines.ts'
import type { Reply, Request } from '../../../contract/route.ts'
import { text, UsageError } from '../../invocation/command.ts'
import type { Invocation } from '../../invocation/command.ts'
import type { Output } from '../../invocation/output.ts'
import { refuseForks } from '../../invocation/place.ts'
import { readPriority } from '../../invocation/priority.ts'
import { connect } from '../../invocation/server.ts'
import { submitProject } from '../files.ts'
import { actOn, following, numberOf, stuck, untilEnded } from './follow.ts'
import { readSet, type Typed } from '../run.ts'

type Backfill = Reply<typeof backfillsApi.getBackfill>
type Partition = Reply<typeof backfillsApi.listBackfillPartitions>['items'][number]

/** Failed partitions that are told by name. */
const SHOWN = 20

const WORDS = { noun: 'backfill', command: 'backfill', end: 'cancel' } as const
const ACTS = { list, show, cancel, retry } as const

/** 0 where all partitions succeeded, or it was cancelled by this command; 1 where one did not. */
export function run(invocation: Invocation): Promise<number> {
  return actOn(invocation, WORDS, ACTS, start)
}

async function start(invocation: Invocation, pipeline: string): Promise<number> {
  await refuseForks('runs no partitions')
  const { out } = invocation
  const asked = askedOf(invocation)
  const { client } = await connect(invocation)
  const { params = [], ...version } = await versionOf(client, invocation, pipeline)
  const set = readSet((invocation.flags['set'] as readonly string[] | undefined) ?? [], params)
  const backfill = await client.call(backfillsApi.createBackfill, {
    body: { pipeline_version: version.id, ...asked, ...(Object.keys(set).length > 0 && { set }) },
  })
  const count = totalOf(backfill)
  out.line(
    `Backfill ${backfill.id} of ${backfill.project}, ${count} partition${count === 1 ? '' : 's'}: ${client.url}/backfills/${backfill.id}`,
  )
  if (invocation.flags['detach'] !== true) return follow(client, backfill.id, out)
  out.data(backfill)
  return 0
}

/** What is sent in from a folder, or the newest version of a pipeline that the server knows by this name. */
async function versionOf(
  client: Client,
  invocation: Invocation,
  pipeline: string,
): Promise<{ readonly id: string; readonly params?: readonly Typed[] | undefined }> {
  const isFolder = (await ifMissing(stat(pipeline)))?.isDirectory() ?? false
  if (isFolder) {
    invocation.out.progress('uploading the project')
    const version = await submitProject(client, pipeline, text(invocation, 'file'))
    for (const warning of version.warnings) invocation.out.line(`note: ${warning}`)
    return version
  }
  const query = { project: pipeline, limit: 1 }
  const [newest] = (await client.call(pipelinesApi.listPipelineVersions, { query })).items
  if (newest !== undefined) return newest
  throw new UsageError(`"${pipeline}" is no folder, and no pipeline of the server; expected one of them`)
}

function askedOf(invocation: Invocation): NonNullable<Request<typeof backfillsApi.createBackfill>['body']> {
  const { flags } = invocation
  const [from, to] = [text(invocation, 'from'), text(invocation, 'to')]
  const priority = readPriority(text(invocation, 'priority'))
  const only = flags['only-failed'] === true ? ('failed' as const) : ('missing' as const)
  if (flags['only-failed'] === true && flags['only-missing'] === true)
    throw new UsageError('--only-missing and --only-failed do not go together; missing ones include those that failed')
  return {
    ...(from !== undefined && { from }),
    ...(to !== undefined && { to }),
    ...((flags['only-failed'] === true || flags['only-missing'] === true) && { only }),
    ...numberOf(invocation, { flag: 'at-once', field: 'at_once', form: /^(\d{1,9})$/, expected: 'a whole number' }),
    ...numberOf(invocation, {
      flag: 'rate',
      field: 'rate_per_minute',
      form: /^(\d{1,9})\/min$/,
      expected: 'runs in a minute, for example 10/min',
    }),
    ...(priority !== undefined && { priority }),
    ...(flags['force'] === true && { force: true }),
  }
}

/** Tells partitions that failed once they have. */
async function follow(client: Client, id: string, out: Output): Promise<number> {
  return following(WORDS, id, out, async () => {
    const backfill = await watch(client, id, out)
    out.data(backfill)
    await conclude(client, backfill, out)
    return backfill.state === 'succeeded' ? 0 : 1
  })
}

function watch(client: Client, id: string, out: Output): Promise<Backfill> {
  return untilEnded(
    () => client.call(backfillsApi.getBackfill, { params: { id } }),
    (backfill) => {
      if (backfill.finished_at === null) out.progress(progressOf(backfill))
    },
  )
}

function totalOf({ counts }: Backfill): number {
  return Object.values(counts).reduce((sum, n) => sum + n, 0)
}

function progressOf(backfill: Backfill): string {
  const { counts, trouble, state } = backfill
  if (trouble !== null) return stuck(trouble)
  const ended = counts.succeeded + counts.failed + counts.cancelled
  const failed = counts.failed === 0 ? '' : `, ${counts.failed} failed`
  return `${ended} of ${totalOf(backfill)} partitions${failed}, ${counts.running} run${state === 'cancelling' ? ' and are cancelled' : ''}`
}

async function conclude(client: Client, { id, state, reason, trouble, counts }: Backfill, out: Output): Promise<void> {
  out.line(`Backfill ${id} ${state}${reason === '' ? '' : `: ${reason}`}`)
  if (trouble !== null) out.line(stuck(trouble))
  if (counts.failed === 0) return
  const query = { state: 'failed', limit: SHOWN } as const
  const { items } = await client.call(backfillsApi.listBackfillPartitions, { params: { id }, query })
  for (const one of items) out.line(lineOf(one))
  if (counts.failed > items.length) out.line(`and ${counts.failed - items.length} more`)
  if (state !== 'running') out.line(`Run only these again: slipway backfill retry ${id}`)
}

function lineOf({ partition, state, run, message }: Partition): string {
  return `${partition} ${state}${run === null ? '' : ` (${run})`}${message === '' ? '' : `: ${message}`}`
}

async function list(client: Client, { out }: Invocation): Promise<number> {
  const { items } = await client.call(backfillsApi.listBackfills, { query: {} })
  out.data(items)
  if (items.length === 0) out.line('there are no backfills; slipway backfill FOLDER --from PARTITION starts one')
  else
    out.table(
      ['backfill', 'project', 'state', 'succeeded', 'failed', 'left', 'started'],
      items.map(({ id, project, state, counts, created_at }) => [
        id,
        project,
        state,
        String(counts.succeeded),
        String(counts.failed),
        String(counts.waiting + counts.running),
        created_at,
      ]),
    )
  return 0
}

async function show(client: Client, { out }: Invocation, id: string): Promise<number> {
  const backfill = await client.call(backfillsApi.getBackfill, { params: { id } })
  out.data(backfill)
  out.table(
    ['partitions', 'waiting', 'running', 'succeeded', 'failed', 'cancelled'],
    [
      [
        totalOf(backfill),
        backfill.counts.waiting,
        backfill.counts.running,
        backfill.counts.succeeded,
        backfill.counts.failed,
        backfill.counts.cancelled,
      ].map(String),
    ],
  )
  await conclude(client, backfill, out)
  return 0
}

async function cancel(client: Client, { out }: Invocation, id: string): Promise<number> {
  await client.call(backfillsApi.cancelBackfill, { params: { id } })
  const backfill = await watch(client, id, out)
  out.data(backfill)
  out.line(`Backfill ${id} ${backfill.state}: ${backfill.reason}`)
  return 0
}

async function retry(client: Client, invocation: Invocation, id: string): Promise<number> {
  await client.call(backfillsApi.retryBackfill, { params: { id } })
  return follow(client, id, invocation.out)
}
