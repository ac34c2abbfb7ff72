/** What a report tells of two tables and of two sets of packages. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { DataDiff } from '../../contract/data/sets.ts'
import { compareData, type TreeDiffs } from './data.ts'
import { diffPackages } from './packages.ts'

const answering = (diff: DataDiff | undefined): TreeDiffs => ({ between: () => Promise.resolve(diff) })
const never: TreeDiffs = { between: () => Promise.reject(new Error('it was read')) }
const nothing = { rows: null, added: [], removed: [], retyped: [], drift: [] }

describe('data', () => {
  it('that is the same is not read', async () => {
    assert.deepEqual(await compareData(never, 'sha256:a', 'sha256:a'), { same: true, compared: true, ...nothing })
  })

  it('that cannot be compared is told to differ', async () => {
    const found = await compareData(answering(undefined), 'sha256:a', 'sha256:b')
    assert.deepEqual(found, { same: false, compared: false, ...nothing })
  })

  it('is told by its rows, its columns and how far each moved', async () => {
    const moved = { type: 'int', limit: 0.2, drifted: true, why: null, mean_before: 1, mean_after: 2 } as const
    const found = await compareData(
      answering({
        same: false,
        rows: { before: 60, after: 61 },
        columns: {
          added: [{ name: 'd', type: 'bool' }],
          removed: [{ name: 'b', type: 'text' }],
          retyped: [{ name: 'c', before: 'int', after: 'text' }],
          reordered: true,
        },
        changes: { keys: [], added: 2, removed: 1, changed: null, repeated_before: 0, repeated_after: 0 },
        drift: [
          { ...moved, column: 'a', psi: 0.3, missing_before: 0, missing_after: 0.25 },
          { ...moved, column: 'c', psi: null, missing_before: 0.5, missing_after: 0 },
        ],
      }),
      'sha256:a',
      'sha256:b',
    )
    assert.deepEqual(found, {
      same: false,
      compared: true,
      rows: { before: 60, after: 61 },
      added: ['d'],
      removed: ['b'],
      retyped: [{ column: 'c', before: 'int', after: 'text' }],
      drift: [
        { column: 'a', psi: 0.3, nulls_before: 0, nulls_after: 0.25 },
        { column: 'c', psi: null, nulls_before: 0.5, nulls_after: 0 },
      ],
    })
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
