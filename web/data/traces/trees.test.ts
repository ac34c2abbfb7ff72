/** Spans of traces, records of datasets, prompts, signatures and steps: trees and texts of other programs, broken ones too. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { property } from '../../../test/web/seeded.ts'
import type { Seeded } from '../../../test/web/seeded.ts'
import { isPrompt, isPromptsOwn, templateOf, variablesOf } from '../models/prompts.ts'
import { columnsOf } from '../models/signature-columns.ts'
import { chosenStep, criticalEdges } from '../pipelines/run-graph.ts'
import { parseRecord } from './datasets.ts'
import { parents, plainText, spanParts, traceDuration, visibleSpans } from './spans.ts'
import type { TreeSpan } from './spans.ts'

/** Spans in the order of a walk, each below its parent. */
function treeOf(random: Seeded): TreeSpan[] {
  const spans: TreeSpan[] = []
  const add = (parent_id: string | null, depth: number): void => {
    for (let i = random.int(depth === 0 ? 1 : 0, 3); i > 0 && spans.length < 30; i -= 1) {
      const id = `s${spans.length}`
      spans.push({
        id,
        parent_id,
        depth,
        offset_us: random.int(0, 1000),
        duration_us: random.chance(0.2) ? null : random.int(0, 1000),
      })
      if (depth < 4) add(id, depth + 1)
    }
  }
  add(null, 0)
  return spans
}

test('a span is in sight exactly when none of those above it is folded', () => {
  property(300, (random) => {
    const spans = treeOf(random)
    const folded = new Set(spans.filter(() => random.chance(0.3)).map(({ id }) => id))
    const above = ({ parent_id }: TreeSpan): string[] => {
      const parent = spans.find(({ id }) => id === parent_id)
      return parent === undefined ? [] : [parent.id, ...above(parent)]
    }
    assert.deepEqual(
      visibleSpans(spans, folded).map(({ id }) => id),
      spans.filter((span) => !above(span).some((id) => folded.has(id))).map(({ id }) => id),
    )
  })
})

test('a span can be folded when another names it as its parent', () => {
  property(100, (random) => {
    const spans = treeOf(random)
    const expected = spans.filter(({ id }) => spans.some((span) => span.parent_id === id)).map(({ id }) => id)
    assert.deepEqual([...parents(spans)].toSorted(), expected.toSorted())
  })
})

test('a span whose parent is not kept stays in sight', () => {
  const orphan = { id: 'a', parent_id: 'gone', depth: 1, offset_us: 0, duration_us: 1 }
  assert.deepEqual(visibleSpans([orphan], new Set(['other'])), [orphan])
})

test('a trace is as long as its last end, and never shorter than any span', () => {
  property(200, (random) => {
    const spans = treeOf(random)
    const length = traceDuration(spans)
    assert.ok(spans.every((span) => length >= span.offset_us + (span.duration_us ?? 0)))
    assert.ok(length === 1 || spans.some((span) => length === span.offset_us + (span.duration_us ?? 0)))
  })
})

test('inputs, outputs and other attributes are told apart, and nothing else is lost', () => {
  property(200, (random) => {
    const others = Object.fromEntries(random.list(4, (i) => [`key ${i}`, random.json(2)] as const))
    const [inputs, outputs] = [random.json(2), random.json(2)]
    const parts = spanParts({
      'mlflow.spanInputs': inputs,
      ...others,
      'mlflow.spanOutputs': outputs,
      'mlflow.spanType': 'LLM',
      'mlflow.traceRequestId': 'tr-1',
    })
    assert.deepEqual([parts.inputs, parts.outputs], [inputs, outputs])
    assert.deepEqual(Object.fromEntries(parts.others), others)
  })
})

test('a value as text is read back as the same, unless it is text that is no JSON', () => {
  property(300, (random) => {
    const value = random.json(3)
    if (typeof value === 'string') return
    assert.deepEqual(JSON.parse(plainText(value)), JSON.parse(JSON.stringify(value)))
    assert.equal(
      plainText(JSON.stringify(value)),
      typeof value === 'object' && value !== null ? plainText(value) : JSON.stringify(value),
    )
  })
  for (const text of ['hello', '{broken', '[1, 2', '"open', ' spaced ', '12', 'true'])
    assert.equal(plainText(text), text)
})

test('tags and profiles of a dataset are read, and broken ones are none', () => {
  assert.deepEqual(parseRecord('{"v":"1","n":2}'), { v: '1', n: 2 })
  for (const text of [undefined, '', '{', 'null', '7', '"text"', 'undefined', '[1,2]']) {
    assert.deepEqual(parseRecord(text), {}, String(text))
  }
  property(200, (random) => {
    assert.equal(typeof parseRecord(random.text(20)), 'object')
  })
})

test('a chat whose messages are not as MLflow writes them is shown as it is', () => {
  const chat = (text: string): string => templateOf({ _mlflow_prompt_type: 'chat', 'mlflow.prompt.text': text })
  for (const text of ['{}', '7', 'null', '"x"', '[1]', '[null]', '', 'no json']) {
    assert.equal(chat(text), text)
  }
  assert.equal(chat('[{"role":"user"}]'), '[{"role":"user"}]', 'a message without content')
  assert.equal(chat('[]'), '')
  assert.equal(chat('[{"role":"user","content":[{"type":"text"}]}]'), '[user]\n[\n  {\n    "type": "text"\n  }\n]')
  property(200, (random) => {
    assert.equal(typeof chat(JSON.stringify(random.json(3))), 'string')
  })
})

test('a prompt is what MLflow marks as one', () => {
  assert.deepEqual([{ 'mlflow.prompt.is_prompt': 'true' }, { 'mlflow.prompt.is_prompt': 'false' }, {}].map(isPrompt), [
    true,
    false,
    false,
  ])
  assert.deepEqual(['mlflow.prompt.text', '_mlflow_prompt_type', 'team', 'mlflow.user'].map(isPromptsOwn), [
    true,
    true,
    false,
    false,
  ])
})

test('variables are named once, in their order, whatever stands around them', () => {
  property(200, (random) => {
    const names = random.list(6, () => random.pick(['name', 'city', 'user.id', 'x1']))
    const text = names
      .map(
        (name) => `${random.pick(['', ' ', 'a {b} '])}{{${random.pick(['', ' '])}${name}${random.pick(['', '  '])}}}`,
      )
      .join('\n')
    assert.deepEqual(
      variablesOf(text),
      names.filter((name, i) => names.indexOf(name) === i),
    )
  })
  assert.deepEqual(variablesOf('{{}} {{a b}} {name} {{ }} {{{c}}}'), ['c'])
})

test('columns of a signature keep their order and their side, and anything else is left out', () => {
  property(200, (random) => {
    const inputs = random.list(4, (i) => ({
      name: `c${i}`,
      type: random.pick(['double', 'long', 'string']),
      required: random.chance(0.5),
    }))
    const given = random.chance(0.5) ? JSON.stringify(inputs) : inputs
    assert.deepEqual(
      columnsOf({ inputs: given, outputs: random.json(3) }).filter(({ side }) => side === 'input'),
      inputs.map((one) => ({ side: 'input', ...one })),
    )
  })
})

test('signatures of other shapes: unnamed, optional, tensors, arrays', () => {
  assert.deepEqual(
    columnsOf({
      inputs: [
        { type: 'double', optional: true },
        { name: 'x', type: 'array', items: { type: 'string' } },
        { type: 'tensor', 'tensor-spec': { dtype: 'float32', shape: [-1, 3] } },
        null,
        'double',
        {},
      ],
      outputs: undefined,
    }),
    [
      { side: 'input', name: '#1', type: 'double', required: false },
      { side: 'input', name: 'x', type: 'array', required: true },
      { side: 'input', name: '#3', type: 'float32 [-1,3]', required: true },
      { side: 'input', name: '#6', type: 'any', required: true },
    ],
  )
})

test('the step that is asked for is shown, else what failed, else what runs, else the last', () => {
  property(300, (random) => {
    const steps = random.list(6, (i) => ({
      name: `s${i}`,
      state: random.pick(['waiting', 'running', 'succeeded', 'failed', 'cached']),
      needs: [],
    }))
    const asked = random.pick([undefined, 's1', 'gone'])
    const shown = chosenStep(steps, asked)
    if (steps.some(({ name }) => name === asked)) assert.equal(shown, asked)
    else if (steps.length === 0) assert.equal(shown, undefined)
    else {
      const first = (state: string): string | undefined => steps.find((step) => step.state === state)?.name
      assert.equal(shown, first('failed') ?? first('running') ?? steps.at(-1)?.name)
    }
  })
})

test('an edge is strong where both its ends follow each other on the critical path', () => {
  property(200, (random) => {
    const names = ['a', 'b', 'c', 'd', 'e']
    const steps = names.map((name, i) => ({
      name,
      state: 'succeeded',
      needs: names.slice(0, i).filter(() => random.chance(0.5)),
    }))
    const path = names.filter(() => random.chance(0.6))
    const edges = criticalEdges(steps, path)
    assert.equal(
      edges.length,
      steps.reduce((sum, step) => sum + step.needs.length, 0),
    )
    for (const { from, to, strong } of edges) {
      assert.equal(
        strong,
        path
          .join(' ')
          .split(' ')
          .some((name, i) => name === from && path[i + 1] === to),
      )
    }
  })
})
