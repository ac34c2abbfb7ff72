/** GraphQL: how much a query may ask is counted with its fragments, whatever form they have; a fault is no answer. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parse } from 'graphql'
import { problem } from '../../contract/errors.ts'
import type { Rpc } from '../../mlflow/rpc.ts'
import { answer } from './answer.ts'
import { tooLarge } from './limits.ts'
import { mlflowSchema } from './schema.ts'

const refusal = (query: string): string | undefined => tooLarge(parse(query))
const inExperiment = (inner: string): string => `{ mlflowGetExperiment(input: {}) { experiment { ${inner} } } }`

test('depth, selections, root fields and aliases have bounds', () => {
  assert.equal(refusal(inExperiment('name')), undefined)
  const deep = Array.from({ length: 12 }).reduce<string>((inner) => `name { ${inner} }`, 'name')
  assert.match(refusal(inExperiment(deep)) ?? '', /exceeds maximum depth of 10/)
  const wide = Array.from({ length: 1002 }, (_, at) => `f${at}`).join(' ')
  assert.match(refusal(inExperiment(wide)) ?? '', /exceeds maximum total selections of 1000/)
  const roots = Array.from({ length: 11 }, (_, at) => `a${at}`).join(' ')
  assert.match(refusal(`{ ${roots} }`) ?? '', /should have at most 10 root fields, got 11/)
  const aliases = Array.from({ length: 11 }, (_, at) => `a${at}: name`).join(' ')
  assert.match(refusal(inExperiment(aliases)) ?? '', /should have at most 10 aliases, got 11/)
})

test('fragments hide nothing: aliases across them add up, circles end, a tree of them is cut', () => {
  const six = (from: number): string => Array.from({ length: 6 }, (_, at) => `a${from + at}: name`).join(' ')
  const spread = `${inExperiment('...A ...B')} fragment A on MlflowExperiment { ${six(0)} } fragment B on MlflowExperiment { ${six(6)} }`
  assert.match(refusal(spread) ?? '', /at most 10 aliases, got 12/)
  assert.match(refusal(inExperiment(`... { ${six(0)} } ... { ${six(6)} }`)) ?? '', /at most 10 aliases, got 12/)
  assert.equal(refusal('{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }'), undefined)
  assert.match(refusal('{ ...A } fragment A on Query { x { ...A } }') ?? '', /maximum depth/)
  const doubling = Array.from(
    { length: 9 },
    (_, at) =>
      `fragment F${at} on T { a { ...F${at + 1} } b { ...F${at + 1} } c { ...F${at + 1} } d { ...F${at + 1} } }`,
  )
  assert.match(refusal(`{ ...F0 } ${doubling.join(' ')} fragment F9 on T { x }`) ?? '', /maximum/)
})

test('a refusal is an error in the answer; a fault is thrown, whatever is asked beside it', async () => {
  const who = { id: 'a', name: 'a', role: 'admin', project: null, token_id: null } as const
  const ask = (thrown: Error) => {
    const rpc = { access: { verb: 'read', resource: 'runs' }, fields: {}, handle: () => Promise.reject(thrown) }
    const calls = new Map([['experiments/get', rpc as unknown as Rpc]])
    const query = inExperiment('name')
    return answer(mlflowSchema(), calls, who, { query, variables: undefined, operationName: undefined })
  }
  const refused = await ask(problem('not_found', { what: 'experiment', id: '7' }))
  assert.deepEqual(refused.errors, ['experiment "7" does not exist'])
  for (const fault of [problem('unavailable', { what: 'the database', detail: 'gone' }), new Error('a bug')])
    await assert.rejects(ask(fault), fault)
})

test('what nests up to the tokens that are read is refused, in selections, lists and objects', async () => {
  const who = { id: 'a', name: 'a', role: 'admin', project: null, token_id: null } as const
  const ask = (query: string) =>
    answer(mlflowSchema(), new Map(), who, { query, variables: undefined, operationName: undefined })
  for (const open of ['{a', '{a(b:[', '{a(b:{c:'])
    for (const count of [200, 1000, 3000, 7000]) {
      const [first, rest] = open === '{a' ? ['', open] : [open.slice(0, 5), open.slice(5)]
      const closed = rest.includes('[') ? ']' : '}'
      const query = `${first}${rest.repeat(count)}${open === '{a' ? '' : '1'}${closed.repeat(count)}${open === '{a' ? '' : ')}'}`
      const said = await ask(query).then(
        ({ errors }) => String(errors),
        (error: unknown) => (error as Error).message,
      )
      assert.match(said, /not valid GraphQL|exceeds maximum|Cannot query|tokens/, `${open} ${count}: ${said}`)
    }
})
