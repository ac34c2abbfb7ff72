/** Cases: what is attested of versions, by which key, and what becomes of it when rows, keys or names change. */
import assert from 'node:assert/strict'
import { createPublicKey, generateKeyPairSync, verify } from 'node:crypto'
import { it } from 'node:test'
import type { Attestation } from '../../contract/pipelines/attestations.ts'
import type { Row } from '../../store/db.ts'
import { openSigner } from '../attestation/signer.ts'
import { modelTree, root, wanted } from '../bench.cases.ts'
import type { Bench } from '../bench.cases.ts'
import type { Registry } from '../context/context.ts'
import { writePolicy } from '../gates/policy.ts'
import { registryTables } from '../moved/tables.ts'
import { deleteModel, renameModel } from '../versions/models.ts'
import { registerVersion } from '../versions/register.ts'
import { attestReproduction, listAttestations, type Verdict } from './attestations.ts'

/** A private key as PEM and its public one. */
function pair(): { secret: string; open: string } {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return {
    secret: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    open: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
  }
}

const verdictOf = (of_run: string, run: string, change: Partial<Verdict> = {}): Verdict => ({
  of_run,
  run,
  grade: 'C',
  detail: 'step "train": output "model" differs',
  first_divergent_step: 'train',
  missing: [],
  tolerance: 1e-9,
  rules: 3,
  compared: [
    { step: 'load', outputs: 'identical' },
    { step: 'train', outputs: 'different', differing: ['model'] },
  ],
  ...change,
})

export function attestationCases(bench: Bench): void {
  const [ours, theirs] = [pair(), pair()]
  const signing = (secret = ours.secret): Registry => ({ ...bench.room, signer: openSigner(secret) })
  /** A version of each pipeline run, all of other files. */
  async function made(model: string, ...runs: string[]): Promise<void> {
    for (const [at, pipeline] of runs.entries())
      await registerVersion(bench.room, root, await wanted(bench, { model, pipeline, auc: 0.5 + at / 100 }))
  }
  const attest = (verdict: Verdict, room = signing()): Promise<void> =>
    room.db.tx((t) => attestReproduction(room, t, verdict))
  const list = async (name: string, version = '1', room = signing()): Promise<Attestation[]> =>
    (await listAttestations(room, { name, version }, { limit: 100 })).items
  const set = (model: string, version: number, row: Row): Promise<unknown> =>
    bench.room.db.tx((t) => {
      const columns = Object.keys(row).map((column) => `${column} = ?`)
      const query = `UPDATE model_attestations SET ${columns.join(', ')} WHERE model = ? AND version = ?`
      return t.run(query, [...Object.values(row), model, version])
    })

  it('a reproduction is attested once, as a statement about the files of the version that other programs can verify', async () => {
    await made('attested', 'pr_at1')
    await attest(verdictOf('pr_at1', 'pr_at2'))
    await attest(verdictOf('pr_at1', 'pr_at2', { grade: 'A' }))
    await attest(verdictOf('pr_elsewhere', 'pr_at3'))
    const [one, ...none] = await list('attested')
    assert.deepEqual([none, one?.fault, one?.run, one?.says?.grade], [[], null, 'pr_at2', 'C'])
    const { dsseEnvelope: envelope } = JSON.parse(one?.bundle ?? '') as {
      dsseEnvelope: { payload: string; payloadType: string; signatures: { sig: string }[] }
    }
    const payload = Buffer.from(envelope.payload, 'base64')
    const head = `DSSEv1 ${envelope.payloadType.length} ${envelope.payloadType} ${payload.length} `
    const signed = Buffer.concat([Buffer.from(head), payload])
    const signature = Buffer.from(envelope.signatures[0]?.sig ?? '', 'base64')
    assert.ok(verify('sha256', signed, createPublicKey(ours.open), signature))
    const { predicate, ...statement } = JSON.parse(payload.toString()) as Record<string, unknown>
    assert.deepEqual(statement, {
      _type: 'https://in-toto.io/Statement/v1',
      subject: [
        { name: 'attested/1', digest: { sha256: (await modelTree(bench, 'attested 0.5')).replace('sha256:', '') } },
      ],
      predicateType: 'https://slipway.dev/reproduction/v1',
    })
    const at = new Date(bench.room.clock()).toISOString()
    assert.deepEqual(predicate, { ...verdictOf('pr_at1', 'pr_at2'), model: 'attested', version: '1', at })
    const trail = await bench.room.db.all<{ resource_id: string; detail: string }>(
      "SELECT resource_id, detail FROM audit WHERE detail LIKE '%\"attested\"%' AND resource_id = 'attested/1'",
    )
    assert.deepEqual(
      trail.map(({ detail }) => JSON.parse(detail) as object),
      [{ attested: 'pr_at2', grade: 'C', key: one?.key }],
    )
  })

  it('a server without a key attests nothing and says so; what another has signed is shown, and who is believed decides', async () => {
    const off = bench.room
    await made('unattested', 'pr_un1')
    await attest(verdictOf('pr_un1', 'pr_un2'), off)
    const empty = await listAttestations(off, { name: 'unattested', version: '1' }, { limit: 100 })
    assert.deepEqual(empty, { items: [], signing_key: null })
    await attest(verdictOf('pr_un1', 'pr_un3'), signing(theirs.secret))
    const faultBy = async (room: Registry): Promise<string | null | undefined> =>
      (await list('unattested', '1', room))[0]?.fault
    assert.match((await faultBy(off)) ?? '', /^signature names the key [0-9a-f]{16}…, not one that is believed$/)
    assert.match((await faultBy(signing())) ?? '', /^signature names the key [0-9a-f]{16}…, not [0-9a-f]{16}…$/)
    assert.equal(await faultBy(signing(theirs.secret)), null)
    const policy = { gates: [], require_signature: false, keys: [theirs.open] }
    await writePolicy(bench.room, root, 'unattested', policy)
    assert.equal(await faultBy(off), null)
    const [one] = await list('unattested')
    await writePolicy(bench.room, root, 'unattested', { ...policy, revoked: [one?.key ?? ''] })
    assert.match((await faultBy(signing(theirs.secret))) ?? '', /which is revoked$/)
  })

  it('a changed envelope, one of another version and one that is none do not hold, and each says why', async () => {
    await made('forged', 'pr_fo1', 'pr_fo2')
    await attest(verdictOf('pr_fo1', 'pr_fo3'))
    await attest(verdictOf('pr_fo2', 'pr_fo4'))
    const faultWith = async (bundle: string): Promise<string | null | undefined> => {
      await set('forged', 1, { bundle })
      return (await list('forged'))[0]?.fault
    }
    const bundle = (await list('forged'))[0]?.bundle ?? ''
    const envelope = JSON.parse(bundle) as { dsseEnvelope: { payload: string } }
    const text = Buffer.from(envelope.dsseEnvelope.payload, 'base64').toString()
    const payload = Buffer.from(text.replace('"grade":"C"', '"grade":"A"')).toString('base64')
    const changed = { ...envelope, dsseEnvelope: { ...envelope.dsseEnvelope, payload } }
    assert.equal(await faultWith(JSON.stringify(changed)), 'its content was changed after it was signed')
    const other = (await list('forged', '2'))[0]?.bundle ?? ''
    assert.match(
      (await faultWith(other)) ?? '',
      /^it is about files of the digest [0-9a-f]{64}, and those of this version/,
    )
    assert.equal(await faultWith('nothing'), 'the bundle is no JSON')
    assert.equal((await list('forged'))[0]?.says, null)
    const { signer } = signing()
    assert.equal(await faultWith(signer?.sign({ _type: 'x' }) ?? ''), 'the statement is not about a reproduction')
    assert.equal(await faultWith(bundle), null)
  })

  it('of two versions of the same files each has its own', async () => {
    await made('twins', 'pr_tw1')
    await registerVersion(bench.room, root, await wanted(bench, { model: 'twins', pipeline: 'pr_tw2', auc: 0.5 }))
    await attest(verdictOf('pr_tw1', 'pr_tw3'))
    const [first] = await list('twins')
    await attest(verdictOf('pr_tw2', 'pr_tw4'))
    await set('twins', 2, { bundle: first?.bundle ?? '' })
    assert.equal((await list('twins', '2'))[0]?.fault, 'it is about version 1, and this is version 2')
  })

  it('they are listed newest first, a page at a time; other rules give another of the same run', async () => {
    await made('paged', 'pr_pa')
    for (const run of ['pr_pa1', 'pr_pa2', 'pr_pa3']) {
      await attest(verdictOf('pr_pa', run))
      if (run !== 'pr_pa2') bench.wait(1000)
    }
    await attest(verdictOf('pr_pa', 'pr_pa1', { rules: 4, grade: 'D' }))
    const seen: string[] = []
    for (let page_token: string | undefined; ;) {
      const page = await listAttestations(signing(), { name: 'paged', version: '1' }, { limit: 1, page_token })
      seen.push(...page.items.map(({ run, says }) => `${run} ${says?.grade ?? ''}`))
      page_token = page.next_page_token
      if (page_token === undefined) break
    }
    assert.deepEqual(seen, ['pr_pa1 D', 'pr_pa3 C', 'pr_pa2 C', 'pr_pa1 C'])
    await assert.rejects(listAttestations(signing(), { name: 'paged', version: '2' }, { limit: 1 }), {
      code: 'not_found',
    })
  })

  it('they follow a model that is renamed, hold there, go with one that is deleted, and move with it to another server', async () => {
    await made('renamed-before', 'pr_re1')
    await attest(verdictOf('pr_re1', 'pr_re2'))
    await renameModel(bench.room, root, 'renamed-before', 'renamed-after')
    assert.deepEqual(
      (await list('renamed-after')).map(({ run, fault }) => [run, fault]),
      [['pr_re2', null]],
    )
    const moved = registryTables(bench.room).find(({ name }) => name === 'model_attestations')
    const [row] = await bench.room.db.all("SELECT * FROM model_attestations WHERE model = 'renamed-after'")
    assert.deepEqual(moved?.columns.map(({ name }) => name).toSorted(), Object.keys(row ?? {}).toSorted())
    await deleteModel(bench.room, root, 'renamed-after')
    const left = await bench.room.db.all("SELECT run_id FROM model_attestations WHERE model = 'renamed-after'")
    assert.deepEqual(left, [])
  })
}
