/** What is done with data sets: versions are added, described and removed. */
import { allows, type Principal } from '../contract/access.ts'
import type { MadeBy } from '../contract/data/sets.ts'
import { problem } from '../contract/errors.ts'
import { projectNamed } from '../auth/visibility.ts'
import { readState } from '../pipelines/context/rows.ts'
import type { Digest } from '../store/blobs/blobs.ts'
import { requireOwn } from '../store/blobs/owners.ts'
import { putManifest, treeFiles, type TreeFile } from '../store/blobs/trees.ts'
import type { Reader, Tx } from '../store/db.ts'
import { insertRow } from '../store/sql/rows.ts'
import type { DataContext } from './context.ts'
import { citationsOf } from './kept.ts'
import { enqueueProfile } from './profiling.ts'
import { findVersion, requireSet, requireVersion, versionsWith, type Named, type VersionRow } from './rows.ts'

/** What a caller gives for a new version. */
export interface Given {
  readonly name: string
  readonly project?: string | undefined
  readonly tree?: Digest | undefined
  readonly step?: { readonly run: string; readonly step: string; readonly output: string } | undefined
  readonly single: boolean
  readonly place?: string | undefined
  readonly data_at?: string | undefined
  readonly note: string
  readonly tags: Readonly<Record<string, string>>
}

/** A version to be: its content, and what made it. */
export interface NewVersion {
  readonly project: string
  readonly name: string
  readonly content: { readonly digest: Digest; readonly size: number; readonly files: number }
  readonly made_by: MadeBy
  /** How old the data is, ms. */
  readonly data_at: number
  readonly note: string
  readonly tags: Readonly<Record<string, string>>
  /** Who adds it: a person or program, or the name of whoever started the run. */
  readonly by: string
}

/** Adds a version for a caller, or finds the one that has this content. Throws `not_found`, `invalid_field` and `unprocessable`. */
export async function addGiven(
  context: DataContext,
  who: Principal,
  given: Given,
): Promise<{ readonly row: VersionRow; readonly added: boolean }> {
  if ((given.tree === undefined) === (given.step === undefined))
    throw problem('invalid_field', { field: 'tree', value: given.tree, expected: 'either "tree" or "step"' })
  const made = given.step === undefined ? await ofFiles(context, who, given) : await ofStep(context, who, given)
  const { name, note, tags } = given
  return context.db.tx(async (t) => {
    const result = await addVersion(context, t, { ...made, name, note, tags, by: who.name })
    if (result.added)
      await context.audit.record(t, who, {
        verb: 'write',
        resource: 'artifacts',
        id: idOf(result.row),
        detail: { added: result.row.digest },
      })
    return result
  })
}

type Made = Pick<NewVersion, 'project' | 'content' | 'made_by' | 'data_at'>

async function ofFiles({ db, blobs, clock }: DataContext, who: Principal, given: Given): Promise<Made> {
  const tree = given.tree ?? ''
  await requireOwn(db, who, tree, async (project) => (await versionsWith(db, project, tree)).length > 0)
  if (!(await blobs.has(tree))) throw problem('not_found', { what: 'tree', id: tree })
  const files = await treeFiles(blobs, tree)
  if (files.length === 0) throw problem('unprocessable', { detail: 'the data set has no files' })
  const [only] = files
  const single = given.single && files.length === 1 && only !== undefined
  if (given.single && !single)
    throw problem('invalid_field', { field: 'single', value: true, expected: 'a tree of one file' })
  const content = single ? await putManifest(blobs, [{ ...only, path: '', executable: false }]) : infoOf(tree, files)
  return {
    project: projectNamed(who, given.project),
    content,
    made_by: { kind: 'files', place: given.place ?? null },
    data_at: given.data_at === undefined ? clock() : Date.parse(given.data_at),
  }
}

function infoOf(digest: Digest, files: readonly TreeFile[]): Made['content'] {
  return { digest, size: files.reduce((sum, { size }) => sum + size, 0), files: files.length }
}

async function ofStep({ db, clock }: DataContext, who: Principal, given: Given): Promise<Made> {
  const { run, step, output } = given.step ?? { run: '', step: '', output: '' }
  const tree = await readState(db, run)
  if (tree === undefined || (who.project !== null && tree.run.project !== who.project))
    throw problem('not_found', { what: 'pipeline run', id: run })
  if (given.project !== undefined && given.project !== tree.run.project) {
    const expected = `"${tree.run.project}", the project of run ${run}`
    throw problem('invalid_field', { field: 'project', value: given.project, expected })
  }
  const found = tree.steps.find(({ name }) => name === step)
  const content = found?.outputs[output]
  if (found === undefined || content === undefined)
    throw problem('not_found', { what: 'output of the run', id: `${step}.${output}` })
  const { digest, size, files } = content
  return {
    project: tree.run.project,
    content: { digest, size, files },
    made_by: { kind: 'step', run, step, output },
    data_at: found.finished_at ?? clock(),
  }
}

/** Adds a version in the transaction; one of the same content is found, and is told apart by `added`. */
export async function addVersion(
  { clock, changed }: Pick<DataContext, 'clock' | 'changed'>,
  t: Tx,
  { project, name, content, made_by, data_at, note, tags, by }: NewVersion,
): Promise<{ readonly row: VersionRow; readonly added: boolean }> {
  await t.lock(`data_set ${project} ${name}`)
  const same = await t.get<{ version: number }>(
    'SELECT version FROM data_set_versions WHERE project = ? AND name = ? AND digest = ?',
    [project, name, content.digest],
  )
  const set = { project, name }
  if (same !== undefined) return { row: await must(t, set, same.version), added: false }
  const now = clock()
  await t.run(
    `INSERT INTO data_sets (project, name, note, created_at, created_by, last_version) VALUES (?, ?, '', ?, ?, 1)
     ON CONFLICT (project, name) DO UPDATE SET last_version = data_sets.last_version + 1`,
    [project, name, now, by],
  )
  const last = await t.get<{ last_version: number }>(
    'SELECT last_version FROM data_sets WHERE project = ? AND name = ?',
    [project, name],
  )
  const version = last?.last_version ?? 1
  await insertRow(t, 'data_set_versions', {
    ...set,
    version,
    digest: content.digest,
    size: content.size,
    files: content.files,
    state: 'profiling',
    reason: '',
    made_by: JSON.stringify(made_by),
    note,
    tags: JSON.stringify(tags),
    data_at,
    created_at: now,
    created_by: by,
  })
  await enqueueProfile(t, { ...set, version, digest: content.digest })
  t.afterCommit(() => changed(name))
  return { row: await must(t, set, version), added: true }
}

async function must(reader: Reader, set: { project: string; name: string }, version: number): Promise<VersionRow> {
  const row = await findVersion(reader, set, String(version))
  if (row === undefined) throw new Error(`version ${version} of ${set.name} is not there after it was written`)
  return row
}

/** Changes what people say of a version. */
export async function describeVersion(
  { db, audit }: DataContext,
  who: Principal,
  named: Named,
  { wanted, note, tags }: { wanted: string; note?: string | undefined; tags?: object | undefined },
): Promise<VersionRow> {
  return db.tx(async (t) => {
    const set = await requireSet(t, who, named)
    const row = await requireVersion(t, set, wanted)
    const next = { note: note ?? row.note, tags: tags === undefined ? row.tags : JSON.stringify(tags) }
    await t.run('UPDATE data_set_versions SET note = ?, tags = ? WHERE project = ? AND name = ? AND version = ?', [
      next.note,
      next.tags,
      row.project,
      row.name,
      row.version,
    ])
    await audit.record(t, who, { verb: 'write', resource: 'artifacts', id: idOf(row), detail: next })
    return { ...row, ...next }
  })
}

/** Removes a version; the set stays, so that its number is not given again. What is cited stays: `conflict` names by whom; `force` is for maintainers. */
export async function removeVersion(
  { db, audit, changed }: DataContext,
  who: Principal,
  named: Named,
  { wanted, force }: { readonly wanted: string; readonly force: boolean },
): Promise<void> {
  if (force && !allows(who.role, { verb: 'promote', resource: 'models' }))
    throw problem('forbidden', { role: who.role, verb: 'remove by force', resource: 'data sets' })
  await db.tx(async (t) => {
    const set = await requireSet(t, who, named)
    const row = await requireVersion(t, set, wanted)
    const keepers = (await citationsOf(t, row.project, row.digest)).filter(({ keeps }) => keeps)
    if (keepers.length > 0 && !force) {
      const detail = `${row.name}@${row.version} is kept for ${keepers
        .slice(0, 5)
        .map(({ what }) => what)
        .join('; ')}${keepers.length > 5 ? ` and ${keepers.length - 5} more` : ''}`
      throw problem('conflict', { detail })
    }
    const key = [row.project, row.name, row.version]
    await t.run('DELETE FROM data_set_versions WHERE project = ? AND name = ? AND version = ?', key)
    await t.run('DELETE FROM data_set_diffs WHERE before_digest = ? OR after_digest = ?', [row.digest, row.digest])
    await audit.record(t, who, {
      verb: 'write',
      resource: 'artifacts',
      id: idOf(row),
      detail: { removed: row.digest, forced: keepers.length > 0, cited: keepers.map(({ what }) => what) },
    })
    t.afterCommit(() => changed(row.name))
  })
}

function idOf({ project, name, version }: VersionRow): string {
  return `data:${project}/${name}@${version}`
}
