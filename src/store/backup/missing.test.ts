/** A backup compares the rows that it holds with the files that it takes, on SQLite and PostgreSQL. */
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { startPostgres } from '../../../test/postgres.ts'
import type { Digest } from '../blobs/blobs.ts'
import type { NeededTree } from '../blobs/reach.ts'
import { keepFact } from '../facts.ts'
import { openStore } from '../open.ts'
import { backup, restore } from './backup.ts'
import type { Needed } from './missing.ts'
import { readRestored } from './restored.ts'

const root = mkdtempSync(join(tmpdir(), 'slipway-backup-missing-'))
after(() => rmSync(root, { recursive: true, force: true }))

/** Rows name what they need: here facts do. */
const needed: Needed = (db) => [
  async function* (): AsyncGenerator<Digest | NeededTree> {
    for (const { value } of await db.all<{ value: string }>("SELECT value FROM store_facts WHERE name LIKE 'needs.%'"))
      yield value
  },
]

const kinds: Record<string, () => Promise<string | undefined>> = {
  SQLite: async () => undefined,
  PostgreSQL: async () => (await startPostgres()).url,
}

for (const [name, url] of Object.entries(kinds))
  describe(`a backup of ${name} whose rows need what is gone`, () => {
    it('fails and names it, or goes on and keeps its name', async () => {
      const databaseUrl = await url()
      const dataDir = join(root, name)
      const elsewhere = databaseUrl === undefined ? {} : { databaseUrl }
      const { db, blobs } = await openStore({ dataDir, ...elsewhere })
      const stored = await Promise.all(['a', 'b', 'c'].map((text) => blobs.put(Buffer.from(text))))
      const digests = stored.map(({ digest }) => digest)
      for (const [i, digest] of digests.entries()) await db.tx((t) => keepFact(t, `needs.${i}`, digest))
      const file = (one: string): string => join(root, `${name}-${one}`)
      const whole = await backup(dataDir, file('whole'), { ...elsewhere, needed })
      assert.deepEqual([whole.blobs, whole.missing], [3, []])
      assert.equal((await backup(dataDir, file('unasked'), elsewhere)).missing, null)

      const gone = digests.slice(1).sort()
      for (const digest of gone) await blobs.delete(digest)
      await assert.rejects(backup(dataDir, file('refused'), { ...elsewhere, needed }), {
        code: 'corrupt_blobs',
        data: { count: 2, digests: gone.join(', '), blobs: [], missing: gone },
      })
      assert.equal(existsSync(file('refused')), false)
      const made = await backup(dataDir, file('made'), { ...elsewhere, needed, skipCorrupt: true })
      assert.deepEqual([made.blobs, made.left_out, made.missing], [1, [], gone])
      const target = join(root, `${name}-back`)
      const there = databaseUrl === undefined ? {} : { databaseUrl: (await startPostgres()).url }
      assert.deepEqual((await restore(file('made'), target, there)).missing, gone)
      assert.deepEqual((await readRestored(target))?.missing, gone)

      await db.tx((t) =>
        t.run("INSERT INTO schema_migrations (number, name, sha256, applied_at) VALUES (9999, 'x', 'y', 1)"),
      )
      const newer = await backup(dataDir, file('newer'), { ...elsewhere, needed })
      assert.equal(newer.missing, null, 'rows of another version are not read')
      await db.tx((t) => t.run('DELETE FROM schema_migrations WHERE number IN (1, 9999)'))
      assert.equal((await backup(dataDir, file('older'), { ...elsewhere, needed })).missing, null)
      await db.close()
    })
  })
