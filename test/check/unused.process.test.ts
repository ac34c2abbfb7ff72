/** The list of what nothing uses is compared with knip's findings both ways, and knip finds what only tests use. */
import assert from 'node:assert/strict'
import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { test } from 'node:test'
import { compare, excused, findings, unusedStage } from './unused.ts'

const checkout = resolve(import.meta.dirname, '../..')

test('findings are lines of kind, file and name, without the folder', () => {
  const report = JSON.stringify({
    issues: [
      { file: 'src/cost/ledger.ts', exports: [{ name: 'recompute' }, { name: 'open' }], types: [{ name: 'Entry' }] },
      { file: 'src/jobs/left.ts', files: [{ name: 'src/jobs/left.ts' }] },
      { file: 'test/server.ts', exports: [{ name: 'only' }] },
    ],
  })
  assert.deepEqual(
    findings(report, (file) => file.startsWith('src/')),
    ['exports ledger.ts recompute', 'exports ledger.ts open', 'types ledger.ts Entry', 'files left.ts left.ts'],
  )
})

test('a finding that is not listed and a line that is not found are both told', () => {
  assert.deepEqual(compare(['exports a.ts one', 'exports a.ts one'], ['exports a.ts one']), [])
  assert.match(compare(['exports a.ts one'], [])[0] ?? '', /^exports a\.ts one: nothing uses it/)
  assert.match(
    compare(['unlisted a.ts left-pad'], [])[0] ?? '',
    /left-pad: it is imported and package\.json does not name it/,
  )
  assert.match(compare([], ['exports a.ts two'])[0] ?? '', /^exports a\.ts two: is used, or gone; take it out/)
})

test('the list needs a reason', () => {
  assert.deepEqual(excused('# soon used\n\nexports a.ts one\nexports a.ts two\n'), [
    'exports a.ts one',
    'exports a.ts two',
  ])
  assert.throws(() => excused('\nexports a.ts one\n# late\n'), /exports a\.ts one: a comment above it must say why/)
})

test('an export that only a test imports is found with the settings of this checkout', async (t) => {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'slipway-unused-')))
  t.after(() => rmSync(root, { recursive: true, force: true }))
  for (const folder of ['src/cli', 'test/check']) mkdirSync(join(root, folder), { recursive: true })
  cpSync(join(checkout, 'knip.json'), join(root, 'knip.json'))
  symlinkSync(join(checkout, 'node_modules'), join(root, 'node_modules'))
  const files = {
    'package.json': '{"name": "x", "type": "module"}',
    'src/cli/main.ts': "import { used } from '../part.ts'\nused()\n",
    'src/part.ts': 'export function used() {}\nexport function tested() {}\nexport const inside = 1\nused(inside)\n',
    'src/part.test.ts': "import { tested } from './part.ts'\ntested()\n",
    'src/left.ts': 'export const left = 1\n',
    'test/check/unused.txt': '',
  }
  for (const [path, text] of Object.entries(files)) writeFileSync(join(root, path), text)
  const { ok, report } = await unusedStage(root)
  assert.equal(ok, false)
  assert.match(report ?? '', /exports part\.ts tested: nothing uses it, or only tests/)
  assert.match(report ?? '', /files left\.ts left\.ts: nothing uses it/)
  assert.doesNotMatch(report ?? '', /used:|inside|part\.test/)
  writeFileSync(join(root, 'test/check/unused.txt'), '# soon\nexports part.ts tested\nfiles left.ts left.ts\n')
  assert.deepEqual(await unusedStage(root), { ok: true, report: '' })
})
