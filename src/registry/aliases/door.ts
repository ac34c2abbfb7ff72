/** The one door to what answers: each act that makes a version answer is judged here, at the very moment of the act. */
import type { Principal } from '../../contract/access.ts'
import { problem } from '../../contract/errors.ts'
import type { GateResult } from '../../contract/registry.ts'
import type { Reader, Tx } from '../../store/db.ts'
import { wantLowering } from '../context/lowering-job.ts'
import { requireModel, requireVersion } from '../context/context.ts'
import type { Registry, VersionRow } from '../context/context.ts'
import { requireOverride } from '../context/override.ts'
import { heldTo } from '../gates/policy.ts'
import { judgeVersion, knownRefusal, refusalText } from '../gates/verdicts.ts'
import type { Judgement } from '../gates/verdicts.ts'
import { imageFault } from '../images/images.ts'
import { ensureScan } from '../scan/scanning.ts'
import { refusedElsewhere } from './elsewhere.ts'
import { signatureFault, signingState } from '../signing/signatures.ts'

/** Who asks to come in. */
export interface Entry {
  readonly model: string
  readonly version: string | number
  /** What the version is to become, in words: an alias, a stage, `stable on "flights"`. */
  readonly as: string
  readonly reason?: string | undefined
  /** Come in although a gate does not hold; an admin's right, and it needs a reason. */
  readonly override?: boolean | undefined
  /** The files are loaded next: harm in them and a missing signature cannot be overridden then. */
  readonly loads?: boolean
  /** Gates are not asked, unless the files do harm. */
  readonly ungated?: boolean
  /** What else does not hold of this act; asked again in the transaction of the work. */
  readonly asks?: (reader: Reader) => Promise<readonly GateResult[]>
}

/** What the work of an entry is given: the verdict that allows it, null where nothing was to be judged. */
export interface Allowed {
  readonly version: number
  readonly verdict: string | null
  readonly overridden: boolean
  /** The gates that do not hold, each with its reason; only where they were overridden. */
  readonly refusal?: string
}

/** What is done once the version may come in. */
export interface Work<T> {
  /** What has to be ready before the transaction, such as files that are loaded; done again when the judgement was out of date. */
  readonly prepare?: () => Promise<void>
  /** In the transaction in which the judgement still holds. */
  readonly write: (t: Tx, allowed: Allowed) => Promise<T>
}

/** Port of the rooms below: lets a version in, or refuses it. */
export type Enter = <T>(who: Principal, entry: Entry, work: Work<T>) => Promise<T>

/** How often an entry is judged again because what it was compared with has changed meanwhile. */
const TRIES = 8

/**
 * Judges the version against what the aliases name, then does the work in a transaction in which that is still so; otherwise it
 * judges again. Throws `gate_refused` with the gates that do not hold. The verdict is stored in the transaction.
 */
export async function enter<T>(room: Registry, who: Principal, entry: Entry, work: Work<T>): Promise<T> {
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const done = await tryEntry(room, who, entry, work)
    if (done !== undefined) return done.value
  }
  throw problem('conflict', { detail: `the aliases of "${entry.model}" change faster than a version can be judged` })
}

/** Undefined when the judgement was out of date by the time it was to be used. */
async function tryEntry<T>(
  room: Registry,
  who: Principal,
  entry: Entry,
  { prepare, write }: Work<T>,
): Promise<{ value: T } | undefined> {
  await requireModel(room.db, entry.model)
  const asked = await ask(room, await requireVersion(room.db, entry.model, entry.version), entry)
  const overridden = asked.failed.length > 0
  if (overridden) refuseUnlessOverridden(who, entry, asked)
  await prepare?.()
  return room.db.tx(async (t) => {
    await t.lock(`model ${entry.model}`)
    const still = await requireVersion(t, entry.model, entry.version)
    if (!(await asked.isCurrent(t))) return undefined
    const verdict = (await asked.judged?.store(t)) ?? null
    if (overridden || still.lowering_reason !== null) await wantLowering(t, still)
    const refusal = overridden && { refusal: refusalText(asked.failed) }
    return { value: await write(t, { version: still.version, verdict, overridden, ...refusal }) }
  })
}

interface Asked {
  readonly judged: Judgement | undefined
  /** What does not hold. */
  readonly failed: readonly GateResult[]
  /** Those that no override helps against where files are loaded. */
  readonly absolute: readonly GateResult[]
  readonly isCurrent: (t: Tx) => Promise<boolean>
}

/** Asks as an entry does and does nothing else. Throws `gate_refused` as it would; returns what would be overridden. */
export async function mayEnter(room: Registry, who: Principal, entry: Entry): Promise<string | null> {
  await requireModel(room.db, entry.model)
  const asked = await ask(room, await requireVersion(room.db, entry.model, entry.version), entry)
  if (asked.failed.length === 0) return null
  refuseUnlessOverridden(who, entry, asked)
  return refusalText(asked.failed)
}

type Conditions = Pick<Entry, 'ungated' | 'asks'>

/**
 * The question itself: gates of project and policy, harm in the files, the signatures of files and image, and what the act asks besides.
 * Nothing is judged where nothing is asked.
 */
async function ask(
  room: Registry,
  row: VersionRow,
  { ungated = false, asks = nothingElse }: Conditions,
): Promise<Asked> {
  const malicious = (await ensureScan(room, row))?.verdict === 'malicious'
  const free = ungated && !malicious
  const held = async (reader: Reader): Promise<number> =>
    free ? 0 : (await heldTo(reader, await requireModel(reader, row.model), malicious)).length
  const judged = (await held(room.db)) > 0 ? await judgeVersion(room, row) : undefined
  const signing = await signingState(room.db, row)
  const unsigned = await signatureFault(room, row)
  const signature = unsigned === null ? [] : [signatureResult(unsigned)]
  const others = await othersOf(room.db, row, { ungated, asks })
  const gates = (judged?.results ?? []).filter((one) => one.outcome !== 'passed')
  return {
    judged,
    failed: [...gates, ...signature, ...others],
    absolute: [...(malicious ? gates.filter((one) => 'scan' in one.gate) : []), ...signature],
    isCurrent: async (t) =>
      (judged === undefined ? (await held(t)) === 0 : await judged.isCurrent(t)) &&
      (await signingState(t, row)) === signing &&
      JSON.stringify(await othersOf(t, row, { ungated, asks })) === JSON.stringify(others),
  }
}

const nothingElse = async (): Promise<GateResult[]> => []

async function othersOf(
  reader: Reader,
  row: VersionRow,
  { ungated, asks }: Required<Conditions>,
): Promise<readonly GateResult[]> {
  const elsewhere = ungated ? null : await refusedElsewhere(reader, row)
  const image = await imageFault(reader, row)
  return [
    ...(elsewhere === null ? [] : [elsewhereResult(elsewhere)]),
    ...(image === null ? [] : [imageResult(image)]),
    ...(await asks(reader)),
  ]
}

/** A condition that is no gate and does not hold, in the form of a gate's result. */
export function conditionResult(gate: GateResult['gate'], name: string, reason: string): GateResult {
  const nothing = { value: null, threshold: null, interval: null, n: null, slice: null, evidence: {} }
  return { gate, name, outcome: 'failed', reason, ...nothing }
}

function signatureResult(reason: string): GateResult {
  return conditionResult({ require_signature: true }, 'signature required', reason)
}

function elsewhereResult(reason: string): GateResult {
  return conditionResult({ refused_elsewhere: true }, 'refused under another name', reason)
}

function imageResult(reason: string): GateResult {
  return conditionResult({ require_image_signature: true }, 'image signature required', reason)
}

function refuseUnlessOverridden(who: Principal, entry: Entry, { failed, absolute }: Asked): void {
  if (entry.override !== true) throw refused(entry, failed)
  requireOverride(who, entry.reason)
  if (entry.loads === true && absolute.length > 0) throw refused(entry, absolute, AGAINST)
}

/** First, because a long message is cut. */
const AGAINST = 'no override helps against this: '

function refused({ model, version, as }: Entry, gates: readonly GateResult[], lead = ''): Error {
  const detail = `${lead}${refusalText(gates)}`
  return problem('gate_refused', { model, version: String(version), alias: as, detail, gates })
}

/** Why a version is refused at the door as far as that is known without judging it; null where nothing is. */
export async function refusalOf(room: Registry, row: VersionRow): Promise<string | null> {
  const unsigned = await signatureFault(room, row)
  const image = await imageFault(room.db, row)
  const elsewhere = await refusedElsewhere(room.db, row)
  const others = [
    ...(elsewhere === null ? [] : [elsewhereResult(elsewhere)]),
    ...(unsigned === null ? [] : [signatureResult(unsigned)]),
    ...(image === null ? [] : [imageResult(image)]),
  ]
  const known = [await knownRefusal(room.db, row), refusalText(others)].filter((one) => one !== null && one !== '')
  return known.length === 0 ? null : known.join('; ')
}
