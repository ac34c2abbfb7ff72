/** Two tables: rows, columns, kinds and drift, against figures computed by hand. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { openTemporaryStore } from '../../store/open.ts'
import { putManifest } from '../../store/blobs/trees.ts'
import { compareData } from './data.ts'
import { diffPackages } from './packages.ts'

let store: Awaited<ReturnType<typeof openTemporaryStore>>
before(async () => {
  store = await openTemporaryStore()
})
after(() => store.close())

async function tree(text: string | Uint8Array, path = 'table.csv'): Promise<string> {
  const { digest, size } = await store.blobs.put(Buffer.from(text))
  return (await putManifest(store.blobs, [{ path, digest, size, executable: false }])).digest
}
const compare = async (a: string, b: string) => compareData(store.blobs, await tree(a), await tree(b))
const column = (name: string, cells: readonly (string | number)[]): string => `${name}\n${cells.join('\n')}\n`

describe('data', () => {
  it('that is the same is not read', async () => {
    const gone = `sha256:${'0'.repeat(64)}`
    assert.deepEqual(await compareData(store.blobs, gone, gone), {
      same: true,
      compared: true,
      rows: null,
      added: [],
      removed: [],
      retyped: [],
      drift: [],
    })
  })

  it('tells rows, columns that came and went, and kinds', async () => {
    const found = await compare('a,b,c\n1,x,3\n2,y,4\n', 'a,c,d\n1,three,3\n2,four,4\n3,,5\n')
    assert.deepEqual(found.rows, { before: 2, after: 3 })
    assert.deepEqual([found.added, found.removed], [['d'], ['b']])
    assert.deepEqual(found.retyped, [{ column: 'c', before: 'number', after: 'text' }])
  })

  it('measures texts by shares of values, with missing ones by themselves', async () => {
    const found = await compare(column('c', ['x', 'x', 'y', 'y']), `id,c\n1,x\n2,y\n3,y\n4,\n`)
    const psi = (p: number, q: number): number => ((q || 1e-4) - (p || 1e-4)) * Math.log((q || 1e-4) / (p || 1e-4))
    const [drift] = found.drift
    assert.deepEqual([drift?.column, drift?.nulls_before, drift?.nulls_after], ['c', 0, 0.25])
    assert.ok(Math.abs((drift?.psi ?? 0) - (psi(0.5, 0.25) + psi(0.5, 0.5) + psi(0, 0.25))) < 1e-12)
  })

  it('measures numbers by tenths of the table before, largest change first', async () => {
    const numbers = Array.from({ length: 1000 }, (_, i) => i)
    const lines = (f: (i: number) => number, g: (i: number) => number): string =>
      `p,q\n${numbers.map((i) => `${f(i)},${g(i)}`).join('\n')}\n`
    const found = await compare(
      lines(
        (i) => i,
        (i) => i,
      ),
      lines(
        (i) => i,
        (i) => i + 500,
      ),
    )
    assert.deepEqual(
      found.drift.map((one) => one.column),
      ['q', 'p'],
    )
    assert.ok((found.drift[0]?.psi ?? 0) > 1)
    assert.equal(found.drift[1]?.psi, 0)
  })

  it('of another format, or gone, is told to differ', async () => {
    const parquet = await tree(new Uint8Array([80, 65, 82, 49, 0, 1, 2]), '')
    for (const [a, b] of [
      [parquet, await tree('a\n1\n')],
      [await tree('a\n1\n'), `sha256:${'1'.repeat(64)}`],
    ] as const)
      assert.deepEqual(
        [(await compareData(store.blobs, a, b)).same, (await compareData(store.blobs, a, b)).compared],
        [false, false],
      )
  })

  it('with a column twice is not compared by columns', async () => {
    assert.equal((await compare('a,a\n1,2\n', 'a\n1\n')).compared, false)
  })

  it('without rows has no drift', async () => {
    assert.deepEqual((await compare('a\n', 'a\n1\n')).drift, [])
  })
})

describe('packages', () => {
  const lock = (python_version: string, ...packages: readonly string[]) => ({
    python_version,
    packages: packages.map((one) => ({ name: one.split('=')[0] ?? '', version: one.split('=')[1] ?? '' })),
  })

  it('are told where they differ, Python among them', () => {
    assert.deepEqual(
      diffPackages(lock('3.11.1', 'numpy=1', 'old=1', 'same=2'), lock('3.11.2', 'numpy=2', 'same=2', 'new=1')),
      [
        { name: 'new', before: null, after: '1' },
        { name: 'numpy', before: '1', after: '2' },
        { name: 'old', before: '1', after: null },
        { name: 'python', before: '3.11.1', after: '3.11.2' },
      ],
    )
  })
})
