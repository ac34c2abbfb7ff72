/** What the cases of traces share: the room under test and spans to send. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import type { Problem } from '../contract/errors.ts'
import type { Principal } from '../contract/access.ts'
import type { Tracking } from '../tracking/context/context.ts'
import type { Sent, SentSpan } from '../../test/otlp.ts'

/** A room on a real database and a way to send spans to it as an exporter does. */
export interface TraceBench {
  readonly room: Tracking
  readonly root: Principal
  member(project: 'red' | 'blue'): Principal
  /** Makes an experiment of its own. */
  experiment(who?: Principal): Promise<string>
  /** Sends spans and returns the ids of their traces. */
  send(experiment: string, spans: readonly SentSpan[], more?: SendMore): Promise<string[]>
}

export interface SendMore {
  readonly who?: Principal
  readonly resource?: Readonly<Record<string, Sent>>
  readonly run?: string
}

/** A span of a second, beginning so many ms after a fixed moment. */
export function span(trace: string, id: string, more: Partial<SentSpan> & { at?: number } = {}): SentSpan {
  const { at = 0, ...rest } = more
  const start = 1_700_000_000_000_000_001n + BigInt(at) * 1_000_000n
  return { trace, id, name: 'work', start, end: start + 1_000_000_000n, ...rest }
}

/** 32 random hex digits. */
export function newTrace(): string {
  return randomBytes(16).toString('hex')
}

/** Asserts that reading something is refused as an invalid parameter, with a text. */
export function refuses(work: () => unknown, text: RegExp, what?: string): void {
  assert.throws(
    work,
    ({ data }: Problem) => data['mlflow_code'] === 'INVALID_PARAMETER_VALUE' && text.test(String(data['detail'])),
    what,
  )
}
