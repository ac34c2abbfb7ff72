/** Where and how each kind of provider is called, by the vendors' own references. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Dialect, ProviderKind, ProviderRoute } from '../../table/llm.ts'
import { awsHeaders, isSigned } from './aws.ts'
import { authHeaders, destinationOf, spokenBy } from './providers.ts'

const provider = (
  kind: ProviderKind,
  base_url: string,
  settings: Readonly<Record<string, string>> = {},
): ProviderRoute => ({ id: 's-1', name: 'n', kind, base_url, sealed: null, settings })

const OPENAI = provider('openai', 'https://api.openai.com/v1')
const ANTHROPIC = provider('anthropic', 'https://api.anthropic.com')
const AZURE = provider('azure', 'https://mine.openai.azure.com')
const GEMINI = provider('gemini', 'https://generativelanguage.googleapis.com/v1beta')
const BEDROCK = provider('bedrock', 'https://bedrock-runtime.eu-west-1.amazonaws.com')

const CALLS: readonly (readonly [ProviderRoute, Dialect, string, boolean, string])[] = [
  [OPENAI, 'chat', 'gpt-4o', true, 'https://api.openai.com/v1/chat/completions'],
  [OPENAI, 'embeddings', 'e', false, 'https://api.openai.com/v1/embeddings'],
  [OPENAI, 'responses', 'gpt-4o', true, 'https://api.openai.com/v1/responses'],
  [provider('openai', 'http://127.0.0.1:8000/v1/'), 'completions', 'm', false, 'http://127.0.0.1:8000/v1/completions'],
  [provider('openai', 'https://proxy.example/a/b'), 'chat', 'm', false, 'https://proxy.example/a/b/chat/completions'],
  [ANTHROPIC, 'messages', 'claude', true, 'https://api.anthropic.com/v1/messages'],
  [ANTHROPIC, 'count_tokens', 'claude', false, 'https://api.anthropic.com/v1/messages/count_tokens'],
  [provider('anthropic', 'https://x.example/v1'), 'messages', 'claude', true, 'https://x.example/v1/messages'],
  [AZURE, 'chat', 'd', false, 'https://mine.openai.azure.com/openai/v1/chat/completions'],
  [
    provider('azure', 'https://mine.openai.azure.com', { api_version: '2024-10-21' }),
    'chat',
    'my dep',
    false,
    'https://mine.openai.azure.com/openai/deployments/my%20dep/chat/completions?api-version=2024-10-21',
  ],
  [
    GEMINI,
    'generate',
    'gemini-2.5-pro',
    false,
    'https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-pro:generateContent',
  ],
  [
    GEMINI,
    'generate',
    'gemini-2.5-pro',
    true,
    'https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse',
  ],
  [
    BEDROCK,
    'converse',
    'anthropic.claude-3-5-sonnet-20240620-v1:0',
    true,
    'https://bedrock-runtime.eu-west-1.amazonaws.com/model/anthropic.claude-3-5-sonnet-20240620-v1%3A0/converse-stream',
  ],
]

for (const [to, dialect, model, stream, url] of CALLS) {
  test(`${to.kind} ${dialect}${stream ? ' as a stream' : ''} of ${model} at ${to.base_url}`, () => {
    const { origin, path } = destinationOf(to, { dialect, model, stream })
    assert.equal(origin + path, url)
  })
}

test('each kind has its key where the vendor reads it', () => {
  const key = { api_key: 'k' }
  assert.deepEqual(authHeaders(OPENAI, key), { authorization: 'Bearer k' })
  assert.deepEqual(authHeaders(OPENAI, {}), {})
  assert.deepEqual(authHeaders(ANTHROPIC, key), { 'anthropic-version': '2023-06-01', 'x-api-key': 'k' })
  assert.deepEqual(authHeaders(AZURE, key), { 'api-key': 'k' })
  assert.deepEqual(authHeaders(GEMINI, key), { 'x-goog-api-key': 'k' })
  assert.deepEqual(authHeaders(BEDROCK, key), { authorization: 'Bearer k' })
})

test('a provider speaks what its kind does, or what its setting says', () => {
  assert.deepEqual(spokenBy(ANTHROPIC), ['messages', 'count_tokens'])
  assert.deepEqual(spokenBy(provider('openai', 'x:', { dialects: 'messages, chat,morse' })), ['chat', 'messages'])
})

test('Bedrock’s calls are signed where there is no key: its service, its region, its path encoded once more', () => {
  const credentials = { aws_access_key_id: 'AKIDEXAMPLE', aws_secret_access_key: 'secret' }
  assert.ok(isSigned(BEDROCK, credentials))
  assert.ok(!isSigned(BEDROCK, { ...credentials, api_key: 'k' }))
  assert.ok(!isSigned(OPENAI, credentials))
  const signed = (path: string): string =>
    awsHeaders({
      provider: { route: BEDROCK, credentials, fault: null },
      origin: 'https://bedrock-runtime.eu-west-1.amazonaws.com',
      path,
      body: Buffer.from('{}'),
      headers: { 'content-type': 'application/json' },
      now: Date.UTC(2026, 4, 6, 10),
    })['authorization'] ?? ''
  const [, scope, names] =
    /Credential=AKIDEXAMPLE\/([^,]+),SignedHeaders=([^,]+),/.exec(signed('/model/a%3A0/converse')) ?? []
  assert.equal(scope, '20260506/eu-west-1/bedrock/aws4_request')
  assert.equal(names, 'content-type;host;x-amz-content-sha256;x-amz-date')
  // by botocore 1.44.8 for the same request
  const signature = '01f35f8f420865983154b0d483a3b7b97f6a7b10176a5d1ec20dca254239c533'
  assert.ok(signed('/model/a%3A0/converse').endsWith(`Signature=${signature}`))
})
