/** What tests ask of a package: that it was proved, what its report says of a cell, and that it answers as plain Python does. */
import assert from 'node:assert/strict'
import { nearAll } from '../../src/stats/near.fixture.ts'
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

const NUMBER = /-?\d+(?:\.\d+)?(?:e[+-]?\d+)?/g

/**
 * The texts are equal, but for the last digits of their numbers (a billionth of a number may differ). A fit in another process ends
 * in other last digits: BLAS chooses its kernels, and how it cuts a sum, by processor, threads and where an array lies in memory.
 */
export function alike(actual: string, expected: string): void {
  assert.equal(actual.replaceAll(NUMBER, '#'), expected.replaceAll(NUMBER, '#'))
  const numbers = (text: string): number[] => (text.match(NUMBER) ?? []).map(Number)
  nearAll(numbers(actual), numbers(expected), 1e-9)
}
