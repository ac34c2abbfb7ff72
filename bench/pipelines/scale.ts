/** What many steps cost the server, with a driver that only pretends to run them: 1,000 that run, 10,000 in line, and lists of items that are joined or taken from the cache. */
import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Leases } from '../../src/jobs/leases.ts'
import { openPipelines } from '../../src/pipelines/pipelines.ts'
import { createRun } from '../../src/pipelines/run/runs.ts'
import { viewQueue } from '../../src/pipelines/run/queue.ts'
import { newestVersion } from '../../src/pipelines/spec/versions.ts'
import { ANA } from '../../src/pipelines/bench.fixture.ts'
import { megabytes, ms, thousands } from '../table.ts'
import type { Options, Row } from '../table.ts'
import { folder } from './folder.ts'
import { ended, fanned, openPretended, timed, until, type Pretended } from './pretended.ts'

const RUNNING = 1000
const IN_LINE = 10_000
const ITEMS = 2000
const JOINED = 100_000
const NAMED = 'pretended steps'

/** Rows of steps that run, steps in line and lists of items. */
export async function scale(options: Options): Promise<Row[]> {
  return [
    await running(options, 'items of one step', (bench) => bench.begin(fanned(RUNNING, `, at_once: ${RUNNING}`))),
    await running(options, 'runs of one step each', manyRuns),
    ...(await inLine()),
    await again(ITEMS, 3),
    await join(),
    ...(await folder()),
  ]
}

/** As many runs of one step, each with a seed of its own so that no run waits for another. */
async function manyRuns(bench: Pretended, count = RUNNING): Promise<void> {
  const file = 'project: many\npipeline: {steps: {one: {run: "a:main", cache: never}}}\n'
  await bench.begin({ 'slipway.yaml': file, 'a.py': 'def main(): ...\n' })
  const version = await newestVersion(bench.store.db, 'many')
  const one = { version, params: {}, options: {}, trigger: 'manual' } as const
  for (let i = 1; i < count; i++) bench.room.wake(await createRun(bench.room.context, ANA, one))
}

/** The server's CPU while so many steps run and nothing happens. */
async function running(
  { seconds }: Options,
  what: string,
  begin: (bench: Pretended) => Promise<unknown>,
): Promise<Row> {
  const bench = await openPretended(RUNNING)
  try {
    bench.ends = false
    await begin(bench)
    await until(() => bench.driver.submitted.length === RUNNING)
    // what the start has left is done by then
    await sleep(12_000)
    const [before, began] = [process.cpuUsage(), performance.now()]
    await sleep(Math.max(20, seconds) * 1000)
    const { user, system } = process.cpuUsage(before)
    const share = (user + system) / 10 / (performance.now() - began)
    return {
      name: `${thousands(RUNNING)} ${NAMED} running idle: ${what}`,
      measured: `${share.toFixed(1)} % of a core, ${megabytes(process.memoryUsage.rss())} RSS`,
      target: '≤ 5 % of a core',
      beside: '',
      ok: share <= 5,
      figures: { share, rss: process.memoryUsage.rss() },
    }
  } finally {
    await bench.close()
  }
}

/** A line of many runs before two places: how soon the first begins, what one more costs, and how the line is told. */
async function inLine(): Promise<Row[]> {
  const bench = await openPretended(2)
  try {
    bench.ends = false
    await manyRuns(bench, IN_LINE)
    await until(async () => (await viewQueue(bench.room.context.deps, null)).waiting === IN_LINE - 2)
    const reads: number[] = []
    for (let i = 0; i < 9; i++) {
      const began = performance.now()
      await viewQueue(bench.room.context.deps, null)
      reads.push(performance.now() - began)
    }
    const [before, starts] = [process.cpuUsage(), 50]
    const began = performance.now()
    const from = bench.driver.submitted.length
    for (let i = 0; i < starts; i++) {
      bench.driver.finish(bench.driver.submitted[i]?.attempt ?? '')
      await until(() => bench.driver.submitted.length > from + i)
    }
    const { user, system } = process.cpuUsage(before)
    const [wall, cpu] = [(performance.now() - began) / starts, (user + system) / 1000 / starts]
    const read = reads.toSorted((a, b) => a - b)[4] ?? Number.NaN
    const name = `${thousands(IN_LINE)} ${NAMED} in line`
    const rss = process.memoryUsage.rss()
    return [
      row({
        name: `${name}: one ends → the next begins`,
        value: wall,
        most: 250,
        said: `${ms(cpu)} CPU`,
        more: { cpu_ms: cpu },
      }),
      row({ name: `${name}: the queue is told`, value: read, most: 100, said: `${megabytes(rss)} RSS`, more: { rss } }),
    ]
  } finally {
    await bench.close()
  }
}

interface Taken {
  readonly name: string
  readonly value: number
  readonly most: number
  readonly said: string
  readonly more: Record<string, number>
}

function row({ name, value, most, said, more }: Taken): Row {
  return {
    name,
    measured: `${ms(value)}; ${said}`,
    target: `≤ ${most} ms`,
    beside: '',
    ok: value <= most,
    figures: { ms: value, ...more },
  }
}

/** A list of items of which nothing has changed. */
async function again(items: number, most: number): Promise<Row> {
  const bench = await openPretended(64)
  try {
    const files = fanned(items)
    const first = await ended(bench, files)
    const second = await ended(bench, files)
    const { cpu } = second
    if (!second.reason.includes(`all ${items} items`)) throw new Error(`an unchanged item ran again: ${second.reason}`)
    return {
      name: `unchanged run of ${thousands(items)} items, with reasons`,
      measured: `${second.seconds.toFixed(2)} s, ${cpu.toFixed(2)} s CPU; the first, of ${NAMED}, ${first.seconds.toFixed(1)} s`,
      target: `≤ ${most} s`,
      beside: '',
      ok: second.seconds <= most,
      figures: { seconds: second.seconds, cpu_seconds: cpu, first_seconds: first.seconds },
    }
  } finally {
    await bench.close()
  }
}

/** The join of a list as long as one may be, whose items are all there. */
async function join(): Promise<Row> {
  const bench = await openPretended(2)
  try {
    bench.ends = false
    const id = await bench.begin(fanned(JOINED, ', at_once: 1'))
    const made = async (): Promise<boolean> => {
      const row = await bench.store.db.get<{ fan: string | null }>(
        'SELECT fan FROM pipeline_steps WHERE run_id = ? AND item_of IS NULL',
        [id],
      )
      return (JSON.parse(row?.fan ?? '{}') as { made?: number }).made === JOINED
    }
    await until(async () => (await made()) && bench.driver.submitted.length === 1)
    await bench.room.stop()
    await leaveResults(bench, id)
    const room = openPipelines(bench.room.context.deps, new Leases(bench.store.db))
    const { seconds, cpu } = await timed(bench, () => {
      room.start()
      return Promise.resolve(id)
    })
    await room.stop()
    return {
      name: `join of ${thousands(JOINED)} items`,
      measured: `${seconds.toFixed(1)} s, ${cpu.toFixed(1)} s CPU`,
      target: '≤ 20 s',
      beside: '',
      ok: seconds <= 20,
      figures: { seconds, cpu_seconds: cpu },
    }
  } finally {
    await bench.close()
  }
}

/** Writes rows and files as items leave them that have succeeded, without the time that they take: each a file of its own. */
async function leaveResults({ store: { db, blobs } }: Pretended, run: string): Promise<void> {
  const keep = (text: string): string => {
    const digest = `sha256:${createHash('sha256').update(text).digest('hex')}`
    const path = blobs.path(digest) ?? ''
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, text)
    return digest
  }
  await db.tx(async (t) => {
    for (let number = 0; number < JOINED; number++) {
      const text = `part ${number}`
      const digest = keep(JSON.stringify({ slipway_tree: 1, files: [['', text.length, keep(text), 0]] }))
      const outputs = JSON.stringify({ part: { digest, size: text.length, files: 1 } })
      const sql = "UPDATE pipeline_steps SET state = 'succeeded', outputs = ? WHERE run_id = ? AND name = ?"
      await t.run(sql, [outputs, run, `fit[${number}]`])
    }
    await t.run("UPDATE pipeline_attempts SET state = 'succeeded' WHERE run_id = ?", [run])
  })
}
