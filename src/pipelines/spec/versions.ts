/** Pipeline versions: made from a project file and a tree, the same content once. */
import { createHash } from 'node:crypto'
import { holdsOpenAddress, sealedMonitor } from '../../auth/sealed-monitor.ts'
import type { KeptMonitor } from '../../auth/sealed-monitor.ts'
import type { Seal } from '../../auth/sealing.ts'
import { ifJson, ifRefused } from '../../contract/absence/absent.ts'
import type { Principal, Role } from '../../contract/access.ts'
import { Problem, problem } from '../../contract/errors.ts'
import type { CodeSource } from '../../contract/values/code-source.ts'
import type { Clock, Ids } from '../../contract/ids.ts'
import { parseNumerals } from '../../contract/values/numerals.ts'
import type { Blobs } from '../../store/blobs/blobs.ts'
import { requireOwn } from '../../store/blobs/owners.ts'
import type { Db, Reader, Tx } from '../../store/db.ts'
import { treeFiles } from '../../store/blobs/trees.ts'
import { newestFirst, type NewestQuery } from '../../store/sql/newest.ts'
import { fetchAll, sql } from '../../store/sql/sql.ts'
import { takeSchedule, type RecordPipelines } from './schedule.ts'
import { takeTriggers } from './triggers/take.ts'
import { keepSource } from './sources.ts'
import { compileSpec, isOutdated, specDigest, type PipelineSpec } from './spec.ts'

export interface VersionRow {
  readonly id: string
  readonly project: string
  readonly digest: string
  readonly tree: string
  readonly spec: PipelineSpec
  /** The text of the project file as it is kept: sealed where it holds addresses of webhooks, see `textOf`. */
  readonly body: string
  readonly created_at: number
  readonly created_by: string
  /** Of whoever submitted it last; null where that is not known. */
  readonly role: Role | null
  readonly submitted_at: number
  /** JSON of what of its wish was not taken over when it was last sent in; null where all was. */
  readonly kept: string | null
  /** What git said of its folder when it was last sent in. */
  readonly source_id: string | null
}

/** A version whose spec cannot be read, with the reason. */
export interface UnreadableVersion extends Omit<VersionRow, 'spec'> {
  readonly unreadable: string
}

/** What a version is made with. `record` writes the audit trail inside the transaction of the change. */
export interface VersionDeps {
  readonly db: Db
  readonly blobs: Blobs
  readonly clock: Clock
  readonly ids: Ids
  /** Seals the addresses of webhooks. */
  readonly seal: Seal
  readonly record: RecordPipelines
}

/** Refuses code that the project of a caller neither has stored nor has a version of: `not_found`. */
export function requireOwnCode(db: Db, who: Principal, tree: string): Promise<void> {
  const owned = 'SELECT id FROM pipeline_versions WHERE project = ? AND tree = ? LIMIT 1'
  return requireOwn(db, who, tree, async (project) => (await db.get(owned, [project, tree])) !== undefined)
}

/** Compiles and stores a version, or finds the one with the same content; either is then the project's newest. */
export async function createVersion(
  deps: VersionDeps,
  who: Principal,
  given: {
    readonly text: string
    readonly tree: string
    readonly file: string
    readonly source?: CodeSource | undefined
  },
): Promise<VersionRow> {
  const spec = await compileSpec(deps.blobs, given.text, given.tree, given.file)
  refuseForeign(who, spec.project)
  const digest = specDigest(spec)
  const id = deps.ids('pv')
  const now = deps.clock()
  await deps.db.tx(async (t) => {
    const made = await t.run(
      `INSERT INTO pipeline_versions (id, project, digest, tree, spec, body, created_at, created_by, role, submitted_at)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (project, digest) DO NOTHING`,
      [id, spec.project, digest, spec.tree, ...keptTexts(deps.seal, spec, given.text), now, who.name, who.role, now],
    )
    const kept = [...(await takeSchedule(t, deps, who, spec)), ...(await takeTriggers(t, deps, who, spec))]
    await t.run(
      'UPDATE pipeline_versions SET submitted_at = ?, role = ?, source_id = ?, kept = ? WHERE project = ? AND digest = ?',
      [
        now,
        who.role,
        await keepSource(t, given.source),
        kept.length === 0 ? null : JSON.stringify(kept),
        spec.project,
        digest,
      ],
    )
    if (made === 0) return
    await deps.record(t, who, { verb: 'write', resource: 'pipelines', id, detail: { made: 'version', digest } })
  })
  return (await findByDigest(deps.db, spec.project, digest)) ?? missing(id)
}

/**
 * The version as it is run: itself, or what the rules of now make of its project file and files where older rules read its code. One that
 * cannot be compiled any more stays as it is; its steps take no cached results, and its warnings say so.
 */
export async function currentVersion(deps: VersionDeps, who: Principal, version: VersionRow): Promise<VersionRow> {
  if (!isOutdated(version.spec)) return version
  const spec = await ifRefused(compileAgain(deps, version), 'unprocessable', 'not_found', 'corrupt_blob')
  if (spec === undefined) return version
  const digest = specDigest(spec)
  const id = deps.ids('pv')
  await deps.db.tx(async (t) => {
    const made = await t.run(
      `INSERT INTO pipeline_versions (id, project, digest, tree, spec, body, created_at, created_by, role, submitted_at, source_id)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (project, digest) DO NOTHING`,
      [
        id,
        spec.project,
        digest,
        spec.tree,
        ...keptTexts(deps.seal, spec, textOf(deps.seal, version)),
        deps.clock(),
        version.created_by,
        version.role,
        // as new as what it comes from: an old version does not become the newest by being run
        version.submitted_at,
        version.source_id,
      ],
    )
    if (made === 0) return
    const detail = { made: 'version', digest, of: version.id, because: 'its code was read by older rules' }
    await deps.record(t, who, { verb: 'write', resource: 'pipelines', id, detail })
  })
  return (await findByDigest(deps.db, spec.project, digest)) ?? missing(id)
}

/** The name of the project file is not kept: it is the file of that text. */
async function compileAgain({ blobs, seal }: VersionDeps, version: VersionRow): Promise<PipelineSpec> {
  const { tree } = version
  const body = textOf(seal, version)
  const digest = `sha256:${createHash('sha256').update(body).digest('hex')}`
  const file = (await treeFiles(blobs, tree)).find((one) => one.digest === digest)
  return compileSpec(blobs, body, tree, file?.path ?? 'slipway.yaml')
}

/** How a sealed project file begins. */
const SEALED = 'sealed:'

/** The text of the project file of a version. Throws `unprocessable` where another key than the server's has sealed it. */
export function textOf(seal: Seal, { body, project }: Pick<VersionRow, 'body' | 'project'>): string {
  return body.startsWith(SEALED) ? seal.open(body.slice(SEALED.length), boundTo(project)) : body
}

/** The spec and the text as they are kept: what holds an address of a webhook is sealed. */
function keptTexts(seal: Seal, spec: PipelineSpec, text: string): [spec: string, body: string] {
  if (spec.monitor == null || !holdsOpenAddress(spec.monitor)) return [JSON.stringify(spec), text]
  const monitor = sealedMonitor(seal, spec.monitor)
  return [JSON.stringify({ ...spec, monitor }), `${SEALED}${seal.seal(text, boundTo(spec.project))}`]
}

function boundTo(project: string): string {
  return `project file of ${project}`
}

/** The versions whose project files name webhooks and are not sealed. */
export async function keptFiles(reader: Reader, seal: Seal): Promise<KeptMonitor[]> {
  const rows = await reader.all<Stored>(
    `SELECT * FROM pipeline_versions WHERE body NOT LIKE '${SEALED}%' AND spec LIKE '%"webhook%' ORDER BY id`,
  )
  return rows.flatMap((row) => {
    const spec = ifJson(row.spec) === undefined ? undefined : (parseNumerals(row.spec) as PipelineSpec)
    if (spec?.monitor == null) return []
    const texts = keptTexts(seal, spec, row.body)
    const change = 'UPDATE pipeline_versions SET spec = ?, body = ? WHERE id = ? AND body = ?'
    return [{ settings: spec.monitor, write: (t: Tx) => t.run(change, [...texts, row.id, row.body]) }]
  })
}

/** Throws `not_found`. */
export async function requireVersion(reader: Reader, id: string): Promise<VersionRow> {
  const row = await reader.get<Stored>('SELECT * FROM pipeline_versions WHERE id = ?', [id])
  return row === undefined ? missing(id) : parsed(row)
}

/** What of a version's wish was not taken over; undefined when there is no such version. */
export function keptOf(reader: Reader, id: string): Promise<Pick<VersionRow, 'kept'> | undefined> {
  return reader.get<Pick<VersionRow, 'kept'>>('SELECT kept FROM pipeline_versions WHERE id = ?', [id])
}

/** The newest version of a project. Throws `not_found`. */
export async function newestVersion(reader: Reader, project: string): Promise<VersionRow> {
  const row = await reader.get<Stored>(
    'SELECT * FROM pipeline_versions WHERE project = ? ORDER BY submitted_at DESC, id DESC LIMIT 1',
    [project],
  )
  if (row === undefined) throw problem('not_found', { what: 'pipeline of project', id: project })
  return parsed(row)
}

/** The newest versions of projects that have partitions, by project; of one project, or with null of all. Those that cannot be read are left out. */
export async function newestPartitioned(reader: Reader, project: string | null): Promise<VersionRow[]> {
  const rows = await reader.all<Stored>(
    `SELECT v.* FROM pipeline_versions v WHERE v.spec LIKE '%"partitions":{%' AND (v.project = ? OR ? = 1) AND v.id =
       (SELECT n.id FROM pipeline_versions n WHERE n.project = v.project ORDER BY n.submitted_at DESC, n.id DESC LIMIT 1)
     ORDER BY v.project`,
    [project ?? '', project === null ? 1 : 0],
  )
  return rows.flatMap((row) => {
    const spec = ifJson(row.spec) === undefined ? undefined : (parseNumerals(row.spec) as PipelineSpec)
    return spec?.partitions === undefined ? [] : [{ ...row, spec }]
  })
}

/** Says `pipelines` when a project has some. */
export async function holdsPipelines(reader: Reader, project: string): Promise<string | undefined> {
  const row = await reader.get('SELECT id FROM pipeline_versions WHERE project = ? LIMIT 1', [project])
  return row === undefined ? undefined : 'pipelines'
}

/** Versions, newest first, before a position of `created_at` and id. One that cannot be read is the reason why. */
export async function listVersions(reader: Reader, query: NewestQuery): Promise<(VersionRow | UnreadableVersion)[]> {
  const rows = await fetchAll<Stored>(reader, sql`SELECT * FROM pipeline_versions ${newestFirst(query)}`)
  return rows.map((row) => {
    try {
      return parsed(row)
    } catch (error) {
      if (!isUnreadable(error)) throw error
      const { spec: _, ...rest } = row
      return { ...rest, unreadable: error.message }
    }
  })
}

/** Throws `not_found`, as if it were not there, when the caller's token is for another project. */
export function refuseForeign(who: Principal, project: string): void {
  if (who.project !== null && who.project !== project) throw problem('not_found', { what: 'project', id: project })
}

type Stored = Omit<VersionRow, 'spec'> & { spec: string }

async function findByDigest(reader: Reader, project: string, digest: string): Promise<VersionRow | undefined> {
  const row = await reader.get<Stored>('SELECT * FROM pipeline_versions WHERE project = ? AND digest = ?', [
    project,
    digest,
  ])
  return row === undefined ? undefined : parsed(row)
}

/** Throws `unavailable`, with what is wrong, for a version whose spec is no JSON any more. */
function parsed(row: Stored): VersionRow {
  try {
    return { ...row, spec: parseNumerals(row.spec) as PipelineSpec }
  } catch (error) {
    const detail = `its stored project file cannot be read: ${(error as Error).message}`
    throw problem('unavailable', { what: `pipeline version ${row.id}`, detail, reason: UNREADABLE }, error)
  }
}

const UNREADABLE = 'unreadable'

/** Whether an error says that a version is gone or cannot be read, and not that nothing can be asked for now. */
export function isUnreadable(error: unknown): error is Problem {
  return error instanceof Problem && (error.code === 'not_found' || error.data['reason'] === UNREADABLE)
}

function missing(id: string): never {
  throw problem('not_found', { what: 'pipeline version', id })
}
