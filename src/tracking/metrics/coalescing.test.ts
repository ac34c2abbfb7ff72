/** Calls that are written together: which share a transaction, and what one that fails does to the others. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { coalesced } from './coalescing.ts'

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
const everything = (waiting: readonly unknown[]): number[] => waiting.map((_, at) => at)

/** A queue that notes its transactions; each takes until the next turn of the event loop. */
function noting(choose: (waiting: readonly string[]) => readonly number[] = everything) {
  const written: string[][] = []
  const add = coalesced<string>({
    choose,
    write: async (take) => {
      await turn()
      const calls = take()
      written.push([...calls])
      await turn()
      if (calls.includes('poison')) throw new Error('poisoned')
      return new Map(calls.filter((call) => call === 'refused').map((call) => [call, new Error('refused')]))
    },
  })
  return { add, written }
}

test('calls that wait together share a transaction, and those that come meanwhile the next one', async () => {
  const { add, written } = noting()
  await Promise.all([add('a'), add('b'), add('c').then(() => add('d'))])
  await add('e')
  assert.deepEqual(written, [['a', 'b', 'c'], ['d'], ['e']])
})

test('calls that come before a transaction begins share it; begun anew it has the same ones, and later ones the next', async () => {
  const written: (readonly string[])[] = []
  const add = coalesced<string>({
    choose: everything,
    write: async (take) => {
      await turn()
      written.push(take())
      await turn()
      if (written.length === 1) written.push(take())
      return new Map()
    },
  })
  const early = add('a')
  await Promise.resolve()
  const late = add('b')
  await turn()
  const later = add('c')
  await Promise.all([early, late, later])
  assert.deepEqual(written, [['a', 'b'], ['a', 'b'], ['c']])
})

test('what fails before it takes anything fails each of its calls alone', async () => {
  let fails = true
  const add = coalesced<string>({
    choose: everything,
    write: async (take) => {
      await turn()
      if (fails) throw new Error('closed')
      take()
      return new Map()
    },
  })
  const outcomes = await Promise.allSettled(['a', 'b'].map(add))
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ['rejected', 'rejected'],
  )
  fails = false
  await add('c')
})

test('one that is refused is refused alone, and one that breaks the transaction too', async () => {
  const { add, written } = noting()
  const outcomes = await Promise.allSettled(['a', 'refused', 'b', 'poison', 'c'].map(add))
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled', 'rejected', 'fulfilled'],
  )
  assert.deepEqual(written.slice(1), [['a'], ['refused'], ['b'], ['poison'], ['c']])
})

test('calls that are not chosen wait, in their order', async () => {
  const odd = (waiting: readonly string[]): number[] => {
    const first = waiting[0]?.[0]
    return waiting.flatMap((call, at) => (call[0] === first ? [at] : []))
  }
  const { add, written } = noting(odd)
  await Promise.all(['a1', 'b1', 'a2', 'c1', 'b2'].map(add))
  assert.deepEqual(written, [['a1', 'a2'], ['b1', 'b2'], ['c1']])
})

test('lanes write at the same time, and never two of them to the same place; calls of a place keep their order', async () => {
  const open: (() => void)[] = []
  const begun: string[][] = []
  const add = coalesced<string>({
    choose: () => [0],
    write: async (take) => {
      await turn()
      begun.push([...take()])
      await new Promise<void>((resolve) => open.push(resolve))
      return new Map()
    },
    lanes: { count: 2, of: (call) => call[0] ?? '' },
  })
  const end = async (): Promise<void> => {
    open.shift()?.()
    await turn()
    await turn()
  }
  const ended: string[] = []
  const all = ['a1', 'a2', 'b1', 'c1', 'a3'].map((call) => add(call).then(() => ended.push(call)))
  await turn()
  await turn()
  assert.deepEqual(begun, [['a1'], ['b1']], 'a2 waits for a1, whose place it shares')
  await end()
  assert.deepEqual(begun.slice(2), [['a2']])
  await end()
  assert.deepEqual(begun.slice(3), [['c1']])
  while (open.length > 0) await end()
  await Promise.all(all)
  assert.deepEqual(ended, ['a1', 'b1', 'a2', 'c1', 'a3'])
})

test('calls that are tried again one by one never overlap, and the next group waits for them', async () => {
  let open = 0
  let most = 0
  const add = coalesced<string>({
    choose: everything,
    write: async (take) => {
      most = Math.max(most, ++open)
      await turn()
      open--
      const calls = take()
      if (calls.length > 1) throw new Error('apart')
      return new Map()
    },
  })
  await Promise.all([...['a', 'b', 'c'].map(add), add('d').then(() => add('e'))])
  assert.equal(most, 1)
})
