/** Recorded replies of the pages of traces. */
import type { Reply } from '../../src/contract/route.ts'
import type { tracesApi } from '../../src/contract/traces.ts'
import { before } from './fixture-tracking.ts'

type Trace = Reply<typeof tracesApi.getTrace>
type Span = Trace['tree'][number]

function span(
  given: Pick<Span, 'id' | 'name' | 'parent_id' | 'depth' | 'offset_us' | 'duration_us'> & Partial<Span>,
): Span {
  return {
    type: 'CHAIN',
    kind: 'internal',
    scope: 'mlflow',
    status: 'OK',
    status_message: '',
    start_ns: String(1_780_000_000_000_000_000n + BigInt(given.offset_us * 1000)),
    attributes: {},
    events: [],
    links: [],
    ...given,
  }
}

function spans(failing: boolean): Span[] {
  const tree = [
    span({ id: 's1', name: 'answer', parent_id: null, depth: 0, offset_us: 0, duration_us: 412_000 }),
    span({
      id: 's2',
      name: 'look up the flight',
      parent_id: 's1',
      depth: 1,
      offset_us: 4000,
      duration_us: 61_000,
      type: 'RETRIEVER',
      attributes: { 'mlflow.spanInputs': { flight: 'UA 221' }, 'mlflow.spanOutputs': [{ gate: 'C81' }] },
    }),
    span({
      id: 's3',
      name: 'write the answer',
      parent_id: 's1',
      depth: 1,
      offset_us: 70_000,
      duration_us: 330_000,
      type: 'LLM',
      attributes: {
        model: 'small',
        'mlflow.spanInputs': '{"messages":[]}',
        'mlflow.spanOutputs': 'Yes, by 20 minutes.',
      },
    }),
  ]
  if (!failing) return tree
  return tree.map((one) =>
    one.id === 's2'
      ? {
          ...one,
          status: 'ERROR' as const,
          status_message: "KeyError: 'gate'",
          events: [
            {
              name: 'exception',
              offset_us: 60_000,
              attributes: { 'exception.type': 'KeyError', 'exception.message': "'gate'" },
            },
          ],
        }
      : one,
  )
}

export function traces(now: number): Trace[] {
  return [1, 2, 3].map((number) => ({
    id: `tr-${number}`,
    name: 'answer a passenger',
    experiment_id: '1',
    state: number === 1 ? ('ERROR' as const) : ('OK' as const),
    started_at: before(now, number * 60_000),
    duration_ms: 412,
    client_request_id: null,
    request_preview: 'will UA 221 be late?',
    response_preview: number === 1 ? null : 'Yes, by 20 minutes.',
    run_id: number === 1 ? null : '00019c1f4be27a60b3d85c14',
    tokens: { input_tokens: 1000, output_tokens: 204, total_tokens: 1204 },
    spans: 3,
    tags: { team: 'desk' },
    metadata: { 'mlflow.source.name': 'desk.py' },
    assessments: [
      {
        id: `a-${number}`,
        kind: 'feedback' as const,
        name: 'correct',
        value: number !== 1,
        source_type: 'HUMAN',
        source_id: 'ada',
        span_id: null,
        rationale: number === 1 ? 'the gate had changed' : null,
        error: null,
        metadata: {},
        overrides: null,
        valid: true,
        created_at: before(now, 30_000),
        updated_at: before(now, 30_000),
      },
    ],
    tree: spans(number === 1),
  }))
}

/** A trace as a list shows it. */
export function infoOf({ tree: _tree, ...info }: Trace): Reply<typeof tracesApi.listTraces>['items'][number] {
  return info
}
