/** Tests of the faults: what is changed in a source, and what is left alone. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { faultsOf, withFault } from './operators.ts'

const CASES: Readonly<Record<string, readonly string[]>> = {
  'const a = x < y': ['x < y → x <= y', 'x < y → x >= y'],
  'if (x < y) go()': ['x < y → !(x < y)', 'x < y → x <= y', 'go() → ;'],
  'if (!ok) throw e': ['!ok → ok', 'if (!ok) throw e → ;'],
  'if (a === b) { throw e }': ['a === b → !(a === b)', 'if (a === b) { throw e } → ;'],
  'const a = (b || c) ?? d': ['(b || c) ?? d → (b || c) && d', 'b || c → b && c'],
  "const a = 'x' + y + `z`": [],
  'const a = b + c * 2': ['b + c * 2 → b - c * 2', 'c * 2 → c / 2', '2 → 3'],
  'const limit = 60_000': ['60_000 → 120000'],
  'const a = { 1: true }': ['true → false'],
  'const a: 1 | true = b as 2': [],
  "type A = 'a' | 'b'": [],
  'const a = [1]': ['[1] → []', '1 → 2'],
  'const a = list.filter(f).sort()': ['list.filter(f).sort() → list.filter(f)', 'list.filter(f) → list'],
  // a name that every object has by its prototype
  'const a = list.toString()': [],
  'const a = list.some(f)': ['list.some(f) → list.every(f)'],
  'async function f() { await g(); return await h() }': ['await g(); → ;', 'await g() → g()'],
  'for (let i = 0; i < n; i++) continue': ['0 → 1', 'i < n → i <= n'],
  "log.warn('x', 1)": [],
  "import a from 'a'": [],
  "sql('SELECT a FROM b WHERE c < ? AND d IS NULL ORDER BY e DESC')": [
    "sql('SELECT a FROM b WHERE c < ? AND d IS NULL ORDER BY e DESC') → ;",
    'a FROM b WHERE c < ? AND d IS NULL ORDER → a FROM b WHERE c <= ? AND d IS NULL ORDER',
    'a FROM b WHERE c < ? AND d IS NULL ORDER BY e → a FROM b WHERE c < ? OR d IS NULL ORDER BY e',
    'b WHERE c < ? AND d IS NULL ORDER BY e → b WHERE c < ? AND d IS NOT NULL ORDER BY e',
    "d IS NULL ORDER BY e DESC' → d IS NULL ORDER BY e'",
  ],
}

for (const [source, changes] of Object.entries(CASES)) {
  test(`faults of ${source}`, () => {
    assert.deepEqual(
      faultsOf(source)
        .map((fault) => `${fault.from} → ${fault.to}`)
        .sort(),
      [...changes].sort(),
    )
  })
}

test('a fault is put where it belongs, and a broken source is refused', () => {
  const source = 'const a = 1\nconst b = a > 1 // > stays'
  const [, fault] = faultsOf(source).filter((one) => one.from.includes('>'))
  assert.ok(fault)
  assert.equal(withFault(source, fault), 'const a = 1\nconst b = a <= 1 // > stays')
  assert.throws(() => faultsOf('const = 1'))
})
