/** The program of a node under faults: server away, lease lost, kills, lies of the cluster, a cache that was changed. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { att } from '../../../../test/clusters/attempts.ts'
import { until } from '../../../../test/until.ts'
import { python } from '../local/attempt.fixture.ts'
import { isAlive, startOf } from '../local/processes.ts'
import { attemptOf, exitOf, overAs, treeOf } from './attempts.fixture.ts'
import { logOf } from '../logs.fixture.ts'
import { jumping } from '../monotonic.fixture.ts'
import type { Launcher } from './launcher.ts'
import { startNode } from './process.fixture.ts'
import { openRig } from './rig.fixture.ts'
import { nodeRow } from './rows.ts'

const rig = await openRig()
after(() => rig.close())
const driver = rig.driver()

/** Says its pid, waits for a file, and says that it is over. */
const WAITS = (file: string): string => `
import os, time, pathlib
print("pid", os.getpid(), flush=True)
while not os.path.exists(${JSON.stringify(file)}): time.sleep(0.02)
print("over", flush=True)
`

const pidIn = (log: string): number => Number(/pid (\d+)/.exec(log)?.[1])

/** An attempt whose step runs and waits for a file. */
async function running(attempt: string, more: Parameters<typeof attemptOf>[3] = {}) {
  const file = join(rig.folder, `${attempt}.go`)
  await driver.submit(await attemptOf(rig, attempt, WAITS(file), more))
  // its line may come in pieces, the number in the last one
  await until(`the line of ${attempt}`, async () => (await logOf(driver, attempt)).includes('\n'))
  return { pid: pidIn(await logOf(driver, attempt)), go: () => writeFileSync(file, '') }
}

const isGone = async (pid: number): Promise<boolean> => (await startOf(pid)) === undefined
const untilGone = (pid: number): Promise<unknown> => until(`the end of process ${pid}`, () => isGone(pid))
const exitCodeOf = (attempt: string): number | null | undefined => rig.launcher.jobs.get(attempt)?.child.exitCode
const wrapperOf = (attempt: string): number => rig.launcher.jobs.get(attempt)?.child.pid ?? 0

const parentOf = (pid: number): number =>
  Number(readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ')[1])

/** What the caches of the node hold of attempts. */
const left = (): string[] => readdirSync(join(rig.folder, 'home/.cache/slipway-node/attempts'))

test('the token is in no argument and no log, and nothing is left of an attempt but the cache', async () => {
  const { go } = await running(att('token'))
  const token = rig.launcher.jobs.get(att('token'))?.job.variables['SLIPWAY_NODE_TOKEN'] ?? ''
  assert.match(token, /^slw_/)
  assert.ok(!readFileSync(`/proc/${wrapperOf(att('token'))}/cmdline`, 'utf8').includes(token))
  go()
  assert.equal((await exitOf(driver, att('token'))).class, 'ok')
  await until('its program ends', () => exitCodeOf(att('token')) === 0)
  assert.ok(!`${await logOf(driver, att('token'))} ${rig.launcher.said(att('token'))}`.includes(token))
  assert.deepEqual(left(), [])
})

test('the step sees neither the token of its node nor the variables of the program', async () => {
  const program = 'import os; print(sorted(name for name in os.environ if "NODE" in name)); print(os.environ["A"])'
  await driver.submit(await attemptOf(rig, att('env'), program, { env: { A: 'b' } }))
  assert.equal((await exitOf(driver, att('env'))).class, 'ok')
  assert.equal(await logOf(driver, att('env')), '[]\nb\n')
})

test('files that the node has are not fetched again, and one that was changed there is', async () => {
  const table = await treeOf(rig, { 'table.csv': 'a,b' })
  const program = 'import glob; print(open(glob.glob("../in/table/*")[0]).read())'
  const run = async (attempt: string): Promise<number> => {
    const from = rig.heard.length
    await driver.submit(await attemptOf(rig, attempt, program, { inputs: { table } }))
    assert.equal((await exitOf(driver, attempt)).class, 'ok')
    assert.equal(await logOf(driver, attempt), 'a,b\n')
    return rig.heard.slice(from).filter((call) => call === 'GET files').length
  }
  // the code, the table, and a list of files for each
  assert.ok((await run(att('cold'))) >= 2)
  assert.equal(await run(att('warm')), 0)
  const files = join(rig.folder, 'home/.cache/slipway-node/files')
  const all = readdirSync(files).flatMap((part) =>
    readdirSync(join(files, part)).map((name) => join(files, part, name)),
  )
  const changed = all.filter((path) => readFileSync(path, 'utf8') === 'a,b')
  assert.equal(changed.length, 1)
  writeFileSync(changed[0] ?? '', 'a,X')
  assert.equal(await run(att('mended')), 1)
})

test('while the server is away the step goes on, and its log and its end come later, whole and once', async () => {
  const { pid, go } = await running(att('away'), { outputs: [] })
  const back = await rig.leave()
  const calls = await missedCalls(rig.server.port)
  await calls.more(1)
  go()
  await untilGone(pid)
  await calls.more(3)
  await calls.close()
  assert.ok(await isAlive({ pid: wrapperOf(att('away')), start: (await startOf(wrapperOf(att('away')))) ?? '' }))
  await back()
  assert.equal((await exitOf(driver, att('away'))).class, 'ok')
  assert.match(await logOf(driver, att('away')), /^pid \d+\nover\n$/)
})

/** Breaks each connection to the port of a server that is away. */
async function missedCalls(
  port: number,
): Promise<{ more: (count: number) => Promise<unknown>; close: () => Promise<unknown> }> {
  let missed = 0
  const server = createServer((socket) => {
    missed++
    socket.destroy()
  })
  await once(server.listen(port, '127.0.0.1'), 'listening')
  return {
    async more(count) {
      const enough = missed + count
      await until(`${count} more calls of a node`, () => missed >= enough)
    },
    close: () => once(server.close(), 'close'),
  }
}

test('an attempt whose lease is lost ends its step and sends nothing', async () => {
  const { pid, go } = await running(att('lost'), { outputs: ['out'] })
  await rig.db.tx((t) => t.run("UPDATE pipeline_nodes SET fence = 'newer' WHERE attempt = ?", [att('lost')]))
  const from = rig.heard.length
  await untilGone(pid)
  go()
  await until('its program ends', () => exitCodeOf(att('lost')) === 3)
  assert.match(rig.launcher.said(att('lost')), new RegExp(`${att('lost')} is left`))
  assert.ok(!rig.heard.slice(from).some((call) => call === 'PUT files' || call === 'POST end'))
  assert.deepEqual(left(), [])
})

test('a cluster that calls it failed or forgets it is not believed while its node beats', async (t) => {
  const { go } = await running(att('lied'))
  const patient = rig.driver({ leaseMs: 60_000 })
  const state = async (): Promise<string> => (await patient.get(att('lied'), 'f')).state
  const beatAt = async (): Promise<unknown> => (await nodeRow(rig.db, att('lied')))?.beat_at
  const jump = jumping(t)
  rig.launcher.lie = { state: 'over', detail: 'FAILED' }
  try {
    for (let i = 0; i < 3; i++) {
      const last = await beatAt()
      assert.equal(await state(), 'running')
      // twice the lease from beat to beat, but from the last one to the look
      jump(120_000)
      await until('another beat', async () => (await beatAt()) !== last)
      assert.equal(await state(), 'running')
    }
    go()
    assert.equal((await exitOf(patient, att('lied'))).class, 'ok')
  } finally {
    rig.launcher.lie = undefined
  }
})

test('a cluster that cannot be asked ends no attempt, though it be silent', async () => {
  const { pid, go } = await running(att('unknown'))
  rig.launcher.lie = { state: 'unknown' }
  const wrapper = wrapperOf(att('unknown'))
  process.kill(wrapper, 'SIGSTOP')
  try {
    await until('it is silent for longer than its lease', async () => {
      const status = await driver.get(att('unknown'), 'f')
      assert.equal(status.state, 'running')
      return status.state === 'running' && status.silent_ms > 2500
    })
    assert.ok(!(await isGone(pid)))
  } finally {
    process.kill(wrapper, 'SIGCONT')
    rig.launcher.lie = undefined
  }
  go()
  assert.equal((await exitOf(driver, att('unknown'))).class, 'ok')
})

test('a program that is killed takes its step with it, and the attempt is absent once its lease is over', async () => {
  const { pid } = await running(att('killed'))
  process.kill(wrapperOf(att('killed')), 'SIGKILL')
  await untilGone(pid)
  const patient = rig.driver({ leaseMs: 60_000 })
  assert.equal((await patient.get(att('killed'), 'f')).state, 'running', 'it may have been silent for a moment')
  assert.equal((await overAs(driver, att('killed'))).state, 'absent')
  assert.match(await logOf(driver, att('killed')), /pid/, 'what it said is kept')
  // what it left is cleared away by the next
  await driver.submit(await attemptOf(rig, att('after')))
  await exitOf(driver, att('after'))
  await until('nothing is left', () => left().length === 0)
})

test('a supervisor that is ended takes its step with it, and it is told how it ended', async () => {
  const { pid } = await running(att('orphan'))
  process.kill(parentOf(pid), 'SIGKILL')
  const exit = await exitOf(driver, att('orphan'))
  assert.deepEqual(
    [exit.class, exit.message],
    ['infrastructure', 'the supervisor of the attempt ended without a word (signal 9)'],
  )
  // or it would run on beside the attempt that comes after
  await untilGone(pid)
  assert.match(await logOf(driver, att('orphan')), /pid/)
})

test('a supervisor that fails tells by what, without secrets', async () => {
  const program = 'import os; os.mkdir(os.environ["TMPDIR"] + "/../exit.json.tmp")'
  await driver.submit(await attemptOf(rig, att('failed'), program, { secrets: { NAME: 'IsADirectoryError' } }))
  const { message } = await exitOf(driver, att('failed'))
  assert.equal(
    message,
    "the supervisor of the attempt ended without a word (code 1: [secret]: [Errno 21] Is a directory: 'exit.json.tmp')",
  )
  await until('its program ends', () => exitCodeOf(att('failed')) === 0)
  assert.match(rig.launcher.said(att('failed')), /Traceback[\s\S]*in supervise[\s\S]*\[secret\]: /)
})

test('a second process for the same attempt is refused, and the first goes on', async () => {
  const { go } = await running(att('twice'))
  const { job } = rig.launcher.jobs.get(att('twice')) ?? assert.fail()
  const output = join(rig.folder, 'twice.said')
  const second = startNode(job, { folder: rig.folder, home: join(rig.folder, 'home'), output })
  await until('the second one ends', () => second.exitCode !== null)
  assert.equal(second.exitCode, 3)
  assert.match(readFileSync(output, 'utf8'), /another process has taken the attempt up/)
  go()
  assert.equal((await exitOf(driver, att('twice'))).class, 'ok')
  assert.match(await logOf(driver, att('twice')), /^pid \d+\nover\n$/)
})

test('a signal from the cluster ends the step with its grace time, and its end is told', async () => {
  const program = `
import signal, sys, time
def end(*_): print("tidied", flush=True); sys.exit(0)
signal.signal(signal.SIGTERM, end)
print("pid 0", flush=True)
time.sleep(600)`
  await driver.submit(await attemptOf(rig, att('term'), program))
  await until('its line', async () => (await logOf(driver, att('term'))).includes('pid'))
  await rig.launcher.stop(att('term'))
  assert.equal((await exitOf(driver, att('term'))).class, 'cancelled')
  assert.match(await logOf(driver, att('term')), /tidied/)
})

test('an attempt that is cancelled ends with its grace time, and one that is killed ends at once', async () => {
  const cancelled = await running(att('cancel'))
  await driver.cancel(att('cancel'))
  assert.equal((await exitOf(driver, att('cancel'))).class, 'cancelled')
  assert.ok(await isGone(cancelled.pid))
  const killed = await running(att('kill'))
  await driver.kill(att('kill'))
  await untilGone(killed.pid)
})

test('what is no file of its own is no output: the attempt says so', async () => {
  const program = 'import os; os.mkdir("out"); os.symlink("/etc/passwd", "out/link")'
  const code = await treeOf(rig, {
    'step.py': `def main(out):\n    import os\n    out.mkdir()\n    os.symlink("/etc/passwd", out / "link")\n`,
  })
  await driver.submit({
    ...(await attemptOf(rig, att('link'), program, { code, outputs: ['out'] })),
    entry: 'step:main',
  })
  const exit = await exitOf(driver, att('link'))
  assert.equal(exit.class, 'user')
  assert.match(exit.message, /"link" is a symbolic link; only regular files and folders are kept/)
})

test('a node without the interpreter or the version of the lock says so', async () => {
  await driver.submit({ ...(await attemptOf(rig, att('python'))), python: '/no/such/python' })
  const absent = await exitOf(driver, att('python'))
  assert.deepEqual([absent.class, absent.message], ['environment', '/no/such/python cannot be run on this machine'])
  const environment = { digest: `sha256:${'1'.repeat(64)}`, python_version: '3.7.99', text: '' }
  await driver.submit({ ...(await attemptOf(rig, att('version'))), environment })
  const other = await exitOf(driver, att('version'))
  assert.equal(other.class, 'environment')
  assert.match(other.message, /locked for Python 3\.7\.99/)
})

test('an environment is built on the node by its lock, once', async () => {
  const version = /\d+\.\d+\.\d+/.exec(readVersion())?.[0] ?? ''
  const environment = { digest: `sha256:${'2'.repeat(64)}`, python_version: version, text: '' }
  const program = 'import sys; print(sys.prefix)'
  for (const attempt of [att('built'), att('again')]) {
    await driver.submit({ ...(await attemptOf(rig, attempt, program)), environment })
    const exit = await exitOf(driver, attempt)
    assert.equal(exit.class, 'ok', exit.message)
    assert.match(await logOf(driver, attempt), /slipway-node\/envs\/2{32}/)
  }
  const complete = join(rig.folder, 'home/.cache/slipway-node/envs', '2'.repeat(32), '.complete')
  assert.ok(statSync(complete).isFile())
})

test('an attempt that its cluster never started ends with what the cluster says', async () => {
  const launcher: Launcher = {
    name: 'mute',
    launch: () => Promise.resolve(),
    state: () => Promise.resolve({ state: 'over', detail: 'no node has 64 cores' }),
    stop: () => Promise.reject(new Error('away')),
  }
  const [mute, patient] = [200, 60_000].map((leaseMs) => rig.driver({ leaseMs, launcher }))
  assert.ok(mute && patient)
  await mute.submit(await attemptOf(rig, att('never')))
  assert.equal((await patient.get(att('never'), 'f')).state, 'running', 'its node may be on its way')
  const exit = await exitOf(mute, att('never'))
  assert.deepEqual([exit.class, exit.message], ['infrastructure', 'mute did not start it: no node has 64 cores'])
  await mute.kill(att('never'))
  assert.match(rig.notes.join('\n'), new RegExp(`mute could not be asked to end its job ${att('never')}, .*: away`))
})

test('what a cluster could not be asked stands with the attempt, until it can', async () => {
  const said: { state: 'unknown' | 'pending'; detail: string } = { state: 'unknown', detail: 'no route to it' }
  const away = rig.driver({
    leaseMs: 0,
    launcher: {
      name: 'away',
      launch: () => Promise.resolve(),
      state: () => Promise.resolve({ ...said }),
      stop: () => Promise.reject(new Error('gone')),
    },
  })
  await rig.db.tx((t) =>
    t.run(
      `INSERT INTO pipeline_attempts (id, run_id, step, number, state, fence, driver, queued_at, silent, log_bytes)
       VALUES (?, 'pr', 's', 1, 'submitting', 'f', 'away', 1, 0, 0)`,
      [att('unasked')],
    ),
  )
  const trouble = async (): Promise<unknown> =>
    (
      await rig.db.get<{ trouble: string | null }>('SELECT trouble FROM pipeline_attempts WHERE id = ?', [
        att('unasked'),
      ])
    )?.trouble
  const look = async (holds: (trouble: unknown) => boolean): Promise<void> =>
    void (await until('its trouble', async () => {
      assert.equal((await away.get(att('unasked'), 'f')).state, 'running')
      return holds(await trouble())
    }))
  await away.submit(await attemptOf(rig, att('unasked')))
  await look((told) => told === 'away cannot be asked of it: no route to it')
  said.state = 'pending'
  await look((told) => told === null)
  await away.kill(att('unasked'))
  assert.match(
    String(await trouble()),
    new RegExp(`^away could not be asked to end its job ${att('unasked')}, .* still: gone$`),
  )
})

function readVersion(): string {
  return String(execFileSync(python, ['--version']))
}
