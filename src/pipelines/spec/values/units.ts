/** Durations and sizes as people write them. */

const SECONDS: Readonly<Record<string, number>> = { ms: 0.001, s: 1, m: 60, min: 60, h: 3600, d: 86_400 }
const WORDS: Readonly<Record<string, string>> = { second: 's', minute: 'm', hour: 'h', day: 'd' }
const BYTES: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  k: 1e3,
  m: 1e6,
  g: 1e9,
  t: 1e12,
  ki: 2 ** 10,
  mi: 2 ** 20,
  gi: 2 ** 30,
  ti: 2 ** 40,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
}

/** Milliseconds of `90s`, `10m`, `1.5h`, `2d`, `24 hours`, or of a plain number of seconds; undefined for anything else. */
export function parseDuration(value: string | number): number | undefined {
  if (typeof value === 'number') return Number.isFinite(value) && value > 0 ? value * 1000 : undefined
  const match = /^\s*(\d+(?:\.\d+)?)\s*(ms|s|min|m|h|d|(?:second|minute|hour|day)s?)\s*$/.exec(value)
  const unit = match?.[2] ?? ''
  const ms = Number(match?.[1]) * (SECONDS[WORDS[unit.replace(/s$/, '')] ?? unit] ?? Number.NaN) * 1000
  return ms > 0 ? ms : undefined
}

/**
 * Bytes of `512MiB`, `2GB`, of Kubernetes' `2Gi` and `500M`, or of a plain number of bytes; undefined for anything else: a small
 * `m` alone is a thousandth to Kubernetes.
 */
export function parseBytes(value: string | number): number | undefined {
  if (typeof value === 'number') return wholeBytes(value)
  const match = /^\s*(\d+(?:\.\d+)?)\s*([kmgt]?i?b|[KMGT]i|[kKMGT]|)\s*$/.exec(spelt(value))
  return wholeBytes(Number(match?.[1]) * (BYTES[match?.[2]?.toLowerCase() ?? 'none'] ?? Number.NaN))
}

/** Whole bytes, one at least: less than one would be a limit of nothing. */
function wholeBytes(bytes: number): number | undefined {
  return Number.isFinite(bytes) && bytes >= 1 ? Math.floor(bytes) : undefined
}

/** Sizes in bytes may be written in small and capital letters alike. */
function spelt(value: string): string {
  return /b\s*$/i.test(value) ? value.toLowerCase() : value
}
