/** Cases: routing, cache and guardrails of endpoints: kept and told to gateways as given, changed in part, left alone by MLflow's calls, refused where they cannot be used. */
import assert from 'node:assert/strict'
import { beforeEach, describe, it } from 'node:test'
import type { Principal } from '../../contract/access.ts'
import type { Problem } from '../../contract/errors.ts'
import { EndpointChange, NewEndpoint, NewProvider } from '../../contract/llm/providers.ts'
import type { Bench } from '../../tracking/bench.cases.ts'
import { roomWithTokens } from '../keys/room.fixture.ts'
import { resetLlm } from '../removal.ts'
import { listEndpointStates } from '../route/listing.ts'
import { llmRoute } from '../route/route.ts'
import { getEndpoint, updateEndpoint } from './endpoints.ts'
import { changePlainEndpoint, createPlainEndpoint } from './plain-endpoints.ts'
import { createProvider } from './plain-providers.ts'
import { NOTHING } from './settings.fixture.ts'
import type { Endpoint } from './settings.fixture.ts'

const PII = { kind: 'pii', name: 'personal', action: 'redact', find: ['email'] }
const HOOK = { kind: 'hook', name: 'rules', action: 'block', on: 'request', url: 'https://1.1.1.1/s3cret?k=s3cret' }
const WHOLE_HOOK = { ...HOOK, timeout_ms: 2000, on_fault: 'block' }
const MODELS = [{ provider: 'local', model: 'm' }]

export function optionCases(bench: Bench): void {
  describe('options of endpoints of language models', () => {
    const room = () => ({ ...roomWithTokens(bench), egressAllow: ['127.0.0.1:9000'] })
    const red = (): Principal => ({ ...bench.member('red'), role: 'maintainer' })
    beforeEach(async () => {
      await resetLlm(bench.room.db)
      await createProvider(room(), red(), NewProvider.parse({ name: 'local', provider: 'ollama' }))
    })
    const make = (more: object = {}) =>
      createPlainEndpoint(room(), red(), NewEndpoint.parse({ name: 'chat', models: MODELS, ...more }))
    const change = (id: string, body: object, who = red()) =>
      changePlainEndpoint(room(), who, id, EndpointChange.parse(body))
    const routed = async () => {
      const [{ routing, cache, guardrails, attempts, models, experiment } = assert.fail()] = (await llmRoute(room()))
        .endpoints
      return { routing, cache, guardrails, attempts, models: models.map(({ model }) => model), experiment }
    }
    const listed = async (who = red()) => (await listEndpointStates(room(), who, {}))[0] ?? assert.fail()
    const trail = async (id: string) =>
      JSON.stringify((await bench.room.db.all('SELECT * FROM audit')).filter((row) => JSON.stringify(row).includes(id)))

    it('are as by default where nothing is said, and reach gateways as given', async () => {
      const { endpoint_id } = await make()
      assert.deepEqual(await bench.room.db.all('SELECT options FROM gateway_endpoints'), [{ options: null }])
      const { routing, cache, guardrails } = await routed()
      assert.deepEqual([routing, cache, guardrails], ['weighted', null, []])
      await change(endpoint_id, { routing: 'prefix', cache: { ttl_s: 60 }, guardrails: [PII, HOOK] })
      const now = await routed()
      assert.deepEqual([now.routing, now.cache], ['prefix', { ttl_s: 60, share: 'endpoint' }])
      assert.deepEqual(now.guardrails, [{ ...PII, on: 'both' }, WHOLE_HOOK])
      const { routing: told, cache: kept, guardrails: looks } = await listed()
      assert.deepEqual([told, kept, looks], [now.routing, now.cache, now.guardrails])
    })

    it('are changed one by one: what is absent stays, null and an empty list take away', async () => {
      const { endpoint_id } = await make({ routing: 'cost', cache: { ttl_s: 5, share: 'key' }, guardrails: [PII] })
      await change(endpoint_id, { routing: 'latency' })
      const { cache, guardrails } = await routed()
      assert.deepEqual([cache, guardrails], [{ ttl_s: 5, share: 'key' }, [{ ...PII, on: 'both' }]])
      await change(endpoint_id, { cache: null })
      assert.deepEqual([(await routed()).cache, (await routed()).routing], [null, 'latency'])
      await change(endpoint_id, { guardrails: [], routing: 'weighted' })
      assert.deepEqual(await bench.room.db.all('SELECT options FROM gateway_endpoints'), [{ options: null }])
      await change(endpoint_id, {})
      assert.equal((await trail(endpoint_id)).match(/endpoint changed/g)?.length, 3)
    })

    it('models, tries and traces are changed beside them', async () => {
      const { endpoint_id } = await make({ routing: 'cost', trace: false, attempts: 1 })
      const models = [
        { provider: 'local', model: 'b' },
        { provider: 'local', model: 'm', fallback: 0 },
      ]
      await change(endpoint_id, { models, attempts: 2, trace: true })
      const now = await routed()
      assert.deepEqual([now.models, now.attempts, now.routing], [['b', 'm'], 2, 'cost'])
      assert.match(now.experiment ?? '', /^\d+$/)
      await change(endpoint_id, { trace: false })
      assert.deepEqual([(await routed()).experiment, (await routed()).models], [null, ['b', 'm']])
      await assert.rejects(change(endpoint_id, { models: [{ provider: 'none', model: 'x' }], routing: 'prefix' }), {
        code: 'not_found',
      })
      assert.equal((await routed()).routing, 'cost', 'whole or not at all')
    })

    it('stay when MLflow’s calls change the endpoint, and are not shown by them', async () => {
      const { endpoint_id } = await make({ cache: { ttl_s: 9 }, guardrails: [PII] })
      const before = await routed()
      await updateEndpoint(room(), red(), { ...NOTHING, endpoint_id, name: 'talk', usage_tracking: false })
      const { guardrails, cache } = await routed()
      assert.deepEqual([guardrails, cache], [before.guardrails, before.cache])
      const shown = (await getEndpoint(room(), red(), { id: endpoint_id, name: undefined })) as Endpoint
      assert.deepEqual([shown.name, 'options' in shown], ['talk', false])
    })

    it('the address of a hook is for who may write endpoints; others see its host, the trail too', async () => {
      const { endpoint_id } = await make({ guardrails: [HOOK] })
      const viewer: Principal = { ...bench.member('red'), role: 'viewer' }
      assert.deepEqual((await listed(viewer)).guardrails, [{ ...WHOLE_HOOK, url: 'https://1.1.1.1/***' }])
      assert.deepEqual((await listed()).guardrails, [WHOLE_HOOK])
      assert.match(await trail(endpoint_id), /hooks at 1\.1\.1\.1/)
      assert.doesNotMatch(await trail(endpoint_id), /s3cret/)
    })

    it('an endpoint of another project is not found', async () => {
      const { endpoint_id } = await make()
      const blue: Principal = { ...bench.member('blue'), role: 'maintainer' }
      await assert.rejects(change(endpoint_id, { routing: 'cost' }, blue), { code: 'not_found' })
      await assert.rejects(change('e-none', { routing: 'cost' }), { code: 'not_found' })
      assert.equal((await routed()).routing, 'weighted')
    })

    it('that this version does not understand take the endpoint out until all are set again', async () => {
      const { endpoint_id } = await make({ guardrails: [PII] })
      await bench.room.db.tx((t) =>
        t.run('UPDATE gateway_endpoints SET options = ?', [JSON.stringify({ guardrails: [{ kind: 'oracle' }] })]),
      )
      assert.deepEqual((await llmRoute(room())).endpoints, [])
      assert.match((await listed()).fault ?? '', /options are those of another version/)
      await assert.rejects(change(endpoint_id, { cache: null, guardrails: [] }), /routing: got .*nothing/)
      await change(endpoint_id, { trace: false })
      assert.deepEqual((await llmRoute(room())).endpoints, [])
      await change(endpoint_id, { cache: null, guardrails: [PII], routing: 'weighted' })
      assert.deepEqual((await routed()).guardrails, [{ ...PII, on: 'both' }])
    })

    const REGEX = { kind: 'regex', name: 'words', action: 'block' }
    for (const [what, guardrails, field, expected] of [
      ['a pattern that is none', [PII, { ...REGEX, patterns: ['a', '(b'] }], 'guardrails[1].patterns[1]', /RE2/],
      ['look-ahead', [{ ...REGEX, patterns: ['(?=a)'] }], 'guardrails[0].patterns[0]', /RE2/],
      ['a back reference', [{ ...REGEX, patterns: ['(a)\\1'] }], 'guardrails[0].patterns[0]', /RE2/],
      [
        'a repetition without bounds',
        [{ ...REGEX, patterns: ['(a{1000}){1000}'] }],
        'guardrails[0].patterns[0]',
        /RE2/,
      ],
      ['two of one name', [PII, { ...PII, on: 'answer' }], 'guardrails[1].name', /no other guardrail/],
      ['a private hook', [{ ...HOOK, url: 'http://127.0.0.1:1/x' }], 'guardrails[0].url', /a public address/],
      ['a private name', [{ ...HOOK, url: 'http://localhost/x' }], 'guardrails[0].url', /a public address/],
      ['metadata of a cloud', [{ ...HOOK, url: 'http://169.254.169.254/x' }], 'guardrails[0].url', /a public address/],
      [
        'a hook with a password',
        [{ ...HOOK, url: 'https://a:pw@1.1.1.1/' }],
        'guardrails[0].url',
        /without a password/,
      ],
      [
        'a schema that cannot be judged',
        [{ kind: 'schema', name: 's', action: 'block', schema: { unevaluatedItems: false } }],
        'guardrails[0].schema',
        /can judge: #\/unevaluatedItems/,
      ],
    ] as const) {
      it(`${what} is refused by name, at making and at changing`, async () => {
        const { endpoint_id } = await make({ name: 'there' })
        const isNamed = (error: unknown) => {
          const { code, data } = error as Problem
          assert.deepEqual([code, data['field']], ['invalid_field', field], String(error))
          assert.match(String(data['expected']), expected)
          assert.doesNotMatch(JSON.stringify(data), /s3cret|pw/)
          return true
        }
        await assert.rejects(make({ name: 'other', guardrails }), isNamed)
        await assert.rejects(change(endpoint_id, { guardrails }), isNamed)
        assert.equal((await listEndpointStates(room(), red(), {})).length, 1)
      })
    }

    it('a private hook that is allowed is taken', async () => {
      const url = 'http://127.0.0.1:9000/judge'
      await make({ guardrails: [{ ...HOOK, url }] })
      assert.deepEqual((await routed()).guardrails, [{ ...WHOLE_HOOK, url }])
    })
  })
}
