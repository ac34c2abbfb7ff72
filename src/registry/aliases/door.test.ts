/** The door on SQLite: what each missing thing is told as, what an override helps against, and what changes before the work is done. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { openedOnce } from '../../../test/opened.ts'
import type { Principal } from '../../contract/access.ts'
import type { Problem } from '../../contract/errors.ts'
import type { Gate, GateResult } from '../../contract/registry.ts'
import { putManifest } from '../../store/blobs/trees.ts'
import { signable, signFiles } from '../attestation/bundle.ts'
import { person, root, wanted } from '../bench.cases.ts'
import type { Bench } from '../bench.cases.ts'
import { requireVersion } from '../context/context.ts'
import { writePolicy } from '../gates/policy.ts'
import type { WantedPolicy } from '../gates/policy.ts'
import { rejudge } from '../gates/verdicts.ts'
import { imageOf, keyPair } from '../images/image.fixture.ts'
import { recordImage } from '../images/images.ts'
import { openRegistry } from '../opened.fixture.ts'
import { filesOf, keepSignature } from '../signing/signatures.ts'
import { getVersion } from '../versions/read.ts'
import { deleteModel } from '../versions/models.ts'
import { registerVersion } from '../versions/register.ts'
import type { NewVersion } from '../versions/register.ts'
import { conditionResult, enter, mayEnter } from './door.ts'
import type { Allowed, Entry } from './door.ts'

let bench: Bench
openedOnce(openRegistry, (opened) => {
  bench = opened.bench
})

const KEY = keyPair()
const ann: Principal = { ...person('maintainer', null), name: 'ann' }
const HIGH: Gate = { metric: 'auc', at_least: 0.9 }
/** A pickle that calls os.system. */
const HARM = "cos\nsystem\n(S'true'\ntR."

/** What of a version may be wanting, each as the door names it. */
const WANTING = {
  gate: { name: /^auc at least 0\.9$/, reason: /^auc is 0\.8, below 0\.9$/ },
  scan: { name: /scan/, reason: /model\.pkl/ },
  signature: { name: /^signature required$/, reason: /^it is not signed, and the policy of the model asks for that$/ },
  image: {
    name: /^image signature required$/,
    reason: /^no image of it is recorded, and the policy of the model asks/,
  },
} as const
type Want = keyof typeof WANTING
/** Against these no override helps where the files are loaded. */
const ABSOLUTE: ReadonlySet<Want> = new Set(['scan', 'signature'])
const ALL = Object.keys(WANTING) as Want[]
/** Every combination. */
const STATES = Array.from({ length: 1 << ALL.length }, (_, bits) => ALL.filter((_, i) => (bits & (1 << i)) !== 0))

const policyOf = (wants: readonly Want[]): WantedPolicy => ({
  gates: wants.includes('gate') ? [HIGH] : [],
  require_signature: wants.includes('signature'),
  require_image_signature: wants.includes('image'),
  keys: [KEY.pem],
})

let made = 0
/** Version 1 of a new model that lacks this much. */
async function make(wants: readonly Want[]): Promise<string> {
  const model = `door-${++made}`
  const { blobs } = bench.room
  const texts = { MLmodel: `flavors: {}\nmodel: ${model}\n`, ...(wants.includes('scan') && { 'model.pkl': HARM }) }
  const files = await Promise.all(
    Object.entries(texts).map(async ([path, text]) => ({
      path,
      executable: false,
      ...(await blobs.put(Buffer.from(text))),
    })),
  )
  const tree = (await putManifest(blobs, files)).digest
  await registerVersion(bench.room, root, { ...(await wanted(bench, { model })), tree })
  await writePolicy(bench.room, root, model, policyOf(wants))
  return model
}

async function sign(model: string): Promise<void> {
  const files = signable(await filesOf(bench.room, await requireVersion(bench.room.db, model, 1)))
  const bundle = signFiles(model, files, KEY.secret)
  await keepSignature(bench.room, root, { model, version: '1' }, { bundle, key: KEY.pem })
}

const entryOf = (model: string, more: Partial<Entry> = {}): Entry => ({ model, version: 1, as: 'production', ...more })

async function verdictsOf(model: string): Promise<number> {
  return (await bench.room.db.all('SELECT id FROM verdicts WHERE model = ?', [model])).length
}

/** Goes in by the door: what the work was given, or the refusal. The verdict is there only where the work was done. */
async function go(who: Principal, entry: Entry): Promise<Allowed | Problem> {
  const before = await verdictsOf(entry.model)
  let prepared = 0
  let written = 0
  const write = async (_t: unknown, allowed: Allowed): Promise<Allowed> => {
    written += 1
    return allowed
  }
  try {
    const allowed = await enter(bench.room, who, entry, { prepare: async () => void prepared++, write })
    assert.deepEqual([prepared, written], [1, 1])
    assert.equal(await verdictsOf(entry.model), before + (allowed.verdict === null ? 0 : 1))
    return allowed
  } catch (error) {
    assert.deepEqual([prepared, written, await verdictsOf(entry.model)], [0, 0, before], String(error))
    return error as Problem
  }
}

function isRefusal(refusal: Allowed | Problem, wants: readonly Want[], detail = /./): void {
  assert.ok(refusal instanceof Error && refusal.code === 'gate_refused', JSON.stringify(refusal))
  const gates = refusal.data['gates'] as GateResult[]
  const told = gates.map((gate) => wants.find((want) => WANTING[want].name.test(gate.name)))
  assert.deepEqual([new Set(told), told.length], [new Set(wants), wants.length], gates.map((gate) => gate.name).join())
  for (const [i, { outcome, reason }] of gates.entries()) {
    assert.equal(outcome, 'failed')
    assert.match(reason, WANTING[told[i] as Want].reason)
    assert.ok(String(refusal.data['detail']).includes(reason), 'the detail has them all')
  }
  assert.match(refusal.message, detail)
}

function isOverridden(allowed: Allowed | Problem, wants: readonly Want[]): void {
  assert.ok(!(allowed instanceof Error), JSON.stringify(allowed))
  assert.deepEqual([allowed.version, allowed.overridden], [1, wants.length > 0])
  const { refusal } = allowed
  assert.equal(refusal === undefined, wants.length === 0)
  assert.deepEqual(namesIn(refusal ?? ''), [...wants].toSorted())
}

/** What a text of `name: reason; name: reason` names. */
function namesIn(text: string): Want[] {
  const parts = text === '' ? [] : text.split(/; (?=[^;:]+: )/)
  return parts.map((one) => ALL.find((want) => WANTING[want].name.test(one.split(': ')[0] ?? '')) as Want).toSorted()
}

describe('a version comes in by what it has, and an admin with a reason overrides what may be overridden', () => {
  for (const wants of STATES) {
    test(`one that lacks ${wants.join(' and ') || 'nothing'}`, async () => {
      const model = await make(wants)
      const absolute = wants.filter((want) => ABSOLUTE.has(want))
      const over = { override: true, reason: 'the desk waits' }
      if (wants.length === 0) {
        const free = { version: 1, verdict: null, overridden: false }
        assert.deepEqual(await go(ann, entryOf(model)), free)
        assert.deepEqual(await go(ann, entryOf(model, { loads: true })), free)
        assert.equal(await mayEnter(bench.room, ann, entryOf(model)), null)
      } else {
        for (const loads of [false, true]) isRefusal(await go(root, entryOf(model, { loads, reason: 'now' })), wants)
        await assert.rejects(mayEnter(bench.room, root, entryOf(model)), { code: 'gate_refused' })
        for (const [who, reason, code] of [
          [ann, 'now', 'forbidden'],
          [root, ' ', 'invalid_field'],
          [root, undefined, 'invalid_field'],
        ] as const) {
          const refused = await go(who, entryOf(model, { override: true, reason }))
          assert.equal(refused instanceof Error && refused.code, code)
        }
        assert.deepEqual(namesIn((await mayEnter(bench.room, root, entryOf(model, over))) ?? ''), [...wants].toSorted())
      }
      isOverridden(await go(root, entryOf(model, over)), wants)
      const loading = await go(root, entryOf(model, { ...over, loads: true }))
      if (absolute.length === 0) isOverridden(loading, wants)
      else isRefusal(loading, absolute, /may not become production: no override helps against this: /)
    })

    test(`what is known without judging of one that lacks ${wants.join(' and ') || 'nothing'}`, async () => {
      const { refusal } = await getVersion(bench.room, root, await make(wants), '1')
      // gates of a policy that came later are not judged yet, and a scan is named by what it found
      const known = wants.filter((want) => want === 'signature' || want === 'image')
      const parts = (refusal ?? '').split('; ').filter((one) => /required: /.test(one))
      assert.deepEqual(namesIn(parts.join('; ')), known.toSorted())
      assert.equal(/os\.system/.test(refusal ?? ''), wants.includes('scan'))
      assert.equal(refusal === null, known.length === 0 && !wants.includes('scan'))
    })
  }
})

test('gates that are not asked are not judged, unless the files do harm; signatures are asked all the same', async () => {
  for (const wants of STATES) {
    const asked = wants.filter((want) => want !== 'gate' || wants.includes('scan'))
    const found = await go(root, entryOf(await make(wants), { ungated: true }))
    if (asked.length > 0) isRefusal(found, asked)
    else assert.deepEqual(found, { version: 1, verdict: null, overridden: false })
  }
})

describe('files that were refused under another name', () => {
  type Files = Pick<NewVersion, 'tree' | 'metrics'>
  /** Registers files with their metrics as version 1 of a new model; those of none are new ones. */
  async function register(of: Files | null, more: Partial<NewVersion> = {}): Promise<Files & { model: string }> {
    const model = `copy-${++made}`
    const wish = await wanted(bench, { model, auc: 0.5 })
    const { tree, metrics } = { ...wish, ...of, ...more }
    await registerVersion(bench.room, root, { ...wish, ...more, tree, metrics })
    return { model, tree, metrics }
  }
  const refusedAs = (first: string): RegExp =>
    new RegExp(`refused under another name: the same files were refused as ${first}/1 \\(auc at least 0\\.9: auc is`)
  const refusalTo = async (model: string, who = ann, more: Partial<Entry> = {}): Promise<string> => {
    const found = await go(who, entryOf(model, more))
    return found instanceof Error ? found.message : 'none'
  }

  test('a copy is refused by the same verdict, shows it, and asks for the same override', async () => {
    const first = await register(null, { gates: [HIGH] })
    const copy = await register(first)
    assert.match(await refusalTo(copy.model), refusedAs(first.model))
    assert.match((await getVersion(bench.room, root, copy.model, '1')).refusal ?? '', refusedAs(first.model))
    const over = { override: true, reason: 'the desk waits' }
    assert.match(await refusalTo(copy.model, ann, over), /override/)
    const allowed = await go(root, entryOf(copy.model, over))
    assert.ok(!(allowed instanceof Error) && allowed.overridden, JSON.stringify(allowed))
  })

  test('the deletion of the model opens nothing, and one of another project is not named', async () => {
    const first = await register(null, { gates: [HIGH] })
    const copy = await register(first)
    const stranger = await register(first, { project: 'elsewhere' })
    assert.match(await refusalTo(stranger.model, root), /refused as a version of a model of another project/)
    await deleteModel(bench.room, root, first.model)
    assert.match(await refusalTo(copy.model), /refused under another name/)
  })

  test('the same files without metrics are refused; those with metrics of their own, and a wait for an approval, are not', async () => {
    const first = await register(null, { gates: [HIGH] })
    const bare = await register(first, { metrics: {} })
    assert.match(await refusalTo(bare.model), refusedAs(first.model))
    const measured = await register(first, { metrics: { auc: 0.95 } })
    assert.equal(await refusalTo(measured.model), 'none')
    const waits = await register(null, { gates: [{ approvals: 1, role: 'maintainer' }] })
    assert.match(await refusalTo(waits.model), /0 of 1 approval/)
    const free = await register(waits)
    assert.equal(await refusalTo(free.model), 'none')
  })

  test('a verdict that holds now, and one on a later copy, refuse nothing', async () => {
    const first = await register(null, { gates: [HIGH] })
    const copy = await register(first)
    await writePolicy(bench.room, root, first.model, { ...policyOf([]), gates: [] })
    await bench.room.db.tx((t) => t.run("UPDATE registered_models SET gates = '[]' WHERE name = ?", [first.model]))
    await rejudge(bench.room, { model: first.model, version: 1 })
    assert.equal(await refusalTo(copy.model), 'none')
    const free = await register(null)
    bench.wait(1)
    await register(free, { gates: [HIGH] })
    assert.equal(await refusalTo(free.model), 'none', 'it was there before the other was judged')
  })
})

test('a model or a version that is not there is told as such, and nothing is done', async () => {
  const model = await make([])
  for (const [entry, named] of [
    [entryOf('no-such-model'), /^model "no-such-model" does not exist$/],
    [entryOf(model, { version: 7 }), /^model version "door-.*7" does not exist$/],
  ] as const) {
    const told = (error: Problem): boolean => error.code === 'not_found' && named.test(error.message)
    await assert.rejects(mayEnter(bench.room, ann, entry), told)
    const refused = await go(ann, entry)
    assert.ok(refused instanceof Error && told(refused), JSON.stringify(refused))
  }
})

test('a version that is signed, and whose image is, comes in', async () => {
  const model = await make(['signature', 'image'])
  await sign(model)
  isRefusal(await go(ann, entryOf(model)), ['image'])
  await recordImage(bench.room, root, await imageOf(bench.room, { model, version: '1' }, [KEY]))
  const free = { version: 1, verdict: null, overridden: false }
  assert.deepEqual(await go(ann, entryOf(model, { loads: true })), free)
  assert.equal((await getVersion(bench.room, root, model, '1')).refusal, null)
})

describe('what changes while the version is made ready is asked again', () => {
  const refusedAfter = async (model: string, change: () => Promise<unknown>, more: Partial<Entry> = {}) => {
    const prepared: unknown[] = []
    const work = {
      prepare: async () => void (prepared.push(1) === 1 && (await change())),
      write: () => Promise.reject(new Error('it came in')),
    }
    await assert.rejects(enter(bench.room, ann, entryOf(model, more), work), { code: 'gate_refused' })
    assert.equal(prepared.length, 1)
  }
  for (const want of ['gate', 'signature', 'image'] as const)
    test(`a policy that asks for what it lacks: ${want}`, async () => {
      const model = await make([])
      await refusedAfter(model, () => writePolicy(bench.room, root, model, policyOf([want])))
    })

  test('a key that is believed no longer', async () => {
    const model = await make(['signature'])
    await sign(model)
    const policy = { ...policyOf(['signature']), revoked: [KEY.hint], keys: [KEY.pem, keyPair().pem] }
    await refusedAfter(model, () => writePolicy(bench.room, root, model, { ...policy, reason: 'it leaked' }))
  })

  test('what the act itself asks', async () => {
    const model = await make([])
    const gone = conditionResult({ place: 'dev' }, 'stands in dev', 'it does not')
    let stands = true
    const asks = async () => (stands ? [] : [gone])
    await refusedAfter(model, async () => void (stands = false), { asks })
    stands = true
    assert.equal((await go(ann, entryOf(model, { asks }))) instanceof Error, false)
  })
})
