/** The commands that the pages of language models tell are commands of `slipway`, with flags that it has. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parse } from '../../src/cli/invocation/command.ts'
import { LLM_COMMANDS } from '../../src/cli/llm/flags.ts'
import { stepsOf } from '../../web/data/llm/standing.ts'

test('the steps to the first call are commands that are taken', () => {
  const [llm] = LLM_COMMANDS
  assert.ok(llm !== undefined)
  const commands = stepsOf({ providers: [], endpoints: [], keys: 0, gateway: 'http://gw' })
    .map(({ command }) => command.split(' '))
    .filter(([program]) => program === 'slipway')
  assert.equal(commands.length, 3)
  for (const [, command, ...rest] of commands) {
    assert.equal(command, 'llm')
    const { args } = parse(llm, rest)
    assert.match(args.join(' '), /^(providers|endpoints|keys) add [\w-]+$/)
  }
})
