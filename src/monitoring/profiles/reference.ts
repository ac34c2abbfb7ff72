/** What a model's training rows say of normal traffic: the shape of profiles, its own clean past, its last month. */
import { createHash } from 'node:crypto'
import { ifRefused } from '../../contract/absence/absent.ts'
import { problem } from '../../contract/errors.ts'
import { onThread } from '../../jobs/thread.ts'
import type { ProfileSpec } from '../../stats/profile-spec.ts'
import type { Reader } from '../../store/db.ts'
import type { Learned, LearnedApart, LearnTask, Pasts } from './learn.ts'
import type { MonitoringDeps, Reference } from '../context/context.ts'

/** How the learned facts of a reference are found again; undefined when the version has no table to learn from. */
export function referenceId({ table, evaluation, inputs }: Reference): string | undefined {
  if (table === null) return undefined
  const text = JSON.stringify([table, evaluation, inputs, 4])
  return createHash('sha256').update(text).digest('hex').slice(0, 32)
}

/** Learned references are read often and never change. */
const known = new Map<string, Learned>()
const MOST_KNOWN = 8

export async function readReference(reader: Reader, id: string): Promise<Learned | undefined> {
  const kept = known.get(id)
  if (kept !== undefined) return kept
  const row = await reader.get<{ spec: string; limits: string; hours: string }>(
    'SELECT spec, limits, hours FROM monitor_references WHERE id = ?',
    [id],
  )
  if (row === undefined) return undefined
  const learned: Learned = {
    spec: JSON.parse(row.spec) as ProfileSpec,
    ...(JSON.parse(row.limits) as { pasts: Pasts; muted: readonly string[] }),
    hours: JSON.parse(row.hours) as Learned['hours'],
  }
  if (known.size >= MOST_KNOWN) known.delete(known.keys().next().value ?? '')
  known.set(id, learned)
  return learned
}

/** Clean pasts, which are most of the work, by table, inputs and whether there are scores: versions trained on one table share theirs. */
const pasts = new Map<string, Pasts>()

/** Learns a reference on a thread of its own, once; takes some seconds of CPU for half a year of hours. Throws when the table is unfit. */
export async function learnReference(deps: MonitoringDeps, id: string, reference: Reference): Promise<void> {
  if ((await readReference(deps.db, id)) !== undefined || reference.table === null) return
  const table = await deps.readTable(reference.table)
  const scores =
    reference.evaluation === null
      ? null
      : ((await ifRefused(deps.readTable(reference.evaluation), 'not_found', 'unprocessable')) ?? null)
  const key = JSON.stringify([reference.table, scores !== null, reference.inputs])
  const learned = await learnApart({ table, scores, inputs: reference.inputs, pasts: pasts.get(key) })
  if (pasts.size >= MOST_KNOWN) pasts.delete(pasts.keys().next().value ?? '')
  pasts.set(key, learned.pasts)
  await deps.db.tx((t) =>
    t.run(
      'INSERT INTO monitor_references (id, spec, limits, hours, created_at) VALUES (?,?,?,?,?) ON CONFLICT (id) DO NOTHING',
      [
        id,
        JSON.stringify(learned.spec),
        JSON.stringify({ pasts: learned.pasts, muted: learned.muted }),
        JSON.stringify(learned.hours),
        deps.clock(),
      ],
    ),
  )
}

async function learnApart(task: LearnTask): Promise<Learned> {
  const file = new URL('./learn-thread.ts', import.meta.url)
  const { learned, refused } = await onThread<LearnedApart>({ file, task, what: 'learns a reference' })
  if (refused !== undefined) throw problem(refused.code, refused.data)
  if (learned === undefined) throw new Error('the thread that learns a reference learned nothing')
  return learned
}
