/** Two tables that are known by their content alone, on a real store: figures computed by hand. */
import assert from 'node:assert/strict'
import { chmodSync, rmSync, writeFileSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import type { DataDiff } from '../contract/data/sets.ts'
import { putManifest } from '../store/blobs/trees.ts'
import { openTemporaryStore } from '../store/open.ts'
import { TreeDiffs } from './tree-diffs.ts'

let store: Awaited<ReturnType<typeof openTemporaryStore>>
let diffs: TreeDiffs
before(async () => {
  store = await openTemporaryStore()
  diffs = new TreeDiffs(store)
})
after(() => store.close())

async function tree(text: string | Uint8Array, path = 'table.csv'): Promise<string> {
  const { digest, size } = await store.blobs.put(Buffer.from(text))
  return (await putManifest(store.blobs, [{ path, digest, size, executable: false }])).digest
}
const compared = async (a: string, b: string): Promise<DataDiff> =>
  (await diffs.between(await tree(a), await tree(b))) ?? assert.fail('they were not compared')
const table = (head: string, rows: number, cells: (i: number) => string): string =>
  `${head}\n${Array.from({ length: rows }, (_, i) => `${cells(i)}\n`).join('')}`

describe('differences of trees', () => {
  it('are rows, columns that came and went, and types', async () => {
    const { rows, columns } = await compared('a,b,c\n1,x,3\n2,y,4\n', 'a,c,d\n1,three,3\n2,four,4\n3,,5\n')
    assert.deepEqual(rows, { before: 2, after: 3 })
    assert.deepEqual([columns.added, columns.removed], [[{ name: 'd', type: 'int' }], [{ name: 'b', type: 'text' }]])
    assert.deepEqual(columns.retyped, [{ name: 'c', before: 'int', after: 'text' }])
  })

  it('measure texts by shares of values, with missing ones by themselves', async () => {
    const { drift } = await compared(
      table('id,c', 80, (i) => `${i},${i % 2 === 0 ? 'x' : 'y'}`),
      table('id,c', 80, (i) => `${i},${['x', 'y', 'y', ''][i % 4]}`),
    )
    const c = drift.find(({ column }) => column === 'c')
    const psi = (p: number, q: number): number => ((q || 1e-4) - (p || 1e-4)) * Math.log((q || 1e-4) / (p || 1e-4))
    assert.deepEqual([c?.missing_before, c?.missing_after], [0, 0.25])
    assert.ok(Math.abs((c?.psi ?? 0) - (psi(0.5, 0.25) + psi(0.5, 0.5) + psi(0, 0.25))) < 1e-9, String(c?.psi))
  })

  it('tell the column that moved most first, and that one stayed', async () => {
    const { drift } = await compared(
      table('p,q', 1000, (i) => `${i},${i}`),
      table('p,q', 1000, (i) => `${i},${i + 500}`),
    )
    assert.deepEqual(
      drift.map(({ column }) => column),
      ['q', 'p'],
    )
    assert.ok((drift[0]?.psi ?? 0) > 1)
    assert.equal(drift[1]?.psi, 0)
  })

  it('are not told of what is no table, has a column twice, is too large, or is gone', async () => {
    const good = await tree('a\n1\n')
    const { digest } = await store.blobs.put(Buffer.from('a\n1\n'))
    const large = { path: 't.csv', digest, size: 64 * 1024 * 1024 + 1, executable: false }
    for (const other of [
      await tree(new Uint8Array([80, 65, 83, 49, 0, 1, 2]), ''),
      await tree('a,a\n1,2\n'),
      (await putManifest(store.blobs, [large])).digest,
      `sha256:${'1'.repeat(64)}`,
    ]) {
      assert.equal(await diffs.between(good, other), undefined)
      assert.equal(await diffs.between(other, good), undefined)
    }
  })

  it('are not told of a file that is damaged or gone', async () => {
    const [good, text] = [await tree('a\n1\n'), 'a\n7\n']
    const bad = await tree(text)
    const { digest } = await store.blobs.put(Buffer.from(text))
    const file = store.blobs.path(digest) ?? assert.fail('it lies on no disk')
    chmodSync(file, 0o600)
    writeFileSync(file, 'a\n8\n')
    assert.equal(await diffs.between(good, bad), undefined)
    rmSync(file)
    assert.equal(await diffs.between(good, bad), undefined)
    await store.blobs.put(Buffer.from(text))
    assert.deepEqual((await diffs.between(good, bad))?.rows, { before: 1, after: 1 })
  })

  it('are kept, and asked for once by whoever comes at the same time', async () => {
    const [a, b] = [await tree('k\n1\n'), await tree('k\n2\n')]
    const [first, second] = await Promise.all([diffs.between(a, b), diffs.between(a, b)])
    assert.equal(first, second)
    assert.equal(await diffs.between(a, b), first)
  })
})
