/** A data folder is its owner's alone, however loose the rights were with which the server was started, and what lay open is closed and told. */
import assert from 'node:assert/strict'
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { slipway as command } from '../../src/cli/program.fixture.ts'
import { ServerProcess } from '../../src/cli/demo/stage/server-process.ts'
import { closeFolder, openPlaces, toldClosing } from '../../src/store/owner-only.ts'
import { namesBelow } from '../fixtures/folder.ts'
import { startTestServer } from '../server.ts'

const root = mkdtempSync(join(tmpdir(), 'slipway-owner-'))
after(() => rmSync(root, { recursive: true, force: true }))

// what this process starts makes everything readable and writable for all, unless it takes care
process.umask(0)

/** Everything below a folder, and it, that others reach: `path mode`. */
function reachable(folder: string): string[] {
  const all = [folder, ...namesBelow(folder).map((path) => join(folder, path))]
  return all.flatMap((path) => {
    // a server at work writes files under other names first
    const mode = statSync(path, { throwIfNoEntry: false })?.mode ?? 0
    return (mode & 0o077) === 0 ? [] : [`${path} ${(mode & 0o777).toString(8)}`]
  })
}

const slipway = (...args: string[]) => command({ SLIPWAY_LOG_LEVEL: 'error' }, ...args)

test('what a server and its gateway make, and what a restore makes, is closed to others', async (t) => {
  const data = join(root, 'deep', 'data')
  const server = await startTestServer({ data, gateways: 1 })
  t.after(() => server.stop())
  const headers = { authorization: `Bearer ${server.token}`, 'content-type': 'application/json' }
  const hook = { name: 'w', url: 'https://example.com/', events: [{ entity: 'REGISTERED_MODEL', action: 'CREATED' }] }
  for (const [method, path, body] of [
    ['PUT', '/api/2.0/mlflow-artifacts/artifacts/0/a/artifacts/f.txt', 'bytes'],
    ['POST', '/api/2.0/mlflow/webhooks', JSON.stringify({ ...hook, secret: 'known to the receiver' })],
  ] as const) {
    const reply = await fetch(server.url + path, { method, headers, body })
    assert.equal(reply.status, 200, await reply.text())
  }
  const made = readdirSync(data)
  for (const name of ['token', 'webhook.key', 'slipway.db', 'server.json', 'run', 'blobs', 'segments'])
    assert.ok(made.includes(name), `${name} is among ${made.join()}`)
  assert.deepEqual(reachable(data), [])
  assert.equal(server.errors(), '', 'there is nothing to tell of a folder that it made')

  const file = join(root, 'all.tar')
  assert.equal((await slipway('backup', file, '--data', data)).code, 0)
  assert.equal(statSync(file).mode & 0o777, 0o600)
  assert.deepEqual(reachable(data), [], 'while and after a backup')
  const target = join(root, 'restored', 'here')
  assert.equal((await slipway('restore', file, '--data', target)).code, 0)
  assert.deepEqual(reachable(target), [])
})

test('a folder from before is closed at the start, each place is told once, and the doctor tells it until then', async (t) => {
  const data = join(root, 'before')
  const first = await startTestServer({ data })
  await first.stop()
  const open = { [data]: 0o755, [join(data, 'token')]: 0o644, [join(data, 'slipway.db')]: 0o666 }
  for (const [path, mode] of Object.entries(open)) chmodSync(path, mode)
  const told = await slipway('doctor', '--data', data)
  assert.equal(told.code, 1)
  for (const [path, mode] of Object.entries(open)) {
    const remedy = `${path} is 0${mode.toString(8)}: chmod ${path === data ? '0700' : '0600'} it`
    assert.ok(told.text.includes(remedy), told.text)
  }
  const second = await startTestServer({ data })
  t.after(() => second.stop())
  for (const [path, mode] of Object.entries(open)) {
    assert.ok(second.errors().includes(`${path} was open to other users of this machine (0${mode.toString(8)})`))
    assert.equal(statSync(path).mode & 0o077, 0)
  }
  assert.match((await slipway('doctor', '--data', data)).text, /ok {3}Folder: .*before is its owner's alone/)
  await second.stop()
  const third = await startTestServer({ data })
  assert.equal(third.errors(), '')
  await third.stop()
})

test('a folder for everybody, and one of another user, stay as they are: that is told, and the doctor fails', async (t) => {
  const shared = join(root, 'shared')
  mkdirSync(shared)
  chmodSync(shared, 0o1777)
  const server = await startTestServer({ data: shared })
  t.after(() => server.stop())
  assert.match(server.errors(), /shared was open .*\(01777\) and stays so: it is a folder for everybody; chmod 0700 it/)
  assert.equal(statSync(shared).mode & 0o7777, 0o1777)
  assert.deepEqual(
    openPlaces(shared).map(({ path }) => path),
    [shared],
    'its files are closed all the same',
  )
  assert.equal((await slipway('doctor', '--data', shared)).code, 1)
})

test(
  'a folder of another user',
  { skip: process.getuid?.() === 0 ? false : 'only root can give a folder away' },
  () => {
    const given = join(root, 'given')
    mkdirSync(given)
    writeFileSync(join(given, 'token'), 'x', { mode: 0o600 })
    chmodSync(given, 0o755)
    chownSync(given, 65_534, 65_534)
    const [place, ...more] = closeFolder(given)
    assert.deepEqual(more, [])
    assert.ok(place)
    assert.match(
      toldClosing(place),
      /given was open .* stays so: it belongs to the user 65534, and the server runs as 0/,
    )
    assert.equal(statSync(given).mode & 0o777, 0o755)
  },
)

test('the demo’s server writes its log for its owner alone', async (t) => {
  const data = join(root, 'demo')
  mkdirSync(data, { mode: 0o700 })
  const server = new ServerProcess(data)
  t.after(() => server.stop())
  await server.start()
  assert.ok(readdirSync(data).includes('server.log'))
  assert.deepEqual(reachable(data), [])
})
