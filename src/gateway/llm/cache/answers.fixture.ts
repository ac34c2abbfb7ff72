/** An answer as a cache keeps it. */
import { PRICE } from '../gateway.fixture.ts'
import type { KeptAnswer } from './answers.ts'

/** A whole one, kept at 1000 and not given again from 2000 on. */
export function answer(text: string, more: Partial<KeptAnswer> = {}): KeptAnswer {
  return {
    form: 'whole',
    body: Buffer.from(text),
    headers: {},
    tellsUsage: false,
    usage: null,
    finish: 'stop',
    lost: [],
    guards: [],
    provider: { id: 'x', name: 'x', kind: 'openai', base_url: 'http://x', sealed: null, settings: {} },
    model: { id: 'm', provider: 'x', model: 'm', weight: 1, fallback: null, price: PRICE, max_output: null },
    cost: 1,
    at: 1000,
    until: 2000,
    ...more,
  }
}
