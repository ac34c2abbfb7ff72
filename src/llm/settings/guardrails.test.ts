/** The guardrails that the guide shows are of every kind, and are taken as they stand there. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { parse } from 'yaml'
import { LlmGuardrail, LlmOptions } from '../../contract/llm/options.ts'
import { checkGuardrails } from './guardrails.ts'

test('the example of the guide is taken', async () => {
  const guide = readFileSync(join(import.meta.dirname, '../../../docs/guides/language-models.md'), 'utf8')
  const [, text = ''] = /```yaml\n(# guardrails\.yaml\n.*?)```/s.exec(guide) ?? []
  const { guardrails } = LlmOptions.parse({ guardrails: parse(text) as unknown })
  const kinds = LlmGuardrail.options.map(({ shape }) => shape.kind.value)
  assert.deepEqual(new Set(guardrails.map(({ kind }) => kind)), new Set(kinds))
  // what would look the name of its host up
  await checkGuardrails(
    guardrails.filter(({ kind }) => kind !== 'hook'),
    [],
  )
})
