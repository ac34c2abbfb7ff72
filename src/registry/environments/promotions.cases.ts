/** Images go from environment to environment, are refused and overridden, and come back: for every database. */
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { setImmediate as turn, setTimeout as delay } from 'node:timers/promises'
import type { Problem } from '../../contract/errors.ts'
import type { Gate } from '../../contract/registry.ts'
import { person, root, wanted } from '../bench.cases.ts'
import type { Bench } from '../bench.cases.ts'
import { writePolicy } from '../gates/policy.ts'
import { documentsOf, imageOf, keyPair, signatureOf } from '../images/image.fixture.ts'
import { listImages, recordImage } from '../images/images.ts'
import { registerVersion } from '../versions/register.ts'
import { deleteModel, renameModel } from '../versions/models.ts'
import { deleteEnvironment, listEnvironments, putEnvironment } from './environments.ts'
import { standingFaults } from './faults.ts'
import { promoteImage, standings } from './promotions.ts'
import type { PromotionWish } from './promotions.ts'

const maintainer = person('maintainer', null)
const GATE: Gate = { metric: 'auc', at_least: 0.7 }

export function environmentCases(bench: Bench): void {
  const [good, other] = [keyPair(), keyPair()]

  const put = (name: string, after: string | null, more: object = {}) =>
    putEnvironment(bench.room, root, name, {
      after,
      repository: `registry.example.org/${name}/{model}`,
      keys: after === null ? [] : [good.pem],
      gated: true,
      ...more,
    })

  /** A version and an image of it, signed by these keys. */
  async function made(model: string, auc: number, signers = [good]): Promise<string> {
    const { version } = await registerVersion(
      bench.room,
      root,
      await wanted(bench, { model, auc, gates: auc >= 0.7 ? [GATE] : [] }),
    )
    const image = await imageOf(bench.room, { model, version }, signers)
    return (await recordImage(bench.room, root, image)).digest
  }

  const promote = (model: string, environment: string, digest: string | null, more: Partial<PromotionWish> = {}) =>
    promoteImage(bench.room, maintainer, {
      model,
      environment,
      digest,
      back: false,
      reason: '',
      override: false,
      check: false,
      ...more,
    })

  const stands = async (model: string) =>
    Object.fromEntries(
      (await standings(bench.room, model)).items.map((one) => [one.environment, one.standing?.digest ?? null]),
    )

  async function audited(model: string): Promise<object[]> {
    const rows = await bench.room.db.all<{ detail: string }>(
      "SELECT detail FROM audit WHERE verb = 'promote' AND resource_id LIKE ? ORDER BY seq",
      [`${model}/%`],
    )
    return rows.map((row) => JSON.parse(row.detail) as object)
  }

  describe('environments', () => {
    before(async () => {
      await put('dev', null)
      await put('staging', 'dev')
      await put('production', 'staging')
    })

    it('come one after the other, and never in a circle', async () => {
      const order = (await listEnvironments(bench.room.db)).map(({ name, after }) => [name, after])
      assert.deepEqual(order, [
        ['dev', null],
        ['staging', 'dev'],
        ['production', 'staging'],
      ])
      for (const after of ['production', 'dev', 'nowhere'])
        await assert.rejects(put('dev', after), (error: Problem) => {
          assert.deepEqual([error.code, error.data['field']], ['invalid_field', 'after'])
          return true
        })
      await assert.rejects(put('other', 'dev', { keys: ['no key'] }), { code: 'invalid_field' })
      for (const secret of [good.secret, good.secret.replaceAll(/-----.*-----/g, ''), good.secret.slice(0, 60)])
        await assert.rejects(put('other', 'dev', { keys: [secret] }), (error: Problem) => {
          const said = `${error.message} ${JSON.stringify(error.data)}`
          assert.match(said, /keys\[0\]: got (?:a private key|\d+ characters that are none), expected a public key/)
          assert.ok(!said.includes(good.secret.split('\n')[1]?.slice(0, 8) ?? ''), said)
          return true
        })
      await assert.rejects(deleteEnvironment(bench.room, root, 'staging'), { code: 'conflict', message: /production/ })
      await assert.rejects(deleteEnvironment(bench.room, root, 'nowhere'), { code: 'not_found' })
      await put('spare', 'production')
      await deleteEnvironment(bench.room, root, 'spare')
      assert.equal((await listEnvironments(bench.room.db)).length, 3)
    })

    it('are passed by one digest, each after the one before, and what stood before is known', async () => {
      const first = await made('walk', 0.8)
      await assert.rejects(promote('walk', 'staging', first), {
        code: 'gate_refused',
        message:
          /may not become the image in "staging": environment before: the image sha256:\S+ does not stand in "dev": nothing does/,
      })
      await assert.rejects(promote('walk', 'nowhere', first), { code: 'not_found' })
      await assert.rejects(promote('walk', 'dev', `sha256:${'0'.repeat(64)}`), { code: 'not_found' })
      for (const environment of ['dev', 'staging', 'production']) await promote('walk', environment, first)
      assert.deepEqual(await stands('walk'), { dev: first, staging: first, production: first })
      bench.wait(5)
      const second = await made('walk', 0.9)
      await promote('walk', 'dev', second, { reason: 'new data' })
      assert.deepEqual(await stands('walk'), { dev: second, staging: first, production: first })
      await assert.rejects(promote('walk', 'production', second), {
        code: 'gate_refused',
        message: new RegExp(`does not stand in "staging": ${first.slice(0, 19)}… does`),
      })
      const { history } = await standings(bench.room, 'walk')
      assert.partialDeepStrictEqual(history[0], {
        environment: 'dev',
        digest: second,
        from: first,
        version: '2',
        actor: 'maintainer',
        reason: 'new data',
        refusal: null,
      })
      assert.equal(history.length, 4)
      assert.equal((await audited('walk')).length, 4, 'what is refused leaves no row')
    })

    it('refuse what gates refuse, unless an admin overrides them with a reason, and tell that', async () => {
      const digest = await made('weak', 0.8)
      await promote('weak', 'dev', digest)
      await writePolicy(bench.room, root, 'weak', {
        gates: [{ metric: 'auc', at_least: 0.95 }],
        require_signature: false,
        keys: [],
      })
      const refused = { code: 'gate_refused', message: /auc at least 0\.95: auc is 0\.8/ }
      await assert.rejects(promote('weak', 'staging', digest), refused)
      await assert.rejects(promote('weak', 'staging', digest, { check: true }), refused)
      await assert.rejects(promote('weak', 'staging', digest, { override: true, reason: 'now' }), { code: 'forbidden' })
      const as = (reason: string) =>
        promoteImage(bench.room, root, {
          model: 'weak',
          environment: 'staging',
          digest,
          back: false,
          check: false,
          override: true,
          reason,
        })
      await assert.rejects(as(' '), { code: 'invalid_field' })
      const done = await as('the desk waits')
      assert.match(done.refusal ?? '', /auc is 0\.8/)
      assert.partialDeepStrictEqual((await audited('weak')).at(-1), { overridden: true, role: 'admin', image: digest })
      await put('open', null, { gated: false })
      await promote('weak', 'open', digest)
    })

    it('refuse a wrong key, a tampered layer, a missing signature and a revoked key, each by name', async () => {
      const refusals: string[] = []
      for (const [model, signers] of [
        ['sig-wrong', [other]],
        ['sig-none', []],
        ['sig-good', [good]],
      ] as const) {
        const digest = await made(model, 0.8, [...signers])
        await promote(model, 'dev', digest)
        if (model === 'sig-good') await promote(model, 'staging', digest)
        else
          await assert.rejects(promote(model, 'staging', digest), (error: Problem) => {
            refusals.push(error.message)
            return error.code === 'gate_refused' && error.message.includes(digest)
          })
      }
      assert.match(
        refusals[0] ?? '',
        new RegExp(`signature names the key ${other.hint.slice(0, 16)}…, not ${good.hint.slice(0, 16)}`),
      )
      assert.match(refusals[1] ?? '', /is not signed/)
      const before = await imageOf(bench.room, { model: 'sig-good', version: '1' }, [good])
      const tampered = await imageOf(bench.room, { model: 'sig-good', version: '1' }, [], 'evil weights')
      await recordImage(bench.room, root, { ...tampered, signatures: before.signatures })
      await promote('sig-good', 'dev', tampered.digest)
      await assert.rejects(promote('sig-good', 'staging', tampered.digest), {
        code: 'gate_refused',
        message: /manifest\.json differs from what was signed/,
      })
      const policy = { gates: [], require_signature: false, keys: [], revoked: [good.hint] }
      await writePolicy(bench.room, root, 'sig-good', policy)
      const { items } = await standings(bench.room, 'sig-good')
      assert.match(items.find((one) => one.environment === 'staging')?.refusal ?? '', /which is revoked/)
      await promote('sig-good', 'dev', before.digest)
      await assert.rejects(promote('sig-good', 'production', before.digest), { message: /which is revoked/ })
    })

    it('tell of what stands already that its key was revoked since, until an admin says that it may stay', async () => {
      const digest = await made('since', 0.8)
      for (const environment of ['dev', 'staging']) await promote('since', environment, digest)
      const faults = async (who = root) =>
        (await standingFaults(bench.room.db, who)).filter(({ model }) => model === 'since')
      const check = () => promote('since', 'staging', digest, { check: true })
      assert.equal((await check()).digest, digest)
      assert.deepEqual(await faults(), [])
      await writePolicy(bench.room, root, 'since', {
        gates: [{ metric: 'auc', at_least: 0.99 }],
        require_signature: false,
        keys: [],
        revoked: [good.hint],
      })
      const said = {
        code: 'gate_refused',
        message: new RegExp(
          `it stands there, and the image ${digest}: .*${good.hint.slice(0, 16)}…, which is revoked$`,
        ),
      }
      await assert.rejects(check(), said, 'gates are not asked of what stands, its signature is')
      await assert.rejects(promote('since', 'staging', digest), said)
      assert.equal((await promote('since', 'dev', digest)).digest, digest, 'dev asks for no signature')
      const { items } = await standings(bench.room, 'since')
      assert.deepEqual(items.map(({ environment, revoked }) => [environment, revoked]).slice(0, 2), [
        ['dev', false],
        ['staging', true],
      ])
      const [fault, ...more] = await faults()
      assert.equal(more.length, 0)
      assert.partialDeepStrictEqual(fault, { environment: 'staging', digest, version: '1', revoked: true })
      assert.match(fault?.refusal ?? '', /which is revoked/)
      assert.deepEqual(await faults(person('viewer', 'another project')), [])
      const stays = await promoteImage(bench.room, root, {
        model: 'since',
        environment: 'staging',
        digest,
        back: false,
        check: false,
        override: true,
        reason: 'built before the theft',
      })
      assert.match(stays.refusal ?? '', /which is revoked/)
      assert.deepEqual(await faults(), [])
      assert.equal((await check()).at, stays.at)
      assert.equal((await standings(bench.room, 'since')).items[1]?.revoked, true, 'it would still be refused')
    })

    it('go back to the digest before without asking gates, but never to one whose key is revoked', async () => {
      const first = await made('back', 0.8)
      for (const environment of ['dev', 'staging']) await promote('back', environment, first)
      await assert.rejects(promote('back', 'staging', null, { back: true }), { code: 'conflict' })
      await assert.rejects(promote('back', 'staging', null), { code: 'invalid_field' })
      const second = await made('back', 0.9)
      for (const environment of ['dev', 'staging']) await promote('back', environment, second)
      const never = await made('back', 0.85)
      await assert.rejects(promote('back', 'staging', never, { back: true }), {
        message: /has never stood in "staging"/,
      })
      await writePolicy(bench.room, root, 'back', {
        gates: [{ metric: 'auc', at_least: 0.99 }],
        require_signature: false,
        keys: [],
      })
      const back = await promote('back', 'staging', null, { back: true, reason: 'it is slow' })
      assert.deepEqual([back.digest, back.from, back.returned, back.refusal], [first, second, true, null])
      assert.deepEqual((await promote('back', 'staging', first)).at, back.at, 'what stands there already stays')
      const revoked = { gates: [], require_signature: false, keys: [], revoked: [good.hint], reason: 'it was stolen' }
      await writePolicy(bench.room, root, 'back', revoked)
      await assert.rejects(promote('back', 'staging', null, { back: true }), { message: /which is revoked/ })
    })

    it('hold one image, however many are promoted at once', async () => {
      const digests = [await made('many', 0.8), await made('many', 0.85), await made('many', 0.9)]
      await Promise.all(digests.map((digest) => promote('many', 'dev', digest)))
      const { history, items } = await standings(bench.room, 'many')
      assert.equal(history.length, 3)
      assert.equal(items[0]?.standing?.digest, history[0]?.digest)
      for (const [i, row] of history.entries()) assert.equal(row.from, history[i + 1]?.digest ?? null)
      const there = items[0]?.standing?.digest ?? ''
      const results = await Promise.allSettled(digests.map((digest) => promote('many', 'staging', digest)))
      assert.deepEqual(
        results.map(({ status }) => status === 'fulfilled'),
        digests.map((digest) => digest === there),
      )
    })

    it('hold what was promoted several times at once as one move', async () => {
      const digest = await made('twice', 0.8)
      const done = await Promise.all([1, 2, 3, 4].map(() => promote('twice', 'dev', digest)))
      assert.equal(new Set(done.map(({ at }) => at)).size, 1)
      const { history } = await standings(bench.room, 'twice')
      assert.deepEqual(
        history.map(({ digest: to, from }) => [to, from]),
        [[digest, null]],
      )
    })

    it('are not removed while something comes to stand there', async () => {
      const digest = await made('between', 0.8)
      await put('between', null)
      const { audit } = bench.room
      const written = Promise.withResolvers<void>()
      // the removal is asked for when the move is written and not yet there for others to see
      const record: typeof audit.record = async (...row) => {
        written.resolve()
        // SQLite has one writer, and its transactions wait for nothing
        // by the clock: mostly the removal comes within it; where it comes later it is refused as well
        if (bench.room.db.kind === 'postgres') await delay(300)
        return audit.record(...row)
      }
      const removal = async (): Promise<void> => {
        await written.promise
        await turn()
        await deleteEnvironment(bench.room, root, 'between')
      }
      const room = { ...bench.room, audit: { ...audit, record } }
      const wish = { model: 'between', environment: 'between', digest, back: false, reason: '' }
      const [, removed] = await Promise.allSettled([
        promoteImage(room, maintainer, { ...wish, override: false, check: false }),
        removal(),
      ])
      assert.equal(removed.status === 'rejected' && (removed.reason as Problem).code, 'conflict')
      assert.equal((await stands('between'))['between'], digest)
      await put('gone', null)
      await deleteEnvironment(bench.room, root, 'gone')
      await assert.rejects(promote('between', 'gone', digest), { code: 'not_found' })
    })

    it('take an image for what its own documents say, and for nothing else', async () => {
      await made('said', 0.8)
      const right = await imageOf(bench.room, { model: 'said', version: '1' })
      const record = (given: object) => recordImage(bench.room, root, { ...right, ...given })
      const { tree } = (await bench.room.db.get<{ tree: string }>(
        "SELECT tree FROM model_versions WHERE model = 'said' AND version = 1",
      )) ?? { tree: '' }
      const labels = (more: object) => ({
        'dev.slipway.model': 'said',
        'dev.slipway.version': '1',
        'dev.slipway.files': tree,
        ...more,
      })
      for (const [given, message] of [
        [{ documents: right.documents.slice(0, 1) }, /the document sha256:\S+ of the image is missing/],
        [{ digest: `sha256:${'1'.repeat(64)}` }, /the document sha256:1+ of the image is missing/],
        [documentsOf({}, 'x'), /is made of no model/],
        [documentsOf(labels({ 'dev.slipway.model': 'walk' }), 'x'), /is made of the model "walk"/],
        [documentsOf(labels({ 'dev.slipway.files': 'sha256:other' }), 'x'), /is made of the files sha256:other/],
        [{ signatures: ['{}'] }, /a signature of the image is none/],
      ] as const)
        await assert.rejects(record(given), { code: 'unprocessable', message })
      await assert.rejects(record(documentsOf(labels({ 'dev.slipway.version': '9' }), 'x')), { code: 'not_found' })
      const [one] = await listImages(bench.room, 'said')
      assert.deepEqual([one?.digest, one?.trusted], [right.digest, false], 'no key of the policy is known')
      await record({ signatures: [signatureOf(right.digest, other.secret)] })
      const by = async () => (await listImages(bench.room, 'said'))[0]?.signatures.map(({ key }) => key)
      assert.equal((await by())?.at(-1), other.hint)
      await record({ signatures: [signatureOf(right.digest, good.secret)] })
      await record({ signatures: [signatureOf(right.digest, other.secret)] })
      assert.deepEqual(await by(), [good.hint, other.hint], 'a key of an environment has signed it')
      await record({ signatures: [] })
      assert.deepEqual(await by(), [good.hint], 'what is trusted cannot be taken away, and the rest fills nothing')
      // its own key and digest are what it names, and it is of another image
      const moved = signatureOf(`sha256:${'2'.repeat(64)}`, good.secret)
      const { signatures } = await record({ signatures: [moved] })
      assert.deepEqual(
        signatures.map(({ key, trusted_by }) => [key, trusted_by]),
        [
          [good.hint, ['environment production', 'environment staging']],
          [good.hint, []],
        ],
      )
      assert.match(
        signatures[1]?.fault ?? '',
        /policy: .*; environment staging: manifest\.json differs from what was signed/,
      )
    })

    it('follow a model that is renamed, and forget one that is deleted', async () => {
      const digest = await made('named', 0.8)
      await promote('named', 'dev', digest)
      await renameModel(bench.room, root, 'named', 'renamed')
      assert.equal((await stands('renamed'))['dev'], digest)
      await deleteModel(bench.room, root, 'renamed')
      await made('renamed', 0.9)
      assert.equal((await stands('renamed'))['dev'], null)
    })
  })
}
