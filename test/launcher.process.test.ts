/** The launcher `./slipway`, run by the system's sh in a small checkout with an npm that is a script, so that no network is needed. */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs'
import { readdirSync, readlinkSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { findProgram, LAUNCHER_PROGRAMS } from './tools.ts'
import { until } from './until.ts'

const launcher = resolve(import.meta.dirname, '../slipway')
const ci = resolve(import.meta.dirname, '../.ci/run')

/** Writes its arguments down, waits for the file `go` where NPM_WAITS says so, then gives the checkout a node and a vite. */
const NPM = `#!/bin/sh
echo "$*" >> npm.calls
until [ -z "\${NPM_WAITS:-}" ] || [ -e go ]; do sleep 0.05; done
[ -z "\${NPM_FAILS:-}" ] || { echo 'npm error network' >&2; exit 1; }
mkdir -p node_modules/.bin node_modules/vite/bin
cp vite.script node_modules/vite/bin/vite.js
ln -sf "$REAL_NODE" node_modules/.bin/node
`

const VITE = `import { mkdirSync, writeFileSync, appendFileSync } from 'node:fs'
appendFileSync('vite.calls', process.argv.slice(2).join(' ') + '\\n')
if (process.env.VITE_FAILS) { console.error('vite error'); process.exit(1) }
mkdirSync('dist/web.new', { recursive: true })
writeFileSync('dist/web.new/index.html', 'built')
`

/** Tells how it was started. */
const MAIN = `console.log(JSON.stringify({ argv: process.argv.slice(2), cwd: process.cwd() }))\n`

interface Checkout {
  home: string
  bin: string
  env: Record<string, string>
}

function checkout(t: TestContext): Checkout {
  const base = realpathSync(mkdtempSync(join(tmpdir(), 'slipway launcher ')))
  t.after(() => rmSync(base, { recursive: true, force: true }))
  const home = join(base, 'a checkout')
  const bin = join(base, 'bin')
  mkdirSync(join(home, 'src/cli'), { recursive: true })
  mkdirSync(join(home, 'test'))
  mkdirSync(bin)
  cpSync(launcher, join(home, 'slipway'))
  writeFileSync(join(home, 'package.json'), '{"type":"module"}')
  writeFileSync(join(home, 'package-lock.json'), '{"lock":1}')
  writeFileSync(join(home, 'vite.script'), VITE)
  writeFileSync(join(home, 'src/cli/main.ts'), MAIN)
  writeFileSync(join(home, 'test/check.ts'), `console.log('the check', process.argv.slice(2).join(' '))\n`)
  for (const name of LAUNCHER_PROGRAMS)
    symlinkSync(findProgram(name) ?? assert.fail(`${name} is missing`), join(bin, name))
  symlinkSync(process.execPath, join(bin, 'node'))
  script(bin, 'npm', NPM)
  script(bin, 'python3', '#!/bin/sh\n')
  return { home, bin, env: { PATH: bin, REAL_NODE: process.execPath } }
}

function script(bin: string, name: string, text: string): void {
  rmSync(join(bin, name), { force: true })
  writeFileSync(join(bin, name), text, { mode: 0o755 })
}

interface Ended {
  code: number | null
  out: string
  err: string
}

interface StartOptions {
  readonly file?: string
  readonly env?: object
  readonly cwd?: string
}

function start(c: Checkout, args: readonly string[], options: StartOptions = {}): Promise<Ended> {
  return begin(c, args, options).ended
}

/** Its npm waits for `letNpmGo`. */
const WAITING = { env: { NPM_WAITS: '1' } }

function letNpmGo(c: Checkout): void {
  writeFileSync(join(c.home, 'go'), '')
}

/** Starts it; `said` is what it has told so far. */
function begin(
  c: Checkout,
  args: readonly string[],
  options: StartOptions = {},
): { readonly said: () => string; readonly ended: Promise<Ended> } {
  const child = spawn(options.file ?? join(c.home, 'slipway'), args, {
    env: { ...c.env, ...options.env },
    cwd: options.cwd ?? c.home,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 120_000,
  })
  const ended: Ended = { code: null, out: '', err: '' }
  child.stdout.on('data', (chunk) => (ended.out += String(chunk)))
  child.stderr.on('data', (chunk) => (ended.err += String(chunk)))
  const over = new Promise<Ended>((done, fail) => {
    child.on('error', fail)
    child.on('close', (code) => done({ ...ended, code }))
  })
  return { said: () => ended.err, ended: over }
}

const lines = (c: Checkout, file: string): string[] =>
  existsSync(join(c.home, file)) ? readFileSync(join(c.home, file), 'utf8').trim().split('\n') : []

/** A process id that belongs to no process any more. */
function deadPid(): number {
  return spawnSync(process.execPath, ['-e', '']).pid
}

test('the first start installs, the next does not, and arguments and folder reach the command line', async (t) => {
  const c = checkout(t)
  const first = await start(c, ['runs', '--name', 'two words'], { cwd: tmpdir() })
  assert.equal(first.code, 0, first.err)
  assert.deepEqual(JSON.parse(first.out), { argv: ['runs', '--name', 'two words'], cwd: realpathSync(tmpdir()) })
  assert.match(first.err, /^slipway: bringing dependencies \(npm ci\)/)
  const second = await start(c, [])
  assert.deepEqual({ code: second.code, err: second.err }, { code: 0, err: '' })
  assert.deepEqual(lines(c, 'npm.calls').length, 1)
  assert.match(lines(c, 'npm.calls')[0] ?? '', /^ci --include=dev /)
  assert.deepEqual(
    readdirSync(c.home).filter((name) => name.startsWith('.install-lock')),
    [],
  )
})

test('it works through a chain of symbolic links, absolute and relative', async (t) => {
  const c = checkout(t)
  symlinkSync('../a checkout/slipway', join(c.bin, 'relative'))
  symlinkSync(join(c.bin, 'relative'), join(c.bin, 'absolute'))
  const ended = await start(c, ['env'], { file: join(c.bin, 'absolute'), cwd: c.bin })
  assert.equal(ended.code, 0, ended.err)
  assert.deepEqual(JSON.parse(ended.out), { argv: ['env'], cwd: c.bin })
})

test('it installs again when the lock file changed, sparing the files in use', async (t) => {
  const c = checkout(t)
  await start(c, [])
  writeFileSync(join(c.home, 'package-lock.json'), '{"lock":2}')
  assert.equal((await start(c, [])).code, 0)
  assert.match(lines(c, 'npm.calls')[1] ?? '', /^install --no-save /)
  assert.equal((await start(c, [])).err, '')
})

test('a failed install says so in one line, leaves no stamp and is done anew', async (t) => {
  const c = checkout(t)
  await start(c, [])
  writeFileSync(join(c.home, 'package-lock.json'), '{"lock":2}')
  const failed = await start(c, ['serve'], { env: { NPM_FAILS: '1' } })
  assert.equal(failed.code, 3)
  assert.equal(failed.out, '')
  assert.match(failed.err, /slipway: npm install failed as shown above .*start again\n$/)
  assert.equal((await start(c, [])).code, 0)
  assert.match(lines(c, 'npm.calls')[2] ?? '', /^ci /)
})

test('of two started at once one installs and the other waits for it', async (t) => {
  const c = checkout(t)
  const begun = ['one', 'two'].map((name) => begin(c, [name], WAITING))
  await until('one that waits', () => begun.some(({ said }) => said().includes('waiting for process pid.')))
  letNpmGo(c)
  const both = await Promise.all(begun.map(({ ended }) => ended))
  assert.deepEqual(
    both.map((ended) => [ended.code, (JSON.parse(ended.out) as { argv: string[] }).argv]),
    [
      [0, ['one']],
      [0, ['two']],
    ],
  )
  assert.equal(lines(c, 'npm.calls').length, 1)
  assert.equal(both.filter((ended) => ended.err.includes('waiting for process pid.')).length, 1)
})

test('the lock of a dead process is taken over by exactly one of several', async (t) => {
  const c = checkout(t)
  symlinkSync(`pid.${deadPid()}`, join(c.home, '.install-lock'))
  const begun = ['a', 'b', 'c'].map((name) => begin(c, [name], WAITING))
  const waiting = (): number => begun.filter(({ said }) => said().includes('waiting for process')).length
  await until('one that installs and two that wait', () => lines(c, 'npm.calls').length > 0 && waiting() === 2)
  letNpmGo(c)
  const all = await Promise.all(begun.map(({ ended }) => ended))
  assert.deepEqual(
    all.map((ended) => ended.code),
    [0, 0, 0],
    all.map((ended) => ended.err).join('\n'),
  )
  assert.equal(lines(c, 'npm.calls').length, 1)
})

test('an old guard, left by a process that died while it cleared a lock, does not block', async (t) => {
  const c = checkout(t)
  symlinkSync(`pid.${deadPid()}`, join(c.home, '.install-lock'))
  const guard = join(c.home, '.install-lock.guard')
  mkdirSync(guard)
  const old = Date.now() / 1000 - 180
  utimesSync(guard, old, old)
  assert.equal((await start(c, [])).code, 0)
  assert.equal(existsSync(guard), false)
})

test('an interrupted start gives its lock back', async (t) => {
  const c = checkout(t)
  const child = spawn(join(c.home, 'slipway'), [], { env: { ...c.env, ...WAITING.env }, stdio: 'ignore' })
  t.after(() => child.kill('SIGKILL'))
  const lock = join(c.home, '.install-lock')
  await until('npm', () => lines(c, 'npm.calls').length > 0)
  assert.equal(readlinkSync(lock), `pid.${child.pid ?? 0}`)
  const ended = new Promise((done) => child.on('close', done))
  child.kill('SIGTERM')
  letNpmGo(c)
  assert.equal(await ended, 143)
  assert.throws(() => readlinkSync(lock), /ENOENT/)
})

test('what is missing is said in one line with the remedy', async (t) => {
  const cases: [missing: string, args: string[], text: RegExp][] = [
    ['npm', [], /^slipway: npm is missing; install it with Node\.js 20 or newer \(https:\S+\)\n$/],
    ['node', [], /^slipway: Node\.js is missing; install Node\.js 20 or newer with npm \(https:\S+\)\n$/],
    [
      'python3',
      ['demo'],
      /^slipway: Python is missing and "slipway demo" needs it; install Python 3\.10 or newer .*\n$/,
    ],
  ]
  for (const [missing, args, text] of cases) {
    const c = checkout(t)
    rmSync(join(c.bin, missing))
    const ended = await start(c, args)
    assert.deepEqual([missing, ended.code, ended.out], [missing, 3, ''])
    assert.match(ended.err, text)
  }
})

test('a packed copy says that it cannot run and what can, and packing is refused with the same', async (t) => {
  const c = checkout(t)
  rmSync(join(c.home, 'package-lock.json'))
  const { code, err } = await start(c, ['--version'])
  assert.equal(code, 3)
  assert.match(
    err,
    /is no checkout but a packed copy, .* clone the repository, and "npm install --global \." in it brings the command/,
  )
  assert.ok(!existsSync(join(c.home, 'npm.calls')))
  const { private: isPrivate, scripts } = JSON.parse(readFileSync(resolve(launcher, '../package.json'), 'utf8')) as {
    private: boolean
    scripts: { prepack: string }
  }
  const packed = spawnSync('sh', ['-c', scripts.prepack], { encoding: 'utf8' })
  assert.deepEqual([isPrivate, packed.status], [true, 1])
  assert.match(packed.stderr, /clone the repository/)
})

test('a Node too old to install with is named with its version', async (t) => {
  const c = checkout(t)
  script(c.bin, 'node', '#!/bin/sh\n[ "$1" != -v ] || echo v18.19.0\n[ "$1" = -v ]\n')
  const ended = await start(c, [])
  assert.equal(ended.code, 3)
  assert.match(ended.err, /^slipway: Node\.js v18\.19\.0 is too old to install with; install Node\.js 20 or newer/)
})

test("npm's node is dropped where it does not run, and an old system node is then refused", async (t) => {
  const c = checkout(t)
  script(c.bin, 'foreign', '#!/bin/sh\nexit 1\n')
  const env = { REAL_NODE: join(c.bin, 'foreign') }
  assert.equal((await start(c, [], { env })).code, 0, 'the system node is new enough')
  script(c.bin, 'node', '#!/bin/sh\n[ "$1" != -v ] || { echo v22.1.0; exit 0; }\nexit 1\n')
  const ended = await start(c, [], { env })
  assert.equal(ended.code, 3)
  assert.match(ended.err, /^slipway: Node\.js v22\.1\.0 is too old and npm has none for this machine; install/)
})

test('the web UI is built when its sources changed, and only then', async (t) => {
  const c = checkout(t)
  await start(c, [])
  assert.deepEqual(lines(c, 'vite.calls'), [], 'no web/index.html, nothing to build')
  mkdirSync(join(c.home, 'web'))
  mkdirSync(join(c.home, 'src/contract'))
  writeFileSync(join(c.home, 'web/index.html'), '')
  const first = await start(c, ['serve'])
  assert.equal(first.err, 'slipway: building the web UI\n')
  assert.equal(readFileSync(join(c.home, 'dist/web/index.html'), 'utf8'), 'built')
  assert.equal((await start(c, ['serve'])).err, '')
  const later = Date.now() / 1000 + 5
  writeFileSync(join(c.home, 'src/contract/runs.ts'), '')
  utimesSync(join(c.home, 'src/contract/runs.ts'), later, later)
  assert.match((await start(c, ['serve'])).err, /building/)
  const failed = await start(c, ['serve'], { env: { VITE_FAILS: '1' } })
  assert.equal(failed.code, 3)
  assert.match(failed.err, /vite error\nslipway: the web UI could not be built, as shown above\n$/)
  assert.equal(readFileSync(join(c.home, 'dist/web/index.html'), 'utf8'), 'built', 'the old one stays')
})

test('`slipway test` runs the check with what follows', async (t) => {
  const c = checkout(t)
  const ended = await start(c, ['test', '--only', 'lint'])
  assert.deepEqual([ended.code, ended.out], [0, 'the check --only lint\n'])
})

/** When CI begins, s; each part takes an hour of its clock. */
const CI_BEGINS = 1_800_000_000

/** Runs .ci/run with a launcher that writes down how it was called and prints what the case says for each part. */
function runCi(
  t: TestContext,
  parts: { check: string; heavy: string },
): { code: number | null; out: string; calls: string[] } {
  const home = realpathSync(mkdtempSync(join(tmpdir(), 'slipway-ci-')))
  t.after(() => rmSync(home, { recursive: true, force: true }))
  mkdirSync(join(home, '.ci'))
  cpSync(ci, join(home, '.ci/run'))
  const cases = `case "$*" in test) ${parts.check} ;; *) ${parts.heavy} ;; esac`
  const calls = join(home, 'calls')
  writeFileSync(join(home, 'slipway'), `#!/bin/sh\necho "$*" >> calls\n${cases}\n`, { mode: 0o755 })
  const bin = join(home, 'bin')
  mkdirSync(bin)
  writeFileSync(calls, '')
  script(bin, 'date', `#!/bin/sh\necho $((${CI_BEGINS} + 3600 * $(wc -l < '${calls}')))\n`)
  const env = { ...process.env, PATH: `${bin}:${process.env['PATH'] ?? ''}` }
  const ended = spawnSync(join(home, '.ci/run'), { cwd: tmpdir(), encoding: 'utf8', timeout: 120_000, env })
  return { code: ended.status, out: ended.stdout, calls: readFileSync(calls, 'utf8').trim().split('\n') }
}

test('CI runs exactly the command of the README, then the heavy part until 35 minutes have passed, and adds up the last total of each', (t) => {
  const said = "echo '1 passed, 0 failed, 0 skipped'; echo; echo"
  const { code, out, calls } = runCi(t, {
    check: `${said} '30 passed, 0 failed, 2 skipped'`,
    heavy: `${said} '5 passed, 0 failed, 1 skipped'`,
  })
  // counted from when it began
  assert.deepEqual(calls, ['test', `test --heavy --until ${CI_BEGINS + 35 * 60}`])
  assert.equal(out.trimEnd().split('\n').at(-1), '35 passed, 0 failed, 3 skipped')
  assert.equal(code, 0)
})

test('CI fails when a part of it failed, also one that died without a total', (t) => {
  const good = "echo '5 passed, 0 failed, 0 skipped'"
  const wrong = runCi(t, { check: "echo '3 passed, 2 failed, 0 skipped'; exit 1", heavy: good })
  assert.deepEqual([wrong.code, wrong.out.trimEnd().split('\n').at(-1)], [1, '8 passed, 2 failed, 0 skipped'])
  assert.equal(wrong.calls.length, 2, 'the heavy part still runs')
  const died = runCi(t, { check: good, heavy: 'exit 3' })
  assert.deepEqual([died.code, died.out.trimEnd().split('\n').at(-1)], [1, '5 passed, 1 failed, 0 skipped'])
})
