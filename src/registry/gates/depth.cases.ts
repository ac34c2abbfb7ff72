/** Cases: policies, approvals, scans, reproductions and signatures as gates; returns; what is not lowered. */
import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { it } from 'node:test'
import type { Problem } from '../../contract/errors.ts'
import type { Gate } from '../../contract/registry.ts'
import { putManifest } from '../../store/blobs/trees.ts'
import { aliasHistory, aliasVersion, modelsAt, moveAlias, returnAlias } from '../aliases/aliases.ts'
import { approve, withdraw } from './approvals.ts'
import { person, root, wanted } from '../bench.cases.ts'
import type { Bench } from '../bench.cases.ts'
import { wantedDeployments } from '../versions/deployments.ts'
import { layOut } from '../context/layout.ts'
import { lineage } from '../versions/lineage.ts'
import { deleteModel, renameModel } from '../versions/models.ts'
import { readPolicy, writePolicy } from './policy.ts'
import { getVersion, gradeVersions } from '../versions/read.ts'
import { registerVersion } from '../versions/register.ts'
import { requireVersion } from '../context/context.ts'
import { filesOf, keepSignature, requireSigned } from '../signing/signatures.ts'
import { signFiles } from '../attestation/bundle.ts'
import { replayVerdict } from './verdicts.ts'
import { transitionStage } from '../versions/versions.ts'

const DEPLOYMENT = { endpoint: 'e', project: 'default', plan: null, monitor: {} }
const refused = (error: Problem): boolean => error.code === 'gate_refused'

/** A folder with a pickle; the digest of its tree. */
async function treeWith({ room }: Bench, pickle: string): Promise<string> {
  const files = await Promise.all(
    [
      ['MLmodel', 'flavors: {}\n'],
      ['model.pkl', pickle],
    ].map(async ([path = '', content = '']) => ({
      path,
      executable: false,
      ...(await room.blobs.put(Buffer.from(content, 'latin1'))),
    })),
  )
  return (await putManifest(room.blobs, files)).digest
}

const EVIL = "cos\nsystem\n(S'id'\ntR."

export function depthCases(bench: Bench): void {
  const make = async (model: string, gates: readonly Gate[], more: { tree?: string; auc?: number } = {}) =>
    registerVersion(bench.room, root, {
      ...(await wanted(bench, { model, gates, ...more })),
      ...(more.tree !== undefined && { tree: more.tree }),
      deployment: DEPLOYMENT,
    })
  const lowering = (model: string): Promise<unknown[]> =>
    bench.room.db.all("SELECT id FROM jobs WHERE kind = 'lower' AND key LIKE ?", [`${model}/%`])

  it('approvals: a version waits for them, its author does not count, then it is wanted at its endpoint', async () => {
    const made = await make('approved', [{ approvals: 2, role: 'maintainer' }])
    assert.equal(made.passed, false)
    assert.equal(made.results[0]?.outcome, 'waiting')
    const of = { model: 'approved', version: '1' }
    await assert.rejects(approve(bench.room, root, of, ''), { code: 'conflict' })
    const [ann, ben] = ['ann', 'ben'].map((name) => ({ ...person('maintainer', null), id: name, name }))
    assert.ok(ann !== undefined && ben !== undefined)
    await approve(bench.room, ann, of, 'looks right')
    await approve(bench.room, { ...ann, id: 'another token of ann' }, of, '')
    await assert.rejects(moveAlias(bench.room, root, { ...of, alias: 'production' }), refused)
    assert.deepEqual(await wantedAt('approved'), [])
    await approve(bench.room, ben, of, '')
    assert.deepEqual(await wantedAt('approved'), ['1'])
    const shown = await getVersion(bench.room, root, 'approved', '1')
    assert.equal(shown.verdict?.passed, true)
    assert.deepEqual(
      shown.approvals.map((one) => one.by),
      ['ann', 'ann', 'ben'],
    )
    await withdraw(bench.room, ben, of)
    assert.deepEqual(await wantedAt('approved'), [])
    await assert.rejects(withdraw(bench.room, ben, of), { code: 'not_found' })
    const rows = await bench.room.db.all("SELECT seq FROM audit WHERE verb = 'approve' AND resource_id = 'approved/1'")
    assert.equal(rows.length, 4)
  })
  async function wantedAt(model: string): Promise<string[]> {
    return (await wantedDeployments(bench.room.db)).filter((one) => one.model === model).map((one) => one.version)
  }

  it('approval by an admin counts for every role, by a maintainer not for the role admin', async () => {
    await make('by-admin', [{ approvals: 1, role: 'admin' }])
    const of = { model: 'by-admin', version: '1' }
    await approve(bench.room, { ...person('maintainer', null), name: 'ann' }, of, '')
    await assert.rejects(moveAlias(bench.room, root, { ...of, alias: 'production' }), refused)
    await approve(bench.room, { ...person('admin', null), id: 'x', name: 'chief' }, of, '')
    assert.equal((await moveAlias(bench.room, root, { ...of, alias: 'production' })).to, '1')
  })

  it('a version with a malicious file gets no guarded alias and no stage, whatever gates there are', async () => {
    await make('evil', [], { tree: await treeWith(bench, EVIL) })
    const shown = await getVersion(bench.room, root, 'evil', '1')
    assert.equal(shown.scan?.verdict, 'malicious')
    assert.deepEqual([shown.scan.findings[0]?.file, shown.scan.findings[0]?.what], ['model.pkl', 'os.system'])
    assert.match(shown.refusal ?? '', /^malicious: os\.system at byte 0 of model\.pkl/, 'though it has no gate')
    assert.equal(shown.lowering.state, 'pending')
    assert.deepEqual(await lowering('evil'), [], 'what would harm is not loaded to be lowered')
    await assert.rejects(
      moveAlias(bench.room, root, { model: 'evil', alias: 'production', version: '1' }),
      (error: Problem) => {
        assert.match(error.message, /os\.system at byte 0 of model\.pkl/)
        return refused(error)
      },
    )
    const stage = { name: 'evil', version: '1', stage: 'Production', archive: false }
    await assert.rejects(transitionStage(bench.room, root, stage), refused)
    assert.equal((await moveAlias(bench.room, root, { model: 'evil', alias: 'challenger', version: '1' })).to, '1')
  })

  it('a gate over scans wants all to be known: suspicious fails, clean passes', async () => {
    const gates: Gate[] = [{ scan: 'clean' }]
    const unknown = await make('scanned', gates, { tree: await treeWith(bench, 'cmine\nThing\n.') })
    assert.match(unknown.results[0]?.reason ?? '', /mine\.Thing/)
    assert.equal((await make('scanned', gates, { tree: await treeWith(bench, 'N.') })).passed, true)
  })

  it('a grade of reproduction is waited for, and judged when it comes', async () => {
    const asked = {
      ...(await wanted(bench, { model: 'proved', gates: [{ reproducibility: 'B' }] })),
      pipeline_run_id: 'run_p',
    }
    const made = await registerVersion(bench.room, root, { ...asked, deployment: DEPLOYMENT })
    assert.equal(made.results[0]?.outcome, 'waiting')
    const shown = () => getVersion(bench.room, root, 'proved', '1')
    assert.match((await shown()).refusal ?? '', /^reproducible, grade B or better: it was not reproduced yet/)
    await gradeVersions(bench.room, 'run_p', 'C')
    assert.equal((await shown()).verdict?.gates[0]?.outcome, 'failed')
    assert.equal((await shown()).refusal, 'reproducible, grade B or better: its reproduction was graded C')
    await gradeVersions(bench.room, 'run_p', 'A')
    assert.equal((await shown()).verdict?.passed, false, 'a failed one is not judged by itself')
    assert.equal((await shown()).refusal, null, 'nobody knows before it is judged by what is known now')
    assert.equal((await moveAlias(bench.room, root, { model: 'proved', alias: 'production', version: '1' })).to, '1')
  })

  it('a refusal is told as long as it rests on what still is so: the gates, and what production is', async () => {
    const worse: Gate[] = [{ metric: 'auc', not_worse_than: 'production', margin: 0, confidence: 0.95 }]
    const refusal = async (version: string) => (await getVersion(bench.room, root, 'held', version)).refusal
    const move = (version: string) => moveAlias(bench.room, root, { model: 'held', alias: 'production', version })
    for (const auc of [0.7, 0.9]) {
      await make('held', worse, { auc })
      await move(auc === 0.7 ? '1' : '2')
    }
    await make('held', worse, { auc: 0.8 })
    assert.match((await refusal('3')) ?? '', /^auc not worse than production: .* differs from version 2 by -0\.1/)
    await assert.rejects(move('3'), refused)
    assert.equal(await refusal('2'), null, 'what holds is not refused')
    const back = { model: 'held', alias: 'production', from: '2', to: '1', reason: 'rolled back' }
    await bench.room.db.tx((t) => returnAlias(t, bench.room, root, back))
    assert.equal(await refusal('3'), null, 'against version 1 it is better')
    assert.equal((await move('3')).to, '3')
    await writePolicy(bench.room, root, 'held', {
      gates: [{ metric: 'auc', at_least: 0.95 }],
      require_signature: false,
      keys: [],
    })
    assert.equal(await refusal('3'), null, 'its last verdict was by other gates')
    await assert.rejects(move('1'), refused)
  })

  it('a policy adds to the gates of the project file, and outlives the model', async () => {
    await make('ruled', [], { auc: 0.6 })
    const policy = { gates: [{ metric: 'auc', at_least: 0.7 }], require_signature: false, keys: [] }
    await writePolicy(bench.room, root, 'ruled', policy)
    const wish = { model: 'ruled', alias: 'production', version: '1' }
    await assert.rejects(moveAlias(bench.room, root, wish), refused)
    await deleteModel(bench.room, root, 'ruled')
    const again = await make('ruled', [], { auc: 0.65 })
    assert.equal(again.passed, false)
    await renameModel(bench.room, root, 'ruled', 'ruled-anew')
    await assert.rejects(moveAlias(bench.room, root, { ...wish, model: 'ruled-anew' }), refused)
    const found = await readPolicy(bench.room.db, 'ruled-anew')
    assert.deepEqual([found.gates.length, found.project_gates.length, found.updated_by], [1, 0, 'admin'])
    await assert.rejects(writePolicy(bench.room, root, 'ruled-anew', { ...policy, keys: ['no key'] }), {
      code: 'invalid_field',
    })
    const unsigned = { ...policy, require_signature: true }
    await assert.rejects(writePolicy(bench.room, root, 'ruled-anew', unsigned), { code: 'invalid_field' })
  })

  it('gates that a project file changes are in the audit trail, and so is who overrides them', async () => {
    await make('changed', [{ metric: 'auc', at_least: 0.8 }], { auc: 0.5 })
    await make('changed', [{ metric: 'auc', at_least: 0.9 }], { auc: 0.6 })
    const wish = { model: 'changed', alias: 'production', version: '2' }
    await moveAlias(bench.room, root, { ...wish, override: true, reason: 'the old one is broken' })
    const rows = await bench.room.db.all<{ detail: string }>(
      "SELECT detail FROM audit WHERE resource_id IN ('changed', 'changed@production') ORDER BY seq",
    )
    const [gates, override] = rows.map((row) => JSON.parse(row.detail) as Record<string, unknown>)
    const limit = (at_least: number): object[] => [{ metric: 'auc', at_least }]
    assert.deepEqual(gates, { gates: { from: limit(0.8), to: limit(0.9) } })
    assert.deepEqual(
      [override?.['overridden'], override?.['role'], override?.['reason']],
      [true, 'admin', 'the old one is broken'],
    )
  })

  it('what its gates refuse is not lowered until it is promoted', async () => {
    const gates: Gate[] = [{ metric: 'auc', at_least: 0.7 }]
    await make('lazy', gates, { auc: 0.5 })
    assert.deepEqual(await lowering('lazy'), [])
    await make('lazy', gates, { auc: 0.9 })
    assert.equal((await lowering('lazy')).length, 1)
    await moveAlias(bench.room, root, {
      model: 'lazy',
      alias: 'production',
      version: '1',
      override: true,
      reason: 'a test',
    })
    assert.equal((await lowering('lazy')).length, 2)
  })

  it('a return moves the alias back without judging, and only to where it was', async () => {
    const gates: Gate[] = [{ metric: 'auc', not_worse_than: 'production', margin: 0, confidence: 0.95 }]
    for (const auc of [0.7, 0.8, 0.9]) await make('back', gates, { auc })
    const moveTo = (version: string) => moveAlias(bench.room, root, { model: 'back', alias: 'production', version })
    await moveTo('1')
    await moveTo('2')
    const back = (from: string, to: string) =>
      bench.room.db.tx((t) =>
        returnAlias(t, bench.room, root, {
          model: 'back',
          alias: 'production',
          from,
          to,
          reason: 'endpoint "e" was rolled back',
        }),
      )
    assert.equal(await back('2', '3'), undefined, 'it never named version 3')
    assert.equal(await back('1', '2'), undefined, 'it does not name version 1 now')
    assert.equal((await back('2', '1'))?.to, '1')
    assert.equal(await aliasVersion(bench.room.db, 'back', 'production'), '1')
    const [last] = await aliasHistory(bench.room, 'back')
    assert.deepEqual([last?.from, last?.to, last?.verdict_id], ['2', '1', null])
  })

  it('what an alias named at a time is told with who moved it and why', async () => {
    await make('told', [])
    bench.wait(60_000)
    await moveAlias(bench.room, root, { model: 'told', alias: 'production', version: '1', reason: 'first' })
    const at = async (ms: number) => (await modelsAt(bench.room.db, root, ms)).filter((one) => one.model === 'told')
    assert.deepEqual(await at(bench.room.clock() - 1), [])
    const [now] = await at(bench.room.clock())
    assert.deepEqual([now?.version, now?.moved_by, now?.reason], ['1', 'admin', 'first'])
  })

  it('a policy that asks for signatures refuses what is unsigned, signed by others, or changed on disk, by name', async () => {
    const keys = ['a', 'b'].map(() => generateKeyPairSync('ec', { namedCurve: 'P-256' }))
    const pem = (i: number) => keys[i]?.publicKey.export({ type: 'spki', format: 'pem' }).toString() ?? ''
    const secret = (i: number) => keys[i]?.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() ?? ''
    await make('signed', [], { tree: await treeWith(bench, 'N.') })
    await writePolicy(bench.room, root, 'signed', { gates: [], require_signature: true, keys: [pem(0)] })
    const row = await requireVersion(bench.room.db, 'signed', 1)
    const dir = await layOut(bench.room, row.tree ?? '')
    await assert.rejects(requireSigned(bench.room, row, dir), /signed\/1 is not loaded: it is not signed/)
    const files = await filesOf(bench.room, row)
    const of = { model: 'signed', version: '1' }
    const by = (i: number, list = files) => ({ bundle: signFiles('signed', list, secret(i)), key: pem(i) })
    await assert.rejects(keepSignature(bench.room, root, of, { ...by(0), key: pem(1) }), { code: 'unprocessable' })
    await assert.rejects(keepSignature(bench.room, root, of, by(0, files.slice(1))), /was not there when it was signed/)
    await assert.rejects(keepSignature(bench.room, root, of, { bundle: '{}', key: pem(0) }), { code: 'unprocessable' })
    assert.equal((await keepSignature(bench.room, root, of, by(1))).trusted, false)
    await assert.rejects(
      requireSigned(bench.room, row, dir),
      /signature names the key [0-9a-f]{16}…, not [0-9a-f]{16}…$/,
    )
    assert.equal((await keepSignature(bench.room, root, of, by(0))).trusted, true)
    await requireSigned(bench.room, row, dir)
    const spoiled = join(bench.room.modelsDir, 'spoiled')
    await mkdir(spoiled)
    await writeFile(join(spoiled, 'MLmodel'), 'flavors: {}\n')
    await writeFile(join(spoiled, 'model.pkl'), 'tampered')
    await assert.rejects(requireSigned(bench.room, row, spoiled), /model\.pkl differs from what was signed/)
  })

  it('the lineage of a version links to pages whatever the names are, and shows what a source adds once', async () => {
    await make('why? 50 %', [])
    const added = { id: 'endpoint:a', kind: 'endpoint' as const, label: 'a', href: '/endpoints/a' }
    const edge = { from: 'version:why? 50 %/1', to: 'endpoint:a', label: 'stable' }
    const source = () => Promise.resolve({ nodes: [added], edges: [edge] })
    const { nodes, edges } = await lineage(bench.room, [source, source], 'why? 50 %', '1')
    const own = nodes.find((node) => node.kind === 'version')
    assert.deepEqual(own, {
      id: 'version:why? 50 %/1',
      kind: 'version',
      label: 'why? 50 % 1',
      href: '/models/why%3F%2050%20%25/versions/1',
    })
    assert.equal(nodes.filter((node) => node.id === 'endpoint:a').length, 1)
    assert.ok(edges.some((one) => one.to === 'endpoint:a'))
    await assert.rejects(lineage(bench.room, [], 'why? 50 %', '2'), { code: 'not_found' })
  })

  it('every verdict of these replays to the same result', async () => {
    for (const { id } of await bench.room.db.all<{ id: string }>('SELECT id FROM verdicts')) {
      assert.equal((await replayVerdict(bench.room, id)).same, true, id)
    }
  })
}
