/** Cases: the versions that an alias names, by model, for those who may see them. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { person, root, wanted } from '../bench.cases.ts'
import type { Bench } from '../bench.cases.ts'
import { gradeVersions } from '../versions/read.ts'
import { registerVersion } from '../versions/register.ts'
import { aliasedVersions } from './aliased.ts'
import { moveAlias } from './aliases.ts'

export function aliasedCases(bench: Bench): void {
  it('of each model with the alias the version that it names is listed, a page at a time, in one’s own project alone', async () => {
    const { room } = bench
    const made = async (model: string, project: string, pipeline?: string): Promise<string> => {
      const asked = await wanted(bench, { model, ...(pipeline !== undefined && { pipeline }) })
      return (await registerVersion(room, root, { ...asked, project })).version
    }
    await made('aliased-a', 'aliased-red', 'pr_a')
    const again = await made('aliased-a', 'aliased-red', 'pr_a2')
    await made('aliased-b', 'aliased-red')
    await made('aliased-c', 'aliased-blue', 'pr_c')
    await made('aliased-d', 'aliased-blue', 'pr_d')
    for (const [model, alias, version] of [
      ['aliased-a', 'nightly', again],
      ['aliased-b', 'nightly', '1'],
      ['aliased-c', 'nightly', '1'],
      ['aliased-d', 'other', '1'],
    ] as const)
      await moveAlias(room, root, { model, alias, version })
    await gradeVersions(room, 'pr_a2', 'B')
    const of = { alias: 'nightly', after: '', limit: 10 }
    const a = { model: 'aliased-a', version: '2', run: 'pr_a2', grade: 'B' }
    const b = { model: 'aliased-b', version: '1', run: null, grade: null }
    const c = { model: 'aliased-c', version: '1', run: 'pr_c', grade: null }
    assert.deepEqual(await aliasedVersions(room.db, root, of), [a, b, c])
    assert.deepEqual(await aliasedVersions(room.db, root, { ...of, limit: 2 }), [a, b])
    assert.deepEqual(await aliasedVersions(room.db, root, { ...of, after: 'aliased-b' }), [c])
    assert.deepEqual(await aliasedVersions(room.db, person('viewer', 'aliased-blue'), of), [c])
    assert.deepEqual(await aliasedVersions(room.db, root, { ...of, alias: 'nobody' }), [])
  })
}
