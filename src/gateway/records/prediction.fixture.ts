/** A prediction's record, for tests that change what they are about. */
import type { PredictionRecord } from './records.ts'

export function prediction(id: string, changed: Partial<PredictionRecord> = {}): PredictionRecord {
  return {
    t: 'p',
    id,
    ep: 'e',
    role: 'stable',
    ver: '1',
    ep_epoch: 1,
    et: 5,
    at: 6,
    us: 7,
    st: 200,
    key: null,
    x: [1],
    s: 0.5,
    p: [0.5, 0.5],
    ...changed,
  }
}
