/** Finding a Python: the first that fits, asked once, and what is told where none does. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { programs } from './programs.fixture.ts'
import { findPython } from './python.ts'

const bin = programs()
after(() => bin.remove())
let count = 0

/** A program that says that it is a Python of a version, and notes each time that it is asked. */
function fake(version: string, name = `python-${(count += 1)}`): { path: string; asked: () => number } {
  const log = join(bin.folder, `${name}.log`)
  const told = JSON.stringify([join('/usr/bin', name), version, `test-${version}`])
  const path = bin.add(name, `echo asked >> '${log}'\necho '${told}'`)
  return { path, asked: () => (existsSync(log) ? readFileSync(log, 'utf8').split('\n').length - 1 : 0) }
}

describe('a Python', () => {
  test('is the first of the candidates that fits, with its version and platform', async () => {
    const [old, good, newer] = [fake('3.9.1'), fake('3.11.7'), fake('3.12.0')]
    const found = await findPython('>=3.10', [old.path, good.path, newer.path])
    assert.equal(found.version, '3.11.7')
    assert.equal(found.platform, 'test-3.11.7')
    assert.equal(newer.asked(), 0)
  })

  test('is asked once, however many look for it at once and later', async () => {
    const one = fake('3.11.7')
    await Promise.all(Array.from({ length: 5 }, () => findPython('>=3.10', [one.path])))
    await findPython('>=3.11', [one.path])
    assert.equal(one.asked(), 1)
  })

  test('that fails, or is not there, is passed over', async () => {
    const broken = bin.add('broken', 'echo "[]"; exit 3')
    const good = fake('3.11.7')
    assert.equal((await findPython('>=3.10', [join(bin.folder, 'gone'), broken, good.path])).version, '3.11.7')
  })

  test('that the user names is the only candidate', async () => {
    const own = fake('3.10.2')
    await bin.within({ SLIPWAY_PYTHON: own.path }, async () => {
      assert.equal((await findPython('>=3.10')).version, '3.10.2')
      await assert.rejects(findPython('>=3.11'), {
        code: 'unprocessable',
        message: /requires Python >=3\.11, and this machine has 3\.10\.2 \(.*\); install.*SLIPWAY_PYTHON/,
      })
    })
  })

  test('that does not fit is told once, by each version and place', async () => {
    const [one, two] = [fake('3.8.1', 'a-python'), fake('3.9.1', 'b-python')]
    const again = bin.add('c-python', `echo '["/usr/bin/a-python","3.8.1","x"]'`)
    await assert.rejects(findPython('>=3.10', [one.path, two.path, again]), {
      message: /this machine has 3\.8\.1 \(\/usr\/bin\/a-python\), 3\.9\.1 \(\/usr\/bin\/b-python\); install/,
    })
  })

  test('where there is none is told so', () =>
    assert.rejects(findPython('>=3.10', [join(bin.folder, 'gone')]), {
      message: /no Python was found.*requires >=3\.10/,
    }))

  test('of this machine says where it really lies', async (t) => {
    const found = await findPython('>=3.2').catch((error: Error) => error)
    if (found instanceof Error) return t.skip(found.message)
    assert.ok(existsSync(found.path))
    assert.match(found.version, /^\d+\.\d+\.\d+/)
    assert.match(found.platform, /^[\w.]+-.*-cpython-\d+|pypy/)
  })

  test('is looked for again under another name after its file went', async () => {
    const one = fake('3.11.7')
    rmSync(one.path)
    await assert.rejects(findPython('>=3.10', [one.path]))
  })
})
