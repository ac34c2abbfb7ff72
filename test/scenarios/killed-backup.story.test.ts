/** What a backup or a restore that was killed leaves is cleared by the next command or start, and what somebody is at is left alone. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, test } from 'node:test'
import { makeScratch } from '../../src/store/backup/scratch.ts'
import { startTestServer } from '../server.ts'

const MAIN = resolve(import.meta.dirname, '../../src/cli/main.ts')
const root = mkdtempSync(join(tmpdir(), 'slipway-killed-'))
after(() => rmSync(root, { recursive: true, force: true }))

/** Runs a command, which kills itself where `fault` is. */
function slipway(fault: string | undefined, ...args: string[]) {
  const killed = fault === undefined ? {} : { SLIPWAY_TEST_HOOKS: '1', SLIPWAY_FAULT: fault }
  const options = { env: { ...process.env, ...killed }, encoding: 'utf8' } as const
  const { status, signal, stderr } = spawnSync(process.execPath, [MAIN, ...args], options)
  return { status, signal, stderr }
}

const scratch = (): string[] =>
  ['', 'data']
    .flatMap((folder) => readdirSync(join(root, folder)))
    .filter((name) => /^backup-|\.making-|\.restoring-/.test(name))
    .map((name) => name.replace(/-[0-9a-f-]{36}$/, '-'))
    .sort()

test('the next command clears what a killed one has left, and the next start too', async (t) => {
  const [data, file, target] = [join(root, 'data'), join(root, 'a.tar'), join(root, 'back')]
  const server = await startTestServer({ data })
  t.after(() => server.stop())
  const backup = (fault?: string) => slipway(fault, 'backup', file, '--data', data)
  const restore = (fault?: string) => slipway(fault, 'restore', file, '--data', target)

  for (let i = 0; i < 2; i++) {
    assert.equal(backup('backup.written').signal, 'SIGKILL')
    assert.deepEqual(scratch(), ['a.tar.making-', 'backup-'], 'of the last one only')
  }
  const used = await makeScratch(join(data, 'backup-'))
  const done = backup()
  assert.equal(done.status, 0, done.stderr)
  assert.deepEqual(scratch(), ['backup-'], 'what is in use stays')
  await used.end()
  assert.deepEqual(scratch(), [])

  for (let i = 0; i < 2; i++) {
    assert.equal(restore('restore.verified').signal, 'SIGKILL')
    assert.deepEqual(scratch(), ['back.restoring-'])
  }
  const other = await makeScratch(`${target}.restoring-`)
  assert.equal(restore().status, 0)
  assert.deepEqual(scratch(), ['back.restoring-'])
  await other.end()

  rmSync(target, { recursive: true })
  assert.equal(restore('restore.verified').signal, 'SIGKILL')
  rmSync(file)
  assert.equal(backup('backup.written').signal, 'SIGKILL')
  await server.stop()
  const again = await startTestServer({ data })
  t.after(() => again.stop())
  assert.match(again.errors(), /data\/backup-\S+ was left by a killed command; it is removed/)
  assert.ok(!scratch().includes('backup-'))
  const restored = await startTestServer({ data: target })
  t.after(() => restored.stop())
  assert.match(restored.errors(), /back\.restoring-\S+ was left by a killed command/)
  assert.deepEqual(scratch(), ['a.tar.making-'])
})
