/** Steps with items on a real store, with a driver without processes that answers each attempt as a test says. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { until } from '../../../test/until.ts'
import { ANA, openBench, type Bench } from '../bench.fixture.ts'
import type { PipelinesDeps } from '../context/deps.ts'
import { memoryDriver, type MemoryDriver } from '../drivers/memory.fixture.ts'
import type { AttemptSpec, Exit } from '../drivers/driver.ts'
import { putManifest } from '../../store/blobs/trees.ts'
import { planRun } from '../plan/plan.ts'
import { compileSpec } from '../spec/spec.ts'
import { LOCKED } from '../run/idle.fixture.ts'
import { listItems, type ItemView } from '../run/items.ts'
import { requireRun, retryRun, type NewRun } from '../run/runs.ts'

export interface Fanned extends Bench {
  readonly driver: MemoryDriver
  /** What each attempt was given as `x`, in the order of submission. */
  readonly ran: unknown[]
  /** The most attempts that ran at the same time. */
  readonly most: () => number
  /** How an attempt ends; undefined leaves it running until `release`. */
  answer: (spec: AttemptSpec) => Partial<Exit> | undefined
  /** Ends all that still run, well. */
  release(): void
  items(run: string, state?: ItemView['state']): Promise<ItemView[]>
  retry(run: string): Promise<string>
  /** What a plan of a project says of its steps, in their order. */
  plan(
    files: Readonly<Record<string, string>>,
    options?: NewRun['options'],
  ): Promise<Awaited<ReturnType<typeof planRun>>['steps']>
  until(wanted: () => boolean | Promise<boolean>, what: string): Promise<void>
}

/** A project whose step `fit` runs for items, given `more` keys of the step; `after` are further steps. */
export function project(each: string, more = '', after = ''): Record<string, string> {
  const fit = `fit: {run: "a:fit", params: {x: "{item}"}, outputs: [part], for_each: ${each}${more === '' ? '' : `, ${more}`}}`
  return {
    'slipway.yaml': `project: fan\npipeline: {steps: {${fit}${after === '' ? '' : `, ${after}`}}}\n`,
    'a.py': 'def fit(x, part): ...\ndef all(parts): ...\n',
  }
}

/** Opens one on SQLite, or on a PostgreSQL by its URL. */
export async function openFanned(t: TestContext, url?: string, changes: Partial<PipelinesDeps> = {}): Promise<Fanned> {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-fan-'))
  const driver = memoryDriver()
  const [ran, going]: [unknown[], Set<string>] = [[], new Set()]
  let most = 0
  const submit = driver.submit.bind(driver)
  const deps = { driver, envs: LOCKED, capacity: { cpus: 8, memory_bytes: 2 ** 40 }, ...changes }
  let opened: Bench | undefined
  t.after(async () => {
    await opened?.close()
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  })
  const bench = await openBench(join(folder, 'data'), () => deps, url)
  opened = bench
  const end = (attempt: string, exit: Partial<Exit>): void => {
    going.delete(attempt)
    driver.finish(attempt, exit)
  }
  const fanned: Fanned = {
    ...bench,
    driver,
    ran,
    most: () => most,
    answer: () => ({}),
    release: () => [...going].forEach((attempt) => end(attempt, {})),
    async items(run, state) {
      const asked = { step: 'fit', limit: 1000, ...(state !== undefined && { state }) }
      return (await listItems(bench.room.context, await requireRun(bench.room.context, ANA, run), asked)).items
    },
    async retry(run) {
      const id = await retryRun(bench.room.context, ANA, await requireRun(bench.room.context, ANA, run))
      bench.room.wake(id)
      return id
    },
    async plan(files, options = {}) {
      const { blobs } = bench.store
      const kept = Object.entries(files).map(async ([path, text]) => ({
        path,
        executable: false,
        ...(await blobs.put(Buffer.from(text))),
      }))
      const { digest } = await putManifest(blobs, await Promise.all(kept))
      const spec = await compileSpec(blobs, files['slipway.yaml'] ?? '', digest, 'slipway.yaml')
      return (await planRun(bench.room.context, spec, { params: {}, options })).steps
    },
    async until(wanted, what) {
      await until(() => `${what}: ${JSON.stringify(bench.errors)}`, wanted)
    },
  }
  driver.submit = async (spec) => {
    // what it makes is kept before: once it is in `ran`, it has been answered and may be released
    const blob = await bench.store.blobs.put(Buffer.from(`part of ${JSON.stringify(spec.params['x'])}`))
    const single = await putManifest(bench.store.blobs, [{ path: '', executable: false, ...blob }])
    for (const output of spec.outputs) driver.outputs.set(`${spec.attempt}.${output}`, single)
    await submit(spec)
    ran.push(spec.params['x'])
    going.add(spec.attempt)
    most = Math.max(most, going.size)
    const exit = fanned.answer(spec)
    if (exit !== undefined) end(spec.attempt, exit)
  }
  return fanned
}

/** Values in the order of their texts. */
export function sorted(values: readonly unknown[]): unknown[] {
  return values.toSorted((a, b) => (String(a) < String(b) ? -1 : 1))
}
