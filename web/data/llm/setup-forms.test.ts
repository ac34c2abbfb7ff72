/** Forms of providers and endpoints: what they ask the server for, each of which it takes; and what is wrong, at its field. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CallError } from '../../../src/client/client.ts'
import { NewEndpoint, NewProvider } from '../../../src/contract/llm/providers.ts'
import {
  EMPTY_ENDPOINT,
  EMPTY_PROVIDER,
  endpointAsked,
  endpointFaults,
  faultsTold,
  providerAsked,
  providerFaults,
  VENDORS,
} from './setup-forms.ts'

const FIELDS = { aws_region_name: 'eu-west-1', aws_access_key_id: 'AK', aws_secret_access_key: 'SK' }

test('a provider needs a name; what is empty is not sent', () => {
  assert.equal(providerAsked(EMPTY_PROVIDER), undefined)
  assert.deepEqual(providerAsked({ ...EMPTY_PROVIDER, name: ' cloud ', key: 'sk-1' }), {
    name: 'cloud',
    provider: 'openai',
    api_key: 'sk-1',
  })
})

test('a server of ones own needs its address, and none that is no address is sent', () => {
  const own = { ...EMPTY_PROVIDER, name: 'own', vendor: 'vllm' }
  assert.equal(providerAsked(own), undefined)
  assert.deepEqual(providerFaults(own), {}, 'what is empty is not wrong yet')
  for (const address of ['10.0.0.1:8000', 'ftp://x', 'vllm'])
    assert.deepEqual(Object.keys(providerFaults({ ...own, address })), ['base_url'], address)
  assert.deepEqual(providerAsked({ ...own, address: 'http://vllm:8000/v1' }), {
    name: 'own',
    provider: 'vllm',
    base_url: 'http://vllm:8000/v1',
  })
})

test('credentials of Bedrock are no settings, and its form has no key', () => {
  const form = { ...EMPTY_PROVIDER, name: 'aws', vendor: 'bedrock', key: 'typed before' }
  assert.equal(providerAsked({ ...form, own: { aws_region_name: 'eu-west-1' } }), undefined)
  assert.deepEqual(providerAsked({ ...form, own: FIELDS }), {
    name: 'aws',
    provider: 'bedrock',
    settings: { aws_region_name: 'eu-west-1' },
    credentials: { aws_access_key_id: 'AK', aws_secret_access_key: 'SK' },
  })
})

test('the server takes what is asked for each vendor', () => {
  for (const vendor of Object.keys(VENDORS)) {
    const asked = providerAsked({
      name: 'one',
      project: 'red',
      vendor,
      address: 'https://example.test/v1',
      key: 'sk-1',
      own: { ...FIELDS, api_version: '2024-10-21' },
    })
    assert.ok(NewProvider.safeParse(asked).success, vendor)
  }
})

const MODEL = { provider: 'openai', model: ' gpt-4.1-mini ', isFallback: false, weight: '' }

test('models of an endpoint have weights, or places among the fallbacks in their order', () => {
  const form = {
    ...EMPTY_ENDPOINT,
    name: 'chat',
    models: [
      { ...MODEL, row: 4, isFallback: true, weight: 'typed before' },
      { ...MODEL, row: 0 },
      { ...MODEL, row: 2, weight: '0.5' },
      { ...MODEL, row: 3, isFallback: true },
    ],
  }
  const asked = endpointAsked(form)
  const of = { provider: 'openai', model: 'gpt-4.1-mini' }
  assert.deepEqual(asked, {
    name: 'chat',
    models: [
      { ...of, fallback: 0 },
      { ...of, weight: 1 },
      { ...of, weight: 0.5 },
      { ...of, fallback: 1 },
    ],
    trace: true,
  })
  assert.ok(NewEndpoint.safeParse(asked).success)
})

test('an endpoint without a primary model, with a wrong weight, or half filled in, is not asked for', () => {
  const of = (more: object) => ({ ...EMPTY_ENDPOINT, name: 'chat', models: [{ ...MODEL, row: 0, ...more }] })
  for (const weight of ['many', '-1', '1000001', 'NaN']) {
    assert.deepEqual(Object.keys(endpointFaults(of({ weight }))), ['models.0.weight'], weight)
    assert.equal(endpointAsked(of({ weight })), undefined)
  }
  assert.deepEqual(endpointFaults(of({ isFallback: true })), { models: 'one model that is no fallback' })
  for (const more of [{ provider: '' }, { model: '  ' }]) {
    assert.deepEqual(endpointFaults(of(more)), {}, 'what is empty is not wrong yet')
    assert.equal(endpointAsked(of(more)), undefined)
  }
})

test('what the server refuses is told at its field', () => {
  const refusal = (code: string, details: Record<string, unknown>) =>
    new CallError(400, { code, message: 'no', help: '', request_id: 'r', details })
  const address = { field: 'base_url', value: 'x', expected: 'http:// or https://' }
  assert.deepEqual(faultsTold(refusal('invalid_field', address)), { base_url: 'http:// or https://' })
  const weight = { field: 'body.models.1.weight', value: -1, expected: 'number to be >=0' }
  assert.deepEqual(faultsTold(refusal('invalid_field', weight)), { 'models.1.weight': 'number to be >=0' })
  assert.deepEqual(Object.keys(faultsTold(refusal('conflict', { detail: 'x' }))), ['name'])
  assert.deepEqual(faultsTold(refusal('not_found', { what: 'provider of models[2]', id: 'gone' })), {
    'models.2.provider': 'a provider of the project; there is no gone',
  })
  assert.deepEqual(faultsTold(refusal('not_found', { what: 'project', id: 'x' })), {})
  assert.deepEqual(faultsTold(new Error('x')), {})
})
