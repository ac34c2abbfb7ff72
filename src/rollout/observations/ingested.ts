/** What was ingested from the prediction log, as rollouts take it for evidence. */

/** The parts of an ingested prediction that matter here; `x` is the row in the order of the version's inputs. */
export interface IngestedPrediction {
  readonly ep: string
  readonly id: string
  readonly ver: string
  readonly role: 'stable' | 'canary' | 'shadow'
  readonly et: number
  /** When it was answered, by the gateway's clock, ms. */
  readonly at: number
  /** What the split hashed, where the caller gave one. */
  readonly key: string | null
  readonly us: number
  readonly st: number
  readonly x: readonly unknown[]
  readonly fb?: boolean
  /** By which routing table it was answered. */
  readonly ep_epoch: number
  /** A row of a call after its first. */
  readonly nth?: boolean
  /** The caller insisted on the version. */
  readonly pin?: boolean
}

export interface IngestedShadow {
  readonly ep: string
  readonly id: string
  readonly ver: string
  readonly et: number
  readonly us: number
  readonly s: number | null
  readonly err?: string
}

export interface IngestedBreaker {
  readonly ep: string
  readonly ver: string
  /** When the variant got its role, ms: tells it from an earlier canary of the same version. */
  readonly since: number
  readonly reason: string
}

export interface IngestedLabel {
  readonly endpoint: string
  readonly prediction_id: string
  /** 0 or 1, or a number. */
  readonly label: number
}
