/** Comparison of numbers for tests of mathematics. */
import assert from 'node:assert/strict'

/** Asserts that two numbers are equal up to a relative error, 1e-10 if not given; NaN is equal to NaN. */
export function near(actual: number | undefined, expected: number, relative = 1e-10, what = ''): void {
  if (Number.isNaN(expected)) assert.ok(Number.isNaN(actual), `${actual} is not NaN ${what}`)
  else if (actual === undefined || actual === expected) assert.equal(actual, expected, what)
  else
    assert.ok(
      Math.abs(actual - expected) <= relative * Math.max(1e-300, Math.abs(expected)),
      `${actual} is not ${expected} ${what}`,
    )
}

/** Asserts that lists of numbers are equal up to a relative error. */
export function nearAll(actual: ArrayLike<number>, expected: ArrayLike<number>, relative = 1e-10): void {
  assert.equal(actual.length, expected.length)
  for (let i = 0; i < expected.length; i++) near(actual[i], expected[i] ?? Number.NaN, relative, `at ${i}`)
}
