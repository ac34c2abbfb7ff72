/** A rollout room over a real database and a real registry, without gateways: variants are rows, traffic is made from them. */
import { randomBytes } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { freshSeal } from '../auth/seal.fixture.ts'
import { auditLog } from '../auth/audit.ts'
import { SYSTEM, tokens } from '../auth/tokens.ts'
import { makeIds } from '../contract/ids.ts'
import type { Clock } from '../contract/ids.ts'
import type { Role } from '../contract/access.ts'
import type { Gate } from '../contract/registry.ts'
import type { Plan } from '../contract/rollout/plan.ts'
import { endpointPorts } from '../registry/endpoint-ports.ts'
import { registerVersion } from '../registry/versions/register.ts'
import type { Registry } from '../registry/context/context.ts'
import { writeRecords } from '../serving/records/rows.ts'
import type { RowRecord } from '../gateway/records/records.ts'
import { servingRoom } from '../serving/room.ts'
import type { ServingDeps, ServingRoom } from '../serving/room.ts'
import { currentEpoch } from '../serving/context/epoch.ts'
import { variantsOf } from '../serving/context/rows.ts'
import { runFiles } from '../gateway/run-files.ts'
import type { VariantRow } from '../serving/context/rows.ts'
import { prng } from '../stats/prng.ts'
import type { Db } from '../store/db.ts'
import { openDiskBlobs } from '../store/blobs/disk.ts'
import { putManifest } from '../store/blobs/trees.ts'
import { rolloutPorts } from './ports.ts'
import { beginRound, judgeRound } from './controller/controller.ts'
import { frozenEndpoint } from './controller/freeze.ts'
import { rolloutHooks } from './observations/hooks.ts'
import type { RolloutHooks } from './observations/hooks.ts'
import type { RolloutDeps, RolloutRow } from './context/context.ts'
import { ifSound } from '../store/if-sound.fixture.ts'

/** A plan that is done after 300 rows. */
export const QUICK = {
  shadow: { requests: 100, labels: 0 },
  canary: [1000, 5000],
  each: { min_requests: 100 },
  gates: { error_rate_vs_stable: { ratio_at_most: 1.5, above: 0.005 } },
  slices: [],
  alpha: 0.01,
  max_wait_hours: 168,
  on_failure: 'rollback',
} as const satisfies Plan

export interface RolloutBench {
  readonly db: Db
  readonly registry: Registry
  readonly serving: ServingRoom
  readonly deps: RolloutDeps
  readonly hooks: RolloutHooks
  /** Versions that cannot be served, with the reason. */
  readonly broken: Map<string, string>
  /** Labels that are known before the shadow's row comes, by prediction id. */
  readonly known: Map<string, number>
  /** Faults that the controller met. */
  readonly errors: unknown[]
}

/** A clock whose every reading is later than the one before, as a real one's is between two transactions. */
export function ticking(start: number): Clock {
  let now = start
  return () => ++now
}

/** Opens the room; `folder` holds the files of versions. The database is migrated. */
export function openRolloutBench(db: Db, folder: string, clock = ticking(1_700_000_000_000)): RolloutBench {
  const audit = auditLog(clock)
  const ids = makeIds(clock, randomBytes)
  const blobs = openDiskBlobs(join(folder, 'blobs'))
  const registry: Registry = { db, blobs, clock, ids, audit, modelsDir: join(folder, 'models') }
  const bench = { broken: new Map<string, string>(), known: new Map<string, number>(), errors: [] as unknown[] }
  const { enter } = endpointPorts(registry)
  const serving = openServing({ db, clock, ids, audit, enter }, join(folder, randomBytes(4).toString('hex')), bench)
  const deps: RolloutDeps = {
    db,
    clock,
    ids,
    audit,
    ...rolloutPorts(serving, registry),
    labelsOf: async (_reader, _endpoint, wanted) => new Map([...bench.known].filter(([id]) => wanted.includes(id))),
    changed: () => undefined,
    onError: (error) => void bench.errors.push(error),
  }
  return { ...bench, db, registry, serving, deps, hooks: rolloutHooks(deps) }
}

const MLMODEL = `flavors: {}
signature:
  inputs: '[{"name": "distance", "type": "double", "required": true}, {"name": "carrier", "type": "string", "required": true}]'
  outputs: '[{"type": "double"}]'
`

/** A serving room without gateways: it is not started, so nothing loads what it lays out. */
function openServing(
  ground: Pick<ServingDeps, 'db' | 'clock' | 'ids' | 'audit' | 'enter'>,
  dataDir: string,
  bench: Faults,
): ServingRoom {
  mkdirSync(dirname(runFiles(dataDir).routing), { recursive: true })
  writeFileSync(join(dataDir, 'MLmodel'), MLMODEL)
  return servingRoom({
    ...ground,
    seal: freshSeal(),
    dataDir,
    ifSound,
    version: '0.0.0',
    gateways: { count: 0, host: '127.0.0.1', port: 0, allowHosts: [] },
    open: false,
    tokens: tokens(ground),
    async versionFiles(_model, version) {
      const reason = bench.broken.get(version)
      if (reason !== undefined) throw new Error(reason)
      return { dir: dataDir, python: 'python', native: null, reason: 'nothing loads it' }
    },
    workers: 1,
    memoryMb: 1,
    hooks: () => [],
    frozen: (reader, endpoint) => frozenEndpoint(reader, endpoint, ground.clock()),
    changed: () => undefined,
    log: (_what, error) => void bench.errors.push(error),
  })
}

type Faults = Pick<RolloutBench, 'broken' | 'errors'>

export interface Shipped {
  readonly model: string
  readonly auc?: number
  readonly gates?: readonly Gate[]
  readonly endpoint?: string
  readonly plan?: Plan
  readonly monitor?: Readonly<Record<string, unknown>>
  /** Whose wish it is; not known when it is not given. */
  readonly role?: Role
}

/** Registers the next version of a model that asks for an endpoint (of the model's name); resolves to its number. */
export async function ship({ registry }: RolloutBench, wish: Shipped): Promise<string> {
  const text = `flavors: {}\nname: ${wish.model} ${randomBytes(4).toString('hex')}\n`
  const { digest, size } = await registry.blobs.put(Buffer.from(text))
  const tree = (await putManifest(registry.blobs, [{ path: 'MLmodel', digest, size, executable: false }])).digest
  const { version } = await registerVersion(registry, SYSTEM, {
    project: 'default',
    model: wish.model,
    tree,
    run_id: null,
    pipeline_run_id: null,
    metrics: { auc: wish.auc ?? 0.8 },
    data: [],
    environment: null,
    evaluation: null,
    holdout: null,
    reference: null,
    gates: wish.gates ?? [],
    deployment: {
      endpoint: wish.endpoint ?? wish.model,
      project: 'default',
      plan: wish.plan ?? QUICK,
      monitor: wish.monitor ?? {},
      ...(wish.role !== undefined && { role: wish.role, by: `a ${wish.role}` }),
    },
  })
  return version
}

/** One round of the controller. */
export async function round({ deps }: Pick<RolloutBench, 'deps'>): Promise<void> {
  await beginRound(deps)
  await judgeRound(deps)
}

const CARRIERS = ['UA', 'AA', 'DL', 'B6'] as const
const EVENTS = 1_380_000_000_000

export interface Traffic {
  readonly rows: number
  readonly seed: number
  /** Share of requests that the candidate fails. */
  readonly failing?: number
  /** A carrier whose scores the candidate turns round. */
  readonly flipped?: string
  /** A version that turns all its scores round, whatever its role. */
  readonly bad?: string
  /** When the gateway answered, ms; long ago when not given. */
  readonly at?: number
}

export interface Made {
  readonly records: RowRecord[]
  readonly labels: { readonly prediction_id: string; readonly label: number }[]
}

/** What gateways would log for rows that come now, given the endpoint's variants: the canary's share is sent to it, shadows score the rest. */
export async function traffic(db: Db, endpoint: string, wish: Traffic): Promise<Made> {
  const random = prng(wish.seed)
  const variants = await variantsOf(db, endpoint)
  const epoch = await currentEpoch(db)
  const made: Made = { records: [], labels: [] }
  for (let i = 0; i < wish.rows; i++) {
    const odds = -1 + 1.2 * random.normal()
    const score = (): number => 1 / (1 + Math.exp(-(odds + 0.1 * random.normal())))
    const carrier = CARRIERS[random.below(CARRIERS.length)] ?? 'UA'
    const [stable, candidate] = [score(), score()]
    const row: Row = {
      common: {
        id: `${endpoint}-${wish.seed}-${i}`,
        ep: endpoint,
        et: EVENTS + i * 1000,
        at: wish.at ?? EVENTS,
        us: 300,
        ep_epoch: epoch,
      },
      x: [1000, carrier],
      stable,
      candidate: carrier === wish.flipped ? 1 - candidate : candidate,
      fails: random.uniform() < (wish.failing ?? 0),
      draw: random.below(10_000),
      bad: wish.bad,
    }
    made.labels.push({ prediction_id: row.common.id, label: random.uniform() < 1 / (1 + Math.exp(-odds)) ? 1 : 0 })
    made.records.push(...logged(variants, row))
  }
  return made
}

interface Row {
  readonly common: {
    readonly id: string
    readonly ep: string
    readonly et: number
    readonly at: number
    readonly us: number
    readonly ep_epoch: number
  }
  readonly x: readonly unknown[]
  /** Scores of the two versions. */
  readonly stable: number
  readonly candidate: number
  /** True when the candidate fails on it. */
  readonly fails: boolean
  /** 0 to 9999; below the canary's weight the row is the canary's. */
  readonly draw: number
  readonly bad: string | undefined
}

function logged(variants: readonly VariantRow[], { common, x, stable, candidate, fails, draw, bad }: Row): RowRecord[] {
  const by = (version: string, score: number): number => (version === bad ? 1 - score : score)
  const at = (role: VariantRow['role']): VariantRow | undefined => variants.find((one) => one.role === role)
  const answer = { ...common, t: 'p', st: 200, key: null, x, p: null } as const
  const ver = at('stable')?.version ?? ''
  const canary = at('canary')
  if (canary !== undefined && draw < canary.weight) {
    if (!fails) return [{ ...answer, role: 'canary', ver: canary.version, s: by(canary.version, candidate) }]
    return [
      { ...common, t: 'c', ver: canary.version, err: 'it raised' },
      { ...answer, role: 'stable', ver, s: by(ver, stable), fb: true },
    ]
  }
  const answered: RowRecord = { ...answer, role: 'stable', ver, s: by(ver, stable) }
  const shadows = variants.filter((one) => one.role === 'shadow')
  return [
    answered,
    ...shadows.map(({ version }): RowRecord => {
      const seen = { ...common, t: 's', ver: version, p: null } as const
      return fails ? { ...seen, s: null, err: 'it raised' } : { ...seen, s: by(version, candidate) }
    }),
  ]
}

/** Traffic that is ingested at once, with its labels if told. */
export async function send(bench: RolloutBench, endpoint: string, wish: Traffic & { labels?: boolean }): Promise<Made> {
  const made = await traffic(bench.db, endpoint, wish)
  await ingest(bench, made.records)
  if (wish.labels === true) await label(bench, endpoint, made)
  return made
}

export async function ingest({ db, hooks }: RolloutBench, records: readonly RowRecord[]): Promise<void> {
  await db.tx((t) => writeRecords(t, records, hooks))
}

export async function label({ db, hooks }: RolloutBench, endpoint: string, { labels }: Made): Promise<void> {
  await db.tx((t) =>
    hooks.onLabels(
      t,
      labels.map((one) => ({ ...one, endpoint })),
    ),
  )
}

/** The newest rollout of an endpoint. */
export async function newest(db: Db, endpoint: string): Promise<RolloutRow> {
  const row = await db.get<RolloutRow>(
    'SELECT * FROM rollouts WHERE endpoint = ? ORDER BY created_at DESC, id DESC LIMIT 1',
    [endpoint],
  )
  if (row === undefined) throw new Error(`${endpoint} has no rollout`)
  return row
}
