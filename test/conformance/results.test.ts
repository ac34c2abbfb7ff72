/** The list of foreign client scripts that must pass is read and applied as it says. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { expectations, judge, judgeTests, scriptResults, testResults } from './results.ts'

const PRINTED =
  'OK   a.py 1.2s\nFAIL b.py: AssertionError: x: y\nFAIL c.py: late\nOK   d.py 0s\nOK   e.py 1s\n2 passed, 2 failed\n'

test('scripts that must pass, may fail, surprise and did not run are told apart', () => {
  const expected = expectations(
    '# list\nmust a.py\nmust b.py\nlater c.py  no room yet\nlater d.py  soon\nmust gone.py\n',
  )
  const { tally, notes } = judge(expected, scriptResults(PRINTED))
  assert.deepEqual(tally, { passed: 3, failed: 2, skipped: 1, skips: ['not yet: c.py: no room yet'] })
  assert.deepEqual(notes.failed, ['b.py', 'gone.py'])
  assert.deepEqual(notes.surprises, [
    'e.py is not in test/conformance/expected.txt',
    'd.py passes now: make it "must" in test/conformance/expected.txt',
  ])
})

test('a script that is not listed and fails is a failure', () => {
  assert.equal(judge([], new Map([['new.py', false]])).tally.failed, 1)
})

test('a line of another form is refused with its text', () => {
  assert.throws(() => expectations('should a.py'), /"should a\.py": expected "must NAME"/)
  assert.throws(() => expectations('later a.py'), /"later a\.py": expected/)
})

test('of failed tests only those that are listed are excused, and a run without a total fails', () => {
  const expected = expectations('must a.py\nlater t.py::one  no room yet\nlater t.py::gone  soon\n')
  const printed =
    'FAILED tests/tracking/t.py::one[sqlalchemy]\nFAILED tests/tracking/t.py::one[b]\nERROR tests/t.py::two - x\n' +
    'pytest: 3 failed, 7 passed, 2 deselected in 1.2s\n'
  const { tally, notes } = judgeTests(expected, testResults(printed))
  assert.deepEqual([tally.passed, tally.failed, tally.skipped], [7, 1, 2])
  assert.deepEqual(tally.skips, ['not yet: t.py::one: no room yet'])
  assert.deepEqual(notes.failed, ['t.py::two'])
  assert.deepEqual(notes.surprises, ['t.py::gone does not fail: take it out of test/conformance/expected.txt'])
  assert.equal(judgeTests(expected, testResults('killed')).tally.failed, 1)
})

test("the project's own list is well formed", () => {
  const own = expectations(readFileSync(join(import.meta.dirname, 'expected.txt'), 'utf8'))
  assert.ok(own.some((one) => one.must))
  assert.equal(new Set(own.map((one) => one.name)).size, own.length)
})
