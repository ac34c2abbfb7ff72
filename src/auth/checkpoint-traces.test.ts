/** Traces of checkpoints outside of their file: lines that are gone, and copies of what other keys have signed. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { join } from 'node:path'
import { openedOnce } from '../../test/opened.ts'
import type { Notes } from '../store/blobs/blobs.ts'
import { openTemporaryStore } from '../store/open.ts'
import type { Db } from '../store/db.ts'
import { fileSigner, nameOfKey, readLine } from './checkpoint-record.ts'
import type { ReadCheckpoint, Signer } from './checkpoint-record.ts'
import { copiesOfOthers, goneLines, noteSigned } from './checkpoint-traces.ts'

let db: Db
let folder: string
let keys = 0
openedOnce(openTemporaryStore, (store) => {
  db = store.db
  folder = store.dataDir
})
const newSigner = (): Signer => fileSigner(join(folder, `key${++keys}.pem`))
const at = (n: number): string => `2026-03-0${n}T00:00:00.000Z`
function signed(by: Signer, n: number, kind: ReadCheckpoint['kind'] = 'checkpoint'): ReadCheckpoint {
  const line = by.sign({ n, kind, at: at(n), rows: n, head: 'h', prev: 'p', note: '' })
  return readLine(line) ?? assert.fail('a line')
}

describe('lines that were signed and are gone', () => {
  const clean = (): Promise<unknown> => db.tx((t) => t.run("DELETE FROM store_facts WHERE name LIKE 'audit.signed.%'"))
  /** What is missed of the third line of a key where the file has these. */
  async function gone(points: (own: Signer, other: Signer) => readonly ReadCheckpoint[]): Promise<string[]> {
    await clean()
    const [own, other] = [newSigner(), newSigner()]
    await noteSigned(db, folder, signed(own, 3))
    return (await goneLines(db, folder, points(own, other))).map((text) => text.replace(nameOfKey(own.key), 'KEY'))
  }

  test('are told, all or those after the newest that is there', async () => {
    const told = `the key KEY had signed 3 lines until ${at(3)}, and `
    assert.deepEqual(await gone(() => []), [`${told}none of them is in the file`])
    assert.deepEqual(await gone((own) => [signed(own, 1), signed(own, 2)]), [
      `${told}those after line 2 are not in the file`,
    ])
    assert.deepEqual(await gone((_, other) => [signed(other, 3)]), [`${told}none of them is in the file`])
    assert.deepEqual(await gone((own) => [signed(own, 3)]), [])
    assert.deepEqual(await gone((own) => [signed(own, 4), signed(own, 1)]), [])
  })

  test('are not missed where they were signed before the last restore', async () => {
    const found = async (n: number) =>
      (await gone((_, other) => [signed(other, 1), signed(other, n, 'restored')])).length
    assert.deepEqual([await found(2), await found(3), await found(4)], [1, 1, 0])
  })

  test('are missed on SQLite wherever the folder lay; of shared tables those of this folder alone', async () => {
    await clean()
    await noteSigned(db, '/elsewhere', signed(newSigner(), 3))
    assert.equal((await goneLines(db, folder, [])).length, 1)
    const shared = Object.assign(Object.create(db) as Db, { kind: 'postgres', all: db.all.bind(db) })
    assert.equal((await goneLines(shared, folder, [])).length, 0)
    assert.equal((await goneLines(shared, '/elsewhere', [])).length, 1)
  })
})

describe('copies of other keys', () => {
  const nameOf = ({ key, n, hash }: ReadCheckpoint): string =>
    `audit/${nameOfKey(key)}/${String(n).padStart(8, '0')}-${hash}.json`
  /** A place with these texts by name. */
  function place(texts: ReadonlyMap<string, string>): Notes {
    return {
      put: async () => assert.fail('nothing is written'),
      get: async (name) => texts.get(name) ?? '',
      async *names(below) {
        for (const name of [...texts.keys()].sort()) if (name.startsWith(below)) yield name
      },
    }
  }
  const copied = (points: readonly ReadCheckpoint[]) => new Map(points.map((one) => [nameOf(one), one.line]))

  test('are those that the file lacks and this folder did not sign', async () => {
    const [own, other, third] = [newSigner(), newSigner(), newSigner()]
    const points = [signed(own, 1), signed(other, 1), signed(other, 2), signed(third, 5)]
    const found = await copiesOfOthers(place(copied(points)), own.key, [signed(other, 1)])
    assert.deepEqual(new Set(found.map(({ hash }) => hash)), new Set([points[2]?.hash, points[3]?.hash]))
    assert.equal(found.length, 2)
  })

  test('are the twenty newest of each', async () => {
    const [own, other] = [newSigner(), newSigner()]
    const points = Array.from({ length: 9 }, (_, i) => signed(other, i + 1))
    const more = Array.from({ length: 12 }, (_, i) => {
      const line = other.sign({ n: 10 + i, kind: 'checkpoint', at: at(9), rows: 9, head: 'h', prev: 'p', note: '' })
      return readLine(line) ?? assert.fail('a line')
    })
    const found = await copiesOfOthers(place(copied([...more, ...points])), own.key, [])
    assert.deepEqual(
      found.map(({ n }) => n),
      Array.from({ length: 20 }, (_, i) => i + 2),
    )
  })

  test('count only where they were signed by the key of their name, and are what they say', async () => {
    const [own, other, third] = [newSigner(), newSigner(), newSigner()]
    const real = signed(other, 1)
    const forged = readLine(real.line.replace('"rows":1', '"rows":9')) ?? assert.fail('a line')
    const under = (key: string, one: ReadCheckpoint): string => nameOf(one).replace(nameOfKey(one.key), nameOfKey(key))
    const texts = new Map([
      [nameOf(forged), forged.line],
      [under(third.key, real), real.line],
      [nameOf(signed(other, 2)), 'no line'],
      ['audit/other.txt', real.line],
    ])
    assert.deepEqual(await copiesOfOthers(place(texts), own.key, []), [])
  })
})
