/** What every driver must do, whatever it runs attempts on. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, test } from 'node:test'
import type { Blobs } from '../../store/blobs/blobs.ts'
import { until } from '../../../test/until.ts'
import { openDiskBlobs } from '../../store/blobs/disk.ts'
import { putTree, treeFiles } from '../../store/blobs/trees.ts'
import type { AttemptSpec, Driver } from './driver.ts'
import { startOf } from './local/processes.ts'
import { CHECKPOINTS_CODE, checkpointCases } from './checkpoints.cases.ts'
import { FILES_CODE, fileCases } from './files.cases.ts'
import { LIFE_CODE, lifeCases } from './life.cases.ts'
import { logOf } from './logs.fixture.ts'
import { ended, gate, sees, type Add, type Case, type Suite } from './suite.fixture.ts'

/** What a driver under test is made of. */
export interface Bench {
  readonly blobs: Blobs
  readonly folder: string
}

/** How a suite gets drivers: `open` is called again to play a restart. */
export interface Maker {
  readonly python: string
  /** Where the driver's files are kept; absent = a folder of the suite's. */
  readonly blobs?: Blobs
  open(bench: Bench): Driver
}

const CODE: Record<string, string> = {
  'steps/__init__.py': '',
  'steps/good.py': `
import os, pathlib
def main(table, out, folder, rows=1):
    text = pathlib.Path(table).read_text()
    out.write_text(text * rows)
    folder.mkdir()
    (folder / "a.txt").write_text("a")
    print("hello", os.environ["GREETING"], os.environ["PYTHONHASHSEED"])
    return {"rows": rows, "loss": 0.25, "nan": float("nan"), "inf": float("inf")}
def nothing():
    pass
def standing():
    print("nice", os.nice(0), "oom", open("/proc/self/oom_score_adj").read())
def named_in_cwd(**kwargs):
    open("out", "w").write("made here")
`,
  'steps/bad.py': `
import os, sys, time, signal, subprocess
def fail():
    print("before"); raise ValueError("the table is empty: " + os.environ.get("API_KEY", ""))
def exits(): sys.exit(3)
def vanishes(): os._exit(0)
def missing(out): pass
def forgets_package(): import a_package_that_nobody_has
def wrong_import(): import steps.nowhere
def returns_list(): return [1]
def returns_text(): return {"a": "b"}
def wants_more(x, y): pass
def hungry():
    kept = []
    while True:
        kept.append(bytearray(20_000_000)); time.sleep(0.02)
def too_big(): bytearray(1 << 62)
def at_once(): kept = bytearray(1 << 40)
def in_children():
    hog = "import time; kept = bytearray(60_000_000); time.sleep(600)"
    children = [subprocess.Popen([sys.executable, "-c", hog]) for _ in range(5)]
    for child in children: child.wait()
def in_a_daemon():
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            kept = []
            while True:
                kept.append(bytearray(20_000_000)); time.sleep(0.02)
        os._exit(0)
    time.sleep(600)
def within():
    kept = bytearray(30_000_000)
    return {"mb": len(kept) / 1e6}
def endless():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True: time.sleep(1)
def sleepy(): print('zzz'); time.sleep(600)
def crash(): os.kill(os.getpid(), signal.SIGSEGV)
def killed(): os.kill(os.getpid(), signal.SIGKILL)
def flood():
    line = "x" * 65535 + "\\n"
    for _ in range(16384): sys.stdout.write(line)
    print("the end")
def leak():
    key = os.environ["API_KEY"]
    print("key is", key)
    sys.stdout.write(key[:10]); sys.stdout.flush(); time.sleep(0.1); sys.stdout.write(key[10:] + "\\n")
    subprocess.run([sys.executable, "-c", "import os; print(os.environ['API_KEY'])"], check=True)
    raise RuntimeError("with " + key)
def forks():
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            open(os.environ["PID_FILE"], "w").write(str(os.getpid()))
            time.sleep(600)
        os._exit(0)
    while not os.path.exists(os.environ["PID_FILE"]) or not open(os.environ["PID_FILE"]).read(): time.sleep(0.01)
    print("parent leaves")
`,
  'script.py': 'import sys; open(sys.argv[2], "w").write(open(sys.argv[1]).read().upper())\n',
}

/** Runs the suite on a driver. */
export function driverCases(maker: Maker): void {
  const root = mkdtempSync(join(tmpdir(), 'slipway-driver-'))
  const bench: Bench = { blobs: maker.blobs ?? openDiskBlobs(join(root, 'blobs')), folder: join(root, 'attempts') }
  after(() => rmSync(root, { recursive: true, force: true }))
  const code = store(bench.blobs, join(root, 'code'), { ...CODE, ...FILES_CODE, ...LIFE_CODE, ...CHECKPOINTS_CODE })
  const spec = async (entry: AttemptSpec['entry'], more: Partial<AttemptSpec> = {}): Promise<AttemptSpec> => ({
    attempt: `att_${randomBytes(6).toString('hex')}`,
    fence: randomBytes(6).toString('hex'),
    python: maker.python,
    entry,
    code: await code,
    inputs: {},
    outputs: [],
    params: {},
    env: { PYTHONHASHSEED: '7', GREETING: 'world' },
    secrets: {},
    timeout_ms: null,
    grace_ms: 300,
    memory_bytes: null,
    log_bytes: 1_000_000,
    unheld: [],
    ...more,
  })
  const driver = maker.open(bench)
  const suite: Suite = {
    driver,
    blobs: bench.blobs,
    again: () => maker.open(bench),
    spec,
    tree: (files, only) => store(bench.blobs, mkdtempSync(join(root, 'tree-')), files, only),
    async finish(made) {
      await driver.submit(made)
      return { exit: await ended(driver, made), log: await logOf(driver, made.attempt) }
    },
  }
  for (const { name, run } of casesOf(suite)) test(name, run)
}

/** What the suite holds a driver to, in its order. */
export function driverCaseNames(): string[] {
  return casesOf({} as Suite).map(({ name }) => name)
}

function casesOf(suite: Suite): Case[] {
  const cases: Case[] = []
  const add: Add = (name, run) => cases.push({ name, run })
  basicCases(suite, add)
  failureCases(suite, add)
  limitCases(suite, add)
  endingCases(suite, add)
  fileCases(suite, add)
  lifeCases(suite, add)
  checkpointCases(suite, add)
  return cases
}

function basicCases({ driver, blobs, spec, finish, tree }: Suite, add: Add): void {
  add('a function gets its arguments and its outputs, metrics and log come back', async () => {
    const made = await spec('steps.good:main', {
      inputs: { table: await tree({ 'table.csv': 'a,b\n' }, 'table.csv') },
      outputs: ['out', 'folder'],
      params: { rows: 2 },
    })
    const { exit, log } = await finish(made)
    assert.equal(exit.class, 'ok', exit.message)
    assert.deepEqual(exit.metrics, { rows: 2, loss: 0.25, nan: NaN, inf: Infinity })
    assert.ok(exit.cpu_seconds > 0 && exit.max_rss_bytes > 1_000_000 && exit.finished_at >= exit.started_at)
    assert.match(log, /hello world 7/)
    const out = await driver.collect(made.attempt, 'out')
    const [file] = await treeFiles(blobs, out.digest)
    assert.equal((await blobs.bytes(file?.digest ?? '')).toString(), 'a,b\na,b\n')
    assert.equal((await driver.collect(made.attempt, 'folder')).files, 1)
    const stored = await driver.storeLog(made.attempt)
    assert.equal(stored?.size, exit.log_bytes)
    assert.ok((await driver.list()).includes(made.attempt))
    await driver.delete(made.attempt)
    assert.ok(!(await driver.list()).includes(made.attempt))
    assert.equal((await driver.get(made.attempt, made.fence)).state, 'absent')
  })

  add(
    'a function without arguments or metrics is well, and a file made under the name of an output is taken',
    async () => {
      assert.equal((await finish(await spec('steps.good:nothing'))).exit.class, 'ok')
      const made = await spec('steps.good:named_in_cwd', { outputs: ['out'] })
      assert.equal((await finish(made)).exit.class, 'ok')
    },
  )

  add('a command gets paths, and a command that is not there is told', async () => {
    const made = await spec(['python3', '-c', 'print("by argv")'])
    const { exit, log } = await finish(made)
    assert.equal(exit.class, 'ok', exit.message)
    assert.match(log, /by argv/)
    const absent = await finish(await spec(['no-such-program']))
    assert.equal(absent.exit.class, 'environment')
    assert.match(absent.exit.message, /"no-such-program" cannot be run/)
  })
}

function failureCases({ spec, finish }: Suite, add: Add): void {
  const FAILURES: [string, string, string, RegExp, Partial<AttemptSpec>?][] = [
    ['an exception', 'fail', 'user', /^ValueError: the table is empty/],
    ['an exit code', 'exits', 'user', /called exit\(3\)/],
    ['os._exit', 'vanishes', 'user', /ended before the function returned/],
    ['a missing output', 'missing', 'user', /declared output "out" was not made/, { outputs: ['out'] }],
    ['a missing package', 'forgets_package', 'environment', /No module named 'a_package_that_nobody_has'; add it/],
    ['a wrong import of its own', 'wrong_import', 'user', /No module named 'steps\.nowhere'/],
    ['a list returned', 'returns_list', 'user', /returned list; expected a dict/],
    ['a text as metric', 'returns_text', 'user', /returned 'a': str/],
    [
      'an argument it does not have',
      'exits',
      'user',
      /does not accept "lr".*parameters are none/,
      { params: { lr: 1 } },
    ],
    ['an argument it lacks', 'wants_more', 'user', /needs "y"/, { params: { x: 1 } }],
    ['a function that is not there', 'nowhere', 'user', /has no function "nowhere"/],
    ['memory over its limit', 'hungry', 'out_of_memory', /limit of 150 MiB/, { memory_bytes: 150 * 2 ** 20 }],
    [
      'memory that is asked for at once',
      'at_once',
      'out_of_memory',
      /MemoryError|limit of 150 MiB/,
      { memory_bytes: 150 * 2 ** 20 },
    ],
    [
      'memory of children together',
      'in_children',
      'out_of_memory',
      /limit of 150 MiB/,
      { memory_bytes: 150 * 2 ** 20 },
    ],
    ['memory of a daemon', 'in_a_daemon', 'out_of_memory', /raise resources\.memory/, { memory_bytes: 150 * 2 ** 20 }],
    ['MemoryError', 'too_big', 'out_of_memory', /MemoryError/],
    ['no end', 'endless', 'timeout', /timeout of 0\.5 s/, { timeout_ms: 500 }],
    ['a native crash', 'crash', 'user', /SIGSEGV/],
    ['a kill by nobody here', 'killed', 'out_of_memory', /signal 9/],
  ]
  for (const [name, entry, kind, message, more] of FAILURES) {
    add(`a failure is classed: ${name}`, async () => {
      const { exit } = await finish(await spec(`steps.bad:${entry}`, more))
      assert.equal(exit.class, kind, exit.message)
      assert.match(exit.message, message)
    })
  }
}

function limitCases({ driver, spec, finish }: Suite, add: Add): void {
  add('the stack of an exception shows the user code only', async () => {
    const { exit, log } = await finish(await spec('steps.bad:fail'))
    assert.match(exit.traceback ?? '', /steps[\\/]bad\.py/)
    assert.doesNotMatch(exit.traceback ?? '', /step_call|importlib/)
    assert.match(log, /^before\nTraceback/)
  })

  add('secrets reach neither log nor message nor stack, even in pieces or from children', async () => {
    const key = 'sk-very-secret-0123456789'
    const { exit, log } = await finish(await spec('steps.bad:leak', { secrets: { API_KEY: key } }))
    assert.equal(exit.message, 'RuntimeError: with [secret]')
    for (const text of [log, exit.traceback ?? '']) assert.ok(!text.includes(key) && !text.includes('sk-very'), text)
    assert.equal(log.match(/\[secret\]/g)?.length, 4)
  })

  add(
    'a gigabyte of output is cut with a visible mark, fills neither disk nor memory, and the step goes on',
    async () => {
      const made = await spec('steps.bad:flood', { log_bytes: 100_000 })
      const before = process.memoryUsage().rss
      const { exit, log } = await finish(made)
      const grown = process.memoryUsage().rss - before
      assert.ok(grown < 200 * 2 ** 20, `the memory of this process grew by ${grown} bytes`)
      assert.ok(exit.max_rss_bytes < 200 * 2 ** 20, `the step's processes held ${exit.max_rss_bytes} bytes`)
      const stored = await driver.storeLog(made.attempt)
      assert.equal(stored?.size, log.length)
      assert.equal(exit.class, 'ok', exit.message)
      assert.ok(exit.log_truncated)
      assert.ok(log.length < 100_200)
      assert.match(log, /the log is cut here after 100000 bytes/)
      assert.equal(exit.log_bytes, log.length)
    },
  )

  add('a step within its limit is left alone', async () => {
    const { exit } = await finish(await spec('steps.good:nothing', { memory_bytes: 512 * 2 ** 20 }))
    assert.equal(exit.class, 'ok', exit.message)
    const more = await finish(await spec('steps.bad:within', { memory_bytes: 512 * 2 ** 20 }))
    assert.deepEqual(more.exit.metrics, { mb: 30 }, more.exit.message)
  })

  add('a step stands back behind the server, for the processor and when memory runs out', async (t) => {
    if (process.platform !== 'linux') return t.skip('only Linux tells')
    const { log } = await finish(await spec('steps.good:standing'))
    const [, nice = '', oom = ''] = /nice (\d+) oom (\d+)/.exec(log) ?? []
    assert.ok(Number(nice) >= 5, log)
    assert.ok(Number(oom) >= 500, log)
  })
}

function endingCases({ driver, spec, finish, again }: Suite, add: Add): void {
  add('what a step leaves running is ended, even in a session of its own', async () => {
    // not below `root`, which a driver may hide from its steps
    const elsewhere = mkdtempSync(join(tmpdir(), 'slipway-grandchild-'))
    after(() => rmSync(elsewhere, { recursive: true, force: true }))
    const pidFile = join(elsewhere, 'pid')
    const { exit, log } = await finish(await spec('steps.bad:forks', { env: { PID_FILE: pidFile } }))
    assert.equal(exit.class, 'ok', exit.message)
    assert.match(log, /1 process\(es\) that the step left behind were killed/)
    assert.equal(await startOf(Number(readFileSync(pidFile, 'utf8'))), undefined)
  })

  add('a cancelled attempt ends, and says so', async () => {
    const made = await spec('steps.bad:sleepy')
    await driver.submit(made)
    await until('it puts out something', async () => (await logOf(driver, made.attempt)) !== '')
    await driver.cancel(made.attempt)
    await driver.cancel(made.attempt)
    assert.equal((await ended(driver, made)).class, 'cancelled')
  })

  add('an attempt that is cancelled before it began is gone soon', async () => {
    const made = await spec('steps.bad:sleepy')
    await driver.submit(made)
    await until('it is gone', async () => {
      await driver.cancel(made.attempt)
      return (await driver.get(made.attempt, made.fence)).state !== 'running'
    })
  })

  add(
    'another driver on the same folder finds the attempt running and collects it; submitting again runs it once',
    async () => {
      const { env, go } = gate()
      const program = 'import os, time\nprint("once")\nwhile not os.path.exists(os.environ["GO"]): time.sleep(0.02)'
      const made = await spec(['python3', '-c', program], { env })
      await driver.submit(made)
      const other = again()
      await other.submit(made)
      assert.equal((await other.get(made.attempt, made.fence)).state, 'running')
      go()
      assert.equal((await ended(other, made)).class, 'ok')
      await other.submit(made)
      assert.equal(await logOf(other, made.attempt), 'once\n')
      await sees(other, { ...made, fence: 'another fence' }, ({ state }) => state !== 'running')
      assert.equal((await other.get(made.attempt, 'another fence')).state, 'absent')
    },
  )

  add('an attempt that was killed with everything is absent', async () => {
    const made = await spec('steps.bad:sleepy')
    await driver.submit(made)
    await driver.kill(made.attempt)
    assert.equal((await driver.get(made.attempt, made.fence)).state, 'absent')
  })

  add('the end of an attempt is told', async () => {
    const told: string[] = []
    driver.onEnd((attempt) => told.push(attempt))
    const made = await spec('steps.good:nothing')
    await finish(made)
    await until('it is told', () => told.includes(made.attempt))
  })
}

async function store(
  blobs: Blobs,
  folder: string,
  files: Readonly<Record<string, string>>,
  only = '',
): Promise<string> {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), text)
  }
  return (await putTree(blobs, join(folder, only))).digest
}
