/** What test files share is started once where one of them names it, told to all, and left to each where it cannot be had. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { createProgress } from './progress.ts'
import { startShared } from './services.ts'
import type { SharedPart } from './services.ts'

test('what a test file names is started once and ended; what fails is told; what nobody names is not started', async (t) => {
  const root = mkdtempSync(join(tmpdir(), 'slipway-shared-'))
  t.after(() => rmSync(root, { recursive: true, force: true }))
  writeFileSync(join(root, 'a.test.ts'), "import { cases } from './a.cases.ts'\n")
  writeFileSync(join(root, 'a.cases.ts'), 'startSea() + startLake()\n')
  writeFileSync(join(root, 'b.test.ts'), 'startSea()\n')
  const done: string[] = []
  const part = (name: string): SharedPart => ({
    name,
    mark: new RegExp(`start${name}`),
    start: () => {
      done.push(`start ${name}`)
      return Promise.resolve({ env: { [name]: 'here' }, stop: () => done.push(`stop ${name}`) })
    },
  })
  const lake = { ...part('Lake'), start: () => Promise.reject(new Error('a log\nit is dry')) }
  let written = ''
  const progress = createProgress({ write: (text) => (written += text) })
  const shared = await startShared(root, ['a.test.ts', 'b.test.ts'], progress, [part('Sea'), lake, part('Desert')])
  assert.deepEqual(shared.env, { Sea: 'here' })
  assert.deepEqual(done, ['start Sea'])
  assert.equal(written, '  no Lake for all files (it is dry); each has its own\n')
  shared.stop()
  assert.deepEqual(done, ['start Sea', 'stop Sea'])
})
