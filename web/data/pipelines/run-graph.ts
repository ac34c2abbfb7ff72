/** What a pipeline run's page looks at: the step that matters, and the edges that decided the duration. */

export interface GraphStep {
  readonly name: string
  readonly state: string
  readonly needs: readonly string[]
}

/** The asked step when it exists; else the first that failed, then the first that runs, then the last one. */
export function chosenStep(steps: readonly GraphStep[], asked: string | undefined): string | undefined {
  const named = steps.find((step) => step.name === asked)
  const telling = steps.find((step) => step.state === 'failed') ?? steps.find((step) => step.state === 'running')
  return (named ?? telling ?? steps.at(-1))?.name
}

/** An edge for each need; `strong` where both ends follow each other on the critical path. */
export function criticalEdges(
  steps: readonly GraphStep[],
  path: readonly string[],
): { from: string; to: string; strong: boolean }[] {
  return steps.flatMap((step) =>
    step.needs.map((from) => {
      const place = path.indexOf(from)
      return { from, to: step.name, strong: place >= 0 && path[place + 1] === step.name }
    }),
  )
}
