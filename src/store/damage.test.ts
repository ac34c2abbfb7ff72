/** A damaged database: what was found stays until a start, what an engine only says is looked at. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { knownDamage } from './damage.ts'
import { openSqlite } from './sqlite/sqlite.ts'

const coded = (code: string): Error => Object.assign(new Error('malformed'), { code })

test('an engine’s word of damage is looked at once in a while, and refuses nothing by itself', () => {
  let now = 0
  const damage = knownDamage(() => now)
  let looks = 0
  damage.onSuspicion(() => looks++)
  for (const error of [undefined, 'text', new Error('other'), coded('SQLITE_BUSY'), coded('SQLITE_IOERR')])
    damage.saw(error)
  assert.equal(looks, 0)
  for (const code of ['SQLITE_CORRUPT', 'SQLITE_CORRUPT_VTAB', 'SQLITE_NOTADB', 'XX001', 'XX002']) {
    damage.saw(coded(code))
    now += 9999
    damage.saw(coded(code))
    now += 1
  }
  assert.deepEqual([looks, damage.found(), damage.refusal()], [5, undefined, undefined])
})

test('what a look has found refuses writes and stays, whatever is said later', () => {
  const damage = knownDamage()
  damage.onSuspicion(() => assert.fail('it is known'))
  damage.tell('page 7')
  damage.tell('page 8')
  damage.saw(coded('SQLITE_CORRUPT'))
  assert.equal(damage.found(), 'page 7')
  assert.match(damage.refusal()?.message ?? '', /the database is damaged \(page 7\); nothing was written/)
})

test('a remedy is told with what was found, and again when a better one is known', () => {
  const damage = knownDamage()
  const told: string[] = []
  damage.onTold((text) => told.push(text))
  assert.equal(damage.remedy(), 'restore the newest backup: slipway restore')
  damage.tell('page 7')
  damage.tell('page 8', 'nothing')
  damage.mend('call somebody')
  assert.equal(damage.remedy(), 'call somebody')
  assert.deepEqual(told, [
    'the database is damaged: page 7; restore the newest backup: slipway restore',
    'the database is damaged: page 7; call somebody',
  ])
})

test('a database refuses writes from then on and goes on reading', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-damage-'))
  const damage = knownDamage()
  const db = openSqlite(join(folder, 'slipway.db'), { damage })
  t.after(async () => {
    await db.close()
    rmSync(folder, { recursive: true })
  })
  await db.tx((x) => x.run('CREATE TABLE a (b BIGINT)'))
  damage.tell('page 7')
  const write = db.tx((x) => x.run('INSERT INTO a VALUES (1)'))
  await assert.rejects(write, { code: 'storage_corrupt', status: 507 })
  assert.deepEqual(await db.all('SELECT * FROM a'), [])
})
