/** Markdown of notes and descriptions: what is understood, and that nothing dangerous is. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { blocksOf, firstWords, inlinesOf } from './markdown.ts'

test('a note is read block by block', () => {
  const kinds = blocksOf(
    '# Title\n\nfirst\nsecond\n- a\n- b\n\n1. one\n\n> said\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```py\n# no heading\n```\n---',
  )
  assert.deepEqual(kinds, [
    { kind: 'heading', inside: [{ kind: 'text', text: 'Title' }] },
    { kind: 'paragraph', inside: [{ kind: 'text', text: 'first second' }] },
    { kind: 'list', ordered: false, items: [[{ kind: 'text', text: 'a' }], [{ kind: 'text', text: 'b' }]] },
    { kind: 'list', ordered: true, items: [[{ kind: 'text', text: 'one' }]] },
    { kind: 'quote', inside: [{ kind: 'text', text: 'said' }] },
    {
      kind: 'table',
      rows: [
        [[{ kind: 'text', text: 'a' }], [{ kind: 'text', text: 'b' }]],
        [[{ kind: 'text', text: '1' }], [{ kind: 'text', text: '2' }]],
      ],
    },
    { kind: 'code', text: '# no heading' },
    { kind: 'rule' },
  ])
})

test('words are set apart, links are kept, names with underscores stay whole', () => {
  assert.deepEqual(inlinesOf('a **b** *c* _d_ `e*` mean_test_score'), [
    { kind: 'text', text: 'a ' },
    { kind: 'strong', inside: [{ kind: 'text', text: 'b' }] },
    { kind: 'text', text: ' ' },
    { kind: 'em', inside: [{ kind: 'text', text: 'c' }] },
    { kind: 'text', text: ' ' },
    { kind: 'em', inside: [{ kind: 'text', text: 'd' }] },
    { kind: 'text', text: ' ' },
    { kind: 'code', text: 'e*' },
    { kind: 'text', text: ' mean_test_score' },
  ])
  assert.deepEqual(inlinesOf('[docs](https://example.org/x) https://example.org'), [
    { kind: 'link', href: 'https://example.org/x', inside: [{ kind: 'text', text: 'docs' }] },
    { kind: 'text', text: ' ' },
    { kind: 'link', href: 'https://example.org', inside: [{ kind: 'text', text: 'https://example.org' }] },
  ])
})

test('a table shows the first words alone', () => {
  assert.equal(firstWords('\n**Predicts** [churn](https://example.org) of `telco`\n\nmore'), 'Predicts churn of telco')
  assert.deepEqual(['', '- a\n- b', '```\nx\n```', '---'].map(firstWords), ['', 'a', 'x', ''])
})

test('a link runs nothing, and HTML is text', () => {
  for (const href of ['javascript:alert(1)', 'JaVaScRiPt:alert(1)', 'data:text/html,x', '//evil.example']) {
    assert.ok(
      inlinesOf(`[x](${href})`).every(({ kind }) => kind === 'text'),
      href,
    )
  }
  assert.deepEqual(blocksOf('<script>alert(1)</script>'), [
    { kind: 'paragraph', inside: [{ kind: 'text', text: '<script>alert(1)</script>' }] },
  ])
})

test('any text ends, an open fence too', () => {
  assert.deepEqual(blocksOf('```\nopen'), [{ kind: 'code', text: 'open' }])
  assert.deepEqual(blocksOf(''), [])
  assert.equal(blocksOf('* '.repeat(5000)).length, 1)
})
