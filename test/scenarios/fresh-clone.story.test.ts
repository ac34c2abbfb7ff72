/** The second command of the README on a fresh clone: an empty HOME, and no Go, Chromium or promtool on the PATH. */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { findProgram, findPython, LAUNCHER_PROGRAMS } from '../tools.ts'

const checkout = resolve(import.meta.dirname, '../..')

/** What the launcher and these tests use of a system; neither Go nor apt-get, Chromium or promtool. */
const SYSTEM = [...LAUNCHER_PROGRAMS, 'env']

/** Test files, by name, and why they are skipped; the first as a whole. The last needs nothing. */
const CHOSEN = [
  ['s3/blobs.process.test.ts', /: there is no S3 server/],
  ['prometheus.process.test.ts', /: no promtool/],
  ['web/acts.process.test.ts', /: no Chromium/],
  ['price.test.ts', undefined],
] as const

/** Stands for `npm ci`: the same packages, by links to those of this checkout, so that no network is needed. */
const NPM = `#!/bin/sh
mkdir -p node_modules
for entry in "$MODULES"/* "$MODULES/.bin"; do ln -s "$entry" node_modules/; done
`

interface Clone {
  readonly home: string
  readonly env: Record<string, string>
}

/** The files of this checkout that git has or would add, as they are now, and nothing that was installed or built. */
function clone(t: TestContext, files: readonly string[]): Clone {
  const base = realpathSync(mkdtempSync(join(tmpdir(), 'slipway-clone-')))
  t.after(() => rmSync(base, { recursive: true, force: true }))
  const [home, bin, user] = ['checkout', 'bin', 'home'].map((name) => join(base, name)) as [string, string, string]
  for (const folder of [home, bin, user]) mkdirSync(folder)
  for (const file of files.filter((each) => existsSync(join(checkout, each)))) {
    mkdirSync(dirname(join(home, file)), { recursive: true })
    copyFileSync(join(checkout, file), join(home, file))
  }
  for (const name of SYSTEM) symlinkSync(findProgram(name) ?? assert.fail(`${name} is missing`), join(bin, name))
  symlinkSync(process.execPath, join(bin, 'node'))
  symlinkSync(findPython() ?? assert.fail('Python is missing'), join(bin, 'python3'))
  writeFileSync(join(bin, 'npm'), NPM, { mode: 0o755 })
  return { home, env: { PATH: bin, HOME: user, MODULES: join(checkout, 'node_modules') } }
}

function gitFiles(): string[] {
  const args = ['ls-files', '-z', '--cached', '--others', '--exclude-standard']
  const { stdout, status } = spawnSync('git', args, { cwd: checkout, encoding: 'utf8' })
  return status === 0 ? stdout.split('\0').filter((file) => file !== '') : []
}

const files = gitFiles()
const skip = files.length === 0 && 'this is no checkout of git; clone the repository to run it'

test('`./slipway test` passes on a fresh clone, and names what is skipped and why', { skip }, async (t) => {
  const { home, env } = clone(t, files)
  const child = spawn(join(home, 'slipway'), ['test', ...CHOSEN.map(([file]) => file)], {
    cwd: dirname(home),
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  t.after(() => child.kill('SIGTERM'))
  let out = ''
  let err = ''
  child.stdout.on('data', (chunk) => (out += String(chunk)))
  child.stderr.on('data', (chunk) => (err += String(chunk)))
  const code = await new Promise((done) => child.on('close', done))
  assert.equal(code, 0, out + err)
  assert.match(err, /bringing dependencies \(npm ci\)/)
  assert.match(err, /building the web UI/)
  assert.match(out, /^ {2}no S3 server: there is no Go/m)
  assert.match(out, /^ {2}no browser: no Chromium/m)
  assert.match(out, /^ {2}no promtool: install it/m)
  const [, passed, skipped] = /\n(\d+) passed, 0 failed, (\d+) skipped\n$/.exec(out) ?? assert.fail(out)
  assert.ok(Number(passed) > 1, out)
  const skips = out.slice(out.indexOf('\nskipped:\n')).match(/^ {2}\S+\.test\.ts: .*$/gm) ?? []
  assert.equal(skips.length, Number(skipped), out)
  for (const [file, reason] of CHOSEN) {
    const own = skips.filter((line) => line.includes(`/${file}: `))
    assert.equal(own.length > 0, reason !== undefined, `${file}:\n${out}`)
    for (const line of own) assert.match(line, reason ?? /./)
  }
})
