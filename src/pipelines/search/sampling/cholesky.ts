/** Linear algebra of small symmetric matrices: what a Gaussian process needs. */

/** A lower triangle, row after row, each as long as its number. */
export type Lower = readonly Float64Array[]

/** The factor L of L·Lᵀ = the matrix that `at` gives below and on its diagonal; undefined where it is not positive definite. */
export function factorOf(size: number, at: (row: number, column: number) => number): Lower | undefined {
  const rows: Float64Array[] = []
  for (let i = 0; i < size; i++) {
    const row = new Float64Array(i + 1)
    for (let j = 0; j <= i; j++) {
      const other = j === i ? row : (rows[j] as Float64Array)
      let sum = at(i, j)
      for (let k = 0; k < j; k++) sum -= (row[k] as number) * (other[k] as number)
      if (j < i) row[j] = sum / (other[j] as number)
      else if (sum > 0) row[j] = Math.sqrt(sum)
      else return undefined
    }
    rows.push(row)
  }
  return rows
}

/** The x of L·x = b. */
export function solveLower(factor: Lower, b: ArrayLike<number>): Float64Array {
  const x = new Float64Array(factor.length)
  for (const [i, row] of factor.entries()) {
    let sum = b[i] as number
    for (let k = 0; k < i; k++) sum -= (row[k] as number) * (x[k] as number)
    x[i] = sum / (row[i] as number)
  }
  return x
}

/** The x of Lᵀ·x = b. */
export function solveUpper(factor: Lower, b: ArrayLike<number>): Float64Array {
  const x = Float64Array.from(b)
  for (let i = factor.length - 1; i >= 0; i--) {
    const row = factor[i] as Float64Array
    const own = (x[i] as number) / (row[i] as number)
    x[i] = own
    for (let k = 0; k < i; k++) x[k] = (x[k] as number) - (row[k] as number) * own
  }
  return x
}

/** The logarithm of the determinant of L·Lᵀ. */
export function logDeterminant(factor: Lower): number {
  return 2 * factor.reduce((sum, row, i) => sum + Math.log(row[i] as number), 0)
}
