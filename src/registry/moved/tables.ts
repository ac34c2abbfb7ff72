/** The tables of the registry that move between servers, and what a version from elsewhere gets when it arrives. */
import type { Principal } from '../../contract/access.ts'
import { problem } from '../../contract/errors.ts'
import { enqueue } from '../../jobs/queue.ts'
import type { Row, Tx } from '../../store/db.ts'
import { putManifest } from '../../store/blobs/trees.ts'
import { placeOfUri } from '../../tracking/context/paths.ts'
import { artifactFiles } from '../../tracking/artifacts/artifacts.ts'
import { raw, sql } from '../../store/sql/sql.ts'
import { movedTable, originOf } from '../../store/moved/table.ts'
import type { MovedTable, Named, Scope } from '../../store/moved/table.ts'
import { joinKeptGates } from '../gates/asked.ts'
import { heldTo, signersOf } from '../gates/policy.ts'
import { isGuarded } from '../aliases/promotion.ts'
import { requireModel } from '../context/context.ts'
import type { Registry } from '../context/context.ts'
import { startLowering } from '../context/lowering-job.ts'
import { signatureOfTree } from '../versions/register.ts'
import { SCAN } from '../scan/scanning.ts'

/** All of them, those that others refer to first. Only whole servers, projects and models have them. */
export function registryTables(room: Registry): MovedTable[] {
  const own = (name: string, words: string, more: Partial<MovedTable> = {}): MovedTable => {
    const within = (scope: Scope): ReturnType<MovedTable['within']> =>
      ofModel(scope, name === MODELS ? 'name' : 'model')
    return movedTable(name, words, within, more)
  }
  const origin = originOf(MODELS, 'model')
  return [
    own(MODELS, 'name | project description created_at:int updated_at:int created_by last_version:int gates', {
      written: async (t, _who, rows) => {
        for (const row of rows) await joinKeptGates(t, String(row['name']))
      },
      origin: originOf(MODELS, 'name', {
        root: true,
        columns: ['description', 'updated_at', 'last_version'],
        merged: (here, row) => ({
          ...row,
          last_version: Math.max(Number(here['last_version']), Number(row['last_version'])),
        }),
      }),
    }),
    own('registered_model_tags', 'model key | value', { origin }),
    own(
      'model_versions',
      `model version:int | created_at:int updated_at:int created_by description source storage run_id? run_link model_id? stage
       tree? size:int signature? metrics data evaluation? holdout? reference? reproducibility? verdict_id? deleted_at:int?`,
      {
        blobs: treesOf,
        arriving: (_who, rows) => Promise.all(rows.map((row) => completed(room, row))),
        fills: ['tree', 'size', 'signature'],
        origin: { ...origin, columns: ['description', 'updated_at'] },
        given: async (_t, row) =>
          isServed(row)
            ? { lowering_state: 'pending', lowering_reason: null }
            : { lowering_state: 'failed', lowering_reason: 'the server does not have its files' },
        written: (t, who, rows) => noteVersions(t, room, who, rows),
      },
    ),
    own('model_version_tags', 'model version:int key | value', { origin }),
    own('verdicts', 'id | model version:int at:int passed:int against? results inputs'),
    // before the aliases, which are held against them
    own(
      'model_policies',
      'model | gates require_signature:int require_image_signature:int? keys revoked? updated_at:int updated_by',
      {
        // a server of before knows of no images and no revoked keys
        arriving: async (_who, rows) =>
          rows.map((row) => ({
            ...row,
            require_image_signature: row['require_image_signature'] ?? 0,
            revoked: row['revoked'] ?? '[]',
          })),
        fills: ['require_image_signature', 'revoked'],
      },
    ),
    own('model_aliases', 'model alias | version:int moved_at:int', {
      // what answers here is moved here, where its gates are asked
      origin: { ...origin, columns: [], merged: (here, row) => ({ ...row, moved_at: here['moved_at'] ?? null }) },
      written: (t, who, rows) => noteAliases(t, room, who, rows),
    }),
    own('alias_moves', 'id | seq:int model alias from_version:int? to_version:int? at:int actor reason verdict_id?', {
      given: async (t, row) => {
        await dropStandIn(t, String(row['model']), String(row['alias']))
        return { imported_at: room.clock() }
      },
    }),
    own('model_approvals', 'model version:int principal | name role comment at:int'),
    own('model_signatures', 'model version:int | bundle key signed_by at:int'),
    own('model_attestations', 'model version:int run_id rules:int | bundle key at:int'),
  ]
}

/** The runs and logged models that the versions of a model were made from. */
export async function madeFrom(room: Registry, model: string): Promise<{ runs: string[]; models: string[] }> {
  const rows = await room.db.all<{ run_id: string | null; model_id: string | null }>(
    'SELECT run_id, model_id FROM model_versions WHERE model = ?',
    [model],
  )
  const ids = (of: 'run_id' | 'model_id'): string[] => [...new Set(rows.flatMap((row) => row[of] ?? []))]
  return { runs: ids('run_id'), models: ids('model_id') }
}

const MODELS = 'registered_models'
const BROUGHT_IN = 'brought in from another server'

function ofModel(scope: Scope, column: string): ReturnType<MovedTable['within']> {
  if (scope.kind === 'all') return raw('1 = 1')
  if (scope.kind === 'model') return sql`${raw(column)} = ${scope.id}`
  if (scope.kind !== 'project') return undefined
  return sql`${raw(column)} IN (SELECT name FROM registered_models WHERE project = ${scope.id})`
}

function treesOf(row: Row): Named[] {
  return ['tree', 'evaluation', 'holdout', 'reference'].flatMap((name) => {
    const digest = row[name]
    return typeof digest === 'string' ? [{ digest, size: 'tree' }] : []
  })
}

/** A version that names files by a place of this server gets their tree, as one that is registered here does. */
async function completed(room: Registry, row: Row): Promise<Row> {
  for (const { digest } of treesOf(row)) {
    if (!(await room.blobs.has(digest))) throw problem('unprocessable', { detail: `the tree ${digest} is not here` })
  }
  const storage = String(row['storage'])
  const place = placeOfUri(storage)
  if (row['tree'] !== null || place === undefined) return row
  const prefix = place.path === '' ? '' : `${place.path}/`
  const files = (await artifactFiles(room.db, storage))
    .filter((file) => file.path.startsWith(prefix))
    .map((file) => ({ ...file, path: file.path.slice(prefix.length), executable: false }))
  if (files.length === 0) return row
  const { digest, size } = await putManifest(room.blobs, files)
  const signature = await signatureOfTree(room, digest)
  return { ...row, tree: digest, size, signature: signature === null ? null : JSON.stringify(signature) }
}

/** An alias arrives as it stood elsewhere: no gate of this server is asked, and the audit trail says so, with the gates that were not. */
async function noteAliases(t: Tx, room: Registry, who: Principal, rows: readonly Row[]): Promise<void> {
  for (const row of rows) {
    const [model, alias] = [String(row['model']), String(row['alias'])]
    const gates: object[] = isGuarded(alias) ? await heldTo(t, await requireModel(t, model), false) : []
    const { required, image } = await signersOf(t, model)
    if (isGuarded(alias) && required) gates.push({ require_signature: true })
    if (isGuarded(alias) && image) gates.push({ require_image_signature: true })
    const detail = {
      to: String(row['version']),
      reason: BROUGHT_IN,
      imported: true,
      ...(gates.length > 0 && { unjudged: gates.map((gate) => JSON.stringify(gate)) }),
    }
    await standIn(t, room, row)
    await room.audit.record(t, who, { verb: 'promote', resource: 'models', id: `${model}@${alias}`, detail })
  }
}

/** Who moved an alias of which only its place is known. */
const IMPORTER = 'import'

/**
 * An alias without the move that brought it there gets one, at the time when it was moved, so that what it named at a time is right from
 * then on. Moves of its own that come later take its place.
 */
async function standIn(t: Tx, room: Registry, { model, alias, version, moved_at }: Row): Promise<void> {
  const named = [String(model), String(alias)]
  const last = await t.get<{ to_version: number | null }>(
    'SELECT to_version FROM alias_moves WHERE model = ? AND alias = ? ORDER BY seq DESC LIMIT 1',
    named,
  )
  if (last?.to_version === version) return
  const top = await t.get<{ seq: number | null }>('SELECT MAX(seq) AS seq FROM alias_moves WHERE model = ?', [
    named[0] ?? '',
  ])
  await t.run(
    `INSERT INTO alias_moves (id, seq, model, alias, from_version, to_version, at, actor, reason, verdict_id, imported_at, stand_in)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, ?, 1)`,
    [
      room.ids('mov'),
      (top?.seq ?? 0) + 1,
      ...named,
      last?.to_version ?? null,
      Number(version),
      Number(moved_at),
      IMPORTER,
      'where the alias stood when it was brought in',
      room.clock(),
    ],
  )
}

/** Takes a stand-in away before the moves that were made elsewhere arrive. */
async function dropStandIn(t: Tx, model: string, alias: string): Promise<void> {
  await t.run('DELETE FROM alias_moves WHERE model = ? AND alias = ? AND stand_in = 1', [model, alias])
}

function isServed(row: Row): boolean {
  return row['tree'] !== null && row['deleted_at'] === null
}

async function noteVersions(t: Tx, room: Registry, who: Principal, rows: readonly Row[]): Promise<void> {
  for (const row of rows) {
    const [model, version] = [String(row['model']), Number(row['version'])]
    if (isServed(row)) {
      await enqueue(t, { kind: SCAN, key: `${model}/${version}`, payload: { model, version } })
      await startLowering(t, { model, version })
    }
    const detail = { tree: row['tree'] ?? null, reason: BROUGHT_IN }
    await room.audit.record(t, who, { verb: 'write', resource: 'models', id: `${model}/${version}`, detail })
  }
}
