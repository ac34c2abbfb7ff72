/** JUnit as a foreign parser reads it. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { describe, it } from 'node:test'
import { changeReport, gate, spoken } from '../report.fixture.ts'
import { junit } from './junit.ts'

const READ = `import json, sys, xml.etree.ElementTree as tree
root = tree.fromstring(sys.stdin.buffer.read())
print(json.dumps([[s.attrib, [[c.attrib, [[k.tag, k.attrib.get("message")] for k in c]] for c in s]] for s in root]))`

type Case = [Record<string, string>, [string, string][]]

/** Python's own parser. */
function read(text: string): [Record<string, string>, Case[]][] {
  return JSON.parse(execFileSync('python3', ['-c', READ], { input: text, encoding: 'utf8' })) as ReturnType<typeof read>
}

describe('JUnit', () => {
  it('has a case of each gate and step', () => {
    const gates = [
      gate(),
      gate({ name: 'b', outcome: 'failed', reason: 'too low' }),
      gate({ name: 'c', outcome: 'waiting' }),
      gate({ name: 'd', outcome: 'no_data' }),
    ]
    const [first, second] = read(junit(changeReport({ gates, verdict: 'failed' })))
    assert.deepEqual(first?.[0], { name: 'gates', tests: '4', failures: '2', errors: '0', skipped: '1' })
    assert.deepEqual(
      first?.[1].map(([, kids]) => kids[0]?.[0]),
      [undefined, 'failure', 'skipped', 'failure'],
    )
    assert.deepEqual(first?.[1][1], [{ classname: 'flights.gates', name: 'b', time: '0' }, [['failure', 'too low']]])
    assert.deepEqual(second?.[1], [[{ classname: 'flights.steps', name: 'train', time: '1.234' }, []]])
  })

  it('has an error where there is no verdict', () => {
    const [, steps] = read(junit(changeReport({ verdict: 'error', reason: 'the run was cancelled' })))
    assert.deepEqual(steps?.[1].at(-1)?.[1], [['error', 'the run was cancelled']])
  })

  for (const text of [
    '<b a="1">&amp;\'',
    ']]>\u0000\u0008\uffff',
    'line\none\ttwo\r',
    'half \ud800 letter',
    '</testsuites>',
  ]) {
    it(`holds ${JSON.stringify(text)} letter by letter`, () => {
      const [gates] = read(junit(spoken(text)))
      // oxlint-disable-next-line no-control-regex
      const kept = text.toWellFormed().replaceAll(/[\u0000\u0008\uffff]/g, ' ')
      assert.deepEqual(gates?.[1][0]?.[1], [['failure', kept]])
    })
  }
})
