/** What tests use is brought before they run, only where it is used and missing, and never on somebody's own machine. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { mayInstall, prepare } from './prepare.ts'
import type { Need } from './prepare.ts'
import { createProgress } from './progress.ts'

/** Prepares a folder whose test file uses an S3 server and its cases a browser; resolves with the lines printed, without times. */
async function prepared(t: TestContext, ...needs: Need[]): Promise<string[]> {
  const root = mkdtempSync(join(tmpdir(), 'slipway-prepare-'))
  t.after(() => rmSync(root, { recursive: true, force: true }))
  writeFileSync(
    join(root, 'a.test.ts'),
    "import { startS3 } from '../test/s3.ts'\nimport { cases } from './a.cases.ts'\n",
  )
  writeFileSync(join(root, 'a.cases.ts'), 'findChromium()\n')
  let written = ''
  await prepare(root, ['a.test.ts'], createProgress({ write: (text) => (written += text) }), needs)
  return written
    .replaceAll(/, \d+\.\d s$/gm, '')
    .split('\n')
    .slice(0, -1)
}

const server = { name: 'S3 server', mark: '/s3.ts', present: () => false }

test('what a test file uses and the machine lacks is brought, with a line before and after', async (t) => {
  let brought = 0
  const bring = (): Promise<boolean> => Promise.resolve((brought += 1) > 0)
  assert.deepEqual(await prepared(t, { ...server, bring }), ['  bringing: S3 server', '  S3 server: brought'])
  assert.equal(brought, 1)
})

test('what the cases of a test file use is brought too', async (t) => {
  const browser = { ...server, name: 'browser', mark: 'findChromium', bring: 'not here' }
  assert.deepEqual(await prepared(t, browser), ['  no browser: not here; its tests are skipped'])
})

test('nothing is brought or said for what is there and for what no test file uses', async (t) => {
  const bring = (): never => assert.fail('it was brought')
  assert.deepEqual(
    await prepared(t, { ...server, present: () => true, bring }, { ...server, mark: 'promtool', bring }),
    [],
  )
})

test('what cannot be had is named with the reason, and the tests go on', async (t) => {
  const failing = (): Promise<boolean> => Promise.reject(new Error('go build:\nno network\n'))
  const lines = await prepared(
    t,
    { ...server, bring: 'there is no Go' },
    { ...server, bring: failing },
    { ...server, bring: () => Promise.resolve(false) },
  )
  assert.deepEqual(lines, [
    '  no S3 server: there is no Go; its tests are skipped',
    '  bringing: S3 server',
    '  S3 server: not brought (no network); its tests are skipped',
    '  bringing: S3 server',
    '  S3 server: not brought (see above); its tests are skipped',
  ])
})

test('things are brought at once, but for those that the same program brings', async (t) => {
  const need = (name: string, by: NonNullable<Need['by']>, until?: Promise<void>): Need => {
    return { ...server, name, by, bring: async () => (await until, true) }
  }
  const { promise: browserIsThere, resolve } = Promise.withResolvers<void>()
  const browser: Need = { ...need('browser', 'apt'), bring: async () => (setImmediate(resolve), true) }
  const lines = await prepared(t, need('crane', 'go', browserIsThere), need('act', 'go'), browser)
  assert.deepEqual(lines, [
    '  bringing: crane',
    '  bringing: browser',
    '  browser: brought',
    '  crane: brought',
    '  bringing: act',
    '  act: brought',
  ])
})

test('what takes minutes is brought while tests run, which know which of them use it', async (t) => {
  const root = mkdtempSync(join(tmpdir(), 'slipway-prepare-'))
  t.after(() => rmSync(root, { recursive: true, force: true }))
  for (const name of ['crane', 'plane']) writeFileSync(join(root, `${name}.test.ts`), `startWith('${name}')\n`)
  const { promise, resolve } = Promise.withResolvers<boolean>()
  let brought = ''
  const crane: Need = { ...server, mark: "'crane'", bring: () => Promise.resolve((brought += 'crane ') !== '') }
  const plane: Need = {
    ...server,
    mark: "'plane'",
    late: true,
    bring: () => promise.then((done) => ((brought += 'plane'), done)),
  }
  const quiet = createProgress({ write: () => undefined })
  const late = await prepare(root, ['crane.test.ts', 'plane.test.ts'], quiet, [plane, crane])
  assert.equal(brought, 'crane ')
  assert.deepEqual([late.uses('crane.test.ts'), late.uses('plane.test.ts')], [false, true])
  resolve(true)
  await late.over
  assert.equal(brought, 'crane plane')
})

test('system packages are installed for root in a container or in CI, and nowhere else', () => {
  const laptop = { uid: 0, apt: '/usr/bin/apt-get', ci: undefined, first: 'systemd' }
  assert.equal(mayInstall(laptop), false)
  assert.equal(mayInstall({ ...laptop, ci: 'true' }), true)
  assert.equal(mayInstall({ ...laptop, ci: 'false' }), false)
  assert.equal(mayInstall({ ...laptop, ci: '' }), false)
  assert.equal(mayInstall({ ...laptop, first: 'bash' }), true)
  assert.equal(mayInstall({ ...laptop, first: 'init' }), false)
  assert.equal(mayInstall({ ...laptop, first: '' }), false, 'a system that does not tell')
  assert.equal(mayInstall({ ...laptop, first: 'bash', uid: 1000 }), false)
  assert.equal(mayInstall({ ...laptop, first: 'bash', apt: undefined }), false)
})
