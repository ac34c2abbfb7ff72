/** The exit file and the heartbeat of a supervisor, as the server takes them: times in ms, metrics as numbers. */
import type { Exit, Usage } from './driver.ts'

/** What `exit.json` holds besides the fence. Times in seconds since 1970, metrics as Python writes floats. */
export type WrittenExit = Omit<Exit, 'metrics'> & { readonly metrics: Readonly<Record<string, string>> }

/** What `heartbeat.json` holds. */
export type WrittenBeat = Usage & { readonly quiet_s: number }

export function exitOf(raw: WrittenExit): Exit {
  const metrics = Object.fromEntries(Object.entries(raw.metrics).map(([name, text]) => [name, parseFloatText(text)]))
  return {
    ...raw,
    metrics,
    reads: raw.reads ?? null,
    started_at: raw.started_at * 1000,
    finished_at: raw.finished_at * 1000,
  }
}

export function beatOf(beat: WrittenBeat): Usage & { readonly quiet_ms: number } {
  const { cpu_seconds, max_rss_bytes, memory_kib_s } = beat
  const times = { started_at: beat.started_at * 1000, at: beat.at * 1000, quiet_ms: beat.quiet_s * 1000 }
  return { cpu_seconds, max_rss_bytes, memory_kib_s, ...times }
}

/** Reads Python's `repr` of a float. */
function parseFloatText(text: string): number {
  if (text === 'inf') return Infinity
  return text === '-inf' ? -Infinity : Number(text)
}
