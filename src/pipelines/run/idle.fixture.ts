/** Runs on a real store that nothing moves on: a test writes how steps and attempts ended, and live logs lie in memory. */
import type { TestContext } from 'node:test'
import type { Principal } from '../../contract/access.ts'
import { problem } from '../../contract/errors.ts'
import { makeLock } from '../../envs/lock.ts'
import type { Row } from '../../store/db.ts'
import { openTemporaryStore, type Store } from '../../store/open.ts'
import { putManifest } from '../../store/blobs/trees.ts'
import { ANA } from '../bench.fixture.ts'
import { Context } from '../context/context.ts'
import type { PipelinesDeps } from '../context/deps.ts'
import { createVersion } from '../spec/versions.ts'
import { createRun, requireRun, type NewRun } from './runs.ts'
import type { RunTree } from '../context/rows.ts'

export interface Idle {
  readonly store: Store
  readonly context: Context
  /** What the audit was told. */
  readonly audit: Record<string, unknown>[]
  /** Logs of attempts that the driver still has, by attempt. */
  readonly live: Map<string, Buffer>
  /** Stands still until a test moves it. */
  readonly clock: { now: number }
  /** Stores files as a tree; a path that ends with `*` is executable. */
  tree(files: Readonly<Record<string, string | Uint8Array>>): Promise<string>
  /** Makes a version of a project and a run of it. */
  begin(files: Readonly<Record<string, string>>, given?: Partial<NewRun>, who?: Principal): Promise<string>
  read(run: string): Promise<RunTree>
  setRun(run: string, row: Row): Promise<void>
  setStep(run: string, step: string, row: Row): Promise<void>
  /** Writes an attempt, `RUN.STEP.NUMBER`; it runs unless `row` says otherwise. */
  attempt(run: string, step: string, number: number, row?: Row): Promise<string>
}

/** The environment whose lock is known. */
export const LOCK = makeLock('Scikit_Learn==1.5.0\nnumpy==2.1.0\n', {
  path: 'python',
  version: '3.12.1',
  platform: 'linux-x86_64-cpython-312',
})

/** Environments that are all that one, made already, of the interpreter `python`. */
export const LOCKED = {
  resolve: () => Promise.resolve(LOCK),
  lock: () => Promise.resolve(LOCK),
  python: () => Promise.resolve('python'),
} as unknown as PipelinesDeps['envs']

/** Opens one; `changes` replaces what it is given. */
export async function openIdle(t: TestContext, changes: Partial<PipelinesDeps> = {}): Promise<Idle> {
  const store = await openTemporaryStore()
  t.after(() => store.close())
  const { db, blobs } = store
  const clock = { now: 1_750_000_000_000 }
  const audit: Record<string, unknown>[] = []
  const live = new Map<string, Buffer>()
  let made = 0
  const deps = {
    db,
    blobs,
    clock: () => clock.now,
    ids: (prefix: string) => `${prefix}_${String(++made).padStart(4, '0')}`,
    envs: {
      lock: (digest: string) =>
        digest === LOCK.digest
          ? Promise.resolve(LOCK)
          : Promise.reject(problem('not_found', { what: 'environment', id: digest })),
    },
    driver: {
      slowStarts: () => null,
      name: 'local',
      logs: (id: string, from: number, most: number) =>
        Promise.resolve((live.get(id) ?? Buffer.alloc(0)).subarray(from, from + most)),
      logSize: (id: string) => Promise.resolve(live.get(id)?.length ?? 0),
    },
    capacity: { cpus: 2, memory_bytes: 2 ** 40 },
    secret: (_project: string, name: string) => Promise.resolve(name === 'KNOWN' ? 'value' : undefined),
    record: (_t: unknown, _who: unknown, { detail }: { detail: Record<string, unknown> }) => {
      audit.push(detail)
      return Promise.resolve()
    },
    ...changes,
  } as unknown as PipelinesDeps
  const context = new Context(deps)
  const tree = async (files: Readonly<Record<string, string | Uint8Array>>): Promise<string> => {
    const list = Object.entries(files).map(async ([name, content]) => ({
      path: name.replace(/\*$/, ''),
      executable: name.endsWith('*'),
      ...(await blobs.put(Buffer.from(content))),
    }))
    return (await putManifest(blobs, await Promise.all(list))).digest
  }
  const set = async (table: string, where: Row, row: Row): Promise<void> => {
    const columns = Object.keys(row).map((name) => `${name} = ?`)
    const keys = Object.keys(where).map((name) => `${name} = ?`)
    const values = [...Object.values(row), ...Object.values(where)]
    await db.tx((t) => t.run(`UPDATE ${table} SET ${columns.join(', ')} WHERE ${keys.join(' AND ')}`, values))
  }
  return {
    store,
    context,
    audit,
    live,
    clock,
    tree,
    async begin(files, given = {}, who = ANA) {
      const text = files['slipway.yaml'] ?? ''
      const version = await createVersion(deps, who, { text, tree: await tree(files), file: 'slipway.yaml' })
      return createRun(context, who, { version, params: {}, options: {}, trigger: 'manual', ...given })
    },
    read: (run) => requireRun(context, ANA, run),
    setRun: (run, row) => set('pipeline_runs', { id: run }, row),
    setStep: (run, step, row) => set('pipeline_steps', { run_id: run, name: step }, row),
    async attempt(run, step, number, row = {}) {
      const id = `${run}.${step}.${number}`
      await db.tx((t) =>
        t.run(
          `INSERT INTO pipeline_attempts (id, run_id, step, number, state, fence, driver, queued_at, silent, log_bytes)
           VALUES (?, ?, ?, ?, 'running', 'f', 'local', ?, 0, 0)`,
          [id, run, step, number, clock.now],
        ),
      )
      if (Object.keys(row).length > 0) await set('pipeline_attempts', { id }, row)
      return id
    },
  }
}
