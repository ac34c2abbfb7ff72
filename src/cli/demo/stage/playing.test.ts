/** The summary: the table says what the data says, act by act, and what does not hold is seen. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { held, summary } from './playing.ts'
import type { ActResult } from './world.ts'

const act = (number: number, facts: ActResult['facts']): ActResult => ({
  number,
  title: `Title ${number}: and more`,
  seconds: 1.25 * number,
  facts,
  links: [],
})
const LONG = 'x'.repeat(300)
const RESULTS = [
  act(1, [
    { what: 'hold-out AUC', found: '0.7707', ok: true },
    { what: 'gates', found: 'all 4 hold', ok: true },
  ]),
  act(2, [
    { what: 'logged once', found: '29425 rows for 29424 predictions', ok: false },
    { what: 'the cause', found: LONG, ok: true },
  ]),
]

test('each fact is a row of the table with what was found, cut only where it is very long', () => {
  const [, ...rows] = summary(RESULTS)
    .split('\n')
    .filter((line) => line.trim() !== '')
  const facts = RESULTS.flatMap((one) => one.facts)
  const told = rows.filter((row) => facts.some((fact) => row.includes(fact.what)))
  assert.equal(told.length, facts.length)
  for (const [i, fact] of facts.entries()) {
    assert.ok(told[i]?.includes(fact.found.slice(0, 100)), `${fact.what}: ${told[i]}`)
    assert.match(told[i] ?? '', fact.ok ? /\byes\b/ : /\bNO\b/)
  }
  assert.match(told[0] ?? '', /1\. Title 1 .*1\.3 s/)
  assert.match(told[2] ?? '', /2\. Title 2 .*2\.5 s/)
  assert.ok(!summary(RESULTS).includes(LONG))
})

test('a story holds when every act was played and every fact holds', () => {
  const [first, second] = RESULTS
  assert.ok(first !== undefined && second !== undefined)
  assert.equal(held([first], 1), true)
  assert.equal(held([first], 2), false, 'an act is missing')
  assert.equal(held([first, second], 2), false, 'a fact does not hold')
})
