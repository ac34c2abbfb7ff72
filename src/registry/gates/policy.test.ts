/** Policies on SQLite: what a model is held to, which keys are believed, and what a renamed model carries along. */
import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { openedOnce } from '../../../test/opened.ts'
import type { Gate } from '../../contract/registry.ts'
import { person, root, wanted } from '../bench.cases.ts'
import type { Bench } from '../bench.cases.ts'
import { requireModel } from '../context/context.ts'
import { openRegistry } from '../opened.fixture.ts'
import { deleteModel, renameModel } from '../versions/models.ts'
import { registerVersion } from '../versions/register.ts'
import { carryPolicy, heldTo, readPolicy, signersOf, writePolicy } from './policy.ts'

let bench: Bench
openedOnce(openRegistry, (opened) => {
  bench = opened.bench
})

const limit = (at_least: number): Gate => ({ metric: 'auc', at_least })
const NO_IMAGE = { require_image_signature: false, revoked: [] }
const SCAN: Gate = { scan: 'clean' }

function pemOf(curve: string, kind: 'public' | 'private' = 'public'): string {
  const pair = generateKeyPairSync('ec', { namedCurve: curve })
  return kind === 'public'
    ? pair.publicKey.export({ type: 'spki', format: 'pem' }).toString()
    : pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
}

async function make(model: string, gates: readonly Gate[] = []): Promise<void> {
  await registerVersion(bench.room, root, await wanted(bench, { model, gates }))
}

async function held(model: string, malicious = false): Promise<Gate[]> {
  return heldTo(bench.room.db, await requireModel(bench.room.db, model), malicious)
}

test('a model without a policy is held to its project file, and to a clean scan where its files harm', async () => {
  await make('bare', [limit(0.5)])
  assert.deepEqual(await held('bare'), [limit(0.5)])
  assert.deepEqual(await held('bare', true), [SCAN, limit(0.5)])
  assert.deepEqual(await signersOf(bench.room.db, 'bare'), { required: false, image: false, keys: [], revoked: [] })
  assert.deepEqual(await readPolicy(bench.room.db, 'bare'), {
    model: 'bare',
    gates: [],
    project_gates: [limit(0.5)],
    asked: null,
    require_signature: false,
    require_image_signature: false,
    keys: [],
    revoked: [],
    updated_at: null,
    updated_by: null,
  })
  await assert.rejects(readPolicy(bench.room.db, 'nobody'), { code: 'not_found' })
})

test('a policy is replaced as a whole, its gates come first, and who wrote it is told', async () => {
  await make('ruled', [limit(0.5)])
  const keys = [pemOf('prime256v1')]
  const first = { gates: [limit(0.6), SCAN], require_signature: true, keys }
  const written = await writePolicy(bench.room, root, 'ruled', first)
  const at = new Date(bench.room.clock()).toISOString()
  const told = { model: 'ruled', project_gates: [limit(0.5)], asked: null, updated_at: at, updated_by: 'admin' }
  assert.deepEqual(written, { ...told, ...NO_IMAGE, ...first })
  assert.deepEqual(await held('ruled'), [limit(0.6), SCAN, limit(0.5)])
  assert.deepEqual(await held('ruled', true), [limit(0.6), SCAN, limit(0.5)], 'a gate over scans is not asked twice')
  assert.deepEqual(await signersOf(bench.room.db, 'ruled'), { required: true, image: false, keys, revoked: [] })
  bench.wait(5)
  const second = { gates: [], require_signature: false, keys: [] }
  await writePolicy(bench.room, { ...root, name: 'chief' }, 'ruled', { ...second, reason: 'no longer needed' })
  const later = new Date(bench.room.clock()).toISOString()
  const now = { ...told, ...NO_IMAGE, ...second, updated_at: later, updated_by: 'chief' }
  assert.deepEqual(await readPolicy(bench.room.db, 'ruled'), now)
  const rows = await bench.room.db.all<{ verb: string; actor: string; detail: string }>(
    "SELECT verb, actor, detail FROM audit WHERE resource_id = 'ruled' AND verb = 'promote' ORDER BY seq",
  )
  const policies = rows.map((row) => (JSON.parse(row.detail) as { policy: { keys: string[]; gates: unknown } }).policy)
  assert.deepEqual(
    rows.map((row) => row.actor),
    ['admin', 'chief'],
  )
  assert.deepEqual(policies[0]?.gates, first.gates)
  assert.match(policies[0]?.keys[0] ?? '', /^[0-9a-f]{64}$/, 'a key is told by its digest')
  assert.deepEqual(policies[1], { ...NO_IMAGE, ...second })
})

test('keys are public ones of three curves; a wrong one is named by its place', async () => {
  await make('keyed')
  const write = (keys: readonly string[], require_signature = true, reason = '') =>
    writePolicy(bench.room, root, 'keyed', { gates: [], require_signature, keys, reason })
  const good = ['prime256v1', 'secp384r1', 'secp521r1'].map((curve) => pemOf(curve))
  assert.deepEqual((await write(good)).keys, good)
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 1024 })
  const rsa = publicKey.export({ type: 'spki', format: 'pem' }).toString()
  for (const bad of ['', 'no key', rsa, pemOf('secp256k1'), pemOf('prime256v1', 'private')]) {
    // what was pasted by mistake is never repeated
    const told = bad.includes('PRIVATE') ? 'a private key' : `${bad.length} characters that are none`
    await assert.rejects(write([...good, bad]), {
      code: 'invalid_field',
      message: `keys[3]: got ${told}, expected a public key of the curve P-256, P-384 or P-521 as PEM`,
    })
  }
  await assert.rejects(write([]), {
    code: 'invalid_field',
    message: 'keys: got [], expected at least one public key that is believed',
  })
  assert.deepEqual((await readPolicy(bench.room.db, 'keyed')).keys, good, 'what is refused changes nothing')
  assert.deepEqual((await write([], false, 'for now')).keys, [])
  const policy = { gates: [], require_signature: false, keys: [] }
  await assert.rejects(writePolicy(bench.room, root, 'nobody', policy), { code: 'not_found' })
})

test('a renamed model carries its policy and is held to that of its new name as well, the stricter of both', async () => {
  const [a, b] = [pemOf('prime256v1'), pemOf('prime256v1')]
  const carry = async (from: string, to: string): Promise<unknown[]> => {
    await bench.room.db.tx((t) => carryPolicy(t, from, to))
    return bench.room.db.all(
      'SELECT model, gates, keys, require_signature FROM model_policies WHERE model IN (?, ?) ORDER BY model',
      [from, to],
    )
  }
  for (const model of ['m1', 'm2', 'm3', 'm4', 'm5']) await make(model)
  await writePolicy(bench.room, root, 'm1', { gates: [limit(0.1)], require_signature: false, keys: [a] })
  await writePolicy(bench.room, root, 'm2', { gates: [limit(0.2)], require_signature: true, keys: [b] })
  const joined = { gates: JSON.stringify([limit(0.1), limit(0.2)]), keys: JSON.stringify([a, b]) }
  assert.deepEqual(await carry('m1', 'm2'), [{ model: 'm2', ...joined, require_signature: 1 }])
  assert.deepEqual(await carry('m2', 'm3'), [{ model: 'm3', ...joined, require_signature: 1 }], 'to a name without one')
  assert.deepEqual(await carry('m4', 'm3'), [{ model: 'm3', ...joined, require_signature: 1 }], 'from one without')
  await writePolicy(bench.room, root, 'm5', { gates: [], require_signature: false, keys: [] })
  assert.deepEqual(await carry('m5', 'm4'), [{ model: 'm4', gates: '[]', keys: '[]', require_signature: 0 }])
  assert.equal((await signersOf(bench.room.db, 'm3')).required, true, 'other models keep theirs')
})

test('a rename that cannot write the gates of the new name is none, and those gates are kept', async () => {
  const { room } = bench
  await make('taken-over', [limit(0.1)])
  await deleteModel(room, root, 'taken-over')
  await make('newcomer')
  await room.db.tx((t) =>
    t.run(`CREATE TRIGGER full BEFORE UPDATE OF gates ON registered_models WHEN NEW.name = 'taken-over'
      BEGIN SELECT RAISE(ABORT, 'the disk is full'); END`),
  )
  await assert.rejects(renameModel(room, root, 'newcomer', 'taken-over'), /the disk is full/)
  await assert.rejects(requireModel(room.db, 'taken-over'), { code: 'not_found' })
  await room.db.tx((t) => t.run('DROP TRIGGER full'))
  await renameModel(room, root, 'newcomer', 'taken-over')
  assert.equal((await requireModel(room.db, 'taken-over')).gates, JSON.stringify([limit(0.1)]))
})

test('another key is believed by whoever may promote where nothing is asked of keys, and by an admin with a reason where it is', async () => {
  const [a, b] = [pemOf('prime256v1'), pemOf('prime256v1')]
  const maintainer = person('maintainer', null)
  const asks = [false, true].flatMap((files) => [false, true].map((image) => [files, image] as const))
  let made = 0
  for (const [files, image] of asks) {
    for (const [filesNow, imageNow] of asks) {
      const model = `keys-${++made}`
      await make(model)
      const policy = { gates: [], require_signature: files, require_image_signature: image, keys: [a] }
      await writePolicy(bench.room, maintainer, model, policy)
      const next = { ...policy, require_signature: filesNow, require_image_signature: imageNow, keys: [a, b] }
      const dropped = (files && !filesNow) || (image && !imageNow)
      const added = (files || image) && (filesNow || imageNow)
      const name = `${files}, ${image} → ${filesNow}, ${imageNow}`
      if (!dropped && !added) {
        assert.deepEqual((await writePolicy(bench.room, maintainer, model, next)).keys, [a, b], name)
        continue
      }
      await assert.rejects(writePolicy(bench.room, maintainer, model, next), { code: 'forbidden' }, name)
      await assert.rejects(writePolicy(bench.room, root, model, next), { code: 'invalid_field' }, name)
      assert.deepEqual((await writePolicy(bench.room, root, model, { ...next, reason: 'why' })).keys, [a, b], name)
      const row = await bench.room.db.get<{ detail: string }>(
        "SELECT detail FROM audit WHERE resource_id = ? AND verb = 'promote' ORDER BY seq DESC LIMIT 1",
        [model],
      )
      const { loosened } = JSON.parse(row?.detail ?? '{}') as { loosened?: string[] }
      assert.equal(
        loosened?.some((one) => one.endsWith(' is believed too')),
        added,
        name,
      )
    }
  }
})
