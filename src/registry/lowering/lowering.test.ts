/** Lowering as a job: what a signal ended is tried again, what the model itself cannot do is kept with its reason. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { chmod, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { never, until } from '../../../test/until.ts'
import { auditLog } from '../../auth/audit.ts'
import { makeIds } from '../../contract/ids.ts'
import { Worker } from '../../jobs/worker.ts'
import { openTemporaryStore } from '../../store/open.ts'
import { root, wanted } from '../bench.cases.ts'
import { handleLowering, isSettled, versionFiles } from './lowering.ts'
import { interpreterOf } from './python.fixture.ts'
import type { LoweringDeps } from './lowering.ts'
import { getVersion } from '../versions/read.ts'
import { registerVersion } from '../versions/register.ts'
import { requireVersion } from '../context/context.ts'
import { refuseLowering } from '../context/lowering-job.ts'
import type { Registry, VersionRow } from '../context/context.ts'

describe('lowering', () => {
  let store: Awaited<ReturnType<typeof openTemporaryStore>>
  let room: Registry
  let python = ''
  const bench = { room: undefined as unknown as Registry, tracking: undefined as never, wait: () => undefined }

  before(async () => {
    store = await openTemporaryStore()
    const modelsDir = join(store.dataDir, 'models')
    const ids = makeIds(Date.now, randomBytes)
    room = { ...store, clock: Date.now, ids, audit: auditLog(Date.now), modelsDir }
    bench.room = room
    python = join(store.dataDir, 'python')
  })
  after(() => store.close())

  /** An interpreter's stand-in: a shell script that gets `-m slipway.lower DIR OUT`. */
  async function interpreter(script: string): Promise<void> {
    await writeFile(python, interpreterOf(script))
    await chmod(python, 0o755)
  }

  async function lowered(
    model: string,
    script: string,
    more: Partial<LoweringDeps> & { readonly attempts?: number } = {},
  ): Promise<VersionRow> {
    const { attempts = 0, pauses = [1, 2], ...given } = more
    await interpreter(script)
    const { version } = await registerVersion(room, root, await wanted(bench, { model }))
    const worker = new Worker(store.db, { backoffMs: 1, pollMs: 10 })
    const verify = async () => ({ ok: true, n: 7, worst_ulp: 0, reason: null })
    handleLowering(room, worker, {
      python: async () => python,
      verify,
      proveOnnx: async () => 0,
      pauses,
      ...given,
    })
    // as a server leaves it that ended so often
    await store.db.tx((one) => one.run('UPDATE jobs SET attempts = ? WHERE key = ?', [attempts, `${model}/${version}`]))
    worker.start()
    const isOver = async (): Promise<boolean> => {
      const { lowering_state, lowering_retry_at: at } = await requireVersion(room.db, model, version)
      // by the clock: the time of the next try is one
      return lowering_state !== 'pending' && (at === null || at > Date.now() + 60_000)
    }
    try {
      await until('the end of its lowering', isOver)
    } finally {
      await worker.stop()
    }
    return requireVersion(room.db, model, version)
  }

  it('is tried again when something outside ended it', async () => {
    const marker = join(store.dataDir, 'tried')
    const script = `[ -e ${marker} ] || { touch ${marker}; kill -TERM $$; sleep 5; }\necho '{"ok": true}' > "$4/result.json"`
    const row = await lowered('killed-once', script)
    assert.deepEqual([row.lowering_state, row.lowering_probes, row.lowering_retry_at], ['native', 7, null])
    const files = await versionFiles(room, { python: async () => python }, 'killed-once', '1')
    assert.ok(files.native !== null && files.python === null)
  })

  it('says when it is tried again, and Python serves the version meanwhile', async () => {
    const before = Date.now()
    const row = await lowered('killed-first', 'kill -KILL $$', { pauses: [3_600_000, 7_200_000] })
    assert.equal(row.lowering_state, 'python')
    const at = row.lowering_retry_at ?? assert.fail('it is not tried again')
    assert.ok(at >= before + 3_600_000)
    const { lowering } = await getVersion(room, root, 'killed-first', '1')
    assert.deepEqual([lowering.state, lowering.retry_at], ['python', new Date(at).toISOString()])
    const when = new Date(at).toISOString().slice(0, 16).replace('T', ' ')
    assert.equal(
      row.lowering_reason,
      `lowering: it was killed, as for want of memory (SIGKILL); it is tried again at ${when} UTC, try 2 of 3`,
    )
    const job = await store.db.get<{ run_at: number; payload: string }>(
      "SELECT run_at, payload FROM jobs WHERE kind = 'lower' AND key = 'killed-first/1' AND state = 'waiting'",
    )
    assert.deepEqual(
      { ...job },
      { run_at: at, payload: JSON.stringify({ model: 'killed-first', version: 1, tries: 1 }) },
    )
    const files = await versionFiles(room, { python: async () => python }, 'killed-first', '1')
    assert.deepEqual([files.native, files.python], [null, python])
  })

  it('is tried again where its program cannot be started', async () => {
    const row = await lowered('unstarted', 'exit 0', { pauses: [3_600_000], python: async () => '/nowhere/python' })
    assert.equal(row.lowering_state, 'python')
    assert.match(
      row.lowering_reason ?? '',
      /^lowering: the machine refused it: spawn \/nowhere\/python ENOENT; it is tried again at .*, try 2 of 2$/,
    )
  })

  it('is tried again where the disk is full', async () => {
    const full = Object.assign(new Error('no space left on device'), { code: 'ENOSPC' })
    const row = await lowered('full-disk', 'exit 0', { pauses: [3_600_000], python: () => Promise.reject(full) })
    assert.equal(row.lowering_state, 'python')
    assert.match(row.lowering_reason ?? '', /^lowering: the machine refused it: no space left on device; it is tried/)
  })

  it('is given up after three tries with growing pauses, and Python serves the version', async () => {
    const tries = join(store.dataDir, 'tries')
    const row = await lowered('killed-always', `echo try >> ${tries}; kill -KILL $$`)
    assert.equal(readFileSync(tries, 'utf8'), 'try\n'.repeat(3))
    const why = 'it was killed, as for want of memory (SIGKILL)'
    assert.deepEqual(
      [row.lowering_state, row.lowering_reason, row.lowering_retry_at],
      ['python', `lowering was given up after 3 tries: ${why}`, null],
    )
    const files = await versionFiles(room, { python: async () => python }, 'killed-always', '1')
    assert.equal(files.python, python)
  })

  it('is tried again when a limit ended it or its memory ran out, and not when the model is refused', async () => {
    const reason = async (model: string, script: string, limits?: LoweringDeps['limits'], pauses = [1, 2]) =>
      (await lowered(model, script, { pauses, ...(limits && { limits }) })).lowering_reason
    assert.equal(
      await reason('spins', 'while :; do :; done', { cpuSeconds: 1, wallMs: 3_600_000 }, [1]),
      'lowering was given up after 2 tries: it took more than 1 s of CPU',
    )
    assert.equal(
      await reason('waits', 'exec sleep 3600', { cpuSeconds: 600, wallMs: 60 }),
      'lowering was given up after 3 tries: it took longer than 0.001 minutes',
    )
    const full = '{"ok": false, "reason": "it ran out of memory", "wants": true}'
    assert.equal(
      await reason('full', `echo '${full}' > "$4/result.json"`),
      'lowering was given up after 3 tries: it ran out of memory',
    )
    const printed = '{"ok": false, "reason": "no space left", "wants": true}'
    assert.equal(
      await reason('full-disk-there', `echo a warning; echo '${printed}'`),
      'lowering was given up after 3 tries: no space left',
    )
    const tries = join(store.dataDir, 'refused')
    await reason('refused', `echo try >> ${tries}; echo '{"ok": false, "reason": "no"}' > "$4/result.json"`)
    assert.equal(readFileSync(tries, 'utf8'), 'try\n')
  })

  it('is given up when the server ended in each of three tries, and a version that its gates refuse by then is not lowered', async () => {
    const row = await lowered('crashes', 'exit 1', { attempts: 3 })
    assert.deepEqual(
      [row.lowering_state, row.lowering_reason, row.lowering_retry_at],
      ['python', 'lowering was given up after 3 tries: the server that did it ended', null],
    )
    const again = await lowered('crashed', `echo '{"ok": true}' > "$4/result.json"`, { attempts: 2 })
    assert.equal(again.lowering_state, 'native')
    await lowered('killed-refused', 'kill -KILL $$', { pauses: [3_600_000, 7_200_000] })
    await store.db.tx((one) => refuseLowering(one, { model: 'killed-refused', version: 1 }))
    const refused = await requireVersion(room.db, 'killed-refused', '1')
    assert.deepEqual([refused.lowering_state, refused.lowering_retry_at], ['pending', null])
    assert.match(refused.lowering_reason ?? '', /gates do not hold/)
  })

  it('keeps why a model is served by Python, and why one cannot be', async () => {
    const refused = await lowered('odd', `echo '{"ok": false, "reason": "no native form"}' > "$4/result.json"`)
    assert.deepEqual([refused.lowering_state, refused.lowering_reason], ['python', 'no native form'])
    const unreadable = await lowered('unreadable', `echo '{"ok": true}' > "$4/result.json"`, {
      verify: async () => {
        throw new Error('native model, raw: 1 values, expected 10000')
      },
    })
    assert.deepEqual(
      [unreadable.lowering_state, unreadable.lowering_reason],
      ['python', 'native model, raw: 1 values, expected 10000'],
    )
    const broken = await lowered('broken', 'echo "ImportError: no such module" >&2; exit 1')
    assert.deepEqual([broken.lowering_state, broken.lowering_reason], ['failed', 'ImportError: no such module'])
  })

  it('is waited for by a deploy for a time; then Python serves the version, unless its files would harm', async () => {
    await registerVersion(room, root, await wanted(bench, { model: 'slow' }))
    const files = (): ReturnType<typeof versionFiles> =>
      versionFiles(room, { python: async () => python, waitMs: -1 }, 'slow', '1')
    const { native, onnx, reason, provisional, ...found } = await files()
    assert.deepEqual(
      [found.python, native, onnx, reason, provisional],
      [python, null, null, 'its native form is being proved; it takes over by itself', true],
    )
    assert.equal(await isSettled(room, 'slow', '1'), false)
    const { tree, lowering_state } = await requireVersion(room.db, 'slow', '1')
    assert.equal(lowering_state, 'pending')
    await store.db.tx((one) => one.run("UPDATE model_scans SET verdict = 'malicious' WHERE tree = ?", [tree]))
    await assert.rejects(files(), /slow\/1 cannot be served: /)
    // so that no other test lowers it
    await store.db.tx((one) => one.run("DELETE FROM jobs WHERE key = 'slow/1'"))
  })

  it('is done for two versions at a time, each in its turn, that of a deploy too', async (t) => {
    await interpreter(`echo '{"ok": true}' > "$4/result.json"`)
    const models = ['many-a', 'many-b', 'many-c', 'many-d']
    for (const model of models) await registerVersion(room, root, await wanted(bench, { model }))
    const begun: string[] = []
    const go = Promise.withResolvers<undefined>()
    const worker = new Worker(store.db, { backoffMs: 1, pollMs: 5 })
    handleLowering(room, worker, {
      python: async ({ model }) => {
        begun.push(model)
        await go.promise
        return python
      },
      verify: async () => ({ ok: true, n: 7, worst_ulp: 0, reason: null }),
      proveOnnx: async () => 0,
    })
    worker.start()
    t.after(() => {
      go.resolve(undefined)
      return worker.stop()
    })
    await until('two that are lowered', () => begun.length >= 2)
    const deployed = versionFiles(room, { python: async () => python }, 'many-d', '1')
    await never('a third is lowered', () => begun.length > 2, 20)
    go.resolve(undefined)
    assert.ok((await deployed).native !== null)
    const states = async (): Promise<string[]> =>
      Promise.all(models.map(async (model) => (await requireVersion(room.db, model, '1')).lowering_state))
    await until('the end of all', async () => (await states()).every((state) => state === 'native'))
    assert.deepEqual(begun.toSorted(), models)
  })
})
