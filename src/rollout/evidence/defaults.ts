/** Limits of the gates that are always judged, where a plan names none. */
export const DEFAULTS = { error_rate: 0.02, p99_ratio: 3, tolerance: 0.01, slow_share: 0.03 } as const
