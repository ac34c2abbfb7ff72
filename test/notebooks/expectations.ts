/** What tests ask of a package: that it was proved, and what its report says of a cell. */
import assert from 'node:assert/strict'
import type { Packaged } from './notebooks.ts'

/** The package computes what the notebook computes, cell by cell. */
export function proved(made: Packaged): void {
  assert.equal(made.code, 0, `${made.out}\n${made.said}`)
  const { proof } = made.report()
  assert.deepEqual([proof.verdict, proof.why, proof.predictions], ['verified', '', 'verified'])
  for (const one of proof.cells)
    assert.ok(one.verdict === 'verified' || one.verdict === 'nothing to compare', JSON.stringify(one))
}

/** The report has a finding of this code and cell that says so. */
export function found(made: Packaged, code: string, cell: number | null, what: RegExp): void {
  const all = made.report().findings.filter((one) => one.code === code)
  assert.ok(
    all.some((one) => one.cell === cell && what.test(one.found)),
    `${code} of cell ${cell}: ${JSON.stringify(all, null, 1)}`,
  )
}
