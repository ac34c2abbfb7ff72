/** The table of endpoints of language models: how each chooses, caches and guards is told to all, and changed by who may write endpoints. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pageMarkup, textOf } from './components.ts'
import type { Surroundings } from './components.ts'
import * as llm from './recorded/llm.ts'

const NOW = Date.parse('2026-03-17T12:00:00Z')

function page(role: NonNullable<Surroundings['role']>): Promise<string> {
  return pageMarkup('llm/llm-providers', 'LlmProvidersPage', {
    role,
    at: '/llm/providers',
    data: [
      [['llm', 'providers'], { items: llm.providers(NOW) }],
      [['llm', 'endpoints'], { items: llm.endpoints(NOW) }],
      [['llm', 'prices'], { items: llm.prices() }],
    ],
  })
}
const changes = (html: string): number =>
  html.replaceAll(/<dialog.*?<\/dialog>/gs, '').split('>Change</button>').length - 1

test('an endpoint says how it chooses a model, for whom it caches, and what its guardrails do, with the host of a hook', async () => {
  const html = await page('viewer')
  const text = textOf(html)
  assert.match(text, /the fastest lately cache for 1 h, for each key its own/)
  assert.match(text, /personal data redacts personal data \(email, card\) in requests and answers/)
  assert.match(text, /house rules blocks what rules\.example\.org, which is sent the texts, does not allow in requests/)
  assert.match(text, /by their shares no cache/)
  assert.equal(changes(html), 0)
})

test('who may write endpoints is offered the form of each, filled with what is', async () => {
  const html = await page('maintainer')
  assert.equal(changes(html), llm.endpoints(NOW).length)
  const dialogs = html.match(/<dialog.*?<\/dialog>/gs) ?? []
  const dialog = dialogs.find((one) => textOf(one).includes('How endpoint chat answers')) ?? assert.fail()
  assert.match(dialog, /value="latency" selected/)
  assert.match(dialog, /value="3600"/)
})
