/** Moving in from wandb: folders of the real SDK in offline mode, imported and compared value by value through the public API. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import type { z } from 'zod'
import { trackingApi } from '../../src/contract/tracking.ts'
import type { Run } from '../../src/contract/tracking.ts'
import { sendSource } from '../../src/transfer/send.ts'
import type { Report } from '../../src/transfer/send.ts'
import { wandbFolder } from '../../src/transfer/wandb/folder.ts'
import { startTestServer } from '../server.ts'
import type { TestServer } from '../server.ts'
import { testEnv } from '../python-env.ts'

const PACKAGES = ['wandb==0.31.0']
const PROGRAM = resolve(import.meta.dirname, '../clients/wandb_runs.py')
const STEPS = 40
const MOST = Number.MAX_VALUE

interface Made {
  readonly full: { readonly id: string; readonly told: Record<string, number[]> }
  readonly failed: { readonly id: string }
}

let folder: string
let python: string
let server: TestServer
let made: Made

async function script(...args: string[]): Promise<unknown> {
  const env = { ...process.env, HOME: folder, PYTHONDONTWRITEBYTECODE: '1' }
  const told = await promisify(execFile)(python, [PROGRAM, ...args], { cwd: folder, env }).catch(
    (error: { stdout: string; stderr: string; code: number }) => {
      if (error.code === 9) return error
      throw new Error(error.stderr.slice(-3000), { cause: error })
    },
  )
  return JSON.parse(told.stdout.trim().split('\n').at(-1) ?? '')
}

async function bringIn(dir: string, { follow = false, dryRun = false } = {}): Promise<Report> {
  const source = await wandbFolder(server.client, dir, { follow })
  return sendSource(server.client, source, { dryRun, progress: () => undefined })
}

/** The run that came from a run of wandb. */
async function runOf(id: string): Promise<z.output<typeof Run>> {
  const filter = `tags.\`wandb.id\` = '${id}'`
  const found = await server.client.call(trackingApi.listRuns, { query: { filter } })
  assert.equal(found.items.length, 1)
  return server.client.call(trackingApi.getRun, { params: { id: found.items[0]?.id ?? '' } })
}

async function history(run: string, key: string): Promise<(readonly [step: number, value: number | 'NaN'])[]> {
  const query = { key, max_points: 10_000 }
  const { points } = await server.client.call(trackingApi.getRunMetrics, { params: { id: run }, query })
  return points.map(({ step, value }) => [step, value] as const)
}

const sum = (report: Report, what: 'added' | 'same'): number =>
  Object.values(report.tables).reduce((total, count) => total + count[what], 0)

/** The file of records of a run. */
function recordFile(dir: string, id: string): string {
  const name = readdirSync(dir).find((one) => one.endsWith(id)) ?? ''
  return join(dir, name, `run-${id}.wandb`)
}

describe('moving in from wandb', () => {
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'slipway-wandb-'))
    python = await testEnv(PACKAGES)
    made = (await script()) as Made
    server = await startTestServer()
  })

  after(async () => {
    await server?.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  test('a dry run counts and writes nothing', async () => {
    const report = await bringIn(join(folder, 'wandb'), { dryRun: true })
    assert.equal(report.tables['runs']?.added, 2)
    assert.deepEqual((await server.client.call(trackingApi.listRuns, { query: {} })).items, [])
  })

  test('config, history, summary, tags, times and state arrive value by value', async () => {
    const report = await bringIn(join(folder, 'wandb'))
    const left = report.notes.filter((note) => /lies outside/.test(note))
    assert.ok(
      left.some((note) => note.includes('weights.bin lies outside the run')),
      report.notes.join('\n'),
    )
    assert.ok(report.notes.some((note) => note.includes('"odd key!" is called "odd key_" here')))
    const run = await runOf(made.full.id)
    assert.equal(run.name, 'first try')
    assert.equal(run.status, 'FINISHED')
    assert.deepEqual(run.params, {
      lr: '1e-05',
      'optimizer.name': 'adam',
      'optimizer.betas': '[0.9, 0.999]',
      big: '1152921504606846976',
      none: 'None',
      flag: 'True',
      'odd key_': 'größer',
      late: '5',
    })
    assert.equal(run.tags['mlflow.note.content'], 'a note\n東京')
    assert.equal(run.tags['wandb.tag.new data'], 'true')
    assert.equal(run.tags['wandb.group'], 'sweep-a')
    assert.equal(run.tags['wandb.job_type'], 'train')
    assert.equal(run.tags['wandb.summary.verdict'], 'fine')
    assert.equal(run.tags['wandb.exit'], '0')
    for (const [key, values] of Object.entries(made.full.told)) {
      assert.deepEqual(
        await history(run.id, key),
        values.map((value, step) => [step, value]),
      )
    }
    assert.deepEqual(await history(run.id, 'nan'), [[STEPS, 'NaN']])
    assert.deepEqual(await history(run.id, 'inf'), [[STEPS, MOST]])
    assert.deepEqual(await history(run.id, 'ninf'), [[STEPS, -MOST]])
    assert.deepEqual(await history(run.id, 'huge'), [[STEPS, 2 ** 62]])
    assert.deepEqual(await history(run.id, 'best'), [[STEPS + 2, 0.875]])
    assert.deepEqual(await history(run.id, 'loss.min'), [[STEPS + 2, 1 / STEPS]])
    assert.ok(run.metrics.some(({ key }) => key.startsWith('system/')))
    const { points } = await server.client.call(trackingApi.getRunMetrics, {
      params: { id: run.id },
      query: { key: 'loss' },
    })
    const times = points.map(({ at }) => Date.parse(at))
    assert.ok(times.every((time) => time >= Date.parse(run.started_at) && time <= Date.parse(run.ended_at ?? '')))
    const experiments = await server.client.call(trackingApi.listExperiments, { query: {} })
    assert.equal(experiments.items.find(({ id }) => id === run.experiment_id)?.name, 'flights')
  })

  test('a run that failed says so, in the same experiment', async () => {
    const run = await runOf(made.failed.id)
    assert.equal(run.status, 'FAILED')
    assert.equal(run.tags['wandb.exit'], '3')
    assert.equal(run.experiment_id, (await runOf(made.full.id)).experiment_id)
  })

  test('files and media are the bytes of the folder; text and media of the history are kept by step', async () => {
    const run = await runOf(made.full.id)
    const root = join(recordFile(join(folder, 'wandb'), made.full.id), '../files')
    const known = new Map(run.artifacts.map(({ path, digest }) => [path, digest]))
    const media = readdirSync(join(root, 'media/table')).map((name) => `media/table/${name}`)
    for (const path of ['output.log', 'requirements.txt', ...media]) {
      const hash = createHash('sha256')
        .update(readFileSync(join(root, path)))
        .digest('hex')
      assert.equal(known.get(path), `sha256:${hash}`, path)
    }
    assert.equal(known.has('weights.bin'), false)
    const url = `${server.url}/get-artifact?run_uuid=${run.id}&path=wandb/history.jsonl`
    const reply = await fetch(url, { headers: { authorization: `Bearer ${server.token}` } })
    const lines = (await reply.text())
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
    assert.deepEqual(
      lines.slice(0, STEPS).map(({ _step, text }) => [_step, text]),
      Array.from({ length: STEPS }, (_, step) => [step, `s${step}`]),
    )
    assert.match(JSON.stringify(lines[STEPS]?.['table']), /"_type":"table-file"/)
    assert.equal(lines[STEPS + 1]?.['long'], 'x'.repeat(70_000))
  })

  test('the same folder again changes nothing; files outside it come when they are asked for', async () => {
    const again = await bringIn(join(folder, 'wandb'))
    assert.equal(sum(again, 'added'), 0)
    const followed = await bringIn(join(folder, 'wandb'), { follow: true })
    assert.deepEqual(
      Object.entries(followed.tables)
        .filter(([, { added }]) => added > 0)
        .map(([table]) => table),
      ['artifacts'],
    )
    const hash = createHash('sha256')
      .update(readFileSync(join(folder, 'weights.bin')))
      .digest('hex')
    const known = new Map((await runOf(made.full.id)).artifacts.map(({ path, digest }) => [path, digest]))
    assert.equal(known.get('weights.bin'), `sha256:${hash}`)
    assert.equal(known.get('wandb/artifacts/ranker/v0/weights.bin'), `sha256:${hash}`)
  })

  test('of a run whose process was killed what is whole is taken, and the end is told', async () => {
    await script('killed')
    const report = await bringIn(join(folder, 'wandb'))
    assert.ok(report.notes.some((note) => note.includes('run same-id: its record ends before the run did')))
    const run = await runOf('same-id')
    assert.equal(run.status, 'FAILED')
    const points = await history(run.id, 'value')
    assert.ok(points.length > 10)
    assert.deepEqual(
      points,
      points.map((_, step) => [step, step]),
    )
  })

  test('damaged and truncated files are told, and every whole record of them is taken', async () => {
    const copy = join(folder, 'damaged', 'wandb')
    mkdirSync(copy, { recursive: true })
    const name = readdirSync(join(folder, 'wandb')).find((one) => one.endsWith(made.full.id)) ?? ''
    cpSync(join(folder, 'wandb', name), join(copy, name), { recursive: true })
    writeFileSync(join(copy, name, 'files', 'odd#name.txt'), 'no artifact may be called so')
    // as older SDKs leave it
    const metadata = {
      username: 'ada',
      program: 'elsewhere.py',
      git: { commit: 'c0ffee', remote: 'git@example.org:x' },
    }
    writeFileSync(join(copy, name, 'files', 'wandb-metadata.json'), JSON.stringify(metadata))
    const file = recordFile(copy, made.full.id)
    const bytes = readFileSync(file)
    // the text of the seventh step stands in its history record
    const at = bytes.indexOf('"s7"')
    const place = at < 0 ? bytes.indexOf('s7') : at
    assert.ok(place > 0)
    bytes.writeUInt8(bytes.readUInt8(place + 1) ^ 1, place + 1)
    writeFileSync(file, bytes)
    truncateSync(file, bytes.length - 20)
    const fresh = await startTestServer()
    try {
      const source = await wandbFolder(fresh.client, copy, { follow: false })
      const report = await sendSource(fresh.client, source, { dryRun: false, progress: () => undefined })
      assert.ok(
        report.notes.some((note) => /bytes \d+ to \d+ cannot be read/.test(note)),
        report.notes.join('\n'),
      )
      assert.ok(report.notes.some((note) => note.includes('the file "odd#name.txt" is left out')))
      const points = report.tables['metric_points']?.added ?? 0
      assert.ok(points > STEPS * 3)
      const [run] = (await fresh.client.call(trackingApi.listRuns, { query: { tags: ['mlflow.source.git.commit'] } }))
        .items
      assert.equal(run?.name, 'first try')
      assert.equal(run.tags['mlflow.source.git.commit'], 'c0ffee')
      assert.equal(run.user, 'ada')
      assert.equal(run.status, 'FAILED')
      const query = { key: 'loss', max_points: 10_000 }
      const { total } = await fresh.client.call(trackingApi.getRunMetrics, { params: { id: run.id }, query })
      assert.ok(total >= STEPS - 1 && total <= STEPS, String(total))
    } finally {
      await fresh.stop()
    }
  })

  test('what is no folder of runs, and what is no file of the SDK, is refused or left out by name', async () => {
    await assert.rejects(bringIn(join(folder, 'nowhere')), /folder of wandb runs ".*nowhere" does not exist/)
    const odd = join(folder, 'odd', 'offline-run-20260101_000000-abc')
    mkdirSync(odd, { recursive: true })
    writeFileSync(join(odd, 'run-abc.wandb'), 'not a record file')
    const report = await bringIn(join(folder, 'odd'))
    assert.equal(report.tables['runs'], undefined)
    assert.match(
      report.notes.join('\n'),
      /offline-run-20260101_000000-abc left out: .*not a record file of the wandb SDK/,
    )
  })
})
