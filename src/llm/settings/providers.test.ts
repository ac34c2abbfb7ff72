/** What providers ask for: secrets and settings apart, and something sensible for one that nobody has heard of. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { knownProviders, providerConfig } from './providers.ts'

test('every known provider asks for something, each thing once and described', () => {
  assert.deepEqual(knownProviders(), knownProviders().toSorted())
  for (const provider of [...knownProviders(), 'unheard_of', 'constructor']) {
    const { auth_modes, default_mode } = providerConfig(provider)
    assert.ok(
      auth_modes.some((one) => one.mode === default_mode),
      provider,
    )
    for (const mode of auth_modes) {
      const fields = [...mode.secret_fields, ...mode.config_fields]
      assert.ok(fields.length > 0, provider)
      assert.equal(new Set(fields.map((one) => one.name)).size, fields.length, provider)
      for (const one of fields) assert.ok(one.name !== '' && one.description !== '' && one.type === 'string', provider)
    }
  }
})

test('what may be left out, has a default or is secret is told so', () => {
  const [own] = providerConfig('VERTEX_AI').auth_modes
  assert.deepEqual(own?.secret_fields, [
    { name: 'vertex_credentials', type: 'string', description: 'Vertex credentials', required: true },
  ])
  assert.deepEqual(own?.config_fields[1], {
    name: 'vertex_location',
    type: 'string',
    description: 'Vertex location',
    required: false,
    default: 'us-central1',
  })
  const [plain] = providerConfig('unheard_of').auth_modes
  assert.deepEqual(
    [plain?.secret_fields.map((one) => one.name), plain?.config_fields.map((one) => [one.name, one.required])],
    [['api_key'], [['api_base', false]]],
  )
  assert.throws(() => providerConfig(' '), /Provider parameter is required|bad_request/)
})
