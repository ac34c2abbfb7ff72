/** A verdict judged again: the same, another by the same rules, or not comparable. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { compareReplay, replayOf } from './replay.ts'

const stored = { rules: 2, passed: true, value: 0.1 + 0.2 }

for (const [what, replayed, same, comparable, says] of [
  ['the same result', { ...stored }, true, true, 'the same result'],
  ['the same by newer rules', { ...stored, rules: 3 }, true, true, 'the same result by rules 2 and by rules 3'],
  [
    'another by the same rules',
    { ...stored, passed: false },
    false,
    true,
    'another result by the same rules (2): what it rests on has changed since',
  ],
  ['another by newer rules', { ...stored, passed: false, rules: 3 }, false, false, 'rules 2, now 3: not comparable'],
  [
    'one that differs in the last digit',
    { ...stored, value: 0.3 },
    false,
    true,
    'another result by the same rules (2): what it rests on has changed since',
  ],
] as const) {
  test(`${what}: ${says}`, () => {
    const replay = compareReplay(stored, replayed)
    assert.deepEqual([replay.same, replay.comparable, replay.says], [same, comparable, says])
    assert.deepEqual([replay.stored, replay.replayed], [stored, replayed])
    assert.ok(
      replayOf(z.object({ rules: z.number(), passed: z.boolean(), value: z.number() })).safeParse(replay).success,
    )
  })
}
