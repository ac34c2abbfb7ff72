/** The steps of a plan after shadow, for the server and for pages: without the schemas. */

export interface Steps {
  readonly mode?: 'canary' | 'blue_green' | 'ab' | undefined
  readonly canary: readonly number[]
  readonly ab?: { readonly share: number } | undefined
}

/** Shares of the keys, in hundredths of a per cent. */
export function stepsOf({ mode, canary, ab }: Steps): readonly number[] {
  if (mode === 'blue_green') return [10_000]
  return mode === 'ab' ? [ab?.share ?? 5000] : canary
}
