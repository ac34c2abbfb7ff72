/** What the engine may take. */
import assert from 'node:assert/strict'
import { availableParallelism } from 'node:os'
import { test } from 'node:test'
import type { Aggregate } from '../../contract/features/section.ts'
import { engineOptions, joinOptions } from './limits.ts'

const most = Math.max(1, availableParallelism() - 1)

test('the engine takes half of the free memory at most, and leaves a core', () => {
  const { memory_bytes, threads, folder, longest_ms } = engineOptions({ dataDir: '/data' })
  assert.ok(memory_bytes >= 256e6 && memory_bytes <= 1e9, String(memory_bytes))
  assert.deepEqual([threads, folder, longest_ms], [most, '/data/features/scratch', 3_600_000])
})

test('a join whose numbers depend on their order has one thread, so that it gives the same once more', () => {
  const threads = (...takes: readonly Aggregate[]): number => {
    const windows = takes.map((take) => {
      const over = { over_ms: 3_600_000, step_ms: 300_000, q: 0 }
      return { name: 'w', type: 'float' as const, take, column: 'amount', of: 'int' as const, ...over }
    })
    return joinOptions({ dataDir: '/data' }, [{ windows: [] }, { windows }]).threads
  }
  for (const take of ['sum', 'mean', 'std'] as const) assert.equal(threads('count', take), 1)
  assert.equal(threads('count', 'min', 'max', 'last', 'distinct', 'quantile'), most)
  assert.equal(threads(), most)
})
