/** How much a source may give, and how long that may take. */
import { problem } from '../../contract/errors.ts'
import type { SourceSpec } from '../spec/external/source.ts'
import type { Limits } from './kinds/asked.ts'

/** The limits of one reading that begins now. Time is counted by a clock that nobody sets. */
export function limitsOf({ limit_bytes, timeout_ms }: Pick<SourceSpec, 'limit_bytes' | 'timeout_ms'>): Limits {
  const end = performance.now() + timeout_ms
  let taken = 0
  return {
    take(bytes) {
      taken += bytes
      if (taken > limit_bytes)
        throw problem('unprocessable', {
          detail: `it gives more than ${limit_bytes} bytes, its limit; raise "limit" if that is meant`,
        })
    },
    check() {
      if (performance.now() > end)
        throw problem('unprocessable', {
          detail: `it was not read within ${timeout_ms} ms, its timeout; raise "timeout" if that is meant`,
        })
    },
    left: () => Math.max(0, end - performance.now()),
    most: limit_bytes,
  }
}
