/** The report of a package among the files of a version: what it says of this code, of other code, and where it says nothing. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { packageReport, packageTraining, proofTexts, versionFiles } from '../../../test/web/fixture-proofs.ts'
import { readProof, type PackageProof } from './package-proof.ts'

const { items } = versionFiles('3')

function found(report: object, files = items, training: object | null = packageTraining()): PackageProof {
  const texts = { report: JSON.stringify(report), training: training === null ? undefined : JSON.stringify(training) }
  const read = readProof(texts, files)
  assert.equal(read.state, 'found', JSON.stringify(read))
  return (read as { proof: PackageProof }).proof
}

/** Names of what differs, with their kinds. */
const differs = ({ differences }: PackageProof): string[] => differences.map(({ kind, name }) => `${kind} ${name}`)

test('says the verdict of each cell, with what was changed for which reason and what was not compared', () => {
  const proof = found(packageReport())
  assert.deepEqual(
    [proof.source, proof.verdict, proof.predictions, proof.saved],
    ['explore_v3_FINAL.ipynb', 'within tolerance', 'verified', 'verified'],
  )
  assert.deepEqual([proof.differences, proof.untold], [[], ''])
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
  assert.deepEqual(differs(found(packageReport(), versionFiles('2').items)), ['code explore/train.py'])
  const gone = items.filter(({ path }) => !path.endsWith('config.py'))
  assert.deepEqual(differs(found(packageReport(), gone)), ['code explore/config.py'])
  const more = [...items, { path: 'code/explore/extra.py', size: 1, digest: 'sha256:00' }]
  assert.deepEqual(differs(found(packageReport(), more)), ['code explore/extra.py'])
  const data = [...items, { path: 'code/explore/table.json', size: 1, digest: 'sha256:00' }]
  assert.deepEqual(differs(found(packageReport(), data)), ['code explore/table.json'])
  const cached = [...items, { path: 'code/explore/__pycache__/train.cpython-311.pyc', size: 1, digest: 'sha256:00' }]
  assert.deepEqual(differs(found(packageReport(), cached)), ['model code/explore/__pycache__/train.cpython-311.pyc'])
  const beside = { ...packageTraining(), beside: { '../pandas.py': 'sha256:00' } }
  assert.deepEqual(differs(found(packageReport(), items, beside)), ['code ../pandas.py'])
  const weights = items.map((one) => (one.path === 'model.pkl' ? { ...one, digest: 'sha256:00' } : one))
  assert.deepEqual(differs(found(packageReport(), weights)), ['model model.pkl'])
})

test('names settings, packages, Python, data, lock and secrets that are others than those that were proved', () => {
  const base = packageTraining()
  const after = (more: object): string[] =>
    differs(found({ ...packageReport(), rotate: ['TOKEN'] }, items, { ...base, secrets: ['TOKEN'], ...more }))
  assert.deepEqual(after({}), [])
  assert.deepEqual(after({ settings: { ...base.settings, LIMIT: '0' } }), ['setting LIMIT'])
  assert.deepEqual(after({ settings: { seed: '7' } }), ['setting LIMIT'])
  assert.deepEqual(after({ settings: { ...base.settings, more: '1' } }), ['setting more'])
  assert.deepEqual(after({ packages: { ...base.packages, pandas: '2.2.0' } }), ['package pandas'])
  assert.deepEqual(after({ packages: { pandas: '2.3.3' } }), ['package scikit-learn'])
  assert.deepEqual(after({ packages: { ...base.packages, uvloop: '1' } }), ['package uvloop'])
  assert.deepEqual(after({ packages: { ...base.packages, uvloop: '1' }, saving: ['uvloop'] }), [])
  assert.deepEqual(after({ packages: { ...base.packages, uvloop: '1' }, saving: undefined }), [])
  assert.deepEqual(after({ python: '3.12.0' }), ['python Python'])
  assert.deepEqual(after({ python: '3.11.9' }), [])
  assert.deepEqual(after({ inputs: { churn_path: 'sha256:11' } }), ['data churn_path'])
  assert.deepEqual(after({ inputs: { churn_path: null } }), ['data churn_path'])
  assert.deepEqual(after({ project: { 'requirements.lock': 'sha256:11' } }), ['project requirements.lock'])
  assert.deepEqual(after({ secrets: [] }), ['secret TOKEN'])
  const [setting] = found(packageReport(), items, { ...base, settings: { ...base.settings, LIMIT: '0' } }).differences
  assert.deepEqual([setting?.proved, setting?.now], ['2.5', '0'])
})

test('calls a version not verified that was trained with other packages or another Python than the proof ran with', () => {
  const base = packageTraining()
  const after = (more: object): unknown[] => {
    const { said, verdict, why } = found(packageReport(), items, { ...base, ...more })
    return [said, verdict, why]
  }
  assert.deepEqual(after({}), ['within tolerance', 'within tolerance', ''])
  assert.deepEqual(after({ packages: { ...base.packages, pandas: '2.2.0' } }), [
    'within tolerance',
    'not verified',
    'it was trained with pandas 2.2.0, the proof ran with 2.3.3',
  ])
  assert.deepEqual(after({ packages: { pandas: '2.3.3' }, python: '3.12.0' }), [
    'within tolerance',
    'not verified',
    'it was trained with scikit-learn none, the proof ran with 1.7.2; 1 more',
  ])
  // libraries take up what they find, whatever the lock says; what its tools and saving bring is none of it
  const more = {
    packages: { ...base.packages, pip: '26.1', saver: '3', numexpr: '2.8.0', cache: '1' },
    saving: ['cache'],
  }
  const report = { ...packageReport(), lock: { added: ['saver'] } }
  const project = { ...base.project, 'requirements.lock': 'sha256:11' }
  const why = (given: object, trained: object): string => found(given, items, { ...base, ...more, ...trained }).why
  const also = (name: string, version: string): object => ({ packages: { ...more.packages, [name]: version } })
  assert.equal(why(report, {}), '')
  assert.equal(
    why(report, also('bottleneck', '1.6.0')),
    'it was trained with bottleneck 1.6.0, the proof ran without it',
  )
  assert.equal(why(report, also('numexpr', '2.9')), 'it was trained with numexpr 2.9, the proof ran with 2.8.0')
  // reports that do not tell what was installed
  const untold = { ...report, installed: undefined }
  assert.equal(why(untold, also('bottleneck', '1.6.0')), '')
  const { numexpr: _, cache: __, ...plain } = more.packages
  assert.equal(
    why(untold, { packages: { ...plain, bottleneck: '1.6.0' }, project }),
    'it was trained with bottleneck 1.6.0, which the proof does not name',
  )
  const older = { ...report, lock: {} }
  assert.equal(found(older, items, { ...base, ...more, project }).verdict, 'within tolerance')
  assert.deepEqual(after({ settings: { ...base.settings, LIMIT: '0' } }).slice(0, 2), [
    'within tolerance',
    'within tolerance',
  ])
})

test('says that nobody knows what a version was trained with, where its training recorded nothing or something garbled', () => {
  assert.match(found(packageReport(), items, null).untold, /did not record settings/)
  assert.match(found(packageReport(), items, { files: 3 }).untold, /cannot be read: its "files"/)
  const { settings: _, ...old } = packageReport()
  assert.match(found(old).untold, /report does not tell with which settings/)
})

test('says of predictions that nobody compared so in the verdict, whatever the report says of itself', () => {
  const { proof, ...rest } = packageReport()
  const told = found({ ...rest, proof: { ...proof, verdict: 'verified', predictions: 'not compared' } })
  assert.equal(told.verdict, 'predictions not compared, the rest verified')
  const older = { ...proof, verdict: 'within tolerance, predictions not compared', predictions: 'not compared' }
  assert.equal(found({ ...rest, proof: older }).verdict, 'predictions not compared, the rest within tolerance')
})

/** A report with one part of it another. */
const but = (more: object): string => JSON.stringify({ ...packageReport(), ...more })
const proofBut = (more: object): string => but({ proof: { ...packageReport().proof, ...more } })
const cell = { cell: 1, functions: [], verdict: 'verified', why: [], skipped: [], changes: [] }

const BROKEN: readonly (readonly [text: string, why: RegExp])[] = [
  ['', /no JSON object/],
  ['{"proof": {', /no JSON object/],
  ['[1]', /no JSON object/],
  ['null', /no JSON object/],
  ['{}', /no verdict/],
  ['{"proof": "verified", "cells": []}', /no verdict/],
  ['{"proof": {"verdict": "verified"}, "files": {}}', /no cells/],
  ['{"proof": {"verdict": "verified"}, "cells": {}, "files": {}}', /no cells/],
  ['{"proof": {"verdict": "verified"}, "cells": []}', /which code was proved/],
  [proofBut({ verdict: 3 }), /"verdict" is 3, which no proof says/],
  [proofBut({ verdict: 'Verified' }), /"verdict" is "Verified"/],
  [proofBut({ verdict: 'verified ' }), /"verdict" is "verified "/],
  [proofBut({ verdict: 'proved' }), /"verdict" is "proved"/],
  [proofBut({ predictions: 'yes' }), /"predictions" is "yes"/],
  [proofBut({ asked: 5 }), /"asked" is no object/],
  [proofBut({ asked: { cell: '5', by: 'notebook' } }), /"asked" names no cell/],
  [proofBut({ asked: { cell: 5, by: 'nobody' } }), /"asked" is "nobody"/],
  [proofBut({ pieces: 7 }), /"pieces" are no object/],
  [proofBut({ pieces: { rows: '7', verdict: 'verified', why: '', batch: '' } }), /"pieces" count no rows/],
  [proofBut({ pieces: { rows: 7, verdict: 'fine', why: '', batch: '' } }), /"pieces" is "fine"/],
  [proofBut({ pieces: { rows: 7, verdict: 'not verified', why: 'x', batch: '' } }), /"not verified" of answers/],
  [proofBut({ saved: 'verified' }), /saved model/],
  [proofBut({ saved: { verdict: '', why: '' } }), /"saved" is ""/],
  [proofBut({ saved: { verdict: 'not verified', why: 'x' } }), /"not verified" of answers/],
  [proofBut({ predictions: 'not verified' }), /"not verified" of answers/],
  [proofBut({ why: 'cell 3: x differs' }), /why not: cell 3/],
  [proofBut({ verdict: 'not verified', why: '' }), /does not say why/],
  [but({ cells: [] }), /of no cell/],
  [but({ files: {} }), /of no code/],
  [but({ files: { 'explore/train.py': 3 } }), /"files" is no text/],
  [but({ cells: [{ ...cell, verdict: 'not verified' }] }), /"not verified" of cell 1/],
  [but({ cells: [{ ...cell, verdict: 'fine' }] }), /"verdict of cell 1" is "fine"/],
  [but({ cells: [null] }), /no object/],
  [but({ cells: [{ ...cell, cell: '1' }] }), /no number/],
  [but({ cells: [{ ...cell, skipped: [1] }] }), /"skipped" is no text/],
  [but({ findings: 7 }), /"findings" are no list/],
  [but({ settings: { LIMIT: 2.5 } }), /"settings" is no text/],
  [but({ packages: [] }), /"packages" are no object/],
]

for (const [text, why] of BROKEN)
  test(`calls a report broken and proves nothing by it: ${why.source}, ${text.length}`, () => {
    const read = readProof({ report: text, training: undefined }, items)
    assert.equal(read.state, 'broken')
    assert.match((read as { why: string }).why, why)
  })

test('reads what the page is given', () => {
  assert.equal(readProof(proofTexts('3'), items).state, 'found')
  assert.equal(readProof(proofTexts('1'), items).state, 'broken')
})
