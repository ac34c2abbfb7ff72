/** What is laid out once is found again, what failed is tried again after a pause, and what is gone from the disk is noticed. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { places } from './places.ts'
import type { VersionFiles } from './places.ts'

const folder = mkdtempSync(join(tmpdir(), 'slipway-places-'))
after(() => rmSync(folder, { recursive: true, force: true }))

const MLMODEL = `signature:
  inputs: '[{"type": "double", "name": "x", "required": true}]'
`
const OF = { model: 'm', version: '1' }

/** A folder of a Python model; `python` is there too, so that only what a test removes is gone. */
function pythonModel(name: string): VersionFiles {
  const dir = join(folder, name)
  mkdirSync(dir, { recursive: true })
  writeFileSync(join(dir, 'MLmodel'), MLMODEL)
  writeFileSync(join(folder, 'python'), '')
  return { dir, python: join(folder, 'python'), native: null, reason: 'a pipeline' }
}

test('a version is laid out once, however many ask at the same time', async () => {
  let asked = 0
  const found = places({
    async versionFiles(model, version) {
      asked += 1
      assert.deepEqual({ model, version }, OF)
      return pythonModel('once')
    },
    workers: 3,
    memoryMb: 512,
  })
  assert.equal(found.here(OF), undefined)
  const [one, two] = await Promise.all([found.layOut(OF), found.layOut(OF)])
  assert.equal(one, two)
  assert.equal(await found.layOut(OF), one)
  assert.equal(found.here(OF), one)
  assert.equal(asked, 1)
  assert.deepEqual(one.inputs, [{ name: 'x', kind: 'number', dtype: 'double', required: true }])
  assert.equal(one.reason, 'a pipeline')
  const { dir, python } = pythonModel('once')
  const about = { kind: 'python', dir, python, tensor: null, workers: 3, memory_mb: 512 }
  assert.deepEqual(one.backend, about)
  found.forget(OF)
  assert.equal(found.here(OF), undefined)
  await found.layOut(OF)
  assert.equal(asked, 2)
})

test('the reason of a failure is kept until the version is laid out', async () => {
  let reason: string | null = 'no such blob'
  const found = places({
    async versionFiles() {
      if (reason !== null) throw new Error(reason)
      return pythonModel('failed')
    },
  })
  assert.equal(found.failure(OF), null)
  await assert.rejects(found.layOut(OF), /no such blob/)
  assert.equal(found.failure(OF), 'no such blob')
  reason = null
  await found.layOut(OF)
  assert.equal(found.failure(OF), null)
})

test('bring waits for what is quick and not for what is slow, and tries what failed again after ten seconds', async (t) => {
  const slow = Promise.withResolvers<VersionFiles>()
  const asked: string[] = []
  const found = places({
    async versionFiles(_, version) {
      asked.push(version)
      if (version === 'bad') throw new Error('no')
      return version === 'slow' ? slow.promise : pythonModel(version)
    },
  })
  const wanted = ['quick', 'slow', 'bad'].map((version) => ({ model: 'm', version }))
  let now = performance.now()
  t.mock.method(performance, 'now', () => now)
  await found.bring(wanted, 3000)
  assert.ok(found.here({ model: 'm', version: 'quick' }) !== undefined)
  assert.equal(found.here({ model: 'm', version: 'slow' }), undefined)
  assert.deepEqual(asked, ['quick', 'slow', 'bad'])
  // the wait counts from the beginning of the work: one that is slow holds up nobody twice
  now += 3010
  await found.bring(wanted, 3000)
  assert.deepEqual(asked, ['quick', 'slow', 'bad'])
  now += 6950
  await found.bring(wanted, 3000)
  assert.equal(asked.length, 3)
  now += 100
  await found.bring(wanted, 3000)
  assert.deepEqual(asked.slice(3), ['bad'])
  slow.resolve(pythonModel('slow'))
  await found.layOut({ model: 'm', version: 'slow' })
  assert.ok(found.here({ model: 'm', version: 'slow' }) !== undefined)
})

test('what is no longer on the disk is forgotten, and only that', async () => {
  const files = { a: pythonModel('a'), b: pythonModel('b') }
  const found = places({ versionFiles: async (_, version) => files[version as 'a' | 'b'] })
  const [a, b] = ['a', 'b'].map((version) => ({ model: 'm', version })) as [typeof OF, typeof OF]
  await Promise.all([found.layOut(a), found.layOut(b)])
  assert.equal(await found.check(), false)
  rmSync(files.b.dir, { recursive: true })
  assert.equal(await found.check(), true)
  assert.ok(found.here(a) !== undefined)
  assert.equal(found.here(b), undefined)
  assert.equal(await found.check(), false)
  rmSync(join(folder, 'python'))
  assert.equal(await found.check(), true, 'an environment that was removed counts too')
  assert.equal(found.here(a), undefined)
})

test('a version is scored natively, by ONNX Runtime where there is one, else by Python, else it is refused', async () => {
  const python = pythonModel('kinds')
  const graph = { file: join(folder, 'graph.onnx') }
  const backendOf = async (files: Partial<VersionFiles>, runtime?: string) => {
    const port = runtime === undefined ? {} : { onnxRuntime: async () => runtime }
    const it = places({ versionFiles: async () => ({ ...python, ...files }), ...port })
    return it.layOut(OF)
  }
  const native = await backendOf({ native: { dir: '/native' }, onnx: graph }, '/runtime')
  assert.deepEqual([native.backend, native.reason], [{ kind: 'native', dir: '/native' }, null])
  const onnx = await backendOf({ onnx: graph }, '/runtime')
  assert.deepEqual([onnx.backend, onnx.reason], [{ kind: 'onnx', ...graph, runtime: '/runtime', sessions: 1 }, null])
  assert.equal((await backendOf({ onnx: graph })).backend.kind, 'python')
  assert.equal((await backendOf({ reason: null })).reason, 'it was not lowered')
  await assert.rejects(backendOf({ python: null }), { code: 'unprocessable' })
})

test('what Python serves until its native form is proved is laid out anew once that is known, and answers until then', async () => {
  const python = pythonModel('provisional')
  let proved = false
  const waits: (number | undefined)[] = []
  const found = places({
    async versionFiles(_model, _version, waitMs) {
      waits.push(waitMs)
      return proved ? { ...python, native: { dir: python.dir } } : { ...python, provisional: true }
    },
    isSettled: async () => proved,
  })
  const first = await found.layOut(OF, 5000)
  assert.deepEqual([first.backend.kind, first.provisional, waits], ['python', true, [5000]])
  assert.deepEqual(await found.settled(), [])
  proved = true
  assert.deepEqual(await found.settled(), [OF])
  const renewing = found.renew(OF)
  assert.equal(found.here(OF), first)
  const second = await renewing
  assert.deepEqual([second.backend.kind, second.provisional, waits], ['native', false, [5000, undefined]])
  assert.equal(found.here(OF), second)
  assert.deepEqual(await found.settled(), [])
})
