/** Names of holders: unlike one another, and telling whether their process lives. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { until } from '../../test/until.ts'
import { endedHolder } from './holder.fixture.ts'
import { hasEnded, holderName } from './holder.ts'

const noProc = process.platform === 'linux' ? false : 'only Linux tells whether a process lives'

describe('holders', () => {
  it('two names of one process differ, and neither has ended', () => {
    const [one, two] = [holderName(), holderName()]
    assert.notEqual(one, two)
    assert.deepEqual([hasEnded(one), hasEnded(two)], [false, false])
  })

  it('a name that says nothing of a process has not ended, as far as is known', () => {
    for (const name of ['', 'w', '123-abcdef', 'a/b/1', 'a/b/999999/1/x']) assert.equal(hasEnded(name), false, name)
  })

  it('has where it runs, which process and since when', { skip: noProc }, () => {
    const [boot, space, pid, start, random] = holderName().split('/')
    assert.equal(boot, readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim())
    assert.match(space ?? '', /^pid:\[\d+\]$/)
    assert.equal(pid, String(process.pid))
    const stat = readFileSync('/proc/self/stat', 'utf8')
    assert.equal(start, stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19])
    assert.match(random ?? '', /^[0-9a-f]{8}$/)
  })

  it(
    'one whose process is gone has ended, on this machine alone; so has a later process of the same number',
    { skip: noProc },
    () => {
      const ended = endedHolder()
      assert.equal(hasEnded(ended), true)
      assert.equal(hasEnded(`another${ended}`), false)
      const [boot, space, pid, start, random] = holderName().split('/')
      assert.equal(hasEnded([boot, space, pid, `${Number(start) - 1}`, random].join('/')), true)
    },
  )

  it('a process that has ended but was not waited for has ended', { skip: noProc }, async () => {
    // the shell starts a process and becomes one that never waits for it: only then may it end
    const parent = spawn('sh', ['-c', 'sleep 300 & echo $!; exec sleep 300'], { stdio: ['ignore', 'pipe', 'ignore'] })
    try {
      const [line] = (await once(parent.stdout, 'data')) as [Buffer]
      const pid = String(line).trim()
      const fields = (): string[] => {
        const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
        return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      }
      const [boot, space] = holderName().split('/')
      const name = [boot, space, pid, fields()[19], 'x'].join('/')
      await until('its parent to become a sleep', () => readFileSync(`/proc/${parent.pid}/comm`, 'utf8') === 'sleep\n')
      process.kill(Number(pid), 'SIGKILL')
      await until('its end', () => fields()[0] === 'Z')
      assert.equal(hasEnded(name), true)
    } finally {
      parent.kill('SIGKILL')
    }
  })
})
