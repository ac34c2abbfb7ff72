/** Edits by place leave everything else as it was; places are bytes. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { difference } from '../output/diff.ts'
import { edited, indentation } from './edit.ts'

test('edits are applied by bytes, in the order of their places and, at one place, of their asking', () => {
  const source = 'é = f(a)  # ü\nb = 2\n'
  const at = Buffer.from(source).indexOf('(')
  const edits = [
    { start: at + 2, end: at + 2, text: ', K=K' },
    { start: 0, end: 2, text: 'e' },
    { start: at + 2, end: at + 2, text: ', L=L' },
  ]
  assert.equal(edited(source, edits), 'e = f(a, K=K, L=L)  # ü\nb = 2\n')
})

test('a stretch takes its own edits, and what is put in at its end belongs to what follows', () => {
  const edits = [
    { start: 0, end: 0, text: '<' },
    { start: 3, end: 3, text: '|' },
    { start: 6, end: 6, text: '>' },
  ]
  assert.deepEqual([edited('abcdef', edits, 0, 3), edited('abcdef', edits, 3, 6)], ['<abc', '|def>'])
})

test('edits that overlap are a fault', () => {
  const edits = [
    { start: 0, end: 4, text: 'x' },
    { start: 2, end: 5, text: 'y' },
  ]
  assert.throws(() => edited('abcdef', edits), /edits overlap at byte 2/)
})

test('lines are indented but for those within a text and blank ones', () => {
  const source = "a = '''x\ny'''\n\nb = 1\n"
  assert.equal(edited(source, indentation(source, [2], 0, source.length)), "    a = '''x\ny'''\n\n    b = 1\n")
})

test('a difference is as short as it can be, and both texts can be read back from it', () => {
  const [before, after] = ['a\nb\nc\nd\n', 'a\nc\nx\nd\n']
  const lines = difference(before, after)
  assert.deepEqual(lines, [' a', '-b', ' c', '+x', ' d'])
  const side = (mark: string): string =>
    lines
      .filter((line) => line[0] === ' ' || line[0] === mark)
      .map((line) => `${line.slice(1)}\n`)
      .join('')
  assert.deepEqual([side('-'), side('+')], [before, after])
  assert.deepEqual(difference('', 'a\n'), ['+a'])
})
