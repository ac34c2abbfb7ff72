/** The lock between processes: one at a time, given back by a failure, taken over from the dead and from nobody else. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { until } from '../../test/until.ts'
import { withLock } from './file-lock.ts'

const folder = mkdtempSync(join(tmpdir(), 'slipway-lock-'))
after(() => rmSync(folder, { recursive: true, force: true }))
let count = 0
const fresh = (): string => join(folder, `${(count += 1)}.lock`)

/** Whether a promise has ended within some turns of the loop and a moment. */
async function isWaiting(work: Promise<unknown>): Promise<boolean> {
  // by the clock: what is to wait never ends in it; on a slow machine less is shown
  const moment = new Promise<'waits'>((resolve) => setTimeout(() => resolve('waits'), 250))
  return (await Promise.race([work.then(() => 'ended'), moment])) === 'waits'
}

/** Why nothing here tells when a process began; false where something does. */
function noStarts(): string | false {
  return existsSync('/proc/self/stat') ? false : 'no /proc, which tells when a process began: run it on Linux'
}

describe('a lock', () => {
  test('gives what the work gives, and is gone after it', async () => {
    const path = fresh()
    assert.equal(await withLock(path, async () => existsSync(path)), true)
    assert.equal(existsSync(path), false)
  })

  test('is gone after a failure too, which is passed on', async () => {
    const path = fresh()
    const failing = withLock(path, async () => {
      throw new Error('the work failed')
    })
    await assert.rejects(failing, /the work failed/)
    assert.equal(await withLock(path, async () => 1), 1)
  })

  test('in a folder that is not there is a failure, not a wait', async () => {
    await assert.rejects(
      withLock(join(folder, 'gone', 'a.lock'), async () => 1),
      { code: 'ENOENT' },
    )
  })

  test('names its holder by its process', async () => {
    const path = fresh()
    await withLock(path, async () => assert.equal(Number.parseInt(readFileSync(path, 'utf8'), 10), process.pid))
  })

  test('is held by one call of this process at a time', async () => {
    const path = fresh()
    let inside = 0
    let most = 0
    await Promise.all(
      Array.from({ length: 5 }, () =>
        withLock(path, async () => {
          most = Math.max(most, ++inside)
          await setImmediate()
          inside--
        }),
      ),
    )
    assert.equal(most, 1)
  })

  test('of a process that lives is waited for, and taken over once it has ended', async () => {
    const path = fresh()
    const holder = spawn(process.execPath, ['-e', 'setInterval(() => 0, 1e6)'], { stdio: 'ignore' })
    writeFileSync(path, `${holder.pid} somebody`)
    const work = withLock(path, async () => 'mine')
    assert.equal(await isWaiting(work), true)
    holder.kill('SIGKILL')
    await once(holder, 'exit')
    assert.equal(await work, 'mine')
  })

  describe('of a process id that is another process here', { skip: noStarts() }, () => {
    test('is taken over once it has been silent, not before: it may live in another container', async () => {
      const path = fresh()
      writeFileSync(path, `${process.pid} 1 before`)
      const patient = withLock(path, async () => 'patient', 1e9)
      assert.equal(await isWaiting(patient), true)
      assert.equal(await withLock(path, async () => 'mine', 50), 'mine')
      assert.equal(await patient, 'patient')
    })

    test('is not taken over where that process is the holder', async () => {
      const path = fresh()
      let next: Promise<string> | undefined
      await withLock(path, async () => {
        next = withLock(path, async () => 'next', 0)
        assert.equal(await isWaiting(next), true, readFileSync(path, 'utf8'))
      })
      assert.equal(await next, 'next')
    })
  })

  test('is touched by its holder every five seconds', async (t) => {
    t.mock.timers.enable({ apis: ['setInterval'] })
    const path = fresh()
    await withLock(path, async () => {
      for (let i = 0; i < 2; i++) {
        utimesSync(path, 1, 1)
        t.mock.timers.tick(5000)
        await until('the touch', () => statSync(path).mtimeMs !== 1000)
      }
    })
  })

  test('that names nobody is not taken over: it may be written at this moment', async () => {
    for (const text of ['', 'nonsense']) {
      const path = fresh()
      writeFileSync(path, text)
      const work = withLock(path, async () => 'mine')
      assert.equal(await isWaiting(work), true, text)
      rmSync(path)
      assert.equal(await work, 'mine')
    }
  })

  test('that names nobody is taken over once it has been silent: its holder was killed before it wrote its name', async () => {
    const path = fresh()
    writeFileSync(path, '')
    assert.equal(await withLock(path, async () => 'mine', 50), 'mine')
  })

  test('of a dead holder goes to one of many at a time, and leaves no file behind', async () => {
    const path = fresh()
    writeFileSync(path, '999999999 gone')
    let inside = 0
    await Promise.all(
      Array.from({ length: 8 }, () =>
        withLock(path, async () => {
          assert.equal(++inside, 1)
          await setImmediate()
          inside--
        }),
      ),
    )
    assert.deepEqual(
      readdirSync(folder).filter((name) => name.startsWith(path.split('/').at(-1) ?? '?')),
      [],
    )
  })

  test('keeps several processes apart, one of which is killed while it holds it', async () => {
    const path = fresh()
    const log = join(folder, 'log')
    writeFileSync(log, '')
    const module = JSON.stringify(join(import.meta.dirname, 'file-lock.ts'))
    const code = `
      import { appendFileSync } from 'node:fs'
      import { setTimeout } from 'node:timers/promises'
      const { withLock } = await import(${module})
      const [path, log, name, dies] = process.argv.slice(1)
      for (let i = 0; i < 3; i++) await withLock(path, async () => {
        appendFileSync(log, 'in ' + name + '\\n')
        // by the clock: others try meanwhile
        await setTimeout(5)
        if (dies === 'dies' && i === 1) process.kill(process.pid, 'SIGKILL')
        appendFileSync(log, 'out ' + name + '\\n')
      })`
    const run = async (name: string, dies = ''): Promise<void> => {
      const child = spawn(process.execPath, ['--input-type=module', '-e', code, path, log, name, dies], {
        stdio: 'inherit',
      })
      await once(child, 'exit')
    }
    await Promise.all([run('a'), run('b'), run('c', 'dies')])
    appendFileSync(log, 'end')
    const lines = readFileSync(log, 'utf8').split('\n')
    assert.equal(lines.filter((line) => line.startsWith('in')).length, 3 + 3 + 2)
    for (const [at, line] of lines.entries()) {
      if (!line.startsWith('in ')) continue
      const name = line.slice(3)
      // the one that was killed never came out
      assert.ok(lines[at + 1] === `out ${name}` || name === 'c', lines.join(' | '))
    }
  })
})
