/** The routing table as it is read: with language models, without them, and cut. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { asTable, EMPTY_TABLE } from './table.ts'

const LLM = { providers: [], endpoints: [], keys: [], budgets: [], allow: [] }

test('a table says something of language models, or nothing', () => {
  assert.equal(asTable({ ...EMPTY_TABLE }).llm, undefined)
  assert.deepEqual(asTable({ ...EMPTY_TABLE, llm: LLM }).llm, LLM)
})

test('a part of them that is missing is named', () => {
  const { keys: _keys, ...rest } = LLM
  assert.throws(() => asTable({ ...EMPTY_TABLE, llm: rest }), /llm\.keys must be a list/)
  assert.throws(() => asTable({ ...EMPTY_TABLE, llm: null }), /llm\.providers must be a list/)
  assert.throws(() => asTable({ ...EMPTY_TABLE, llm: { ...LLM, budgets: {} } }), /llm\.budgets must be a list/)
})
