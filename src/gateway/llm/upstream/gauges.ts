/** How the models of language endpoints stand in this process: for Prometheus, and for who looks at a gateway. */
import type { Family, Sample } from '../../../http/prometheus-text.ts'
import type { StandingFigures } from './balance.ts'
import type { LiveLlm } from './live.ts'

/** A model of an endpoint, by the names that records have. */
export interface ModelStanding extends Omit<StandingFigures, 'model'> {
  readonly project: string
  readonly endpoint: string
  readonly provider: string
  /** Name at the provider. */
  readonly model: string
}

/** Most models that are told of, as many as series of calls. */
const MOST = 1000

/** All models of the table, those of one endpoint together. `now`: ms. */
export function standings(live: LiveLlm, now: number): ModelStanding[] {
  const all = live.route.endpoints.flatMap((endpoint): ModelStanding[] => {
    const { project, name, models } = endpoint
    const figures = live.balanceOf(endpoint)?.figures(models, now) ?? []
    return models.flatMap(({ provider, model }, i) => {
      const known = figures[i]
      const names = { project, endpoint: name, provider: live.provider(provider)?.route.name ?? provider, model }
      return known === undefined ? [] : [{ ...known, ...names }]
    })
  })
  return all.slice(0, MOST)
}

/** The same as families; a speed that is not known has no sample. */
export function standingFamilies(live: LiveLlm, now: number): Family[] {
  const all = standings(live, now)
  const gauge = (name: string, help: string, value: (of: ModelStanding) => number | null): Family => {
    const samples = all.flatMap((of): Sample[] => {
      const number = value(of)
      const { project, endpoint, provider, model } = of
      return number === null ? [] : [{ labels: { project, endpoint, provider, model }, value: number }]
    })
    return { name, type: 'gauge', help, samples }
  }
  const predictions = Object.entries(live.prefixes.counts).map(([result, value]) => ({ labels: { result }, value }))
  return [
    gauge('slipway_llm_model_open', 'Calls under way at a model.', ({ open }) => open),
    gauge('slipway_llm_model_resting', '1 while a model that failed is left alone.', ({ rests_until }) =>
      rests_until === null ? 0 : 1,
    ),
    gauge('slipway_llm_model_first_byte_seconds', 'Time to the first byte of a stream, lately.', ({ first_us }) =>
      seconds(first_us),
    ),
    gauge('slipway_llm_model_token_seconds', 'Time a token of a whole answer, lately.', ({ token_us }) =>
      seconds(token_us),
    ),
    {
      name: 'slipway_llm_prefix_predictions_total',
      type: 'counter',
      help: 'Calls that went to a model for a known beginning, by what the answer told of its cache.',
      samples: predictions,
    },
    {
      name: 'slipway_llm_prefix_blocks',
      type: 'gauge',
      help: 'Blocks of prompts that are remembered.',
      samples: [{ value: live.prefixes.size }],
    },
  ]
}

function seconds(us: number | null): number | null {
  return us === null ? null : us / 1e6
}
