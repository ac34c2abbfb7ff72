/** The tone of each status word: which shape and colour stand beside it. */

export type Tone = 'good' | 'bad' | 'warn' | 'info' | 'idle'

const TONES: Readonly<Record<string, Tone>> = {
  FINISHED: 'good',
  RUNNING: 'info',
  SCHEDULED: 'idle',
  FAILED: 'bad',
  KILLED: 'warn',
  waiting: 'idle',
  preparing: 'info',
  ready: 'idle',
  running: 'info',
  submitting: 'info',
  succeeded: 'good',
  cached: 'good',
  skipped: 'idle',
  failed: 'bad',
  lost: 'bad',
  refused: 'warn',
  cancelled: 'warn',
  passed: 'good',
  no_data: 'idle',
  passing: 'good',
  failing: 'bad',
  accepted: 'good',
  starting: 'info',
  shadow: 'info',
  canary: 'info',
  promoted: 'good',
  rolled_back: 'bad',
  paused: 'warn',
  aborted: 'warn',
  high: 'bad',
  medium: 'warn',
  low: 'info',
  info: 'idle',
  open: 'bad',
  acknowledged: 'warn',
  resolved: 'good',
  native: 'good',
  python: 'info',
  pending: 'idle',
  ok: 'good',
  alert: 'bad',
  not_enough_data: 'idle',
  advance: 'good',
  promote: 'good',
  rollback: 'bad',
  pause: 'warn',
  wait: 'idle',
}

/** The tone of a word; an unknown word is idle. */
export function toneOf(word: string): Tone {
  return TONES[word] ?? 'idle'
}
