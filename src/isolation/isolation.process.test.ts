/** What a machine can hold is tried, and told in words; what is required and not to be had is refused. */
import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { openIsolation } from './isolation.ts'
import { isolationRoom } from './room.ts'

const folder = mkdtempSync(join(tmpdir(), 'slipway-isolated-'))
after(() => rmSync(folder, { recursive: true, force: true }))
let count = 0

/** What is found where Python answers to the probe as given; without an answer it fails. */
async function where(answer: object | undefined, isolation: 'auto' | 'required' | 'off') {
  const home = join(folder, String((count += 1)))
  mkdirSync(home)
  const python = join(home, 'python')
  const text = answer === undefined ? 'echo broken >&2; exit 1' : `echo '${JSON.stringify(answer)}'`
  writeFileSync(python, `#!/bin/sh\n${text}\n`)
  chmodSync(python, 0o755)
  const before = process.env['SLIPWAY_PYTHON']
  process.env['SLIPWAY_PYTHON'] = python
  const warned: string[] = []
  try {
    const held = await isolationRoom({
      dataDir: join(home, 'data'),
      isolation,
      secretFiles: [join(home, 'key.pem')],
      writable: ['/out'],
      warn: (text) => warned.push(text),
    })
    return { ...held, warned, home }
  } finally {
    if (before === undefined) delete process.env['SLIPWAY_PYTHON']
    else process.env['SLIPWAY_PYTHON'] = before
  }
}

const PROMISES = ['files', 'writes', 'processes', 'signals', 'modes', 'sockets', 'nameless', 'set_id', 'kernel']
const ALL = Object.fromEntries(PROMISES.map((name) => [name, true]))
const NONE = Object.fromEntries(PROMISES.map((name) => [name, false]))
const FULL = {
  python: '/usr/bin/python3',
  version: [3, 12, 1],
  layers: ['mount', 'landlock'],
  held: ALL,
  reasons: {},
  landlock: 7,
}

test('all that holds makes a plan that hides the data folder and keys, and nothing to warn of', async () => {
  const { plan, state, warned, home } = await where(FULL, 'required')
  assert.deepEqual(plan, {
    python: '/usr/bin/python3',
    layers: ['mount', 'landlock'],
    hide: [join(home, 'data'), join(home, 'key.pem')],
    write: ['/out'],
  })
  const { held, ...rest } = state
  assert.deepEqual(rest, { mode: 'required', layers: ['mount', 'landlock'], open: [], detail: '' })
  assert.equal(held.length, PROMISES.length)
  assert.match(held.join('; '), /^read or change the data folder.*; change rights and times of files.*; use io_uring/)
  assert.deepEqual(warned, [])
  assert.equal(statSync(join(home, 'data')).mode & 0o777, 0o700)
})

test('what is open is said, with the reason; signals alone are no reason to refuse, processes are', async () => {
  const old = { ...FULL, layers: ['landlock'], held: { ...FULL.held, signals: false }, reasons: { mount: 'no rights' } }
  const { plan, state, warned } = await where(old, 'required')
  assert.deepEqual(plan?.layers, ['landlock'])
  assert.deepEqual([state.open, state.detail], [['they can end the server and each other'], 'no rights'])
  assert.equal(state.held.length, PROMISES.length - 1)
  assert.ok(!state.held.includes('end the server and each other'))
  assert.deepEqual(warned, [
    'steps, models and builds are not kept apart: they can end the server and each other (no rights)',
  ])
  const weak = { ...old, held: { ...old.held, processes: false } }
  assert.equal((await where(weak, 'auto')).state.open.length, 2)
  await assert.rejects(
    where(weak, 'required'),
    /--isolation required: .*read the environment and the memory of the server/,
  )
})

test('where nothing holds there is no plan, and all that is open is named', async () => {
  const mac = { ...FULL, layers: [], held: NONE }
  const bare = { ...mac, reasons: { system: 'darwin has neither' } }
  for (const answer of [bare, undefined, { ...FULL, version: [3, 9, 1] }]) {
    const { plan, state, warned } = await where(answer, 'auto')
    assert.equal(plan, null)
    assert.deepEqual([state.open.length, state.held], [PROMISES.length, []])
    assert.notEqual(state.detail, '')
    assert.equal(warned.length, 1)
    await assert.rejects(where(answer, 'required'), /cannot keep steps, models and builds from what is the server's/)
  }
})

test('where Landlock is alone, rights and sockets are open, and it is said', async () => {
  const old = {
    ...FULL,
    layers: ['landlock'],
    held: { ...ALL, modes: false, sockets: false },
    reasons: { mount: 'no' },
  }
  const { state, warned } = await where(old, 'auto')
  assert.deepEqual(state.open, [
    'they can change rights and times of files in the data folder',
    'they can connect to sockets of the server in the data folder',
  ])
  assert.match(
    warned.join('\n'),
    /change rights and times .*connect to sockets of the server in the data folder \(no\)/,
  )
})

test('turned off, nothing is tried', async () => {
  const { plan, state } = await where(FULL, 'off')
  assert.equal(plan, null)
  assert.deepEqual([state.mode, state.open.length, state.detail], ['off', PROMISES.length, 'it is turned off'])
})

test('a trial leaves nothing in the data folder', async () => {
  const dataDir = join(folder, 'tried')
  const { state } = await openIsolation({ dataDir })
  assert.equal(state.mode, 'auto')
  assert.deepEqual(readdirSync(dataDir), [])
})
