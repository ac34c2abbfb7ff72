/** A package that people edit and prove again: its report is made anew, and of the package as it is then. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { againBench } from './again.ts'
import { proved } from './expectations.ts'
import type { Packaged } from './notebooks.ts'

const bench = againBench()
after(bench.end)

const digestOf = (made: Packaged, path: string): string =>
  `sha256:${createHash('sha256')
    .update(readFileSync(join(made.folder, path)))
    .digest('hex')}`

describe('a package that is proved again', () => {
  let made: Packaged
  before(async () => proved((made = await bench.packaged('tidied'))))

  it('has the same report where nothing was changed', async () => {
    const [json, html] = [made.read('report.json'), made.read('report.html')]
    const { code, out } = await bench.again(made, 'tidied')
    assert.equal(code, 0, out)
    assert.deepEqual(made.report(), { ...(JSON.parse(json) as object), edited: [] })
    assert.equal(made.read('report.html'), html)
  })

  it('has a report of the package as it is: its code, its steps as diffs, and what was edited', async () => {
    const wanted = 'wanted = ["tenure", "charge"]\n    X = df[wanted]'
    bench.edit(made, 'src/tidied/features.py', 'X = df[["tenure", "charge"]]', wanted)
    bench.edit(made, 'src/tidied/predict.py', '"""Answers rows', '"""Well: answers rows')
    assert.match(await bench.notes(made), /Changed since the proof in report\.json: code tidied\/features\.py/)
    const { code, out } = await bench.again(made, 'tidied')
    assert.equal(code, 0, out)
    assert.match(out, /^Proof: verified$/m)
    assert.match(out, /^Changed since the proof before: code tidied\/features\.py: /m)
    assert.match(out, /^Each change and the proof: file:\/\/.*report\.html$/m)
    const { files, cells, edited, proof } = made.report()
    assert.equal(proof.verdict, 'verified')
    assert.equal(files['tidied/features.py'], digestOf(made, 'src/tidied/features.py'))
    assert.deepEqual(edited, ['tidied/features.py', 'tidied/predict.py'])
    const diff = cells.find(({ cell }) => cell === 2)?.diff ?? []
    assert.ok(diff.includes('-X = df[["tenure", "charge"]]') && diff.includes('+X = df[wanted]'), diff.join('\n'))
    assert.ok(!diff.some((line) => line.includes('return') || line.includes('"""')), diff.join('\n'))
    assert.match(made.read('report.html'), /Edited since slipway package wrote it.*tidied\/predict\.py/s)
    assert.doesNotMatch(await bench.notes(made), /proof/i)
  })

  it('has a report that says so where it computes something else, and validate says it too; what was edited stays named', async () => {
    bench.edit(made, 'src/tidied/train.py', 'LogisticRegression()', 'LogisticRegression(C=0.5)')
    assert.equal((await bench.again(made, 'tidied')).code, 1)
    const { proof, edited } = made.report()
    assert.equal(proof.verdict, 'not verified')
    assert.match(proof.why, /^cell 3: model/)
    assert.deepEqual(edited, ['tidied/features.py', 'tidied/predict.py', 'tidied/train.py'])
    assert.match(made.read('report.html'), /Not verified\..*cell 3: model/s)
    assert.match(await bench.notes(made), /The proof of this package says: not verified: cell 3: model/)
  })
})
