/** How often the event loop turns while something is done. */

export interface TurnCount {
  /** Since it was begun. */
  readonly turns: number
  stop(): void
}

export function countTurns(): TurnCount {
  let turns = 0
  let going = true
  const turn = (): void => {
    turns++
    if (going) setImmediate(turn)
  }
  setImmediate(turn)
  return {
    get turns() {
      return turns
    },
    stop() {
      going = false
    },
  }
}
