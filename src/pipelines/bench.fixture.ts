/** A pipelines room on a real store, real environments and real processes, for tests. */
import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { openedOnce } from '../../test/opened.ts'
import { until } from '../../test/until.ts'
import { freshSeal } from '../auth/seal.fixture.ts'
import type { Principal } from '../contract/access.ts'
import { makeIds } from '../contract/ids.ts'
import { envsRoom } from '../envs/room.ts'
import { openStore, type Store } from '../store/open.ts'
import { putTree, type TreeInfo } from '../store/blobs/trees.ts'
import type { PipelinesDeps, RegisterRequest, StepTracking } from './context/deps.ts'
import { localDriver } from './drivers/local/driver.ts'
import { Leases } from '../jobs/leases.ts'
import { machineOf } from './machine/identity.ts'
import { openPipelines, type Pipelines } from './pipelines.ts'
import { createRun, requireRun } from './run/runs.ts'
import { createVersion } from './spec/versions.ts'
import { viewRun, type RunView } from './run/view.ts'

export const ANA: Principal = { id: 'u1', name: 'ana', role: 'contributor', project: null, token_id: null }

/** A tracking run as the fixture's tracking remembers it. */
export interface Tracked {
  status: string
  name: string
  tags: Readonly<Record<string, string>>
  metrics: Record<string, number>
}

export interface Bench {
  readonly store: Store
  readonly room: Pipelines
  readonly tracked: Map<string, Tracked>
  /** When tracking runs were last written to, ms. */
  readonly signs: Map<string, number>
  readonly registered: RegisterRequest[]
  readonly errors: unknown[]
  /** Uploads files, makes a version and starts a run. */
  begin(files: Readonly<Record<string, string>>, options?: BeginOptions): Promise<string>
  /** Waits for the end of a run. */
  end(id: string): Promise<RunView>
  view(id: string): Promise<RunView>
  close(): Promise<void>
}

export interface BeginOptions {
  readonly params?: Readonly<Record<string, Readonly<Record<string, unknown>>>>
  readonly force?: boolean
  readonly from?: string
  readonly deploy?: boolean
  readonly strict?: boolean
  readonly resumes?: string
  readonly set?: Readonly<Record<string, unknown>>
}

/** Opens one for the file, or the suite, in which this is called; gives its folder, which goes with the process. */
export function benchOnce(name: string, ready: (bench: Bench) => void | Promise<void>): string {
  const root = mkdtempSync(join(tmpdir(), `slipway-${name}-`))
  // not only after the tests: a bench that did not open leaves its folder too
  process.once('exit', () => rmSync(root, { recursive: true, force: true, maxRetries: 5 }))
  openedOnce(() => openBench(join(root, 'data')), ready)
  return root
}

/** Waits until a run looks as wanted. */
export async function untilRun(
  bench: Pick<Bench, 'view'>,
  run: string,
  ...[wanted, what]: [wanted: (view: RunView) => boolean, what: string]
): Promise<RunView> {
  return until(
    async () => `${what}: ${JSON.stringify(await bench.view(run), undefined, 1)}`,
    async () => {
      const view = await bench.view(run)
      return wanted(view) && view
    },
  )
}

/** Opens a room in a data folder; what `changes` returns replaces deps. Tables lie in the folder unless there is a `databaseUrl`. */
export async function openBench(
  dataDir: string,
  changes: (store: Store) => Partial<PipelinesDeps> = () => ({}),
  databaseUrl?: string,
): Promise<Bench> {
  const store = await openStore({ dataDir, ...(databaseUrl !== undefined && { databaseUrl }) })
  const { db, blobs } = store
  const tracked = new Map<string, Tracked>()
  const signs = new Map<string, number>()
  const registered: RegisterRequest[] = []
  const errors: unknown[] = []
  const clock = Date.now
  const ids = makeIds(clock, randomBytes)
  const machine = machineOf(dataDir)
  const deps: PipelinesDeps = {
    db,
    blobs,
    clock,
    ids,
    seal: freshSeal(),
    random: () => 0,
    envs: envsRoom({ db, clock, cacheFolder: join(dataDir, '../cache'), offline: true }).envs,
    driver: localDriver({ blobs, folder: join(dataDir, 'run', 'attempts'), clock, leaseFile: machine.leaseFile }),
    machine,
    tracking: rememberingTracking(tracked, signs),
    endAccess: async () => () => undefined,
    stepAccess: () => Promise.resolve({ uri: 'http://127.0.0.1:9', token: 'slw_step.token-of-the-step' }),
    secret: (_project, name) => Promise.resolve(name === 'API_KEY' ? 'key-0123456789' : undefined),
    registerModel(request) {
      registered.push(request)
      const passed = (request.metrics['auc'] ?? 0) >= 0.5
      return Promise.resolve({
        version: String(registered.length),
        passed,
        detail: passed ? 'all gates hold' : 'auc is low',
      })
    },
    askDeployment: () => Promise.resolve(true),
    record: () => Promise.resolve(),
    onError: (error) => errors.push(error),
    capacity: { cpus: 2, memory_bytes: 2 ** 40 },
    ...changes(store),
  }
  const room = openPipelines(deps, new Leases(db))
  room.start()
  const view = async (id: string): Promise<RunView> => viewRun(room.context, await requireRun(room.context, ANA, id))
  return {
    store,
    room,
    tracked,
    signs,
    registered,
    errors,
    view,
    async begin(files, options = {}) {
      const tree = await upload(store, files)
      const text = files['slipway.yaml'] ?? ''
      const version = await createVersion(deps, ANA, { text, tree: tree.digest, file: 'slipway.yaml' })
      const { params = {}, ...rest } = options
      const id = await createRun(room.context, ANA, { version, params, options: rest, trigger: 'manual' })
      room.wake(id)
      return id
    },
    end: (id) => untilRun({ view }, id, ({ finished_at }) => finished_at !== null, `the end of run ${id}`),
    async close() {
      await room.stop()
      await db.close()
    },
  }
}

/** Keeps files as a tree. */
async function upload({ dataDir, blobs }: Store, files: Readonly<Record<string, string>>): Promise<TreeInfo> {
  const folder = join(dataDir, `upload-${randomBytes(4).toString('hex')}`)
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), text)
  }
  const tree = await putTree(blobs, folder)
  rmSync(folder, { recursive: true })
  return tree
}

function rememberingTracking(tracked: Map<string, Tracked>, signs: ReadonlyMap<string, number>): StepTracking {
  return {
    ensureExperiment: (_project, name) => Promise.resolve(`exp-${name}`),
    createRun({ run_id, name, tags }) {
      if (!tracked.has(run_id)) tracked.set(run_id, { name, tags, status: 'RUNNING', metrics: {} })
      return Promise.resolve()
    },
    logMetrics(runId, metrics) {
      Object.assign(tracked.get(runId)?.metrics ?? {}, metrics)
      return Promise.resolve()
    },
    lastSign: (runId) => Promise.resolve(signs.get(runId)),
    finishRun(runId, status) {
      const run = tracked.get(runId)
      if (run !== undefined) run.status = status
      return Promise.resolve()
    },
  }
}
