/** Environments: where images of models stand, after which other one, in which repository, and by whose signature. */
import type { Principal } from '../../contract/access.ts'
import { problem } from '../../contract/errors.ts'
import { toTime } from '../../contract/fields.ts'
import type { imagesApi } from '../../contract/images/images.ts'
import type { Reply } from '../../contract/route.ts'
import type { Reader, Tx } from '../../store/db.ts'
import { keyHint } from '../attestation/bundle.ts'
import type { Registry } from '../context/context.ts'
import { checkKey } from '../gates/policy.ts'

export interface EnvironmentRow {
  readonly name: string
  readonly after: string | null
  readonly repository: string
  /** JSON list of public keys as PEM. */
  readonly keys: string
  /** 1 = gates of models are asked. */
  readonly gated: number
  readonly updated_at: number
  readonly updated_by: string
}

type Environment = Reply<typeof imagesApi.putEnvironment>

/** All of them: each after the one that comes before it, and those beside each other by their names. */
export async function listEnvironments(reader: Reader): Promise<Environment[]> {
  return (await environmentRows(reader)).map(shown)
}

export async function environmentRows(reader: Reader): Promise<EnvironmentRow[]> {
  const rows = await reader.all<EnvironmentRow>('SELECT * FROM image_environments ORDER BY name')
  const below = (after: string | null): EnvironmentRow[] =>
    rows.filter((row) => row.after === after).flatMap((row) => [row, ...below(row.name)])
  return below(null)
}

/** Throws `not_found`. */
export async function requireEnvironment(reader: Reader, name: string): Promise<EnvironmentRow> {
  const row = await reader.get<EnvironmentRow>('SELECT * FROM image_environments WHERE name = ?', [name])
  if (row === undefined) throw problem('not_found', { what: 'environment', id: name })
  return row
}

export interface WantedEnvironment {
  readonly after: string | null
  readonly repository: string
  readonly keys: readonly string[]
  readonly gated: boolean
}

/** Makes or changes one. Throws `invalid_field` for a key that is none, and for one to come after that is not there or comes after it. */
export async function putEnvironment(
  room: Registry,
  who: Principal,
  name: string,
  wanted: WantedEnvironment,
): Promise<Environment> {
  const { after, repository, keys, gated } = wanted
  keys.forEach((pem, i) => checkKey(pem, `keys[${i}]`))
  return room.db.tx(async (t) => {
    await lockEnvironments(t)
    await refuseCircle(t, name, after)
    await t.run(
      `INSERT INTO image_environments (name, after, repository, keys, gated, updated_at, updated_by) VALUES (?,?,?,?,?,?,?)
       ON CONFLICT (name) DO UPDATE SET after = excluded.after, repository = excluded.repository, keys = excluded.keys,
         gated = excluded.gated, updated_at = excluded.updated_at, updated_by = excluded.updated_by`,
      [name, after, repository, JSON.stringify(keys), gated ? 1 : 0, room.clock(), who.name],
    )
    await room.audit.record(t, who, {
      verb: 'manage',
      resource: 'models',
      id: name,
      detail: { environment: { after, repository, keys: keys.map(keyHint), gated } },
    })
    return shown(await requireEnvironment(t, name))
  })
}

/** Environments are changed one after the other, and not while something comes to stand in one. */
export async function lockEnvironments(t: Tx): Promise<void> {
  await t.lock('environments')
}

async function refuseCircle(reader: Reader, name: string, after: string | null): Promise<void> {
  const seen = new Set([name])
  for (let at = after; at !== null;) {
    const row: EnvironmentRow | undefined = seen.has(at)
      ? undefined
      : await reader.get<EnvironmentRow>('SELECT * FROM image_environments WHERE name = ?', [at])
    if (row === undefined) {
      const expected = 'an environment that is there and does not come after this one'
      throw problem('invalid_field', { field: 'after', value: after ?? 'null', expected })
    }
    seen.add(at)
    at = row.after
  }
}

/** Removes one. Throws `conflict` while another comes after it, and where an image has stood in it. */
export async function deleteEnvironment(room: Registry, who: Principal, name: string): Promise<void> {
  await room.db.tx(async (t) => {
    await lockEnvironments(t)
    await requireEnvironment(t, name)
    const next = await t.get<{ name: string }>(
      'SELECT name FROM image_environments WHERE after = ? ORDER BY name LIMIT 1',
      [name],
    )
    if (next !== undefined)
      throw problem('conflict', { detail: `the environment "${next.name}" comes after "${name}"` })
    const stood = await t.get<{ model: string }>('SELECT model FROM image_promotions WHERE environment = ? LIMIT 1', [
      name,
    ])
    if (stood !== undefined)
      throw problem('conflict', {
        detail: `an image of "${stood.model}" has stood in "${name}", and its history stays`,
      })
    await t.run('DELETE FROM image_environments WHERE name = ?', [name])
    await room.audit.record(t, who, { verb: 'manage', resource: 'models', id: name, detail: { removed: true } })
  })
}

/** The repository of a model in an environment: a name as registries take it in place of {model}. */
export function repositoryOf({ repository }: Pick<EnvironmentRow, 'repository'>, model: string): string {
  const part = model
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-|-$/g, '')
  return repository.replaceAll('{model}', part === '' ? 'model' : part)
}

function shown(row: EnvironmentRow): Environment {
  return {
    name: row.name,
    after: row.after,
    repository: row.repository,
    keys: JSON.parse(row.keys) as string[],
    gated: row.gated === 1,
    updated_at: toTime(row.updated_at),
    updated_by: row.updated_by,
  }
}
