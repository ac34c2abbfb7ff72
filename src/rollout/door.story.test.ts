/** Doors by which a version comes to answer, against what the registry knows of it: each asks the same, and an override stays in sight. */
import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { describe, it } from 'node:test'
import { migratedSqlite } from '../../test/databases.ts'
import type { Principal } from '../contract/access.ts'
import type { Problem } from '../contract/errors.ts'
import type { Gate } from '../contract/registry.ts'
import { servingApi } from '../contract/serving.ts'
import { aliasVersion, moveAlias } from '../registry/aliases/aliases.ts'
import { writePolicy } from '../registry/gates/policy.ts'
import { registryTables } from '../registry/moved/tables.ts'
import { getVersion } from '../registry/versions/read.ts'
import { transitionStage } from '../registry/versions/versions.ts'
import { overridesOf } from '../serving/context/rows.ts'
import type { Db } from '../store/db.ts'
import { writeRows } from '../transfer/rows.ts'
import { newest, round, send, ship } from './bench.fixture.ts'
import type { RolloutBench } from './bench.fixture.ts'
import { imageOf, keyPair } from '../registry/images/image.fixture.ts'
import { recordImage } from '../registry/images/images.ts'
import type { RecordedImage } from '../registry/images/images.ts'
import { act } from './controller/acts.ts'
import { startRollout } from './controller/starting.ts'
import { ann, rolloutWorld } from './world.fixture.ts'

const EVE: Principal = { ...ann, id: 'p2', name: 'eve', role: 'admin' }
const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const KEY = publicKey.export({ type: 'spki', format: 'pem' }).toString()
const [GOOD, WRONG] = [keyPair(), keyPair()]
const FINDING = { level: 'malicious', file: 'model.pkl', offset: 7, what: 'os.system', reason: 'it runs commands' }

interface State {
  readonly gates?: readonly Gate[]
  readonly signed?: true
  /** The scanner has found harm in its files. */
  readonly evil?: true
  /** The policy asks for a signed image, and the version has this one. */
  readonly image?: 'signed' | 'none' | 'not signed' | 'wrong key' | 'other layer' | 'revoked key'
  /** What a refusal names; absent where the version may come in. */
  readonly names?: RegExp
  /** No override helps where the files are loaded. */
  readonly absolute?: true
}

const STATES: Readonly<Record<string, State>> = {
  none: {},
  passed: { gates: [{ metric: 'auc', at_least: 0.7 }] },
  failed: { gates: [{ metric: 'auc', at_least: 0.79 }], names: /auc at least 0\.79: auc is 0\.75, below 0\.79/ },
  waiting: { gates: [{ approvals: 1, role: 'maintainer' }], names: /approv/ },
  malicious: { evil: true, names: /os\.system at byte 7 of model\.pkl/, absolute: true },
  imaged: { image: 'signed' },
  'without-an-image': { image: 'none', names: /no image of it is recorded, and the policy/ },
  'with-an-unsigned-image': { image: 'not signed', names: /the image sha256:[0-9a-f]{64} is not signed/ },
  'with-an-image-by-a-wrong-key': {
    image: 'wrong key',
    names: new RegExp(
      `image sha256:[0-9a-f]{64}: signature names the key ${WRONG.hint.slice(0, 16)}…, not .*${GOOD.hint.slice(0, 16)}…`,
    ),
  },
  'with-an-image-of-another-layer': {
    image: 'other layer',
    names: /image sha256:[0-9a-f]{64}: manifest\.json differs from what was signed/,
  },
  'with-an-image-by-a-revoked-key': {
    image: 'revoked key',
    names: new RegExp(
      `image sha256:[0-9a-f]{64}: signature names the key ${GOOD.hint.slice(0, 16)}…, which is revoked`,
    ),
  },
  unsigned: { signed: true, names: /signature required: it is not signed/, absolute: true },
}

let bench: RolloutBench
let db: Db
const { variants } = rolloutWorld(migratedSqlite, (world) => {
  ;({ bench, db } = world)
})

interface Door {
  /** A rollout of the version is under way when its state comes to be. */
  readonly begun?: true
  readonly go: (model: string) => Promise<unknown>
  /** The controller goes by it: a refusal ends the rollout, and nobody is told otherwise. */
  readonly alone?: true
  /** What the audit trail holds of one who came in. */
  readonly trail: RegExp
}

const push = (action: 'promote' | 'resume') => async (endpoint: string) =>
  act(bench.deps, ann, (await newest(db, endpoint)).id, { action, reason: 'go' })

const DOORS: Readonly<Record<string, Door>> = {
  'a deploy': {
    go: (model) => bench.serving.deploy(ann, model, { version: '2' }),
    trail: /^ann deploy \{"version":"2"/,
  },
  'a rollout that a person starts': {
    go: (endpoint) => startRollout(bench.deps, ann, { endpoint, version: '2', slices: [] }),
    trail: /^ann deploy .*"state":"starting".*"version":"2"/,
  },
  'a rollout that a new version asks for': {
    alone: true,
    go: () => round(bench),
    trail: /^slipway deploy .*"state":"shadow"/,
  },
  'a step of a rollout': {
    begun: true,
    alone: true,
    async go(endpoint) {
      await send(bench, endpoint, { rows: 110, seed: 1 })
      await round(bench)
    },
    trail: /^slipway deploy .*"state":"canary"/,
  },
  'a rollout that goes on': {
    begun: true,
    async go(endpoint) {
      await db.tx((t) => t.run("UPDATE rollouts SET state = 'paused' WHERE endpoint = ? AND version = '2'", [endpoint]))
      await push('resume')(endpoint)
    },
    trail: /^ann deploy .*"state":"shadow"/,
  },
  'a promotion by hand': { begun: true, go: push('promote'), trail: /^ann deploy .*"state":"promoted"/ },
  'a promotion of what an import called production': {
    begun: true,
    async go(model) {
      await broughtIn(model)
      await push('promote')(model)
    },
    trail: /^ann deploy .*"state":"promoted"/,
  },
  'an alias': {
    go: (model) => moveAlias(bench.registry, ann, { model, alias: 'production', version: '2' }),
    trail: /^ann promote \{"from":"1","to":"2"/,
  },
  'a stage': {
    go: (name) => transitionStage(bench.registry, ann, { name, version: '2', stage: 'Production', archive: false }),
    trail: /^ann promote \{"stage":"Production"/,
  },
}

/** Version 1 answers, version 2 asks to, and has come into this state since it was registered. */
async function arrange(model: string, state: State, begun = false): Promise<void> {
  await ship(bench, { model })
  await round(bench)
  await ship(bench, { model, auc: 0.75 })
  if (begun) await round(bench)
  await bring(model, '2', state)
}

async function bring(model: string, version: string, { gates = [], signed, evil, image }: State): Promise<void> {
  await writePolicy(bench.registry, EVE, model, {
    gates,
    require_signature: signed === true,
    require_image_signature: image !== undefined,
    keys: [KEY, GOOD.pem],
    revoked: image === 'revoked key' ? [GOOD.hint] : [],
    reason: 'the case asks for it',
  })
  if (image !== undefined && image !== 'none')
    await recordImage(bench.registry, EVE, await imaged(model, version, image))
  if (evil !== true) return
  await db.tx((t) =>
    t.run(
      "UPDATE model_scans SET verdict = 'malicious', findings = ? WHERE tree = (SELECT tree FROM model_versions WHERE model = ? AND version = ?)",
      [JSON.stringify([FINDING]), model, version],
    ),
  )
}

async function imaged(model: string, version: string, image: State['image']): Promise<RecordedImage> {
  const signers = image === 'not signed' ? [] : [image === 'wrong key' ? WRONG : GOOD]
  const made = await imageOf(bench.registry, { model, version }, signers)
  if (image !== 'other layer') return made
  // the signature of the image as it was, attached to one whose layer was changed
  const { signatures } = made
  return { ...(await imageOf(bench.registry, { model, version }, [], 'other weights')), signatures }
}

async function broughtIn(model: string): Promise<void> {
  const table = registryTables(bench.registry).find((one) => one.name === 'model_aliases')
  assert.ok(table !== undefined)
  await db.tx((t) => t.run('DELETE FROM model_aliases WHERE model = ?', [model]))
  const row = { model, alias: 'production', version: 2, moved_at: bench.deps.clock() }
  await writeRows(db, EVE, table, { rows: [row], dryRun: false })
}

/** `who verb detail` of all that was audited since; what an import and an arrangement leave is left out. */
async function trailOf(since: number): Promise<string[]> {
  const rows = await db.all<{ actor: string; verb: string; detail: string }>(
    "SELECT actor, verb, detail FROM audit WHERE seq > ? AND actor <> 'eve' ORDER BY seq",
    [since],
  )
  return rows.map((row) => `${row.actor} ${row.verb} ${row.detail}`)
}

async function last(): Promise<number> {
  return (await db.get<{ seq: number }>('SELECT MAX(seq) AS seq FROM audit'))?.seq ?? 0
}

for (const [door, { begun, go, alone, trail }] of Object.entries(DOORS)) {
  describe(`by ${door}`, () => {
    for (const [name, state] of Object.entries(STATES)) {
      it(`a version that is ${name} ${state.names === undefined ? 'comes in' : 'is refused'}`, async () => {
        const model = `${name}-${Object.keys(DOORS).indexOf(door)}`
        await arrange(model, state, begun)
        const since = await last()
        const { names } = state
        if (names === undefined) {
          await go(model)
          assert.ok((await trailOf(since)).some((row) => trail.test(row)))
          return
        }
        if (alone === true) {
          await go(model)
          const { state: ended, reason } = await newest(db, model)
          assert.equal(ended, 'rolled_back')
          assert.match(reason, names)
          assert.match((await trailOf(since)).at(-1) ?? '', /^slipway deploy .*"state":"rolled_back"/)
        } else {
          await assert.rejects(go(model), (error: Problem) => {
            assert.deepEqual([error.code, error.status], ['gate_refused', 409])
            assert.match(error.message, names)
            return true
          })
          assert.deepEqual(await trailOf(since), [])
        }
        const answering = (await variants(model)).filter((one) => !one.startsWith('shadow'))
        assert.deepEqual(answering, ['stable 1 0'])
        if (!door.includes('import')) assert.equal(await aliasVersion(db, model, 'production'), '1')
      })
    }
  })
}

it('an endpoint is made without a version, so that it asks for nothing', () => {
  const body = { project: 'default', model: 'm' }
  assert.equal(servingApi.putEndpoint.body?.safeParse(body).success, true)
  assert.equal(servingApi.putEndpoint.body?.safeParse({ ...body, version: '2' }).success, false)
})

for (const [name, state] of Object.entries(STATES).filter(([, { names }]) => names !== undefined)) {
  it(`a deploy of a version that is ${name} is overridden by an admin with a reason, or not at all`, async () => {
    const model = `${name}-override`
    await arrange(model, state)
    const deploy = (who: Principal, wish: object) =>
      bench.serving.deploy(who, model, { version: '2', override_gates: true, ...wish })
    await assert.rejects(deploy(ann, { reason: 'now' }), { code: 'forbidden' })
    for (const wish of [{}, { reason: ' ' }])
      await assert.rejects(deploy(EVE, wish), (error: Problem) => {
        assert.deepEqual([error.code, error.data['field']], ['invalid_field', 'reason'])
        return true
      })
    if (state.absolute === true) {
      await assert.rejects(deploy(EVE, { reason: 'now' }), { code: 'gate_refused', message: /no override helps/ })
      assert.deepEqual(await variants(model), ['stable 1 0'])
      return
    }
    await deploy(EVE, { reason: 'now' })
    assert.deepEqual(await variants(model), ['stable 2 0'])
  })

  it(`a return to a version that is ${name} by now and has answered before is never refused`, async () => {
    const model = `${name}-back`
    await arrange(model, {})
    await bench.serving.deploy(ann, model, { version: '2' })
    await bring(model, '1', state)
    await bench.serving.rollback(ann, model, 'it is slow')
    assert.deepEqual(await variants(model), ['stable 1 0'])
  })
}

it('an override is told with the endpoint, the version and in the audit trail for as long as the version answers', async () => {
  const model = 'told'
  await arrange(model, STATES['failed'] ?? {})
  const refused = (await getVersion(bench.registry, ann, model, '2')).refusal
  assert.equal(refused, null, 'nobody knows before it is judged by the gates of now')
  const shown = async () => (await bench.serving.endpoint(model)).variants.map((one) => one.override)
  const deploy = (who: Principal, version: string, wish: object = {}) =>
    bench.serving.deploy(who, model, { version, ...wish })
  const since = await last()
  await deploy(EVE, '2', { override_gates: true, reason: 'the desk waits' })
  const [override] = await shown()
  const refusal = 'auc at least 0.79: auc is 0.75, below 0.79'
  const told = { by: 'eve', role: 'admin', reason: 'the desk waits', refusal }
  assert.deepEqual({ ...override, at: '' }, { ...told, at: '' })
  const where = { ...told, endpoint: model, variant: 'stable', at: Date.parse(override?.at ?? '') }
  assert.deepEqual(await overridesOf(db, model, '2'), [where])
  const row = await db.get<{ detail: string }>("SELECT detail FROM audit WHERE seq > ? AND verb = 'deploy'", [since])
  const { verdict, ...detail } = JSON.parse(row?.detail ?? '{}') as Record<string, unknown>
  assert.equal(typeof verdict, 'string')
  assert.deepEqual(detail, { version: '2', reason: 'the desk waits', overridden: true, role: 'admin', refusal })
  await deploy(ann, '1')
  assert.deepEqual([await shown(), await overridesOf(db, model, '2')], [[null], []], 'another version answers')
  await bench.serving.rollback(ann, model, '')
  assert.deepEqual((await shown())[0], override, 'it answers again, and nothing has allowed it since')
  await deploy(ann, '1')
  await bring(model, '2', STATES['passed'] ?? {})
  await deploy(ann, '2')
  assert.deepEqual(await shown(), [null], 'its gates hold by now')
})

for (const [name, unjudged] of [
  ['failed', [{ metric: 'auc', at_least: 0.79 }]],
  ['unsigned', [{ require_signature: true }]],
] as const) {
  it(`what an import calls production, though it is ${name}, is audited with what was not asked`, async () => {
    const model = `${name}-import`
    await arrange(model, STATES[name] ?? {})
    await broughtIn(model)
    const row = await db.get<{ detail: string }>('SELECT detail FROM audit ORDER BY seq DESC LIMIT 1')
    const detail = JSON.parse(row?.detail ?? '{}') as { imported?: boolean; unjudged?: string[] }
    assert.deepEqual([detail.imported, detail.unjudged], [true, unjudged.map((gate) => JSON.stringify(gate))])
  })
}
