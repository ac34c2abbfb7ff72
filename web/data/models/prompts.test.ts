/** Prompts as the pages tell them: templates, variables, and what changed between two. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { diffLines } from '../diff.ts'
import { templateOf, variablesOf } from './prompts.ts'

test('a chat is told message by message, and broken JSON as it is', () => {
  const chat = (text: string) => templateOf({ _mlflow_prompt_type: 'chat', 'mlflow.prompt.text': text })
  assert.equal(
    chat('[{"role":"system","content":"Be {{style}}"},{"role":"user","content":"{{ q }}"}]'),
    '[system]\nBe {{style}}\n\n[user]\n{{ q }}',
  )
  assert.equal(chat('[{'), '[{')
  assert.equal(templateOf({ 'mlflow.prompt.text': '[1]' }), '[1]')
  assert.deepEqual(variablesOf('{{a}} {{ b }} {{a}} {c} {{not a name}}'), ['a', 'b'])
})

test('changed lines stand beside what stayed', () => {
  assert.deepEqual(
    diffLines('a\nb\nc', 'a\nx\nc\nd').map(({ kind, text }) => `${kind} ${text}`),
    ['same a', 'removed b', 'added x', 'same c', 'added d'],
  )
  assert.ok(diffLines('same\ntext', 'same\ntext').every(({ kind }) => kind === 'same'))
  const long = Array.from({ length: 3000 }, (_, i) => String(i)).join('\n')
  assert.equal(diffLines(long, `${long}\nlast`).length, 6001)
})
