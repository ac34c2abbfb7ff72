/** Verdicts: judges a version by its model's gates, keeps the result with all its inputs, and judges them again on demand. */
import { toTime } from '../../contract/fields.ts'
import { problem } from '../../contract/errors.ts'
import { PRODUCTION } from '../../contract/registry.ts'
import type { Gate, GateResult, Verdict } from '../../contract/registry.ts'
import { compareReplay } from '../../contract/replay.ts'
import type { Replay } from '../../contract/replay.ts'
import type { Reader, Tx } from '../../store/db.ts'
import { apart } from './apart.ts'
import { RULES } from './gates.ts'
import type { ApprovalFact, Incumbent, ScanFacts } from './inputs.ts'
import { approvalFacts } from './approval-facts.ts'
import { scoreIncumbent } from './incumbent.ts'
import { judgeTables } from './judgement.ts'
import type { JudgeTask } from './judgement.ts'
import { Kept } from './kept.ts'
import { heldTo } from './policy.ts'
import { areSmall, tableOf } from './tables.ts'
import type { Bytes } from './tables.ts'
import { metricsOf, requireModel, requireVersion, signatureOf } from '../context/context.ts'
import type { Registry, VersionRow } from '../context/context.ts'
import { refuseLowering, startLowering } from '../context/lowering-job.ts'
import { ensureScan, scanReason, storedScan } from '../scan/scanning.ts'
import type { Signature } from '../context/signature.ts'

/** All that decided a verdict, as it is stored: content is named by digest, so it cannot have changed since. */
interface StoredInputs {
  readonly gates: readonly Gate[]
  readonly metrics: Readonly<Record<string, number>>
  readonly evaluation: string | null
  readonly signature: Signature | null
  readonly data: readonly string[]
  readonly incumbents: Readonly<Record<string, Incumbent>>
  /** Blob with production's scores of the candidate's hold-out, in the order of its predictions; null where it was not scored. */
  readonly incumbent_scores: string | null
  /** Absent in verdicts of before such facts were judged. */
  readonly reproducibility?: string | null
  readonly scan?: ScanFacts | null
  readonly approvals?: readonly ApprovalFact[]
  /** The rules that judged; absent in verdicts of before they were numbered. */
  readonly rules?: number
}

export interface VerdictRow {
  readonly id: string
  readonly model: string
  readonly version: number
  readonly at: number
  readonly passed: number
  readonly against: string | null
  readonly results: string
  readonly inputs: string
}

/** A judgement that is not stored yet. */
export interface Judgement {
  readonly passed: boolean
  /** Not passed, but what is missing may still come: approvals, a reproduction. */
  readonly waiting: boolean
  readonly results: GateResult[]
  /** True while what decided it is as it was: the gates, the version, and what the aliases name. */
  readonly isCurrent: (t: Tx) => Promise<boolean>
  /** Writes the verdict, makes it the version's own and returns its id. */
  readonly store: (t: Tx) => Promise<string>
}

/** Judges a version against what its aliases name now. Files are read here, outside the caller's transaction. */
export async function judgeVersion(room: Registry, version: VersionRow): Promise<Judgement> {
  await ensureScan(room, version)
  const given = await inputsOf(room.db, version)
  const inputs = { ...given, incumbent_scores: await scoresOf(room, version, given) }
  const results = await judgeInputs(room, inputs)
  const passed = results.every((one) => one.outcome === 'passed')
  return {
    passed,
    waiting: !passed && results.every((one) => one.outcome === 'passed' || one.outcome === 'waiting'),
    results,
    isCurrent: async (t) => {
      const now = await inputsOf(t, await requireVersion(t, version.model, version.version))
      return JSON.stringify(now) === JSON.stringify(given)
    },
    store: (t) => store(t, room, { version, inputs, results, passed }),
  }
}

async function inputsOf(reader: Reader, version: VersionRow): Promise<StoredInputs> {
  const scan = await storedScan(reader, version.tree)
  const gates = await heldTo(reader, await requireModel(reader, version.model), scan?.verdict === 'malicious')
  return {
    gates,
    metrics: metricsOf(version),
    evaluation: version.evaluation,
    signature: signatureOf(version),
    data: JSON.parse(version.data) as string[],
    incumbents: await incumbentsOf(reader, version, gates),
    incumbent_scores: null,
    reproducibility: version.reproducibility,
    scan: scan === null ? null : { verdict: scan.verdict, reason: scanReason(scan) },
    approvals: await approvalFacts(reader, version),
    rules: RULES,
  }
}

/**
 * Why the gates refuse a version what is guarded, without judging it: its files do harm, or its verdict rests on what still is so.
 * Null where that is not known before it is judged.
 */
export async function knownRefusal(reader: Reader, version: VersionRow): Promise<string | null> {
  const now = await inputsOf(reader, version)
  if (now.scan?.verdict === 'malicious') return now.scan.reason
  if (version.verdict_id === null || now.gates.length === 0) return null
  const row = await requireVerdict(reader, version.verdict_id)
  const then = { ...(JSON.parse(row.inputs) as StoredInputs), incumbent_scores: null }
  if (row.passed === 1 || JSON.stringify(then) !== JSON.stringify(now)) return null
  return refusalText(JSON.parse(row.results) as GateResult[])
}

/** The gates that do not hold, each with its reason. */
export function refusalText(results: readonly GateResult[]): string {
  return results
    .filter((one) => one.outcome !== 'passed')
    .map((one) => `${one.name}: ${one.reason}`)
    .join('; ')
}

/** Judges a version again after a fact has changed, and keeps the verdict as its own; also tells whether all gates hold now. */
export async function rejudge(room: Registry, version: Pick<VersionRow, 'model' | 'version'>): Promise<boolean> {
  for (;;) {
    const judged = await judgeVersion(room, await requireVersion(room.db, version.model, version.version))
    const stored = await room.db.tx(async (t) => {
      await t.lock(`model ${version.model}`)
      if (!(await judged.isCurrent(t))) return false
      await judged.store(t)
      if (judged.passed) await startLowering(t, version)
      else await refuseLowering(t, version)
      return true
    })
    if (stored) return judged.passed
  }
}

/** Production's scores of the candidate's hold-out, where both are known here. */
async function scoresOf(room: Registry, version: VersionRow, { incumbents }: StoredInputs): Promise<string | null> {
  const incumbent = incumbents[PRODUCTION]
  return incumbent === undefined
    ? null
    : scoreIncumbent(room, version, await requireVersion(room.db, version.model, incumbent.version))
}

/** Results of large tables, by the inputs that decide them: a version is judged whenever it is looked at. */
const kept = new WeakMap<Registry['blobs'], Kept<GateResult[]>>()
const MOST_KEPT = 100

/** Judges the inputs; `anew` where what was found before must not count. */
async function judgeInputs(room: Registry, inputs: StoredInputs, anew = false): Promise<GateResult[]> {
  const trees = incumbentTrees(inputs)
  if (await areSmall(room, [inputs.evaluation, ...trees.values()]))
    return judgeTables(await taskOf(room, inputs, trees))
  const judged = async (): Promise<GateResult[]> =>
    apart({ judge: await taskOf(room, inputs, trees), scorer: null }, 'judges a version')
  if (anew) return judged()
  const known = kept.get(room.blobs) ?? new Kept<GateResult[]>(MOST_KEPT)
  kept.set(room.blobs, known)
  return known.of(JSON.stringify(inputs), judged)
}

async function taskOf(room: Registry, inputs: StoredInputs, trees: Map<string, string | null>): Promise<JudgeTask> {
  const { gates, evaluation, incumbent_scores: scores, ...facts } = inputs
  const tables: Record<string, Bytes> = {}
  for (const [alias, tree] of trees) tables[alias] = await tableOf(room, tree)
  return {
    gates,
    facts,
    evaluation: await tableOf(room, evaluation),
    scores: scores === null ? null : await room.blobs.bytes(scores),
    tables,
  }
}

/** By alias the rows of the incumbents' own hold-outs, which give the errors of their figures where hold-outs differ. */
function incumbentTrees({ gates, incumbents }: StoredInputs): Map<string, string | null> {
  const compared = new Set(gates.flatMap((gate) => ('not_worse_than' in gate ? [gate.not_worse_than] : [])))
  const found = Object.entries(incumbents).map(([alias, one]): [string, string | null] => [
    alias,
    compared.has(alias) ? (one.evaluation ?? null) : null,
  ])
  return new Map(found)
}

function namedNow(reader: Reader, model: string, alias: string): Promise<VersionRow | undefined> {
  return reader.get<VersionRow>(
    'SELECT v.* FROM model_aliases a JOIN model_versions v ON v.model = a.model AND v.version = a.version WHERE a.model = ? AND a.alias = ? AND v.deleted_at IS NULL',
    [model, alias],
  )
}

/**
 * The version that an alias named before it was taken away, while that version is kept: to take an alias away must not open
 * the gates that compare with it. Moves outlive their model, so one from before the version is of an earlier model.
 */
function namedLast(reader: Reader, model: string, alias: string): Promise<VersionRow | undefined> {
  return reader.get<VersionRow>(
    'SELECT v.* FROM alias_moves m JOIN model_versions v ON v.model = m.model AND v.version = m.from_version WHERE m.model = ? AND m.alias = ? AND m.to_version IS NULL AND m.at >= v.created_at AND v.deleted_at IS NULL ORDER BY m.seq DESC LIMIT 1',
    [model, alias],
  )
}

/** A version as gates compare with it; its rows are read where they are needed. */
function incumbentOf(row: VersionRow): Incumbent {
  const { evaluation } = row
  return { version: String(row.version), metrics: metricsOf(row), signature: signatureOf(row), evaluation }
}

/** The versions that the gates compare with: what production and every alias that a gate names point to now, or did last. */
async function incumbentsOf(
  reader: Reader,
  version: VersionRow,
  gates: readonly Gate[],
): Promise<Record<string, Incumbent>> {
  const names = new Set([
    PRODUCTION,
    ...gates.flatMap((gate) => ('not_worse_than' in gate ? [gate.not_worse_than] : [])),
  ])
  const found: Record<string, Incumbent> = {}
  for (const alias of names) {
    const row = (await namedNow(reader, version.model, alias)) ?? (await namedLast(reader, version.model, alias))
    if (row === undefined || row.version === version.version) continue
    found[alias] = incumbentOf(row)
  }
  return found
}

interface Finished {
  readonly version: VersionRow
  readonly inputs: StoredInputs
  readonly results: readonly GateResult[]
  readonly passed: boolean
}

async function store(t: Tx, room: Registry, done: Finished): Promise<string> {
  const id = room.ids('ver')
  const { model, version } = done.version
  const against = done.inputs.incumbents[PRODUCTION]?.version
  await t.run(
    'INSERT INTO verdicts (id, model, version, at, passed, against, results, inputs, tree) VALUES (?,?,?,?,?,?,?,?,?)',
    [
      id,
      model,
      version,
      room.clock(),
      done.passed ? 1 : 0,
      against === undefined ? null : `${model}/${against}`,
      JSON.stringify(done.results),
      JSON.stringify(done.inputs),
      done.version.tree,
    ],
  )
  await t.run('UPDATE model_versions SET verdict_id = ? WHERE model = ? AND version = ?', [id, model, version])
  return id
}

/** A stored verdict. Throws `not_found`. */
export async function readVerdict(reader: Reader, id: string): Promise<Verdict> {
  return shown(await requireVerdict(reader, id))
}

/** The row of a verdict. Throws `not_found`. */
export async function requireVerdict(reader: Reader, id: string): Promise<VerdictRow> {
  const row = await reader.get<VerdictRow>('SELECT * FROM verdicts WHERE id = ?', [id])
  if (row === undefined) throw problem('not_found', { what: 'verdict', id })
  return row
}

function shown(row: VerdictRow): Verdict {
  return {
    id: row.id,
    subject: `${row.model}/${row.version}`,
    passed: row.passed === 1,
    at: toTime(row.at),
    against: row.against,
    gates: JSON.parse(row.results) as GateResult[],
    rules: (JSON.parse(row.inputs) as StoredInputs).rules ?? 1,
  }
}

/** Judges the stored inputs of a verdict again, by the rules of now; `same` when every gate comes out as it was stored, to the last digit. */
export async function replayVerdict(room: Registry, id: string): Promise<Replay<Verdict>> {
  const row = await requireVerdict(room.db, id)
  const stored = shown(row)
  const gates = await judgeInputs(room, JSON.parse(row.inputs) as StoredInputs, true)
  // through JSON, as the stored one went
  const replayed = JSON.parse(
    JSON.stringify({ ...stored, gates, passed: gates.every((one) => one.outcome === 'passed'), rules: RULES }),
  ) as Verdict
  return compareReplay(stored, replayed)
}
