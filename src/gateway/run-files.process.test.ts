/** Files by which control and gateways find each other: whole or not there, paths that a socket takes, and processes told apart. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { gatewayFile, isAlive, processStart, readJsonFile, runFiles, socketPath, writeWhole } from './run-files.ts'

function folder(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'run-files-'))
  t.after(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

test('all lies in the data folder', () => {
  const { run, segments, routing, lowered } = runFiles('/data')
  assert.deepEqual(
    [run, segments, routing, lowered],
    ['/data/run', '/data/segments', '/data/run/routing.json', '/data/models'],
  )
  assert.equal(gatewayFile('/data', 2), '/data/run/gateway-2.json')
})

test('a file is replaced as a whole, is the owner’s alone, and leaves nothing beside it', (t) => {
  const dir = folder(t)
  const path = join(dir, 'a.json')
  writeWhole(path, '{"old":1}')
  writeWhole(path, '{"new":2}')
  assert.equal(readFileSync(path, 'utf8'), '{"new":2}')
  assert.equal(statSync(path).mode & 0o777, 0o600)
  assert.deepEqual(readdirSync(dir), ['a.json'])
})

test('who has the old file open reads its whole text although it is replaced meanwhile', (t) => {
  const path = join(folder(t), 'a.json')
  writeWhole(path, 'old '.repeat(1000))
  const opened = openSync(path, 'r')
  writeWhole(path, 'new')
  assert.equal(readFileSync(opened, 'utf8'), 'old '.repeat(1000))
  closeSync(opened)
})

test('a file that is not there or not whole is none', (t) => {
  const path = join(folder(t), 'a.json')
  assert.equal(readJsonFile(path), undefined)
  for (const text of ['', '{"a":', 'x']) {
    writeFileSync(path, text)
    assert.equal(readJsonFile(path), undefined, JSON.stringify(text))
  }
  writeFileSync(path, '{"a":[1]}')
  assert.deepEqual(readJsonFile(path), { a: [1] })
})

test('the socket lies in the data folder while its path fits, and elsewhere, alone for each folder and process, when not', async (t) => {
  const name = 'gateway-0-1234.sock'
  const most = 100 - '/run/'.length - name.length
  const fits = `/${'a'.repeat(most - 1)}`
  assert.equal(socketPath(fits, 0, 1234), `${fits}/run/${name}`)
  const long = [`${fits}a`, `${fits}b`, `/${'é'.repeat(most)}`].map((dir) => socketPath(dir, 0, 1234))
  t.after(() => long.forEach((path) => rmSync(dirname(path), { recursive: true, force: true })))
  assert.equal(new Set(long).size, 3)
  for (const path of long) {
    assert.ok(Buffer.byteLength(path) <= 100, path)
    assert.equal(statSync(dirname(path)).mode & 0o777, 0o700)
    const server = createServer().listen(path)
    await once(server, 'listening')
    server.close()
  }
  assert.equal(socketPath(`${fits}a`, 0, 1234), long[0], 'the same again')
})

test('a process is alive while it runs, and another one under its number is not taken for it', async () => {
  const child = spawn(process.execPath, ['-e', 'process.stdin.resume()'], { stdio: ['pipe', 'ignore', 'ignore'] })
  await once(child, 'spawn')
  const pid = child.pid as number
  const start = processStart(pid)
  assert.equal(isAlive(pid, start), true)
  assert.equal(isAlive(pid, null), true)
  if (start !== null) assert.equal(isAlive(pid, String(Number(start) - 1)), false)
  const gone = once(child, 'exit')
  child.stdin.end()
  await gone
  assert.equal(isAlive(pid, null), false)
  assert.equal(isAlive(pid, start), false)
  assert.equal(processStart(pid), null)
})

test('a process whose name has spaces and parentheses has a start like any other', async (t) => {
  if (processStart(process.pid) === null) return t.skip('this system has no /proc; run it on Linux')
  const rename = "process.title = 'a) b (c'; process.stdout.write('x'); process.stdin.resume()"
  const child = spawn(process.execPath, ['-e', rename], { stdio: ['pipe', 'pipe', 'ignore'] })
  await once(child.stdout, 'data')
  const start = Number(processStart(child.pid as number))
  assert.ok(start >= Number(processStart(process.pid)), `${start} is not before this process`)
  child.stdin.end()
  await once(child, 'exit')
})
