/** What was found in research code and what became of it, as the report lists it. */

export interface Finding {
  /** D1 to D15 of the guide. */
  readonly code: string
  /** Null for the notebook as a whole. */
  readonly cell: number | null
  readonly line?: number
  /** What stands there. */
  readonly found: string
  /** `changed`: the package does it otherwise; `reported`: it is as it was, and a person should look. */
  readonly treatment: 'changed' | 'reported'
  /** What was done, or what to do. */
  readonly action: string
}
