/** Who is told that an endpoint changed or answered, on this process. */

export interface EndpointChanges {
  /** Calls `hear` with an endpoint's name whenever it changed or answered; returns how to stop. */
  readonly listen: (hear: (endpoint: string) => void) => () => void
  /** The endpoint is not as it was: listeners hear of it, and the pages of everyone. */
  readonly changed: (endpoint: string) => void
  /** The endpoint answered: listeners hear of it. */
  readonly answered: (endpoint: string) => void
}

/** `announce` is told of changes only. */
export function endpointChanges(announce: (endpoint: string) => void): EndpointChanges {
  const listeners = new Set<(endpoint: string) => void>()
  const answered = (endpoint: string): void => {
    for (const hear of listeners) hear(endpoint)
  }
  return {
    answered,
    changed(endpoint) {
      announce(endpoint)
      answered(endpoint)
    },
    listen(hear) {
      listeners.add(hear)
      return () => listeners.delete(hear)
    },
  }
}
