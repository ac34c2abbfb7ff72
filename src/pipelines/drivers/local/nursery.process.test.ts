/** A nursery that is lost is replaced, one that cannot start is given up, and a server that is killed takes it along and nothing else. */
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { until } from '../../../../test/until.ts'
import { ifGone } from '../../../contract/absence/absent.ts'
import { openDiskBlobs } from '../../../store/blobs/disk.ts'
import { putTree } from '../../../store/blobs/trees.ts'
import type { AttemptSpec, Driver } from '../driver.ts'
import { jumping } from '../monotonic.fixture.ts'
import { programAttempt, python } from './attempt.fixture.ts'
import { localDriver } from './driver.ts'
import { Nursery } from './nursery.ts'
import { startOf } from './processes.ts'

const LINUX = { skip: process.platform === 'linux' ? false : 'steps are forked on Linux only' }
/** How long a nursery rests. */
const REST_MS = 5 * 60_000
const root = mkdtempSync(join(tmpdir(), 'slipway-nursery-'))
const folder = join(root, 'attempts')
const blobs = openDiskBlobs(join(root, 'blobs'))
mkdirSync(join(root, 'code'))
writeFileSync(join(root, 'code', 'a.txt'), '')
const code = (await putTree(blobs, join(root, 'code'))).digest
after(() => rmSync(root, { recursive: true, force: true, maxRetries: 5 }))

/** No layer confines, so that the test is the same on every machine; the interpreter is the plan's. */
const open = (): Driver =>
  localDriver({ blobs, folder, clock: Date.now, plan: { python, layers: [], hide: [], write: [] } })

const spec = (attempt: string, program?: string): AttemptSpec => programAttempt(attempt, code, program)

/** Nurseries of this folder by what the system tells of their arguments and marks: those that they forked bear another mark. */
function nurseries(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => told(pid, 'cmdline').includes(`${folder}/\0--nursery`) && told(pid, 'environ').includes('=-----'))
    .map(Number)
}

/** The one nursery, which has answered; what the system tells of it, and what of others, is said where there is none. */
async function oneNursery(): Promise<number[]> {
  const processes = (): string => execFileSync('ps', ['-eo', 'pid,ppid,stat,args'], { encoding: 'utf8' })
  return until(
    () => `one nursery: ${processes()}`,
    () => {
      const found = nurseries()
      return found.length === 1 && found
    },
  )
}

function told(pid: string, file: string): string {
  return ifGone(() => readFileSync(`/proc/${pid}/${file}`, 'latin1')) ?? ''
}

async function ended(driver: Driver, attempt: string): Promise<string> {
  return until(`the end of ${attempt}`, async () => {
    const status = await driver.get(attempt, 'f')
    return status.state !== 'running' && (status.state === 'finished' ? status.exit.class : status.state)
  })
}

async function allGone(pids: readonly number[]): Promise<void> {
  await until(`the end of the processes ${pids.join(', ')}`, async () =>
    (await Promise.all(pids.map(startOf))).every((start) => start === undefined),
  )
}

test('attempts share a nursery; one that was killed is replaced, and what it had started goes on', LINUX, async () => {
  const driver = open()
  const go = join(root, 'first-go')
  const waits = `import os, time\nwhile not os.path.exists(${JSON.stringify(go)}): time.sleep(0.02)`
  await driver.submit(spec('att_1', waits))
  await driver.submit(spec('att_2'))
  const first = await oneNursery()
  process.kill(first[0] ?? 0, 'SIGKILL')
  await allGone(first)
  // asked before the driver has heard of the end, the lost one starts none: that attempt goes its own way, and the next has a new one
  await driver.submit(spec('att_3'))
  await driver.submit(spec('att_next'))
  const second = await oneNursery()
  assert.notDeepEqual(second, first)
  writeFileSync(go, '')
  for (const attempt of ['att_1', 'att_2', 'att_3', 'att_next'])
    assert.equal(await ended(driver, attempt), 'ok', attempt)
})

test('an attempt whose nursery is killed before it answers is started once', LINUX, async () => {
  const driver = open()
  await driver.submit(spec('att_4'))
  for (const [number, wait] of [0, 1, 2, 4, 8, 16].entries()) {
    const notes = join(root, `notes-${number}`)
    const submitted = driver.submit(spec(`att_killed_${number}`, `open(${JSON.stringify(notes)}, "a").write("x")`))
    // by the clock: it dies at another moment each time, and may be the faster
    await sleep(wait)
    for (const pid of nurseries()) process.kill(pid, 'SIGKILL')
    await submitted
    const outcome = await ended(driver, `att_killed_${number}`)
    const ran = ifGone(() => readFileSync(notes, 'utf8')) ?? ''
    assert.ok((outcome === 'ok' && ran === 'x') || (outcome === 'absent' && ran === ''), `${outcome}: ${ran}`)
  }
})

test(
  'a nursery that cannot start is tried three times and rests, which is told; then it is tried again',
  LINUX,
  async (t) => {
    const later = jumping(t)
    const [starts, failing] = [join(root, 'starts'), join(root, 'failing')]
    writeFileSync(failing, `#!/bin/sh\necho start >> ${starts}\nexit 3\n`, { mode: 0o755 })
    const ended = (): void => assert.fail('nothing ended')
    for (const interpreter of [failing, join(root, 'nothing')]) {
      const notes: string[] = []
      const note = (text: string): void => void notes.push(text)
      const nursery = new Nursery({ python: interpreter, program: 'none', folder, mark: 'MARK', ended, note })
      assert.equal(nursery.fault, null)
      for (let i = 0; i < 5; i++) assert.equal(await nursery.start('att_x', {}), undefined)
      const why = interpreter === failing ? 'it ended with 3' : 'ENOENT'
      assert.equal(notes.length, 1)
      assert.ok(notes[0]?.includes('was lost 3 times') && notes[0].includes(why), notes[0])
      assert.match(nursery.fault ?? '', /takes longer; it is tried again in [1-5] min$/)
      later(REST_MS)
      // once more, and it rests again
      for (let i = 0; i < 3; i++) assert.equal(await nursery.start('att_x', {}), undefined)
      assert.equal(notes.length, 2)
    }
    assert.equal(readFileSync(starts, 'utf8'), 'start\n'.repeat(4))
  },
)

test('a nursery that rests starts attempts again once what kept it away is gone', LINUX, async (t) => {
  const later = jumping(t)
  const notes: string[] = []
  const late = join(root, 'late-python')
  const supervisor = join(import.meta.dirname, '../../../../python/slipway/step/__main__.py')
  const nursery = new Nursery({
    python: late,
    program: supervisor,
    folder,
    mark: 'SLIPWAY_ATTEMPT',
    ended: () => undefined,
    note: (text) => notes.push(text),
  })
  for (let i = 0; i < 3; i++) assert.equal(await nursery.start('att_late', {}), undefined)
  symlinkSync(
    execFileSync('sh', ['-c', `command -v ${python}`])
      .toString()
      .trim(),
    late,
  )
  later(REST_MS)
  // the attempt has no folder, so that its process ends soon; it was forked all the same
  assert.ok(Number(await nursery.start('att_late', {})) > 0)
  assert.equal(nursery.fault, null)
  assert.equal(notes.at(-1), 'steps are forked again')
})

test('with a name that has no room among its marks an attempt is started without it', LINUX, async () => {
  const driver = open()
  const attempt = `att_${'x'.repeat(80)}`
  await driver.submit(spec(attempt))
  assert.equal(await ended(driver, attempt), 'ok')
})

test('a killed server takes its nursery along; the step is found by the next one', LINUX, async () => {
  const settings = { plan: { python, layers: [], hide: [], write: [] }, folder }
  // it ends when the next server has found it, however long that takes
  const go = join(root, 'go')
  const waits = `import os, time\nwhile not os.path.exists(${JSON.stringify(go)}): time.sleep(0.02)`
  const program = `
    import { localDriver } from ${JSON.stringify(join(import.meta.dirname, 'driver.ts'))}
    import { openDiskBlobs } from ${JSON.stringify(join(import.meta.dirname, '../../../store/blobs/disk.ts'))}
    const blobs = openDiskBlobs(${JSON.stringify(join(root, 'blobs'))})
    await localDriver({ blobs, clock: Date.now, ...${JSON.stringify(settings)} }).submit(${JSON.stringify(spec('att_5', waits))})
    console.log('up')
    setInterval(() => {}, 1000)`
  const known = nurseries()
  const server = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await once(server.stdout, 'data')
  const [nursery = 0] = nurseries().filter((pid) => !known.includes(pid))
  assert.ok(nursery > 0)
  server.kill('SIGKILL')
  await allGone([nursery])
  const next = open()
  assert.equal((await next.get('att_5', 'f')).state, 'running')
  await next.submit(spec('att_5'))
  writeFileSync(go, '')
  assert.equal(await ended(next, 'att_5'), 'ok')
})
