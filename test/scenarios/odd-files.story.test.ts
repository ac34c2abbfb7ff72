/** Files that users name and that are none: commands say so at once, and wait for no writer. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { slipway } from '../../src/cli/program.fixture.ts'
import { until } from '../until.ts'

const root = mkdtempSync(join(tmpdir(), 'slipway-odd-files-'))
after(() => rmSync(root, { recursive: true, force: true }))
const FILE = 'project: odd\npython: {packages: []}\npipeline:\n  steps:\n    a: {run: [python, x.py]}\n'
let made = 0

function folder(prepare: (path: string) => void): string {
  const path = join(root, `p${made++}`)
  mkdirSync(path)
  prepare(path)
  return path
}
const pipe = (path: string): void => void execFileSync('mkfifo', [path])

/** A command that may not hang. */
async function said(...words: string[]): Promise<{ code: number | null; text: string }> {
  let ended: { code: number | null; text: string } | undefined
  void slipway({ SLIPWAY_URL: 'http://127.0.0.1:9', SLIPWAY_TOKEN: 'slw_x' }, ...words).then((one) => (ended = one))
  return until(`the end of ${words.join(' ')}`, () => ended)
}

test('a pipe and a device in place of the project file, of the ignore file, of a notebook and of a signing key', async () => {
  const piped = folder((path) => pipe(join(path, 'slipway.yaml')))
  const ignored = folder((path) => {
    writeFileSync(join(path, 'slipway.yaml'), FILE)
    pipe(join(path, '.slipwayignore'))
  })
  const endless = folder((path) => symlinkSync('/dev/zero', join(path, 'slipway.yaml')))
  for (const [words, says] of [
    [['validate', piped], /slipway\.yaml is a pipe; expected a file/],
    [['run', piped], /slipway\.yaml is a pipe; expected a file/],
    [['ship', piped], /slipway\.yaml is a pipe; expected a file/],
    [['validate', ignored], /\.slipwayignore is a pipe; expected a file/],
    [['validate', endless], /slipway\.yaml is a device; expected a file/],
    [['validate', '/dev/zero'], /\/dev\/zero is a device; expected a file/],
    [['package', '/dev/zero'], /expected|notebook/],
    [['models', 'policy', 'm', '--set', '/dev/zero'], /\/dev\/zero is a device; expected a file/],
  ] as const) {
    const { code, text } = await said(...words)
    assert.equal(code, 2, `${words.join(' ')}: ${text}`)
    assert.match(text, says)
  }
})

test('a file that is larger than anybody writes one', async () => {
  const path = folder((at) => {
    writeFileSync(join(at, 'slipway.yaml'), '')
    execFileSync('truncate', ['-s', '17M', join(at, 'slipway.yaml')])
  })
  const { code, text } = await said('validate', path)
  assert.equal(code, 2, text)
  assert.match(text, /slipway\.yaml has more than 16777216 bytes; expected fewer/)
})

test('a link in a project is told with where it leads, as a mistake of its user', async () => {
  const path = folder((at) => {
    writeFileSync(join(at, 'slipway.yaml'), FILE)
    symlinkSync('../elsewhere.csv', join(at, 'rows.csv'))
  })
  for (const act of ['validate', 'run']) {
    const { code, text } = await said(act, path)
    assert.equal(code, 2, text)
    assert.match(text, /rows\.csv is a link to \.\.\/elsewhere\.csv, and what a link leads to is no part of the upload/)
  }
  writeFileSync(join(path, '.slipwayignore'), 'rows.csv\n')
  writeFileSync(join(path, 'x.py'), '')
  copyFileSync(join(path, 'x.py'), join(path, 'y.py'))
  assert.equal((await said('validate', path)).code, 0)
})

test('a data folder whose server.json or token is a pipe', async () => {
  const path = folder((at) => pipe(join(at, 'server.json')))
  const { code, text } = await slipway({ SLIPWAY_URL: '', SLIPWAY_TOKEN: '', SLIPWAY_DATA: path }, 'runs')
  assert.equal(code, 3, text)
  assert.match(text, /server\.json is a pipe; expected a file/)
})
