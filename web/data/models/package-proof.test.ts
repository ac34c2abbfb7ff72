/** The report of a package among the files of a version: what it says of this code, of other code, and where it says nothing. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { packageReport, reportText, versionFiles } from '../../../test/web/fixture-proofs.ts'
import { readProof, type PackageProof } from './package-proof.ts'

const { items } = versionFiles('3')

function found(text: string, files = items): PackageProof {
  const read = readProof(text, files)
  assert.equal(read.state, 'found', JSON.stringify(read))
  return (read as { proof: PackageProof }).proof
}

test('says the verdict of each cell, with what was changed for which reason and what was not compared', () => {
  const proof = found(reportText('3'))
  assert.deepEqual(
    [proof.source, proof.verdict, proof.predictions, proof.saved],
    ['explore_v3_FINAL.ipynb', 'within tolerance', 'verified', 'verified'],
  )
  assert.deepEqual(proof.others, [])
  assert.equal(proof.cells.length, 20)
  assert.deepEqual(proof.cells[0]?.changes, [
    {
      code: 'D6',
      found: '/content/drive/MyDrive/churn_v3_FINAL.csv',
      treatment: 'changed',
      action: 'the setting churn_path, copied into data/',
    },
  ])
  assert.match(proof.cells[4]?.skipped[0] ?? '', /log_charge/)
  assert.deepEqual(
    proof.changes.map(({ code }) => code),
    ['D2'],
  )
})

test('names each file of code that is another than the one that was proved, that is gone, and that came to it', () => {
  assert.deepEqual(found(reportText('2'), versionFiles('2').items).others, ['explore/train.py'])
  const gone = items.filter(({ path }) => !path.endsWith('config.py'))
  assert.deepEqual(found(reportText('3'), gone).others, ['explore/config.py'])
  const more = [...items, { path: 'code/explore/extra.py', size: 1, digest: 'sha256:00' }]
  assert.deepEqual(found(reportText('3'), more).others, ['explore/extra.py'])
  const beside = [...items, { path: 'code/explore/notes.txt', size: 1, digest: 'sha256:00' }]
  assert.deepEqual(found(reportText('3'), beside).others, [])
})

const BROKEN: readonly (readonly [text: string, why: RegExp])[] = [
  ['', /no JSON object/],
  ['{"proof": {', /no JSON object/],
  ['[1]', /no JSON object/],
  ['null', /no JSON object/],
  ['{}', /no verdict/],
  ['{"proof": "verified", "cells": []}', /no verdict/],
  ['{"proof": {"verdict": 3}, "cells": [], "files": {}}', /no verdict/],
  ['{"proof": {"verdict": "verified"}, "files": {}}', /no cells/],
  ['{"proof": {"verdict": "verified"}, "cells": {}, "files": {}}', /no cells/],
  ['{"proof": {"verdict": "verified"}, "cells": []}', /which code was proved/],
]

for (const [text, why] of BROKEN)
  test(`calls a report broken and proves nothing by it: ${text}`, () => {
    const read = readProof(text, items)
    assert.equal(read.state, 'broken')
    assert.match((read as { why: string }).why, why)
  })

test('takes of a report with odd parts what can be read', () => {
  const odd = {
    ...packageReport(),
    cells: [null, 3, { cell: 1, why: 'x', skipped: [1, 'y'], changes: [null] }],
    findings: 7,
  }
  const proof = found(JSON.stringify(odd))
  assert.deepEqual(proof.cells, [{ cell: 1, functions: [], verdict: '', why: [], skipped: ['y'], changes: [] }])
  assert.deepEqual(proof.changes, [])
})
