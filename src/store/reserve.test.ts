/** Room that is kept for the next start: made where there is room, given up only for want of it. */
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, beforeEach, test } from 'node:test'
import { keepReserves, withReserve } from './reserve.ts'

const root = mkdtempSync(join(tmpdir(), 'slipway-reserve-'))
after(() => rmSync(root, { recursive: true, force: true }))
let dataDir: string
beforeEach(() => void (dataDir = mkdtempSync(join(root, 'data-'))))

const NAMES = ['database.reserve', 'gateway.reserve'] as const
const file = (name: string): string => join(dataDir, name)
const failing = (code: string): Error => Object.assign(new Error(code), { code })

/** Fails so often, then gives what it is. */
function opener(errors: unknown[]) {
  let calls = 0
  const open = (): number => {
    calls++
    const [error] = errors.splice(0, 1)
    if (error !== undefined) throw error
    return calls
  }
  return { open, calls: () => calls }
}

test('is some blocks that no file system takes for nothing, for the owner alone, and stays as it is', () => {
  keepReserves(dataDir)
  const bytes = NAMES.map((name) => readFileSync(file(name)))
  assert.deepEqual(
    bytes.map(({ length }) => length),
    [40_960, 65_536],
    'the index of SQLite takes 32,768',
  )
  for (const each of bytes) assert.ok(new Set(each).size > 200, 'it cannot be compressed')
  for (const name of NAMES) assert.equal(statSync(file(name)).mode & 0o777, 0o600)
  rmSync(file('gateway.reserve'))
  keepReserves(dataDir)
  assert.deepEqual(readFileSync(file('database.reserve')), bytes[0])
  assert.notDeepEqual(readFileSync(file('gateway.reserve')), bytes[1])
})

test('is given up for what wants room, once, and for nothing else', () => {
  for (const code of ['ENOSPC', 'EDQUOT', 'SQLITE_FULL', 'SQLITE_IOERR_SHMSIZE', 'SQLITE_CANTOPEN']) {
    keepReserves(dataDir)
    const { open } = opener([failing(code)])
    assert.equal(withReserve(dataDir, 'database.reserve', open), 2, code)
    assert.deepEqual(
      NAMES.map((name) => existsSync(file(name))),
      [false, true],
      code,
    )
  }
  keepReserves(dataDir)
  const twice = opener([failing('ENOSPC'), failing('ENOSPC')])
  assert.throws(() => withReserve(dataDir, 'gateway.reserve', twice.open), { code: 'ENOSPC' })
  assert.deepEqual([twice.calls(), existsSync(file('gateway.reserve'))], [2, false])
  const without = opener([failing('ENOSPC')])
  assert.throws(() => withReserve(dataDir, 'gateway.reserve', without.open), { code: 'ENOSPC' })
  assert.equal(without.calls(), 1)
  for (const error of [failing('EACCES'), failing('SQLITE_CORRUPT'), new Error('other')]) {
    const { open, calls } = opener([error])
    assert.throws(() => withReserve(dataDir, 'database.reserve', open), error)
    assert.deepEqual([calls(), existsSync(file('database.reserve'))], [1, true])
  }
  assert.equal(
    withReserve(dataDir, 'database.reserve', () => 7),
    7,
  )
})

test('that cannot be made for another reason than room is a fault', () => {
  writeFileSync(file('plain'), '')
  assert.throws(() => keepReserves(file('plain')), { code: 'ENOTDIR' })
})
