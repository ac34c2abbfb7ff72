/** Pipelines whose steps are pretended: a real store and the real loop, and a driver that starts no process, for what only the server costs. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openBench, type Bench } from '../../src/pipelines/bench.fixture.ts'
import type { PipelinesDeps } from '../../src/pipelines/context/deps.ts'
import type { AttemptSpec } from '../../src/pipelines/drivers/driver.ts'
import { memoryDriver, type MemoryDriver } from '../../src/pipelines/drivers/memory.fixture.ts'
import { LOCK } from '../../src/pipelines/run/idle.fixture.ts'
import { putManifest, type TreeInfo } from '../../src/store/blobs/trees.ts'

const ENVS = {
  resolve: () => Promise.resolve(LOCK),
  lock: () => Promise.resolve(LOCK),
  python: () => Promise.resolve('python'),
} as unknown as PipelinesDeps['envs']

export interface Pretended extends Bench {
  readonly driver: MemoryDriver
  readonly folder: string
  /** Whether attempts end at once, and do not run until they are ended. */
  ends: boolean
  /** Called with each attempt that begins. */
  begun: (spec: AttemptSpec) => void
}

/** Opens one with so many places, in a folder of its own that goes with `close`. */
export async function openPretended(cpus: number, changes: Partial<PipelinesDeps> = {}): Promise<Pretended> {
  const folder = mkdtempSync(join(tmpdir(), 'bench-pretended-'))
  const driver = memoryDriver()
  const submit = driver.submit.bind(driver)
  const bench = await openBench(join(folder, 'data'), () => ({
    driver,
    envs: ENVS,
    capacity: { cpus, memory_bytes: 2 ** 50 },
    stepMemory: 2 ** 20,
    ...changes,
  }))
  const pretended: Pretended = {
    ...bench,
    driver,
    folder,
    ends: true,
    begun: () => undefined,
    async close() {
      await bench.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
  driver.submit = async (spec) => {
    await submit(spec)
    for (const output of spec.outputs) driver.outputs.set(`${spec.attempt}.${output}`, await made(bench, spec))
    pretended.begun(spec)
    if (pretended.ends) setImmediate(() => driver.finish(spec.attempt))
  }
  return pretended
}

/** One small file, of each item another. */
async function made({ store: { blobs } }: Bench, { params }: AttemptSpec): Promise<TreeInfo> {
  const blob = await blobs.put(Buffer.from(`part of ${JSON.stringify(params)}`))
  return putManifest(blobs, [{ path: '', executable: false, ...blob }])
}

/** A project of one step that runs for so many items, and of further steps. */
export function fanned(items: number, more = '', after = ''): Record<string, string> {
  const fit = `fit: {run: "a:fit", params: {x: "{item}"}, outputs: [part], for_each: {range: [0, ${items - 1}]${more}}}`
  return {
    'slipway.yaml': `project: bench\npipeline: {steps: {${fit}${after}}}\n`,
    'a.py': 'def fit(x, part): ...\ndef all(parts): ...\n',
  }
}

/** Resolves once it holds; throws after ten minutes. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let i = 0; i < 24_000; i++) {
    if (await holds()) return
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
  throw new Error('it did not come to it in ten minutes')
}

/** A run as it ended, and what it took. */
export interface Ended {
  readonly id: string
  readonly seconds: number
  /** Of this process. */
  readonly cpu: number
  /** Why its first step ran, or did not. */
  readonly reason: string
}

/** Runs a project to its end. Throws for a run that did not succeed. */
export async function ended(bench: Pretended, files: Readonly<Record<string, string>>): Promise<Ended> {
  return timed(bench, () => bench.begin(files))
}

/** Waits for the end of a run that `begin` begins, asking no more than whether it has ended. Throws for one that did not succeed. */
export async function timed(bench: Pretended, begin: () => Promise<string>): Promise<Ended> {
  const [began, before] = [performance.now(), process.cpuUsage()]
  const id = await begin()
  const isOver = async (): Promise<boolean> =>
    (await bench.store.db.get<{ outcome: string | null }>('SELECT outcome FROM pipeline_runs WHERE id = ?', [id]))
      ?.outcome != null
  await until(isOver)
  const seconds = (performance.now() - began) / 1000
  const { user, system } = process.cpuUsage(before)
  const run = await bench.view(id)
  if (run.outcome !== 'succeeded') throw new Error(`the run ${String(run.outcome)}: ${run.message}`)
  return { id, seconds, cpu: (user + system) / 1e6, reason: run.steps[0]?.cache?.reason ?? '' }
}
